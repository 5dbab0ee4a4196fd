/* Random programs against a model: objects of every kind that may be a key or a value of weak maps, with finalizers that
 * run where their objects die or in the queue, and that do what hosts do in them. What the model can reach lives, with the
 * count that the model says; everything else has ended, when all that was due has run.
 *
 * RCGC_TEST_SEED repeats a run. */
#include "check.h"
#include "graph.h"

enum kind { TASK, PLAIN, TRACED, SYMBOL, ROPE, MAP, KINDS };
enum { SLOTS = 160, ENTRIES = 600, NONE = -1 };

/* What the model knows of an object. Slots are free again after a check has found their objects gone. */
typedef struct Model {
  Node *obj; /* null: a free slot */
  enum kind kind;
  int a, b;  /* slots that its fields refer to */
  unsigned roots;
  rc_weak *weak; /* of some */
  bool reached;
  unsigned count;
} Model;

typedef struct Entry {
  int map, key, value;
} Entry;

static Model models[SLOTS];
static Entry entries[ENTRIES];
static size_t entry_count;
static gc_heap *heap;
static rc_type *types[KINDS];
static uint64_t seed;
static size_t finalized, brought_back;
static bool quiet; /* finalizers do nothing */

static size_t below(size_t limit) {
  return check_below(&seed, limit);
}

static bool has_fields(int slot) {
  return models[slot].kind == TASK || models[slot].kind == PLAIN || models[slot].kind == TRACED;
}

static bool is_rooted(int slot) {
  return models[slot].obj && models[slot].roots > 0;
}

/* A random slot that the program holds a reference to; NONE after some tries. */
static int any_rooted(void) {
  for (int tries = 0; tries < 40; tries++) {
    int slot = (int)below(SLOTS);
    if (is_rooted(slot)) return slot;
  }
  return NONE;
}

static int free_slot(void) {
  for (int slot = 0; slot < SLOTS; slot++)
    if (!models[slot].obj) return slot;
  return NONE;
}

/* ---- what programs do ---- */

static int make(enum kind kind) {
  int slot = free_slot();
  if (slot == NONE) return NONE;
  Node *obj = kind == MAP ? (Node *)(void *)rc_weakmap_new(heap) : rc_new(types[kind]);
  REQUIRE(obj != NULL);
  /* A collection in between may have run finalizers, which take slots. */
  if (models[slot].obj) slot = free_slot();
  if (slot == NONE) {
    rc_decref(obj);
    return NONE;
  }
  models[slot] = (Model){.obj = obj, .kind = kind, .a = NONE, .b = NONE, .roots = 1};
  if (kind != MAP && kind != SYMBOL) obj->id = (uint64_t)slot;
  if (below(2)) models[slot].weak = rc_weak_new(obj, NULL, NULL);
  return slot;
}

static void make_any(void) {
  int slot = make((enum kind)below(KINDS));
  if (slot == NONE || models[slot].kind != ROPE) return;
  /* An acyclic object's reference leads to something that is nobody's key. */
  int part = make(SYMBOL);
  if (part == NONE) return;
  models[slot].a = part, models[slot].obj->a = models[part].obj, models[part].roots = 0;
}

static void drop(int slot) {
  models[slot].roots--;
  rc_decref(models[slot].obj);
}

static void set_field(int from, bool b, int to) {
  Model *model = &models[from];
  if (b) model->b = to;
  else model->a = to;
  rc_setref(b ? &model->obj->b : &model->obj->a, to == NONE ? NULL : rc_newref(models[to].obj));
}

static Entry *find_entry(int map, int key) {
  for (size_t i = 0; i < entry_count; i++)
    if (entries[i].map == map && entries[i].key == key) return &entries[i];
  return NULL;
}

static void set_entry(int map, int key, int value) {
  Entry *entry = find_entry(map, key);
  if (!entry && entry_count == ENTRIES) return;
  if (!entry) entry = &entries[entry_count++];
  *entry = (Entry){map, key, value};
  CHECK_EQ(rc_weakmap_set((rc_weakmap *)(void *)models[map].obj, models[key].obj, models[value].obj), RC_OK);
}

static void take_entry(int map, int key) {
  rc_weakmap *obj = (rc_weakmap *)(void *)models[map].obj;
  Entry *entry = find_entry(map, key);
  void *expected = entry ? models[entry->value].obj : NULL;
  if (entry) *entry = entries[--entry_count];
  void *value = rc_weakmap_take(obj, models[key].obj);
  CHECK(value == expected);
  rc_xdecref(value);
}

static void collect_some_way(void) {
  switch (below(4)) {
    case 0: (void)gc_collect(heap); break;
    case 1: (void)gc_collect_young(heap); break;
    default: (void)gc_run_finalizers(heap);
  }
}

static void change_something(void) {
  int x = any_rooted(), y = any_rooted(), z = any_rooted();
  if (x == NONE || y == NONE || z == NONE) return;
  switch (below(8)) {
    case 0:
    case 1:
      if (has_fields(x)) set_field(x, below(2), below(5) ? y : NONE);
      break;
    case 2:
      if (has_fields(x) && models[x].a != NONE && models[models[x].a].roots < 5) {
        models[models[x].a].roots++;
        rc_incref(models[x].obj->a);
      }
      break;
    case 3:
    case 4:
      if (models[x].kind == MAP) set_entry(x, y, z);
      else if (models[y].kind == MAP) set_entry(y, x, z);
      else if (models[z].kind == MAP) set_entry(z, x, x);
      break;
    case 5:
      if (models[x].kind == MAP) take_entry(x, y);
      break;
    default: drop(x);
  }
}

/* ---- what finalizers do ---- */

static void task_finalize(void *obj) {
  Node *self = obj;
  int slot = (int)self->id;
  finalized++;
  CHECK(models[slot].obj == self && models[slot].kind == TASK);
  if (models[slot].weak) { /* it reads its target until the weak callbacks' time */
    void *target = rc_weak_get(models[slot].weak);
    CHECK(target == self);
    rc_xdecref(target);
  }
  switch (quiet ? 99 : below(12)) {
    case 0:
      models[slot].roots++;
      rc_incref(self);
      brought_back++;
      break;
    case 1: {
      int keeper = any_rooted();
      if (keeper != NONE && has_fields(keeper)) set_field(keeper, below(2), slot), brought_back++;
      break;
    }
    case 2: set_field(slot, below(2), NONE); break;
    case 3: make_any(); break;
    case 4: collect_some_way(); break;
    case 5: {
      int map = any_rooted(), value = any_rooted();
      if (map != NONE && value != NONE && models[map].kind == MAP) set_entry(map, slot, value);
      break;
    }
    default: break;
  }
}

/* ---- the verdict of the model ---- */

static bool reach(int slot) {
  if (slot == NONE || models[slot].reached) return false;
  return models[slot].reached = true;
}

static void judge(void) {
  for (int i = 0; i < SLOTS; i++) models[i].reached = is_rooted(i), models[i].count = models[i].roots;
  for (bool more = true; more;) {
    more = false;
    for (int i = 0; i < SLOTS; i++)
      if (models[i].reached) {
        more |= reach(models[i].a);
        more |= reach(models[i].b);
      }
    for (size_t i = 0; i < entry_count; i++)
      if (models[entries[i].map].reached && models[entries[i].key].reached) more |= reach(entries[i].value);
  }
  size_t kept = 0;
  for (size_t i = 0; i < entry_count; i++) {
    bool lives = models[entries[i].map].reached && models[entries[i].key].reached;
    if (!lives) continue;
    models[entries[i].value].count++;
    entries[kept++] = entries[i];
  }
  entry_count = kept;
  for (int i = 0; i < SLOTS; i++) {
    if (!models[i].reached) continue;
    if (models[i].a != NONE) models[models[i].a].count++;
    if (models[i].b != NONE) models[models[i].b].count++;
  }
}

static void check_lives(int slot) {
  Model *model = &models[slot];
  CHECK_EQ(rc_count(model->obj), model->count);
  if (model->kind == MAP) {
    size_t length = 0;
    for (size_t i = 0; i < entry_count; i++) length += entries[i].map == slot;
    CHECK_EQ(rc_weakmap_length((rc_weakmap *)(void *)model->obj), length);
  } else if (model->kind != SYMBOL) {
    CHECK(model->obj->id == (uint64_t)slot);
    CHECK(model->obj->a == (model->a == NONE ? NULL : models[model->a].obj));
    if (has_fields(slot)) CHECK(model->obj->b == (model->b == NONE ? NULL : models[model->b].obj));
  }
}

static void compare(void) {
  size_t rounds = 0, before, gone;
  do {
    before = finalized;
    gone = gc_collect(heap);
    gone += gc_run_finalizers(heap);
  } while ((gone || finalized != before) && rounds++ < 1000); /* what finalizers cut is found then */
  CHECK(rounds < 1000);
  judge();
  uint64_t live = 0;
  for (int i = 0; i < SLOTS; i++) {
    Model *model = &models[i];
    if (!model->obj) continue;
    void *target = model->weak ? rc_weak_get(model->weak) : NULL;
    if (model->weak) CHECK(target == (model->reached ? (void *)model->obj : NULL));
    rc_xdecref(target);
    live += model->reached;
    if (model->reached) {
      check_lives(i);
    } else {
      rc_weak_free(model->weak);
      *model = (Model){.obj = NULL};
    }
  }
  CHECK_EQ(graph_live(heap), live);
  size_t findings = 0;
  CHECK_EQ(gc_verify(heap, NULL, NULL, &findings), RC_OK);
  CHECK_EQ(findings, 0);
}

static void begin(uint32_t finalizers, uint32_t policy) {
  static const rc_field one[] = {RC_FIELD(Node, a)};
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = finalizers;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  graph_policy(heap, policy);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Task", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
  spec.finalize = task_finalize;
  types[TASK] = graph_type(heap, &spec);
  types[PLAIN] = graph_declared(heap), types[TRACED] = graph_callback(heap);
  spec = (rc_type_spec)RC_TYPE_SPEC_INIT;
  spec.name = "Symbol", spec.size = 16;
  types[SYMBOL] = graph_type(heap, &spec);
  spec.name = "Rope", spec.size = sizeof(Node), spec.fields = one, spec.field_count = 1, spec.flags = RC_TYPE_ACYCLIC;
  types[ROPE] = graph_type(heap, &spec);
  memset(models, 0, sizeof models);
  entry_count = 0;
}

static void program(uint32_t finalizers, uint32_t policy, bool profiled, size_t steps) {
  begin(finalizers, policy);
  if (profiled) CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  for (size_t step = 0; step < steps && check_failures == 0; step++) {
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
      case 3: make_any(); break;
      case 4: collect_some_way(); break;
      case 5:
        if (below(4) == 0) compare();
        break;
      default: change_something();
    }
  }
  quiet = true;
  for (int i = 0; i < SLOTS; i++)
    while (is_rooted(i) && below(3)) drop(i);
  compare();
  if (profiled) {
    gc_profile_stats stats = GC_PROFILE_STATS_INIT;
    CHECK_EQ(gc_profile_get(heap, &stats), RC_OK);
    CHECK_EQ(stats.live_objects, graph_live(heap));
  }
  for (int i = 0; i < SLOTS; i++)
    while (is_rooted(i)) drop(i);
  for (int i = 0; i < SLOTS; i++) rc_weak_free(models[i].weak), models[i].weak = NULL;
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 0);
  quiet = false;
}

static void programs(uint32_t finalizers) {
  static const uint32_t policies[] = {GC_POLICY_ALLOCATION, GC_POLICY_NEVER};
  uint64_t first = check_seed(finalizers == GC_FINALIZERS_QUEUED ? "queued" : "inline");
  size_t cases = check_scale(20, 800, 20000);
  for (uint64_t i = first; i < first + cases && check_failures == 0; i++) {
    seed = i;
    program(finalizers, policies[i % 2], i % 3 == 0, 600);
    if (check_failures) printf("  the case of RCGC_TEST_SEED=%" PRIu64 "\n", i);
  }
  printf("%zu finalizers, %zu brought back\n", finalized, brought_back);
  CHECK(finalized > cases && brought_back > cases / 4);
}

static void where_they_die(void) {
  programs(GC_FINALIZERS_INLINE);
}

static void in_the_queue(void) {
  programs(GC_FINALIZERS_QUEUED);
}

static const check_test tests[] = {
    CHECK_TEST(where_they_die),
    CHECK_TEST(in_the_queue),
};

CHECK_MAIN(tests)
