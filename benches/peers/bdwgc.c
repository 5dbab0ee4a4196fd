/* bdwgc.c: the Boehm-Demers-Weiser collector: conservative marking, lazy sweeping, no counts.
 *
 * Releasing is forgetting, but for W3, where GC_FREE gives a block back, and W8, where the dropped chain is
 * collected. Tables are roots. How many nodes live is read from the mark bits after a collection; a few more
 * than ought to are let pass: the collector marks the blocks of its own free lists, too.
 */
#include "../micro/bench.h"

#define GC_THREADS
#include <gc.h>
#include <gc/gc_mark.h>

typedef struct Node {
  struct Node *left, *right;
  uint64_t value;
} Node;

typedef Node *Ref;
typedef Ref Borrowed;

#define MOVE(ref) (ref)
#define PEER_OPAQUE BENCH_OPAQUE
#define PEER_TREE_DROP forget
#define PEER_CHAIN_DROP chain_drop
#define PEER_NO_COUNTS "a tracing collector keeps no counts"
#define PEER_NO_THREADS PEER_NO_COUNTS
#define PEER_LIVE_SLACK 512
#define PEER_TABLE_NEW(count, size) GC_MALLOC_UNCOLLECTABLE((count) * (size))
#define PEER_DOUBLES_NEW(count) GC_MALLOC_ATOMIC((count) * sizeof(double))
#define PEER_DOUBLES_FREE(doubles) ((void)(doubles))
#define PEER_AUTOMATIC switch_automatic
#define PEER_WARM_UP warm_up

static inline Ref ref_new(uint64_t value) {
  Node *node = GC_MALLOC(sizeof *node);
  if (node == NULL) bench_fail("no memory for a node");
  node->value = value;
  return node;
}

static inline Ref ref_copy(Ref ref) {
  return ref;
}

static inline void ref_drop(Ref *ref) {
  GC_FREE(*ref);
  *ref = NULL;
}

static inline void forget(Ref *ref) {
  *ref = NULL;
}

#define ref_drop_shared forget

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

static inline void slot_set(Ref *slot, Ref owned) {
  *slot = owned;
}

/* The library counts how often it was switched off, also below zero. */
static void switch_automatic(bool on) {
  if (on == (GC_is_disabled() == 0)) return;
  if (on)
    GC_enable();
  else
    GC_disable();
}

/* Overwrites what earlier calls have left on the stack. */
BENCH_NOINLINE static void wipe_stack(void) {
  char wiped[16 * 1024];
  memset(wiped, 0, sizeof wiped);
  char *all = wiped;
  BENCH_OPAQUE(all);
}

/* A collection is refused while automatic ones are switched off. */
static void peer_collect(void) {
  bool was_on = GC_is_disabled() == 0;
  wipe_stack();
  switch_automatic(true);
  GC_gcollect();
  switch_automatic(was_on);
}

static void chain_drop(Ref *head) {
  *head = NULL;
  peer_collect();
}

static void GC_CALLBACK count_one(void *obj, size_t bytes, void *count) {
  (void)obj;
  if (bytes <= 2 * sizeof(Node)) ++*(size_t *)count;
}

static void *GC_CALLBACK count_all(void *count) {
  GC_enumerate_reachable_objects_inner(count_one, count);
  return NULL;
}

static size_t live_at_start;

/* The library has some blocks of that size itself. */
static size_t peer_live(void) {
  size_t count = 0;
  GC_call_with_alloc_lock(count_all, &count);
  return count > live_at_start ? count - live_at_start : 0;
}

static void peer_open(void) {
  GC_INIT();
  peer_collect();
  live_at_start = peer_live();
}

/* Any stale word may keep a tree alive, so what is left at the end of a program says nothing. */
static void peer_close(void) {}

static void make_giant_ring(Ref *table, size_t count);
static Ref *table_new(size_t count);

/* In a fresh heap a ring of a million is not found dead; after another one it is. */
static void warm_up(void) {
  make_giant_ring(table_new(1000 * 1000), 1000 * 1000);
  peer_collect();
}

/* ---- W12 ---- */

typedef struct Text {
  size_t length;
  char bytes[];
} Text;

#define CRATE_HEAD
#define GRAPH_HEAD
#include "graph.h"

static void *made(void *obj) {
  if (obj == NULL) bench_fail("no memory for an object");
  return obj;
}

static Text *text_new(const char *bytes, size_t length) {
  Text *text = made(GC_MALLOC_ATOMIC(sizeof *text + length));
  text->length = length;
  memcpy(text->bytes, bytes, length);
  return text;
}

static Text *text_keep(Text *text) {
  return text;
}

static const char *text_bytes(const Text *text) {
  return text->bytes;
}

static size_t text_length(const Text *text) {
  return text->length;
}

static Crate *crate_new(void) {
  return made(GC_MALLOC(sizeof(Crate)));
}

static Crate *crate_keep(Crate *crate) {
  return crate;
}

static void crate_put(Crate **slot, Crate *owned) {
  *slot = owned;
}

static void crate_replaced(Crate *crate) {
  (void)crate;
}

static Graph *graph_new(void) {
  return made(GC_MALLOC(sizeof(Graph)));
}

static void graph_drop(Graph *graph) {
  (void)graph;
}

static void *buffer_grow(void *buffer, size_t bytes_before, size_t bytes) {
  (void)bytes_before;
  return GC_REALLOC(buffer, bytes);
}

#include "workloads.h"
