/* The steps of scopes as inline code (rcgc/steps.h): what must fall into the exported functions, and what host code may do
 * while one releases what its scope kept. test_scope.c and test_scope_stacks.c have what scopes do in either form. */
#include "check.h"
#include "graph.h"

/* ---- an object whose destroy acts ---- */

static gc_heap *acting_heap;
static rc_scope_mark acting_mark;
static rc_status acting_status;
static void (*act)(void);

static void acting_destroy(void *obj) {
  (void)obj;
  void (*once)(void) = act;
  act = NULL;
  if (once) once();
}

static rc_type *acting_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Acting", spec.size = sizeof(Node);
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  spec.destroy = acting_destroy;
  return graph_type(heap, &spec);
}

static void keep_one(gc_heap *heap, rc_type *type) {
  CHECK(rc_scope_keep(heap, graph_node(type, 0)) != NULL);
}

/* ---- the common case ---- */

/* Marks rise, whichever form gave them; what was entered in one is left in the other. */
static void both_forms_are_one(void) {
  gc_heap *heap = graph_heap("forms");
  rc_type *type = graph_declared(heap);
  rc_scope_mark (*enter)(gc_heap *) = rc_scope_enter;
  rc_status (*leave)(gc_heap *, rc_scope_mark) = rc_scope_leave;
  void *(*keep)(gc_heap *, void *) = rc_scope_keep;
  rc_scope_mark last = 0;
  for (size_t i = 0; i < 200; i++) {
    rc_scope_mark one = i % 2 ? rc_scope_enter(heap) : enter(heap);
    rc_scope_mark two = i % 3 ? rc_scope_enter(heap) : enter(heap);
    CHECK(last < one && one < two);
    last = two;
    for (size_t j = 0; j < i; j++) CHECK((j % 2 ? keep : rc_scope_keep)(heap, graph_node(type, j)));
    CHECK_EQ(rc_scope_leave(heap, one), RC_ERR_INVALID); /* not the innermost */
    CHECK_EQ(graph_live(heap), i);
    CHECK_EQ(i % 5 ? rc_scope_leave(heap, two) : leave(heap, two), RC_OK);
    CHECK_EQ(i % 7 ? rc_scope_leave(heap, two) : leave(heap, two), RC_ERR_INVALID); /* twice */
    CHECK_EQ(graph_live(heap), 0);
    CHECK_EQ(i % 4 ? rc_scope_leave(heap, one) : leave(heap, one), RC_OK);
  }
  CHECK_EQ(rc_scope_leave(heap, RC_SCOPE_NONE), RC_OK);
  CHECK(rc_scope_keep(heap, NULL) == NULL);
  CHECK(rc_scope_keep(heap, graph_node(type, 0)) == NULL); /* no scope is open: released */
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Both arrays grow and are trimmed while scopes are open. */
static void deep_and_wide(void) {
  enum { DEPTH = 1000 };
  static rc_scope_mark marks[DEPTH];
  gc_heap *heap = graph_heap("deep");
  rc_type *type = graph_declared(heap);
  for (size_t round = 0; round < 3; round++) {
    for (size_t i = 0; i < DEPTH; i++) {
      marks[i] = rc_scope_enter(heap);
      for (size_t j = 0; j < i % 5; j++) keep_one(heap, type);
    }
    CHECK_EQ(graph_live(heap), DEPTH / 5 * 10);
    for (size_t i = DEPTH; i-- > 0;) {
      if (i % 300 == 0) (void)gc_collect(heap); /* trims */
      CHECK_EQ(rc_scope_leave(heap, marks[i]), RC_OK);
    }
    CHECK_EQ(graph_live(heap), 0);
    (void)gc_collect(heap);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* What is kept is released last in first out, immortal and shared ones too. */
static uint64_t order[8];
static size_t ordered;

static void note_destroy(void *obj) {
  if (ordered < 8) order[ordered++] = ((Node *)obj)->id;
}

static void last_in_first_out(void) {
  gc_heap *heap = graph_heap("order");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Noted", spec.size = sizeof(Node), spec.destroy = note_destroy;
  rc_type *type = graph_type(heap, &spec);
  Node *held = graph_node(type, 7), *immortal = graph_node(type, 8);
  rc_immortalize(immortal);
  rc_scope_mark mark = rc_scope_enter(heap);
  rc_scope_keep(heap, graph_node(type, 1));
  rc_scope_keep(heap, rc_newref(held));
  rc_scope_keep(heap, graph_node(type, 2));
  rc_scope_keep(heap, immortal);
  rc_scope_keep(heap, graph_node(type, 3));
  CHECK_EQ(rc_count(held), 2);
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  CHECK_EQ(ordered, 3);
  CHECK(order[0] == 3 && order[1] == 2 && order[2] == 1);
  CHECK_EQ(rc_count(held), 1);
  rc_decref(held);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- host code in the middle ---- */

static void leave_again(void) {
  acting_status = rc_scope_leave(acting_heap, acting_mark);
}

static void reset_again(void) {
  acting_status = rc_scope_reset(acting_heap, acting_mark);
}

static void unwind_again(void) {
  acting_status = rc_scope_unwind(acting_heap, acting_mark);
}

static void keep_many(void) {
  for (size_t i = 0; i < 100; i++) keep_one(acting_heap, graph_declared(acting_heap));
  acting_status = RC_ERR_INVALID;
}

static void enter_many(void) {
  rc_scope_mark marks[100];
  for (size_t i = 0; i < 100; i++) {
    marks[i] = rc_scope_enter(acting_heap);
    keep_one(acting_heap, graph_declared(acting_heap));
  }
  for (size_t i = 100; i-- > 0;) CHECK_EQ(rc_scope_leave(acting_heap, marks[i]), RC_OK);
  acting_status = RC_ERR_INVALID;
}

static void forget_to_leave(void) {
  for (size_t i = 0; i < 50; i++) {
    (void)!rc_scope_enter(acting_heap);
    keep_one(acting_heap, graph_declared(acting_heap));
  }
  acting_status = RC_ERR_INVALID; /* they are closed where the callback ends */
}

static void free_the_heap(void) {
  (void)gc_heap_free(acting_heap);
}

static void collect_and_trim(void) {
  (void)gc_collect(acting_heap);
  acting_status = RC_ERR_INVALID;
}

static void (*const acts[])(void) = {leave_again, reset_again,     unwind_again,    keep_many,
                                     enter_many,  forget_to_leave, collect_and_trim};

/* The scope is left, once, with all that it kept, whatever a death does meanwhile; also where the death is that of
 * another heap's object, whose callbacks are not this heap's. */
static void a_death_acts(bool elsewhere, size_t which, size_t around) {
  gc_heap *heap = acting_heap = graph_heap("acting"), *other = graph_heap("other");
  rc_type *type = graph_declared(heap), *actors = acting_type(elsewhere ? other : heap);
  rc_scope_mark outer = rc_scope_enter(heap);
  keep_one(heap, type);
  acting_mark = rc_scope_enter(heap);
  for (size_t i = 0; i < around; i++) keep_one(heap, type);
  CHECK(rc_scope_keep(heap, graph_node(actors, 0)));
  for (size_t i = 0; i < around; i++) keep_one(heap, type);
  act = acts[which], acting_status = RC_OK;
  CHECK_EQ(rc_scope_leave(heap, acting_mark), RC_OK);
  CHECK(act == NULL);
  CHECK_EQ(acting_status, RC_ERR_INVALID);
  CHECK_EQ(rc_scope_leave(heap, acting_mark), RC_ERR_INVALID);
  CHECK_EQ(graph_live(heap), 1);
  CHECK_EQ(rc_scope_leave(heap, outer), RC_OK);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(other), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void deaths_act_in_the_middle(void) {
  for (size_t which = 0; which < RC_COUNT_OF(acts); which++)
    for (size_t around = 0; around < 3; around++) {
      a_death_acts(false, which, around);
      a_death_acts(true, which, around);
    }
}

/* The heap cannot end in the death of another heap's object while a scope of it is being left. */
static void free_in_the_middle(void *arg) {
  gc_heap *heap = acting_heap = graph_heap("pinned"), *other = graph_heap("other");
  rc_scope_mark mark = rc_scope_enter(heap);
  CHECK(rc_scope_keep(heap, graph_node(acting_type(other), 0)));
  act = free_the_heap;
  (void)arg;
  (void)rc_scope_leave(heap, mark);
}

static void the_heap_is_pinned(void) {
  CHECK_FATAL(free_in_the_middle, NULL, "gc_heap_free", "runs host code");
}

/* An RC_SCOPE that ended before those inside it is left together with them. */
static void a_block_that_was_over(void) {
#if defined(__GNUC__) && !defined(__TINYC__)
  gc_heap *heap = graph_heap("over");
  rc_type *type = graph_declared(heap);
  rc_scope_mark inside, further;
  check_log_start();
  {
    RC_SCOPE(heap);
    keep_one(heap, type);
    inside = rc_scope_enter(heap);
    keep_one(heap, type);
    further = rc_scope_enter(heap);
    keep_one(heap, type);
  }
  CHECK_EQ(graph_live(heap), 3);
  CHECK_EQ(rc_scope_leave(heap, further), RC_OK);
  CHECK_EQ(graph_live(heap), 2);
  CHECK_EQ(rc_scope_leave(heap, inside), RC_OK);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
#endif
}

/* ---- while somebody watches ---- */

static void a_profile_sees_every_scope(void) {
  gc_heap *heap = graph_heap("profiled");
  rc_type *type = graph_declared(heap);
  rc_scope_mark before = rc_scope_enter(heap); /* inline; the profile does not know it */
  keep_one(heap, type);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  for (size_t i = 0; i < 5; i++) {
    rc_scope_mark mark = rc_scope_enter_named(heap, "step");
    rc_scope_mark inner = rc_scope_enter(heap);
    CHECK_EQ(gc_scope_expect_clean(heap, mark), RC_OK);
    keep_one(heap, type);
    CHECK_EQ(rc_scope_leave(heap, inner), RC_OK);
    Node *survivor = i == 3 ? graph_node(type, 9) : NULL;
    CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
    rc_xdecref(survivor);
  }
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  CHECK_EQ(gc_profile_get(heap, &stats), RC_OK);
  CHECK_EQ(stats.scope_violations, 1);
  rc_scope_mark during = rc_scope_enter(heap);
  gc_profile_stop(heap);
  CHECK_EQ(rc_scope_leave(heap, during), RC_OK);
  CHECK_EQ(rc_scope_leave(heap, before), RC_OK);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Begins, or ends, in the death of what a scope kept. */
static void start_profile(void) {
  CHECK_EQ(gc_profile_start(acting_heap, NULL), RC_OK);
  acting_status = RC_ERR_INVALID;
}

static void watching_begins_in_the_middle(void) {
  gc_heap *heap = acting_heap = graph_heap("begins");
  rc_type *actors = acting_type(heap);
  rc_scope_mark outer = rc_scope_enter(heap), mark = rc_scope_enter(heap);
  keep_one(heap, graph_declared(heap));
  keep_one(heap, actors);
  act = start_profile;
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  CHECK(act == NULL);
  CHECK_EQ(graph_live(heap), 0);
  rc_scope_mark named = rc_scope_enter_named(heap, "named");
  CHECK_EQ(rc_scope_leave(heap, named), RC_OK);
  CHECK_EQ(rc_scope_leave(heap, outer), RC_OK);
  gc_profile_stop(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- stacks ---- */

static void the_current_stack_is_worked_on(void) {
  gc_heap *heap = graph_heap("stacks");
  rc_type *type = graph_declared(heap);
  rc_scope_stack *stacks[3] = {NULL};
  rc_scope_mark marks[3];
  for (size_t i = 0; i < 3; i++) {
    if (i) CHECK_EQ(rc_scope_stack_new(heap, &stacks[i]), RC_OK);
    rc_scope_stack_switch(heap, stacks[i]);
    CHECK(rc_scope_keep(heap, graph_node(type, 0)) == NULL); /* no scope is open on this one */
    marks[i] = rc_scope_enter(heap);
    for (size_t j = 0; j <= i; j++) keep_one(heap, type);
  }
  for (size_t i = 0; i < 3; i++) {
    rc_scope_stack_switch(heap, stacks[i]);
    CHECK_EQ(rc_scope_leave(heap, marks[(i + 1) % 3]), RC_ERR_INVALID); /* another stack's */
    size_t live = graph_live(heap);
    CHECK_EQ(rc_scope_leave(heap, marks[i]), RC_OK);
    CHECK_EQ(graph_live(heap), live - i - 1);
  }
  rc_scope_stack_switch(heap, NULL);
  CHECK_EQ(rc_scope_stack_free(stacks[1]), RC_OK);
  CHECK_EQ(rc_scope_stack_free(stacks[2]), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A heap that has ended sends everything out of line, where it is told. */
static void enter_in(void *heap) {
  (void)!rc_scope_enter(heap);
}

static void keep_in(void *heap) {
  (void)rc_scope_keep(heap, graph_node(graph_declared(NULL), 0));
}

static void leave_in(void *heap) {
  (void)rc_scope_leave(heap, (rc_scope_mark)1 << 20);
}

static void of_a_heap_that_ended(void) {
  (void)graph_declared(NULL); /* so that the default heap is not the next one in this one's place */
  gc_heap *heap = graph_heap("ended");
  rc_scope_mark mark = rc_scope_enter(heap);
  keep_one(heap, graph_declared(heap));
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_FATAL(enter_in, heap, "rc_scope_enter", "not a live heap");
  CHECK_FATAL(keep_in, heap, "rc_scope_keep", "not a live heap");
  CHECK_FATAL(leave_in, heap, "rc_scope_leave", "not a live heap");
}

int main(int argc, char **argv) {
  static const check_test tests[] = {
      CHECK_TEST(both_forms_are_one),
      CHECK_TEST(deep_and_wide),
      CHECK_TEST(last_in_first_out),
      CHECK_TEST(deaths_act_in_the_middle),
      CHECK_TEST(the_heap_is_pinned),
      CHECK_TEST(a_block_that_was_over),
      CHECK_TEST(a_profile_sees_every_scope),
      CHECK_TEST(watching_begins_in_the_middle),
      CHECK_TEST(the_current_stack_is_worked_on),
      CHECK_TEST(of_a_heap_that_ended),
  };
  return check_run(tests, RC_COUNT_OF(tests), argc, argv);
}
