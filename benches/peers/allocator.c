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

/* ---- W12: a name is copied, since there is no count of who has it ---- */

typedef struct Text {
  size_t length;
  char bytes[];
} Text;

#define CRATE_HEAD
#define GRAPH_HEAD
#include "graph.h"

#ifdef BENCH_MIMALLOC
#define block_resize mi_realloc
#else
#define block_resize realloc
#endif

static Text *text_new(const char *bytes, size_t length) {
  Text *text = block_new(sizeof *text + length);
  if (text == NULL) bench_fail("no memory for a text");
  text->length = length;
  memcpy(text->bytes, bytes, length);
  return text;
}

static Text *text_keep(Text *text) {
  return text_new(text->bytes, text->length);
}

static const char *text_bytes(const Text *text) {
  return text->bytes;
}

static size_t text_length(const Text *text) {
  return text->length;
}

static Crate *crate_new(void) {
  Crate *crate = block_new(sizeof *crate);
  if (crate == NULL) bench_fail("no memory for a crate");
  memset(crate, 0, sizeof *crate);
  return crate;
}

static Crate *crate_keep(Crate *crate) {
  return crate;
}

static void crate_put(Crate **slot, Crate *owned) {
  *slot = owned;
}

static void crate_replaced(Crate *crate) {
  block_free(crate->name);
  block_free(crate->version);
  block_free(crate->needs.items);
  block_free(crate->needed_by.items);
  block_free(crate);
}

static Graph *graph_new(void) {
  Graph *graph = block_new(sizeof *graph);
  if (graph == NULL) bench_fail("no memory for a graph");
  return graph;
}

static void graph_drop(Graph *graph) {
  for (size_t i = 0; i < CRATES; i++) crate_replaced(graph->crates[i]);
  block_free(graph);
}

static void *buffer_grow(void *buffer, size_t bytes_before, size_t bytes) {
  (void)bytes_before;
  return block_resize(buffer, bytes);
}

#include "workloads.h"
