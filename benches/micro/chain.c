/* chain.c: a list of 10 million nodes made head first, then the head dropped, on a thread with a stack of
 * 64 KiB (W8). `chain declared` or `chain callbacks`; the allocators walk the list by hand.
 */
#include "node.h"

#include <pthread.h>

enum { COUNT = 10 * 1000 * 1000, STACK_BYTES = 64 * 1024 };

typedef struct Times {
  bool callbacks;
  uint64_t made_ns, dropped_ns;
} Times;

static void *on_small_stack(void *argument) {
  Times *times = argument;
  uint64_t start_ns = bench_now_ns();
#ifdef BENCH_RCGC
  rc_type *type = times->callbacks ? node_type_new(bench_heap, true) : node_type;
  Node *head = node_new_of(type);
  Node *last = head;
  for (size_t i = 1; i < COUNT; i++) {
    last->left = node_new_of(type);
    last = last->left;
  }
#else
  Node *head = node_new();
  Node *last = head;
  for (size_t i = 1; i < COUNT; i++) {
    last->left = node_new();
    last = last->left;
  }
#endif
  uint64_t made_ns = bench_now_ns();
#ifdef BENCH_RCGC
  rc_decref(head);
#else
  while (head != NULL) {
    Node *next = head->left;
    node_release(head);
    head = next;
  }
#endif
  times->dropped_ns = bench_now_ns() - made_ns;
  times->made_ns = made_ns - start_ns;
  return NULL;
}

int main(int argc, char **argv) {
  Times times = {argc > 1 && strcmp(argv[1], "callbacks") == 0, 0, 0};
  pthread_attr_t attributes;
  pthread_t thread;
  bench_pin();
  bench_open();
#ifdef BENCH_RCGC
  gc_disable(bench_heap);
#endif
  if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, STACK_BYTES) != 0 ||
      pthread_create(&thread, &attributes, on_small_stack, &times) != 0 || pthread_join(thread, NULL) != 0)
    bench_fail("cannot run a thread with a stack of %d bytes", STACK_BYTES);
#ifdef BENCH_RCGC
  if (heap_stats(bench_heap).live_objects != 0) bench_fail("nodes are left");
  if (times.callbacks && nodes_destroyed != COUNT) bench_fail("%zu nodes were destroyed", nodes_destroyed);
#endif
  bench_report("make", (double)times.made_ns / COUNT, "ns");
  bench_report("drop", (double)times.dropped_ns / COUNT, "ns");
  return 0;
}
