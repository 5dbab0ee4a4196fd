/* When automatic collections run: the inequalities of src/cycle/pace.rs and slices.rs, held against random programs; how
 * young collections switch off and come back; external bytes; explicit policies; what a refused collection
 * leaves due.
 *
 * Sizes are in slacks: how far a heap may grow before its first full collection, which the heap itself says.
 */
#include "graph.h"

/* An object of any size, whose first slot makes it a ring of one. */
typedef struct Block {
  struct Block *self;
  struct Block *slots[];
} Block;

static const rc_field block_fields[] = {RC_FIELD(Block, self), RC_FIELD_TAIL(Block, slots)};

static rc_type *block_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Block";
  spec.size = sizeof(Block);
  spec.tail_size = sizeof(Block *);
  spec.fields = block_fields;
  spec.field_count = RC_COUNT_OF(block_fields);
  return graph_type(heap, &spec);
}

static Block *block_new(rc_type *type, size_t bytes) {
  Block *block = rc_new_array(type, bytes / sizeof(Block *));
  REQUIRE(block != NULL);
  return block;
}

/* Garbage: an object of so many bytes that refers to itself. */
static void lose(rc_type *type, size_t bytes) {
  Block *block = block_new(type, bytes);
  block->self = block; /* takes the reference */
}

static uint64_t in_use(gc_heap *heap) {
  gc_stats stats = graph_stats(heap);
  return stats.live_bytes + stats.external_bytes;
}

/* The growth before the first full collection of an empty heap. */
static uint64_t slack_of(gc_heap *heap) {
  return graph_stats(heap).full_trigger_bytes;
}

static uint64_t young_bytes(gc_heap *heap) {
  gc_policy policy = GC_POLICY_INIT;
  CHECK_EQ(gc_get_policy(heap, &policy), RC_OK);
  return policy.young_bytes;
}

/* ---- floating garbage is bounded ---- */

/* A large object takes whole pages. */
enum { ROUNDING = 65536 };

/* One heap under observation. `reachable` is what the last full collection left. */
typedef struct Watched {
  gc_heap *heap;
  double growth;
  uint64_t slack, reachable;
  uint64_t largest; /* allocation so far */
  uint64_t added;   /* external bytes since the last allocation: nothing looks before the next one */
  double fullest;   /* the most that was in use, as a part of the bound */
  bool sliced;      /* full collections run in slices: src/cycle/slices.rs */
} Watched;

static void watch_event(gc_heap *heap, const gc_event *event, void *ctx) {
  Watched *watched = ctx;
  if (event->kind == GC_EVENT_STOP && event->generation == GC_GENERATION_FULL)
    watched->reachable = in_use(heap);
}

static bool within_bound(Watched *watched) {
  double bound = (1 + watched->growth) * (double)watched->reachable + (double)watched->slack;
  /* A run that begins late, by an allocation, has an eighth of the room for its way. */
  if (watched->sliced)
    bound += (bound - (double)watched->reachable) / 8 + (double)(watched->largest + watched->added);
  double now = (double)in_use(watched->heap);
  if (now / bound > watched->fullest) watched->fullest = now / bound;
  uint64_t least = watched->slack / 1024 > 1024 ? watched->slack / 1024 : 1024;
  return CHECK(now <= bound + (double)(least + watched->largest + watched->added));
}

static Block *watched_new(Watched *watched, rc_type *type, size_t bytes) {
  Block *block = block_new(type, bytes);
  uint64_t taken = rc_size_of(block) + ROUNDING;
  if (taken > watched->largest) watched->largest = taken;
  watched->added = 0;
  return block;
}

enum { SLOTS = 512 };

/* A new object for a slot, in a ring or not, with a reference to another slot's object or not. */
static void fill(Watched *watched, rc_type *type, size_t bytes, Block **slot, Block *other, uint64_t *seed) {
  Block *block = watched_new(watched, type, bytes);
  if (check_below(seed, 2)) block->self = rc_newref(block);
  if (other != NULL && rc_length(block) > 0 && check_below(seed, 4) == 0) block->slots[0] = rc_newref(other);
  rc_setref(slot, block);
}

/* What a random program does next. */
static void random_act(Watched *watched, rc_type *type, Block **slots, uint64_t *seed, size_t load) {
  Block **slot = &slots[check_below(seed, SLOTS)], *block;
  size_t largest = (size_t)watched->slack / (1u << (4 + check_below(seed, 8)));
  size_t bytes = 1 + check_below(seed, largest + 1);
  switch (check_below(seed, 8)) {
  case 0: /* dies by its count */
    rc_decref(watched_new(watched, type, bytes));
    break;
  case 1:
  case 2: /* dies at once, in a ring */
    block = watched_new(watched, type, bytes);
    block->self = block;
    break;
  case 3:
    if (*slot == NULL) break;
    CHECK_EQ(rc_add_external_bytes(*slot, (ptrdiff_t)bytes), RC_OK);
    watched->added += bytes;
    break;
  case 4: /* what was in a ring is garbage, and old by now */
    rc_clear(slot);
    break;
  default:
    if (check_below(seed, SLOTS) <= load)
      fill(watched, type, bytes, slot, slots[check_below(seed, SLOTS)], seed);
  }
}

static void one_random_program(uint64_t *seed, size_t acts) {
  Watched watched = {0};
  gc_policy policy = GC_POLICY_INIT;
  static Block *slots[SLOTS];
  gc_heap *heap = watched.heap = graph_heap("random");
  rc_type *type = block_type(heap);
  policy.growth = watched.growth = 0.25 * (double)(1 + check_below(seed, 12));
  if (check_below(seed, 2)) policy.full_min_bytes = slack_of(heap) >> check_below(seed, 7);
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  watched.slack = slack_of(heap);
  watched.sliced = check_below(seed, 2);
  if (watched.sliced) {
    policy.pause_budget_ns = 1000000;
    policy.pause_work = (uint64_t)1 << check_below(seed, 14);
    policy.behind = GC_BEHIND_BUDGET;
  }
  if (check_below(seed, 2)) policy.young_bytes = watched.slack >> check_below(seed, 10);
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  CHECK_EQ(gc_add_callback(heap, watch_event, &watched), RC_OK);
  size_t load = SLOTS;
  for (size_t i = 0; i < acts; i++) {
    if (i % (acts / 10) == 0) load = check_below(seed, SLOTS) + 1; /* grows, or shrinks, for a while */
    if (i % (acts / 3) == acts / 4)
      for (size_t j = 0; j < SLOTS; j++) rc_clear(&slots[j]); /* all goes at once */
    random_act(&watched, type, slots, seed, load);
    if (!within_bound(&watched)) break;
  }
  /* A bound that nothing comes near says nothing. How early slices begin, the machine says. */
  CHECK(graph_stats(heap).full.runs > 0);
  CHECK(watched.sliced || watched.fullest > 0.9);
  for (size_t j = 0; j < SLOTS; j++) rc_clear(&slots[j]);
  (void)gc_collect(heap);
  CHECK_EQ(in_use(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void floating_garbage_is_bounded_in_random_programs(void) {
  uint64_t seed = check_seed("floating_garbage_is_bounded_in_random_programs");
  for (size_t i = 0; i < check_scale(1, 4, 40); i++)
    one_random_program(&seed, check_scale(4000, 10000, 20000));
}

/* Programs in which a class of small objects still knew a page that slices had emptied, and took the large object that lay
 * there next for one of its blocks. */
static void a_page_that_slices_emptied_is_known_to_no_class(void) {
  uint64_t seed = 754084295263321;
  for (size_t i = 0; i < 4; i++) one_random_program(&seed, 10000);
}

/* Small nodes, the shape of most programs: rings that have grown old when they are lost. */
static void floating_garbage_of_small_old_rings_is_bounded(void) {
  enum { WINDOW = 4096 };
  static Node *window[WINDOW];
  Watched watched = {0};
  gc_heap *heap = watched.heap = graph_heap("small");
  rc_type *type = graph_declared(heap);
  watched.growth = 1.0;
  watched.slack = slack_of(heap);
  CHECK_EQ(gc_add_callback(heap, watch_event, &watched), RC_OK);
  size_t rings = check_scale(1, 10, 100) * (size_t)watched.slack / 200;
  for (size_t i = 0; i < rings; i++) {
    Node **slot = &window[i % WINDOW];
    rc_xdecref(*slot);
    *slot = graph_ring(type, 2);
    if (i % 16 == 0 && !within_bound(&watched)) break;
  }
  CHECK(graph_stats(heap).full.runs + graph_stats(heap).young.runs > 0);
  for (size_t i = 0; i < WINDOW; i++) rc_xdecref(window[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* What is charged is what is in use, also where an object takes hardly more than half of its pages. */
static void garbage_of_large_objects_is_bounded(void) {
  static const size_t sizes[] = {30000, 33000, 40000, 66000, 70000, 131000};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    Watched watched = {0};
    gc_heap *heap = watched.heap = graph_heap("large");
    rc_type *type = block_type(heap);
    watched.growth = 1.0;
    watched.slack = slack_of(heap);
    gc_policy policy = GC_POLICY_INIT;
    policy.young_bytes = (uint64_t)1 << 40; /* only full ones */
    CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
    CHECK_EQ(gc_add_callback(heap, watch_event, &watched), RC_OK);
    for (uint64_t done = 0; done < 3 * watched.slack; done += sizes[i]) {
      Block *block = watched_new(&watched, type, sizes[i]);
      block->self = block;
      if (!within_bound(&watched)) break;
    }
    CHECK(graph_stats(heap).full.runs > 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* ---- full collections cost a constant share of allocation ---- */

/* A heap that grows without garbage and is dropped again and again: the trigger follows it down, yet for each
 * object allocated at most (1 + growth) / growth are examined. */
static void a_sawtooth_without_garbage_pays_a_constant_share(void) {
  gc_heap *heap = graph_heap("sawtooth");
  rc_type *type = block_type(heap);
  uint64_t slack = slack_of(heap);
  size_t bytes = 4000, tooth = 6 * (size_t)slack / bytes;
  for (size_t round = 0; round < check_scale(1, 3, 40); round++) {
    Block *head = NULL;
    for (size_t i = 0; i < tooth; i++) {
      Block *block = block_new(type, bytes);
      block->self = head;
      head = block;
    }
    rc_clear(&head);
  }
  gc_stats stats = graph_stats(heap);
  CHECK(stats.full.runs > 0);
  CHECK_EQ(stats.full.reclaimed + stats.young.reclaimed, 0);
  CHECK(stats.full.examined <= 2 * stats.allocated_objects);
  CHECK(stats.young.examined <= stats.allocated_objects);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- young collections switch off, and come back ---- */

/* Nothing is garbage: objects die by their counts. */
static void churn_by_count(rc_type *type, uint64_t bytes) {
  for (uint64_t done = 0; done < bytes; done += 4096) rc_decref(block_new(type, 4000));
}

static void churn_by_rings(rc_type *type, uint64_t bytes) {
  for (uint64_t done = 0; done < bytes; done += 4096) lose(type, 4000);
}

static void young_collections_that_find_nothing_switch_off(void) {
  gc_heap *heap = graph_heap("young");
  rc_type *type = block_type(heap);
  uint64_t least = young_bytes(heap);
  churn_by_count(type, 16 * least);
  CHECK(young_bytes(heap) > least);
  churn_by_count(type, 128 * least);
  CHECK_EQ(young_bytes(heap), 64 * least);
  CHECK_EQ(graph_stats(heap).young.runs, 4); /* after 1, 4, 16 and 64 times the least */
  CHECK_EQ(graph_stats(heap).full.runs, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void young_collections_come_back_when_there_is_garbage(void) {
  gc_heap *heap = graph_heap("back");
  rc_type *type = block_type(heap);
  uint64_t least = young_bytes(heap);
  churn_by_count(type, 128 * least);
  CHECK_EQ(young_bytes(heap), 64 * least);
  churn_by_rings(type, 64 * least);
  CHECK_EQ(young_bytes(heap), least);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Full collections of a heap with this much alive come before a young one at the longest interval does. They
 * find much garbage, all of it young: without their help no young collection would ever run again. */
static void full_collections_bring_young_ones_back(void) {
  gc_heap *heap = graph_heap("large");
  rc_type *type = block_type(heap);
  uint64_t least = young_bytes(heap), slack = slack_of(heap);
  Block *head = NULL;
  for (uint64_t live = 0; live < 2 * slack; live += 4096) {
    Block *block = block_new(type, 4000);
    block->self = head;
    head = block;
  }
  (void)gc_collect(heap);
  churn_by_count(type, 130 * least);
  CHECK_EQ(young_bytes(heap), 64 * least);
  gc_stats before = graph_stats(heap);
  REQUIRE(before.full_trigger_bytes - before.live_bytes < 64 * least);
  churn_by_rings(type, 100 * least);
  gc_stats after = graph_stats(heap);
  CHECK_EQ(young_bytes(heap), least);
  CHECK(after.young.runs - before.young.runs > 10);
  CHECK(after.full.runs - before.full.runs <= 4);
  CHECK(after.full.examined - before.full.examined < 4 * before.live_objects * 3);
  rc_clear(&head);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- small heaps ---- */

/* What runs small finds its rings before much was taken, as often as the policy says. */
static void a_small_heap_collects_early(void) {
  static const uint64_t least[] = {64 << 10, 256 << 10, 1 << 20};
  for (size_t i = 0; i < RC_COUNT_OF(least); i++) {
    gc_heap *heap = graph_heap("small heap");
    rc_type *type = graph_declared(heap);
    uint64_t usual = slack_of(heap);
    gc_policy policy = GC_POLICY_INIT;
    policy.full_min_bytes = least[i], policy.young_bytes = (uint64_t)1 << 40; /* only full ones */
    CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
    CHECK_EQ(slack_of(heap), least[i]);
    uint64_t peak = 0, made = 0;
    for (; made < 20 * least[i]; made += 2 * 32) {
      rc_decref(graph_ring(type, 2));
      uint64_t now = in_use(heap);
      if (now > peak) peak = now;
    }
    gc_stats stats = graph_stats(heap);
    CHECK(peak <= least[i] + least[i] / 1024 + 1024 + 2 * 32);
    CHECK(peak > least[i] / 2);
    CHECK(stats.full.runs >= 18 && stats.full.runs <= 21);
    CHECK_EQ(gc_get_policy(heap, &policy), RC_OK);
    CHECK_EQ(policy.full_min_bytes, least[i]);
    policy.full_min_bytes = 0; /* the library's again */
    CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
    (void)gc_collect(heap);
    CHECK_EQ(slack_of(heap), usual);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* Any number is one, and the trigger never wraps. */
static void the_least_growth_at_its_limits(void) {
  gc_heap *heap = graph_heap("limits");
  rc_type *type = graph_declared(heap);
  gc_policy policy = GC_POLICY_INIT;
  policy.full_min_bytes = UINT64_MAX;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  CHECK_EQ(graph_stats(heap).full_trigger_bytes, UINT64_MAX);
  Node *node = graph_node(type, 0);
  CHECK_EQ(rc_add_external_bytes(node, PTRDIFF_MAX), RC_OK);
  rc_decref(graph_node(type, 0));
  CHECK_EQ(graph_stats(heap).full.runs, 0);
  CHECK_EQ(rc_add_external_bytes(node, -PTRDIFF_MAX), RC_OK);
  policy.full_min_bytes = 1; /* whenever there is anything, at the next look */
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  for (size_t i = 0; i < 100; i++) rc_decref(graph_node(type, 0));
  CHECK(graph_stats(heap).full.runs >= 1);
  /* A program that was compiled before the member was there has the default. */
  policy.struct_size = offsetof(gc_policy, full_min_bytes);
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  CHECK(graph_stats(heap).full_trigger_bytes > 4096);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- external bytes ---- */

/* Bytes that no object keeps move the triggers like those of objects, and stay until the host takes them back. */
static void external_bytes_of_the_whole_heap(void) {
  gc_heap *heap = graph_heap("of the heap");
  rc_type *type = graph_declared(heap);
  uint64_t slack = slack_of(heap);
  CHECK_EQ(gc_add_external_bytes(heap, (ptrdiff_t)(3 * slack)), RC_OK);
  CHECK_EQ(graph_stats(heap).external_bytes, 3 * slack);
  CHECK_EQ(graph_stats(heap).full.runs, 0); /* adding runs nothing, */
  rc_decref(graph_node(type, 0));
  CHECK_EQ(graph_stats(heap).full.runs, 1); /* the next allocation does */
  CHECK_EQ(graph_stats(heap).full_trigger_bytes, 2 * in_use(heap) + slack);
  Node *node = graph_node(type, 0);
  CHECK_EQ(rc_add_external_bytes(node, 1000), RC_OK);
  CHECK_EQ(graph_stats(heap).external_bytes, 3 * slack + 1000);
  rc_decref(node); /* the object's go with it, the heap's stay */
  CHECK_EQ(graph_stats(heap).external_bytes, 3 * slack);
  (void)gc_collect(heap); /* also when tables are trimmed */
  CHECK_EQ(graph_stats(heap).external_bytes, 3 * slack);
  CHECK_EQ(gc_add_external_bytes(heap, -(ptrdiff_t)(3 * slack) - 1), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "below 0");
  CHECK_EQ(gc_add_external_bytes(heap, PTRDIFF_MAX), RC_ERR_INVALID);
  CHECK_EQ(graph_stats(heap).external_bytes, 3 * slack);
  CHECK_EQ(gc_add_external_bytes(heap, -(ptrdiff_t)(3 * slack)), RC_OK);
  CHECK_EQ(gc_add_external_bytes(heap, PTRDIFF_MIN), RC_ERR_INVALID);
  CHECK_EQ(gc_add_external_bytes(heap, PTRDIFF_MAX), RC_OK);
  CHECK_EQ(gc_add_external_bytes(heap, -PTRDIFF_MAX), RC_OK);
  CHECK_EQ(graph_stats(heap).external_bytes, 0);
  CHECK_EQ(gc_add_external_bytes(heap, 4096), RC_OK); /* what is left says nothing when the heap ends */
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A runtime that allocates tables in rings by itself: what they keep alive elsewhere is bounded as objects are. */
static void tables_of_a_runtime_are_paced(void) {
  gc_heap *heap = graph_heap("tables");
  gc_policy policy = GC_POLICY_INIT;
  policy.mode = GC_POLICY_SAFEPOINT, policy.full_min_bytes = 1 << 20;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  rc_type *type = graph_declared(heap);
  for (size_t i = 0; i < 100; i++) {
    CHECK_EQ(gc_add_external_bytes(heap, 100000), RC_OK);
    rc_decref(graph_ring(type, 2));
    CHECK_EQ(gc_add_external_bytes(heap, -100000), RC_OK);
    gc_safepoint(heap);
  }
  uint64_t runs = graph_stats(heap).full.runs;
  for (size_t i = 0; i < 30; i++) {
    CHECK_EQ(gc_add_external_bytes(heap, 100000), RC_OK);
    gc_safepoint(heap);
  }
  CHECK_EQ(graph_stats(heap).full.runs - runs, 1); /* 3 MB: the first passes 1 MiB, the next would at 3.2 */
  (void)gc_collect(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}


static void external_bytes_make_collections_due(void) {
  gc_heap *heap = graph_heap("external");
  rc_type *type = graph_declared(heap);
  uint64_t slack = slack_of(heap), peak = 0;
  size_t each = (size_t)slack / 16;
  for (size_t i = 0; i < 200; i++) {
    Node *node = graph_ring(type, 2);
    CHECK_EQ(rc_add_external_bytes(node, (ptrdiff_t)each), RC_OK);
    rc_decref(node);
    uint64_t now = graph_stats(heap).external_bytes;
    if (now > peak) peak = now;
  }
  gc_stats stats = graph_stats(heap);
  CHECK(peak <= slack + each);
  CHECK(stats.young.runs + stats.full.runs >= 10);
  (void)gc_collect(heap);
  CHECK_EQ(graph_stats(heap).external_bytes, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* They count for the full trigger as if the objects were that large, and what is taken back does not. */
static void external_bytes_of_the_living_move_the_trigger(void) {
  gc_heap *heap = graph_heap("trigger");
  rc_type *type = graph_declared(heap);
  uint64_t slack = slack_of(heap);
  Node *node = graph_node(type, 0);
  CHECK_EQ(rc_add_external_bytes(node, (ptrdiff_t)(3 * slack)), RC_OK);
  CHECK_EQ(graph_stats(heap).full.runs, 0); /* adding runs nothing, */
  rc_decref(graph_node(type, 0));
  CHECK_EQ(graph_stats(heap).full.runs, 1); /* the next allocation does */
  CHECK_EQ(graph_stats(heap).full_trigger_bytes, 2 * in_use(heap) + slack);
  CHECK_EQ(rc_add_external_bytes(node, -(ptrdiff_t)(3 * slack)), RC_OK);
  (void)gc_collect(heap);
  CHECK_EQ(graph_stats(heap).full_trigger_bytes, 2 * in_use(heap) + slack);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- explicit policies ---- */

/* A young collection comes at the latest after so many bytes, however few: small objects, and large ones. */
static void young_bytes_are_kept_to(void) {
  static const uint64_t sizes[] = {1, 500, 1000, 5000, 20000, 100000};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    gc_heap *heap = graph_heap("exact");
    rc_type *small = graph_declared(heap), *large = block_type(heap);
    gc_policy policy = GC_POLICY_INIT;
    policy.young_bytes = sizes[i];
    CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
    uint64_t runs = 0, since = 0;
    for (size_t step = 0; step < 1000; step++) {
      bool is_small = step % 5 != 0;
      if (is_small) rc_decref(graph_node(small, 0));
      else rc_decref(block_new(large, 800));
      gc_stats stats = graph_stats(heap);
      since = stats.young.runs == runs ? since + (is_small ? sizeof(Node) : 800) : 0;
      runs = stats.young.runs;
      CHECK(since <= sizes[i]);
    }
    CHECK(runs > 0);
    CHECK_EQ(young_bytes(heap), sizes[i]);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* A larger factor collects less often; the trigger is what the policy says. */
static void growth_sets_the_trigger(void) {
  static const double factors[] = {0.25, 1.0, 4.0};
  uint64_t runs_before = UINT64_MAX;
  for (size_t i = 0; i < 3; i++) {
    gc_heap *heap = graph_heap("growth");
    rc_type *type = block_type(heap);
    gc_policy policy = GC_POLICY_INIT;
    uint64_t slack = slack_of(heap);
    policy.growth = factors[i];
    policy.young_bytes = (uint64_t)1 << 40; /* no young ones */
    CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
    Block *held = block_new(type, (size_t)slack);
    (void)gc_collect(heap);
    gc_stats stats = graph_stats(heap);
    CHECK_EQ(stats.full_trigger_bytes, (uint64_t)((double)stats.live_bytes * (1 + factors[i])) + slack);
    uint64_t runs = stats.full.runs;
    churn_by_rings(type, 12 * slack);
    runs = graph_stats(heap).full.runs - runs;
    CHECK(runs > 0 && runs < runs_before);
    CHECK_EQ(graph_stats(heap).young.runs, 0);
    runs_before = runs;
    rc_decref(held);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* ---- a collection that was refused ---- */

static gc_heap *asking_heap;
static bool asks;

/* Asks for a collection where none may run. */
static void asking_clear(void *obj) {
  if (asks) CHECK_EQ(gc_collect(asking_heap), 0);
  rc_clear(&((Node *)obj)->a);
}

static int asking_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  return visit(((Node *)obj)->a, visit_ctx);
}

static rc_type *asking_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Asking";
  spec.size = sizeof(Node);
  spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = asking_traverse;
  spec.clear = asking_clear;
  return graph_type(heap, &spec);
}

static void refuse_one(gc_heap *heap, rc_type *type) {
  asking_heap = heap;
  uint64_t refused = graph_stats(heap).full.refused;
  Node *node = graph_node(type, 0);
  asks = true;
  rc_decref(node);
  asks = false;
  CHECK_EQ(graph_stats(heap).full.refused, refused + 1);
}

/* It is made up for by a full one: a young one, asked for or due at the same time, does not do instead. */
static void a_refused_collection_is_made_up_for_by_a_full_one(void) {
  for (unsigned how = 0; how < 3; how++) {
    gc_heap *heap = graph_heap("refused");
    rc_type *type = asking_type(heap);
    gc_policy policy = GC_POLICY_INIT;
    if (how == 2) policy.young_bytes = 1; /* due at every allocation */
    CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
    refuse_one(heap, type);
    if (how == 1) (void)gc_collect_young(heap);
    CHECK_EQ(graph_stats(heap).full.runs, 0);
    rc_decref(graph_node(type, 0));
    CHECK_EQ(graph_stats(heap).full.runs, 1);
    for (size_t i = 0; i < 10; i++) rc_decref(graph_node(type, 0));
    CHECK_EQ(graph_stats(heap).full.runs, 1); /* once */
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void one_that_ran_meanwhile_makes_up_for_it(void) {
  gc_heap *heap = graph_heap("meanwhile");
  rc_type *type = asking_type(heap);
  refuse_one(heap, type);
  (void)gc_collect(heap);
  CHECK_EQ(graph_stats(heap).full.runs, 1);
  rc_decref(graph_node(type, 0));
  CHECK_EQ(graph_stats(heap).full.runs, 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(floating_garbage_is_bounded_in_random_programs),
    CHECK_TEST(a_page_that_slices_emptied_is_known_to_no_class),
    CHECK_TEST(floating_garbage_of_small_old_rings_is_bounded),
    CHECK_TEST(garbage_of_large_objects_is_bounded),
    CHECK_TEST(a_sawtooth_without_garbage_pays_a_constant_share),
    CHECK_TEST(young_collections_that_find_nothing_switch_off),
    CHECK_TEST(young_collections_come_back_when_there_is_garbage),
    CHECK_TEST(full_collections_bring_young_ones_back),
    CHECK_TEST(a_small_heap_collects_early),
    CHECK_TEST(the_least_growth_at_its_limits),
    CHECK_TEST(external_bytes_of_the_whole_heap),
    CHECK_TEST(tables_of_a_runtime_are_paced),
    CHECK_TEST(external_bytes_make_collections_due),
    CHECK_TEST(external_bytes_of_the_living_move_the_trigger),
    CHECK_TEST(young_bytes_are_kept_to),
    CHECK_TEST(growth_sets_the_trigger),
    CHECK_TEST(a_refused_collection_is_made_up_for_by_a_full_one),
    CHECK_TEST(one_that_ran_meanwhile_makes_up_for_it),
};

CHECK_MAIN(tests)
