/* rcgc_churn.h: the program of W7 in any size: `held` immortal nodes form a random graph, `slots` slots each
 * own a ring of 2 whose second references lead into that graph; a step puts a new ring into a random slot,
 * and the old one is garbage. The value of an immortal node is its place in the table, so that the graph can
 * be built again.
 */
#ifndef RCGC_PEERS_RCGC_CHURN_H
#define RCGC_PEERS_RCGC_CHURN_H

#include "../micro/node.h"

typedef struct Churn {
  Node **held, **slots;
  size_t held_count, slot_count;
} Churn;

static inline Node *churn_held(const Churn *churn) {
  return rc_newref(churn->held[bench_random_below(churn->held_count)]);
}

/* The first node of a ring of two, and its only reference from outside. */
static inline Node *ring_of_two(Node *first_right, Node *second_right) {
  Node *first = node_new(), *second = node_new();
  first->left = second;
  second->left = rc_newref(first);
  first->right = first_right;
  second->right = second_right;
  return first;
}

static inline Node *churn_ring(const Churn *churn) {
  Node *first_right = churn_held(churn);
  return ring_of_two(first_right, churn_held(churn));
}

BENCH_UNUSED static size_t churn_live(const Churn *churn) {
  return churn->held_count + 2 * churn->slot_count;
}

BENCH_UNUSED static Churn churn_new(size_t held_count, size_t slot_count) {
  Churn churn = {bench_table(held_count, sizeof(Node *)), bench_table(slot_count, sizeof(Node *)), held_count,
                 slot_count};
  for (size_t i = 0; i < held_count; i++) {
    churn.held[i] = node_new();
    churn.held[i]->value = i;
    rc_immortalize(churn.held[i]);
  }
  for (size_t i = 0; i < held_count; i++) {
    churn.held[i]->left = churn_held(&churn);
    churn.held[i]->right = churn_held(&churn);
  }
  for (size_t i = 0; i < slot_count; i++) churn.slots[i] = churn_ring(&churn);
  return churn;
}

static inline void churn_step(const Churn *churn) {
  rc_setref(&churn->slots[bench_random_below(churn->slot_count)], churn_ring(churn));
}

#endif /* RCGC_PEERS_RCGC_CHURN_H */
