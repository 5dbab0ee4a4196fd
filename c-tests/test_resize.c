/* rc_resize and rc_room, and types whose trailing array is the host's: RC_TYPE_HOST_LENGTH, RC_TYPE_UNINIT. What follows an
 * object that moves, what is released of one that shrinks, what is refused and leaves it as it was. */
#include "check.h"
#include "graph.h"

/* ---- types ---- */

typedef struct Text {
  uint32_t used, hash;
  char text[];
} Text;

typedef struct Row {
  struct Row *parent;
  struct Row *cells[];
} Row;

/* A string: nothing stored, nothing zeroed. */
static rc_type *text_type(gc_heap *heap, uint32_t flags) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Text", spec.size = sizeof(Text), spec.tail_size = 1, spec.flags = flags;
  return graph_type(heap, &spec);
}

static rc_type *row_type(gc_heap *heap) {
  static const rc_field fields[] = {RC_FIELD(Row, parent), RC_FIELD_TAIL(Row, cells)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Row", spec.size = sizeof(Row), spec.tail_size = sizeof(Row *);
  spec.fields = fields, spec.field_count = RC_COUNT_OF(fields);
  return graph_type(heap, &spec);
}

static void *array_of(rc_type *type, size_t n) {
  void *obj = rc_new_array(type, n);
  REQUIRE(obj);
  return obj;
}

/* ---- the host knows the length ---- */

static const size_t lengths[] = {0,   1,   7,    8,    9,    15,   16,    17,    24,    40,     56,
                                 100, 500, 1000, 1500, 3000, 9000, 40000, 70000, 200000, 3000000};

static void no_length_is_stored(void) {
  gc_heap *heap = graph_heap("texts");
  rc_type *hosts = text_type(heap, RC_TYPE_HOST_LENGTH), *stored = text_type(heap, 0);
  size_t saved = 0;
  for (size_t i = 0; i < RC_COUNT_OF(lengths); i++) {
    Text *text = array_of(hosts, lengths[i]), *other = array_of(stored, lengths[i]);
    CHECK_EQ((uintptr_t)text % 16, 0);
    CHECK(rc_room(text) >= sizeof(Text) + lengths[i]);
    CHECK_EQ(rc_size_of(text), rc_room(text));
    CHECK_EQ(rc_size_of(other), sizeof(Text) + lengths[i]);
    CHECK(rc_room(other) >= rc_size_of(other));
    for (size_t byte = 0; byte < lengths[i]; byte++)
      if (!CHECK(text->text[byte] == 0)) break;
    memset(text, 0x7f, rc_room(text)); /* all of it is the host's */
    memset(other->text, 0x7f, lengths[i]);
    CHECK_EQ(rc_length(other), lengths[i]);
    gc_object_facts facts = GC_OBJECT_FACTS_INIT, more = GC_OBJECT_FACTS_INIT;
    CHECK_EQ(gc_object_info(text, &facts), RC_OK);
    CHECK_EQ(gc_object_info(other, &more), RC_OK);
    CHECK_EQ(facts.length, 0);
    CHECK_EQ(facts.size, rc_room(text));
    CHECK(facts.block_bytes <= more.block_bytes);
    saved += more.block_bytes - facts.block_bytes;
    rc_decref(text);
    rc_decref(other);
  }
  CHECK(saved != 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A block of 32 bytes has 24 for the object: with a stored length 8 of them are not the host's. */
static void small_strings_fit_their_blocks(void) {
  gc_heap *heap = graph_heap("small");
  Text *text = array_of(text_type(heap, RC_TYPE_HOST_LENGTH | RC_TYPE_UNINIT), 16);
  Text *other = array_of(text_type(heap, RC_TYPE_UNINIT), 16);
  CHECK_EQ(rc_room(text), 24);
  CHECK_EQ(rc_room(other), 32);
  CHECK_EQ(rc_length(other), 16);
  rc_decref(text);
  rc_decref(other);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The struct is zeroed where the array is not, also in memory that was used before. */
static void an_uninitialised_tail_has_a_zeroed_struct(void) {
  static const size_t sizes[] = {8, 12, 16, 20, 24, 32, 40, 64, 200, 5000};
  for (size_t i = 0; i < RC_COUNT_OF(sizes); i++)
    for (uint32_t flags = RC_TYPE_UNINIT; flags <= (RC_TYPE_UNINIT | RC_TYPE_HOST_LENGTH);
         flags += RC_TYPE_HOST_LENGTH) {
      gc_heap *heap = graph_heap("uninit");
      rc_type_spec spec = RC_TYPE_SPEC_INIT;
      spec.name = "Buffer", spec.size = sizes[i], spec.tail_size = 3, spec.flags = flags;
      rc_type *type = graph_type(heap, &spec);
      for (size_t n = 0; n < 100; n += 7)
        for (size_t again = 0; again < 3; again++) {
          unsigned char *bytes = array_of(type, n);
          for (size_t byte = 0; byte < sizes[i]; byte++)
            if (!CHECK(bytes[byte] == 0)) break;
          if (flags == RC_TYPE_UNINIT) CHECK_EQ(rc_length(bytes), n);
          memset(bytes, 0xee, sizes[i] + 3 * n);
          rc_decref(bytes);
        }
      CHECK_EQ(gc_heap_free(heap), 0);
    }
}

/* Fields of the struct are references all the same, in rings too. */
typedef struct Shape {
  struct Shape *proto;
  uint64_t words[];
} Shape;

static void the_struct_may_have_references(void) {
  static const rc_field fields[] = {RC_FIELD(Shape, proto)};
  gc_heap *heap = graph_heap("shapes");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Shape", spec.size = sizeof(Shape), spec.tail_size = 8;
  spec.flags = RC_TYPE_HOST_LENGTH | RC_TYPE_UNINIT, spec.fields = fields, spec.field_count = 1;
  rc_type *type = graph_type(heap, &spec);
  Shape *one = array_of(type, 3), *two = array_of(type, 30);
  CHECK(gc_is_tracked(one));
  one->proto = two, two->proto = rc_newref(one);
  memset(one->words, 0xff, 24);
  CHECK_EQ(gc_collect(heap), 0);
  rc_decref(one);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- in place, and moved ---- */

/* Elements keep what they have, new ones are zero, at each size on the way up and down. */
static void a_buffer_grows_and_shrinks(void) {
  gc_heap *heap = graph_heap("buffer");
  rc_type *type = text_type(heap, 0);
  Text *text = array_of(type, 0);
  size_t length = 0, moves = 0;
  for (size_t i = 0; i < 2 * RC_COUNT_OF(lengths); i++) {
    size_t next = i < RC_COUNT_OF(lengths) ? lengths[i] : lengths[2 * RC_COUNT_OF(lengths) - 1 - i];
    Text *before = text;
    size_t room = rc_room(text);
    CHECK_EQ(rc_resize(&text, next), RC_OK);
    moves += text != before;
    CHECK((text == before) == (sizeof(Text) + next <= room));
    CHECK_EQ(rc_length(text), next);
    CHECK_EQ(rc_size_of(text), sizeof(Text) + next);
    CHECK_EQ(rc_count(text), 1);
    for (size_t byte = 0; byte < next; byte++)
      if (!CHECK(text->text[byte] == (byte < length ? (char)(byte % 100 + 1) : 0))) break;
    for (size_t byte = 0; byte < next; byte++) text->text[byte] = (char)(byte % 100 + 1);
    length = next;
  }
  CHECK(moves > 5);
  CHECK_EQ(graph_stats(heap).live_objects, 1);
  rc_decref(text);
  CHECK_EQ(graph_stats(heap).live_objects, 0);
  CHECK_EQ(graph_stats(heap).live_bytes, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* What was shrunk off and grown again is zero, not what was there. */
static void what_comes_back_is_zero(void) {
  Text *text = array_of(text_type(NULL, 0), 30);
  memset(text->text, 'x', 30);
  CHECK_EQ(rc_resize(&text, 3), RC_OK);
  CHECK_EQ(rc_resize(&text, 30), RC_OK);
  for (size_t i = 0; i < 30; i++) CHECK_EQ(text->text[i], i < 3 ? 'x' : 0);
  rc_decref(text);
}

static void a_string_of_the_hosts_grows(void) {
  gc_heap *heap = graph_heap("append");
  rc_type *type = text_type(heap, RC_TYPE_HOST_LENGTH | RC_TYPE_UNINIT);
  Text *text = array_of(type, 1);
  size_t moves = 0;
  for (uint32_t i = 0; i < 100000; i++) {
    if (sizeof(Text) + text->used + 1 > rc_room(text)) {
      Text *before = text;
      CHECK_EQ(rc_resize(&text, 2 * (size_t)text->used), RC_OK);
      CHECK(text != before);
      moves++;
    }
    text->text[text->used++] = (char)('a' + i % 26);
  }
  CHECK(moves < 20);
  for (uint32_t i = 0; i < 100000; i++)
    if (!CHECK(text->text[i] == (char)('a' + i % 26))) break;
  Text *same = text;
  CHECK_EQ(rc_resize(&text, 0), RC_OK); /* its block stays, and all that is in it */
  CHECK(text == same && text->text[99999] == (char)('a' + 99999 % 26));
  rc_decref(text);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void references_shrunk_off_are_released(void) {
  gc_heap *heap = graph_heap("rows");
  rc_type *type = row_type(heap);
  Row *row = array_of(type, 10), *shared = array_of(type, 0);
  for (size_t i = 0; i < 10; i++) row->cells[i] = i % 2 ? rc_newref(shared) : array_of(type, 0);
  CHECK_EQ(graph_stats(heap).live_objects, 7);
  CHECK_EQ(rc_resize(&row, 3), RC_OK);
  CHECK_EQ(rc_count(shared), 2);
  CHECK_EQ(graph_stats(heap).live_objects, 4);
  CHECK(row->cells[0] && row->cells[1] == shared && row->cells[2]);
  CHECK_EQ(rc_resize(&row, 8), RC_OK);
  for (size_t i = 3; i < 8; i++) CHECK(row->cells[i] == NULL);
  CHECK_EQ(rc_resize(&row, 5000), RC_OK); /* moves, and takes its references along */
  CHECK(row->cells[1] == shared && row->cells[4999] == NULL);
  CHECK_EQ(rc_count(shared), 2);
  size_t findings = 1;
  CHECK_EQ(gc_verify(heap, NULL, NULL, &findings), RC_OK);
  CHECK_EQ(findings, 0);
  row->cells[4999] = row; /* a ring of the moved one: the row's own reference */
  CHECK_EQ(gc_collect(heap), 3);
  rc_decref(shared);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A long chain hangs from what is shrunk off. */
static void depth_does_not_matter(void) {
  gc_heap *heap = graph_heap("chain");
  rc_type *type = row_type(heap);
  Row *row = array_of(type, 1);
  for (size_t i = 0; i < check_scale(1000, 100000, 1000000); i++) {
    Row *next = array_of(type, 1);
    next->cells[0] = row->cells[0];
    row->cells[0] = next;
  }
  CHECK_EQ(rc_resize(&row, 0), RC_OK);
  CHECK_EQ(graph_stats(heap).live_objects, 1);
  rc_decref(row);
  CHECK_EQ(gc_heap_free(heap), 0);
}

typedef struct Pair {
  uint8_t tag;
  Row *value;
} Pair;

typedef struct Pairs {
  uint64_t size;
  Pair pairs[];
} Pairs;

/* Slots that count only by their tags: others are left alone. */
static void tagged_elements_shrink(void) {
  static const rc_field fields[] = {RC_FIELD_VARIANT_TAIL(Pairs, pairs, value, tag, 0xff, 1)};
  gc_heap *heap = graph_heap("pairs");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Pairs", spec.size = sizeof(Pairs), spec.tail_size = sizeof(Pair);
  spec.fields = fields, spec.field_count = 1;
  rc_type *rows = row_type(heap);
  Pairs *pairs = array_of(graph_type(heap, &spec), 4);
  for (size_t i = 0; i < 4; i++) {
    pairs->pairs[i].tag = (uint8_t)(i % 2);
    pairs->pairs[i].value = i % 2 ? array_of(rows, 0) : (Row *)(uintptr_t)0x10;
  }
  CHECK_EQ(graph_stats(heap).live_objects, 3);
  CHECK_EQ(rc_resize(&pairs, 1), RC_OK);
  CHECK_EQ(graph_stats(heap).live_objects, 1);
  CHECK_EQ(rc_resize(&pairs, 100), RC_OK);
  CHECK(pairs->pairs[0].value == (Row *)(uintptr_t)0x10 && pairs->pairs[1].tag == 0);
  rc_decref(pairs);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- what follows ---- */

static size_t told;

static void count_told(rc_weak *handle, void *ctx) {
  (void)handle, (void)ctx;
  told++;
}

static void weak_handles_follow(void) {
  gc_heap *heap = graph_heap("weak");
  rc_type *type = row_type(heap);
  Row *row = array_of(type, 1), *value = array_of(type, 0);
  rc_weak *handles[3];
  for (size_t i = 0; i < 3; i++) handles[i] = rc_weak_new(row, i ? count_told : NULL, NULL);
  rc_weakmap *map = rc_weakmap_new(heap), *other = rc_weakmap_new(heap);
  CHECK_EQ(rc_weakmap_set(map, row, value), RC_OK);
  CHECK_EQ(rc_weakmap_set(other, row, row), RC_OK);
  CHECK_EQ(rc_count(row), 2); /* the second map's value */
  CHECK_EQ(rc_resize(&row, 1000), RC_ERR_IN_USE);
  CHECK_EQ(rc_weakmap_remove(other, row), RC_OK);
  Row *before = row;
  CHECK_EQ(rc_resize(&row, 1000), RC_OK);
  CHECK(row != before);
  CHECK_EQ(rc_weak_count(row), 3);
  for (size_t i = 0; i < 3; i++) {
    Row *got = rc_weak_get(handles[i]);
    CHECK(got == row);
    rc_xdecref(got);
  }
  Row *got = rc_weakmap_get(map, row);
  CHECK(got == value);
  rc_xdecref(got);
  CHECK_EQ(rc_weakmap_length(map), 1);
  CHECK_EQ(told, 0);
  /* The old place is another object's now, with handles of its own. */
  for (size_t i = 0; i < 100; i++) {
    Row *reused = array_of(type, 1);
    rc_weak *handle = rc_weak_new(reused, NULL, NULL);
    CHECK(rc_weakmap_get(map, reused) == NULL);
    rc_decref(reused);
    CHECK(rc_weak_get(handle) == NULL);
    rc_weak_free(handle);
  }
  rc_decref(row);
  CHECK_EQ(told, 2);
  CHECK_EQ(rc_weakmap_length(map), 0);
  for (size_t i = 0; i < 3; i++) {
    CHECK(rc_weak_get(handles[i]) == NULL);
    rc_weak_free(handles[i]);
  }
  rc_decref(map);
  rc_decref(other);
  rc_decref(value);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Many, so that the tables beside the heap are rearranged while they are full. */
static void side_entries_of_many_follow(void) {
  enum { MANY = 2000 };
  static Row *rows[MANY];
  static rc_weak *handles[MANY];
  gc_heap *heap = graph_heap("many");
  rc_type *type = row_type(heap);
  uint64_t sum = 0;
  for (size_t i = 0; i < MANY; i++) {
    rows[i] = array_of(type, i % 7);
    handles[i] = rc_weak_new(rows[i], NULL, NULL);
    CHECK_EQ(rc_add_external_bytes(rows[i], (ptrdiff_t)i + 1), RC_OK);
    sum += i + 1;
  }
  for (size_t i = 0; i < MANY; i += 2) CHECK_EQ(rc_resize(&rows[i], 50 + i % 13), RC_OK);
  CHECK_EQ(graph_stats(heap).external_bytes, sum);
  for (size_t i = 0; i < MANY; i++) {
    Row *got = rc_weak_get(handles[i]);
    CHECK(got == rows[i]);
    rc_xdecref(got);
    gc_object_facts facts = GC_OBJECT_FACTS_INIT;
    CHECK_EQ(gc_object_info(rows[i], &facts), RC_OK);
    CHECK_EQ(facts.external_bytes, i + 1);
    CHECK_EQ(facts.weak_handles, 1);
    rc_decref(rows[i]);
    rc_weak_free(handles[i]);
  }
  CHECK_EQ(graph_stats(heap).external_bytes, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static size_t finalized, destroyed;
static Row *kept;

static void finalize_once(void *obj) {
  if (finalized++ == 0) kept = rc_newref(obj);
}

static void destroy_row(void *obj) {
  (void)obj;
  destroyed++;
}

/* No callback runs for the old place, and the object goes on with its own life. */
static void its_life_goes_on(void) {
  static const rc_field fields[] = {RC_FIELD(Row, parent), RC_FIELD_TAIL(Row, cells)};
  gc_heap *heap = graph_heap("life");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Row", spec.size = sizeof(Row), spec.tail_size = sizeof(Row *), spec.flags = RC_TYPE_TRACK_MANUAL;
  spec.fields = fields, spec.field_count = RC_COUNT_OF(fields);
  spec.finalize = finalize_once, spec.destroy = destroy_row;
  rc_type *type = graph_type(heap, &spec);
  rc_decref(array_of(type, 1));
  REQUIRE(kept);
  CHECK(gc_is_finalized(kept) && !gc_is_tracked(kept));
  CHECK_EQ(rc_resize(&kept, 200), RC_OK);
  CHECK(gc_is_finalized(kept) && !gc_is_tracked(kept));
  CHECK_EQ(gc_track(kept), RC_OK);
  CHECK_EQ(rc_resize(&kept, 2000), RC_OK);
  CHECK(gc_is_finalized(kept) && gc_is_tracked(kept));
  CHECK_EQ(destroyed, 0);
  rc_decref(kept);
  CHECK_EQ(finalized, 1);
  CHECK_EQ(destroyed, 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static gc_profile_stats profile_of(gc_heap *heap) {
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  CHECK_EQ(gc_profile_get(heap, &stats), RC_OK);
  return stats;
}

static void its_origin_follows(uint32_t flags) {
  gc_heap *heap = graph_heap("profiled");
  rc_type *type = row_type(heap);
  Row *older = array_of(type, 1); /* made before: no record */
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = flags, options.sample_bytes = 1; /* where stacks are taken: of all */
  REQUIRE(gc_profile_start(heap, &options) == RC_OK);
  uint32_t line = __LINE__ + 1;
  Row *row = RC_NEW_ARRAY(type, 1);
  REQUIRE(row);
  CHECK_EQ(rc_add_external_bytes(row, 77), RC_OK);
  gc_origin before = GC_ORIGIN_INIT, after = GC_ORIGIN_INIT;
  if (flags & GC_PROFILE_SITES) CHECK_EQ(gc_object_site(row, &before), RC_OK);
  gc_profile_stats first = profile_of(heap);
  Row *place = row;
  for (size_t n = 10; n < 20000; n *= 4) CHECK_EQ(rc_resize(&row, n), RC_OK);
  CHECK_EQ(rc_resize(&older, 500), RC_OK);
  CHECK(row != place);
  if (flags & GC_PROFILE_SITES) {
    CHECK_EQ(gc_object_site(row, &after), RC_OK);
    CHECK_EQ(after.site, before.site);
    CHECK_EQ(after.serial, before.serial);
    CHECK_EQ(after.line, line);
    gc_profile_stats now = profile_of(heap);
    gc_object_facts facts = GC_OBJECT_FACTS_INIT;
    CHECK_EQ(gc_object_info(row, &facts), RC_OK);
    CHECK_EQ(now.live_objects, first.live_objects);
    CHECK_EQ(now.allocated_objects, first.allocated_objects);
    uint64_t bytes = facts.block_bytes;
    CHECK_EQ(gc_object_info(older, &facts), RC_OK);
    CHECK_EQ(now.live_bytes, bytes + facts.block_bytes);
    CHECK_EQ(now.freed_objects, 0);
    CHECK_EQ(now.freed_bytes, 0);
    CHECK(now.peak_bytes >= now.live_bytes);
  }
  rc_decref(row);
  rc_decref(older);
  gc_profile_stats end = profile_of(heap);
  CHECK_EQ(end.live_objects, 0);
  CHECK_EQ(end.live_bytes, 0);
  gc_profile_stop(heap);
  CHECK_EQ(graph_stats(heap).external_bytes, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void under_profiles(void) {
  its_origin_follows(GC_PROFILE_SITES);
  its_origin_follows(GC_PROFILE_STACKS);
  its_origin_follows(GC_PROFILE_SITES | GC_PROFILE_STACKS);
}

/* ---- what is refused leaves it as it was ---- */

static void refused(void *slot, size_t n, rc_status expected, const char *word) {
  void *before, *after;
  memcpy(&before, slot, sizeof before);
  gc_heap *heap = rc_heap_of(before);
  size_t size = rc_size_of(before);
  CHECK_EQ(rc_resize(slot, n), expected);
  CHECK_STR(gc_error_message(heap), "rc_resize");
  CHECK_STR(gc_error_message(heap), word);
  memcpy(&after, slot, sizeof after);
  CHECK(before == after);
  CHECK_EQ(rc_size_of(after), size);
}

static void statuses(void) {
  gc_heap *heap = graph_heap("refused");
  rc_type *type = row_type(heap), *plain = graph_declared(heap);
  Row *row = array_of(type, 5);
  row->cells[4] = array_of(type, 0);
  rc_incref(row);
  refused(&row, 1, RC_ERR_IN_USE, "1 references besides"); /* also where it would stay */
  refused(&row, 100, RC_ERR_IN_USE, "Row");
  rc_decref(row);
  refused(&row, SIZE_MAX, RC_ERR_NO_MEMORY, "no memory");
  refused(&row, SIZE_MAX / 8, RC_ERR_NO_MEMORY, "no memory");
  refused(&row, (size_t)1 << 44, RC_ERR_NO_MEMORY, "no memory");
  CHECK_EQ(rc_count(row), 1);
  CHECK(row->cells[4] != NULL);
  Node *node = graph_node(plain, 0);
  refused(&node, 1, RC_ERR_INVALID, "no trailing array");
  rc_weakmap *map = rc_weakmap_new(heap);
  refused(&map, 1, RC_ERR_INVALID, "no trailing array");
  rc_immortalize(row);
  refused(&row, 1, RC_ERR_IN_USE, "immortal");
  rc_decref(node);
  rc_decref(map);
  (void)gc_heap_free(heap);
}

static void at_the_heaps_limit(void) {
  gc_heap *heap = graph_heap("limit");
  rc_type *type = text_type(heap, 0);
  gc_policy policy = GC_POLICY_INIT;
  policy.limit_bytes = 1 << 20;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  Text *text = array_of(type, 1000);
  memset(text->text, 'k', 1000);
  refused(&text, 4 << 20, RC_ERR_NO_MEMORY, "no memory");
  for (size_t i = 0; i < 1000; i++) CHECK(text->text[i] == 'k');
  CHECK_EQ(rc_resize(&text, 100000), RC_OK);
  rc_decref(text);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- in callbacks ---- */

static Row **callback_slot;
static rc_status callback_status;
static rc_weak *callback_weak;

static void resize_self(void *obj) {
  callback_status = rc_resize(&obj, 100);
}

static void resize_other(void *obj) {
  (void)obj;
  callback_status = rc_resize(callback_slot, 100);
}

static int resize_in_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  (void)obj, (void)visit, (void)visit_ctx;
  callback_status = rc_resize(callback_slot, 100);
  return 0;
}

static rc_type *acting_type(gc_heap *heap, rc_object_fn destroy, rc_traverse_fn traverse) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Acting", spec.size = sizeof(Row), spec.tail_size = 8, spec.flags = traverse ? RC_TYPE_TRACK_ON_NEW : 0;
  spec.destroy = destroy, spec.traverse = traverse, spec.clear = traverse ? destroy : NULL;
  return graph_type(heap, &spec);
}

static void in_callbacks(void) {
  gc_heap *heap = graph_heap("callbacks");
  Row *row = array_of(row_type(heap), 1);
  callback_slot = &row;
  rc_decref(array_of(acting_type(heap, resize_self, NULL), 1));
  CHECK_EQ(callback_status, RC_ERR_REFUSED);
  CHECK_STR(gc_error_message(heap), "dying");
  rc_decref(array_of(acting_type(heap, resize_other, NULL), 1));
  CHECK_EQ(callback_status, RC_OK);
  CHECK_EQ(rc_length(row), 100);
  CHECK_EQ(rc_resize(&row, 1), RC_OK);
  Row *walked = array_of(acting_type(heap, resize_other, resize_in_traverse), 1);
  gc_collect(heap);
  CHECK_EQ(callback_status, RC_ERR_REFUSED);
  CHECK_EQ(rc_length(row), 1);
  rc_decref(walked);
  rc_decref(row);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A collection in the middle: its callbacks take a reference to what is being resized, or change the slot. */
static void take_reference(void *obj) {
  (void)obj;
  if (!kept) kept = rc_weak_get(callback_weak);
}

static void change_slot(void *obj) {
  (void)obj;
  rc_clear(callback_slot);
}

static void in_the_middle(rc_object_fn act) {
  gc_heap *heap = graph_heap("middle");
  rc_type *type = row_type(heap);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Ring", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
  spec.destroy = act;
  rc_type *rings = graph_type(heap, &spec);
  Row *row = array_of(type, 3);
  callback_slot = &row;
  callback_weak = rc_weak_new(row, NULL, NULL);
  kept = NULL;
  gc_policy policy = GC_POLICY_INIT;
  policy.full_min_bytes = 4096, policy.young_bytes = 4096;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  Node *ring = graph_node(rings, 0);
  ring->a = ring;
  CHECK_EQ(rc_resize(&row, 100000), RC_ERR_IN_USE);
  CHECK_EQ(graph_stats(heap).full.runs + graph_stats(heap).young.runs, 1);
  if (kept) {
    CHECK(kept == row && rc_count(row) == 2 && rc_length(row) == 3);
    rc_clear(&kept);
    rc_decref(row);
  } else {
    CHECK(row == NULL);
  }
  CHECK(rc_weak_get(callback_weak) == NULL);
  rc_weak_free(callback_weak);
  CHECK_EQ(graph_stats(heap).live_objects, 0);
  CHECK_EQ(graph_stats(heap).live_bytes, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void callbacks_in_the_middle(void) {
  in_the_middle(take_reference);
  in_the_middle(change_slot);
}

/* Each object has its place in the queue, the moved one that of the old. */
static void queued_finalizers_have_room(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Row", spec.size = sizeof(Row), spec.tail_size = 8, spec.finalize = finalize_once;
  rc_type *type = graph_type(heap, &spec);
  finalized = 1;
  for (size_t i = 0; i < 1000; i++) {
    Row *row = array_of(type, 1);
    CHECK_EQ(rc_resize(&row, 10 + i % 50), RC_OK);
    CHECK(!gc_is_finalized(row));
    rc_decref(row);
  }
  CHECK_EQ(gc_run_finalizers(heap), 1000);
  CHECK_EQ(finalized, 1001);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- at random ---- */

enum { ROWS = 48, CELLS = 700 };

/* What is known of one row; its cells as they should be. */
typedef struct Known {
  Row *row;
  size_t length;
  Row *cells[CELLS];
  rc_weak *weak;
  uint64_t external;
} Known;

static Known known[ROWS];

static void check_known(gc_heap *heap) {
  uint64_t external = 0;
  for (size_t i = 0; i < ROWS; i++) {
    Known *of = &known[i];
    if (!CHECK_EQ(rc_length(of->row), of->length)) return;
    for (size_t j = 0; j < of->length; j++)
      if (!CHECK(of->row->cells[j] == of->cells[j])) return;
    if (of->weak) {
      Row *target = rc_weak_get(of->weak);
      CHECK(target == of->row);
      rc_xdecref(target);
    }
    gc_object_facts facts = GC_OBJECT_FACTS_INIT;
    CHECK_EQ(gc_object_info(of->row, &facts), RC_OK);
    CHECK_EQ(facts.external_bytes, of->external);
    external += of->external;
  }
  CHECK(graph_stats(heap).external_bytes >= external); /* lost rings have some, too */
  size_t findings = 1;
  CHECK_EQ(gc_verify(heap, NULL, NULL, &findings), RC_OK);
  CHECK_EQ(findings, 0);
}

static void renew(rc_type *type, Known *of, size_t length) {
  rc_weak_free(of->weak);
  if (of->row) rc_decref(of->row);
  memset(of, 0, sizeof *of);
  of->row = array_of(type, length), of->length = length;
}

static void resize_known(Known *of, size_t length) {
  bool alone = rc_count(of->row) == 1;
  CHECK_EQ(rc_resize(&of->row, length), alone ? RC_OK : RC_ERR_IN_USE);
  if (!alone) return;
  for (size_t i = of->length; i < length; i++) of->cells[i] = NULL;
  of->length = length;
}

static void random_act(gc_heap *heap, rc_type *type, uint64_t *seed) {
  Known *of = &known[check_below(seed, ROWS)], *other = &known[check_below(seed, ROWS)];
  size_t length = check_below(seed, 8) ? check_below(seed, 20) : check_below(seed, CELLS);
  switch (check_below(seed, 16)) {
  case 0: renew(type, of, length); break;
  case 1:
    if (!of->weak) REQUIRE((of->weak = rc_weak_new(of->row, NULL, NULL)) != NULL);
    break;
  case 2: rc_weak_free(of->weak), of->weak = NULL; break;
  case 3:
    CHECK_EQ(rc_add_external_bytes(of->row, (ptrdiff_t)length), RC_OK);
    of->external += length;
    break;
  case 4: (void)gc_collect_young(heap); break;
  case 5:
    if (check_below(seed, 8) == 0) (void)gc_collect(heap);
    break;
  case 6:
    if (check_below(seed, 8)) break;
    if (gc_profile_flags(heap)) gc_profile_stop(heap);
    else CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
    break;
  case 7: case 8: case 9: case 10:
    if (of->length) {
      size_t cell = check_below(seed, of->length);
      of->cells[cell] = check_below(seed, 3) ? NULL : other->row;
      rc_setref(&of->row->cells[cell], of->cells[cell] ? rc_newref(other->row) : NULL);
    }
    break;
  default: resize_known(of, length);
  }
}

static void random_against_a_model(void) {
  uint64_t seed = check_seed("random_against_a_model");
  for (size_t round = 0; round < check_scale(2, 10, 100); round++) {
    gc_heap *heap = graph_heap("random");
    rc_type *type = row_type(heap);
    gc_policy policy = GC_POLICY_INIT;
    policy.full_min_bytes = 64 << 10;
    CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
    memset(known, 0, sizeof known);
    for (size_t i = 0; i < ROWS; i++) renew(type, &known[i], check_below(&seed, 4));
    for (size_t i = 0; i < 3000; i++) {
      random_act(heap, type, &seed);
      if (i % 100 == 0) check_known(heap);
      if (check_failures) return;
    }
    for (size_t i = 0; i < ROWS; i++) {
      rc_weak_free(known[i].weak);
      rc_decref(known[i].row);
    }
    (void)gc_collect(heap);
    if (gc_profile_flags(heap)) {
      gc_profile_stats stats = profile_of(heap);
      CHECK_EQ(stats.live_objects, 0);
      CHECK_EQ(stats.live_bytes, 0);
    }
    CHECK_EQ(graph_stats(heap).live_objects, 0);
    CHECK_EQ(graph_stats(heap).live_bytes, 0);
    CHECK_EQ(graph_stats(heap).external_bytes, 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

int main(int argc, char **argv) {
  static const check_test tests[] = {
      CHECK_TEST(no_length_is_stored),
      CHECK_TEST(small_strings_fit_their_blocks),
      CHECK_TEST(an_uninitialised_tail_has_a_zeroed_struct),
      CHECK_TEST(the_struct_may_have_references),
      CHECK_TEST(a_buffer_grows_and_shrinks),
      CHECK_TEST(what_comes_back_is_zero),
      CHECK_TEST(a_string_of_the_hosts_grows),
      CHECK_TEST(references_shrunk_off_are_released),
      CHECK_TEST(depth_does_not_matter),
      CHECK_TEST(tagged_elements_shrink),
      CHECK_TEST(weak_handles_follow),
      CHECK_TEST(side_entries_of_many_follow),
      CHECK_TEST(its_life_goes_on),
      CHECK_TEST(under_profiles),
      CHECK_TEST(statuses),
      CHECK_TEST(at_the_heaps_limit),
      CHECK_TEST(in_callbacks),
      CHECK_TEST(callbacks_in_the_middle),
      CHECK_TEST(queued_finalizers_have_room),
      CHECK_TEST(random_against_a_model),
  };
  return check_run(tests, RC_COUNT_OF(tests), argc, argv);
}
