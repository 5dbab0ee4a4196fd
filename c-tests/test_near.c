/* Collections near a death: a ring whose owner has died is found soon, by what the owner let go of (src/cycle/near.rs).
 * What they find, what they leave alone, what they cost, and that they end nothing that can be reached: a random program
 * beside a model of who refers to whom.
 */
#include "graph.h"

enum { NEAR_BYTES = 4096 };

typedef struct Owner {
  void *kept[4];
} Owner;

static const rc_field owner_fields[] = {RC_FIELD_ARRAY(Owner, kept)};

static rc_type *owner_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Owner", spec.size = sizeof(Owner);
  spec.fields = owner_fields, spec.field_count = RC_COUNT_OF(owner_fields);
  return graph_type(heap, &spec);
}

/* A heap that looks after NEAR_BYTES, and where nothing else is due. */
static gc_heap *near_heap_of(uint32_t finalizers) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = "near", options.finalizers = finalizers;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  gc_policy policy = GC_POLICY_INIT;
  policy.near_bytes = NEAR_BYTES, policy.young_bytes = policy.full_min_bytes = (uint64_t)1 << 40;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  return heap;
}

static gc_heap *near_heap(void) {
  return near_heap_of(0);
}

/* Allocates until a look was due: types have rations of a few KiB. */
static void go_on(rc_type *type) {
  for (size_t bytes = 0; bytes < 4 * NEAR_BYTES; bytes += sizeof(Node)) rc_decref(rc_new(type));
}

/* An owner of what it is given. */
static Owner *own(rc_type *type, void *first, void *second) {
  Owner *owner = rc_new(type);
  REQUIRE(owner != NULL);
  owner->kept[0] = first, owner->kept[1] = second;
  return owner;
}

static void a_ring_goes_after_its_owner(void) {
  for (int kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = near_heap();
    rc_type *owners = owner_type(heap), *type = graph_kinds[kind](heap), *other = graph_declared(heap);
    graph_reset();
    Owner *owner = own(owners, graph_ring(type, 10), graph_ring(type, 1));
    go_on(other);
    CHECK_EQ(graph_live(heap), 12);
    rc_decref(owner);
    CHECK_EQ(graph_live(heap), 11);
    go_on(other);
    CHECK_EQ(graph_live(heap), 0);
    if (kind != 0) CHECK_EQ(graph.destroyed, 11);
    gc_stats stats = graph_stats(heap);
    CHECK_EQ(stats.full.runs, 0);
    CHECK_EQ(stats.young.runs, 1);
    CHECK_EQ(stats.young.examined, 11);
    CHECK_EQ(stats.young.reclaimed, 11);
    go_on(other); /* nobody let go of anything */
    CHECK_EQ(graph_stats(heap).young.runs, 1);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* A ring in the middle of other things: what holds it from outside the ring holds. */
static void what_is_held_stays(void) {
  for (int kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = near_heap();
    rc_type *owners = owner_type(heap), *type = graph_kinds[kind](heap), *other = graph_declared(heap);
    Node *by_host = graph_ring(type, 5), *by_object = graph_ring(type, 5);
    Owner *holder = own(owners, rc_newref(by_object), NULL);
    Node *immortal = graph_ring(type, 5);
    rc_immortalize(immortal);
    rc_decref(own(owners, rc_newref(by_host), by_object));
    rc_decref(own(owners, immortal, NULL));
    go_on(other);
    CHECK_EQ(graph_live(heap), 16);
    CHECK(graph_stats(heap).young.runs > 0);
    CHECK(by_host->a->a->a->a->a == by_host);
    rc_decref(by_host); /* by the host, which nobody sees */
    go_on(other);
    CHECK_EQ(graph_live(heap), 16);
    CHECK_EQ(gc_collect(heap), 5);
    rc_decref(holder); /* which is seen again */
    go_on(other);
    CHECK_EQ(graph_live(heap), 5);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void what_takes_no_part_is_left_alone(void) {
  gc_heap *heap = near_heap();
  rc_type *owners = owner_type(heap), *type = graph_declared(heap);
  Node *untracked = graph_ring(type, 3), *frozen = graph_ring(type, 3);
  CHECK_EQ(gc_freeze(heap), RC_OK);
  gc_untrack(untracked->a);
  rc_decref(own(owners, untracked, frozen));
  go_on(type);
  CHECK_EQ(graph_live(heap), 6);
  CHECK_EQ(gc_unfreeze(heap), RC_OK);
  gc_track(untracked->a);
  CHECK_EQ(gc_collect(heap), 6);
  gc_disable(heap); /* and while automatic collection is off, nothing is looked at */
  rc_decref(own(owners, graph_ring(type, 3), NULL));
  go_on(type);
  CHECK_EQ(graph_live(heap), 3);
  gc_enable(heap);
  for (int i = 0; i < 100; i++) go_on(type); /* while it was off, it was asked every MiB */
  CHECK_EQ(graph_live(heap), 0);
  gc_set_debug(heap, GC_DEBUG_SAVEALL);
  rc_decref(own(owners, graph_ring(type, 3), NULL));
  go_on(type);
  CHECK_EQ(gc_garbage_count(heap), 3);
  gc_set_debug(heap, 0);
  gc_garbage_clear(heap);
  CHECK_EQ(gc_collect(heap), 3);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void only_where_the_policy_says(void) {
  gc_heap *heap = near_heap();
  rc_type *owners = owner_type(heap), *type = graph_declared(heap);
  gc_policy policy = GC_POLICY_INIT;
  CHECK_EQ(gc_get_policy(heap, &policy), RC_OK);
  CHECK_EQ(policy.near_bytes, NEAR_BYTES);
  policy.near_bytes = UINT64_MAX;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  for (int i = 0; i < 100; i++) {
    rc_decref(own(owners, graph_ring(type, 3), NULL));
    go_on(type);
  }
  CHECK_EQ(graph_live(heap), 300);
  CHECK_EQ(gc_collect(heap), 300);
  policy.near_bytes = 0, policy.mode = GC_POLICY_SAFEPOINT;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  CHECK_EQ(gc_get_policy(heap, &policy), RC_OK);
  CHECK(policy.near_bytes > 0 && policy.near_bytes < UINT64_MAX);
  for (uint64_t bytes = 0; bytes < policy.near_bytes + 65536; bytes += 3 * 32)
    rc_decref(own(owners, graph_ring(type, 3), NULL));
  CHECK_EQ(graph_stats(heap).young.runs, 0);
  gc_safepoint(heap);
  CHECK(graph_stats(heap).young.runs > 0);
  for (int looks = 0; looks < 400 && graph_live(heap); looks++) { /* one look may not list them all */
    for (int i = 0; i < 30; i++) go_on(type);
    gc_safepoint(heap);
  }
  if (!check_env("RCGC_TEST_CHECKED")) CHECK_EQ(graph_live(heap), 0); /* which lists few */
  (void)gc_collect(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- the table of lifetime.md ---- */

static char order[64];
static Node *saved;

static void note(char step) {
  size_t length = strlen(order);
  if (length < sizeof order - 1) order[length] = step, order[length + 1] = 0;
}

static void save_once(void *obj) {
  note('f');
  if (!saved) saved = rc_newref(obj);
}

static void on_weak(rc_weak *weak, void *ctx) {
  (void)ctx;
  note('w');
  CHECK(rc_weak_get(weak) == NULL);
}

static void on_destroy(void *obj) {
  (void)obj;
  note('d');
}

static void steps_are_those_of_every_collection(void) {
  gc_heap *heap = near_heap();
  rc_type *owners = owner_type(heap), *other = graph_declared(heap);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Final", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
  spec.finalize = save_once, spec.destroy = on_destroy;
  rc_type *type = graph_type(heap, &spec);
  order[0] = 0, saved = NULL;
  Node *ring = graph_ring(type, 2);
  rc_weak *weak = rc_weak_new(ring, on_weak, NULL);
  rc_decref(own(owners, ring, NULL));
  go_on(other);
  CHECK(saved != NULL); /* the first finalizer brought both back */
  CHECK(strcmp(order, "ff") == 0);
  CHECK_EQ(graph_live(heap), 2);
  void *held = rc_weak_get(weak);
  CHECK(held == (void *)ring);
  rc_decref(held);
  CHECK_EQ(graph_stats(heap).young.resurrected, 2);
  order[0] = 0;
  rc_decref(own(owners, saved, NULL));
  go_on(other);
  CHECK(strcmp(order, "wdd") == 0); /* finalized once in a life */
  CHECK_EQ(graph_live(heap), 0);
  rc_weak_free(weak);
  /* Entries of weak maps: the value refers to its key. */
  rc_weakmap *map = rc_weakmap_new(heap);
  Node *key = graph_node(other, 1), *value = graph_node(other, 2);
  value->a = rc_newref(key);
  CHECK_EQ(rc_weakmap_set(map, key, value), RC_OK);
  rc_decref(value);
  rc_decref(own(owners, key, NULL));
  go_on(other);
  size_t left = rc_weakmap_length(map) ? 2 : 0; /* a look need not follow entries: then a collection does */
  CHECK_EQ(gc_collect(heap), left);
  CHECK_EQ(rc_weakmap_length(map), 0);
  rc_decref(map);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* What is noted may be gone, and its block somebody else's, when it is looked at. */
static void hints_outlive_what_they_name(void) {
  gc_heap *heap = near_heap();
  rc_type *owners = owner_type(heap), *type = graph_declared(heap);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Bytes", spec.size = 8, spec.tail_size = 1;
  rc_type *bytes = graph_type(heap, &spec);
  uint64_t random = check_seed("hints_outlive_what_they_name");
  Node *held[64] = {0};
  for (size_t i = 0; i < check_scale(2000, 20000, 200000); i++) {
    size_t at = check_below(&random, 64);
    if (held[at]) rc_decref(held[at]);
    held[at] = graph_ring(type, 1 + check_below(&random, 3));
    if (held[at]->a == held[at]) rc_clear(&held[at]->a); /* one that dies by its count */
    rc_decref(own(owners, rc_newref(held[at]), rc_newref(held[(at + 1) % 64] ? held[(at + 1) % 64] : held[at])));
    /* Blocks of other sizes, and large ones, where those were: every word looks like a header. */
    size_t length = check_below(&random, 100) ? check_below(&random, 300) : 200000;
    char *text = rc_new_array(bytes, length);
    REQUIRE(text != NULL);
    memset(text + 8, 0x5a, length);
    rc_decref(text);
    if (check_below(&random, 500) == 0) (void)gc_collect(heap);
  }
  for (size_t i = 0; i < 64; i++)
    if (held[i]) rc_decref(held[i]);
  (void)gc_collect(heap);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- work ---- */

/* A live hub that is let go of all the time: looks at it are bounded, and become rare. */
static void a_hub_costs_a_few_tries(void) {
  gc_heap *heap = graph_heap("hub");
  rc_type *owners = owner_type(heap), *type = graph_declared(heap);
  size_t n = check_scale(20000, 200000, 1000000);
  Node *hub = graph_chain(type, n, false);
  (void)gc_collect(heap);
  uint64_t before = graph_stats(heap).young.examined;
  for (size_t i = 0; i < n; i++) rc_decref(own(owners, rc_newref(hub), NULL));
  uint64_t looked = graph_stats(heap).young.examined - before;
  printf("%zu objects let go of a hub of %zu: %llu looked at\n", n, n, (unsigned long long)looked);
  /* The first tries, and then what becomes rare; at the checking level it never becomes that rare. */
  if (!check_env("RCGC_TEST_CHECKED")) CHECK(looked <= n / 2 + 100000);
  rc_decref(hub);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* What is too large for a look is left to a full collection. */
static void a_look_is_bounded(void) {
  gc_heap *heap = near_heap();
  rc_type *owners = owner_type(heap), *type = graph_declared(heap);
  size_t n = 100000;
  rc_decref(own(owners, graph_ring(type, n), NULL));
  go_on(type);
  gc_stats stats = graph_stats(heap);
  CHECK_EQ(stats.young.runs, 1);
  CHECK_EQ(stats.young.examined, NEAR_BYTES / 16);
  CHECK_EQ(graph_live(heap), n);
  CHECK_EQ(gc_collect(heap), n);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A table of all there is ends the walk, whether its slots are declared or reported: nobody goes through it each time. */
typedef struct Table {
  Node **rows;
  uint64_t count;
} Table;

static size_t rows_visited;

static int table_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Table *table = obj;
  for (uint64_t i = 0; i < table->count; i++) {
    int stop = visit(table->rows[i], visit_ctx);
    if (stop) return stop;
    rows_visited++;
  }
  return 0;
}

static void table_clear(void *obj) {
  Table *table = obj;
  for (uint64_t i = 0; i < table->count; i++) rc_clear(&table->rows[i]);
}

static void table_destroy(void *obj) {
  free(((Table *)obj)->rows);
}

static void a_table_of_all_is_outside(void) {
  static const rc_field fields[] = {RC_FIELD_VECTOR(Table, rows, count)};
  for (int declared = 0; declared < 2; declared++) {
    gc_heap *heap = graph_heap("table");
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Table", spec.size = sizeof(Table), spec.destroy = table_destroy, spec.flags = RC_TYPE_TRACK_ON_NEW;
    if (declared) spec.fields = fields, spec.field_count = 1;
    else spec.traverse = table_traverse, spec.clear = table_clear;
    rc_type *tables = graph_type(heap, &spec), *owners = owner_type(heap), *type = graph_declared(heap);
    size_t n = check_scale(70000, 200000, 1000000);
    Table *table = rc_new(tables);
    table->rows = calloc(n, sizeof(Node *));
    REQUIRE(table->rows != NULL);
    for (size_t i = 0; i < n; i++) table->rows[i] = graph_node(type, i), table->count = i + 1;
    table->rows[0]->a = rc_newref(table); /* a ring */
    (void)gc_collect(heap);
    gc_stats before = graph_stats(heap);
    rows_visited = 0;
    size_t lets = check_scale(20000, 500000, 1000000);
    for (size_t i = 0; i < lets; i++) rc_decref(own(owners, rc_newref(table), rc_newref(table->rows[i % n])));
    gc_stats after = graph_stats(heap);
    uint64_t looks = after.young.runs - before.young.runs;
    CHECK(looks > 0);
    if (!check_env("RCGC_TEST_CHECKED")) /* where each is asked several times more */
      CHECK(rows_visited <= (looks + 2 * (after.full.runs - before.full.runs)) * 2 * n);
    CHECK_EQ(after.live_objects, n + 1);
    rc_decref(table);
    CHECK_EQ(gc_collect(heap), n + 1);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* What replaced members of a living graph let go of is that graph; what tables let go of is garbage. The first wait, so that
 * looks are at garbage, and come back when there is something to find. */
static void types_whose_hints_are_for_nothing_wait(void) {
  enum { LIVE = 100, DEAD = 10, ROUNDS = 600 };
  gc_heap *heap = near_heap();
  rc_type *tables = owner_type(heap), *replaced = owner_type(heap), *type = graph_declared(heap);
  Node *ring = graph_ring(type, LIVE), *next = ring;
  for (int round = 0; round < ROUNDS; round++) {
    Owner *owner = own(replaced, NULL, NULL), *table = own(tables, NULL, NULL);
    for (int i = 0; i < 4; i++) {
      owner->kept[i] = rc_newref(next), next = next->a;
      table->kept[i] = graph_ring(type, DEAD);
    }
    rc_decref(owner);
    rc_decref(table);
    if (round % 4 == 0) go_on(type);
  }
  for (int i = 0; i < 20; i++) go_on(type);
  gc_stats stats = graph_stats(heap);
  uint64_t dead = (uint64_t)ROUNDS * 4 * DEAD;
  if (check_env("RCGC_TEST_CHECKED")) /* where few hints are listed, the rest is a full collection's */
    (void)gc_collect(heap);
  else
    CHECK(stats.young.reclaimed >= dead * 9 / 10);
  CHECK(stats.young.examined - stats.young.reclaimed <= stats.young.reclaimed / 2);
  (void)gc_collect(heap);
  CHECK_EQ(graph_live(heap), LIVE);
  uint64_t before = graph_stats(heap).young.reclaimed;
  for (int round = 0; round < ROUNDS; round++) { /* one that waits lets go of garbage now */
    rc_decref(own(replaced, graph_ring(type, DEAD), graph_ring(type, DEAD)));
    rc_decref(own(tables, graph_ring(type, 1), NULL)); /* so that there is a look */
    if (round % 4 == 0) go_on(type);
  }
  CHECK(graph_stats(heap).young.reclaimed - before > ROUNDS * DEAD);
  rc_decref(ring);
  (void)gc_collect(heap);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Rings of many kinds at the border of a look: what is cut off, and what a `traverse` reports, is subtracted, too. */
static void what_the_walk_did_not_follow_is_counted(void) {
  for (int kind = 0; kind < GRAPH_KINDS; kind++)
    for (size_t n = NEAR_BYTES / 16 - 3; n <= NEAR_BYTES / 16 + 3; n++) {
      gc_heap *heap = near_heap();
      rc_type *owners = owner_type(heap), *type = graph_kinds[kind](heap), *other = graph_declared(heap);
      Node *ring = graph_ring(type, n), *node = ring; /* and back, and to the first */
      for (size_t i = 0; i < n; i++, node = node->a) node->b = rc_newref(i % 2 ? ring : node->a->a);
      rc_decref(own(owners, ring, rc_newref(ring->a)));
      go_on(other);
      CHECK_EQ(graph_live(heap), n <= NEAR_BYTES / 16 ? 0 : n);
      CHECK_EQ(graph_stats(heap).young.examined, n <= NEAR_BYTES / 16 ? n : NEAR_BYTES / 16);
      CHECK_EQ(gc_collect(heap), n <= NEAR_BYTES / 16 ? 0 : n);
      CHECK_EQ(gc_heap_free(heap), 0);
    }
}

/* A child has the hints of its parent, and both look at them. */
static void a_fork_leaves_hints_to_both(void) {
  gc_heap *heap = near_heap();
  rc_type *owners = owner_type(heap), *type = graph_declared(heap);
  rc_decref(own(owners, graph_ring(type, 10), graph_ring(type, 1)));
  CHECK_EQ(graph_live(heap), 11);
  fflush(NULL);
  pid_t child = fork();
  REQUIRE(child >= 0);
  go_on(type);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
  if (child == 0) {
    fflush(NULL);
    _exit(check_failures != 0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- a random program ---- */

enum { OBJECTS = 400, NOBODY = -1 };

static struct {
  void *at;
  int slots[2];
  unsigned roots;
  bool is_owner, was_final;
} model[OBJECTS];

static gc_heap *model_heap;
static uint64_t model_random;

static int number_of(void *obj) {
  for (int i = 0; i < OBJECTS; i++)
    if (model[i].at == obj) return i;
  return NOBODY;
}

static void reach_from(int from, bool *reached) {
  int stack[OBJECTS], top = 0;
  if (from == NOBODY || reached[from]) return;
  reached[from] = true, stack[top++] = from;
  while (top) {
    int i = stack[--top];
    for (int s = 0; s < 2; s++) {
      int next = model[i].slots[s];
      if (next != NOBODY && !reached[next]) reached[next] = true, stack[top++] = next;
    }
  }
}

static void reach(bool *reached) {
  memset(reached, 0, OBJECTS);
  for (int i = 0; i < OBJECTS; i++)
    if (model[i].at && model[i].roots) reach_from(i, reached);
}

static void model_destroy(void *obj) {
  bool reached[OBJECTS];
  int i = number_of(obj);
  REQUIRE(i != NOBODY);
  reach(reached);
  if (!CHECK(!reached[i])) printf("object %d was ended, and can be reached\n", i);
  model[i].at = NULL;
}

static void model_finalize(void *obj) {
  int i = number_of(obj);
  REQUIRE(i != NOBODY);
  CHECK(!model[i].was_final);
  model[i].was_final = true;
  if (check_below(&model_random, 3) == 0) rc_incref(obj), model[i].roots++; /* brought back */
}

static int any_reached(void) {
  bool reached[OBJECTS];
  reach(reached);
  for (int tries = 0; tries < 20; tries++) {
    int i = (int)check_below(&model_random, OBJECTS);
    if (reached[i]) return i;
  }
  return NOBODY;
}

static void model_make(rc_type *const *types, size_t count) {
  bool reached[OBJECTS];
  int i = 0;
  while (i < OBJECTS && model[i].at) i++;
  reach(reached);
  if (i == OBJECTS) return;
  size_t which = check_below(&model_random, count);
  void *at = rc_new(types[which]); /* callbacks run: the place may be taken by none, since only this makes objects */
  REQUIRE(at != NULL && !model[i].at);
  model[i].at = at, model[i].slots[0] = model[i].slots[1] = NOBODY, model[i].roots = 1;
  model[i].was_final = false;
}

static void model_link(void) {
  int from = any_reached(), to = any_reached();
  if (from == NOBODY || to == NOBODY) return;
  int s = (int)check_below(&model_random, 2);
  void **slot = (void **)model[from].at + s, *old = *slot;
  *slot = rc_newref(model[to].at);
  model[from].slots[s] = to;
  if (old) rc_decref(old);
}

static void model_drop(void) {
  int i = (int)check_below(&model_random, OBJECTS);
  if (!model[i].at || !model[i].roots) return;
  model[i].roots--;
  rc_decref(model[i].at);
}

static void random_programs_lose_nothing(void) {
  model_random = check_seed("random_programs_lose_nothing");
  for (size_t round = 0; round < check_scale(12, 120, 2000); round++) {
    memset(model, 0, sizeof model);
    model_heap = near_heap_of(round % 3 == 2 ? GC_FINALIZERS_QUEUED : 0);
    gc_policy policy = GC_POLICY_INIT;
    CHECK_EQ(gc_get_policy(model_heap, &policy), RC_OK);
    policy.near_bytes = 64 << check_below(&model_random, 8);
    if (check_below(&model_random, 4) == 0) policy.young_bytes = 16384, policy.full_min_bytes = 65536;
    CHECK_EQ(gc_set_policy(model_heap, &policy), RC_OK);
    rc_type_spec plain = RC_TYPE_SPEC_INIT, final;
    plain.name = "Plain", plain.size = sizeof(Node), plain.destroy = model_destroy;
    plain.fields = graph_fields, plain.field_count = 2;
    rc_type_spec spoken = plain;
    spoken.name = "Spoken", spoken.field_count = 1, spoken.flags = RC_TYPE_TRACK_ON_NEW;
    spoken.traverse = graph_traverse_b, spoken.clear = graph_clear_b;
    final = plain, final.name = "Final", final.finalize = model_finalize;
    rc_type *types[] = {graph_type(model_heap, &plain), graph_type(model_heap, &spoken), graph_type(model_heap, &final)};
    for (int step = 0; step < 2000; step++) {
      size_t choice = check_below(&model_random, 100);
      if (choice < 40) model_make(types, round % 2 ? 3 : 2);
      else if (choice < 65) model_link();
      else if (choice < 98) model_drop();
      else if (choice < 99) (void)(step % 2 ? gc_collect_young(model_heap) : gc_run_finalizers(model_heap));
      else if (step % 7 == 0) (void)gc_collect(model_heap);
    }
    gc_policy never = GC_POLICY_INIT;
    never.mode = GC_POLICY_NEVER;
    CHECK_EQ(gc_set_policy(model_heap, &never), RC_OK);
    for (int i = 0; i < OBJECTS; i++)
      while (model[i].at && model[i].roots) model[i].roots--, rc_decref(model[i].at);
    for (int tries = 0; tries < 20 && graph_live(model_heap); tries++) {
      (void)gc_collect(model_heap);
      (void)gc_run_finalizers(model_heap);
      for (int i = 0; i < OBJECTS; i++)
        while (model[i].at && model[i].roots) model[i].roots--, rc_decref(model[i].at);
    }
    for (int i = 0; i < OBJECTS; i++) CHECK(!model[i].at);
    CHECK_EQ(graph_live(model_heap), 0);
    CHECK_EQ(gc_heap_free(model_heap), 0);
    if (check_failures) {
      printf("round %zu\n", round);
      return;
    }
  }
}

static const check_test tests[] = {
    CHECK_TEST(a_ring_goes_after_its_owner),
    CHECK_TEST(what_is_held_stays),
    CHECK_TEST(what_takes_no_part_is_left_alone),
    CHECK_TEST(only_where_the_policy_says),
    CHECK_TEST(steps_are_those_of_every_collection),
    CHECK_TEST(hints_outlive_what_they_name),
    CHECK_TEST(a_hub_costs_a_few_tries),
    CHECK_TEST(a_look_is_bounded),
    CHECK_TEST(a_table_of_all_is_outside),
    CHECK_TEST(types_whose_hints_are_for_nothing_wait),
    CHECK_TEST(what_the_walk_did_not_follow_is_counted),
    CHECK_TEST(a_fork_leaves_hints_to_both),
    CHECK_TEST(random_programs_lose_nothing),
};

CHECK_MAIN(tests)
