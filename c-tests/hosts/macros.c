/* Every macro of the headers that a host writes in its own code, as C and as C++. Compiled only (by
 * c-tests/diagnostics.py), with all that a host may want to be warned of. */
#include <rcgc.h>

#if defined(__cplusplus)
#define AS(T, value) static_cast<T>(value)
#define NOTHING nullptr
#else
#define AS(T, value) ((T)(value))
#define NOTHING NULL
#endif

typedef struct Value {
  size_t tag;
  void *payload;
} Value;

enum { KIND_MASK = 0xff, KIND_OBJECT = 1 };

typedef struct Node {
  struct Node *next;
  struct Node *pair[2];
  rc_weak *parent;
  size_t used;
  struct Node **items;
  uint64_t *words;
  Value *values;
  uint64_t word;
  uint64_t more[2];
  Value value;
  Value many[2];
} Node;

typedef struct Tail {
  struct Tail *first;
  void *slots[1];
} Tail;

typedef struct Words {
  struct Words *first;
  uint64_t words[1];
} Words;

typedef struct Values {
  struct Values *first;
  Value values[1];
} Values;

static const rc_field node_fields[] = {
    RC_FIELD(Node, next),
    RC_FIELD_ARRAY(struct Node, pair),
    RC_FIELD_WEAK(Node, parent),
    RC_FIELD_VECTOR(Node, items, used),
    RC_FIELD_TAGGED(Node, word, 1, 0, ~7ull),
    RC_FIELD_TAGGED(Node, word, KIND_MASK, KIND_OBJECT, ~UINT64_C(7)),
    RC_FIELD_TAGGED_ARRAY(Node, more, UINT64_C(7), AS(uint8_t, 1), ~7),
    RC_FIELD_TAGGED_VECTOR(Node, words, used, 7u, 1l, ~7l),
    RC_FIELD_VARIANT(Node, value.payload, value.tag, KIND_MASK, KIND_OBJECT),
    RC_FIELD_VARIANT(struct Node, value.payload, value.tag, KIND_MASK, -2),
    RC_FIELD_VARIANT_ARRAY(Node, many, payload, tag, 255, 1),
    RC_FIELD_VARIANT_VECTOR(Node, values, used, payload, tag, 255, 1),
};
static const rc_field tail_fields[] = {RC_FIELD(Tail, first), RC_FIELD_TAIL(Tail, slots)};
static const rc_field words_fields[] = {RC_FIELD(Words, first), RC_FIELD_TAGGED_TAIL(Words, words, 1, 0, ~7ull)};
static const rc_field values_fields[] = {RC_FIELD(Values, first),
                                         RC_FIELD_VARIANT_TAIL(Values, values, payload, tag, 255, 1)};

RC_STATIC(Value, absent) = {0, NOTHING};
RC_STATIC(size_t, answer) = 42;

/* Globals of a host whose names inline code could hide. */
extern int obj, heap, name, slot, word, old, mark, guard, variable, header, number, site;
int obj, heap, name, slot, word, old, mark, guard, variable, header, number, site;

static rc_status make_types(gc_heap *of, rc_type **out_type) {
  static const struct {
    const char *text;
    size_t size, tail_size;
    const rc_field *fields;
    size_t count;
  } kinds[] = {
      {"Node", sizeof(Node), 0, node_fields, RC_COUNT_OF(node_fields)},
      {"Tail", offsetof(Tail, slots), sizeof(void *), tail_fields, RC_COUNT_OF(tail_fields)},
      {"Words", offsetof(Words, words), sizeof(uint64_t), words_fields, RC_COUNT_OF(words_fields)},
      {"Values", offsetof(Values, values), sizeof(Value), values_fields, RC_COUNT_OF(values_fields)},
  };
  for (size_t i = 0; i < RC_COUNT_OF(kinds); i++) {
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = kinds[i].text;
    spec.size = kinds[i].size;
    spec.tail_size = kinds[i].tail_size;
    spec.fields = kinds[i].fields;
    spec.field_count = kinds[i].count;
    rc_status status = rc_type_new(of, &spec, &out_type[i]);
    if (status != RC_OK) return status;
  }
  return RC_OK;
}

static int counts(rc_type *type) {
  Node *one = AS(Node *, rc_new(type));
  if (!one) return 1;
  Node *two = AS(Node *, rc_newref(one));
  rc_incref(two);
  rc_xincref(two);
  rc_xdecref(two);
  rc_decref(two);
  rc_setref(&one->next, two);
  if (rc_is_immortal(one) || rc_is_unique(one) || rc_count(one) != 2) return 1;
  rc_clear(&one->next);
  rc_decref(one);
  return 0;
}

static int places(rc_type *type, rc_type *tail_type) {
  Node *one = AS(Node *, RC_NEW(type));
  Tail *row = AS(Tail *, RC_NEW_ARRAY(tail_type, 3));
  if (!one || !row) return 1;
  gc_hold hold = GC_HOLD(one, "example");
  rc_status status = GC_RELEASE(hold);
  rc_decref(one);
  rc_decref(row);
  return status != RC_OK;
}

#if defined(RC_SCOPE)
static int blocks(gc_heap *of, rc_type *type) {
  RC_SCOPE(of);
  RC_SCOPE_NAMED(of, "named");
  GC_SCOPE_CLEAN(of, "clean");
  GC_LINES(of);
  Node *one = AS(Node *, rc_scope_keep(of, rc_new(type)));
  if (!one) return 1;
  RC_AUTO Node *two = AS(Node *, rc_new(type));
  GC_LINE();
  return !two;
}
#endif

int main(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  gc_heap *of = NOTHING;
  rc_type *types[4];
  if (gc_heap_new(&options, &of) != RC_OK || make_types(of, types) != RC_OK) return 1;
  int wrong = counts(types[0]) + places(types[0], types[1]);
#if defined(RC_SCOPE)
  wrong += blocks(of, types[0]);
#endif
  return gc_heap_free(of) != 0 || wrong != 0;
}
