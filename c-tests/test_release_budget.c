/* test_release_budget.c: gc_policy.release_budget. No call ends more objects by their counts than the policy says; the rest
 * is owed, dead to everybody, and is paid by allocations and safepoints, and as a whole where memory is wanted. Nothing is
 * timed: what each call ended is counted.
 */
#include "graph.h"

static void set_budget(gc_heap *heap, uint64_t budget) {
  gc_policy policy = GC_POLICY_INIT;
  policy.release_budget = budget;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
}

static uint64_t live(gc_heap *heap) {
  return graph_stats(heap).live_objects;
}

static uint64_t owed(gc_heap *heap) {
  return graph_stats(heap).owed_objects;
}

/* A tree of this depth: 2^depth - 1 nodes. Made from the leaves up, without recursion. */
static Node *tree(rc_type *type, unsigned depth) {
  size_t count = (size_t)1 << (depth - 1);
  Node **level = malloc(count * sizeof *level);
  for (size_t i = 0; i < count; i++) level[i] = graph_node(type, i);
  for (; count > 1; count /= 2) {
    for (size_t i = 0; i < count / 2; i++) {
      Node *parent = graph_node(type, i);
      parent->a = level[2 * i], parent->b = level[2 * i + 1];
      level[i] = parent;
    }
  }
  Node *root = level[0];
  free(level);
  return root;
}

/* ---- how much one call ends ---- */

static void no_call_ends_more(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    uint64_t budgets[] = {1, 7, 1000};
    for (size_t b = 0; b < RC_COUNT_OF(budgets); b++) {
      uint64_t budget = budgets[b];
      gc_heap *heap = graph_heap("bounded");
      gc_disable(heap);
      set_budget(heap, budget);
      rc_type *type = graph_kinds[kind](heap);
      unsigned depth = (unsigned)(budget == 1000 && kind == 0 ? check_scale(11, 20, 23) : 11);
      uint64_t all = ((uint64_t)1 << depth) - 1, before = all, calls = 0;
      Node *root = tree(type, depth);
      CHECK_EQ(live(heap), all);
      CHECK_EQ(owed(heap), 0);
      rc_decref(root);
      uint64_t now = live(heap);
      CHECK_EQ(before - now, budget < all ? budget : all);
      CHECK(owed(heap) > 0);
      CHECK(owed(heap) <= now);
      before = now;
      uint64_t worst = 0;
      while (owed(heap) && calls < 2 * all) {
        Node *node = rc_new(type); /* one more lives; what was owed ended before */
        now = live(heap) - 1;
        if (before - now > worst) worst = before - now;
        before = now;
        rc_decref(node);
        now = live(heap);
        if (before - now > worst) worst = before - now;
        before = now;
        calls++;
      }
      CHECK(worst <= budget);
      CHECK(worst > 0);
      CHECK_EQ(live(heap), 0);
      CHECK_EQ(owed(heap), 0);
      CHECK(graph_stats(heap).owed_objects_max > 0);
      CHECK_EQ(gc_heap_free(heap), 0);
    }
  }
}

/* A program that drops as much as it makes does not grow. */
static void a_steady_program_does_not_grow(void) {
  gc_heap *heap = graph_heap("steady");
  set_budget(heap, 100);
  rc_type *type = graph_declared(heap);
  enum { DEPTH = 10, NODES = (1 << DEPTH) - 1 };
  uint64_t most = 0;
  for (size_t round = 0; round < check_scale(30, 500, 5000); round++) {
    rc_decref(tree(type, DEPTH));
    uint64_t now = live(heap);
    if (now > most) most = now;
  }
  CHECK(most <= 4 * NODES);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Large objects and arrays pay, too. */
static void every_kind_of_allocation_pays(void) {
  gc_heap *heap = graph_heap("payers");
  set_budget(heap, 50);
  rc_type *type = graph_declared(heap);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Array", spec.size = 8, spec.tail_size = 1;
  rc_type *array = graph_type(heap, &spec);
  size_t lengths[] = {0, 100, 5000, 200000};
  for (size_t i = 0; i < RC_COUNT_OF(lengths); i++) {
    rc_decref(tree(type, 11));
    CHECK(owed(heap) > 0);
    size_t calls = 0;
    for (; owed(heap) && calls < 100000; calls++) rc_decref(rc_new_array(array, lengths[i]));
    CHECK(calls < 100000);
    CHECK(calls >= 2047 / 50 - 1);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- what is prompt all the same ---- */

static void small_deaths_are_prompt(void) {
  gc_heap *heap = graph_heap("prompt");
  set_budget(heap, 100);
  rc_type *type = graph_watched(heap);
  graph_reset();
  rc_decref(tree(type, 12));
  CHECK_EQ(graph.destroyed, 100);
  uint64_t debt = owed(heap);
  CHECK(debt > 0);
  /* In front of the debt: a chain that fits the budget is gone when its call returns. */
  for (int i = 0; i < 5; i++) {
    size_t before = graph.destroyed;
    gc_disable(heap);
    Node *chain = graph_chain(type, 50, false);
    size_t made = graph.destroyed;
    uint64_t left = owed(heap);
    rc_decref(chain);
    CHECK_EQ(graph.destroyed - made, 50);
    CHECK_EQ(owed(heap), left);
    CHECK(graph.destroyed >= before + 50);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(graph.destroyed, 4095 + 250);
}

typedef struct Holder {
  Node *own; /* not declared: released by destroy */
} Holder;

static bool was_prompt;

static void holder_destroy(void *obj) {
  Holder *holder = obj;
  size_t before = graph.destroyed;
  rc_decref(holder->own);
  was_prompt = graph.destroyed == before + 1;
}

static void what_callbacks_release(void) {
  gc_heap *heap = graph_heap("callbacks");
  set_budget(heap, 2);
  rc_type *type = graph_watched(heap);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Holder", spec.size = sizeof(Holder), spec.destroy = holder_destroy;
  rc_type *holders = graph_type(heap, &spec);
  Holder *holder = rc_new(holders);
  holder->own = graph_node(type, 1);
  rc_decref(holder);
  CHECK(was_prompt); /* within the budget */
  CHECK_EQ(live(heap), 0);
  set_budget(heap, 1);
  holder = rc_new(holders);
  holder->own = graph_node(type, 1);
  rc_decref(holder);
  CHECK(!was_prompt);
  CHECK_EQ(owed(heap), 1);
  gc_safepoint(heap);
  CHECK_EQ(live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A chain whose links are released by callbacks, deeper than callbacks nest. */
static void chain_destroy(void *obj) {
  rc_xdecref(((Holder *)obj)->own);
}

static void chains_through_callbacks(void) {
  gc_heap *heap = graph_heap("deep");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Link", spec.size = sizeof(Holder), spec.destroy = chain_destroy;
  rc_type *type = graph_type(heap, &spec);
  uint64_t budgets[] = {1, 10, 1000, UINT64_MAX};
  for (size_t b = 0; b < RC_COUNT_OF(budgets); b++) {
    set_budget(heap, budgets[b]);
    Holder *first = NULL;
    size_t count = check_scale(2000, 200000, 1000000);
    for (size_t i = 0; i < count; i++) {
      Holder *next = rc_new(type);
      next->own = (Node *)(void *)first;
      first = next;
    }
    rc_decref(first);
    CHECK_EQ(live(heap), budgets[b] < count ? count - budgets[b] : 0);
    (void)gc_collect(heap);
    CHECK_EQ(live(heap), 0);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- what is owed is dead to everybody ---- */

static unsigned called_back;

static void count_call(rc_weak *weak, void *ctx) {
  (void)weak, (void)ctx;
  called_back++;
}

static void use_what_is_owed(void *obj) {
  rc_incref(obj);
}

static void weak_handles_read_null(void) {
  gc_heap *heap = graph_heap("weak");
  set_budget(heap, 1);
  rc_type *type = graph_declared(heap);
  Node *chain = graph_node(type, 1), *second = graph_node(type, 2), *third = graph_node(type, 3);
  chain->a = second, second->a = third;
  rc_weak *of_second = rc_weak_new(second, count_call, NULL), *of_third = rc_weak_new(third, count_call, NULL);
  rc_decref(chain);
  CHECK_EQ(owed(heap), 1);
  CHECK(rc_weak_get(of_second) == NULL);
  /* Its holder is owed: nothing of what that refers to was let go of. */
  Node *got = rc_weak_get(of_third);
  CHECK(got == third);
  CHECK_EQ(called_back, 0);
  CHECK_FATAL(use_what_is_owed, second, "Declared", "has lost its last reference and waits for its end");
  gc_safepoint(heap);
  CHECK_EQ(called_back, 1);
  CHECK_EQ(owed(heap), 0);
  CHECK_EQ(rc_count(third), 1);
  rc_decref(got);
  CHECK_EQ(called_back, 2);
  rc_weak_free(of_second), rc_weak_free(of_third);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void idle_in_a_callback(void *obj) {
  (void)gc_idle(rc_heap_of(obj), UINT64_MAX, NULL, NULL);
}

/* Within a callback of what is paid nobody pays, and nobody waits for that. */
static void idle_inside_a_death(void) {
  gc_heap *heap = graph_heap("idle inside");
  set_budget(heap, 5);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Idle", spec.size = sizeof(Node), spec.destroy = idle_in_a_callback;
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  rc_decref(graph_chain(graph_type(heap, &spec), 100, false));
  CHECK(owed(heap) > 0);
  (void)gc_collect(heap);
  CHECK_EQ(live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static Node *stored;

static void store_it(void *obj) {
  stored = rc_newref(obj);
}

static void a_finalizer_brings_back_what_was_owed(void) {
  gc_heap *heap = graph_heap("resurrected");
  set_budget(heap, 1);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Phoenix", spec.size = sizeof(Node), spec.finalize = store_it;
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  rc_type *phoenix = graph_type(heap, &spec), *type = graph_declared(heap);
  Node *chain = graph_node(type, 1), *second = graph_node(phoenix, 2);
  chain->a = second, second->a = graph_node(type, 3);
  rc_decref(chain);
  CHECK_EQ(owed(heap), 1);
  CHECK(stored == NULL);
  gc_safepoint(heap);
  CHECK(stored == second);
  CHECK_EQ(second->a->id, 3);
  CHECK_EQ(owed(heap), 0);
  CHECK_EQ(live(heap), 2);
  rc_decref(stored);
  CHECK_EQ(owed(heap), 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- who pays all of it ---- */

static void owe_much(gc_heap *heap, rc_type *type) {
  rc_decref(tree(type, 11));
  CHECK(owed(heap) > 0);
  CHECK(live(heap) > 1000);
}

static void calls_that_pay_all(void) {
  gc_heap *heap = graph_heap("payers");
  size_t findings = 0;
  set_budget(heap, 10);
  rc_type *type = graph_watched(heap);
  owe_much(heap, type);
  (void)gc_collect(heap);
  CHECK_EQ(live(heap), 0);
  owe_much(heap, type);
  CHECK_EQ(gc_memory_pressure(heap, GC_PRESSURE_SOME), RC_OK);
  CHECK_EQ(live(heap), 0);
  owe_much(heap, type);
  CHECK(gc_idle(heap, UINT64_MAX, NULL, NULL));
  CHECK_EQ(live(heap), 0);
  owe_much(heap, type);
  CHECK_EQ(gc_verify(heap, NULL, NULL, &findings), RC_OK);
  CHECK(owed(heap) > 0);
  /* Without a budget the rest is paid by allocations. */
  set_budget(heap, 0);
  CHECK(owed(heap) > 0);
  for (size_t i = 0; i < 100000 && owed(heap); i++) rc_decref(rc_new(type));
  CHECK_EQ(live(heap), 0);
  rc_decref(tree(type, 11));
  CHECK_EQ(owed(heap), 0);
  set_budget(heap, 10);
  owe_much(heap, type);
  graph_reset();
  uint64_t left = live(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(graph.destroyed, left);
}

/* A heap at its limit has the memory of what is owed. */
static void at_the_limit(void) {
  gc_heap *heap = graph_heap("limited");
  gc_policy policy = GC_POLICY_INIT;
  policy.limit_bytes = (uint64_t)4 << 20, policy.release_budget = 1;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  rc_type *type = graph_declared(heap);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Large", spec.size = 2 << 20;
  rc_type *large = graph_type(heap, &spec);
  for (int round = 0; round < 20; round++) {
    rc_decref(graph_chain(type, 60000, false)); /* 1.9 MB */
    void *obj = rc_new(large);
    REQUIRE(obj != NULL);
    rc_decref(obj);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Under this mode callbacks do not come in the middle of an allocation. */
static void safepoints_pay(void) {
  gc_heap *heap = graph_heap("safepoints");
  gc_policy policy = GC_POLICY_INIT;
  policy.mode = GC_POLICY_SAFEPOINT, policy.release_budget = 64;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  rc_type *type = graph_watched(heap);
  Node *root = tree(type, 11);
  graph_reset();
  rc_decref(root);
  CHECK_EQ(graph.destroyed, 64);
  for (int i = 0; i < 10000; i++) rc_xdecref(NULL), (void)rc_count(root = rc_new(type)), root->b = NULL, rc_decref(root);
  CHECK_EQ(graph.destroyed, 64 + 10000);
  for (size_t i = 1; owed(heap); i++) {
    size_t before = graph.destroyed;
    gc_safepoint(heap);
    CHECK(graph.destroyed - before <= 64);
    CHECK(i < 100);
  }
  CHECK_EQ(graph.destroyed, 2047 + 10000);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- with everything else ---- */

/* Objects of another heap that die with it are ended by that heap's rules, and either may end first. */
static void across_heaps(void) {
  for (int first = 0; first < 2; first++) {
    gc_heap *bounded = graph_heap("bounded"), *other = graph_heap("other");
    set_budget(bounded, 5);
    rc_type *type = graph_declared(bounded), *far = graph_watched(other);
    graph_reset();
    Node *root = NULL;
    for (size_t i = 0; i < 100; i++) {
      Node *node = graph_node(type, i);
      node->a = root, node->b = graph_node(far, i);
      root = node;
    }
    rc_decref(root);
    CHECK_EQ(graph.destroyed, 5);
    CHECK_EQ(live(other), 95);
    if (first == 0) {
      CHECK_EQ(gc_heap_free(bounded), 0);
      CHECK_EQ(graph.destroyed, 100);
      CHECK_EQ(gc_heap_free(other), 0);
    } else {
      (void)gc_collect(bounded);
      CHECK_EQ(gc_heap_free(other), 0);
      CHECK_EQ(gc_heap_free(bounded), 0);
    }
  }
}

/* What a collection lets go of, rings among what is owed, and a collector that runs while much is owed. */
static void with_collections(void) {
  gc_heap *heap = graph_heap("collected");
  set_budget(heap, 3);
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    rc_type *type = graph_kinds[kind](heap);
    Node *root = NULL;
    for (size_t i = 0; i < 300; i++) {
      Node *node = graph_node(type, i);
      node->a = root, node->b = graph_ring(type, 3);
      root = node;
    }
    rc_decref(root);
    CHECK(owed(heap) > 0);
    (void)gc_collect_young(heap);
    CHECK(gc_collect(heap) > 0);
    CHECK_EQ(live(heap), 0);
    /* A ring that holds a chain: the chain dies in the collection. */
    Node *ring = graph_ring(type, 2);
    if (!ring->b) ring->b = graph_chain(type, 500, false);
    rc_decref(ring);
    (void)gc_collect(heap);
    (void)gc_collect(heap);
    CHECK_EQ(live(heap), 0);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Random graphs in which budgets come and go: all that was dropped ends, nothing that is held. */
static void random_programs(void) {
  uint64_t seed = check_seed("random_programs");
  enum { SLOTS = 200 };
  for (size_t round = 0; round < check_scale(2, 20, 200); round++) {
    gc_heap *heap = graph_heap("random");
    rc_type *types[GRAPH_KINDS];
    for (size_t kind = 0; kind < GRAPH_KINDS; kind++) types[kind] = graph_kinds[kind](heap);
    Node *slots[SLOTS] = {NULL};
    size_t wrong = 0;
    for (size_t step = 0; step < check_scale(1500, 20000, 50000); step++) {
      size_t at = check_below(&seed, SLOTS), to = check_below(&seed, SLOTS);
      switch (check_below(&seed, 8)) {
      case 0:
      case 1:
      case 2:
        rc_xdecref(slots[at]);
        slots[at] = graph_node(types[check_below(&seed, GRAPH_KINDS)], at);
        break;
      case 3: rc_clear(&slots[at]); break;
      case 4:
      case 5:
        if (slots[at] && slots[to]) rc_setref(&slots[at]->a, rc_newref(slots[to]));
        break;
      case 6:
        if (slots[at] && slots[to]) rc_setref(&slots[at]->b, rc_newref(slots[to]));
        break;
      default:
        if (check_below(&seed, 20) == 0) set_budget(heap, check_below(&seed, 3) ? 1 + check_below(&seed, 50) : 0);
        if (check_below(&seed, 50) == 0) (void)gc_collect(heap);
        if (check_below(&seed, 50) == 0) (void)gc_collect_young(heap);
        if (check_below(&seed, 20) == 0) gc_safepoint(heap);
        if (check_below(&seed, 20) == 0) rc_decref(tree(types[0], 6));
      }
      if (slots[at]) wrong += slots[at]->id != at;
    }
    CHECK_EQ(wrong, 0);
    for (size_t at = 0; at < SLOTS; at++) rc_xdecref(slots[at]);
    (void)gc_collect(heap);
    CHECK_EQ(live(heap), 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static const check_test tests[] = {
    CHECK_TEST(no_call_ends_more),
    CHECK_TEST(a_steady_program_does_not_grow),
    CHECK_TEST(every_kind_of_allocation_pays),
    CHECK_TEST(small_deaths_are_prompt),
    CHECK_TEST(what_callbacks_release),
    CHECK_TEST(chains_through_callbacks),
    CHECK_TEST(weak_handles_read_null),
    CHECK_TEST(a_finalizer_brings_back_what_was_owed),
    CHECK_TEST(calls_that_pay_all),
    CHECK_TEST(idle_inside_a_death),
    CHECK_TEST(at_the_limit),
    CHECK_TEST(safepoints_pay),
    CHECK_TEST(across_heaps),
    CHECK_TEST(with_collections),
    CHECK_TEST(random_programs),
};
CHECK_MAIN(tests)
