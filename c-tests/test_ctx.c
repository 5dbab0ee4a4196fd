/* Types with RC_TYPE_CTX: each callback of both deaths, of queued finalizers, of heaps that end and of every look at
 * edges is given the ctx of its own type, with two runtimes in one thread; and what a spec must not mix. */
#include "check.h"
#include "graph.h"

/* An interpreter: what its callbacks saw. */
typedef struct Runtime {
  size_t traversed, cleared, finalized, destroyed;
  Node *save_in_finalize; /* the finalizer keeps the object here, once */
  bool saves;
} Runtime;

/* The object says whose it is, so that a callback with a wrong ctx is found. */
typedef struct Value {
  struct Value *a, *b;
  Runtime *owner;
} Value;

static int value_traverse(void *obj, rc_visit_fn visit, void *visit_ctx, void *ctx) {
  Value *value = obj;
  Runtime *runtime = ctx;
  CHECK(value->owner == runtime);
  runtime->traversed++;
  int stop = visit(value->a, visit_ctx);
  return stop ? stop : rc_visit_named(visit, visit_ctx, value->b, "b", RC_NO_INDEX);
}

static void value_clear(void *obj, void *ctx) {
  Value *value = obj;
  Runtime *runtime = ctx;
  CHECK(value->owner == runtime);
  runtime->cleared++;
  rc_clear(&value->a);
  rc_clear(&value->b);
}

static void value_finalize(void *obj, void *ctx) {
  Runtime *runtime = ctx;
  CHECK(((Value *)obj)->owner == runtime);
  runtime->finalized++;
  if (!runtime->saves) return;
  runtime->saves = false;
  runtime->save_in_finalize = rc_newref(obj);
}

static void value_destroy(void *obj, void *ctx) {
  Runtime *runtime = ctx;
  CHECK(((Value *)obj)->owner == runtime);
  CHECK(((Value *)obj)->a == NULL && ((Value *)obj)->b == NULL);
  runtime->destroyed++;
}

static rc_type_spec value_spec(Runtime *runtime) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Value", spec.size = sizeof(Value);
  spec.flags = RC_TYPE_CTX | RC_TYPE_TRACK_MANUAL;
  spec.traverse_ctx = value_traverse, spec.clear_ctx = value_clear;
  spec.finalize_ctx = value_finalize, spec.destroy_ctx = value_destroy;
  spec.ctx = runtime;
  return spec;
}

static rc_type *value_type(gc_heap *heap, Runtime *runtime) {
  rc_type_spec spec = value_spec(runtime);
  return graph_type(heap, &spec);
}

static Value *new_value(rc_type *type) {
  Value *value = rc_new(type);
  REQUIRE(value);
  value->owner = rc_type_ctx(type);
  REQUIRE(gc_track(value) == RC_OK);
  return value;
}

/* Two that refer to each other; the caller owns the one reference from outside. */
static Value *new_ring(rc_type *type) {
  Value *one = new_value(type), *two = new_value(type);
  one->a = two;
  two->b = rc_newref(one);
  return one;
}

static void saw(const Runtime *runtime, size_t ended) {
  CHECK_EQ(runtime->cleared, ended);
  CHECK_EQ(runtime->finalized, ended);
  CHECK_EQ(runtime->destroyed, ended);
}

static void two_runtimes_in_both_deaths(void) {
  gc_heap *heap = graph_heap("two runtimes");
  Runtime one = {0}, two = {0};
  rc_type *ones = value_type(heap, &one), *twos = value_type(heap, &two);
  rc_decref(new_value(ones));
  saw(&one, 1);
  saw(&two, 0);
  rc_decref(new_ring(ones));
  rc_decref(new_ring(twos));
  CHECK_EQ(gc_collect(heap), 4);
  saw(&one, 3);
  saw(&two, 2);
  CHECK(one.traversed != 0 && two.traversed != 0);
  /* One holds the other's, and both die by the same call. */
  Value *outer = new_value(ones);
  outer->a = new_value(twos);
  rc_decref(outer);
  saw(&one, 4);
  saw(&two, 3);
  Value *left = new_ring(twos); /* for the end of the heap */
  (void)left;
  CHECK_EQ(gc_heap_free(heap), 2);
  saw(&two, 5);
}

static void a_finalizer_brings_back(void) {
  gc_heap *heap = graph_heap("bring back");
  Runtime runtime = {0};
  rc_type *type = value_type(heap, &runtime);
  runtime.saves = true;
  rc_decref(new_ring(type));
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(runtime.finalized, 2);
  CHECK_EQ(runtime.cleared, 0);
  rc_decref(runtime.save_in_finalize);
  CHECK_EQ(gc_collect(heap), 2);
  saw(&runtime, 2);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void queued_finalizers(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  Runtime runtime = {0};
  rc_type *type = value_type(heap, &runtime);
  rc_decref(new_value(type));
  rc_decref(new_ring(type));
  gc_collect(heap);
  saw(&runtime, 0);
  CHECK_EQ(gc_run_finalizers(heap), 3);
  saw(&runtime, 3);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static int discard(const void *bytes, size_t size, void *ctx) {
  (void)bytes;
  *(size_t *)ctx += size;
  return 0;
}

/* Each of these asks every traverse; the number of calls is not promised, that they come is. */
static void whoever_looks_at_edges(void) {
  gc_heap *heap = graph_heap("looks");
  Runtime runtime = {0};
  rc_type *type = value_type(heap, &runtime);
  Value *ring = new_ring(type);

  gc_query *query = NULL;
  REQUIRE(gc_query_begin(heap, &query) == RC_OK);
  int64_t outside = 0;
  CHECK_EQ(gc_external_references(query, ring, &outside), RC_OK);
  CHECK_EQ(outside, 1);
  CHECK_EQ(gc_query_end(query), RC_OK);
  CHECK(runtime.traversed >= 2);

  runtime.traversed = 0;
  size_t findings = 1;
  CHECK_EQ(gc_verify(heap, NULL, NULL, &findings), RC_OK);
  CHECK_EQ(findings, 0);
  CHECK(runtime.traversed >= 2);

  runtime.traversed = 0;
  size_t bytes = 0;
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = discard, options.write_ctx = &bytes;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
  CHECK(runtime.traversed >= 2 && bytes != 0);

  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void under_a_profile(void) {
  gc_heap *heap = graph_heap("profiled");
  Runtime runtime = {0};
  rc_type *type = value_type(heap, &runtime);
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = GC_PROFILE_SITES;
  CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
  rc_decref(new_value(type));
  rc_decref(new_ring(type));
  CHECK_EQ(gc_collect(heap), 2);
  saw(&runtime, 3);
  gc_profile_stop(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Each callback may be missing, and a ctx of null is one. */
static size_t destroyed_without_ctx;

static void destroy_without_ctx(void *obj, void *ctx) {
  (void)obj;
  CHECK(ctx == NULL);
  destroyed_without_ctx++;
}

static void one_callback_and_no_ctx(void) {
  gc_heap *heap = graph_heap("one callback");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Handle", spec.size = sizeof(Node), spec.flags = RC_TYPE_CTX;
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  spec.destroy_ctx = destroy_without_ctx;
  rc_type *type = graph_type(heap, &spec);
  Node *node = rc_new(type);
  REQUIRE(node);
  node->a = rc_newref(node);
  rc_decref(node);
  CHECK_EQ(gc_collect(heap), 1);
  CHECK_EQ(destroyed_without_ctx, 1);
  spec.destroy_ctx = NULL; /* the flag alone is harmless: plain objects */
  rc_decref(rc_new(graph_type(heap, &spec)));
  CHECK_EQ(destroyed_without_ctx, 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- what is refused ---- */

static void plain_destroy(void *obj) {
  (void)obj;
}

static void refused(rc_type_spec spec, const char *word) {
  rc_type *type = NULL;
  CHECK_EQ(rc_type_new(NULL, &spec, &type), RC_ERR_INVALID);
  CHECK(type == NULL);
  CHECK_STR(gc_error_message(gc_heap_default()), "Value");
  CHECK_STR(gc_error_message(gc_heap_default()), word);
}

static void forms_do_not_mix(void) {
  Runtime runtime = {0};
  rc_type_spec good = value_spec(&runtime), spec;
  spec = good, spec.destroy = plain_destroy;
  refused(spec, "must be null");
  spec = good, spec.traverse = graph_traverse;
  refused(spec, "must be null");
  spec = good, spec.flags = RC_TYPE_TRACK_MANUAL;
  refused(spec, "needs RC_TYPE_CTX");
  spec = good, spec.clear_ctx = NULL;
  refused(spec, "traverse without clear");
  spec = good, spec.flags = RC_TYPE_CTX | RC_TYPE_TRACK_MANUAL | RC_TYPE_TRACK_ON_NEW;
  refused(spec, "exclude each other");
}

/* A program that was compiled before these members were there gives a shorter struct. What lies behind it is not read. */
static void specs_of_before(void) {
  Runtime runtime = {0};
  rc_type_spec spec = value_spec(&runtime);
  rc_type *type = NULL;
  spec.struct_size = offsetof(rc_type_spec, traverse_ctx);
  spec.flags = 0, spec.destroy = plain_destroy;
  REQUIRE(rc_type_new(NULL, &spec, &type) == RC_OK);
  rc_decref(rc_new(type));
  saw(&runtime, 0);
  CHECK_EQ(rc_type_free(type), RC_OK);
}

int main(int argc, char **argv) {
  static const check_test tests[] = {
      CHECK_TEST(two_runtimes_in_both_deaths), CHECK_TEST(a_finalizer_brings_back),
      CHECK_TEST(queued_finalizers),           CHECK_TEST(whoever_looks_at_edges),
      CHECK_TEST(under_a_profile),             CHECK_TEST(one_callback_and_no_ctx),
      CHECK_TEST(forms_do_not_mix),            CHECK_TEST(specs_of_before),
  };
  return check_run(tests, RC_COUNT_OF(tests), argc, argv);
}
