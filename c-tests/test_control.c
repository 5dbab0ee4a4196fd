/* The controls of the collector: freezing, debug flags and the garbage list, callbacks, statistics. Policies
 * and the heap limit have their tests in test_collector.c; here they meet callbacks and finalizers. */
#include "check.h"
#include "graph.h"

/* ---- freezing ---- */

/* Freezing, collecting beside what is frozen, and thawing write to no object: a child after fork shares the
 * memory. */
static void freeze_writes_to_no_object(void) {
  enum { N = 5000 };
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = graph_heap("frozen");
    rc_type *type = graph_kinds[kind](heap);
    Node **nodes = malloc(N * sizeof *nodes);
    size_t bytes = RCGC_HEADER_BYTES + sizeof(Node);
    unsigned char *before = malloc(N * bytes);
    uint64_t seed = check_seed(__func__);
    graph_random(type, nodes, N, &seed);
    rc_weak *weak = rc_weak_new(nodes[7], NULL, NULL);
    for (size_t i = 0; i < N; i++) memcpy(before + i * bytes, (char *)nodes[i] - RCGC_HEADER_BYTES, bytes);
    CHECK_EQ(gc_freeze(heap), RC_OK);
    CHECK_EQ(gc_freeze_count(heap), N);
    for (int i = 0; i < 3; i++) { /* the child's life */
      rc_decref(graph_ring(type, 100));
      rc_decref(graph_chain(type, 100, false));
      CHECK_EQ(gc_collect(heap), 100);
      CHECK_EQ(gc_collect_young(heap), 0);
    }
    CHECK_EQ(gc_unfreeze(heap), RC_OK);
    size_t changed = 0;
    for (size_t i = 0; i < N; i++)
      changed += memcmp(before + i * bytes, (char *)nodes[i] - RCGC_HEADER_BYTES, bytes) != 0;
    CHECK_EQ(changed, 0);
    rc_weak_free(weak);
    for (size_t i = 0; i < N; i++) rc_decref(nodes[i]);
    (void)gc_collect(heap);
    CHECK_EQ(gc_heap_free(heap), 0);
    free(nodes), free(before);
  }
}

/* Kilobytes of the memory of objects that are this process's own, by /proc/self/smaps. */
static size_t private_dirty(void *obj) {
  FILE *maps = fopen("/proc/self/smaps", "r");
  if (!maps) return 0;
  char line[512];
  size_t dirty = 0, kilobytes;
  uintptr_t from, to, at = (uintptr_t)obj;
  bool inside = false;
  while (fgets(line, sizeof line, maps)) {
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2 && strchr(line, '-') < strchr(line, ' '))
      inside = at >= from && at < to;
    else if (inside && sscanf(line, "Private_Dirty: %zu kB", &kilobytes) == 1)
      dirty += kilobytes;
  }
  fclose(maps);
  return dirty;
}

static void collect_in_child(void *arg) {
  Node **ends = arg;
  size_t before = private_dirty(ends[0]);
  for (int i = 0; i < 5; i++) {
    rc_decref(graph_ring(rc_type_of(ends[0]), 100));
    CHECK_EQ(gc_collect(NULL), 100);
  }
  size_t grown = private_dirty(ends[0]) - before;
  CHECK(grown < 1024);
  if (grown >= 1024) printf("  %zu kB became the child's own\n", grown);
}

/* A forked child that collects does not copy what was made before: with freezing, and, since judging writes
 * to no object, without. */
static void forked_child_shares_what_was_frozen(void) {
  if (check_env("RCGC_TEST_SMALL")) return; /* the sizes are those of a bare process */
  rc_type *type = graph_declared(NULL);
  Node *ends[1] = {graph_chain(type, 400000, false)};
  char message[CHECK_MESSAGE_BYTES];
  for (int frozen = 0; frozen < 2; frozen++) {
    if (frozen) CHECK_EQ(gc_freeze(NULL), RC_OK);
    int status = check_in_child(collect_in_child, ends, message, sizeof message);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  rc_decref(ends[0]);
}

static void frozen_garbage_waits(void) {
  rc_type *type = graph_watched(NULL);
  Node *ring = graph_ring(type, 10);
  CHECK_EQ(gc_freeze(NULL), RC_OK);
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 0);
  Node *fresh = graph_ring(type, 3); /* what is frozen holds it */
  ring->b = fresh;
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(graph_stats(NULL).full.examined, 3);
  CHECK_EQ(gc_unfreeze(NULL), RC_OK);
  CHECK_EQ(gc_freeze_count(NULL), 0);
  CHECK_EQ(gc_collect_young(NULL), 0); /* unfrozen objects are old */
  CHECK_EQ(gc_collect(NULL), 13);
  CHECK_EQ(graph.destroyed, 13);
}

static void freeze_count_is_exact_as_objects_die(void) {
  enum { N = 3000 };
  uint64_t seed = check_seed(__func__);
  rc_type *types[] = {graph_declared(NULL), graph_callback(NULL)};
  Node *nodes[N];
  for (int i = 0; i < N; i++) nodes[i] = graph_node(types[i % 2], (uint64_t)i);
  CHECK_EQ(gc_freeze_count(NULL), 0);
  CHECK_EQ(gc_freeze(NULL), RC_OK);
  size_t frozen = N;
  for (int step = 0; step < 4 * N; step++) { /* die by count, and their blocks are used again */
    int i = (int)check_below(&seed, N);
    if (nodes[i]) {
      frozen -= nodes[i]->id < N;
      rc_clear(&nodes[i]);
    } else {
      nodes[i] = graph_node(types[i % 2], N + 1);
    }
    if (step % 500 == 0) {
      CHECK_EQ(gc_freeze_count(NULL), frozen);
      (void)gc_collect(NULL);
      CHECK_EQ(gc_freeze_count(NULL), frozen);
    }
  }
  CHECK_EQ(gc_freeze(NULL), RC_OK); /* once more: all that live now */
  CHECK_EQ(gc_freeze_count(NULL), graph_live(NULL));
  for (int i = 0; i < N; i++) rc_xdecref(nodes[i]);
  CHECK_EQ(gc_freeze_count(NULL), 0);
  CHECK_EQ(gc_unfreeze(NULL), RC_OK);
  CHECK_EQ(gc_unfreeze(NULL), RC_OK); /* nothing to thaw */
}

static void frozen_heap_ends(void) {
  gc_heap *heap = graph_heap("frozen");
  rc_type *type = graph_watched(heap);
  rc_decref(graph_ring(type, 5));
  Node *held = graph_node(type, 1);
  (void)held;
  CHECK_EQ(gc_freeze(heap), RC_OK);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 1);
  CHECK_EQ(graph.destroyed, 6);
}

static int freezing_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  CHECK_EQ(gc_freeze(NULL), RC_ERR_REFUSED);
  CHECK_EQ(gc_unfreeze(NULL), RC_ERR_REFUSED);
  return visit(((Node *)obj)->a, visit_ctx);
}

static void clear_a(void *obj) {
  rc_clear(&((Node *)obj)->a);
}

static void freeze_is_refused_in_traverse(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Freezing", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = freezing_traverse, spec.clear = clear_a;
  rc_decref(graph_ring(graph_type(NULL, &spec), 3));
  CHECK_EQ(gc_collect(NULL), 3);
}

/* ---- debug flags ---- */

static void debug_flags_are_kept_and_checked(void) {
  CHECK_EQ(gc_get_debug(NULL), 0);
  uint32_t all[] = {GC_DEBUG_STATS, GC_DEBUG_COLLECTABLE, GC_DEBUG_UNCOLLECTABLE, GC_DEBUG_SAVEALL,
                    GC_DEBUG_LEAK, GC_DEBUG_LEAK | GC_DEBUG_STATS, 0};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    CHECK_EQ(gc_set_debug(NULL, all[i]), RC_OK);
    CHECK_EQ(gc_get_debug(NULL), all[i]);
  }
  CHECK_EQ(gc_set_debug(NULL, GC_DEBUG_STATS), RC_OK);
  CHECK_EQ(gc_set_debug(NULL, 8), RC_ERR_INVALID);
  CHECK_EQ(gc_set_debug(NULL, 0x80000000u), RC_ERR_INVALID);
  CHECK_EQ(gc_get_debug(NULL), GC_DEBUG_STATS);
  CHECK_EQ(GC_DEBUG_LEAK, GC_DEBUG_COLLECTABLE | GC_DEBUG_UNCOLLECTABLE | GC_DEBUG_SAVEALL);
}

static size_t lines_with(const char *word) {
  size_t n = 0;
  for (const char *at = check_log.text; (at = strstr(at, word)); at += strlen(word)) n++;
  return n;
}

static void debug_stats_says_begin_and_end(void) {
  gc_heap *heap = graph_heap("talking");
  rc_type *type = graph_declared(heap);
  CHECK_EQ(gc_set_debug(heap, GC_DEBUG_STATS), RC_OK);
  check_log_start();
  rc_decref(graph_ring(type, 5));
  CHECK_EQ(gc_collect_young(heap), 5);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(check_log.lines[GC_LOG_INFO], 4);
  CHECK_STR(check_log.text, "heap talking: young collection begins; 5 objects live");
  CHECK_STR(check_log.text, "heap talking: young collection done: 5 examined, 5 reclaimed, 0 resurrected");
  CHECK_STR(check_log.text, "full collection done: 0 examined, 0 reclaimed");
  CHECK_EQ(gc_set_debug(heap, 0), RC_OK);
  check_log_start();
  (void)gc_collect(heap);
  CHECK_EQ(check_log.used, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void debug_collectable_names_each(void) {
  rc_type *type = graph_watched(NULL);
  CHECK_EQ(gc_set_debug(NULL, GC_DEBUG_COLLECTABLE), RC_OK);
  check_log_start();
  Node *ring = graph_ring(type, 7);
  char address[40];
  snprintf(address, sizeof address, "Watched %p", (void *)ring);
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 7);
  CHECK_EQ(lines_with("collectable: Watched"), 7);
  CHECK_STR(check_log.text, address);
  check_log_start();
  rc_decref(graph_node(type, 1)); /* by count: no collection, no line */
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(check_log.used, 0);
}

/* A traverse that reports an edge twice: the object cannot be judged and stays alive, and a line names it. */
static int twice_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  for (int i = 0; i < 2; i++) {
    int stop = visit(((Node *)obj)->a, visit_ctx);
    if (stop) return stop;
  }
  return 0;
}

static void debug_uncollectable_names_each(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Twice", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = twice_traverse, spec.clear = clear_a;
  Node *ring = graph_ring(graph_type(NULL, &spec), 2);
  CHECK_EQ(gc_set_debug(NULL, GC_DEBUG_UNCOLLECTABLE), RC_OK);
  check_log_start();
  char first[40], second[40];
  snprintf(first, sizeof first, "Twice %p", (void *)ring);
  snprintf(second, sizeof second, "Twice %p", (void *)ring->a);
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(graph_live(NULL), 2);
  CHECK_EQ(graph_stats(NULL).full.last_status, RC_ERR_TRAVERSE);
  CHECK_STR(check_log.text, first);
  CHECK_STR(check_log.text, second);
}

static void garbage_list_keeps_until_cleared(void) {
  rc_type *type = graph_mixed(NULL);
  CHECK_EQ(gc_set_debug(NULL, GC_DEBUG_LEAK), RC_OK);
  check_log_start();
  CHECK_EQ(gc_garbage_count(NULL), 0);
  gc_garbage_clear(NULL); /* empty: nothing */
  for (int i = 1; i <= 3; i++) {
    rc_decref(graph_ring(type, 4));
    CHECK_EQ(gc_collect(NULL), 4);
    CHECK_EQ(gc_garbage_count(NULL), (size_t)i * 4);
  }
  CHECK_EQ(lines_with("collectable: Mixed"), 12);
  CHECK(graph.cleared == 0 && graph.destroyed == 0);
  for (size_t i = 0; i < 12; i++) {
    Node *node = gc_garbage_get(NULL, i);
    CHECK(node && node->a && rc_count(node) == 2);
  }
  CHECK(gc_garbage_get(NULL, 12) == NULL && gc_garbage_get(NULL, SIZE_MAX) == NULL);
  Node *first = rc_newref(gc_garbage_get(NULL, 0)); /* taken out of the list alive */
  CHECK_EQ(gc_set_debug(NULL, 0), RC_OK);
  gc_garbage_clear(NULL);
  CHECK_EQ(gc_collect(NULL), 8);
  CHECK_EQ(graph.destroyed, 8);
  rc_decref(first);
  CHECK_EQ(gc_collect(NULL), 4);
  CHECK_EQ(graph_live(NULL), 0);
}

static size_t saved_again;

/* Its death makes another ring of its kind, which a collection saves at once. */
static void save_another(void *obj) {
  (void)obj;
  if (saved_again++ >= 100000) return;
  rc_decref(graph_ring(rc_type_of(obj), 1));
  (void)gc_collect(NULL);
}

/* What is saved while the list is cleared waits for the next time: else clearing might never end. */
static void garbage_list_is_cleared_of_what_was_in_it(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Again", spec.size = sizeof(Node), spec.destroy = save_another;
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  rc_type *type = graph_type(NULL, &spec);
  CHECK_EQ(gc_set_debug(NULL, GC_DEBUG_SAVEALL), RC_OK);
  Node *ring = graph_ring(type, 1);
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 1);
  rc_clear(&ring->a); /* it dies when the list lets go of it */
  for (size_t i = 1; i <= 20; i++) {
    gc_garbage_clear(NULL);
    CHECK_EQ(saved_again, i);
    REQUIRE(gc_garbage_count(NULL) == 1);
    ring = gc_garbage_get(NULL, 0);
    rc_clear(&ring->a);
  }
  saved_again = 100000;
  gc_garbage_clear(NULL);
  CHECK_EQ(gc_garbage_count(NULL), 0);
  CHECK_EQ(graph_live(NULL), 0);
  CHECK_EQ(gc_set_debug(NULL, 0), RC_OK);
}

static void garbage_list_ends_with_its_heap(void) {
  gc_heap *heap = graph_heap("leaky");
  CHECK_EQ(gc_set_debug(heap, GC_DEBUG_SAVEALL), RC_OK);
  rc_decref(graph_ring(graph_watched(heap), 9));
  CHECK_EQ(gc_collect(heap), 9);
  CHECK_EQ(gc_heap_free(heap), 0); /* nobody else held them */
  CHECK_EQ(graph.destroyed, 9);
}

/* ---- callbacks ---- */

enum { SEEN = 64 };

static struct seen {
  gc_event event;
  char who;
} seen[SEEN];
static size_t seen_count;

static void on_event(gc_heap *heap, const gc_event *event, void *ctx) {
  CHECK(heap != NULL);
  CHECK(event->struct_size >= sizeof *event);
  if (seen_count < SEEN) seen[seen_count++] = (struct seen){*event, *(char *)ctx};
}

static char a = 'a', b = 'b', c = 'c';

static void several_callbacks_in_order(void) {
  rc_type *type = graph_declared(NULL);
  CHECK_EQ(gc_add_callback(NULL, on_event, &a), RC_OK);
  CHECK_EQ(gc_add_callback(NULL, on_event, &b), RC_OK);
  CHECK_EQ(gc_add_callback(NULL, on_event, &c), RC_OK);
  CHECK_EQ(gc_add_callback(NULL, on_event, &b), RC_ERR_INVALID); /* twice */
  CHECK_EQ(gc_add_callback(NULL, NULL, &b), RC_ERR_INVALID);
  rc_decref(graph_ring(type, 6));
  CHECK_EQ(gc_collect(NULL), 6);
  REQUIRE(seen_count == 6);
  const char *who = "abcabc";
  for (int i = 0; i < 6; i++) {
    const gc_event *event = &seen[i].event;
    CHECK_EQ(seen[i].who, who[i]);
    CHECK_EQ(event->kind, i < 3 ? GC_EVENT_START : GC_EVENT_STOP);
    CHECK_EQ(event->reason, GC_REASON_REQUEST);
    CHECK_EQ(event->generation, GC_GENERATION_FULL);
    CHECK_EQ(event->status, RC_OK);
    CHECK_EQ(event->examined, i < 3 ? 0 : 6);
    CHECK_EQ(event->reclaimed, i < 3 ? 0 : 6);
    CHECK_EQ(event->resurrected, 0);
    CHECK((event->duration_ns > 0) == (i >= 3));
  }
  CHECK_EQ(gc_remove_callback(NULL, on_event, &b), RC_OK);
  CHECK_EQ(gc_remove_callback(NULL, on_event, &b), RC_ERR_INVALID);
  seen_count = 0;
  (void)gc_collect_young(NULL); /* told of, although there is nothing to do */
  CHECK_EQ(seen_count, 4);
  CHECK(seen[0].who == 'a' && seen[1].who == 'c' && seen[0].event.generation == GC_GENERATION_YOUNG);
  CHECK_EQ(gc_remove_callback(NULL, on_event, &a), RC_OK);
  CHECK_EQ(gc_remove_callback(NULL, on_event, &c), RC_OK);
  seen_count = 0;
  (void)gc_collect(NULL);
  CHECK_EQ(seen_count, 0);
}

static void remove_itself(gc_heap *heap, const gc_event *event, void *ctx) {
  on_event(heap, event, ctx);
  CHECK_EQ(gc_remove_callback(NULL, remove_itself, ctx), RC_OK);
  CHECK_EQ(gc_remove_callback(NULL, remove_itself, ctx), RC_ERR_INVALID);
}

/* Nobody is left out when one removes itself, and it is not told of the end. */
static void removed_inside_itself(void) {
  CHECK_EQ(gc_add_callback(NULL, on_event, &a), RC_OK);
  CHECK_EQ(gc_add_callback(NULL, remove_itself, &b), RC_OK);
  CHECK_EQ(gc_add_callback(NULL, on_event, &c), RC_OK);
  (void)gc_collect(NULL);
  REQUIRE(seen_count == 5);
  const char *who = "abcac";
  for (int i = 0; i < 5; i++) CHECK_EQ(seen[i].who, who[i]);
  (void)gc_collect(NULL);
  CHECK_EQ(seen_count, 9);
}

static void remove_others(gc_heap *heap, const gc_event *event, void *ctx) {
  on_event(heap, event, ctx);
  if (event->kind != GC_EVENT_START) return;
  (void)gc_remove_callback(heap, on_event, &a);
  (void)gc_remove_callback(heap, on_event, &c);
  CHECK_EQ(gc_add_callback(heap, on_event, &c), RC_OK); /* and comes back, for the next event */
}

static void removed_and_added_inside_another(void) {
  CHECK_EQ(gc_add_callback(NULL, on_event, &a), RC_OK);
  CHECK_EQ(gc_add_callback(NULL, remove_others, &b), RC_OK);
  CHECK_EQ(gc_add_callback(NULL, on_event, &c), RC_OK);
  (void)gc_collect(NULL);
  REQUIRE(seen_count == 4);
  const char *who = "abbc";
  for (int i = 0; i < 4; i++) CHECK_EQ(seen[i].who, who[i]);
}

static rc_type *busy_type;

/* A callback may do anything but collect. */
static void busy(gc_heap *heap, const gc_event *event, void *ctx) {
  on_event(heap, event, ctx);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_collect_young(heap), 0);
  CHECK_EQ(gc_freeze(heap), RC_ERR_REFUSED);
  for (int i = 0; i < 100; i++) {
    rc_decref(graph_ring(busy_type, 2));
    rc_decref(graph_chain(busy_type, 5, false));
  }
  rc_weak *weak = rc_weak_new(graph_node(busy_type, 1), NULL, NULL);
  Node *node = rc_weak_get(weak);
  rc_decref(node), rc_decref(node);
  rc_weak_free(weak);
  CHECK(rc_scope_enter(heap) != RC_SCOPE_NONE); /* left open: closed at the border */
}

static void callbacks_may_do_anything_but_collect(void) {
  busy_type = graph_watched(NULL);
  check_log_start();
  CHECK_EQ(gc_add_callback(NULL, busy, &a), RC_OK);
  rc_decref(graph_ring(busy_type, 3));
  size_t ended = gc_collect(NULL);
  CHECK(ended == 3 || ended == 203); /* what was made at the start may be in or not */
  gc_stats stats = graph_stats(NULL);
  CHECK(stats.full.refused == 2 && stats.young.refused == 2);
  CHECK_EQ(gc_remove_callback(NULL, busy, &a), RC_OK);
  (void)gc_collect(NULL);
  CHECK_EQ(graph_live(NULL), 0);
}

static void each_reason_is_told(void) {
  gc_heap *heap = graph_heap("reasons");
  rc_type *type = graph_declared(heap);
  CHECK_EQ(gc_add_callback(heap, on_event, &a), RC_OK);
  gc_policy policy = GC_POLICY_INIT;
  policy.young_bytes = 32 << 10;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  for (size_t i = 0; i < 20000 && seen_count == 0; i++) rc_decref(graph_ring(type, 2));
  REQUIRE(seen_count >= 2);
  CHECK_EQ(seen[0].event.reason, GC_REASON_TRIGGER);
  CHECK_EQ(seen[0].event.generation, GC_GENERATION_YOUNG);
  Node *kept = graph_chain(type, 2000, false);
  (void)gc_collect(heap);
  policy.limit_bytes = graph_stats(heap).heap_bytes;
  policy.young_bytes = (uint64_t)1 << 40;
  policy.growth = 100; /* nothing is due before the limit */
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  seen_count = 0;
  for (size_t i = 0; i < 1000000 && seen_count == 0; i++) {
    Node *node = rc_new(type);
    if (!node) break;
    node->a = rc_newref(node);
    rc_decref(node);
  }
  REQUIRE(seen_count >= 2);
  CHECK_EQ(seen[0].event.reason, GC_REASON_EMERGENCY);
  CHECK_EQ(seen[0].event.generation, GC_GENERATION_FULL);
  rc_decref(kept);
  seen_count = 0;
  CHECK_EQ(gc_heap_free(heap), 0);
  REQUIRE(seen_count == 2);
  CHECK_EQ(seen[1].event.reason, GC_REASON_HEAP_END);
}

/* ---- statistics ---- */

static Node *brought_back;

static void bring_back(void *obj) {
  Node *node = obj;
  if (node->id == 0 && !brought_back) brought_back = rc_newref(node);
}

static void statistics_by_generation(void) {
  if (check_env("RCGC_TEST_CHECKED")) return; /* collections of its own would be in them */
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Back", spec.size = sizeof(Node), spec.finalize = bring_back;
  spec.fields = graph_fields, spec.field_count = 2;
  rc_type *type = graph_declared(NULL), *back = graph_type(NULL, &spec);
  rc_decref(graph_ring(type, 5));
  Node *held = graph_node(type, 1);
  CHECK_EQ(gc_collect_young(NULL), 5);
  rc_decref(graph_ring(type, 7));
  rc_decref(graph_ring(back, 4));
  CHECK_EQ(gc_collect(NULL), 7);
  gc_stats stats = graph_stats(NULL);
  CHECK(stats.young.runs == 1 && stats.young.examined == 6 && stats.young.reclaimed == 5);
  CHECK(stats.full.runs == 1 && stats.full.examined == 12 && stats.full.reclaimed == 7);
  CHECK(stats.young.resurrected == 0 && stats.full.resurrected == 4);
  CHECK(stats.full.last_status == RC_OK && stats.full.reserved == 0);
  CHECK_EQ(stats.live_objects, 5);
  CHECK_EQ(stats.allocated_objects, 17);
  CHECK_EQ(stats.freed_objects, 12);
  CHECK_EQ(stats.reclaimed_objects, 12);
  rc_decref(brought_back);
  CHECK_EQ(gc_collect(NULL), 4); /* once finalized, they go */
  rc_decref(held);
  CHECK_EQ(graph_live(NULL), 0);
}

static void pause_histogram_adds_up(void) {
  rc_type *type = graph_callback(NULL);
  for (int i = 0; i < 50; i++) {
    rc_decref(graph_ring(type, (size_t)i * 50 + 1));
    if (i % 2) (void)gc_collect(NULL);
    else (void)gc_collect_young(NULL);
  }
  gc_stats stats = graph_stats(NULL);
  const gc_generation_stats *both[] = {&stats.young, &stats.full};
  for (int g = 0; g < 2; g++) {
    uint64_t pauses = 0, least = 0;
    size_t highest = 0;
    for (size_t i = 0; i < GC_PAUSE_BUCKETS; i++) {
      pauses += both[g]->pauses[i];
      if (both[g]->pauses[i]) highest = i;
      if (i) least += both[g]->pauses[i] * (UINT64_C(1000) << (i - 1)); /* each took so long at least */
    }
    CHECK_EQ(pauses, both[g]->runs);
    CHECK(both[g]->runs >= 25);
    CHECK(both[g]->pause_ns_max >= both[g]->pause_ns_last);
    CHECK(both[g]->pause_ns_total >= both[g]->pause_ns_max);
    CHECK(both[g]->pause_ns_total >= least);
    if (highest + 1 < GC_PAUSE_BUCKETS) {
      CHECK(both[g]->pause_ns_max < UINT64_C(1000) << highest);
      CHECK(highest == 0 || both[g]->pause_ns_max >= UINT64_C(1000) << (highest - 1));
    }
  }
}

static void structs_of_older_hosts(void) {
  gc_stats stats = GC_STATS_INIT;
  stats.struct_size = offsetof(gc_stats, young); /* a host that knows no generations */
  stats.young.runs = 77;
  rc_status status = gc_get_stats(NULL, &stats);
  CHECK(status == RC_OK || status == RC_ERR_INVALID);
  CHECK_EQ(stats.young.runs, 77); /* nothing is written past its end */
  stats.struct_size = 0;
  CHECK_EQ(gc_get_stats(NULL, &stats), RC_ERR_INVALID);
}

/* ---- policies and finalizers ---- */

static size_t finalized;

static void count_finalize(void *obj) {
  (void)obj;
  finalized++;
}

static rc_type *finalized_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Finalized", spec.size = sizeof(Node), spec.finalize = count_finalize;
  spec.fields = graph_fields, spec.field_count = 2;
  return graph_type(heap, &spec);
}

/* Under each mode finalizers of rings run where collections do, and nowhere else. */
static void finalizers_run_where_the_policy_says(void) {
  gc_heap *heap = graph_heap("policy");
  rc_type *type = finalized_type(heap);
  size_t n = check_scale(3000, 100000, 300000);
  gc_policy policy = GC_POLICY_INIT;
  policy.young_bytes = 64 << 10;
  for (uint32_t mode = GC_POLICY_ALLOCATION; mode <= GC_POLICY_NEVER; mode++) {
    policy.mode = mode;
    CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
    finalized = 0;
    for (size_t i = 0; i < n; i++) rc_decref(graph_ring(type, 2));
    if (mode == GC_POLICY_ALLOCATION) CHECK(finalized > 0);
    else CHECK_EQ(finalized, 0);
    gc_safepoint(heap);
    if (mode == GC_POLICY_SAFEPOINT) CHECK(finalized > 0);
    if (mode == GC_POLICY_NEVER) CHECK_EQ(finalized, 0);
    (void)gc_collect(heap);
    CHECK_EQ(finalized, 2 * n);
  }
  gc_disable(heap);
  policy.mode = GC_POLICY_ALLOCATION;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  CHECK(!gc_is_enabled(heap));
  finalized = 0;
  for (size_t i = 0; i < n; i++) rc_decref(graph_ring(type, 2));
  gc_safepoint(heap);
  CHECK_EQ(finalized, 0);
  CHECK_EQ(gc_collect(heap), 2 * n); /* works when disabled */
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* At the limit a collection runs, with its finalizers, and what it frees is used. */
static void limit_with_finalizers(void) {
  gc_heap *heap = graph_heap("limit");
  rc_type *type = finalized_type(heap);
  gc_policy policy = GC_POLICY_INIT;
  policy.limit_bytes = 2 << 20;
  policy.young_bytes = (uint64_t)1 << 40;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  size_t made = 0;
  for (; made < 200000; made++) {
    Node *node = rc_new(type);
    if (!node) break;
    node->a = rc_newref(node);
    rc_decref(node);
  }
  CHECK_EQ(made, 200000); /* all garbage: it never came to null */
  CHECK(finalized > 0);
  CHECK(graph_stats(heap).heap_bytes <= policy.limit_bytes);
  Node *held = NULL;
  for (made = 0; made < 200000; made++) { /* nothing to be had any more */
    Node *node = rc_new(type);
    if (!node) break;
    node->a = held, held = node;
  }
  CHECK(made < 200000);
  rc_decref(held);
  (void)gc_collect(heap);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(freeze_writes_to_no_object),
    CHECK_TEST(forked_child_shares_what_was_frozen),
    CHECK_TEST(frozen_garbage_waits),
    CHECK_TEST(freeze_count_is_exact_as_objects_die),
    CHECK_TEST(frozen_heap_ends),
    CHECK_TEST(freeze_is_refused_in_traverse),
    CHECK_TEST(debug_flags_are_kept_and_checked),
    CHECK_TEST(debug_stats_says_begin_and_end),
    CHECK_TEST(debug_collectable_names_each),
    CHECK_TEST(debug_uncollectable_names_each),
    CHECK_TEST(garbage_list_keeps_until_cleared),
    CHECK_TEST(garbage_list_is_cleared_of_what_was_in_it),
    CHECK_TEST(garbage_list_ends_with_its_heap),
    CHECK_TEST(several_callbacks_in_order),
    CHECK_TEST(removed_inside_itself),
    CHECK_TEST(removed_and_added_inside_another),
    CHECK_TEST(callbacks_may_do_anything_but_collect),
    CHECK_TEST(each_reason_is_told),
    CHECK_TEST(statistics_by_generation),
    CHECK_TEST(pause_histogram_adds_up),
    CHECK_TEST(structs_of_older_hosts),
    CHECK_TEST(finalizers_run_where_the_policy_says),
    CHECK_TEST(limit_with_finalizers),
};

CHECK_MAIN(tests)
