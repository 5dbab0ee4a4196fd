/* allocator.c: malloc (BENCH_MALLOC) or mimalloc (BENCH_MIMALLOC) without counts: the floor for whoever
 * releases everything by hand, once and in the right order.
 */
#include "../micro/node.h"

typedef Node *Ref;
typedef Ref Borrowed;

#define MOVE(ref) (ref)
#define PEER_OPAQUE BENCH_OPAQUE
#define PEER_TREE_DROP tree_drop
#define PEER_CHAIN_DROP chain_drop
#define PEER_NO_COUNTS "an allocator keeps no counts"
#define PEER_NO_CYCLES "an allocator finds nothing, all is released by hand"
#define PEER_NO_THREADS PEER_NO_COUNTS

static inline Ref ref_new(uint64_t value) {
  Node *node = node_new();
  node->value = value;
  return node;
}

static inline Ref ref_copy(Ref ref) {
  return ref;
}

static inline void ref_drop(Ref *ref) {
  node_release(*ref);
}

static inline bool ref_is_null(Ref ref) {
  return ref == NULL;
}

static inline Ref left(Ref node) {
  return node->left;
}

static inline Ref right(Ref node) {
  return node->right;
}

static inline void set_left(Ref node, Ref owned) {
  node->left = owned;
}

static inline void set_right(Ref node, Ref owned) {
  node->right = owned;
}

static inline void tree_drop(Ref *tree) {
  tree_release(*tree);
}

static void chain_drop(Ref *head) {
  for (Ref node = *head; node != NULL;) {
    Ref next = node->left;
    node_release(node);
    node = next;
  }
}

static void peer_open(void) {}

/* Whether a block was released is the allocator's secret. */
static void peer_close(void) {}

#define PEER_NO_GRAPH "not yet"
#include "workloads.h"
