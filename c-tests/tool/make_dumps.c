/* make_dumps: writes the dumps on which the rcgc tool is tested: make_dumps FOLDER [N]. The heaps are small and the
 * same every time; `wide.dump`, `list.dump` and `ring.dump` have N objects. */
#include <rcgc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "make_dumps: %s: %s\n", what, gc_error_message(NULL));
  exit(1);
}

static const char *folder;

/* What the library says of the same objects: a line each with address, references from outside, retained bytes. */
static void expect(gc_heap *heap, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.expected", folder, name);
  FILE *file = fopen(path, "w");
  must(file != NULL, path);
  gc_query *query = NULL;
  must(gc_query_begin(heap, &query) == RC_OK, "gc_query_begin");
  gc_iter_filter all = GC_ITER_FILTER_INIT;
  gc_iter iter;
  void *obj = NULL;
  must(gc_iter_begin(heap, &all, &iter) == RC_OK, "gc_iter_begin");
  while (gc_iter_next(&iter, &obj) == RC_OK && obj) {
    gc_size size = GC_SIZE_INIT;
    int64_t outside = 0;
    must(gc_retained_size(query, &obj, 1, &size) == RC_OK, "gc_retained_size");
    must(gc_external_references(query, obj, &outside) == RC_OK, "gc_external_references");
    fprintf(file, "%p %lld %llu\n", obj, (long long)outside, (unsigned long long)size.bytes);
  }
  must(gc_iter_end(&iter) == RC_OK && gc_query_end(query) == RC_OK, "gc_query_end");
  must(fclose(file) == 0, path);
}

static void dump(gc_heap *heap, const char *name, const char *label) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.dump", folder, name);
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.path = path, options.label = label;
  must(gc_dump(heap, &options, NULL) == RC_OK, path);
  if (label || strncmp(name, "random", 6) == 0) expect(heap, name);
}

static gc_heap *heap_of(const char *name) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = name;
  gc_heap *heap = NULL;
  must(gc_heap_new(&options, &heap) == RC_OK, "gc_heap_new");
  gc_disable(heap);
  return heap;
}

/* ---- a server: sessions in a cache, parents and children in rings, a weak map ---- */

typedef struct Session {
  struct Session *next;
  void *user, *buffer;
  rc_weak *owner;
} Session;

typedef struct Cache {
  uint64_t count;
  Session *entries[64];
} Cache;

typedef struct Parent {
  struct Parent *child, *friend_of;
  uint64_t id;
} Parent;

static int parent_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Parent *parent = obj;
  int stop = rc_visit_named(visit, visit_ctx, parent->child, "child", RC_NO_INDEX);
  return stop ? stop : rc_visit_named(visit, visit_ctx, parent->friend_of, "friends", 7);
}

static void parent_clear(void *obj) {
  Parent *parent = obj;
  rc_clear(&parent->child), rc_clear(&parent->friend_of);
}

typedef struct types {
  rc_type *session, *cache, *parent, *buffer, *user;
} types;

static rc_type *type_of(gc_heap *heap, const rc_type_spec *spec) {
  rc_type *type = NULL;
  must(rc_type_new(heap, spec, &type) == RC_OK, "rc_type_new");
  return type;
}

static types types_of(gc_heap *heap) {
  static const rc_field session[] = {RC_FIELD(Session, next), RC_FIELD(Session, user), RC_FIELD(Session, buffer),
                                     RC_FIELD_WEAK(Session, owner)};
  static const rc_field cache[] = {RC_FIELD_ARRAY(Cache, entries)};
  types all;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Session", spec.size = sizeof(Session), spec.fields = session, spec.field_count = 4;
  all.session = type_of(heap, &spec);
  spec.name = "Cache", spec.size = sizeof(Cache), spec.fields = cache, spec.field_count = 1;
  all.cache = type_of(heap, &spec);
  spec.fields = NULL, spec.field_count = 0;
  spec.name = "User", spec.size = 40;
  all.user = type_of(heap, &spec);
  spec.name = "Buffer", spec.size = 16, spec.tail_size = 1;
  all.buffer = type_of(heap, &spec);
  spec.name = "Parent", spec.size = sizeof(Parent), spec.tail_size = 0;
  spec.traverse = parent_traverse, spec.clear = parent_clear, spec.flags = RC_TYPE_TRACK_ON_NEW;
  all.parent = type_of(heap, &spec);
  return all;
}

static Session *session_of(const types *all, Session *next, void *user, size_t bytes) {
  Session *session = rc_new(all->session);
  must(session != NULL, "rc_new");
  session->next = next;
  session->user = rc_newref(user);
  session->buffer = rc_new_array(all->buffer, bytes);
  session->owner = rc_weak_new(user, NULL, NULL);
  return session;
}

/* Sessions are added to the cache between dumps; rings of parents are garbage. */
static void server(void) {
  gc_heap *heap = heap_of("server");
  types all = types_of(heap);
  void *user = rc_new(all.user);
  Cache *cache = rc_new(all.cache);
  rc_weakmap *map = rc_weakmap_new(heap);
  for (size_t i = 0; i < 8; i++) {
    Session *session = NULL;
    for (size_t k = 0; k < 1 + i % 3; k++) session = session_of(&all, session, user, 100 + 10 * i);
    cache->entries[i] = session;
  }
  must(rc_add_external_bytes(cache->entries[2], 50000) == RC_OK, "rc_add_external_bytes");
  must(rc_weakmap_set(map, user, cache->entries[1]) == RC_OK, "rc_weakmap_set");
  Parent *first = NULL;
  for (size_t i = 0; i < 5; i++) { /* rings of two that nothing keeps, and one that is kept */
    Parent *parent = rc_new(all.parent), *child = rc_new(all.parent);
    parent->child = child, child->friend_of = parent;
    if (i == 0) first = rc_newref(parent);
  }
  rc_scope_mark scope = rc_scope_enter_named(heap, "request");
  rc_scope_keep(heap, rc_newref(user));
  dump(heap, "server-1", "at the start");
  for (size_t i = 8; i < 40; i++) cache->entries[i] = session_of(&all, NULL, user, 400);
  dump(heap, "server-2", "under load");
  for (size_t i = 24; i < 40; i++) rc_clear(&cache->entries[i]);
  dump(heap, "server-3", "afterwards");
  must(rc_scope_leave(heap, scope) == RC_OK, "rc_scope_leave");
  rc_decref(cache), rc_decref(map), rc_decref(first), rc_decref(user);
  gc_heap_free(heap);
}

/* ---- mistakes of a host ---- */

typedef struct Node {
  struct Node *a, *b;
} Node;

static const rc_field node_fields[] = {RC_FIELD(Node, a), RC_FIELD(Node, b)};

static rc_type *node_type(gc_heap *heap, const char *name) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = sizeof(Node), spec.fields = node_fields, spec.field_count = 2;
  return type_of(heap, &spec);
}

static void mistakes(void) {
  gc_heap *heap = heap_of("mistakes");
  rc_type *type = node_type(heap, "Node");
  Node *nodes[4];
  for (size_t i = 0; i < 4; i++) nodes[i] = rc_new(type);
  nodes[0]->a = nodes[1], nodes[0]->b = nodes[1]; /* two references, one count */
  nodes[2]->a = (Node *)(void *)&heap;            /* no object */
  Node *dead = rc_new(type);
  nodes[2]->b = dead;
  rc_decref(dead);
  dump(heap, "mistakes", NULL);
  nodes[0]->b = nodes[2]->a = nodes[2]->b = NULL;
  rc_decref(nodes[0]), rc_decref(nodes[2]), rc_decref(nodes[3]);
  gc_heap_free(heap);
}

/* ---- hostile names ---- */

static void hostile(void) {
  static char twenty[20001];
  memset(twenty, 'n', 20000);
  const char *names[] = {"\"quoted\"", "back\\slash", "new\nline", "\xff\xfe", "<lambda at x.cpp:10>", "Object",
                         "a{b}|c", "caf\xc3\xa9", "\x1b[31mred", twenty};
  gc_heap *heap = heap_of("hostile\n\"heap\"");
  Node *last = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    rc_field fields[] = {RC_FIELD(Node, a), RC_FIELD(Node, b)};
    fields[0].name = names[i];
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = names[i], spec.size = sizeof(Node), spec.fields = fields, spec.field_count = 2;
    Node *node = rc_new(type_of(heap, &spec));
    node->a = last, last = node;
  }
  dump(heap, "hostile", "\x1b[2J\"label\"");
  rc_decref(last);
  gc_heap_free(heap);
}

/* ---- random graphs ---- */

static uint64_t state = 12345;

static size_t below(size_t limit) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (size_t)(state >> 33) % limit;
}

static void random_graph(const char *name, size_t n, size_t held) {
  gc_heap *heap = heap_of(name);
  rc_type *one = node_type(heap, "One"), *two = node_type(heap, "Two");
  Node **nodes = malloc(n * sizeof *nodes);
  must(nodes != NULL, "malloc");
  for (size_t i = 0; i < n; i++) nodes[i] = rc_new(i % 3 ? one : two);
  for (size_t i = 0; i < n; i++) {
    if (below(4)) nodes[i]->a = rc_newref(nodes[below(n)]);
    if (below(2)) nodes[i]->b = rc_newref(nodes[below(n)]);
    if (below(50) == 0) must(rc_add_external_bytes(nodes[i], 1000 + (ptrdiff_t)below(100000)) == RC_OK, "external");
  }
  for (size_t i = held; i < n; i++) rc_decref(nodes[i]);
  dump(heap, name, NULL);
  for (size_t i = 0; i < held; i++) rc_decref(nodes[i]);
  free(nodes);
  gc_heap_free(heap);
}

/* ---- depth and width ---- */

static void deep(size_t n) {
  gc_heap *heap = heap_of("list");
  rc_type *type = node_type(heap, "Node");
  Node *head = NULL;
  for (size_t i = 0; i < n; i++) {
    Node *node = rc_new(type);
    node->a = head, head = node;
  }
  dump(heap, "list", NULL);
  rc_decref(head);
  gc_heap_free(heap);

  heap = heap_of("ring");
  type = node_type(heap, "Node");
  Node *first = rc_new(type), *last = first;
  for (size_t i = 1; i < n; i++) last->a = rc_new(type), last = last->a;
  last->a = rc_newref(first);
  dump(heap, "ring", NULL);
  rc_decref(first);
  gc_heap_free(heap);

  heap = heap_of("wide");
  type = node_type(heap, "Node");
  typedef struct Wide {
    uint64_t count;
    Node *items[];
  } Wide;
  static const rc_field fields[] = {RC_FIELD_TAIL(Wide, items)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Wide", spec.size = sizeof(Wide), spec.tail_size = sizeof(Node *);
  spec.fields = fields, spec.field_count = 1;
  Wide *wide = rc_new_array(type_of(heap, &spec), n);
  must(wide != NULL, "rc_new_array");
  for (size_t i = 0; i < n; i++) wide->items[i] = rc_new(type);
  dump(heap, "wide", NULL);
  rc_decref(wide);
  gc_heap_free(heap);
}

static void empty(void) {
  gc_heap *heap = heap_of("empty");
  dump(heap, "empty", NULL);
  gc_heap_free(heap);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: make_dumps FOLDER [N]\n");
    return 2;
  }
  folder = argv[1];
  empty();
  server();
  mistakes();
  hostile();
  random_graph("random-1", 200, 10);
  random_graph("random-2", 3000, 30);
  random_graph("random-3", 3000, 3000);
  if (argc > 2) deep(strtoull(argv[2], NULL, 10));
  return 0;
}
