/* event_loop.c: a server whose collector works while nobody wants anything.
 *
 * The loop waits for requests with epoll. When none is there, the time until the next one belongs to gc_idle: it collects, ends
 * what is owed, gives memory back, and asks between any two turns of some dozen microseconds whether a request has come.
 * When nothing is left to do it says so, and the loop sleeps until it is woken.
 *
 *   cc -std=c11 -O2 -I include examples/event_loop.c build/lib/librcgc.a -pthread -o event_loop && ./event_loop
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rcgc.h>

/* A session and its page refer to each other: rings, which only the collector ends. */
typedef struct Session {
  struct Session *page;
  char text[104];
} Session;

static const rc_field session_fields[] = {RC_FIELD(Session, page)};

/* Whether a request is there: what gc_idle asks while it works. */
static bool wanted(void *arg) {
  struct epoll_event event;
  return epoll_wait(*(int *)arg, &event, 1, 0) != 0;
}

static bool serve(rc_type *type, unsigned char request) {
  for (int i = 0; i < 20000; i++) {
    Session *session = rc_new(type), *page = rc_new(type);
    if (!session || !page) return false;
    snprintf(page->text, sizeof page->text, "request %u, page %d", request, i);
    session->page = page;
    page->page = rc_newref(session);
    rc_decref(session);
  }
  return true;
}

/* Sends requests with a rest between them. */
static void client(int fd) {
  for (unsigned char request = 0; request < 5; request++) {
    if (write(fd, &request, 1) != 1) _exit(1);
    usleep(100000);
  }
  _exit(0);
}

static void print(gc_heap *heap, const char *when) {
  gc_stats stats = GC_STATS_INIT;
  gc_get_stats(heap, &stats);
  printf("%-8s %8llu objects, %6llu KiB of memory\n", when, (unsigned long long)stats.live_objects,
         (unsigned long long)(stats.heap_bytes >> 10));
}

int main(void) {
  int ends[2], loop = epoll_create1(EPOLL_CLOEXEC);
  if (loop < 0 || pipe(ends) != 0) return 1;
  pid_t child = fork();
  if (child == 0) client(ends[1]);
  close(ends[1]);

  gc_heap *heap;
  if (gc_heap_new(NULL, &heap) != RC_OK) return 1;
  gc_policy policy = GC_POLICY_INIT;
  policy.growth = 100; /* at allocations only where idle time has not been enough for long */
  policy.full_min_bytes = (uint64_t)256 << 20;
  if (gc_set_policy(heap, &policy) != RC_OK) return 1;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Session", spec.size = sizeof(Session);
  spec.fields = session_fields, spec.field_count = RC_COUNT_OF(session_fields);
  rc_type *type;
  if (rc_type_new(heap, &spec, &type) != RC_OK) return 1;

  struct epoll_event event = {.events = EPOLLIN, .data = {.fd = ends[0]}};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, ends[0], &event) != 0) return 1;
  bool goes_on = true, has_work = false;
  while (goes_on) {
    /* With work left for idle time the loop only looks whether a request is there; else it sleeps until one is. */
    int ready = epoll_wait(loop, &event, 1, has_work ? 0 : -1);
    if (ready < 0) break;
    if (ready == 0) {
      has_work = !gc_idle(heap, UINT64_MAX, wanted, &loop);
      if (!has_work) print(heap, "idle");
      continue;
    }
    unsigned char request;
    goes_on = read(ends[0], &request, 1) == 1 && serve(type, request);
    has_work = true;
    if (goes_on) print(heap, "served");
  }
  while (!gc_idle(heap, UINT64_MAX, NULL, NULL)) continue;
  gc_stats stats = GC_STATS_INIT;
  gc_get_stats(heap, &stats);
  print(heap, "at last");
  waitpid(child, NULL, 0);
  return stats.live_objects == 0 && gc_heap_free(heap) == 0 ? 0 : 1;
}
