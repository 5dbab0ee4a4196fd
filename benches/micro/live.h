/* live.h: the live random graph of W6: nodes made in order into a table, both references to random nodes.
 *
 * With every node held by the table nothing in it is garbage. With one in a hundred held, about a fifth of
 * the nodes are reached by nothing; nearly all of these are in no ring and die by count.
 */
#ifndef RCGC_BENCH_LIVE_H
#define RCGC_BENCH_LIVE_H

#include "node.h"

BENCH_UNUSED static void make_nodes(rc_type *type, Node **table, size_t count) {
  for (size_t i = 0; i < count; i++) table[i] = node_new_of(type);
}

BENCH_UNUSED static void make_random_edges(Node **table, size_t count) {
  for (size_t i = 0; i < count; i++) {
    table[i]->left = rc_newref(table[bench_random_below(count)]);
    table[i]->right = rc_newref(table[bench_random_below(count)]);
  }
}

/* Afterwards the table holds only every hundredth node; the other entries are null. */
BENCH_UNUSED static void hold_one_in_a_hundred(Node **table, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (i % 100 != 0) {
      Node *node = table[i];
      table[i] = NULL;
      rc_decref(node);
    }
}

#endif /* RCGC_BENCH_LIVE_H */
