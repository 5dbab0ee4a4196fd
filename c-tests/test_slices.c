/* test_slices.c: full collections in slices (rcgc/slices.h), with the host doing what it likes in between.
 *
 * Slices are made as short as they can be by gc_policy.pause_work, which is the same on every machine; so a test that goes
 * through all lengths from 1 on puts the host between any two objects of every phase. The exhaustive model of the algorithm
 * is in tests/model; here is the engine.
 */
#include "graph.h"

static void slices_policy(gc_heap *heap, uint64_t work, uint32_t pieces) {
  gc_policy policy = GC_POLICY_INIT;
  policy.mode = GC_POLICY_NEVER;
  policy.pause_work = work;
  policy.pieces = pieces;
  REQUIRE(gc_set_policy(heap, &policy) == RC_OK);
}

static gc_step_result slices_step(gc_heap *heap, uint64_t budget) {
  gc_step_result result = GC_STEP_RESULT_INIT;
  CHECK_EQ(gc_step(heap, budget, &result), RC_OK);
  return result;
}

/* Slices to the end; returns the last result. */
static gc_step_result slices_run(gc_heap *heap, uint64_t budget) {
  gc_step_result result;
  size_t slices = 0;
  do {
    result = slices_step(heap, budget);
    REQUIRE(++slices < 10000000);
  } while (!result.done);
  return result;
}

static uint64_t slices_live(gc_heap *heap) {
  gc_stats stats = GC_STATS_INIT;
  CHECK_EQ(gc_get_stats(heap, &stats), RC_OK);
  return stats.live_objects;
}

static Node *slices_node(rc_type *type, uint64_t id) {
  Node *node = rc_new(type);
  REQUIRE(node != NULL);
  node->id = id;
  if (!gc_is_tracked(node)) CHECK_EQ(gc_track(node), RC_OK);
  return node;
}

/* A ring of n; the caller owns its first. */
static Node *slices_ring(rc_type *type, size_t n, uint64_t id) {
  Node *first = slices_node(type, id), *last = first;
  for (size_t i = 1; i < n; i++) {
    Node *next = slices_node(type, id + i);
    last->a = next;
    last = next;
  }
  last->a = rc_newref(first);
  return first;
}

/* The types of the heap made last, each made when it is asked for. */
static rc_type *slices_types[GRAPH_KINDS];

static gc_heap *slices_new(void) {
  check_log_start();
  memset(slices_types, 0, sizeof slices_types);
  return graph_heap("slices");
}

static rc_type *slices_type(gc_heap *heap, int kind) {
  if (!slices_types[kind]) slices_types[kind] = graph_kinds[kind](heap);
  return slices_types[kind];
}

/* Rings of all types and sizes go, held ones stay, whatever the slices' length. */
static void every_budget_ends_and_finds_all(void) {
  const uint64_t budgets[] = {0, 1, 1000, 50000, UINT64_MAX};
  for (size_t b = 0; b < 5; b++) {
    for (int kind = 0; kind < 4; kind++) {
      gc_heap *heap = slices_new();
      rc_type *type = slices_type(heap, kind);
      slices_policy(heap, 0, GC_PIECES_ALLOWED);
      Node *held = slices_ring(type, 10, 1000);
      size_t dead = 0;
      for (size_t n = 1; n <= 64; n++) {
        Node *ring = slices_ring(type, n, 1);
        rc_setref(&ring->b, slices_ring(type, 2, 1)); /* another one hangs from it */
        rc_setref(&ring->a->b, rc_newref(held));
        rc_decref(ring);
        dead += n + 2;
      }
      gc_step_result result = slices_run(heap, budgets[b]);
      CHECK_EQ(result.phase, GC_SLICE_NONE);
      CHECK_EQ(result.held_pieces, 0);
      CHECK_EQ(result.reclaimed, dead);
      CHECK_EQ(slices_live(heap), 10);
      CHECK_EQ(rc_count(held), 2);
      rc_decref(held);
      CHECK_EQ(slices_run(heap, budgets[b]).reclaimed, 10);
      CHECK_EQ(gc_heap_free(heap), 0);
    }
  }
}

/* The host moves a reference, in each of all pauses: what lives is never freed, what it was moved off is found later. */
static void a_reference_that_moves_keeps_its_target(void) {
  for (int kind = 0; kind < 4; kind++) {
    for (size_t at = 0; at < 60; at++) {
      gc_heap *heap = slices_new();
      rc_type *type = slices_type(heap, kind);
      slices_policy(heap, 1, GC_PIECES_ALLOWED);
      /* left and right are held; a ring moves from one to the other. */
      Node *left = slices_node(type, 1), *right = slices_node(type, 2);
      left->a = slices_ring(type, 3, 10);
      bool is_left = true;
      gc_step_result result;
      size_t slices = 0;
      do {
        if (slices % (at + 1) == at) {
          Node **from = is_left ? &left->a : &right->a, **to = is_left ? &right->a : &left->a;
          Node *moving = *from;
          *from = NULL;
          *to = moving;
          is_left = !is_left;
        }
        result = slices_step(heap, UINT64_MAX);
        Node *ring = is_left ? left->a : right->a;
        REQUIRE(ring->id == 10 && ring->a->id == 11 && ring->a->a->id == 12 && ring->a->a->a == ring);
        slices++;
      } while (!result.done);
      CHECK_EQ(slices_live(heap), 5);
      rc_clear(is_left ? &left->a : &right->a);
      slices_run(heap, 0);
      CHECK_EQ(slices_live(heap), 2);
      rc_decref(left);
      rc_decref(right);
      CHECK_EQ(gc_heap_free(heap), 0);
    }
  }
}

/* A weak handle to a dead ring gives it or null at any time, and never half of it. */
static void weak_handles_work_between_slices(void) {
  for (int kind = 0; kind < 4; kind++) {
    for (size_t at = 0; at < 120; at++) {
      gc_heap *heap = slices_new();
      rc_type *type = slices_type(heap, kind);
      slices_policy(heap, 1, GC_PIECES_ALLOWED);
      Node *ring = slices_ring(type, 4, 10);
      rc_weak *handle = rc_weak_new(ring->a, NULL, NULL);
      rc_decref(ring);
      Node *kept = NULL;
      gc_step_result result;
      size_t slices = 0;
      do {
        if (slices++ == at) kept = rc_weak_get(handle);
        result = slices_step(heap, UINT64_MAX);
      } while (!result.done);
      if (kept) {
        CHECK(kept->id == 11 && kept->a->a->a->a == kept);
        CHECK_EQ(slices_live(heap), 4);
        rc_decref(kept);
        slices_run(heap, 0);
      }
      CHECK_EQ(slices_live(heap), 0);
      CHECK(rc_weak_get(handle) == NULL);
      rc_weak_free(handle);
      CHECK_EQ(gc_heap_free(heap), 0);
    }
  }
}

/* ---- finalizers ---- */

static Node *slices_kept;
static size_t slices_finalized;

static void slices_keep(void *obj) {
  slices_finalized++;
  if (((Node *)obj)->id == 12 && !slices_kept) slices_kept = rc_newref(obj);
}

static rc_type *slices_final_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Final";
  spec.size = sizeof(Node);
  spec.fields = graph_fields;
  spec.field_count = 2;
  spec.finalize = slices_keep;
  return graph_type(heap, &spec);
}

static void finalizers_run_once_and_bring_back(void) {
  gc_heap *heap = slices_new();
  rc_type *type = slices_final_type(heap), *plain = slices_type(heap, 0);
  for (uint64_t work = 1; work < 40; work++) {
    slices_policy(heap, work, GC_PIECES_ALLOWED);
    slices_finalized = 0;
    slices_kept = NULL;
    Node *ring = slices_ring(type, 4, 10);
    ring->b = slices_ring(plain, 3, 20);
    rc_weak *handle = rc_weak_new(ring->b, NULL, NULL);
    rc_decref(ring);
    gc_step_result result = slices_run(heap, UINT64_MAX);
    CHECK_EQ(slices_finalized, 4);
    CHECK_EQ(result.reclaimed, 0);
    /* What hangs from the ring is another piece, confirmed with it where a slice has room for both. */
    CHECK(result.resurrected == 4 || result.resurrected == 7);
    REQUIRE(slices_kept && slices_kept->id == 12);
    Node *hanging = rc_weak_get(handle);
    CHECK(hanging != NULL);
    rc_xdecref(hanging);
    CHECK_EQ(slices_live(heap), 7);
    rc_decref(slices_kept);
    slices_kept = check_null();
    result = slices_run(heap, UINT64_MAX);
    CHECK_EQ(slices_finalized, 4);
    CHECK_EQ(result.reclaimed, 7);
    CHECK_EQ(slices_live(heap), 0);
    CHECK(rc_weak_get(handle) == NULL);
    rc_weak_free(handle);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Steps inside callbacks are refused. */
static gc_heap *slices_heap;
static size_t slices_refused;

static void slices_nested(void *obj) {
  gc_step_result result = GC_STEP_RESULT_INIT;
  slices_refused += gc_step(slices_heap, 1000, &result) == RC_ERR_REFUSED;
  slices_refused += gc_start(slices_heap) == RC_ERR_REFUSED;
  slices_refused += !gc_idle(slices_heap, UINT64_MAX, NULL, NULL) && gc_last_status(slices_heap) == RC_ERR_REFUSED;
  CHECK_EQ(gc_collect(slices_heap), 0);
  CHECK(obj != NULL);
}

static void slices_nest_nowhere(void) {
  gc_heap *heap = slices_heap = slices_new();
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Nested";
  spec.size = sizeof(Node);
  spec.fields = graph_fields;
  spec.field_count = 2;
  spec.finalize = slices_nested;
  spec.destroy = slices_nested;
  rc_type *type = graph_type(heap, &spec);
  slices_policy(heap, 1, GC_PIECES_ALLOWED);
  rc_decref(slices_ring(type, 3, 1));
  slices_run(heap, 0);
  CHECK_EQ(slices_refused, 3 * 3 * 2);
  CHECK_EQ(slices_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- what else may happen in the middle ---- */

/* Each of these at each pause of a run, then the run to its end and a collection: nothing of the living is lost. */
enum slices_action {
  ACT_COLLECT,
  ACT_YOUNG,
  ACT_FREEZE,
  ACT_UNTRACK,
  ACT_IMMORTAL,
  ACT_VERIFY,
  ACT_QUERY,
  ACT_FINALIZERS,
  ACT_START,
  ACT_IDLE,
  ACT_PRESSURE,
  ACT_FREE,
  ACT_ITERATE,
  ACT_REUSE,
  ACT_COUNT
};

static void slices_act(gc_heap *heap, rc_type *type, int action, Node *held) {
  switch (action) {
    case ACT_COLLECT:
      gc_collect(heap);
      break;
    case ACT_YOUNG:
      gc_collect_young(heap);
      break;
    case ACT_FREEZE:
      CHECK_EQ(gc_freeze(heap), RC_OK);
      CHECK_EQ(gc_unfreeze(heap), RC_OK);
      break;
    case ACT_UNTRACK:
      CHECK_EQ(gc_untrack(held->a), RC_OK);
      break;
    case ACT_IMMORTAL:
      rc_immortalize(held->a);
      break;
    case ACT_VERIFY: {
      size_t found = 0;
      CHECK_EQ(gc_verify(heap, NULL, NULL, &found), RC_OK);
      CHECK_EQ(found, 0);
      break;
    }
    case ACT_QUERY: {
      gc_query *query = NULL;
      CHECK_EQ(gc_query_begin(heap, &query), RC_OK);
      gc_query_end(query);
      break;
    }
    case ACT_FINALIZERS:
      gc_run_finalizers(heap);
      break;
    case ACT_START:
      CHECK_EQ(gc_start(heap), RC_OK);
      break;
    case ACT_IDLE:
      gc_idle(heap, UINT64_MAX, NULL, NULL);
      break;
    case ACT_PRESSURE:
      CHECK_EQ(gc_memory_pressure(heap, GC_PRESSURE_HIGH), RC_OK);
      break;
    case ACT_ITERATE: {
      gc_iter iter;
      void *obj = NULL;
      CHECK_EQ(gc_iter_begin(heap, NULL, &iter), RC_OK);
      while (gc_iter_next(&iter, &obj) == RC_OK && obj) {
        CHECK(!rc_is_dying(obj));
        rc_incref(obj);
        rc_decref(obj);
      }
      gc_iter_end(&iter);
      break;
    }
    case ACT_REUSE:
      for (int i = 0; i < 20; i++) {
        Node *node = slices_node(type, 5);
        rc_setref(&node->a, rc_newref(held));
        if (i % 2) rc_decref(slices_ring(type, 2, 5));
        rc_decref(node);
      }
      break;
    default:
      break;
  }
}

static void everything_may_happen_in_the_middle(void) {
  size_t pauses = check_scale(20, 90, 400);
  for (int kind = 0; kind < 5; kind++) {
    for (int action = 0; action < ACT_COUNT; action++) {
      for (size_t at = 0; at < pauses; at++) {
        gc_heap *heap = slices_new();
        rc_type *type = kind == 4 ? slices_final_type(heap) : slices_type(heap, kind);
        slices_policy(heap, 1, GC_PIECES_ALLOWED);
        slices_kept = check_null();
        Node *held = slices_node(type, 1);
        held->a = slices_ring(type, 3, 30);
        Node *ring = slices_ring(type, 5, 40);
        ring->b = rc_newref(held);
        ring->a->b = slices_ring(type, 2, 50);
        rc_decref(ring);
        bool freed = false;
        for (size_t slice = 0;; slice++) {
          if (slice == at && action == ACT_FREE) {
            freed = true;
            break;
          }
          if (slice == at) slices_act(heap, type, action, held);
          if (slices_step(heap, UINT64_MAX).done) break;
        }
        CHECK(held->a->id == 30 && held->a->a->a->a == held->a);
        if (slices_kept) rc_decref(slices_kept);
        slices_kept = NULL;
        if (freed) {
          CHECK_EQ(gc_heap_free(heap), 4);
          continue;
        }
        gc_collect(heap);
        gc_collect(heap);
        CHECK_EQ(slices_live(heap), 4);
        CHECK_EQ(rc_count(held), 1);
        rc_decref(held);
        gc_heap_free(heap);
      }
    }
  }
}

/* ---- random programs ---- */

enum { SLICES_NODES = 24 };

/* What the host knows of a node: its edges, and whether it holds it. */
typedef struct slices_shadow {
  Node *node;
  int edges[2];   /* -1: none */
  unsigned held;  /* references of the host */
  bool reached;
  bool made;
  bool was_dead;  /* unreached when the run began */
} slices_shadow;

static slices_shadow slices_all[SLICES_NODES];

static void slices_reach(void) {
  int stack[SLICES_NODES * 3], depth = 0;
  for (int i = 0; i < SLICES_NODES; i++) slices_all[i].reached = false;
  for (int i = 0; i < SLICES_NODES; i++) {
    if (slices_all[i].made && slices_all[i].held && !slices_all[i].reached) {
      slices_all[i].reached = true;
      stack[depth++] = i;
    }
    while (depth) {
      slices_shadow *from = &slices_all[stack[--depth]];
      for (int e = 0; e < 2; e++) {
        int to = from->edges[e];
        if (to >= 0 && !slices_all[to].reached) {
          slices_all[to].reached = true;
          stack[depth++] = to;
        }
      }
    }
  }
}

/* All that is reached is there, with its edges. Returns how many that are. */
static size_t slices_check(void) {
  size_t reached = 0;
  slices_reach();
  for (int i = 0; i < SLICES_NODES; i++) {
    slices_shadow *is = &slices_all[i];
    if (!is->made || !is->reached) continue;
    reached++;
    REQUIRE(is->node->id == (uint64_t)i + 7);
    REQUIRE(is->node->a == (is->edges[0] < 0 ? NULL : slices_all[is->edges[0]].node));
    REQUIRE(is->node->b == (is->edges[1] < 0 ? NULL : slices_all[is->edges[1]].node));
    REQUIRE(rc_object_of(is->node) == is->node);
  }
  return reached;
}

static int slices_pick(uint64_t *seed) {
  int at = (int)check_below(seed, SLICES_NODES);
  for (int i = 0; i < SLICES_NODES; i++, at = (at + 1) % SLICES_NODES) {
    if (slices_all[at].made && slices_all[at].reached) return at;
  }
  return -1;
}

static void slices_host(rc_type **types, uint64_t *seed) {
  slices_reach();
  int from = slices_pick(seed), to = slices_pick(seed), e = (int)check_below(seed, 2);
  switch (check_below(seed, 6)) {
    case 0: /* a new one, in a place whose node is gone for the host */
      for (int i = 0; i < SLICES_NODES; i++) {
        slices_shadow *is = &slices_all[i];
        if (is->made && is->reached) continue;
        /* What lies there may still be in the heap, as garbage with edges to what lives; the shadow forgets it. */
        *is = (slices_shadow){.node = slices_node(types[check_below(seed, 4)], (uint64_t)i + 7), .held = 1, .made = true};
        is->edges[0] = is->edges[1] = -1;
        break;
      }
      break;
    case 1: /* store */
      if (from >= 0) {
        rc_setref(e ? (void *)&slices_all[from].node->b : (void *)&slices_all[from].node->a,
                  rc_newref(slices_all[to].node));
        slices_all[from].edges[e] = to;
      }
      break;
    case 2: /* the host takes hold */
      if (to >= 0) {
        rc_incref(slices_all[to].node);
        slices_all[to].held++;
      }
      break;
    case 3: /* and lets go */
      if (to >= 0 && slices_all[to].held) {
        slices_all[to].held--;
        rc_decref(slices_all[to].node);
      }
      break;
    case 4: /* a reference moves out of a slot, into the host's hand */
      if (from >= 0 && slices_all[from].edges[e] >= 0) {
        Node **slot = e ? &slices_all[from].node->b : &slices_all[from].node->a;
        slices_all[slices_all[from].edges[e]].held++;
        slices_all[from].edges[e] = -1;
        *slot = NULL;
      }
      break;
    default: /* and from there into a slot */
      if (from >= 0 && slices_all[to].held) {
        Node **slot = e ? &slices_all[from].node->b : &slices_all[from].node->a;
        Node *old = *slot;
        *slot = slices_all[to].node;
        slices_all[to].held--;
        slices_all[from].edges[e] = to;
        rc_xdecref(old);
      }
  }
}

static void random_programs_lose_nothing(void) {
  uint64_t seed = check_seed("random_programs_lose_nothing");
  size_t programs = check_scale(20, 400, 20000);
  for (size_t program = 0; program < programs; program++) {
    gc_heap *heap = slices_new();
    rc_type *types[4];
    for (int kind = 0; kind < 4; kind++) types[kind] = slices_type(heap, kind);
    memset(slices_all, 0, sizeof slices_all);
    slices_policy(heap, 1 + check_below(&seed, 6), GC_PIECES_ALLOWED);
    for (int i = 0; i < 60; i++) slices_host(types, &seed);
    for (int run = 0; run < 4; run++) {
      size_t before = slices_live(heap);
      size_t living = slices_check();
      size_t dead = before - living, made = 0;
      gc_step_result result;
      CHECK_EQ(gc_start(heap), RC_OK);
      do {
        size_t actions = check_below(&seed, 3);
        for (size_t i = 0; i < actions; i++) {
          uint64_t all = slices_live(heap);
          slices_host(types, &seed);
          made += slices_live(heap) > all;
        }
        slices_check();
        result = slices_step(heap, UINT64_MAX);
      } while (!result.done);
      /* What was dead in the beginning is gone: what is left was alive then, or made since. */
      size_t now = slices_live(heap);
      CHECK(now <= before - dead + made);
      slices_check();
    }
    slices_run(heap, 0);
    CHECK_EQ(slices_live(heap), slices_check());
    for (int i = 0; i < SLICES_NODES; i++) {
      slices_reach();
      if (!slices_all[i].made || !slices_all[i].reached) continue;
      while (slices_all[i].held) {
        slices_all[i].held--;
        rc_decref(slices_all[i].node);
      }
    }
    slices_run(heap, 0);
    CHECK_EQ(slices_live(heap), 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* ---- weak maps ---- */

static void weak_maps_lose_their_entries(void) {
  for (uint64_t work = 1; work < 30; work++) {
    gc_heap *heap = slices_new();
    rc_type *type = slices_type(heap, 0);
    slices_policy(heap, work, GC_PIECES_ALLOWED);
    rc_weakmap *map = rc_weakmap_new(heap), *other = rc_weakmap_new(heap);
    Node *living = slices_node(type, 1), *values[3];
    for (int i = 0; i < 3; i++) values[i] = slices_node(type, (uint64_t)i + 2);
    Node *key = slices_node(type, 9);
    /* Dead: a key that its value leads back to; and a map that its value leads to. */
    CHECK_EQ(rc_weakmap_set(map, key, values[0]), RC_OK);
    values[0]->a = key;
    CHECK_EQ(rc_weakmap_set(other, living, values[1]), RC_OK);
    rc_setref(&values[1]->a, (Node *)(void *)other);
    /* Alive. */
    CHECK_EQ(rc_weakmap_set(map, living, values[2]), RC_OK);
    for (int i = 0; i < 3; i++) rc_decref(values[i]);
    slices_run(heap, UINT64_MAX);
    CHECK_EQ(slices_live(heap), 3);
    CHECK_EQ(rc_weakmap_length(map), 1);
    Node *value = rc_weakmap_get(map, living);
    CHECK(value && value->id == 4);
    rc_xdecref(value);
    rc_decref(living);
    rc_decref(map);
    slices_run(heap, UINT64_MAX);
    CHECK_EQ(slices_live(heap), 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* ---- large pieces ---- */

static void a_large_piece_is_told_before_it_is_confirmed(void) {
  gc_heap *heap = slices_new();
  rc_type *type = slices_type(heap, 0);
  enum { RING = 5000 };
  slices_policy(heap, 300, GC_PIECES_ALLOWED);
  rc_decref(slices_ring(type, RING, 1));
  bool told = false;
  uint64_t longest = 0;
  gc_step_result result;
  do {
    bool was_told = told;
    result = slices_step(heap, UINT64_MAX);
    if (!was_told && longest < result.work) longest = result.work;
    if (result.next_piece_objects) {
      told = true;
      CHECK_EQ(result.next_piece_objects, RING);
      CHECK_EQ(result.next_piece_bytes, RING * 32);
      CHECK_EQ(slices_live(heap), RING);
    }
  } while (!result.done);
  CHECK(told);
  CHECK(longest < 4 * 300);
  CHECK_EQ(result.reclaimed, RING);

  slices_policy(heap, 300, GC_PIECES_NEVER);
  rc_decref(slices_ring(type, RING, 1));
  rc_decref(slices_ring(type, 3, 1));
  result = slices_run(heap, UINT64_MAX);
  CHECK_EQ(result.held_pieces, 1);
  CHECK_EQ(result.held_objects, RING);
  CHECK_EQ(result.held_bytes, RING * 32);
  CHECK_EQ(result.reclaimed, 3);

  slices_policy(heap, 300, GC_PIECES_IDLE);
  result = slices_run(heap, UINT64_MAX);
  CHECK_EQ(result.phase, GC_SLICE_WAITING);
  CHECK_EQ(result.held_pieces, 1);
  CHECK_EQ(slices_live(heap), RING);
  CHECK(gc_idle(heap, UINT64_MAX, NULL, NULL));
  CHECK_EQ(slices_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* No slice does much more work than it may, over garbage and live objects of all kinds. */
static void no_slice_is_longer_than_its_work(void) {
  gc_heap *heap = slices_new();
  const uint64_t most = 500;
  slices_policy(heap, most, GC_PIECES_ALLOWED);
  size_t rings = check_scale(200, 20000, 200000);
  Node *held = NULL;
  for (size_t i = 0; i < rings; i++) {
    Node *ring = slices_ring(slices_type(heap, (int)(i % 4)), 1 + i % 7, i);
    if (i % 3) {
      rc_decref(ring);
    } else {
      rc_setref(&ring->b, held);
      held = ring;
    }
  }
  gc_step_result result;
  do {
    result = slices_step(heap, UINT64_MAX);
    CHECK(result.work <= 3 * most);
  } while (!result.done);
  rc_decref(held);
  slices_run(heap, UINT64_MAX);
  CHECK_EQ(slices_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- gc_idle ---- */

static bool slices_stop(void *arg) {
  size_t *asked = arg;
  return ++*asked >= 3;
}

static bool slices_never(void *arg) {
  ++*(size_t *)arg;
  return false;
}

static bool slices_frees(void *arg) {
  gc_collect(arg);
  return false;
}

static void idle_time_is_used_until_the_host_is_wanted(void) {
  gc_heap *heap = slices_new();
  rc_type *type = slices_type(heap, 0);
  slices_policy(heap, 1, GC_PIECES_ALLOWED);
  for (int i = 0; i < 100; i++) rc_decref(slices_ring(type, 3, 1));
  CHECK(!gc_idle(heap, 1, NULL, NULL)); /* in the past */
  CHECK_EQ(slices_live(heap), 300);
  size_t asked = 0;
  CHECK(!gc_idle(heap, UINT64_MAX, slices_stop, &asked));
  CHECK_EQ(asked, 3);
  asked = 0;
  CHECK(gc_idle(heap, UINT64_MAX, slices_never, &asked));
  CHECK(asked > 1);
  CHECK_EQ(slices_live(heap), 0);
  asked = 0;
  gc_stats before = GC_STATS_INIT, after = GC_STATS_INIT;
  gc_get_stats(heap, &before);
  CHECK(gc_idle(heap, UINT64_MAX, slices_never, &asked));
  gc_get_stats(heap, &after);
  CHECK_EQ(after.full.runs, before.full.runs); /* nothing was made */
  rc_decref(slices_ring(type, 3, 1));
  CHECK(gc_idle(heap, UINT64_MAX, slices_frees, heap));
  CHECK_EQ(slices_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- slices without a call ---- */

/* A host that keeps `keep` rings and drops as many as it makes; returns the most bytes there were. */
static uint64_t slices_churn(gc_heap *heap, rc_type *type, size_t keep, size_t rings) {
  Node **held = calloc(keep, sizeof *held);
  REQUIRE(held != NULL);
  uint64_t seed = 7, most = 0;
  for (size_t i = 0; i < rings; i++) {
    size_t at = i < keep ? i : check_below(&seed, keep);
    Node *ring = slices_ring(type, 1 + i % 5, i), *other = held[check_below(&seed, keep)];
    if (other && i % 3 == 0) rc_setref(&ring->b, rc_newref(other->a));
    rc_xdecref(held[at]);
    held[at] = ring;
    if (i % 64 == 0) {
      gc_stats stats = graph_stats(heap);
      if (stats.live_bytes > most) most = stats.live_bytes;
    }
  }
  for (size_t i = 0; i < keep; i++) {
    if (!held[i]) continue;
    /* Its ring is there. */
    Node *node = held[i]->a;
    for (size_t n = 0; node != held[i]; n++, node = node->a) REQUIRE(n < 5);
    rc_decref(held[i]);
  }
  free(held);
  return most;
}

/* Automatic slices find what one piece finds, within the memory that the policy allows, under either rule for hosts that are
 * too fast; and none is longer in work than it says while the host is not. */
static void automatic_slices_keep_to_the_memory(void) {
  for (int kind = 0; kind < GRAPH_KINDS; kind++) {
    for (uint32_t behind = GC_BEHIND_BUDGET; behind <= GC_BEHIND_MEMORY; behind++) {
      gc_heap *heap = slices_new();
      rc_type *type = slices_type(heap, kind);
      gc_policy policy = GC_POLICY_INIT;
      policy.full_min_bytes = 256 << 10;
      policy.pause_budget_ns = 1000000;
      policy.pause_work = 4000;
      policy.behind = behind;
      policy.near_bytes = UINT64_MAX; /* looks are counted as young */
      REQUIRE(gc_set_policy(heap, &policy) == RC_OK);
      size_t keep = check_scale(300, 3000, 30000);
      uint64_t most = slices_churn(heap, type, keep, keep * 40);
      gc_stats stats = graph_stats(heap);
      CHECK(stats.full.runs >= 3);
      CHECK(stats.slices > 2 * stats.full.runs);
      CHECK_EQ(stats.young.runs, 0);
      CHECK_EQ(stats.held_pieces, 0);
      CHECK_EQ(behind == GC_BEHIND_BUDGET ? stats.slices_grown : stats.slices_longer + stats.slices_whole, 0);
      /* Rings of 3 on average, some of which keep others. */
      if (behind == GC_BEHIND_BUDGET) CHECK(most <= 3 * (keep * 3 * 32) + 3 * (256 << 10));
      gc_collect(heap);
      CHECK_EQ(slices_live(heap), 0);
      CHECK_EQ(gc_heap_free(heap), 0);
    }
  }
}

/* A large ring under a pause budget: it waits for idle time, or for nothing, as the policy says. */
static void automatic_slices_obey_the_policy_about_pieces(void) {
  for (uint32_t pieces = GC_PIECES_ALLOWED; pieces <= GC_PIECES_NEVER; pieces++) {
    gc_heap *heap = slices_new();
    rc_type *type = slices_type(heap, 0);
    enum { RING = 20000 };
    gc_policy policy = GC_POLICY_INIT;
    policy.full_min_bytes = 64 << 10;
    policy.pause_budget_ns = 10000; /* less than a verdict over the ring is thought to take */
    policy.pieces = pieces;
    REQUIRE(gc_set_policy(heap, &policy) == RC_OK);
    rc_decref(slices_ring(type, RING, 1));
    slices_churn(heap, type, 10, 200000);
    gc_stats stats = graph_stats(heap);
    CHECK(stats.full.runs + stats.slices >= 2);
    if (pieces == GC_PIECES_ALLOWED) {
      CHECK(stats.live_objects < RING);
    } else {
      CHECK(stats.live_objects >= RING);
      if (pieces == GC_PIECES_NEVER) CHECK_EQ(stats.held_objects, RING);
    }
    bool done = gc_idle(heap, UINT64_MAX, NULL, NULL);
    CHECK(done);
    if (pieces == GC_PIECES_IDLE) CHECK(slices_live(heap) < RING);
    gc_collect(heap);
    CHECK_EQ(slices_live(heap), 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static const check_test slices_tests[] = {
    CHECK_TEST(every_budget_ends_and_finds_all),
    CHECK_TEST(a_reference_that_moves_keeps_its_target),
    CHECK_TEST(weak_handles_work_between_slices),
    CHECK_TEST(finalizers_run_once_and_bring_back),
    CHECK_TEST(slices_nest_nowhere),
    CHECK_TEST(everything_may_happen_in_the_middle),
    CHECK_TEST(random_programs_lose_nothing),
    CHECK_TEST(weak_maps_lose_their_entries),
    CHECK_TEST(a_large_piece_is_told_before_it_is_confirmed),
    CHECK_TEST(no_slice_is_longer_than_its_work),
    CHECK_TEST(idle_time_is_used_until_the_host_is_wanted),
    CHECK_TEST(automatic_slices_keep_to_the_memory),
    CHECK_TEST(automatic_slices_obey_the_policy_about_pieces),
};

CHECK_MAIN(slices_tests)
