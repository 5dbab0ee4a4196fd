/* A program with five leaks, for c-tests/tool/backwards.py: a tree of elements with listeners, caches, observers, sessions
 * and tasks. Each leak is another mistake, and all but one look alike to counts: held from outside. The argument is the
 * folder; with a second one the program is right, and nothing leaks.
 *
 *   Session   a release is forgotten: nobody has its address any more
 *   Listener  owns its element, and its traverse does not report that
 *   Observer  a table of the program's variables keeps them
 *   Page      a cache in the heap keeps them, and a variable the cache
 *   Task      a table that malloc gave keeps them
 */
#include <rcgc.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Element Element;
typedef struct Listener {
  Element *element;
} Listener;
struct Element {
  Element *first, *next;
  Element *parent; /* not counted */
  Listener *listener;
};
typedef struct Cache {
  size_t count;
  void *pages[];
} Cache;

enum { MANY = 200 };

static gc_heap *heap;
static rc_type *elements, *listeners, *plain[4];
/* Visible, so that no compiler leaves out what is only written. */
extern void *observers[MANY];
void *observers[MANY];
static Cache *cache;
static void **tasks;
static Element *root;

static void must(bool holds) {
  if (!holds) exit(1);
}

static int listener_traverse(void *obj, rc_visit_fn visit, void *ctx) {
  (void)obj, (void)visit, (void)ctx;
  return 0;
}

static int right_traverse(void *obj, rc_visit_fn visit, void *ctx) {
  return visit(((Listener *)obj)->element, ctx);
}

static void listener_clear(void *obj) {
  rc_clear(&((Listener *)obj)->element);
}

static Element *element(void) {
  Element *made = (Element *)rc_new(elements);
  must(made != NULL);
  return made;
}

/* An element with a listener that owns it, which the tree has let go of. */
static void removed(void) {
  Element *made = element();
  must((made->listener = (Listener *)rc_new(listeners)) != NULL);
  made->listener->element = (Element *)rc_newref(made);
  rc_decref(made);
}

static void *made(int type) {
  void *obj = rc_new(plain[type]);
  must(obj != NULL);
  return obj;
}

/* In frames of its own, which are written over. */
static void leak(bool right) {
  for (int i = 0; i < MANY; i++) {
    void *session = made(0);
    if (right) rc_decref(session);
    removed();
    if (!right || i < 3) observers[i] = made(1), tasks[i] = made(3);
    if (!right || i < 3) cache->pages[i] = made(2);
  }
}

static void forget_frames(void) {
  volatile char room[1 << 16];
  for (size_t i = 0; i < sizeof room; i++) room[i] = 0;
}

int main(int argc, char **argv) {
  static const char *const names[4] = {"Session", "Observer", "Page", "Task"};
  static const rc_field fields[] = {RC_FIELD(Element, first), RC_FIELD(Element, next), RC_FIELD(Element, listener)};
  static const rc_field pages[] = {RC_FIELD_TAIL(Cache, pages)};
  bool right = argc > 2;
  must(argc > 1 && gc_heap_new(NULL, &heap) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Element", spec.size = sizeof(Element), spec.fields = fields, spec.field_count = 3;
  must(rc_type_new(heap, &spec, &elements) == RC_OK);
  rc_type_spec callback = RC_TYPE_SPEC_INIT;
  callback.name = "Listener", callback.size = sizeof(Listener), callback.flags = RC_TYPE_TRACK_ON_NEW;
  callback.traverse = right ? right_traverse : listener_traverse, callback.clear = listener_clear;
  must(rc_type_new(heap, &callback, &listeners) == RC_OK);
  for (int i = 0; i < 4; i++) {
    rc_type_spec of = RC_TYPE_SPEC_INIT;
    of.name = names[i], of.size = 32;
    must(rc_type_new(heap, &of, &plain[i]) == RC_OK);
  }
  rc_type_spec of_cache = RC_TYPE_SPEC_INIT;
  of_cache.name = "Cache", of_cache.size = sizeof(Cache), of_cache.fields = pages, of_cache.field_count = 1;
  of_cache.tail_size = sizeof(void *);
  rc_type *caches;
  must(rc_type_new(heap, &of_cache, &caches) == RC_OK);
  must((cache = (Cache *)rc_new_array(caches, MANY)) != NULL && (tasks = (void **)calloc(MANY, sizeof *tasks)) != NULL);
  /* The tree, which is right: parents are not counted. */
  root = element();
  for (int i = 0; i < MANY; i++) {
    Element *child = element();
    child->parent = root, child->next = root->first, root->first = child;
  }
  leak(right);
  forget_frames();
  gc_collect(heap);
  char path[4096];
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  snprintf(path, sizeof path, "%s/leaks-%s.dump", argv[1], right ? "right" : "five");
  options.path = path, options.flags = GC_DUMP_LOOK;
  must(gc_dump(heap, &options, NULL) == RC_OK);
  size_t findings;
  must(gc_verify(heap, NULL, NULL, &findings) == RC_OK && findings == (right ? 0 : 1));
  return 0;
}
