/* dump_reader.h: reads a dump by the words of docs/dump-format.md and nothing else, for the C tests: a second
 * reader beside the tool's, so that a mistake of the writer is not repeated by the reader that was made for
 * it.
 *
 * dump_read takes the bytes apart completely; everything that the document does not allow is a failed check.
 * */
#ifndef DUMP_READER_H
#define DUMP_READER_H

#include "check.h"

enum { DUMP_NAME_BYTES = 128, DUMP_TYPES_MAX = 64, DUMP_GROUPS_MAX = 64, DUMP_STRINGS_MAX = 4096 };

typedef struct dump_bytes {
  unsigned char *at;
  size_t len, capacity;
} dump_bytes;

typedef struct dump_text {
  const unsigned char *at;
  size_t len;
} dump_text;

typedef struct dump_group {
  uint64_t name, shape, slots;
} dump_group;

typedef struct dump_type {
  uint64_t number, name, pairs[32], group_count;
  dump_group groups[DUMP_GROUPS_MAX];
} dump_type;

typedef struct dump_object {
  uint64_t place, type, flags, count, external, handles, length, edges, address, bytes, site, serial;
} dump_object;

enum { EDGE_OTHER_HEAP = -1, EDGE_NO_OBJECT = -2 };

typedef struct dump_edge {
  uint64_t source, name, index; /* index UINT64_MAX: none */
  int64_t target;               /* a place, or EDGE_... */
  bool counted;
} dump_edge;

typedef struct dump_holder {
  uint64_t kind, name, place;
} dump_holder;

/* Chunks whose payloads are kept. */
static const char *const dump_tags[] = {"TYPE", "PAGE", "OBJS", "HOLD", "PROF", "SITE",
                                        "BRTH", "SCOP", "TIME", "EVNT", "TOKN", "STAK",
                                        "SMPL", "MAPS"};
enum { DUMP_TAGS = sizeof dump_tags / sizeof *dump_tags };

/* What a dump has. All arrays are malloc's. */
typedef struct dump_file {
  bool whole, cut; /* END was there; the file ends inside a chunk */
  uint64_t flags, heap_name, label, pairs[64], end[8];
  size_t chunks, object_chunks, string_count, type_count, object_count, edge_count, holder_count;
  dump_text strings[DUMP_STRINGS_MAX]; /* the first one is 0: no name */
  dump_type types[DUMP_TYPES_MAX];
  dump_object *objects;
  dump_edge *edges;
  dump_holder *holders;
  dump_bytes sequences[DUMP_TAGS]; /* as dump_tags */
} dump_file;

/* ---- bytes ---- */

CHECK_FN void dump_append(dump_bytes *bytes, const void *from, size_t len) {
  if (bytes->len + len > bytes->capacity) {
    bytes->capacity = 2 * (bytes->len + len);
    bytes->at = realloc(bytes->at, bytes->capacity);
    REQUIRE(bytes->at);
  }
  if (len) memcpy(bytes->at + bytes->len, from, len);
  bytes->len += len;
}

CHECK_FN uint64_t dump_fixed(const unsigned char *at, size_t len) {
  uint64_t value = 0;
  while (len-- > 0) value = value << 8 | at[len];
  return value;
}

/* Byte by byte, with a table that is made bit by bit, as the polynomial says. */
CHECK_FN uint32_t dump_crc(const unsigned char *at, size_t len) {
  static uint32_t table[256];
  for (uint32_t byte = 0; byte < 256 && table[255] == 0; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0x82f63b78u : value >> 1;
    table[byte] = value;
  }
  uint32_t sum = 0xffffffffu;
  for (size_t i = 0; i < len; i++) sum = sum >> 8 ^ table[(sum ^ at[i]) & 255];
  return ~sum;
}

typedef struct dump_cursor {
  const unsigned char *at, *end;
  bool over; /* a number was asked for behind the end */
} dump_cursor;

CHECK_FN uint64_t dump_number(dump_cursor *cursor) {
  size_t left = (size_t)(cursor->end - cursor->at);
  if (left == 0) {
    cursor->over = true;
    return 0;
  }
  unsigned low = cursor->at[0] & 3, k = cursor->at[0] >> 2 & 7;
  size_t len = low == 3 ? 4 + k : low + 1;
  if (len > left || len > 9) {
    cursor->over = true;
    cursor->at = cursor->end;
    return 0;
  }
  uint64_t value = 0;
  if (len <= 8) {
    value = dump_fixed(cursor->at, len) >> (low == 3 ? 5 : 2);
  } else {
    value = dump_fixed(cursor->at, 8) >> 5 | (uint64_t)cursor->at[8] << 59;
  }
  cursor->at += len;
  return value;
}

CHECK_FN void dump_pairs(dump_cursor *cursor, uint64_t *pairs, size_t room) {
  for (uint64_t n = dump_number(cursor); n > 0 && !cursor->over; n--) {
    uint64_t key = dump_number(cursor), value = dump_number(cursor);
    if (key < room) pairs[key] = value;
  }
}

/* ---- chunks ---- */

CHECK_FN void dump_read_strings(dump_file *file, dump_cursor cursor) {
  CHECK_EQ(dump_number(&cursor), file->string_count);
  while (cursor.at < cursor.end) {
    uint64_t len = dump_number(&cursor);
    REQUIRE(!cursor.over && len <= 32768 && len <= (size_t)(cursor.end - cursor.at));
    REQUIRE(file->string_count < DUMP_STRINGS_MAX);
    file->strings[file->string_count].at = cursor.at;
    file->strings[file->string_count++].len = (size_t)len;
    cursor.at += len;
  }
}

CHECK_FN bool dump_is(const unsigned char *tag, const char *name) {
  return memcmp(tag, name, 4) == 0;
}

CHECK_FN void dump_read_chunk(dump_file *file, const unsigned char *tag, dump_cursor cursor) {
  CHECK(!file->whole); /* nothing behind END */
  if (dump_is(tag, "STRS")) {
    dump_read_strings(file, cursor);
  } else if (dump_is(tag, "HEAP")) {
    file->heap_name = dump_number(&cursor);
    file->label = dump_number(&cursor);
    dump_pairs(&cursor, file->pairs, 64);
    CHECK(!cursor.over && cursor.at == cursor.end);
  } else if (dump_is(tag, "END ")) {
    dump_pairs(&cursor, file->end, 8);
    CHECK(!cursor.over && cursor.at == cursor.end);
    CHECK_EQ(file->end[3], file->chunks);
    file->whole = true;
  } else {
    size_t which = 0;
    while (which < DUMP_TAGS && !dump_is(tag, dump_tags[which])) which++;
    REQUIRE(which < DUMP_TAGS);
    if (which == 2) {
      uint64_t len = (uint64_t)(cursor.end - cursor.at); /* kept: each begins with numbers of its own */
      dump_append(&file->sequences[2], &len, 8);
      file->object_chunks++;
    }
    dump_append(&file->sequences[which], cursor.at, (size_t)(cursor.end - cursor.at));
  }
  file->chunks++;
}

/* ---- types and pages ---- */

CHECK_FN void dump_read_types(dump_file *file) {
  dump_cursor cursor = {file->sequences[0].at, file->sequences[0].at + file->sequences[0].len, false};
  while (cursor.at < cursor.end) {
    REQUIRE(file->type_count < DUMP_TYPES_MAX);
    dump_type *type = &file->types[file->type_count];
    memset(type, 0, sizeof *type);
    type->number = dump_number(&cursor);
    type->name = dump_number(&cursor);
    dump_pairs(&cursor, type->pairs, 32);
    type->group_count = dump_number(&cursor);
    REQUIRE(type->group_count <= DUMP_GROUPS_MAX);
    for (size_t i = 0; i < type->group_count; i++) {
      type->groups[i].name = dump_number(&cursor);
      type->groups[i].shape = dump_number(&cursor);
      type->groups[i].slots = dump_number(&cursor);
    }
    if (cursor.over) break; /* a cut file */
    file->type_count++;
  }
  CHECK(!cursor.over || !file->whole);
}

CHECK_FN dump_type *dump_type_by_number(dump_file *file, uint64_t number) {
  for (size_t i = 0; i < file->type_count; i++) {
    if (file->types[i].number == number) return &file->types[i];
  }
  return NULL;
}

/* Gives every object its address and bytes. */
CHECK_FN void dump_read_pages(dump_file *file) {
  dump_cursor cursor = {file->sequences[1].at, file->sequences[1].at + file->sequences[1].len, false};
  uint64_t page = 0, first = 0, base = file->pairs[30];
  size_t next = 0;
  while (cursor.at < cursor.end) {
    uint64_t gap = dump_number(&cursor), stride = dump_number(&cursor), count = dump_number(&cursor);
    if (cursor.over) break;
    page += gap;
    uint64_t blocks = stride ? count : 1, bytes = stride ? stride * 16 : count * 65536;
    for (; next < file->object_count && file->objects[next].place < first + blocks; next++) {
      dump_object *object = &file->objects[next];
      object->address = base + page * 65536 + 16 + (object->place - first) * (stride ? bytes : 0);
      object->bytes = bytes;
    }
    first += blocks;
    page++;
  }
  CHECK(!cursor.over || !file->whole);
  CHECK_EQ(next, file->object_count);
  if (file->whole) CHECK_EQ(first, file->pairs[1]);
}

/* ---- objects ---- */

typedef struct dump_walk {
  dump_file *file;
  dump_cursor chunk;         /* what is left of this one */
  const unsigned char *next; /* the next one */
  const unsigned char *end;
  size_t object_capacity, edge_capacity;
  uint64_t place; /* the next one */
  uint64_t type, flags;
  bool fresh, inside, over;
} dump_walk;

CHECK_FN void dump_next_chunk(dump_walk *walk) {
  if (walk->next >= walk->end) {
    walk->over = true;
    return;
  }
  uint64_t len;
  memcpy(&len, walk->next, 8);
  walk->chunk.at = walk->next + 8;
  walk->next = walk->chunk.end = walk->chunk.at + len;
  uint64_t goes_on = dump_number(&walk->chunk), place = dump_number(&walk->chunk);
  CHECK_EQ(goes_on, walk->inside);
  if (walk->inside) CHECK_EQ(place, walk->place - 1);
  else walk->place = place;
  walk->fresh = true;
}

CHECK_FN uint64_t dump_walk_number(dump_walk *walk) {
  while (walk->chunk.at == walk->chunk.end && !walk->over) dump_next_chunk(walk);
  if (walk->over) return 0;
  uint64_t value = dump_number(&walk->chunk);
  REQUIRE(!walk->chunk.over); /* a number never lies in two chunks */
  return value;
}

CHECK_FN int64_t dump_target(dump_walk *walk, uint64_t source, uint64_t code) {
  if (code < 4) return code == 2 ? EDGE_OTHER_HEAP : EDGE_NO_OBJECT;
  int64_t z = (int64_t)(code - 4), places = (int64_t)walk->file->pairs[1];
  int64_t target = (int64_t)source + (z % 2 ? -(z + 1) / 2 : z / 2);
  if (target < 0) target += places;
  if (target >= places) target -= places;
  CHECK(target >= 0 && target < places);
  return target;
}

CHECK_FN void dump_add_edge(dump_walk *walk, dump_edge edge) {
  dump_file *file = walk->file;
  if (file->edge_count == walk->edge_capacity) {
    walk->edge_capacity = 2 * walk->edge_capacity + 1024;
    file->edges = realloc(file->edges, walk->edge_capacity * sizeof *file->edges);
    REQUIRE(file->edges);
  }
  file->edges[file->edge_count++] = edge;
}

CHECK_FN void dump_walk_slots(dump_walk *walk, dump_object *object, const dump_type *type) {
  uint64_t lengths[DUMP_GROUPS_MAX], nothings = 0;
  if (type->pairs[2]) object->length = dump_walk_number(walk);
  for (size_t i = 0; i < type->group_count; i++) {
    uint64_t place = type->groups[i].shape / 8;
    lengths[i] = place == 1 ? type->groups[i].slots : object->length;
    if (place == 4) lengths[i] = dump_walk_number(walk);
  }
  for (size_t i = 0; i < type->group_count && !walk->over; i++) {
    const dump_group *group = &type->groups[i];
    bool one = group->shape / 8 == 1 && group->slots == 1;
    for (uint64_t slot = 0; slot < lengths[i] && !walk->over; slot++) {
      if (nothings > 0) {
        nothings--;
        continue;
      }
      uint64_t code = dump_walk_number(walk);
      if (code == 1) nothings = dump_walk_number(walk) + 1;
      if (code <= 1) continue;
      dump_edge edge = {object->place, group->name, one ? UINT64_MAX : slot, 0, group->shape % 8 != 4};
      edge.target = dump_target(walk, object->place, code);
      dump_add_edge(walk, edge);
    }
  }
  CHECK(nothings == 0);
}

CHECK_FN void dump_walk_reports(dump_walk *walk, dump_object *object) {
  for (;;) {
    uint64_t code = dump_walk_number(walk);
    if (code == 0) return;
    CHECK(code != 1);
    uint64_t name = dump_walk_number(walk);
    dump_edge edge = {object->place, name / 2, UINT64_MAX, 0, true};
    edge.target = dump_target(walk, object->place, code);
    if (name % 2) edge.index = dump_walk_number(walk);
    dump_add_edge(walk, edge);
  }
}

/* An entry is two edges: the key, not counted, with index 0, and the value, counted, with index 1. */
CHECK_FN void dump_walk_entries(dump_walk *walk, dump_object *object) {
  for (;;) {
    uint64_t key = dump_walk_number(walk);
    if (key == 0) return;
    dump_edge edge = {object->place, 0, 0, 0, false};
    edge.target = dump_target(walk, object->place, key);
    dump_add_edge(walk, edge);
    edge.target = dump_target(walk, object->place, dump_walk_number(walk));
    edge.index = 1, edge.counted = true;
    dump_add_edge(walk, edge);
  }
}

CHECK_FN void dump_walk_object(dump_walk *walk) {
  dump_object object = {0};
  uint64_t head = dump_walk_number(walk);
  if (walk->over) return;
  walk->inside = true;
  object.place = walk->place + (head & 1 ? dump_walk_number(walk) + 1 : 0);
  walk->place = object.place + 1;
  CHECK(!walk->fresh || head & 2);
  walk->fresh = false;
  if (head & 2) {
    walk->type = dump_walk_number(walk);
    walk->flags = dump_walk_number(walk);
  }
  object.type = walk->type, object.flags = walk->flags, object.count = head >> 3;
  if (head & 4) {
    uint64_t extras = dump_walk_number(walk);
    for (uint64_t bit = 1; bit != 0 && bit <= extras; bit <<= 1) {
      if (!(extras & bit)) continue;
      uint64_t value = dump_walk_number(walk);
      if (bit == 1) object.external = value;
      if (bit == 2) object.handles = value;
      if (bit == 4) object.site = value;
      if (bit == 8) object.serial = value;
    }
  }
  object.edges = walk->file->edge_count;
  const dump_type *type = dump_type_by_number(walk->file, object.type);
  REQUIRE(type);
  if (!(object.flags & 32)) {
    dump_walk_slots(walk, &object, type);
    if (type->pairs[5] & 1) dump_walk_reports(walk, &object);
    if (type->pairs[4] & 2) dump_walk_entries(walk, &object);
  }
  walk->inside = false;
  if (walk->over) { /* cut inside the record: the object is not whole */
    walk->file->edge_count = object.edges;
    return;
  }
  if (walk->file->object_count == walk->object_capacity) {
    walk->object_capacity = 2 * walk->object_capacity + 1024;
    walk->file->objects = realloc(walk->file->objects, walk->object_capacity * sizeof object);
    REQUIRE(walk->file->objects);
  }
  walk->file->objects[walk->file->object_count++] = object;
}

CHECK_FN void dump_read_objects(dump_file *file) {
  dump_walk walk = {0};
  walk.file = file;
  walk.next = file->sequences[2].at;
  walk.end = walk.next + file->sequences[2].len;
  while (!walk.over) dump_walk_object(&walk);
}

CHECK_FN void dump_read_holders(dump_file *file) {
  dump_cursor cursor = {file->sequences[3].at, file->sequences[3].at + file->sequences[3].len, false};
  file->holders = malloc(file->sequences[3].len * sizeof *file->holders + 1);
  REQUIRE(file->holders);
  while (cursor.at < cursor.end) {
    dump_holder holder = {dump_number(&cursor), 0, 0};
    holder.name = dump_number(&cursor);
    holder.place = dump_number(&cursor);
    if (cursor.over) break;
    file->holders[file->holder_count++] = holder;
  }
  CHECK(!cursor.over || !file->whole);
}

/* ---- the whole file ---- */

/* Bytes of the last whole chunk's end are all that is read; the rest makes the file `cut`. The strings point
 * into `bytes`. */
CHECK_FN dump_file *dump_read(const unsigned char *bytes, size_t len) {
  static const unsigned char magic[8] = {0x89, 0x72, 0x63, 0x67, 0x63, 0x0d, 0x0a, 0x1a};
  dump_file *file = calloc(1, sizeof *file);
  REQUIRE(file && len >= 64 && memcmp(bytes, magic, 8) == 0);
  CHECK_EQ(dump_fixed(bytes + 8, 2), 1);
  CHECK_EQ(bytes[12], 1);
  CHECK_EQ(bytes[13], 8);
  CHECK_EQ(dump_fixed(bytes + 16, 4), RCGC_ABI_TAG);
  file->flags = dump_fixed(bytes + 48, 8);
  CHECK_EQ(dump_fixed(bytes + 56, 4), dump_crc(bytes, 56));
  file->string_count = 1;
  size_t at = 64;
  while (at < len) {
    uint64_t size = len - at >= 24 ? dump_fixed(bytes + at + 8, 8) : UINT64_MAX;
    if (len - at < 24 || size > len - at - 24) {
      file->cut = true;
      break;
    }
    const unsigned char *head = bytes + at;
    REQUIRE(dump_fixed(head + 20, 4) == dump_crc(head, 20));
    REQUIRE(dump_fixed(head + 16, 4) == dump_crc(head + 24, (size_t)size));
    CHECK_EQ(dump_fixed(head + 4, 4), 0);
    if (dump_is(head, "END ")) CHECK(at + 24 + size == len);
    dump_cursor cursor = {head + 24, head + 24 + size, false};
    dump_read_chunk(file, head, cursor);
    at += 24 + (size_t)size;
  }
  dump_read_types(file);
  dump_read_objects(file);
  dump_read_pages(file);
  dump_read_holders(file);
  if (file->whole) CHECK_EQ(file->end[1], file->object_count);
  return file;
}

CHECK_FN void dump_free(dump_file *file) {
  for (size_t i = 0; i < DUMP_TAGS; i++) free(file->sequences[i].at);
  free(file->objects);
  free(file->edges);
  free(file->holders);
  free(file);
}

CHECK_FN bool dump_name_is(const dump_file *file, uint64_t name, const char *text) {
  return name < file->string_count && file->strings[name].len == strlen(text) &&
         memcmp(file->strings[name].at ? file->strings[name].at : (const unsigned char *)"", text,
                strlen(text)) == 0;
}

/* The object at an address, by bisection; NULL: none. */
CHECK_FN dump_object *dump_at(dump_file *file, const void *address) {
  size_t low = 0, high = file->object_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (file->objects[middle].address < (uintptr_t)address) low = middle + 1;
    else high = middle;
  }
  bool found = low < file->object_count && file->objects[low].address == (uintptr_t)address;
  return found ? &file->objects[low] : NULL;
}

/* How many edges of this name lead from one object to another, and how many of these were counted. */
CHECK_FN size_t dump_edges(dump_file *file, const void *from, const void *to, const char *name,
                           uint64_t index) {
  dump_object *source = dump_at(file, from), *target = dump_at(file, to);
  size_t found = 0;
  for (size_t i = 0; i < file->edge_count && source && target; i++) {
    const dump_edge *edge = &file->edges[i];
    bool named = name ? dump_name_is(file, edge->name, name) : edge->name == 0;
    found += edge->source == source->place && edge->target == (int64_t)target->place && named &&
             edge->index == index;
  }
  return found;
}

/* References to an object that the dump does not show. */
CHECK_FN int64_t dump_outside(dump_file *file, const void *obj) {
  dump_object *object = dump_at(file, obj);
  REQUIRE(object);
  int64_t left = (int64_t)object->count;
  for (size_t i = 0; i < file->edge_count; i++) {
    left -= file->edges[i].counted && file->edges[i].target == (int64_t)object->place;
  }
  return left;
}

#endif /* DUMP_READER_H */
