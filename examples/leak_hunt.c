/* A small server with three leaks, and how they are found.
 *
 *   leak_hunt               serves with the leaks, and says what grew, where it was made, what keeps it
 *   leak_hunt --fixed       serves without them: nothing grows; --fixed=13: without the first and the third
 *   leak_hunt --dumps       also writes before.dump and after.dump, for the tool rcgc
 *   leak_hunt --check       asks gc_leak_check instead; the exit status is 1 when it leaks
 *
 * docs/tutorial-leaks.md finds them with rcgc, step by step.
 *
 * The leaks, each marked "leak" where it is:
 *
 *   1  a path through a function forgets to release what it made
 *   2  the traverse of a Session forgets its listeners, which refer back: rings that no collection finds
 *   3  a cache whose key has a number of its own for each request never hits, and never forgets
 *
 * What to look at: hunt, which knows nothing of the server; new_text, which hands on its caller's place. */
#define RCGC_SITES /* every rc_new tells its place */
#include <rcgc.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UP = 1000, REQUESTS = 3000, BUCKETS = 64, LISTENERS = 2, SENTENCE = 400, ROWS = 8, LEAKS = 3 };

typedef struct Text {
  size_t length;
  char bytes[];
} Text;

typedef struct Page {
  Text *url, *body;  /* owned */
  struct Page *next; /* owned: the next of its bucket */
} Page;

typedef struct Cache {
  Page *buckets[BUCKETS]; /* owned */
} Cache;

typedef struct Listener {
  struct Session *session; /* owned */
} Listener;

/* Tells its references by itself, since the listeners lie in memory of malloc. */
typedef struct Session {
  Text *user;           /* owned */
  Listener **listeners; /* owned */
} Session;

typedef struct Server {
  gc_heap *heap;
  rc_type *texts, *pages, *caches, *listeners, *sessions;
  Cache *cache; /* owned */
} Server;

/* The leaks that are fixed, by their numbers. */
static bool fixed[LEAKS + 1];

/* For all that gives null when memory is used up. */
static void *must(void *memory) {
  if (!memory) {
    fputs("leak_hunt: out of memory\n", stderr);
    exit(1);
  }
  return memory;
}

static void must_be_ok(gc_heap *heap, rc_status status) {
  if (status == RC_OK) return;
  fprintf(stderr, "leak_hunt: %s\n", gc_error_message(heap));
  exit(1);
}

/* ---- the server ---- */

/* A function by which many others make objects has them counted where it is called from. */
#define new_text(server, text) new_text_at((server), (text), RCGC_SITE())

static Text *new_text_at(Server *server, const char *text, rc_site *site) {
  size_t length = strlen(text);
  Text *made = must(rc_new_array_at(server->texts, length, site));
  made->length = length;
  memcpy(made->bytes, text, length);
  return made;
}

static int session_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Session *session = obj;
  int stop = rc_visit_named(visit, visit_ctx, session->user, "user", RC_NO_INDEX);
  if (!fixed[2]) return stop; /* leak 2: the listeners are not visited */
  for (size_t i = 0; i < LISTENERS && !stop; i++)
    stop = rc_visit_named(visit, visit_ctx, session->listeners[i], "listeners", i);
  return stop;
}

static void session_clear(void *obj) {
  Session *session = obj;
  rc_clear(&session->user);
  for (size_t i = 0; i < LISTENERS; i++) rc_clear(&session->listeners[i]);
}

static void session_destroy(void *obj) {
  free(((Session *)obj)->listeners);
}

/* Somebody logs in and leaves, mostly without logging out. */
static void serve_visit(Server *server, unsigned number) {
  Session *session = must(rc_new(server->sessions));
  session->user = new_text(server, "somebody");
  session->listeners = must(calloc(LISTENERS, sizeof *session->listeners));
  for (size_t i = 0; i < LISTENERS; i++) {
    session->listeners[i] = must(rc_new(server->listeners));
    session->listeners[i]->session = rc_newref(session);
  }
  must_be_ok(server->heap, gc_track(session));
  bool logs_out = number % 4 == 0;
  for (size_t i = 0; i < LISTENERS && logs_out; i++) rc_clear(&session->listeners[i]->session);
  rc_decref(session);
}

static bool is_password(const Text *text) {
  return text->length == 6 && memcmp(text->bytes, "secret", 6) == 0;
}

static bool serve_password(Server *server, const char *password) {
  Text *text = new_text(server, password);
  if (!is_password(text)) {
    if (fixed[1]) rc_decref(text); /* leak 1: without this line */
    return false;
  }
  rc_decref(text);
  return true;
}

static Page *cached(Page *page, const Text *url) {
  for (; page; page = page->next) {
    const Text *other = page->url;
    if (other->length == url->length && memcmp(other->bytes, url->bytes, url->length) == 0) return page;
  }
  return NULL;
}

static void serve_page(Server *server, unsigned page_number, unsigned visit) {
  char name[64];
  snprintf(name, sizeof name, "/pages/%02u?visit=%06u", page_number, visit);
  if (fixed[3]) *strchr(name, '?') = 0; /* leak 3: with the number of the visit no page is found again */
  Text *url = new_text(server, name);
  Page **bucket = &server->cache->buckets[page_number % BUCKETS];
  if (!cached(*bucket, url)) {
    Page *page = must(rc_new(server->pages));
    page->url = rc_newref(url);
    page->body = new_text(server, "<h1>Hello</h1>");
    page->next = *bucket; /* the bucket's reference moves, and the page's takes its place */
    *bucket = page;
  }
  rc_decref(url);
}

static void serve(Server *server, unsigned first, unsigned count) {
  for (unsigned i = first; i < first + count; i++) {
    serve_page(server, i % BUCKETS, i);
    if (i % 5 == 0) serve_visit(server, i / 5);
    if (i % 10 == 0) serve_password(server, i % 20 == 0 ? "secret" : "sesame");
  }
}

static rc_type *new_type(gc_heap *heap, const char *name, size_t size, const rc_field *fields,
                         size_t field_count) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type;
  spec.name = name, spec.size = size, spec.fields = fields, spec.field_count = field_count;
  must_be_ok(heap, rc_type_new(heap, &spec, &type));
  return type;
}

static void open_server(Server *server) {
  static const rc_field page_fields[] = {RC_FIELD(Page, url), RC_FIELD(Page, body), RC_FIELD(Page, next)};
  static const rc_field cache_fields[] = {RC_FIELD_ARRAY(Cache, buckets)};
  static const rc_field listener_fields[] = {RC_FIELD(Listener, session)};
  must_be_ok(NULL, gc_heap_new(NULL, &server->heap));
  server->pages = new_type(server->heap, "Page", sizeof(Page), page_fields, RC_COUNT_OF(page_fields));
  server->caches = new_type(server->heap, "Cache", sizeof(Cache), cache_fields, RC_COUNT_OF(cache_fields));
  server->listeners =
      new_type(server->heap, "Listener", sizeof(Listener), listener_fields, RC_COUNT_OF(listener_fields));

  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Text", spec.size = sizeof(Text), spec.tail_size = 1;
  must_be_ok(server->heap, rc_type_new(server->heap, &spec, &server->texts));
  spec = (rc_type_spec)RC_TYPE_SPEC_INIT;
  spec.name = "Session", spec.size = sizeof(Session);
  spec.traverse = session_traverse, spec.clear = session_clear, spec.destroy = session_destroy;
  must_be_ok(server->heap, rc_type_new(server->heap, &spec, &server->sessions));

  server->cache = must(rc_new(server->caches));
}

/* ---- the hunt ---- */

/* Where an object was made, and what keeps it. */
static void say_why(gc_query *query, const gc_origin *origin, void *obj) {
  char sentence[SENTENCE] = "";
  size_t length;
  (void)gc_why_text(query, obj, sentence, sizeof sentence, &length);
  printf("    %s, line %u: %s\n", origin->function, (unsigned)origin->line, sentence);
}

/* One new object of a type from each place that makes them. */
static void say_places(gc_heap *heap, gc_mark *mark, rc_type *type) {
  gc_iter_filter filter = GC_ITER_FILTER_INIT;
  gc_query *query;
  gc_iter walk;
  uint32_t seen[ROWS];
  size_t places = 0;
  void *obj;
  filter.type = type, filter.newer_than = mark;
  must_be_ok(heap, gc_query_begin(heap, &query));
  must_be_ok(heap, gc_iter_begin(heap, &filter, &walk));
  while (places < ROWS && gc_iter_next(&walk, &obj) == RC_OK && obj) {
    gc_origin origin = GC_ORIGIN_INIT;
    size_t i = 0;
    must_be_ok(heap, gc_object_site(obj, &origin));
    while (i < places && seen[i] != origin.site) i++;
    if (i < places) continue;
    seen[places++] = origin.site;
    say_why(query, &origin, obj);
  }
  must_be_ok(heap, gc_iter_end(&walk));
  must_be_ok(heap, gc_query_end(query));
}

/* What grew since the mark. */
static size_t hunt(gc_heap *heap, gc_mark *mark) {
  gc_growth rows[ROWS] = {GC_GROWTH_INIT};
  size_t grown;
  gc_collect(heap);
  must_be_ok(heap, gc_growth_since(mark, GC_SINCE_MARK, rows, ROWS, &grown));
  for (size_t i = 0; i < grown && i < ROWS; i++) {
    printf("  %s: %lld more, %lld bytes\n", rows[i].name, (long long)rows[i].more,
           (long long)rows[i].more_bytes);
    say_places(heap, mark, rows[i].type);
  }
  return grown;
}

/* For what rcgc says of a heap. */
static void dump(gc_heap *heap, const char *path, const char *label) {
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.path = path, options.label = label;
  must_be_ok(heap, gc_dump(heap, &options, NULL));
}

/* As many requests as it takes until all kinds of them have come. */
static void serve_all_kinds(gc_heap *heap, void *ctx) {
  (void)heap;
  static unsigned first;
  enum { COUNT = 5 * BUCKETS };
  serve(ctx, first, COUNT);
  first += COUNT;
}

/* What a test asks: does serving leave something behind each time? */
static bool check(Server *server) {
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  must_be_ok(server->heap, gc_leak_check(server->heap, serve_all_kinds, server, 2, 3, &result));
  puts(result.leaks ? "it leaks" : "it does not leak");
  return !result.leaks;
}

/* Serves, and says what grew meanwhile. */
static void serve_and_hunt(Server *server, bool dumps) {
  gc_mark *mark;
  serve(server, 0, WARM_UP); /* what is made once is no leak */
  gc_collect(server->heap);

  must_be_ok(server->heap, gc_profile_start(server->heap, NULL));
  must_be_ok(server->heap, gc_watch_traverse(server->heap, true)); /* leak 2 is told by the log */
  if (dumps) dump(server->heap, "before.dump", "after the warm-up");
  must_be_ok(server->heap, gc_growth_mark(server->heap, GC_MARK_OBJECTS, &mark));
  serve(server, WARM_UP, REQUESTS);
  printf("After %d requests:\n", REQUESTS);
  if (hunt(server->heap, mark) == 0) puts("  nothing grew");
  if (dumps) dump(server->heap, "after.dump", "3000 requests later");
  gc_growth_free(mark);
}

int main(int argc, char **argv) {
  Server server;
  bool dumps = false, checks = false, good = true;
  for (int i = 1; i < argc; i++) {
    dumps |= strcmp(argv[i], "--dumps") == 0;
    checks |= strcmp(argv[i], "--check") == 0;
    bool all = strcmp(argv[i], "--fixed") == 0, some = strncmp(argv[i], "--fixed=", 8) == 0;
    for (int leak = 1; leak <= LEAKS; leak++) fixed[leak] |= all || (some && strchr(argv[i], '0' + leak));
  }
  open_server(&server);
  if (checks)
    good = check(&server);
  else
    serve_and_hunt(&server, dumps);

  rc_decref(server.cache);
  gc_collect(server.heap);
  printf("still held when the heap ends: %zu\n", gc_heap_free(server.heap));
  return good ? 0 : 1;
}
