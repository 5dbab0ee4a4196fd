/* make_large_dump: writes chat.dump, of a heap of about N objects with a leak: make_large_dump FOLDER N.
 *
 * A chat server has a thousand open connections, each with an inbox of messages and a timer that closes it
 * when nothing comes. A connection that its client closes takes its timer off the list. One that the timer
 * closes does not: the server's list keeps the timer, the timer the connection, the connection its inbox. */
#include <rcgc.h>

#include <stdio.h>
#include <stdlib.h>

enum { OPEN = 1000, INBOX = 10 };

typedef struct Message {
  struct Message *next;
  uint64_t text;
} Message;

typedef struct User {
  uint64_t id;
} User;

typedef struct Connection {
  User *user;
  Message *inbox;
} Connection;

typedef struct Timer {
  Connection *connection;
  uint64_t due;
} Timer;

typedef struct Server {
  Connection *open[OPEN];
  User *users[OPEN];
  Timer **timers;
  uint64_t timer_count;
} Server;

typedef struct chat {
  gc_heap *heap;
  rc_type *message, *user, *connection, *timer, *server;
  Server *root;
  size_t place[OPEN]; /* of each connection's timer */
  size_t room;
} chat;

static void must(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "make_large_dump: %s: %s\n", what, gc_error_message(NULL));
  exit(1);
}

static void server_destroy(void *obj) {
  free(((Server *)obj)->timers);
}

static rc_type *type_of(gc_heap *heap, const char *name, size_t size, const rc_field *fields, size_t count) {
  rc_type *type = NULL;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = size, spec.fields = fields, spec.field_count = count;
  if (size == sizeof(Server)) spec.destroy = server_destroy;
  must(rc_type_new(heap, &spec, &type) == RC_OK, "rc_type_new");
  return type;
}

static void start(chat *all) {
  static const rc_field message[] = {RC_FIELD(Message, next)};
  static const rc_field connection[] = {RC_FIELD(Connection, user), RC_FIELD(Connection, inbox)};
  static const rc_field timer[] = {RC_FIELD(Timer, connection)};
  static const rc_field server[] = {RC_FIELD_ARRAY(Server, open), RC_FIELD_ARRAY(Server, users),
                                    RC_FIELD_VECTOR(Server, timers, timer_count)};
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = "chat";
  must(gc_heap_new(&options, &all->heap) == RC_OK, "gc_heap_new");
  all->message = type_of(all->heap, "Message", sizeof(Message), message, 1);
  all->user = type_of(all->heap, "User", sizeof(User), NULL, 0);
  all->connection = type_of(all->heap, "Connection", sizeof(Connection), connection, 2);
  all->timer = type_of(all->heap, "Timer", sizeof(Timer), timer, 1);
  all->server = type_of(all->heap, "Server", sizeof(Server), server, 3);
  must(gc_profile_start(all->heap, NULL) == RC_OK, "gc_profile_start");
  all->root = RC_NEW(all->server);
  for (size_t i = 0; i < OPEN; i++) all->root->users[i] = RC_NEW(all->user);
}

static void receive(chat *all, Connection *connection) {
  for (size_t i = 0; i < INBOX; i++) {
    Message *message = RC_NEW(all->message);
    must(message != NULL, "rc_new");
    message->next = connection->inbox, connection->inbox = message;
  }
}

static void start_timer(chat *all, size_t slot) {
  Server *server = all->root;
  if (server->timer_count == all->room) {
    all->room = all->room * 2 + 1024;
    server->timers = realloc(server->timers, all->room * sizeof *server->timers);
    must(server->timers != NULL, "realloc");
  }
  Timer *timer = RC_NEW(all->timer);
  must(timer != NULL, "rc_new");
  rc_setref(&timer->connection, rc_newref(server->open[slot]));
  all->place[slot] = (size_t)server->timer_count;
  server->timers[server->timer_count++] = timer;
}

static void accept_client(chat *all, size_t slot) {
  Connection *connection = RC_NEW(all->connection);
  must(connection != NULL, "rc_new");
  connection->user = (User *)rc_newref(all->root->users[slot]);
  all->root->open[slot] = connection;
  receive(all, connection);
  start_timer(all, slot);
}

/* The timer's place is free, and stays so. */
static void close_by_client(chat *all, size_t slot) {
  rc_clear(&all->root->timers[all->place[slot]]);
  rc_clear(&all->root->open[slot]);
}

/* The mistake: nothing takes the timer off the list. */
static void close_by_timer(chat *all, size_t slot) {
  rc_clear(&all->root->open[slot]);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: make_large_dump FOLDER N\n");
    return 2;
  }
  static chat all;
  start(&all);
  uint64_t state = 12345, wanted = strtoull(argv[2], NULL, 10), live = 0;
  for (size_t slot = 0; slot < OPEN; slot++) accept_client(&all, slot);
  while (live < wanted) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    size_t slot = (size_t)(state >> 33) % OPEN;
    if (state >> 63) close_by_client(&all, slot);
    else close_by_timer(&all, slot), live += INBOX + 2;
    accept_client(&all, slot);
  }
  char path[4096];
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  gc_dump_result result = GC_DUMP_RESULT_INIT;
  snprintf(path, sizeof path, "%s/chat.dump", argv[1]);
  options.path = path;
  must(gc_dump(all.heap, &options, &result) == RC_OK, path);
  printf("%llu objects, %llu bytes, %.1f s\n", (unsigned long long)result.objects,
         (unsigned long long)result.bytes, (double)result.duration_ns / 1e9);
  if (argc > 3) return 0; /* for sizes at which the end is not worth waiting for */
  rc_decref(all.root);
  return gc_heap_free(all.heap) == 0 ? 0 : 1;
}
