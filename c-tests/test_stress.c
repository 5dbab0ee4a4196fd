/* Seeded stress: a random host over several heaps, with objects of every kind of field and with callbacks,
 * against a model of its own: which object has how many references from where.
 *
 *   at any time    an object whose model count is 0 is dead at once; none is destroyed twice
 *   at intervals   all heaps are collected; what the model can reach lives, with exact counts and slots, and
 *                  everything else is destroyed
 *
 * Heaps are numbered; references lead only to the same or a lower heap, so that no ring crosses a border.
 * The host touches only what it can reach. Automatic collections run with small budgets in between. */
#include "check.h"
#include "graph.h"

enum { HEAPS = 3, MODEL = 6000, SLOTS_MAX = 8 };

/* ---- the kinds ---- */

enum { SILENT, FIELDS, TAIL, VECTOR, TAGGED, PAIRS, CALLBACK, MIXED, KINDS };

typedef struct Fields {
  uint64_t id;
  void *one;
  void *array[3];
} Fields;

typedef struct Tail {
  uint64_t id;
  void *items[];
} Tail;

typedef struct Vector {
  uint64_t id;
  void **items;
  uint16_t used;
} Vector;

typedef struct Tagged {
  uint64_t id;
  uint64_t words[4];
} Tagged;

typedef struct Pair {
  uint8_t tag;
  void *payload;
} Pair;

typedef struct Pairs {
  uint64_t id;
  Pair *pairs;
  uint8_t used;
} Pairs;

typedef struct Cells {
  uint64_t id;
  void *one; /* declared in MIXED, always null in CALLBACK */
  void **cells;
} Cells;

#define LOW(tag) RC_FIELD_TAGGED_ARRAY(Tagged, words, 7, tag, ~(uint64_t)7)
static const rc_field fields_fields[] = {RC_FIELD(Fields, one), RC_FIELD_ARRAY(Fields, array)};
static const rc_field tail_fields[] = {RC_FIELD_TAIL(Tail, items)};
static const rc_field vector_fields[] = {RC_FIELD_VECTOR(Vector, items, used)};
static const rc_field tagged_fields[] = {LOW(1), LOW(2)};
static const rc_field pairs_fields[] = {
    RC_FIELD_VARIANT_VECTOR(Pairs, pairs, used, payload, tag, 0x40, 0x40),
};
static const rc_field mixed_fields[] = {RC_FIELD(Cells, one)};

static size_t slot_count(unsigned kind) {
  static const unsigned char counts[KINDS] = {4, 4, 5, 6, 4, 5, 7, 8};
  return counts[kind];
}

/* ---- the model ---- */

typedef struct model {
  void *obj; /* null: the entry is free */
  unsigned kind, heap;
  size_t held;             /* references from the host */
  size_t refs;             /* all references, of garbage too */
  bool immortal;
  unsigned destroyed;      /* how often */
  int to[SLOTS_MAX];       /* by slot; -1: null */
} model;

static model models[MODEL];
static gc_heap *heaps[HEAPS];
static rc_type *types[HEAPS][KINDS];
static uint64_t seed;
static bool rowdy; /* destroys allocate */

static size_t roll(size_t below) {
  return check_below(&seed, below);
}

/* ---- callbacks ---- */

static int cells_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Cells *self = obj;
  for (size_t i = 0; self->cells && i < 7; i++) {
    int stop = visit(self->cells[i], visit_ctx);
    if (stop) return stop;
  }
  return 0;
}

static void cells_clear(void *obj) {
  Cells *self = obj;
  for (size_t i = 0; self->cells && i < 7; i++) rc_clear(&self->cells[i]);
}

static void any_destroy(void *obj) {
  uint64_t id;
  memcpy(&id, obj, sizeof id);
  unsigned kind = models[id].kind;
  models[id].destroyed++;
  CHECK(models[id].obj == obj);
  CHECK_EQ(models[id].destroyed, 1);
  if (kind == VECTOR) {
    CHECK_EQ(((Vector *)obj)->used, 0);
    free(((Vector *)obj)->items);
  } else if (kind == PAIRS) {
    CHECK_EQ(((Pairs *)obj)->used, 0);
    free(((Pairs *)obj)->pairs);
  } else if (kind == CALLBACK || kind == MIXED) {
    Cells *self = obj;
    CHECK(self->one == NULL);
    for (size_t i = 0; i < 7; i++) CHECK(self->cells[i] == NULL);
    free(self->cells);
  }
  if (rowdy && id % 8 == 0) { /* a passing object, and a passing ring */
    Fields *passing = rc_new(types[models[id].heap][SILENT]);
    if (passing && id % 16 == 0) passing->one = rc_new(types[models[id].heap][SILENT]);
    rc_xdecref(passing);
  }
}

static void make_types(unsigned heap) {
  static const struct {
    const char *name;
    size_t size, tail;
    const rc_field *fields;
    size_t count;
  } table[KINDS] = {
      {"Silent", sizeof(Fields), 0, fields_fields, 2},     {"Fields", sizeof(Fields), 0, fields_fields, 2},
      {"Tail", sizeof(Tail), sizeof(void *), tail_fields, 1}, {"Vector", sizeof(Vector), 0, vector_fields, 1},
      {"Tagged", sizeof(Tagged), 0, tagged_fields, 2},     {"Pairs", sizeof(Pairs), 0, pairs_fields, 1},
      {"Callback", sizeof(Cells), 0, NULL, 0},             {"Mixed", sizeof(Cells), 0, mixed_fields, 1},
  };
  for (unsigned kind = 0; kind < KINDS; kind++) {
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = table[kind].name, spec.size = table[kind].size, spec.tail_size = table[kind].tail;
    spec.fields = table[kind].fields, spec.field_count = table[kind].count;
    if (kind != SILENT) spec.destroy = any_destroy;
    if (kind == CALLBACK || kind == MIXED) spec.traverse = cells_traverse, spec.clear = cells_clear;
    types[heap][kind] = graph_type(heaps[heap], &spec);
  }
}

/* ---- slots of each kind ---- */

/* Where a plain pointer lies; null for the slots that are no plain pointers. */
static void **pointer_at(const model *m, size_t slot) {
  switch (m->kind) {
  case SILENT:
  case FIELDS: {
    Fields *self = m->obj;
    return slot == 0 ? &self->one : &self->array[slot - 1];
  }
  case TAIL: return &((Tail *)m->obj)->items[slot];
  case VECTOR: return &((Vector *)m->obj)->items[slot];
  case CALLBACK: return &((Cells *)m->obj)->cells[slot];
  case MIXED: return slot == 0 ? &((Cells *)m->obj)->one : &((Cells *)m->obj)->cells[slot - 1];
  default: return NULL;
  }
}

static void *load(const model *m, size_t slot) {
  if (m->kind == TAGGED) {
    uint64_t word = ((Tagged *)m->obj)->words[slot], tag = word & 7;
    return tag == 1 || tag == 2 ? (void *)(uintptr_t)(word & ~(uint64_t)7) : NULL;
  }
  if (m->kind == PAIRS) {
    Pair *pair = &((Pairs *)m->obj)->pairs[slot];
    return pair->tag & 0x40 ? pair->payload : NULL;
  }
  return *pointer_at(m, slot);
}

/* The slot takes the reference (or null) and releases the old one last. */
static void store(const model *m, size_t slot, void *owned) {
  if (m->kind == TAGGED) {
    uint64_t *word = &((Tagged *)m->obj)->words[slot];
    void *old = load(m, slot);
    uint64_t junk = (uint64_t)roll(1000) << 3 | 5; /* a number */
    *word = owned ? (uint64_t)(uintptr_t)owned | (uint64_t)(1 + roll(2)) : junk;
    rc_xdecref(old);
  } else if (m->kind == PAIRS) {
    Pair *pair = &((Pairs *)m->obj)->pairs[slot];
    void *old = load(m, slot);
    if (owned) { /* payload before tag */
      pair->payload = owned;
      pair->tag = (uint8_t)(0x40 | roll(16));
    } else {
      pair->tag = (uint8_t)roll(16); /* the old payload stays as a number does */
    }
    rc_xdecref(old);
  } else {
    rc_setref(pointer_at(m, slot), owned);
  }
}

/* ---- making and dropping ---- */

static int make(unsigned heap, unsigned kind) {
  int at = 0;
  while (at < MODEL && models[at].obj) at++;
  if (at == MODEL) return -1;
  rc_type *type = types[heap][kind];
  void *obj = kind == TAIL ? rc_new_array(type, slot_count(kind)) : rc_new(type);
  REQUIRE(obj != NULL);
  uint64_t id = (uint64_t)at;
  memcpy(obj, &id, sizeof id);
  model *m = &models[at];
  memset(m, 0, sizeof *m);
  m->obj = obj, m->kind = kind, m->heap = heap, m->held = m->refs = 1;
  for (size_t i = 0; i < SLOTS_MAX; i++) m->to[i] = -1;
  if (kind == VECTOR) {
    Vector *self = obj;
    self->items = calloc(slot_count(kind), sizeof(void *));
    REQUIRE(self->items != NULL);
    self->used = (uint16_t)slot_count(kind);
  } else if (kind == PAIRS) {
    Pairs *self = obj;
    self->pairs = calloc(slot_count(kind), sizeof(Pair));
    REQUIRE(self->pairs != NULL);
    self->used = (uint8_t)slot_count(kind);
  } else if (kind == CALLBACK || kind == MIXED) {
    ((Cells *)obj)->cells = calloc(7, sizeof(void *));
    REQUIRE(((Cells *)obj)->cells != NULL);
    CHECK_EQ(gc_track(obj), RC_OK);
  }
  return at;
}

/* The model of a released reference: whose count reaches 0 is dead, and releases in turn. */
static void model_release(int at) {
  static int stack[MODEL * SLOTS_MAX];
  size_t used = 0;
  stack[used++] = at;
  while (used > 0) {
    model *m = &models[stack[--used]];
    if (m->immortal) continue;
    CHECK(m->refs > 0);
    if (--m->refs > 0) continue;
    if (m->kind != SILENT) CHECK_EQ(m->destroyed, 1); /* prompt */
    for (size_t i = 0; i < SLOTS_MAX; i++) {
      if (m->to[i] >= 0) stack[used++] = m->to[i];
      m->to[i] = -1;
    }
    m->obj = NULL; /* the entry is free again */
  }
}

static int random_held(void) {
  for (int tries = 0; tries < 50; tries++) {
    size_t at = roll(MODEL);
    if (models[at].obj && models[at].held > 0) return (int)at;
  }
  return -1;
}

/* Something the host can reach: held, or some steps from it. */
static int random_reachable(void) {
  int at = random_held();
  for (size_t steps = roll(6); at >= 0 && steps > 0; steps--) {
    int next = models[at].to[roll(slot_count(models[at].kind))];
    if (next >= 0) at = next;
  }
  return at;
}

/* ---- operations ---- */

static void op_make(void) {
  int at = make((unsigned)roll(HEAPS), (unsigned)roll(KINDS));
  if (at < 0) return;
  if (roll(4) == 0) CHECK_EQ(rc_add_external_bytes(models[at].obj, (ptrdiff_t)roll(20000)), RC_OK);
}

static void op_hold(void) {
  int at = random_reachable();
  if (at < 0 || models[at].immortal) return;
  rc_incref(models[at].obj);
  models[at].held++, models[at].refs++;
}

static void op_drop(void) {
  int at = random_held();
  if (at < 0 || models[at].immortal) return;
  models[at].held--;
  rc_decref(models[at].obj);
  model_release(at);
}

static void op_set(void) {
  int from = random_reachable(), to = random_reachable();
  if (from < 0 || to < 0 || models[to].heap > models[from].heap) return;
  size_t slot = roll(slot_count(models[from].kind));
  int old = models[from].to[slot];
  bool null = roll(5) == 0;
  if (!null) {
    rc_incref(models[to].obj);
    if (!models[to].immortal) models[to].refs++;
  }
  models[from].to[slot] = null ? -1 : to;
  store(&models[from], slot, null ? NULL : models[to].obj);
  if (old >= 0) model_release(old);
}

static void op_collect(void) {
  gc_heap *heap = heaps[roll(HEAPS)];
  if (roll(3) == 0) (void)gc_collect(heap);
  else if (roll(2)) (void)gc_collect_young(heap);
  else gc_safepoint(heap);
}

static void op_policy(void) {
  gc_heap *heap = heaps[roll(HEAPS)];
  gc_policy policy = GC_POLICY_INIT;
  policy.mode = roll(4) == 0 ? GC_POLICY_SAFEPOINT : GC_POLICY_ALLOCATION;
  policy.young_bytes = (uint64_t)1 << (12 + roll(10));
  policy.growth = 0.1 + (double)roll(20) / 10;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  if (roll(4)) gc_enable(heap);
  else gc_disable(heap);
}

static void op_immortal(void) {
  int at = random_held();
  if (at < 0 || roll(20)) return;
  rc_immortalize(models[at].obj);
  models[at].immortal = true;
}

/* ---- the check of everything ---- */

static size_t mark_reachable(bool *seen) {
  static int stack[MODEL];
  size_t used = 0, count = 0;
  for (int i = 0; i < MODEL; i++)
    if (models[i].obj && (models[i].held > 0 || models[i].immortal)) seen[i] = true, stack[used++] = i;
  while (used > 0) {
    model *m = &models[stack[--used]];
    count++;
    for (size_t i = 0; i < SLOTS_MAX; i++)
      if (m->to[i] >= 0 && !seen[m->to[i]]) seen[m->to[i]] = true, stack[used++] = m->to[i];
  }
  return count;
}

static void check_one(int at, const size_t *refs) {
  model *m = &models[at];
  uint64_t id;
  memcpy(&id, m->obj, sizeof id);
  CHECK_EQ(id, (uint64_t)at);
  CHECK_EQ(m->destroyed, 0);
  CHECK(rc_type_of(m->obj) == types[m->heap][m->kind]);
  CHECK_EQ(rc_count(m->obj), m->immortal ? UINT32_MAX : refs[at]);
  for (size_t i = 0; i < slot_count(m->kind); i++)
    CHECK(load(m, i) == (m->to[i] < 0 ? NULL : models[m->to[i]].obj));
}

/* Everything is collected, from the heap that refers to others down; then model and heaps must agree. */
static bool check_all(void) {
  static bool seen[MODEL];
  static size_t refs[MODEL];
  size_t expected[HEAPS] = {0};
  unsigned before = check_failures;
  for (int h = HEAPS - 1; h >= 0; h--) (void)gc_collect(heaps[h]);
  memset(seen, 0, sizeof seen);
  memset(refs, 0, sizeof refs);
  (void)mark_reachable(seen);
  for (int i = 0; i < MODEL; i++) {
    if (!models[i].obj) continue;
    if (!seen[i]) { /* was in a ring, or hung from one */
      if (models[i].kind != SILENT) CHECK_EQ(models[i].destroyed, 1);
      models[i].obj = NULL;
      continue;
    }
    expected[models[i].heap]++;
    refs[i] += models[i].held;
    for (size_t j = 0; j < SLOTS_MAX; j++)
      if (models[i].to[j] >= 0) refs[models[i].to[j]]++;
  }
  for (int i = 0; i < MODEL; i++) {
    if (!models[i].obj) continue;
    check_one(i, refs);
    if (!models[i].immortal) models[i].refs = refs[i];
  }
  for (size_t h = 0; h < HEAPS; h++) CHECK_EQ(graph_live(heaps[h]), expected[h]);
  return check_failures == before;
}

static void let_go_of_all(void) {
  for (int i = 0; i < MODEL; i++) {
    while (models[i].obj && models[i].held > 0 && !models[i].immortal) {
      models[i].held--;
      rc_decref(models[i].obj);
      model_release(i);
    }
  }
  (void)check_all();
}

static void run_host(size_t rounds, size_t ops) {
  for (unsigned h = 0; h < HEAPS; h++) {
    char name[8];
    snprintf(name, sizeof name, "heap%u", h);
    heaps[h] = graph_heap(name);
    make_types(h);
  }
  for (size_t round = 0; round < rounds; round++) {
    size_t make_share = 10 + roll(40), drop_share = 10 + roll(40); /* growing and shrinking phases */
    for (size_t i = 0; i < ops; i++) {
      size_t what = roll(make_share + drop_share + 60);
      if (what < make_share) op_make();
      else if (what < make_share + drop_share) op_drop();
      else if (what < make_share + drop_share + 40) op_set();
      else if (what < make_share + drop_share + 52) op_hold();
      else if (roll(20) == 0) op_collect();
      else if (roll(100) == 0) op_policy();
      else if (roll(500) == 0) op_immortal();
    }
    if (!check_all()) {
      printf("  in round %zu\n", round);
      return;
    }
  }
  let_go_of_all();
  check_log_start();
  for (int h = HEAPS - 1; h >= 0; h--) CHECK_EQ(gc_heap_free(heaps[h]), 0);
}

static void quiet_host(void) {
  seed = check_seed("quiet_host");
  run_host(check_scale(6, 200, 2000), check_scale(500, 3000, 5000));
}

/* Destroys allocate and release, also in the middle of collections. */
static void rowdy_host(void) {
  seed = check_seed("rowdy_host");
  rowdy = true;
  run_host(check_scale(6, 200, 2000), check_scale(500, 3000, 5000));
}

/* Many short lives: heaps made and freed with what is left in them. */
static void short_hosts(void) {
  seed = check_seed("short_hosts");
  for (size_t i = 0; i < check_scale(3, 60, 600) && check_failures == 0; i++) {
    memset(models, 0, sizeof models);
    rowdy = i % 2;
    run_host(2, 200);
  }
}

static const check_test tests[] = {
    CHECK_TEST(quiet_host),
    CHECK_TEST(rowdy_host),
    CHECK_TEST(short_hosts),
};

CHECK_MAIN(tests)
