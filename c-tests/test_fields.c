/* Declared fields: every kind of slot in every place, the same duties for each; then four value layouts of
 * real interpreters, written from their public descriptions; then types that mix declared fields and
 * callbacks.
 *
 * A layout is a codec (how one slot holds a reference or something else) in a place (where the slots lie). */
#include "check.h"
#include "graph.h"

enum { SLOTS = 5 }; /* in arrays, tails and vectors */

/* ---- codecs ---- */

typedef struct codec {
  void (*put)(void *slot, void *owned, unsigned how); /* the slot holds the reference, in one of its forms */
  void (*junk)(void *slot, void *bait, unsigned how); /* something that is no reference, but looks like one */
  void *(*get)(const void *slot);                     /* the object referred to, or null */
} codec;

static void pointer_put(void *slot, void *owned, unsigned how) {
  (void)how;
  memcpy(slot, &owned, sizeof owned);
}

static void pointer_junk(void *slot, void *bait, unsigned how) {
  (void)bait, (void)how;
  memset(slot, 0, sizeof(void *));
}

static void *pointer_get(const void *slot) {
  void *obj;
  memcpy(&obj, slot, sizeof obj);
  return obj;
}

static const codec pointer_codec = {pointer_put, pointer_junk, pointer_get};

typedef void *pointer_slot;

/* Low bits 1, 2 and 4 are references; 0, 3, 5, 6 and 7 are not. */
typedef uint64_t low_slot;
#define LOW_PTR (~(uint64_t)7)

static void low_put(void *slot, void *owned, unsigned how) {
  *(low_slot *)slot = (uint64_t)(uintptr_t)owned | (uint64_t)1 << how % 3;
}

static void low_junk(void *slot, void *bait, unsigned how) {
  static const unsigned char tags[] = {0, 3, 5, 6, 7};
  *(low_slot *)slot = (uint64_t)(uintptr_t)bait | tags[how % 5];
}

static void *low_get(const void *slot) {
  low_slot word = *(const low_slot *)slot;
  uint64_t tag = word & 7;
  return tag == 1 || tag == 2 || tag == 4 ? (void *)(uintptr_t)(word & LOW_PTR) : NULL;
}

static const codec low_codec = {low_put, low_junk, low_get};

/* The top 16 bits 0xfffa, 0xfffb and 0xfffc are references; all others are numbers and constants. */
typedef uint64_t nan_slot;
#define NAN_MASK ((uint64_t)0xffff << 48)
#define NAN_TAG(i) ((uint64_t)(0xfffa + (i)) << 48)
#define NAN_PTR (((uint64_t)1 << 48) - 1)

static void nan_put(void *slot, void *owned, unsigned how) {
  *(nan_slot *)slot = (uint64_t)(uintptr_t)owned | NAN_TAG(how % 3);
}

static void nan_junk(void *slot, void *bait, unsigned how) {
  static const uint64_t tags[] = {0, 0x7ff8, 0xfff8, 0xfff9, 0xfffd, 0xfffe, 0xffff, 1};
  *(nan_slot *)slot = (uint64_t)(uintptr_t)bait | tags[how % 8] << 48;
}

static void *nan_get(const void *slot) {
  nan_slot word = *(const nan_slot *)slot;
  uint64_t top = word >> 48;
  return top >= 0xfffa && top <= 0xfffc ? (void *)(uintptr_t)(word & NAN_PTR) : NULL;
}

static const codec nan_codec = {nan_put, nan_junk, nan_get};

/* Pairs with tags of each width, before and after the payload: tags with bit 6 set are references. Pairs
 * of the width 8 have the sign bit instead. */
#define VARIANT(name, tag_type, first, second, bit)                                   \
  typedef struct name##_slot {                                                        \
    first;                                                                            \
    second;                                                                           \
  } name##_slot;                                                                      \
  static void name##_put(void *at, void *owned, unsigned how) {                       \
    name##_slot *slot = at;                                                           \
    slot->payload = owned;                                                            \
    slot->tag = (tag_type)((uint64_t)(bit) | (how % 13));                             \
  }                                                                                   \
  static void name##_junk(void *at, void *bait, unsigned how) {                       \
    name##_slot *slot = at;                                                           \
    slot->payload = bait;                                                             \
    slot->tag = (tag_type)(~(uint64_t)(bit) & (how * 0x0101010101010101u));           \
  }                                                                                   \
  static void *name##_get(const void *at) {                                           \
    const name##_slot *slot = at;                                                     \
    return ((uint64_t)slot->tag & (uint64_t)(bit)) ? slot->payload : NULL;            \
  }                                                                                   \
  static const codec name##_codec = {name##_put, name##_junk, name##_get};

#define LUA_BIT 0x40
#define SIGN_BIT ((uint64_t)1 << 63)
VARIANT(byte, uint8_t, void *payload, uint8_t tag, LUA_BIT)
VARIANT(half, uint16_t, uint16_t tag, void *payload, LUA_BIT)
VARIANT(word, uint32_t, void *payload, uint32_t tag, LUA_BIT)
VARIANT(sign, uint64_t, uint64_t tag, void *payload, SIGN_BIT)

/* ---- places ---- */

/* The four structs of a codec, and how to reach slot i of each. */
#define PLACES(name, length_type)                                                                     \
  typedef struct name##_one {                                                                         \
    uint64_t id;                                                                                      \
    name##_slot slot;                                                                                 \
    uint32_t guard;                                                                                   \
  } name##_one;                                                                                       \
  typedef struct name##_array {                                                                       \
    uint64_t id;                                                                                      \
    name##_slot slot[SLOTS];                                                                          \
    uint32_t guard;                                                                                   \
  } name##_array;                                                                                     \
  typedef struct name##_tail {                                                                        \
    uint64_t id, guard;                                                                               \
    name##_slot slot[];                                                                               \
  } name##_tail;                                                                                      \
  typedef struct name##_vector {                                                                      \
    uint64_t id;                                                                                      \
    name##_slot *slot;                                                                                \
    length_type used;                                                                                 \
  } name##_vector;                                                                                    \
  static void *name##_one_at(void *obj, size_t i) { return &((name##_one *)obj)->slot + i; }          \
  static void *name##_array_at(void *obj, size_t i) { return &((name##_array *)obj)->slot[i]; }       \
  static void *name##_tail_at(void *obj, size_t i) { return &((name##_tail *)obj)->slot[i]; }         \
  static void *name##_vector_at(void *obj, size_t i) {                                                \
    name##_vector *holder = obj;                                                                      \
    if (!holder->slot) { /* the buffer before the length */                                           \
      holder->slot = calloc(SLOTS, sizeof *holder->slot);                                             \
      REQUIRE(holder->slot != NULL);                                                                  \
      holder->used = SLOTS;                                                                           \
    }                                                                                                 \
    return &holder->slot[i];                                                                          \
  }                                                                                                   \
  static void name##_vector_free(void *obj) {                                                         \
    name##_vector *holder = obj;                                                                      \
    CHECK(holder->used == 0); /* no references any more */                                            \
    free(holder->slot);                                                                               \
  }

PLACES(pointer, uint8_t)
PLACES(low, uint16_t)
PLACES(nan, uint32_t)
PLACES(byte, uint64_t)
PLACES(half, uint8_t)
PLACES(word, uint16_t)
PLACES(sign, uint32_t)

/* ---- layouts ---- */

typedef struct layout {
  const char *name;
  const codec *codec;
  const rc_field *fields;
  size_t field_count, size, tail_size, slots;
  void *(*at)(void *obj, size_t i);
  void (*free_buffer)(void *obj);
} layout;

#define ONE(name) \
  #name "_one", &name##_codec, name##_one_fields, RC_COUNT_OF(name##_one_fields), sizeof(name##_one), 0, 1, \
      name##_one_at, NULL
#define ARRAY(name)                                                                                         \
  #name "_array", &name##_codec, name##_array_fields, RC_COUNT_OF(name##_array_fields),                     \
      sizeof(name##_array), 0, SLOTS, name##_array_at, NULL
#define TAIL(name)                                                                                          \
  #name "_tail", &name##_codec, name##_tail_fields, RC_COUNT_OF(name##_tail_fields), sizeof(name##_tail),   \
      sizeof(name##_slot), SLOTS, name##_tail_at, NULL
#define VECTOR(name)                                                                                        \
  #name "_vector", &name##_codec, name##_vector_fields, RC_COUNT_OF(name##_vector_fields),                  \
      sizeof(name##_vector), 0, SLOTS, name##_vector_at, name##_vector_free

static const rc_field pointer_one_fields[] = {RC_FIELD(pointer_one, slot)};
static const rc_field pointer_array_fields[] = {RC_FIELD_ARRAY(pointer_array, slot)};
static const rc_field pointer_tail_fields[] = {RC_FIELD_TAIL(pointer_tail, slot)};
static const rc_field pointer_vector_fields[] = {RC_FIELD_VECTOR(pointer_vector, slot, used)};

#define THREE(field) \
  { field(0), field(1), field(2) }
#define LOW_ONE(i) RC_FIELD_TAGGED(low_one, slot, 7, 1 << i, LOW_PTR)
#define LOW_ARRAY(i) RC_FIELD_TAGGED_ARRAY(low_array, slot, 7, 1 << i, LOW_PTR)
#define LOW_TAIL(i) RC_FIELD_TAGGED_TAIL(low_tail, slot, 7, 1 << i, LOW_PTR)
#define LOW_VECTOR(i) RC_FIELD_TAGGED_VECTOR(low_vector, slot, used, 7, 1 << i, LOW_PTR)
static const rc_field low_one_fields[] = THREE(LOW_ONE);
static const rc_field low_array_fields[] = THREE(LOW_ARRAY);
static const rc_field low_tail_fields[] = THREE(LOW_TAIL);
static const rc_field low_vector_fields[] = THREE(LOW_VECTOR);

#define NAN_ONE(i) RC_FIELD_TAGGED(nan_one, slot, NAN_MASK, NAN_TAG(i), NAN_PTR)
#define NAN_ARRAY(i) RC_FIELD_TAGGED_ARRAY(nan_array, slot, NAN_MASK, NAN_TAG(i), NAN_PTR)
#define NAN_TAIL(i) RC_FIELD_TAGGED_TAIL(nan_tail, slot, NAN_MASK, NAN_TAG(i), NAN_PTR)
#define NAN_VECTOR(i) RC_FIELD_TAGGED_VECTOR(nan_vector, slot, used, NAN_MASK, NAN_TAG(i), NAN_PTR)
static const rc_field nan_one_fields[] = THREE(NAN_ONE);
static const rc_field nan_array_fields[] = THREE(NAN_ARRAY);
static const rc_field nan_tail_fields[] = THREE(NAN_TAIL);
static const rc_field nan_vector_fields[] = THREE(NAN_VECTOR);

#define VARIANT_FIELDS(name, bit)                                                                           \
  static const rc_field name##_one_fields[] = {                                                             \
      RC_FIELD_VARIANT(name##_one, slot.payload, slot.tag, bit, bit),                                       \
  };                                                                                                        \
  static const rc_field name##_array_fields[] = {                                                           \
      RC_FIELD_VARIANT_ARRAY(name##_array, slot, payload, tag, bit, bit),                                   \
  };                                                                                                        \
  static const rc_field name##_tail_fields[] = {                                                            \
      RC_FIELD_VARIANT_TAIL(name##_tail, slot, payload, tag, bit, bit),                                     \
  };                                                                                                        \
  static const rc_field name##_vector_fields[] = {                                                          \
      RC_FIELD_VARIANT_VECTOR(name##_vector, slot, used, payload, tag, bit, bit),                           \
  };
VARIANT_FIELDS(byte, LUA_BIT)
VARIANT_FIELDS(half, LUA_BIT)
VARIANT_FIELDS(word, LUA_BIT)
VARIANT_FIELDS(sign, SIGN_BIT)

#define ALL_PLACES(name) {ONE(name)}, {ARRAY(name)}, {TAIL(name)}, {VECTOR(name)}
static const layout layouts[] = {
    ALL_PLACES(pointer), ALL_PLACES(low),  ALL_PLACES(nan),  ALL_PLACES(byte),
    ALL_PLACES(half),    ALL_PLACES(word), ALL_PLACES(sign),
};

static size_t layout_destroyed;

static void layout_destroy(void *obj) {
  const layout *lay = rc_type_ctx(rc_type_of(obj));
  layout_destroyed++;
  if (lay->free_buffer) {
    lay->free_buffer(obj);
    return;
  }
  for (size_t i = 0; i < lay->slots; i++) CHECK(lay->codec->get(lay->at(obj, i)) == NULL);
}

/* The engine ends types without a destroy in another way: both are tried where no buffer must be freed. */
static rc_type *layout_type(gc_heap *heap, const layout *lay, bool with_destroy) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = lay->name;
  spec.size = lay->size;
  spec.tail_size = lay->tail_size;
  spec.fields = lay->fields;
  spec.field_count = lay->field_count;
  spec.destroy = with_destroy || lay->free_buffer ? layout_destroy : NULL;
  spec.ctx = (void *)(uintptr_t)lay;
  return graph_type(heap, &spec);
}

static void *layout_new(const layout *lay, rc_type *type) {
  void *obj = lay->tail_size ? rc_new_array(type, lay->slots) : rc_new(type);
  REQUIRE(obj != NULL);
  return obj;
}

static void put(const layout *lay, void *obj, size_t i, void *owned, unsigned how) {
  lay->codec->put(lay->at(obj, i), owned, how);
}

/* Runs a test in a heap of its own for each layout, with and without a destroy. */
static void each_layout(void (*run)(const layout *, gc_heap *, rc_type *)) {
  for (size_t i = 0; i < RC_COUNT_OF(layouts); i++) {
    for (int with_destroy = 0; with_destroy < 2; with_destroy++) {
      unsigned before = check_failures;
      gc_heap *heap = graph_heap(layouts[i].name);
      run(&layouts[i], heap, layout_type(heap, &layouts[i], with_destroy));
      check_log_start();
      CHECK_EQ(gc_heap_free(heap), 0);
      if (check_failures != before) {
        printf("  in layout %s, %s destroy\n", layouts[i].name, with_destroy ? "with" : "without");
        return;
      }
    }
  }
}

/* ---- the same duties for each layout ---- */

/* Made, and nothing set: walkable, and in no ring. */
static void fresh_one(const layout *lay, gc_heap *heap, rc_type *type) {
  void *obj = layout_new(lay, type);
  CHECK(gc_is_tracked(obj));
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(rc_count(obj), 1);
  rc_decref(obj);
  CHECK_EQ(graph_live(heap), 0);
}

static void fresh_objects_are_walkable(void) {
  each_layout(fresh_one);
}

static void count_one(const layout *lay, gc_heap *heap, rc_type *type) {
  for (unsigned how = 0; how < 13; how++) {
    for (size_t i = 0; i < lay->slots; i++) {
      void *holder = layout_new(lay, type), *target = layout_new(lay, type), *end = layout_new(lay, type);
      put(lay, holder, i, target, how);
      put(lay, target, lay->slots - 1 - i, end, how + 1);
      CHECK_EQ(gc_collect(heap), 0);
      CHECK_EQ(rc_count(target), 1);
      CHECK_EQ(graph_live(heap), 3);
      rc_decref(holder);
      if (!CHECK_EQ(graph_live(heap), 0)) return;
    }
  }
}

static void death_by_count_through_every_slot(void) {
  each_layout(count_one);
}

static void self_one(const layout *lay, gc_heap *heap, rc_type *type) {
  for (unsigned how = 0; how < 13; how++) {
    for (size_t i = 0; i < lay->slots; i++) {
      void *obj = layout_new(lay, type);
      put(lay, obj, i, rc_newref(obj), how);
      CHECK_EQ(gc_collect(heap), 0); /* held from outside */
      rc_decref(obj);
      CHECK_EQ(graph_live(heap), 1);
      CHECK_EQ(gc_collect(heap), 1);
      if (!CHECK_EQ(graph_live(heap), 0)) return;
    }
  }
}

static void self_loop_through_every_slot(void) {
  each_layout(self_one);
}

/* A ring through all slots at once, in parallel, with plain nodes of another type in between. */
static void full_one(const layout *lay, gc_heap *heap, rc_type *type) {
  rc_type *nodes = graph_watched(heap);
  graph_reset();
  void *left = layout_new(lay, type), *right = layout_new(lay, type);
  for (size_t i = 0; i < lay->slots; i++) {
    Node *between = graph_node(nodes, i);
    between->a = rc_newref(right);
    put(lay, left, i, between, (unsigned)i);
    put(lay, right, i, rc_newref(left), (unsigned)i);
  }
  CHECK_EQ(rc_count(left), 1 + lay->slots);
  rc_decref(right);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_collect_young(heap), 0);
  rc_decref(left);
  CHECK_EQ(gc_collect(heap), 2 + lay->slots);
  CHECK_EQ(graph.destroyed, lay->slots);
  CHECK_EQ(graph_live(heap), 0);
}

static void ring_through_all_slots(void) {
  each_layout(full_one);
}

/* What looks like a reference under another tag is none: neither counted, nor followed, nor released. */
static void junk_one(const layout *lay, gc_heap *heap, rc_type *type) {
  void *bait = layout_new(lay, type);
  for (unsigned how = 0; how < 64; how++) {
    void *obj = layout_new(lay, type);
    for (size_t i = 0; i < lay->slots; i++) lay->codec->junk(lay->at(obj, i), bait, how + (unsigned)i);
    CHECK_EQ(gc_collect(heap), 0);
    CHECK_EQ(rc_count(bait), 1);
    put(lay, obj, how % lay->slots, rc_newref(obj), how);
    rc_decref(obj);
    CHECK_EQ(gc_collect(heap), 1);
    if (!CHECK_EQ(graph_live(heap), 1) || !CHECK_EQ(rc_count(bait), 1)) return;
  }
  rc_decref(bait);
}

static void values_of_other_tags_are_no_references(void) {
  each_layout(junk_one);
}

/* A slot goes from reference to number and back: the engine reads the tag each time anew. */
static void change_one(const layout *lay, gc_heap *heap, rc_type *type) {
  void *obj = layout_new(lay, type), *other = layout_new(lay, type);
  for (unsigned how = 0; how < 13; how++) {
    put(lay, obj, 0, rc_newref(other), how);
    CHECK_EQ(gc_collect(heap), 0);
    CHECK(lay->codec->get(lay->at(obj, 0)) == other);
    lay->codec->junk(lay->at(obj, 0), other, how);
    rc_decref(other);
    CHECK_EQ(gc_collect(heap), 0);
    CHECK_EQ(rc_count(other), 1);
  }
  rc_decref(obj), rc_decref(other);
  CHECK_EQ(graph_live(heap), 0);
}

static void slots_change_their_kind(void) {
  each_layout(change_one);
}

/* Random graphs with values mixed in: what is held stays with all it reaches, the rest goes. */
static uint64_t layouts_seed;

static void random_one(const layout *lay, gc_heap *heap, rc_type *type) {
  enum { OBJECTS = 60 };
  void *objects[OBJECTS], *stack[OBJECTS];
  size_t edges[OBJECTS][SLOTS], used = 0, reached = 0;
  bool seen[OBJECTS] = {false};
  layout_destroyed = 0;
  for (size_t i = 0; i < OBJECTS; i++) objects[i] = layout_new(lay, type);
  for (size_t i = 0; i < OBJECTS; i++) {
    for (size_t j = 0; j < lay->slots; j++) {
      size_t to = check_below(&layouts_seed, OBJECTS);
      unsigned how = (unsigned)check_below(&layouts_seed, 1000);
      bool reference = check_below(&layouts_seed, 10) < (lay->slots == 1 ? 9 : 4);
      edges[i][j] = reference ? to : OBJECTS;
      if (reference) put(lay, objects[i], j, rc_newref(objects[to]), how);
      else lay->codec->junk(lay->at(objects[i], j), objects[to], how);
    }
  }
  seen[7] = true, stack[used++] = objects[7];
  while (used > 0) {
    void *from = stack[--used];
    size_t at = 0;
    while (objects[at] != from) at++;
    reached++;
    for (size_t j = 0; j < lay->slots; j++) {
      size_t to = edges[at][j];
      if (to == OBJECTS || seen[to]) continue;
      seen[to] = true, stack[used++] = objects[to];
    }
  }
  for (size_t i = 0; i < OBJECTS; i++)
    if (i != 7) rc_decref(objects[i]);
  (void)gc_collect(heap);
  CHECK_EQ(graph_live(heap), reached);
  rc_decref(objects[7]);
  (void)gc_collect(heap);
  CHECK_EQ(graph_live(heap), 0);
}

static void random_graphs_of_each_layout(void) {
  layouts_seed = check_seed("random_graphs_of_each_layout");
  for (size_t i = 0; i < check_scale(2, 30, 300); i++) each_layout(random_one);
}

/* ---- vectors ---- */

/* References beyond the used length are not the engine's. */
static void vector_is_read_up_to_its_length(void) {
  const layout *lay = &layouts[3];
  rc_type *type = layout_type(NULL, lay, true);
  pointer_vector *holder = layout_new(lay, type);
  void *target = layout_new(lay, type);
  pointer_vector_at(holder, 0);
  holder->slot[4] = target; /* not owned by the slot: beyond the length */
  holder->used = 4;
  holder->slot[0] = rc_newref(holder);
  rc_decref(holder);
  CHECK_EQ(gc_collect(NULL), 1);
  CHECK_EQ(rc_count(target), 1);
  CHECK_EQ(graph_live(NULL), 1);
  rc_decref(target);
}

#define LONG_VECTOR(bytes, length_type)                                                              \
  typedef struct vector##bytes {                                                                     \
    void **items;                                                                                    \
    length_type used;                                                                                \
  } vector##bytes;                                                                                   \
  static const rc_field vector##bytes##_fields[] = {RC_FIELD_VECTOR(vector##bytes, items, used)};    \
  static void vector##bytes##_destroy(void *obj) { free(((vector##bytes *)obj)->items); }            \
  static void vector##bytes##_case(size_t n) {                                                       \
    rc_type_spec spec = RC_TYPE_SPEC_INIT;                                                           \
    spec.name = "vector" #bytes, spec.size = sizeof(vector##bytes);                                  \
    spec.fields = vector##bytes##_fields, spec.field_count = 1;                                      \
    spec.destroy = vector##bytes##_destroy;                                                          \
    rc_type *type = graph_type(NULL, &spec);                                                         \
    vector##bytes *obj = rc_new(type);                                                               \
    REQUIRE(obj != NULL);                                                                            \
    obj->items = malloc(n * sizeof(void *));                                                         \
    REQUIRE(obj->items != NULL);                                                                     \
    for (size_t i = 0; i < n; i++) obj->items[i] = rc_newref(obj);                                   \
    obj->used = (length_type)n;                                                                      \
    CHECK_EQ(gc_collect(NULL), 0);                                                                   \
    rc_decref(obj);                                                                                  \
    CHECK_EQ(gc_collect(NULL), 1);                                                                   \
    CHECK_EQ(graph_live(NULL), 0);                                                                   \
  }
LONG_VECTOR(1, uint8_t)
LONG_VECTOR(2, uint16_t)
LONG_VECTOR(4, uint32_t)
LONG_VECTOR(8, size_t)

/* The highest bit of a narrow length is part of the length. */
static void lengths_of_each_width(void) {
  vector1_case(1), vector1_case(127), vector1_case(128), vector1_case(255);
  vector2_case(256), vector2_case(32768), vector2_case(65535);
  vector4_case(65536), vector4_case(100000);
  vector8_case(65536), vector8_case(check_scale(100000, 1000000, 10000000));
}

static void long_tail(void) {
  const layout *lay = &layouts[2];
  size_t n = check_scale(10000, 1000000, 10000000);
  rc_type *type = layout_type(NULL, lay, false), *nodes = graph_watched(NULL);
  pointer_tail *holder = rc_new_array(type, n);
  REQUIRE(holder != NULL);
  for (size_t i = 0; i < n; i++) {
    Node *child = graph_node(nodes, i);
    child->a = rc_newref(holder);
    holder->slot[i] = child;
  }
  CHECK_EQ(gc_collect(NULL), 0);
  rc_decref(holder);
  CHECK_EQ(gc_collect(NULL), n + 1);
  CHECK_EQ(graph.destroyed, n);
}

/* ---- four real layouts ---- */

/* OCaml: low bit 1 is an integer, 0 a pointer. V8: low bits 01 a heap object, 11 a weak one, 0 a small
 * integer. */
typedef struct Block {
  uint64_t fields[4]; /* OCaml */
  uint64_t hidden[4]; /* V8 */
} Block;

static const rc_field block_fields[] = {
    RC_FIELD_TAGGED_ARRAY(Block, fields, 1, 0, ~(uint64_t)0),
    RC_FIELD_TAGGED_ARRAY(Block, hidden, 3, 1, ~(uint64_t)3),
};

static uint64_t ocaml_int(int64_t n) {
  return (uint64_t)n << 1 | 1;
}

static uint64_t v8_smi(int32_t n) {
  return (uint64_t)(uint32_t)n << 32;
}

static void low_bit_tags_of_ocaml_and_v8(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Block", spec.size = sizeof(Block);
  spec.fields = block_fields, spec.field_count = 2;
  rc_type *type = graph_type(NULL, &spec);
  static const int64_t numbers[] = {0, 1, -1, INT64_MAX / 2, INT64_MIN / 2, 0x7fff12345678};
  Block *first = NULL;
  for (size_t i = 0; i < 1000; i++) {
    Block *block = rc_new(type);
    REQUIRE(block != NULL);
    uint64_t self = (uint64_t)(uintptr_t)block;
    block->fields[0] = (uint64_t)(uintptr_t)first; /* owned, or the null word */
    block->fields[1] = ocaml_int(numbers[i % 6]);
    block->fields[2] = self | 1;                   /* an integer that is our address */
    block->hidden[0] = v8_smi((int32_t)numbers[i % 6]);
    block->hidden[1] = self | 3;                   /* weak: not counted */
    block->hidden[2] = self;                       /* a small integer */
    block->hidden[3] = (uint64_t)(uintptr_t)rc_newref(block) | 1;
    first = block;
  }
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(rc_count(first), 2);
  CHECK_EQ(first->fields[1], ocaml_int(numbers[999 % 6]));
  rc_decref(first);
  CHECK_EQ(gc_collect(NULL), 1000);
}

/* LuaJIT: the top 13 bits set, four bits of type, 47 of pointer; strings, functions and tables are objects.
 * JavaScriptCore: the top 16 bits and bit 1 clear is a cell; numbers are offset, constants have bit 1. */
typedef struct Boxes {
  uint64_t *luajit;
  uint64_t *jsc;
  uint32_t luajit_used;
  uint16_t jsc_used;
} Boxes;

#define LJ_MASK ((uint64_t)0x1ffff << 47)
#define LJ_TAG(itype) ((uint64_t)(uint32_t)(int32_t)(itype) << 47)
#define LJ_PTR (((uint64_t)1 << 47) - 1)
#define JSC_NOT_CELL (((uint64_t)0xfffe << 48) | 2)

static const rc_field boxes_fields[] = {
    RC_FIELD_TAGGED_VECTOR(Boxes, luajit, luajit_used, LJ_MASK, LJ_TAG(-5), LJ_PTR),  /* string */
    RC_FIELD_TAGGED_VECTOR(Boxes, luajit, luajit_used, LJ_MASK, LJ_TAG(-9), LJ_PTR),  /* function */
    RC_FIELD_TAGGED_VECTOR(Boxes, luajit, luajit_used, LJ_MASK, LJ_TAG(-12), LJ_PTR), /* table */
    RC_FIELD_TAGGED_VECTOR(Boxes, jsc, jsc_used, JSC_NOT_CELL, 0, ~(uint64_t)0),
};

static void boxes_destroy(void *obj) {
  Boxes *boxes = obj;
  CHECK(boxes->luajit_used == 0 && boxes->jsc_used == 0);
  free(boxes->luajit);
  free(boxes->jsc);
}

static uint64_t bits_of(double number) {
  uint64_t bits;
  memcpy(&bits, &number, sizeof bits);
  return bits;
}

static void nan_boxing_of_luajit_and_jsc(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Boxes", spec.size = sizeof(Boxes), spec.destroy = boxes_destroy;
  spec.fields = boxes_fields, spec.field_count = RC_COUNT_OF(boxes_fields);
  rc_type *type = graph_type(NULL, &spec);
  static const double numbers[] = {0.0, -0.0, 1.5, -1e308, 5e-324, 1e-310, 3.0e300};
  static const int collectable[] = {-5, -9, -12};
  Boxes *first = NULL;
  for (size_t i = 0; i < 1000; i++) {
    Boxes *boxes = rc_new(type);
    REQUIRE(boxes != NULL);
    boxes->luajit = calloc(8, sizeof(uint64_t)), boxes->jsc = calloc(8, sizeof(uint64_t));
    REQUIRE(boxes->luajit && boxes->jsc);
    uint64_t self = (uint64_t)(uintptr_t)boxes, *lj = boxes->luajit, *jsc = boxes->jsc;
    lj[0] = bits_of(numbers[i % 7]);
    lj[1] = LJ_TAG(-1) | LJ_PTR; /* nil */
    lj[2] = LJ_TAG(-4) | self;   /* light userdata: our address, not counted */
    lj[3] = (first ? (uint64_t)(uintptr_t)rc_newref(first) : 0) | LJ_TAG(collectable[i % 3]);
    lj[4] = (uint64_t)(uintptr_t)rc_newref(boxes) | LJ_TAG(collectable[(i + 1) % 3]);
    jsc[0] = bits_of(numbers[i % 7]) + ((uint64_t)2 << 48);
    jsc[1] = ((uint64_t)0xfffe << 48) | (uint32_t)i; /* int32 */
    jsc[2] = 0x0a, jsc[3] = 0x02, jsc[4] = 0x07;     /* undefined, null, true */
    jsc[5] = (uint64_t)(uintptr_t)first;             /* owned: takes the loop's reference */
    boxes->luajit_used = 8, boxes->jsc_used = 8;
    first = boxes;
  }
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(rc_count(first), 2);
  rc_decref(first);
  CHECK_EQ(gc_collect(NULL), 1000);
}

/* Lua: a value and a byte; the low four bits are the kind, two the variant, bit 6 says collectable.
 * Declared here tag by tag, as a host does that has collectable values which are not objects of this
 * heap. */
typedef struct TValue {
  union {
    void *gc;
    void *p;
    int64_t i;
    double n;
  } value;
  uint8_t tt;
} TValue;

typedef struct Table {
  TValue metatable;
  TValue *array;
  uint32_t used;
  TValue node[3];
} Table;

enum { LUA_NIL = 0, LUA_LIGHT = 2, LUA_FLOAT = 19 };
enum { LUA_STRING = 4 | 64, LUA_TABLE = 5 | 64, LUA_CLOSURE = 6 | 64 };

#define LUA_TAGS(tag)                                                                                       \
  RC_FIELD_VARIANT(Table, metatable.value.gc, metatable.tt, 0xff, tag),                                     \
      RC_FIELD_VARIANT_VECTOR(Table, array, used, value.gc, tt, 0xff, tag),                                 \
      RC_FIELD_VARIANT_ARRAY(Table, node, value.gc, tt, 0xff, tag)

static const rc_field table_fields[] = {LUA_TAGS(LUA_STRING), LUA_TAGS(LUA_TABLE), LUA_TAGS(LUA_CLOSURE)};

static void table_destroy(void *obj) {
  free(((Table *)obj)->array);
}

static TValue lua_object(void *owned, uint8_t tt) {
  TValue value = {{0}, 0};
  value.value.gc = owned, value.tt = tt;
  return value;
}

static void tag_and_payload_of_lua(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Table", spec.size = sizeof(Table), spec.destroy = table_destroy;
  spec.fields = table_fields, spec.field_count = RC_COUNT_OF(table_fields);
  rc_type *type = graph_type(NULL, &spec);
  static const uint8_t tags[] = {LUA_STRING, LUA_TABLE, LUA_CLOSURE};
  Table *first = NULL;
  for (size_t i = 0; i < 1000; i++) {
    Table *table = rc_new(type);
    REQUIRE(table != NULL);
    table->array = calloc(6, sizeof(TValue));
    REQUIRE(table->array != NULL);
    table->array[0] = lua_object(table, LUA_LIGHT); /* light userdata: our address, not counted */
    table->array[1] = lua_object(table, LUA_NIL);   /* a stale payload */
    table->array[2].value.n = (double)i, table->array[2].tt = LUA_FLOAT;
    table->array[3] = lua_object(rc_newref(table), tags[i % 3]);
    table->used = 6;
    if (first) table->metatable = lua_object(first, LUA_TABLE);
    table->node[2] = lua_object(rc_newref(table), tags[(i + 1) % 3]);
    table->node[1] = lua_object(table, 5); /* the kind of a table, not collectable */
    first = table;
  }
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(rc_count(first), 3);
  CHECK(first->array[2].value.n == 999.0);
  rc_decref(first);
  CHECK_EQ(gc_collect(NULL), 1000);
}

/* QuickJS: a union and a 64-bit tag; tags from -11 to -1 are counted objects, 0 and above are not. */
typedef struct JSValue {
  union {
    int32_t int32;
    double float64;
    void *ptr;
  } u;
  int64_t tag;
} JSValue;

typedef struct JSObject {
  uint64_t shape;
  JSValue prop[];
} JSObject;

static const rc_field js_fields[] = {
    RC_FIELD_VARIANT_TAIL(JSObject, prop, u.ptr, tag, (uint64_t)1 << 63, (uint64_t)1 << 63),
};

static void negative_tags_of_quickjs(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "JSObject", spec.size = sizeof(JSObject), spec.tail_size = sizeof(JSValue);
  spec.fields = js_fields, spec.field_count = 1;
  rc_type *type = graph_type(NULL, &spec);
  JSObject *first = NULL;
  for (size_t i = 0; i < 1000; i++) {
    size_t n = 4 + i % 30;
    JSObject *obj = rc_new_array(type, n);
    REQUIRE(obj != NULL);
    for (size_t j = 0; j < n; j++) { /* numbers and constants */
      obj->prop[j].u.ptr = obj, obj->prop[j].tag = (int64_t)(j % 8);
    }
    obj->prop[n - 1].u.ptr = rc_newref(obj), obj->prop[n - 1].tag = -1 - (int64_t)(i % 11);
    if (first) obj->prop[0].u.ptr = first, obj->prop[0].tag = -11 + (int64_t)(i % 11);
    first = obj;
  }
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(rc_count(first), 2);
  rc_decref(first);
  CHECK_EQ(gc_collect(NULL), 1000);
}

/* ---- declared fields and callbacks in one type ---- */

/* A declared pointer and vector, and a table that only `traverse` knows. */
typedef struct Closure {
  void *proto;
  void **upvalues;
  uint8_t upvalue_count;
  void **table; /* of four */
} Closure;

static size_t closure_cleared, closure_destroyed;

static int closure_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Closure *closure = obj;
  for (size_t i = 0; closure->table && i < 4; i++) {
    int stop = rc_visit_named(visit, visit_ctx, closure->table[i], "table", i);
    if (stop) return stop;
  }
  return 0;
}

static void closure_clear(void *obj) {
  Closure *closure = obj;
  closure_cleared++;
  CHECK(closure->upvalue_count == 0 && closure->proto == NULL); /* declared fields are emptied first */
  for (size_t i = 0; closure->table && i < 4; i++) rc_clear(&closure->table[i]);
}

static void closure_destroy(void *obj) {
  Closure *closure = obj;
  closure_destroyed++;
  for (size_t i = 0; closure->table && i < 4; i++) CHECK(closure->table[i] == NULL);
  free(closure->table);
  free(closure->upvalues);
}

static Closure *closure_new(rc_type *type) {
  Closure *closure = rc_new(type);
  REQUIRE(closure != NULL);
  closure->table = calloc(4, sizeof(void *));
  closure->upvalues = calloc(3, sizeof(void *));
  REQUIRE(closure->table && closure->upvalues);
  closure->upvalue_count = 3;
  CHECK(!gc_is_tracked(closure)); /* a type with a traverse waits for gc_track */
  CHECK_EQ(gc_track(closure), RC_OK);
  return closure;
}

static void fields_and_traverse_together(void) {
  static const rc_field fields[] = {
      RC_FIELD(Closure, proto),
      RC_FIELD_VECTOR(Closure, upvalues, upvalue_count),
  };
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Closure", spec.size = sizeof(Closure);
  spec.fields = fields, spec.field_count = 2;
  spec.traverse = closure_traverse, spec.clear = closure_clear, spec.destroy = closure_destroy;
  rc_type *type = graph_type(NULL, &spec);
  for (int way = 0; way < 3; way++) { /* a ring through each of the three ways of reference */
    Closure *a = closure_new(type), *b = closure_new(type), *c = closure_new(type);
    closure_cleared = closure_destroyed = 0;
    a->proto = b;                       /* a -> b -> c -> a */
    b->upvalues[2] = c;
    c->table[way] = rc_newref(a);
    a->table[3] = rc_newref(c);
    CHECK_EQ(gc_collect(NULL), 0);
    CHECK_EQ(rc_count(a), 2);
    rc_decref(a);
    CHECK_EQ(closure_destroyed, 0);
    CHECK_EQ(gc_collect(NULL), 3);
    CHECK_EQ(closure_cleared, 3);
    CHECK_EQ(closure_destroyed, 3);
  }
  Closure *a = closure_new(type), *b = closure_new(type); /* and the same by count */
  closure_cleared = closure_destroyed = 0;
  a->upvalues[0] = rc_newref(b), a->table[0] = b;
  rc_decref(a);
  CHECK_EQ(closure_cleared, 2);
  CHECK_EQ(closure_destroyed, 2);
  CHECK_EQ(graph_live(NULL), 0);
}

/* Declared fields and a clear without a traverse: called in both deaths all the same. */
static size_t clear_only_calls;

static void clear_only(void *obj) {
  Node *node = obj;
  clear_only_calls++;
  CHECK(node->a == NULL && node->b == NULL);
}

static void clear_without_traverse(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Cleared", spec.size = sizeof(Node);
  spec.fields = graph_fields, spec.field_count = 2, spec.clear = clear_only;
  rc_type *type = graph_type(NULL, &spec);
  Node *chain = graph_chain(type, 3, false), *ring = graph_ring(type, 4);
  CHECK(gc_is_tracked(chain));
  rc_decref(chain), rc_decref(ring);
  CHECK_EQ(clear_only_calls, 3);
  CHECK_EQ(gc_collect(NULL), 4);
  CHECK_EQ(clear_only_calls, 7);
}

/* Shapes at the borders of what the collector merges into one test of a word: tags that are far apart, a tag that
 * straddles two aligned words, more words than it merges for one type. A ring through each slot must go, and must
 * stay while it is held. */
#pragma pack(push, 1)
typedef struct Edge {
  void *far;          /* collectable with tags 1, 2 and 200 */
  uint8_t far_tag;
  uint8_t space[5];
  uint32_t straddling_tag; /* at 14: in two aligned words */
  uint8_t more_space[6];
  void *straddling;
  uint64_t many[20]; /* low-bit tagged */
} Edge;
#pragma pack(pop)

enum { EDGE_SLOTS = 5 };

static void edge_put(Edge *edge, size_t slot, Edge *target) {
  static const uint8_t tags[] = {1, 2, 200};
  if (slot < 3) edge->far = target, edge->far_tag = tags[slot];
  if (slot == 3) edge->straddling = target, edge->straddling_tag = 0x01020304;
  if (slot == 4) edge->many[19] = (uint64_t)(uintptr_t)target | 1;
}

static void shapes_at_the_borders(void) {
  static const rc_field fields[] = {
      RC_FIELD_VARIANT(Edge, far, far_tag, 0xff, 1),
      RC_FIELD_VARIANT(Edge, far, far_tag, 0xff, 2),
      RC_FIELD_VARIANT(Edge, far, far_tag, 0xff, 200),
      RC_FIELD_VARIANT(Edge, straddling, straddling_tag, 0xffffffff, 0x01020304),
      RC_FIELD_TAGGED_ARRAY(Edge, many, 7, 1, ~(uint64_t)7),
  };
  /* Only the far tags; with the straddling one; all. */
  static const size_t counts[] = {3, 4, 5};
  for (size_t kind = 0; kind < RC_COUNT_OF(counts); kind++) {
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Edge", spec.size = sizeof(Edge);
    spec.fields = fields, spec.field_count = counts[kind];
    rc_type *type = graph_type(NULL, &spec);
    for (size_t slot = 0; slot < counts[kind] && slot < EDGE_SLOTS; slot++) {
      Edge *first = rc_new(type), *second = rc_new(type), *stray = rc_new(type);
      REQUIRE(first && second && stray);
      edge_put(first, slot, rc_newref(second));
      edge_put(second, slot, rc_newref(first));
      stray->far = first, stray->far_tag = 3; /* not a reference: 3 is no collectable tag */
      rc_decref(second);
      CHECK_EQ(gc_collect(NULL), 0); /* held */
      CHECK_EQ(rc_count(second), 1);
      rc_decref(first);
      CHECK_EQ(gc_collect(NULL), 2);
      rc_decref(stray);
      CHECK_EQ(graph_live(NULL), 0);
    }
  }
}

static const check_test tests[] = {
    CHECK_TEST(shapes_at_the_borders),
    CHECK_TEST(fresh_objects_are_walkable),
    CHECK_TEST(death_by_count_through_every_slot),
    CHECK_TEST(self_loop_through_every_slot),
    CHECK_TEST(ring_through_all_slots),
    CHECK_TEST(values_of_other_tags_are_no_references),
    CHECK_TEST(slots_change_their_kind),
    CHECK_TEST(random_graphs_of_each_layout),
    CHECK_TEST(vector_is_read_up_to_its_length),
    CHECK_TEST(lengths_of_each_width),
    CHECK_TEST(long_tail),
    CHECK_TEST(low_bit_tags_of_ocaml_and_v8),
    CHECK_TEST(nan_boxing_of_luajit_and_jsc),
    CHECK_TEST(tag_and_payload_of_lua),
    CHECK_TEST(negative_tags_of_quickjs),
    CHECK_TEST(fields_and_traverse_together),
    CHECK_TEST(clear_without_traverse),
};

CHECK_MAIN(tests)
