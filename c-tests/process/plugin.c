/* A plugin that uses the library, for host.c. It has what plugins have: a destructor, and a handler of the exit that was
 * registered before the library was first used. Both run after the library's own handler. */
#include <rcgc.h>

#include <stdlib.h>

typedef struct Node {
  struct Node *next;
  long value;
} Node;

static const rc_field fields[] = {RC_FIELD(Node, next)};
static gc_heap *heap, *of_destructor, *of_handler;
static rc_type *type;

static int make(gc_heap **out_heap, rc_type **out_type) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Node", spec.size = sizeof(Node), spec.fields = fields, spec.field_count = 1;
  return gc_heap_new(NULL, out_heap) == RC_OK && rc_type_new(*out_heap, &spec, out_type) == RC_OK;
}

/* A heap that is in use to the end: objects, a ring, a weak handle, an object that is left. */
static int use(gc_heap *one, rc_type *of) {
  Node *node = rc_new(of), *ring = rc_new(of);
  if (!node || !ring) return 0;
  ring->next = ring;
  rc_weak *weak = rc_weak_new(node, NULL, NULL);
  int good = weak && gc_collect(one) == 1 && rc_is_unique(node);
  rc_decref(node);
  good = good && rc_weak_get(weak) == NULL;
  rc_weak_free(weak);
  return good;
}

static void end(gc_heap **one) {
  if (*one && gc_heap_free(*one) != 0) abort();
  *one = NULL;
}

static void at_the_exit(void) {
  end(&of_handler);
}

__attribute__((destructor)) static void at_the_end(void) {
  end(&of_destructor);
}

int plugin_begin(void) {
  rc_type *unused;
  if (atexit(at_the_exit) != 0) return 0;
  return make(&heap, &type) && use(heap, type) && make(&of_destructor, &unused) && make(&of_handler, &unused);
}

int plugin_use(void) {
  return use(heap, type);
}

/* Leaves an object behind. */
int plugin_hold(void) {
  return rc_new(type) != NULL;
}

int plugin_profile(void) {
  if (gc_profile_start(heap, NULL) != RC_OK) return 0;
  for (int i = 0; i < 1000; i++) {
    Node *node = RC_NEW(type);
    if (!node) return 0;
  }
  return 1;
}

int plugin_listen(int signal) {
  return gc_dump_on_signal(heap, signal, "/dev/null") == RC_OK;
}

void plugin_end(void) {
  end(&heap);
}
