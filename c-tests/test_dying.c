/* rc_is_dying: at which step of an object's end (src/life/lifetime.md) it is said of the object itself, of others of the
 * same dead set and of what is alive; in deaths by count, collections, queued finalizers and ends of heaps. */
#include "check.h"
#include "graph.h"

/* What the callbacks saw of `self` and of `other`: 0 alive, 1 dying, -1 not asked. */
typedef struct seen {
  int finalize, weak, clear, destroy;
  int other_finalize, other_weak, other_clear, other_destroy;
} seen;

static seen saw;
static Node *other;         /* borrowed; null: not asked */
static Node *held_in_weak;  /* the weak callback stores it here */
static bool weak_stores;

static int ask(void *obj) {
  return obj ? rc_is_dying(obj) : -1;
}

static void first_finalize(void *obj) {
  saw.finalize = ask(obj), saw.other_finalize = ask(other);
}

static void first_clear(void *obj) {
  saw.clear = ask(obj), saw.other_clear = ask(other);
  rc_clear(&((Node *)obj)->a);
  rc_clear(&((Node *)obj)->b);
}

static void first_destroy(void *obj) {
  saw.destroy = ask(obj), saw.other_destroy = ask(other);
}

static int first_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  (void)rc_is_dying(obj); /* allowed: it only looks */
  return graph_traverse(obj, visit, visit_ctx);
}

/* The target is known by its address, which is an object until the callback has returned. */
static void first_weak(rc_weak *handle, void *obj) {
  saw.weak = ask(obj), saw.other_weak = ask(other);
  rc_weak_free(handle);
  if (!weak_stores) return;
  weak_stores = false;
  held_in_weak = rc_newref(obj);
}

static rc_type *first_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "First", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = first_traverse, spec.clear = first_clear;
  spec.finalize = first_finalize, spec.destroy = first_destroy;
  return graph_type(heap, &spec);
}

static Node *new_unwatched(rc_type *type) {
  Node *node = rc_new(type);
  REQUIRE(node);
  memset(&saw, -1, sizeof saw);
  CHECK(!rc_is_dying(node));
  return node;
}

static Node *new_first(rc_type *type) {
  Node *node = new_unwatched(type);
  REQUIRE(rc_weak_new(node, first_weak, node));
  return node;
}

static void saw_of_itself(void) {
  CHECK_EQ(saw.finalize, 0);
  CHECK_EQ(saw.weak, 1);
  CHECK_EQ(saw.clear, 1);
  CHECK_EQ(saw.destroy, 1);
}

static void saw_of_other(int finalize, int later) {
  CHECK_EQ(saw.other_finalize, finalize);
  CHECK_EQ(saw.other_weak, later);
  CHECK_EQ(saw.other_clear, later);
  CHECK_EQ(saw.other_destroy, later);
}

static void by_count(void) {
  gc_heap *heap = graph_heap("count");
  rc_type *type = first_type(heap), *plain = graph_declared(heap);
  other = graph_node(plain, 0); /* lives on */
  rc_decref(new_first(type));
  saw_of_itself();
  saw_of_other(0, 0);
  rc_decref(other);
  other = NULL;
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Also plain members of a dead set are told, which have no callbacks of their own. */
static void in_a_ring(void) {
  gc_heap *heap = graph_heap("ring");
  rc_type *type = first_type(heap), *plain = graph_declared(heap);
  Node *first = new_first(type);
  other = graph_node(plain, 0);
  first->a = other;
  other->a = first;
  CHECK_EQ(gc_collect(heap), 2);
  saw_of_itself();
  saw_of_other(0, 1);
  other = NULL;
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void a_weak_callback_brings_back(void) {
  gc_heap *heap = graph_heap("back");
  rc_type *type = first_type(heap);
  Node *first = new_first(type);
  weak_stores = true;
  rc_decref(first);
  CHECK(held_in_weak == first);
  CHECK(!rc_is_dying(first));
  CHECK_EQ(saw.weak, 1);
  CHECK_EQ(saw.clear, (uint64_t)-1);
  rc_clear(&held_in_weak);
  CHECK_EQ(saw.destroy, 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void in_the_queue_of_finalizers(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type *type = first_type(heap);
  Node *first = new_unwatched(type); /* queued weak callbacks come when the target has ended */
  rc_decref(first);
  CHECK(!rc_is_dying(first)); /* the queue has a reference */
  while (gc_run_finalizers(heap) != 0) continue;
  CHECK_EQ(saw.finalize, 0);
  CHECK_EQ(saw.clear, 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void when_the_heap_ends(void) {
  gc_heap *heap = graph_heap("end");
  rc_type *type = first_type(heap), *plain = graph_declared(heap);
  Node *first = new_first(type);
  other = graph_node(plain, 0);
  first->a = other;
  rc_immortalize(new_first(type));
  CHECK_EQ(gc_heap_free(heap), 2); /* the immortal one is not counted, and goes last */
  CHECK_EQ(saw.destroy, 1);
  other = NULL;
}

/* What a runtime does with it: an object that is dying is not queued. */
static Node *queue[2];
static size_t queued;

static void queueing_destroy(void *obj) {
  Node *target = (Node *)(uintptr_t)((Node *)obj)->id;
  if (!rc_is_dying(target)) queue[queued++] = rc_newref(target);
}

static void storing_is_decided_by_it(void) {
  gc_heap *heap = graph_heap("store");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Entry", spec.size = sizeof(Node), spec.destroy = queueing_destroy;
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  rc_type *entries = graph_type(heap, &spec), *plain = graph_declared(heap);
  Node *alive = graph_node(plain, 0), *dead = graph_node(plain, 0);
  Node *one = graph_node(entries, (uint64_t)(uintptr_t)alive), *two = graph_node(entries, (uint64_t)(uintptr_t)dead);
  dead->a = two, two->a = dead; /* a ring with its target, and a ring alone */
  one->a = one;
  gc_collect(heap);
  CHECK_EQ(queued, 1);
  CHECK(queue[0] == alive);
  rc_decref(queue[0]);
  rc_decref(alive);
  CHECK_EQ(gc_heap_free(heap), 0);
}

int main(int argc, char **argv) {
  static const check_test tests[] = {
      CHECK_TEST(by_count),
      CHECK_TEST(in_a_ring),
      CHECK_TEST(a_weak_callback_brings_back),
      CHECK_TEST(in_the_queue_of_finalizers),
      CHECK_TEST(when_the_heap_ends),
      CHECK_TEST(storing_is_decided_by_it),
  };
  return check_run(tests, RC_COUNT_OF(tests), argc, argv);
}
