/* make_report_dumps: writes the dumps of which reports are tested: make_report_dumps FOLDER [N]. `service-1` and
 * `service-2` are of one heap with many kinds of objects, `many` is of N objects of hundreds of types whose names
 * are markup and script. */
#include <rcgc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "make_report_dumps: %s: %s\n", what, gc_error_message(NULL));
  exit(1);
}

static const char *folder;

static void dump(gc_heap *heap, const char *name, const char *label) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.dump", folder, name);
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.path = path, options.label = label;
  must(gc_dump(heap, &options, NULL) == RC_OK, path);
}

static gc_heap *heap_of(const char *name) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = name;
  gc_heap *heap = NULL;
  must(gc_heap_new(&options, &heap) == RC_OK, "gc_heap_new");
  return heap;
}

static uint64_t state = 2026;

static size_t below(size_t limit) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (size_t)(state >> 33) % limit;
}

/* ---- a service: documents in a table, users with histories, widgets in rings, a log ---- */

typedef struct Value {
  struct Value *a, *b, *c;
  uint64_t more[3];
} Value;

typedef struct Table {
  Value **slots;
  size_t len;
} Table;

static void table_destroy(void *obj) {
  free(((Table *)obj)->slots);
}

static const rc_field value_fields[] = {RC_FIELD(Value, a), RC_FIELD(Value, b), RC_FIELD(Value, c)};
static const rc_field table_fields[] = {RC_FIELD_VECTOR(Table, slots, len)};

typedef struct service {
  gc_heap *heap;
  rc_type *table, *document, *node, *text, *user, *visit, *widget, *handler, *entry;
  Table *documents, *users;
  Value *log;
} service;

static rc_type *type_of(gc_heap *heap, const char *name, const char *a, const char *b, const char *c) {
  rc_field fields[3];
  memcpy(fields, value_fields, sizeof fields);
  fields[0].name = a, fields[1].name = b, fields[2].name = c;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = sizeof(Value), spec.fields = fields, spec.field_count = 3;
  rc_type *type = NULL;
  must(rc_type_new(heap, &spec, &type) == RC_OK, name);
  return type;
}

static void *make(rc_type *type) {
  void *obj = rc_new(type);
  must(obj != NULL, "rc_new");
  return obj;
}

static Table *table_of(const service *all, size_t len) {
  Table *table = make(all->table);
  table->slots = calloc(len, sizeof *table->slots);
  must(table->slots != NULL, "calloc");
  table->len = len;
  return table;
}

/* A tree of nodes with texts; each child refers back to what is above it. */
static Value *document_of(const service *all, int depth, Value *above) {
  Value *node = make(depth > 5 ? all->document : all->node);
  node->c = above ? rc_newref(above) : NULL;
  if (depth == 0) {
    node->a = make(all->text);
    return node;
  }
  node->a = document_of(all, depth - 1, node);
  if (below(3)) node->b = document_of(all, depth - 1, node);
  return node;
}

static void fill(service *all, size_t from, size_t to) {
  for (size_t i = from; i < to; i++) {
    Value *document = document_of(all, 6, NULL), *user = make(all->user);
    ptrdiff_t bytes = 3000 + (ptrdiff_t)below(20000);
    if (i % 5 == 0) must(rc_add_external_bytes(document, bytes) == RC_OK, "external");
    for (size_t k = below(20); k; k--) {
      Value *visit = make(all->visit);
      visit->a = user->a, visit->b = rc_newref(document);
      user->a = visit;
    }
    all->documents->slots[i] = document, all->users->slots[i] = user;
    Value *widget = make(all->widget), *handler = make(all->handler); /* a ring that nothing keeps */
    widget->a = handler, handler->a = rc_newref(widget);
    rc_decref(widget);
    Value *entry = make(all->entry);
    entry->a = all->log, all->log = entry;
  }
}

static void run_service(void) {
  service all = {.heap = heap_of("service")};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Table", spec.size = sizeof(Table), spec.destroy = table_destroy;
  spec.fields = table_fields, spec.field_count = 1;
  must(rc_type_new(all.heap, &spec, &all.table) == RC_OK, "Table");
  all.document = type_of(all.heap, "Document", "first", "second", "owner");
  all.node = type_of(all.heap, "Node", "first", "second", "parent");
  all.text = type_of(all.heap, "Text", "a", "b", "c");
  all.user = type_of(all.heap, "User", "history", "b", "c");
  all.visit = type_of(all.heap, "Visit", "before", "page", "c");
  all.widget = type_of(all.heap, "Widget", "handler", "b", "c");
  all.handler = type_of(all.heap, "Handler", "target", "b", "c");
  all.entry = type_of(all.heap, "LogEntry", "next", "b", "c");
  all.documents = table_of(&all, 400), all.users = table_of(&all, 400);
  fill(&all, 0, 150);
  gc_collect(all.heap);
  dump(all.heap, "service-1", "after start");
  fill(&all, 150, 400);
  for (size_t i = 0; i < 60; i++) rc_clear(&all.users->slots[i]);
  dump(all.heap, "service-2", "an hour later");
  rc_decref(all.documents), rc_decref(all.users), rc_decref(all.log);
  gc_heap_free(all.heap);
}

/* ---- many objects, many types, hostile names ---- */

static void many(size_t n) {
  enum { TYPES = 400 };
  static const char *const hostile[] = {
      "</script><script>document.title='owned'</script>", "<img src=x onerror=\"document.title='owned'\">",
      "\" onfocus=\"document.title='owned'\" x=\"", "' style='position:fixed", "</title><b>", "<!--", "]]>",
      "&lt;&#60;",
      "\xe2\x80\xae" "drawkcab", "{share}", "javascript:alert(1)", "\xff\xfe\xfd",
  };
  gc_heap *heap = heap_of("</title><script>document.title='owned'</script>");
  rc_type *types[TYPES];
  for (size_t i = 0; i < TYPES; i++) {
    char name[256];
    snprintf(name, sizeof name, "%s T%zu", hostile[i % (sizeof hostile / sizeof *hostile)], i);
    types[i] = type_of(heap, name, name, "<b>b</b>", "\"c\"");
  }
  Value **values = malloc(n * sizeof *values);
  must(values != NULL, "malloc");
  for (size_t i = 0; i < n; i++) values[i] = make(types[i * TYPES / n]);
  for (size_t i = 1; i < n; i++) {
    Value *above = values[below(i)];
    if (above->a && above->b) above = values[i - 1]; /* which has none below it yet */
    Value **slot = above->a ? &above->b : &above->a;
    *slot = rc_newref(values[i]);
    if (below(10) == 0) rc_setref(&above->c, rc_newref(values[below(n)]));
    ptrdiff_t bytes = 64 + (ptrdiff_t)below(4096);
    if (below(100) == 0) must(rc_add_external_bytes(values[i], bytes) == RC_OK, "external");
  }
  for (size_t i = 500; i < n; i++) rc_decref(values[i]);
  dump(heap, "many", "<script>document.title='owned'</script>");
  for (size_t i = 0; i < 500; i++) rc_decref(values[i]);
  free(values);
  gc_heap_free(heap);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: make_report_dumps FOLDER [N]\n");
    return 2;
  }
  folder = argv[1];
  run_service();
  many(argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000);
  return 0;
}
