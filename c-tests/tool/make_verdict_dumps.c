/* Dumps for c-tests/tool/verdicts.py: heaps of which it is easy to say what is not so. The argument is the folder. */
#define RCGC_SITES
#include <rcgc.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Pair {
  struct Pair *one, *other;
} Pair;

static const char *folder;

static void must(bool holds) {
  if (!holds) {
    fprintf(stderr, "make_verdict_dumps: a step failed\n");
    exit(1);
  }
}

static void dump(gc_heap *heap, const char *name) {
  char path[4096];
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  snprintf(path, sizeof path, "%s/%s.dump", folder, name);
  options.path = path;
  must(gc_dump(heap, &options, NULL) == RC_OK);
}

static gc_heap *heap_of(const char *name) {
  gc_heap *heap;
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = name;
  must(gc_heap_new(&options, &heap) == RC_OK);
  return heap;
}

static rc_type *type_of(gc_heap *heap, const char *name, const rc_field *fields, uint32_t count, uint32_t flags) {
  rc_type *type;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = sizeof(Pair), spec.fields = fields, spec.field_count = count, spec.flags = flags;
  must(rc_type_new(heap, &spec, &type) == RC_OK);
  return type;
}

static const rc_field one_other[] = {RC_FIELD(Pair, one), RC_FIELD(Pair, other)};
static const rc_field other_one[] = {RC_FIELD(Pair, other), RC_FIELD(Pair, one)};

static Pair *make(rc_type *type) {
  Pair *made = rc_new(type);
  must(made != NULL);
  return made;
}

/* Rings that no collection ends, what they keep, and one that the next collection ends with an untracked leaf. */
static void lasting(void) {
  gc_heap *heap = heap_of("lasting");
  rc_type *frozen = type_of(heap, "Frozen", one_other, 2, 0);
  rc_type *untracked = type_of(heap, "Untracked", one_other, 2, RC_TYPE_TRACK_MANUAL);
  rc_type *kept = type_of(heap, "Kept", one_other, 2, 0), *ring = type_of(heap, "Ring", one_other, 2, 0);
  rc_type *leaf = type_of(heap, "Leaf", NULL, 0, 0);
  for (int i = 0; i < 5; i++) {
    Pair *pair = make(frozen);
    pair->one = rc_newref(pair);
    rc_decref(pair);
  }
  must(gc_freeze(heap) == RC_OK);
  for (int i = 0; i < 10; i++) {
    Pair *a = make(untracked), *b = make(untracked);
    a->one = rc_newref(b), b->one = rc_newref(a), b->other = make(kept);
    rc_decref(a), rc_decref(b);
  }
  gc_collect(heap);
  Pair *a = make(ring);
  a->one = rc_newref(a), a->other = make(leaf);
  rc_decref(a);
  dump(heap, "lasting");
  gc_heap_free(heap);
}

/* Trees whose children refer back, in both orders of declaration; and lists whose nodes refer to the one before. */
static void owners(const char *name, const rc_field *fields) {
  gc_heap *heap = heap_of("owners");
  rc_type *node = type_of(heap, "Node", fields, 2, 0), *link = type_of(heap, "Link", fields, 2, 0);
  for (int i = 0; i < 10; i++) {
    Pair *root = make(node), *child = make(node);
    root->other = child, child->one = rc_newref(root);
  }
  Pair *before = make(link);
  for (int i = 0; i < 10; i++) {
    Pair *next = make(link);
    before->other = next, next->one = rc_newref(before);
    before = next;
  }
  dump(heap, name);
}

/* Two types whose names differ in the end, and two that differ in the middle. */
#define BEGINNING "app::detail::connection_pool<app::transport::tls_stream<asio::ip::tcp::socket>, app::policies::"
static void long_names(void) {
  static const char *const names[4] = {BEGINNING "round_robin>", BEGINNING "least_recently_used>",
                                       BEGINNING "one, and then as long a rest of the name as that>",
                                       BEGINNING "two, and then as long a rest of the name as that>"};
  gc_heap *heap = heap_of("long-names");
  for (int i = 0; i < 4; i++) must(make(type_of(heap, names[i], NULL, 0, 0)) != NULL);
  dump(heap, "long-names");
}

/* An object whose external bytes grow; and a profile that samples stacks alone. */
static void profiles(void) {
  gc_heap *heap = heap_of("canvas");
  must(gc_profile_start(heap, NULL) == RC_OK);
  Pair *canvas = make(type_of(heap, "Canvas", NULL, 0, 0));
  dump(heap, "canvas-1");
  must(rc_add_external_bytes(canvas, 1 << 20) == RC_OK);
  dump(heap, "canvas-2");
  heap = heap_of("stacks-only");
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = GC_PROFILE_STACKS, options.sample_bytes = 64;
  must(gc_profile_start(heap, &options) == RC_OK);
  rc_type *type = type_of(heap, "Item", NULL, 0, 0);
  for (int i = 0; i < 1000; i++) make(type);
  dump(heap, "stacks-only");
}

/* One more type in each of ten dumps, whose names are not in the order in which they were written. */
static void ten(void) {
  gc_heap *heap = heap_of("ten");
  for (int i = 1; i <= 10; i++) {
    char name[20];
    snprintf(name, sizeof name, "T%d", i);
    make(type_of(heap, name, NULL, 0, 0));
    snprintf(name, sizeof name, "ten/at.%d", i);
    dump(heap, name);
  }
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  folder = argv[1];
  lasting();
  owners("owners-back-first", one_other);
  owners("owners-down-first", other_one);
  long_names();
  profiles();
  ten();
  return 0;
}
