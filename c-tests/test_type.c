/* Type specs: every good form is accepted, every bad thing is refused with a status and a sentence that names
 * the type, the field and the reason; and the life of a type. */
#include "check.h"
#include "graph.h"

typedef struct Pair {
  void *first, *second;
  uint64_t number;
} Pair;

typedef struct Wide {
  void *array[4];
  void **buffer;
  uint32_t used;
  uint8_t tag;
  void *payload;
} Wide;

static int visit_nothing(void *obj, rc_visit_fn visit, void *visit_ctx) {
  (void)obj, (void)visit, (void)visit_ctx;
  return 0;
}

static void do_nothing(void *obj) {
  (void)obj;
}

static rc_type_spec pair_spec(const rc_field *fields, size_t count) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Pair";
  spec.size = sizeof(Pair);
  spec.fields = fields;
  spec.field_count = count;
  return spec;
}

/* The spec is refused with this status, out_type is untouched, and the message has both words. */
static void refused(rc_type_spec spec, rc_status expected, const char *word, const char *reason, int line) {
  gc_heap *heap = gc_heap_default();
  rc_type *type = (rc_type *)&spec;
  rc_status status = rc_type_new(heap, &spec, &type);
  if (status != expected) {
    check_failures++;
    printf("%s:%d: failed: %s, expected %s (%s, %s)\n", __FILE__, line, rc_status_name(status),
           rc_status_name(expected), word, reason);
  }
  CHECK(type == (rc_type *)&spec);
  if (status != RC_OK) {
    check_contains(gc_error_message(heap), word, __FILE__, line);
    check_contains(gc_error_message(heap), reason, __FILE__, line);
  }
}

#define REFUSED(spec, status, word, reason) refused((spec), (status), (word), (reason), __LINE__)

static void accepted(rc_type_spec spec, int line) {
  rc_type *type = NULL;
  rc_status status = rc_type_new(NULL, &spec, &type);
  if (status != RC_OK) {
    check_failures++;
    const char *message = gc_error_message(gc_heap_default());
    printf("%s:%d: failed: %s: %s\n", __FILE__, line, rc_status_name(status), message);
    return;
  }
  CHECK_EQ(rc_type_free(type), RC_OK);
}

#define ACCEPTED(spec) accepted((spec), __LINE__)

/* ---- good ---- */

static void good_specs(void) {
  rc_type_spec spec = pair_spec(NULL, 0);
  ACCEPTED(spec); /* no references at all */
  spec.size = 1;
  ACCEPTED(spec);
  spec.size = 0;
  spec.tail_size = 1;
  ACCEPTED(spec); /* nothing but a trailing array */
  spec.size = (size_t)1 << 30;
  spec.tail_size = 0;
  ACCEPTED(spec);
  static const rc_field both[] = {RC_FIELD(Pair, first), RC_FIELD(Pair, second)};
  spec = pair_spec(both, 2);
  ACCEPTED(spec);
  spec.flags = RC_TYPE_ACYCLIC;
  ACCEPTED(spec);
  spec.flags = RC_TYPE_TRACK_MANUAL;
  ACCEPTED(spec);
  spec.flags = 0;
  spec.destroy = do_nothing;
  ACCEPTED(spec);
  spec.clear = do_nothing;
  ACCEPTED(spec);
  spec.traverse = visit_nothing;
  ACCEPTED(spec);
  spec.flags = RC_TYPE_TRACK_ON_NEW;
  ACCEPTED(spec);
  spec.flags = RC_TYPE_ACYCLIC;
  spec.clear = NULL; /* an acyclic type may have a traverse for reports, without a clear */
  ACCEPTED(spec);
}

static void fields_in_any_order_and_number(void) {
  enum { MANY = 2000 };
  static rc_field fields[MANY];
  static const char name[] = "slot";
  static const rc_field reversed[] = {RC_FIELD(Pair, second), RC_FIELD(Pair, first)};
  ACCEPTED(pair_spec(reversed, 2));
  for (size_t i = 0; i < MANY; i++) {
    rc_field field = RC_FIELD(Pair, first);
    field.name = name;
    field.offset = (MANY - 1 - i) * sizeof(void *);
    fields[i] = field;
  }
  rc_type_spec spec = pair_spec(fields, MANY);
  spec.size = MANY * sizeof(void *);
  ACCEPTED(spec);
  fields[7].offset = fields[1900].offset; /* and among many the one overlap is found */
  REFUSED(spec, RC_ERR_INVALID, "Pair", "slot");
}

static void several_tags_on_one_word(void) {
  static const rc_field disjoint[] = {
      RC_FIELD_TAGGED(Pair, first, 7, 1, ~(uint64_t)7),
      RC_FIELD_TAGGED(Pair, first, 7, 2, ~(uint64_t)7),
      RC_FIELD_TAGGED(Pair, first, 3, 0, ~(uint64_t)7),
      RC_FIELD_VARIANT(Pair, second, number, 0xff, 4),
      RC_FIELD_VARIANT(Pair, second, number, 0xff, 5),
  };
  ACCEPTED(pair_spec(disjoint, RC_COUNT_OF(disjoint)));
}

/* ---- bad: the spec itself ---- */

static void bad_spec_members(void) {
  rc_type_spec good = pair_spec(graph_fields, 0), spec;
  rc_type *type = NULL;
  CHECK_EQ(rc_type_new(NULL, check_null(), &type), RC_ERR_INVALID);
  CHECK_EQ(rc_type_new(NULL, &good, check_null()), RC_ERR_INVALID);
  spec = good, spec.struct_size = 0;
  REFUSED(spec, RC_ERR_INVALID, "struct_size", "size");
  spec = good, spec.struct_size = sizeof spec + 4096;
  REFUSED(spec, RC_ERR_INVALID, "struct_size", "size");
  spec = good, spec.name = NULL;
  REFUSED(spec, RC_ERR_INVALID, "name", "name");
  spec = good, spec.name = "";
  REFUSED(spec, RC_ERR_INVALID, "name", "missing");
  spec = good, spec.size = 0;
  REFUSED(spec, RC_ERR_INVALID, "Pair", "size");
  spec = good, spec.size = SIZE_MAX;
  REFUSED(spec, RC_ERR_INVALID, "Pair", "size");
  spec = good, spec.size = (size_t)1 << 60;
  REFUSED(spec, RC_ERR_INVALID, "Pair", "size");
  spec = good, spec.tail_size = SIZE_MAX;
  REFUSED(spec, RC_ERR_INVALID, "Pair", "tail");
  spec = good, spec.reserved = 7;
  REFUSED(spec, RC_ERR_INVALID, "Pair", "reserved");
  spec = good, spec.flags = 1u << 20;
  REFUSED(spec, RC_ERR_INVALID, "Pair", "flags");
  spec = good, spec.field_count = 1, spec.fields = NULL;
  REFUSED(spec, RC_ERR_INVALID, "Pair", "fields");
}

static void traverse_without_clear(void) {
  rc_type_spec spec = pair_spec(NULL, 0);
  spec.traverse = visit_nothing;
  REFUSED(spec, RC_ERR_INVALID, "Pair", "clear");
}

static void flags_that_contradict(void) {
  rc_type_spec spec = pair_spec(graph_fields, 2);
  spec.size = sizeof(Node);
  spec.flags = RC_TYPE_TRACK_MANUAL | RC_TYPE_TRACK_ON_NEW;
  REFUSED(spec, RC_ERR_INVALID, "Pair", "TRACK");
  spec.flags = RC_TYPE_ACYCLIC | RC_TYPE_TRACK_ON_NEW;
  REFUSED(spec, RC_ERR_INVALID, "Pair", "ACYCLIC");
}

/* What this version does not have is refused, never ignored. */
static void unsupported_is_refused(void) {
  rc_type_spec spec = pair_spec(NULL, 0);
  spec.flags = RC_TYPE_SHARED;
  REFUSED(spec, RC_ERR_UNSUPPORTED, "Pair", "SHARED");
}

/* ---- bad: fields ---- */

typedef struct bad_field {
  const char *reason; /* in the message, beside the type's and the field's name */
  rc_field field;
} bad_field;

static rc_field changed(rc_field field, size_t offset) {
  field.offset = offset;
  return field;
}

static void one_bad_field(void) {
  rc_field one = RC_FIELD(Wide, payload), array = RC_FIELD_ARRAY(Wide, array);
  rc_field vector = RC_FIELD_VECTOR(Wide, buffer, used);
  rc_field tagged = RC_FIELD_TAGGED(Wide, payload, 1, 1, ~(uint64_t)1);
  rc_field variant = RC_FIELD_VARIANT(Wide, payload, tag, 0xff, 3);
  bad_field table[40];
  size_t n = 0;
#define BAD(why, base, ...)                                                    \
  do {                                                                         \
    table[n].reason = (why);                                                   \
    table[n].field = (base);                                                   \
    rc_field *f = &table[n++].field;                                           \
    __VA_ARGS__;                                                               \
  } while (0)
  BAD("outside", one, f->offset = sizeof(Wide));
  BAD("outside", one, f->offset = sizeof(Wide) + 4096);
  BAD("outside", one, f->offset = SIZE_MAX - 7);
  BAD("outside", array, f->count = 1000);
  BAD("outside", array, f->count = SIZE_MAX / 8);
  BAD("outside", array, f->count = SIZE_MAX);
  BAD("multiple", array, f->offset += 1, f->count = 1);
  BAD("multiple", array, f->offset += 4, f->count = 2);
  BAD("slot", one, f->slot = 0);
  BAD("slot", one, f->slot = 99);
  BAD("place", one, f->place = 0);
  BAD("place", one, f->place = 99);
  BAD("0 slots", array, f->count = 0);
  BAD("stride", one, f->stride = 4);
  BAD("stride", array, f->stride = 0);
  BAD("stride", array, f->stride = 12);
  BAD("length", vector, f->length_bytes = 3);
  BAD("length", vector, f->length_bytes = 0);
  BAD("length", vector, f->length_offset = sizeof(Wide));
  BAD("length", vector, f->length_offset = SIZE_MAX);
  BAD("mask", tagged, f->value = 2);
  BAD("mask", tagged, f->mask = 0, f->value = 1);
  BAD("pointer_mask", tagged, f->pointer_mask = 0);
  BAD("tag", variant, f->tag_bytes = 3);
  BAD("tag", variant, f->tag_bytes = 0);
  BAD("tag", variant, f->tag_offset = sizeof(Wide));
  BAD("tag", variant, f->tag_offset = SIZE_MAX - 3);
  BAD("mask", variant, f->value = 0x100);
#undef BAD
  for (size_t i = 0; i < n; i++) {
    rc_type_spec spec = pair_spec(&table[i].field, 1);
    spec.name = "Wide";
    spec.size = sizeof(Wide);
    rc_type *type = NULL;
    rc_status status = rc_type_new(NULL, &spec, &type);
    bool ok = CHECK_EQ(status, RC_ERR_INVALID);
    const char *message = gc_error_message(gc_heap_default());
    ok = CHECK_STR(message, "Wide") && ok;
    ok = CHECK_STR(message, table[i].field.name) && ok;
    ok = CHECK_STR(message, table[i].reason) && ok;
    if (!ok) printf("  in case %zu of one_bad_field: %s\n", i, table[i].reason);
  }
}

static void nameless_field(void) {
  rc_field field = RC_FIELD(Pair, first);
  field.name = NULL;
  REFUSED(pair_spec(&field, 1), RC_ERR_INVALID, "Pair", "name");
}

/* One owned reference in one slot: two fields that share bytes would release it twice. */
static void overlapping_fields(void) {
  static const rc_field twice[] = {RC_FIELD(Pair, first), RC_FIELD(Pair, first)};
  REFUSED(pair_spec(twice, 2), RC_ERR_INVALID, "first", "overlap");
  rc_field array = RC_FIELD_ARRAY(Wide, array);
  array.offset = 0;
  array.count = 3;
  const rc_field over[] = {RC_FIELD(Pair, second), changed(array, 0)};
  REFUSED(pair_spec(over, 2), RC_ERR_INVALID, "second", "overlap");
  const rc_field length_in_slot[] = {RC_FIELD_VECTOR(Wide, buffer, payload), RC_FIELD(Wide, payload)};
  rc_type_spec spec = pair_spec(length_in_slot, 2);
  spec.size = sizeof(Wide);
  REFUSED(spec, RC_ERR_INVALID, "payload", "overlap");
}

static void tags_that_do_not_exclude_each_other(void) {
  const rc_field same[] = {
      RC_FIELD_TAGGED(Pair, first, 3, 1, ~(uint64_t)3),
      RC_FIELD_TAGGED(Pair, first, 7, 1, ~(uint64_t)7),
  };
  REFUSED(pair_spec(same, 2), RC_ERR_INVALID, "first", "overlap");
  const rc_field mixed[] = {RC_FIELD(Pair, first), RC_FIELD_TAGGED(Pair, first, 1, 1, ~(uint64_t)1)};
  REFUSED(pair_spec(mixed, 2), RC_ERR_INVALID, "first", "overlap");
  const rc_field variants[] = {
      RC_FIELD_VARIANT(Pair, second, number, 0xff, 4),
      RC_FIELD_VARIANT(Pair, second, number, 0x0f, 4),
  };
  REFUSED(pair_spec(variants, 2), RC_ERR_INVALID, "second", "overlap");
}

typedef struct List {
  uint64_t used;
  void *items[];
} List;

static void tail_needs_a_tail_size(void) {
  static const rc_field fields[] = {RC_FIELD_TAIL(List, items)};
  rc_type_spec spec = pair_spec(fields, 1);
  spec.name = "List";
  spec.size = sizeof(List);
  REFUSED(spec, RC_ERR_INVALID, "items", "tail_size");
  spec.tail_size = sizeof(void *);
  ACCEPTED(spec);
  spec.size = sizeof(List) + 8; /* padding behind the struct may be part of the tail */
  ACCEPTED(spec);
  spec.size = sizeof(List) - 7; /* but the last element must lie inside */
  REFUSED(spec, RC_ERR_INVALID, "items", "behind");
}

/* What the host keeps to itself of a trailing array: that it is there, and has no declared references. */
static void leaf_tails(void) {
  typedef struct List {
    void *head;
    void *items[];
  } List;
  static const rc_field fields[] = {RC_FIELD(List, head), RC_FIELD_TAIL(List, items)};
  static const uint32_t flags[] = {RC_TYPE_HOST_LENGTH, RC_TYPE_UNINIT, RC_TYPE_HOST_LENGTH | RC_TYPE_UNINIT};
  for (size_t i = 0; i < RC_COUNT_OF(flags); i++) {
    const char *name = flags[i] & RC_TYPE_HOST_LENGTH ? "RC_TYPE_HOST_LENGTH" : "RC_TYPE_UNINIT";
    rc_type_spec spec = pair_spec(fields, 1);
    spec.size = sizeof(List), spec.flags = flags[i];
    REFUSED(spec, RC_ERR_INVALID, name, "tail_size is 0");
    spec.tail_size = sizeof(void *);
    ACCEPTED(spec);
    spec.field_count = 2;
    REFUSED(spec, RC_ERR_INVALID, name, "items");
    spec.fields = NULL, spec.field_count = 0, spec.flags |= RC_TYPE_ACYCLIC;
    ACCEPTED(spec);
  }
}

/* ---- the life of a type ---- */

static void name_fields_and_ctx_are_copied(void) {
  char name[] = "Pair", member[] = "first";
  rc_field field = RC_FIELD(Pair, first);
  field.name = member;
  rc_type_spec spec = pair_spec(&field, 1);
  spec.name = name;
  spec.ctx = name;
  rc_type *type = graph_type(NULL, &spec);
  memset(name, 'x', 4);
  memset(member, 'x', 5);
  memset(&field, 0xff, sizeof field);
  memset(&spec, 0xff, sizeof spec);
  CHECK(strcmp(rc_type_name(type), "Pair") == 0);
  CHECK(rc_type_ctx(type) == name);
  Pair *ring = rc_new(type);
  REQUIRE(ring != NULL);
  ring->first = ring;
  CHECK_EQ(gc_collect(NULL), 1);
  CHECK_EQ(rc_type_free(type), RC_OK);
}

static void live_objects_are_counted_by_type(void) {
  rc_type *one = graph_declared(NULL), *two = graph_callback(NULL);
  CHECK_EQ(rc_type_live(one), 0);
  Node *ring = graph_ring(one, 4), *chain = graph_chain(two, 3, true);
  CHECK_EQ(rc_type_live(one), 4);
  CHECK_EQ(rc_type_live(two), 3);
  rc_decref(chain);
  CHECK_EQ(rc_type_live(two), 0);
  rc_decref(ring);
  CHECK_EQ(rc_type_live(one), 4);
  CHECK_EQ(gc_collect(NULL), 4);
  CHECK_EQ(rc_type_live(one), 0);
}

static void free_is_refused_while_objects_live(void) {
  rc_type *type = graph_declared(NULL);
  Node *node = graph_node(type, 1);
  CHECK_EQ(rc_type_free(type), RC_ERR_IN_USE);
  CHECK_STR(gc_error_message(gc_heap_default()), "Declared");
  CHECK_EQ(rc_type_live(type), 1); /* nothing happened to it */
  rc_decref(node);
  CHECK_EQ(rc_type_free(type), RC_OK);
  CHECK_EQ(rc_type_free(NULL), RC_OK);
}

static void types_come_and_go(void) {
  size_t rounds = check_scale(3000, 100000, 1000000);
  for (size_t i = 0; i < rounds; i++) {
    rc_type *type = graph_declared(NULL);
    if (i % 64 == 0) rc_decref(graph_node(type, 0));
    if (!CHECK_EQ(rc_type_free(type), RC_OK)) break;
  }
}

static void many_types_at_once(void) {
  enum { MANY = 3000 };
  static rc_type *types[MANY];
  for (size_t i = 0; i < MANY; i++) {
    char name[32];
    snprintf(name, sizeof name, "Type%zu", i);
    rc_type_spec spec = pair_spec(NULL, 0);
    spec.name = name;
    spec.size = 8 + i % 300;
    types[i] = graph_type(NULL, &spec);
  }
  for (size_t i = 0; i < MANY; i++) {
    void *obj = rc_new(types[i]);
    REQUIRE(obj != NULL);
    CHECK(rc_type_of(obj) == types[i]);
    CHECK_EQ(rc_size_of(obj), 8 + i % 300);
    rc_decref(obj);
  }
  CHECK_STR(rc_type_name(types[2999]), "Type2999");
  for (size_t i = 0; i < MANY; i++) CHECK_EQ(rc_type_free(types[i]), RC_OK);
}

/* The number of types in a process is limited; the limit, or memory for them, is a status, not a crash. */
static void types_without_end_give_a_status(void) {
  size_t made = 0, most = check_scale(5000, 20000, 1000000);
  rc_status status = RC_OK;
  for (; made < most && status == RC_OK; made++) {
    rc_type_spec spec = pair_spec(NULL, 0);
    rc_type *type = NULL;
    status = rc_type_new(NULL, &spec, &type);
  }
  CHECK(status == RC_OK || status == RC_ERR_LIMIT || status == RC_ERR_NO_MEMORY);
  CHECK(made >= 5000);
  CHECK_EQ(gc_heap_free(gc_heap_default()), 0);
  rc_type *type = graph_declared(NULL); /* the numbers are free again */
  rc_decref(graph_node(type, 0));
}

static const check_test tests[] = {
    CHECK_TEST(good_specs),
    CHECK_TEST(fields_in_any_order_and_number),
    CHECK_TEST(several_tags_on_one_word),
    CHECK_TEST(bad_spec_members),
    CHECK_TEST(traverse_without_clear),
    CHECK_TEST(flags_that_contradict),
    CHECK_TEST(unsupported_is_refused),
    CHECK_TEST(one_bad_field),
    CHECK_TEST(nameless_field),
    CHECK_TEST(overlapping_fields),
    CHECK_TEST(tags_that_do_not_exclude_each_other),
    CHECK_TEST(tail_needs_a_tail_size),
    CHECK_TEST(leaf_tails),
    CHECK_TEST(name_fields_and_ctx_are_copied),
    CHECK_TEST(live_objects_are_counted_by_type),
    CHECK_TEST(free_is_refused_while_objects_live),
    CHECK_TEST(types_come_and_go),
    CHECK_TEST(many_types_at_once),
    CHECK_TEST(types_without_end_give_a_status),
};

CHECK_MAIN(tests)
