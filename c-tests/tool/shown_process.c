/* shown_process.c: a process that shows its numbers, for `rcgc watch`: some collections, then "ready", then it waits until
 * its standard input ends. Run with RCGC_WATCH=on. */
#include "../graph.h"

int main(void) {
  gc_heap *heap = graph_heap("shop"), *second = graph_heap("second");
  rc_type *type = graph_declared(heap);
  gc_disable(heap);
  Node *chain = graph_chain(type, 1000, false);
  for (int i = 0; i < 40; i++) {
    rc_decref(graph_ring(type, 5));
    (void)gc_collect(heap);
  }
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) continue;
  rc_decref(chain);
  return gc_heap_free(second) == 0 && gc_heap_free(heap) == 0 ? 0 : 1;
}
