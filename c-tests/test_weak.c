/* ldflags: -Wl,--wrap=mprotect,--wrap=malloc,--wrap=calloc */
/* Weak handles: what they read and when, many of them, holders and targets that die in either order, handles
 * freed and made inside callbacks, handles after their heap, and no memory for more. */
#include "check.h"
#include "graph.h"

/* ---- memory that can be had, or not ---- */

static bool no_memory;

int __real_mprotect(void *addr, size_t length, int prot);
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
int __wrap_mprotect(void *addr, size_t length, int prot);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);

int __wrap_mprotect(void *addr, size_t length, int prot) {
  if (!no_memory) return __real_mprotect(addr, length, prot);
  errno = ENOMEM;
  return -1;
}

void *__wrap_malloc(size_t size) {
  return no_memory ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
  return no_memory ? NULL : __real_calloc(n, size);
}

/* ---- types ---- */

typedef struct Holder {
  struct Holder *a;
  rc_weak *weak;
  void (*on_finalize)(struct Holder *self);
  void (*on_destroy)(struct Holder *self);
} Holder;

static size_t finalized, destroyed;

static void holder_finalize(void *obj) {
  Holder *self = obj;
  finalized++;
  if (self->on_finalize) self->on_finalize(self);
}

static void holder_destroy(void *obj) {
  Holder *self = obj;
  destroyed++;
  CHECK(self->a == NULL && self->weak == NULL);
  if (self->on_destroy) self->on_destroy(self);
}

static const rc_field holder_fields[] = {RC_FIELD(Holder, a), RC_FIELD_WEAK(Holder, weak)};

static rc_type *holder_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Holder", spec.size = sizeof(Holder);
  spec.fields = holder_fields, spec.field_count = RC_COUNT_OF(holder_fields);
  spec.finalize = holder_finalize, spec.destroy = holder_destroy;
  return graph_type(heap, &spec);
}

static Holder *holder(rc_type *type) {
  Holder *self = rc_new(type);
  REQUIRE(self != NULL);
  return self;
}

static rc_weak *handle(void *obj, rc_weak_fn callback, void *ctx) {
  rc_weak *weak = rc_weak_new(obj, callback, ctx);
  REQUIRE(weak != NULL);
  return weak;
}

static bool reads(rc_weak *weak, void *obj) {
  void *target = rc_weak_get(weak);
  if (target) rc_decref(target);
  return target == obj;
}

static size_t called;

static void count_calls(rc_weak *weak, void *ctx) {
  called++;
  CHECK(rc_weak_get(weak) == NULL);
  if (ctx) ++*(size_t *)ctx;
}

/* ---- reading ---- */

static void reads_the_target_until_it_dies(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    rc_type *type = graph_kinds[kind](NULL);
    Node *node = graph_node(type, 1);
    CHECK_EQ(rc_weak_count(node), 0);
    rc_weak *weak = handle(node, NULL, NULL);
    CHECK_EQ(rc_weak_count(node), 1);
    CHECK_EQ(rc_count(node), 1); /* it does not count */
    Node *target = rc_weak_get(weak);
    CHECK(target == node && rc_count(node) == 2); /* what it gives does */
    rc_decref(node);
    CHECK(reads(weak, target));
    rc_decref(target);
    CHECK(reads(weak, NULL));
    CHECK_EQ(graph_live(NULL), 0);
    Node *other = graph_node(type, 2); /* maybe in the same place */
    CHECK(reads(weak, NULL));
    CHECK_EQ(rc_weak_count(other), 0);
    rc_weak_free(weak);
    rc_decref(other);
  }
  rc_weak_free(NULL);
}

static void ring_with_only_handles_left(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    Node *ring = graph_ring(graph_kinds[kind](NULL), 10);
    rc_weak *weak[10];
    Node *at = ring;
    for (int i = 0; i < 10; i++, at = at->a) weak[i] = handle(at, i % 2 ? count_calls : NULL, NULL);
    rc_decref(ring);
    Node *target = rc_weak_get(weak[3]); /* the ring is not collected yet: this brings it back */
    CHECK(target && target->id == 3);
    CHECK_EQ(gc_collect(NULL), 0);
    for (int i = 0; i < 10; i++) CHECK(!reads(weak[i], NULL));
    rc_decref(target);
    called = 0;
    CHECK_EQ(gc_collect(NULL), 10);
    CHECK_EQ(called, 5);
    for (int i = 0; i < 10; i++) {
      CHECK(reads(weak[i], NULL));
      rc_weak_free(weak[i]);
    }
    CHECK_EQ(graph_live(NULL), 0);
  }
}

static void immortal_and_untracked_targets(void) {
  rc_type *type = graph_declared(NULL);
  Node *eternal = graph_node(type, 1), *node = graph_node(type, 2);
  rc_immortalize(eternal);
  CHECK_EQ(gc_untrack(node), RC_OK);
  rc_weak *a = handle(eternal, NULL, NULL), *b = handle(node, count_calls, NULL);
  rc_decref(eternal);
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK(reads(a, eternal) && reads(b, node));
  rc_decref(node);
  CHECK(reads(b, NULL) && called == 1);
  rc_weak_free(a), rc_weak_free(b);
}

/* ---- what a handle reads: the lines of the table at rc_weak_get ---- */

static rc_weak *first_handle, *second_handle;
static void *first_target, *second_target;
static size_t looks;

static void target_lives(void) {
  rc_type *type = graph_declared(NULL);
  Node *node = graph_node(type, 1), *ring = graph_ring(type, 3), *forever = graph_node(type, 2);
  rc_immortalize(forever);
  rc_weak *weak[3] = {handle(node, NULL, NULL), handle(ring->a, NULL, NULL), handle(forever, NULL, NULL)};
  rc_decref(ring);
  CHECK(reads(weak[0], node) && reads(weak[1], ring->a) && reads(weak[2], forever));
  CHECK_EQ(rc_count(forever), UINT32_MAX);
  for (int i = 0; i < 3; i++) rc_weak_free(weak[i]);
  rc_decref(node);
}

/* Of two that died with their holder the one whose turn comes second waits while the first one's finalizer runs. */
static void look_at_both(Holder *self) {
  bool first = self == first_target;
  CHECK(reads(first ? first_handle : second_handle, self));
  CHECK(reads(first ? second_handle : first_handle, NULL));
  looks++;
}

static void target_waits_for_its_turn(void) {
  typedef struct Pair {
    Holder *a, *b;
  } Pair;
  static const rc_field fields[] = {RC_FIELD(Pair, a), RC_FIELD(Pair, b)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Pair", spec.size = sizeof(Pair), spec.fields = fields, spec.field_count = 2;
  rc_type *type = holder_type(NULL), *pairs = graph_type(NULL, &spec);
  Pair *pair = rc_new(pairs);
  REQUIRE(pair != NULL);
  pair->a = holder(type), pair->b = holder(type);
  first_target = pair->a, second_target = pair->b;
  pair->a->on_finalize = pair->b->on_finalize = look_at_both;
  first_handle = handle(pair->a, NULL, NULL), second_handle = handle(pair->b, NULL, NULL);
  looks = 0;
  rc_decref(pair);
  CHECK_EQ(looks, 2);
  rc_weak_free(first_handle), rc_weak_free(second_handle);
  CHECK_EQ(graph_live(NULL), 0);
}

enum { DEEP = 40 };
static Holder *links[DEEP];
static rc_weak *link_handles[DEEP];
static size_t waited;

/* Releases the next: where callbacks are nested too deep, it waits until this one has returned. */
static void release_next(Holder *self) {
  size_t next = 1;
  while (next < DEEP && links[next - 1] != self) next++;
  if (next == DEEP) return;
  size_t before = destroyed;
  rc_decref(links[next]);
  CHECK(reads(link_handles[next], NULL)); /* ended, or waiting */
  if (destroyed != before) return;
  waited++;
  rc_weak *late = handle(links[next], count_calls, NULL);
  CHECK(reads(late, NULL));
  rc_weak_free(late);
}

static void read_own_handle(Holder *self) {
  for (size_t i = 0; i < DEEP; i++)
    if (links[i] == self) CHECK(reads(link_handles[i], self)); /* also after it has waited */
}

static void target_waits_deep_in_callbacks(void) {
  rc_type *type = holder_type(NULL);
  waited = destroyed = called = 0;
  for (size_t i = 0; i < DEEP; i++) {
    links[i] = holder(type);
    links[i]->on_destroy = release_next, links[i]->on_finalize = read_own_handle;
    link_handles[i] = handle(links[i], NULL, NULL);
  }
  rc_decref(links[0]);
  CHECK(waited > 0 && destroyed == DEEP && called == 0);
  for (size_t i = 0; i < DEEP; i++) rc_weak_free(link_handles[i]);
}

static void target_waits_in_the_queue(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type *type = holder_type(heap), *plain = graph_declared(heap);
  for (int ring = 0; ring < 2; ring++) {
    Holder *self = holder(type);
    Node *with = graph_node(plain, 1);
    rc_weak *weak = handle(self, NULL, NULL), *other = handle(with, NULL, NULL);
    self->a = (Holder *)(void *)with;
    if (ring) with->a = (Node *)(void *)rc_newref(self);
    rc_decref(self);
    (void)gc_collect(heap);
    CHECK(reads(weak, self) && reads(other, with));
    CHECK_EQ(gc_run_finalizers(heap), 1);
    CHECK(reads(weak, NULL) && reads(other, NULL));
    rc_weak_free(weak), rc_weak_free(other);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void keep_first(Holder *self) {
  looks++;
  CHECK(reads(first_handle, first_target) && reads(second_handle, second_target));
  if (self == first_target && looks <= 2) CHECK(rc_weak_get(first_handle) == self); /* and keeps what it gives */
}

/* In finalizers, one's own and those of the same dead set; and after one that brought its object back. */
static void target_is_in_a_finalizer(void) {
  for (int ring = 0; ring < 2; ring++) {
    rc_type *type = holder_type(NULL);
    Holder *self = holder(type), *other = ring ? holder(type) : self;
    if (ring) self->a = other, other->a = rc_newref(self);
    self->on_finalize = other->on_finalize = keep_first;
    first_target = self, second_target = other;
    first_handle = handle(self, NULL, NULL), second_handle = handle(other, NULL, NULL);
    looks = destroyed = 0;
    rc_decref(self);
    (void)gc_collect(NULL);
    CHECK(looks == (ring ? 2u : 1u) && destroyed == 0);
    CHECK(reads(first_handle, self) && reads(second_handle, other)); /* brought back, with their handles */
    rc_decref(self);
    (void)gc_collect(NULL);
    CHECK(reads(first_handle, NULL) && reads(second_handle, NULL) && destroyed == (ring ? 2u : 1u));
    rc_weak_free(first_handle), rc_weak_free(second_handle);
    CHECK_EQ(graph_live(NULL), 0);
  }
}

static rc_weak *after_handle;

static void both_read_null(rc_weak *weak, void *ctx) {
  looks++;
  CHECK(reads(weak, NULL) && reads(first_handle, NULL) && reads(second_handle, NULL));
  if (ctx) { /* brings it back: a new handle reads it, when it has come back */
    rc_incref(ctx);
    after_handle = handle(ctx, NULL, NULL);
    CHECK(reads(after_handle, NULL));
  }
}

static void look_in_destroy(Holder *self) {
  (void)self;
  looks++;
  CHECK(reads(first_handle, NULL) && reads(second_handle, NULL));
}

static void target_is_past_its_finalizer(void) {
  for (int ring = 0; ring < 2; ring++)
    for (int back = 0; back < 2; back++) {
      rc_type *type = holder_type(NULL);
      Holder *self = holder(type), *other = ring ? holder(type) : self;
      if (ring) self->a = other, other->a = rc_newref(self);
      self->on_destroy = other->on_destroy = look_in_destroy;
      first_handle = handle(self, both_read_null, back ? self : NULL);
      second_handle = handle(other, NULL, NULL);
      looks = 0;
      rc_decref(self);
      (void)gc_collect(NULL);
      CHECK(reads(first_handle, NULL) && reads(second_handle, NULL));
      CHECK_EQ(looks, back ? 1 : ring ? 3 : 2);
      if (back) {
        rc_weak *fresh = handle(self, NULL, NULL);
        CHECK(reads(fresh, self) && reads(after_handle, NULL));
        CHECK_EQ(rc_weak_count(self), 1); /* those that read null are not counted */
        rc_decref(self);
        (void)gc_collect(NULL);
        CHECK(reads(fresh, NULL));
        rc_weak_free(fresh), rc_weak_free(after_handle);
      }
      rc_weak_free(first_handle), rc_weak_free(second_handle);
      CHECK_EQ(graph_live(NULL), 0);
    }
}

static void target_is_saved_as_garbage(void) {
  gc_heap *heap = graph_heap("garbage");
  Node *ring = graph_ring(graph_declared(heap), 2);
  rc_weak *weak = handle(ring, NULL, NULL);
  rc_decref(ring);
  CHECK_EQ(gc_set_debug(heap, GC_DEBUG_SAVEALL), RC_OK);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK(reads(weak, NULL));
  void *saved = gc_garbage_get(heap, 0);
  rc_weak *fresh = handle(saved, NULL, NULL);
  CHECK(reads(fresh, saved) && rc_weak_count(saved) == 1);
  CHECK_EQ(gc_set_debug(heap, 0), RC_OK);
  gc_garbage_clear(heap);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK(reads(fresh, NULL));
  rc_weak_free(weak), rc_weak_free(fresh);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- number ---- */

/* Making, clearing and freeing cost the same however many there are: a million would not end otherwise. */
static void thousands_of_handles_to_one_target(void) {
  size_t n = check_scale(2000, 200000, 2000000);
  rc_weak **all = malloc(n * sizeof *all);
  for (int ring = 0; ring < 2; ring++) {
    Node *node = graph_node(graph_watched(NULL), 1);
    size_t calls = 0;
    for (size_t i = 0; i < n; i++) all[i] = handle(node, i % 3 ? count_calls : NULL, &calls);
    CHECK_EQ(rc_weak_count(node), n);
    for (size_t i = 0; i < n; i += 2) rc_weak_free(all[i]); /* also from the middle */
    CHECK_EQ(rc_weak_count(node), n / 2);
    if (ring) node->a = rc_newref(node);
    rc_decref(node);
    CHECK_EQ(gc_collect(NULL), ring ? 1 : 0);
    size_t expected = 0;
    for (size_t i = 1; i < n; i += 2) {
      expected += i % 3 != 0;
      if (i % 1001 == 1) CHECK(reads(all[i], NULL));
    }
    CHECK_EQ(calls, expected);
    for (size_t i = 1; i < n; i += 2) rc_weak_free(all[i]);
  }
  free(all);
}

static void many_targets_with_one_handle(void) {
  size_t n = check_scale(2000, 100000, 1000000);
  rc_type *type = graph_declared(NULL);
  Node **nodes = malloc(n * sizeof *nodes);
  rc_weak **all = malloc(n * sizeof *all);
  uint64_t seed = check_seed(__func__);
  for (size_t i = 0; i < n; i++) nodes[i] = graph_node(type, i), all[i] = handle(nodes[i], count_calls, NULL);
  for (size_t i = 0; i < n; i++) {
    size_t other = i + check_below(&seed, n - i);
    Node *node = nodes[other];
    nodes[other] = nodes[i], nodes[i] = node;
  }
  for (size_t i = 0; i < n / 2; i++) rc_decref(nodes[i]); /* in no order */
  CHECK_EQ(called, n / 2);
  size_t live = 0;
  for (size_t i = 0; i < n; i++) {
    Node *node = rc_weak_get(all[i]);
    if (!node) continue;
    live += node->id == i;
    rc_decref(node);
  }
  CHECK_EQ(live, n - n / 2);
  for (size_t i = n / 2; i < n; i++) rc_decref(nodes[i]);
  CHECK_EQ(called, n);
  for (size_t i = 0; i < n; i++) rc_weak_free(all[i]);
  free(nodes), free(all);
}

static void made_and_freed_over_and_over(void) {
  Node *node = graph_node(graph_declared(NULL), 1);
  for (int i = 0; i < 200000; i++) rc_weak_free(handle(node, i % 2 ? count_calls : NULL, NULL));
  CHECK_EQ(rc_weak_count(node), 0);
  rc_decref(node);
  CHECK_EQ(called, 0);
}

/* ---- fields ---- */

static void holder_dies_first(void) {
  rc_type *type = holder_type(NULL);
  Holder *target = holder(type), *keeper = holder(type);
  keeper->weak = handle(target, count_calls, NULL);
  CHECK_EQ(rc_weak_count(target), 1);
  CHECK(reads(keeper->weak, target));
  rc_decref(keeper);
  CHECK_EQ(rc_weak_count(target), 0);
  rc_decref(target);
  CHECK(called == 0 && destroyed == 2);
}

static void target_dies_first(void) {
  rc_type *type = holder_type(NULL);
  Holder *target = holder(type), *keeper = holder(type);
  keeper->weak = handle(target, count_calls, NULL);
  rc_decref(target);
  CHECK(called == 1 && reads(keeper->weak, NULL));
  rc_decref(keeper);
  CHECK_EQ(destroyed, 2);
}

/* Holder and target in one dead set: the callback runs, and then the handle ends with its holder. */
static void holder_and_target_in_one_ring(void) {
  rc_type *type = holder_type(NULL);
  Holder *target = holder(type), *keeper = holder(type);
  target->a = keeper, keeper->a = rc_newref(target);
  keeper->weak = handle(target, count_calls, NULL);
  rc_decref(target);
  CHECK_EQ(gc_collect(NULL), 2);
  CHECK(called == 1 && destroyed == 2 && graph_live(NULL) == 0);
}

static void handle_to_its_own_holder(void) {
  for (int ring = 0; ring < 2; ring++) {
    Holder *self = holder(holder_type(NULL));
    called = destroyed = 0;
    self->weak = handle(self, count_calls, NULL);
    CHECK(reads(self->weak, self));
    if (ring) self->a = rc_newref(self);
    rc_decref(self);
    CHECK_EQ(gc_collect(NULL), ring ? 1 : 0);
    CHECK(called == 1 && destroyed == 1 && graph_live(NULL) == 0);
  }
}

/* A ring of weak fields alone is no ring. */
static void weak_fields_make_no_rings(void) {
  rc_type *type = holder_type(NULL);
  Holder *a = holder(type), *b = holder(type);
  a->weak = handle(b, NULL, NULL), b->weak = handle(a, NULL, NULL);
  rc_decref(a);
  CHECK_EQ(destroyed, 1);
  CHECK(reads(b->weak, NULL));
  rc_decref(b);
  CHECK_EQ(destroyed, 2);
  CHECK_EQ(gc_collect(NULL), 0);
}

/* ---- in callbacks ---- */

static rc_weak *made_late;

static void make_handle(Holder *self) {
  made_late = handle(self, count_calls, NULL);
  CHECK(rc_weak_get(made_late) == NULL);
  CHECK_EQ(rc_weak_count(self), 0);
}

static void made_in_a_destructor_is_null(void) {
  for (int ring = 0; ring < 2; ring++) {
    Holder *self = holder(holder_type(NULL));
    self->on_destroy = make_handle;
    if (ring) self->a = rc_newref(self);
    rc_decref(self);
    (void)gc_collect(NULL);
    CHECK(reads(made_late, NULL) && called == 0);
    rc_weak_free(made_late);
  }
}

static void make_handle_early(Holder *self) {
  made_late = handle(self, count_calls, NULL);
  CHECK(reads(made_late, self));
}

/* One made in a finalizer is like any other: it works there, and its callback runs. */
static void made_in_a_finalizer_is_like_any_other(void) {
  for (int ring = 0; ring < 2; ring++) {
    called = 0;
    Holder *self = holder(holder_type(NULL));
    self->on_finalize = make_handle_early;
    if (ring) self->a = rc_newref(self);
    rc_decref(self);
    (void)gc_collect(NULL);
    CHECK(reads(made_late, NULL) && called == 1);
    rc_weak_free(made_late);
  }
}

static rc_weak *pending[64];
static size_t pending_count;

static void free_all_others(rc_weak *weak, void *ctx) {
  (void)ctx;
  called++;
  for (size_t i = 0; i < pending_count; i++)
    if (pending[i] != weak) rc_weak_free(pending[i]);
  pending_count = 0;
  rc_weak_free(weak); /* itself too */
}

/* The first callback that runs frees all handles: no other runs, of this target or of another. */
static void freeing_cancels_what_is_pending(void) {
  for (int ring = 0; ring < 2; ring++) {
    called = 0;
    Node *first = graph_ring(graph_watched(NULL), ring ? 8 : 1), *at = first;
    for (size_t i = 0; i < 64; i++, at = at->a) pending[i] = handle(at, free_all_others, NULL);
    pending_count = 64;
    if (!ring) rc_clear(&first->a); /* it referred to itself: it dies by count now */
    rc_decref(first);
    CHECK_EQ(gc_collect(NULL), ring ? 8 : 0);
    CHECK_EQ(called, 1);
    CHECK_EQ(graph_live(NULL), 0);
  }
}

static rc_weak *victim;

static void free_victim(Holder *self) {
  (void)self;
  rc_weak_free(victim);
  victim = NULL;
}

/* From finalize the callback of the dying object's own handle is cancelled; from destroy it has run. */
static void freed_in_finalize_and_destroy(void) {
  for (int place = 0; place < 2; place++) {
    for (int ring = 0; ring < 2; ring++) {
      called = 0;
      Holder *self = holder(holder_type(NULL));
      victim = handle(self, count_calls, NULL);
      if (place) self->on_destroy = free_victim;
      else self->on_finalize = free_victim;
      if (ring) self->a = rc_newref(self);
      rc_decref(self);
      (void)gc_collect(NULL);
      CHECK(victim == NULL);
      CHECK_EQ(called, place ? 1 : 0);
    }
  }
  CHECK_EQ(graph_live(NULL), 0);
}

static void make_and_drop_more(rc_weak *weak, void *ctx) {
  (void)weak;
  called++;
  rc_type *type = ctx;
  for (int i = 0; i < 50; i++) {
    Node *node = graph_node(type, (uint64_t)i);
    rc_weak *more = handle(node, count_calls, NULL);
    rc_decref(node);
    CHECK(reads(more, NULL));
    rc_weak_free(more);
  }
}

static void callbacks_that_make_handles_and_drop_targets(void) {
  rc_type *type = graph_watched(NULL);
  rc_weak *weak[20];
  Node *ring = graph_ring(type, 20), *at = ring;
  for (int i = 0; i < 20; i++, at = at->a) weak[i] = handle(at, make_and_drop_more, type);
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 20);
  CHECK_EQ(called, 20 + 20 * 50);
  for (int i = 0; i < 20; i++) rc_weak_free(weak[i]);
  CHECK_EQ(graph_live(NULL), 0);
}

/* ---- collections ---- */

static void handles_under_collections(void) {
  uint64_t seed = check_seed(__func__);
  rc_type *type = graph_mixed(NULL);
  enum { N = 300 };
  Node *nodes[N];
  rc_weak *weak[N];
  for (int round = 0; round < (int)check_scale(3, 40, 400); round++) {
    graph_random(type, nodes, N, &seed);
    for (int i = 0; i < N; i++) weak[i] = handle(nodes[i], NULL, NULL);
    for (int i = 0; i < N; i++)
      if (check_below(&seed, 16)) rc_decref(nodes[i]), nodes[i] = NULL;
    (void)(round % 2 ? gc_collect(NULL) : gc_collect_young(NULL));
    uint64_t live = 0;
    for (int i = 0; i < N; i++) {
      Node *node = rc_weak_get(weak[i]);
      if (nodes[i]) CHECK(node == nodes[i]);
      if (!node) continue;
      CHECK(node->id == (uint64_t)i);
      live++;
      rc_decref(node);
    }
    CHECK_EQ(live, graph_live(NULL)); /* null exactly for the dead */
    for (int i = 0; i < N; i++)
      if (nodes[i]) rc_decref(nodes[i]);
    (void)gc_collect(NULL);
    for (int i = 0; i < N; i++) {
      CHECK(reads(weak[i], NULL));
      rc_weak_free(weak[i]);
    }
    CHECK_EQ(graph_live(NULL), 0);
  }
}

/* ---- after the heap ---- */

static void used_after_its_heap(void) {
  gc_heap *heap = graph_heap("short");
  rc_type *type = graph_declared(heap);
  Node *held = graph_node(type, 1), *ring = graph_ring(type, 4), *eternal = graph_node(type, 2);
  rc_immortalize(eternal);
  rc_weak *weak[] = {handle(held, count_calls, NULL), handle(ring, count_calls, NULL),
                     handle(eternal, NULL, NULL)};
  rc_decref(ring);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 1);
  CHECK_EQ(called, 2);
  for (int i = 0; i < 3; i++) CHECK(reads(weak[i], NULL));
  gc_heap *next = graph_heap("next"); /* maybe in the same place */
  Node *node = graph_node(graph_declared(next), 1);
  for (int i = 0; i < 3; i++) {
    CHECK(reads(weak[i], NULL));
    rc_weak_free(weak[i]);
  }
  rc_decref(node);
  CHECK_EQ(gc_heap_free(next), 0);
}

/* ---- misuse ---- */

static void free_twice(void *arg) {
  (void)arg;
  Node *node = graph_node(graph_declared(NULL), 1);
  rc_weak *weak = handle(node, NULL, NULL);
  rc_weak_free(weak);
  rc_weak_free(weak);
}

static void get_after_free(void *arg) {
  (void)arg;
  Node *node = graph_node(graph_declared(NULL), 1);
  rc_weak *weak = handle(node, NULL, NULL);
  rc_weak_free(weak);
  CHECK(rc_weak_get(weak) == NULL);
}

static void get_null(void *arg) {
  (void)arg;
  CHECK(rc_weak_get(check_null()) == NULL);
}

static void get_foreign(void *arg) {
  static char foreign[256];
  (void)arg;
  CHECK(rc_weak_get((rc_weak *)(void *)(foreign + 16)) == NULL);
}

static void new_of_nothing(void *arg) {
  (void)arg;
  CHECK(rc_weak_new(check_null(), NULL, NULL) == NULL);
}

static void new_of_the_dead(void *arg) {
  (void)arg;
  Node *node = graph_node(graph_declared(NULL), 1);
  rc_decref(node);
  CHECK(rc_weak_new(node, NULL, NULL) == NULL);
}

static void misuse_is_named(void) {
  CHECK_FATAL(free_twice, NULL, "rc_weak_free", "freed before");
  CHECK_FATAL(get_after_free, NULL, "rc_weak_get", "freed before");
  CHECK_FATAL(get_null, NULL, "rc_weak_get", "not a live weak handle");
  CHECK_FATAL(get_foreign, NULL, "rc_weak_get", "not a live weak handle");
  CHECK_FATAL(new_of_nothing, NULL, "rc_weak_new", "null");
  CHECK_FATAL(new_of_the_dead, NULL, "rc_weak_new");
}

/* ---- no memory ---- */

/* Handles until there is no memory for one more: null then, nothing is lost, and it goes on afterwards. */
static void out_of_memory_by_many(void) {
  enum { MOST = 1 << 17 };
  rc_weak **all = malloc(MOST * sizeof *all);
  rc_type *type = graph_declared(NULL);
  Node *chain = graph_chain(type, MOST, false), *at = chain;
  all[0] = handle(chain, count_calls, NULL);
  no_memory = true;
  size_t n = 1;
  for (at = at->a; at && n < MOST; at = at->a) {
    rc_weak *weak = rc_weak_new(at, count_calls, NULL);
    if (!weak) break;
    all[n++] = weak;
  }
  CHECK(at && n < MOST);
  CHECK_EQ(rc_weak_count(at), 0);
  for (int i = 0; i < 3; i++) CHECK(rc_weak_new(at, NULL, NULL) == NULL);
  no_memory = false;
  rc_weak *one_more = handle(at, count_calls, NULL);
  CHECK_EQ(rc_weak_count(at), 1);
  CHECK(reads(one_more, at));
  rc_decref(chain);
  CHECK_EQ(called, n + 1);
  for (size_t i = 0; i < n; i++) rc_weak_free(all[i]);
  rc_weak_free(one_more);
  CHECK_EQ(graph_live(NULL), 0);
  free(all);
}

static const check_test tests[] = {
    CHECK_TEST(reads_the_target_until_it_dies),
    CHECK_TEST(ring_with_only_handles_left),
    CHECK_TEST(immortal_and_untracked_targets),
    CHECK_TEST(target_lives),
    CHECK_TEST(target_waits_for_its_turn),
    CHECK_TEST(target_waits_deep_in_callbacks),
    CHECK_TEST(target_waits_in_the_queue),
    CHECK_TEST(target_is_in_a_finalizer),
    CHECK_TEST(target_is_past_its_finalizer),
    CHECK_TEST(target_is_saved_as_garbage),
    CHECK_TEST(thousands_of_handles_to_one_target),
    CHECK_TEST(many_targets_with_one_handle),
    CHECK_TEST(made_and_freed_over_and_over),
    CHECK_TEST(holder_dies_first),
    CHECK_TEST(target_dies_first),
    CHECK_TEST(holder_and_target_in_one_ring),
    CHECK_TEST(handle_to_its_own_holder),
    CHECK_TEST(weak_fields_make_no_rings),
    CHECK_TEST(made_in_a_destructor_is_null),
    CHECK_TEST(made_in_a_finalizer_is_like_any_other),
    CHECK_TEST(freeing_cancels_what_is_pending),
    CHECK_TEST(freed_in_finalize_and_destroy),
    CHECK_TEST(callbacks_that_make_handles_and_drop_targets),
    CHECK_TEST(handles_under_collections),
    CHECK_TEST(used_after_its_heap),
    CHECK_TEST(misuse_is_named),
    CHECK_TEST(out_of_memory_by_many),
};

CHECK_MAIN(tests)
