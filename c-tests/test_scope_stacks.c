/* Stacks of scopes: flows of control that take turns in one heap, threads under a common lock and coroutines, with a
 * stack each and without; callbacks that change the current stack; what scopes on stacks of their own measure. */
#include "check.h"
#include "graph.h"

#include <pthread.h>
#include <ucontext.h>

static char order[64]; /* ids of what was destroyed, as letters, in order */
static size_t order_used;

static void note_destroy(void *obj) {
  if (order_used + 1 < sizeof order) order[order_used++] = (char)((Node *)obj)->id;
  order[order_used] = 0;
}

static gc_heap *heap;
static rc_type *type;

static rc_type *noted(const char *name, void (*destroy)(void *)) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = sizeof(Node);
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields), spec.destroy = destroy;
  return graph_type(heap, &spec);
}

static void begin(const char *name) {
  heap = graph_heap(name);
  type = noted("Noted", note_destroy);
  order_used = 0, order[0] = 0;
}

static void finish(void) {
  CHECK_EQ(gc_heap_free(heap), 0);
}

static bool ended(const char *expected) {
  bool same = strcmp(order, expected) == 0;
  if (!same) printf("  destroyed: \"%s\", expected \"%s\"\n", order, expected);
  return same;
}

static Node *kept(char id) {
  Node *node = graph_node(type, (uint64_t)id);
  CHECK(rc_scope_keep(heap, node) == node);
  return node;
}

static rc_scope_stack *new_stack(void) {
  rc_scope_stack *stack = NULL;
  REQUIRE(rc_scope_stack_new(heap, &stack) == RC_OK && stack != NULL);
  return stack;
}

/* ---- the functions ---- */

static void taking_turns(void) {
  begin("turns");
  rc_scope_stack *one = new_stack(), *two = new_stack();
  CHECK(rc_scope_stack_switch(heap, one) == NULL);
  rc_scope_mark first = rc_scope_enter(heap);
  (void)kept('a');
  CHECK(rc_scope_stack_switch(heap, two) == one);
  rc_scope_mark second = rc_scope_enter(heap);
  (void)kept('b');
  CHECK(rc_scope_stack_switch(heap, one) == two);
  (void)kept('c');
  check_log_start();
  CHECK_EQ(rc_scope_leave(heap, first), RC_OK); /* entered before the other, and left before it */
  CHECK(ended("ca"));
  CHECK(rc_scope_keep(heap, graph_node(type, 'x')) == NULL); /* none is open here */
  CHECK(ended("cax"));
  CHECK(rc_scope_stack_switch(heap, two) == one);
  CHECK_EQ(rc_scope_leave(heap, second), RC_OK);
  CHECK(ended("caxb"));
  CHECK(rc_scope_stack_switch(heap, two) == two); /* it is already */
  CHECK(rc_scope_stack_switch(heap, NULL) == two);
  CHECK_EQ(check_log.used, 0);
  CHECK_EQ(rc_scope_stack_free(one), RC_OK);
  CHECK_EQ(rc_scope_stack_free(two), RC_OK);
  CHECK_EQ(rc_scope_stack_free(NULL), RC_OK);
  CHECK_EQ(rc_scope_stack_new(heap, check_null()), RC_ERR_INVALID);
  finish();
}

static void marks_of_another_stack(void) {
  begin("stacks");
  rc_scope_stack *one = new_stack();
  rc_scope_mark own = rc_scope_enter_named(heap, "own");
  (void)kept('a');
  rc_scope_stack_switch(heap, one);
  rc_scope_mark other = rc_scope_enter(heap);
  (void)kept('b');
  check_log_start();
  CHECK_EQ(rc_scope_leave(heap, own), RC_ERR_INVALID);
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], 1);
  CHECK_STR(check_log.text, "own");
  CHECK_STR(check_log.text, "not the current one");
  CHECK_STR(gc_error_message(heap), "not the current one");
  CHECK_EQ(rc_scope_unwind(heap, own), RC_ERR_INVALID);
  CHECK_EQ(rc_scope_reset(heap, own), RC_ERR_INVALID);
  CHECK_EQ(rc_scope_leave_with(heap, own, kept('c')), RC_ERR_INVALID);
  CHECK(ended(""));
  rc_scope_end_block(heap, own); /* a block ends all the same, and nothing is held for ever */
  CHECK(ended("a"));
  CHECK_EQ(rc_scope_leave(heap, other), RC_OK);
  CHECK(ended("acb"));
  rc_scope_stack_switch(heap, NULL);
  CHECK_EQ(rc_scope_stack_free(one), RC_OK);
  finish();
}

/* A flow that is given up: its scopes are left, the innermost first. */
static void freed_with_open_scopes(void) {
  begin("abandoned");
  rc_scope_stack *stack = new_stack(), *used = new_stack();
  rc_scope_stack_switch(heap, stack);
  for (char c = 'a'; c <= 'c'; c++) {
    CHECK(rc_scope_enter(heap) != RC_SCOPE_NONE);
    (void)kept(c);
  }
  CHECK_EQ(rc_scope_stack_free(stack), RC_ERR_IN_USE);
  CHECK_STR(gc_error_message(heap), "current");
  CHECK(ended(""));
  rc_scope_stack_switch(heap, used);
  rc_scope_mark mark = rc_scope_enter(heap);
  (void)kept('o');
  check_log_start();
  CHECK_EQ(rc_scope_stack_free(stack), RC_OK);
  CHECK(ended("cba"));
  CHECK_EQ(check_log.used, 0); /* giving one up is no mistake */
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  CHECK(ended("cbao"));
  rc_scope_stack_switch(heap, NULL);
  CHECK_EQ(rc_scope_stack_free(used), RC_OK);
  finish();
}

/* The end of a heap leaves the scopes of all stacks, and ends the stacks. */
static void left_when_the_heap_ends(void) {
  begin("ending");
  size_t n = check_scale(100, 20000, 20000);
  for (size_t i = 0; i < n; i++) {
    rc_scope_stack_switch(heap, new_stack());
    CHECK(rc_scope_enter(heap) != RC_SCOPE_NONE);
    (void)kept('n');
  }
  check_log_start();
  finish();
  CHECK_EQ(check_log.used, 0);
}

static void slots_are_used_again(void) {
  begin("again");
  rc_scope_stack *first = new_stack();
  CHECK_EQ(rc_scope_stack_free(first), RC_OK);
  for (size_t i = 0; i < check_scale(100, 100000, 1000000); i++) {
    rc_scope_stack *stack = new_stack();
    CHECK(stack == first);
    rc_scope_stack_switch(heap, stack);
    rc_scope_mark mark = rc_scope_enter(heap);
    CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
    rc_scope_stack_switch(heap, NULL);
    CHECK_EQ(rc_scope_stack_free(stack), RC_OK);
  }
  finish();
}

static void of_another_heap(void *arg) {
  rc_scope_stack_switch(heap, arg);
}

static void a_stack_of_another_heap_is_fatal(void) {
  begin("one");
  rc_scope_stack *stack = new_stack();
  gc_heap *one = heap;
  heap = graph_heap("two");
  CHECK_FATAL(of_another_heap, stack, "rc_scope_stack_switch", "heap one", "heap two");
  finish();
  heap = one;
  finish();
}

/* ---- callbacks ---- */

static rc_scope_stack *mine, *others;
static rc_scope_mark in_callback;

static void in_another_stack(void *obj) {
  note_destroy(obj);
  if (((Node *)obj)->id != 'x') return;
  rc_scope_mark here = rc_scope_enter_named(heap, "here"); /* on the stack that is current where it begins */
  (void)kept('h');
  CHECK(rc_scope_stack_switch(heap, others) == mine);
  in_callback = rc_scope_enter(heap); /* a coroutine that goes on here, and is not done */
  (void)kept('c');
  CHECK(here != RC_SCOPE_NONE);
}

/* What was entered on the stack that a callback began with is left, that stack is current again, and scopes on others
 * are their flows' business. */
static void callbacks_end_with_the_stack_that_they_began_with(void) {
  begin("callbacks");
  rc_type *wanders = noted("Wanders", in_another_stack);
  for (int own = 0; own < 2; own++) {
    order_used = 0;
    mine = own ? NULL : new_stack(), others = new_stack();
    rc_scope_stack_switch(heap, mine);
    rc_scope_mark mark = rc_scope_enter(heap);
    (void)kept('o');
    check_log_start();
    rc_decref(graph_node(wanders, 'x'));
    CHECK(ended("xh"));
    CHECK_STR(check_log.text, "another stack");
    CHECK_STR(check_log.text, "here");
    CHECK_EQ(check_log.lines[GC_LOG_WARNING], 2);
    (void)kept('p');
    CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
    CHECK(ended("xhpo"));
    CHECK(rc_scope_stack_switch(heap, others) == mine);
    CHECK_EQ(rc_scope_leave(heap, in_callback), RC_OK);
    CHECK(ended("xhpoc"));
    rc_scope_stack_switch(heap, NULL);
    CHECK_EQ(rc_scope_stack_free(mine), RC_OK);
    CHECK_EQ(rc_scope_stack_free(others), RC_OK);
  }
  finish();
}

static rc_status freed;

static void free_what_is_mine(void *obj) {
  note_destroy(obj);
  if (((Node *)obj)->id != 'x') return;
  rc_scope_stack_switch(heap, others);
  freed = rc_scope_stack_free(mine);
  rc_scope_stack_switch(heap, freed == RC_OK ? new_stack() : mine); /* in the same slot, perhaps */
}

/* A callback frees the stack that was current when it began: not while a scope of it is being left; else what it kept
 * is released, and the heap's own stack is the current one. */
static void the_stack_of_a_callback_freed_in_it(void) {
  begin("own");
  rc_type *frees = noted("Frees", free_what_is_mine);
  mine = new_stack(), others = new_stack();
  rc_scope_stack_switch(heap, mine);
  rc_scope_mark mark = rc_scope_enter(heap);
  (void)kept('a');
  CHECK(rc_scope_keep(heap, graph_node(frees, 'x')) != NULL);
  check_log_start();
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  CHECK_EQ(freed, RC_ERR_IN_USE);
  CHECK_EQ(check_log.used, 0);
  CHECK(ended("xa"));
  order_used = 0;
  mark = rc_scope_enter(heap);
  (void)kept('b');
  rc_decref(graph_node(frees, 'x'));
  CHECK_EQ(freed, RC_OK);
  CHECK(ended("xb"));
  CHECK_EQ(check_log.lines[GC_LOG_WARNING], 1);
  CHECK_STR(check_log.text, "the heap's own");
  CHECK_EQ(rc_scope_leave(heap, mark), RC_ERR_INVALID); /* it is gone with its stack */
  CHECK(rc_scope_stack_switch(heap, others) == NULL);
  finish();
}

static void switch_to_it(void *arg) {
  rc_scope_stack_switch(heap, arg);
}

static void *the_freed;

static void switch_to_the_freed(void *obj) {
  note_destroy(obj);
  if (((Node *)obj)->id == 'x')
    CHECK_FATAL(switch_to_it, the_freed, "rc_scope_stack_switch", "not a live stack of scopes");
}

/* Host code that runs while a stack is freed does not get it any more. */
static void used_while_it_is_freed(void) {
  begin("freed");
  rc_type *clings = noted("Clings", switch_to_the_freed);
  rc_scope_stack *stack = new_stack();
  the_freed = stack;
  rc_scope_stack_switch(heap, stack);
  CHECK(rc_scope_enter(heap) != RC_SCOPE_NONE);
  (void)kept('a');
  CHECK(rc_scope_keep(heap, graph_node(clings, 'x')) != NULL);
  rc_scope_stack_switch(heap, NULL);
  CHECK_EQ(rc_scope_stack_free(stack), RC_OK);
  CHECK(ended("xa"));
  finish();
}

/* A coroutine that is an object: its stack is freed where the object dies. */
static void free_it(void *obj) {
  note_destroy(obj);
  CHECK_EQ(rc_scope_stack_free(((Node *)obj)->id == 'x' ? others : NULL), RC_OK);
}

static void freed_in_a_callback(void) {
  begin("coroutine");
  rc_type *owner = noted("Owner", free_it);
  others = new_stack();
  rc_scope_stack_switch(heap, others);
  CHECK(rc_scope_enter(heap) != RC_SCOPE_NONE);
  (void)kept('a');
  rc_scope_stack_switch(heap, NULL);
  Node *node = graph_node(owner, 'x');
  node->a = rc_newref(node);
  rc_decref(node);
  CHECK_EQ(gc_collect(heap), 1);
  CHECK(ended("xa"));
  CHECK_EQ(graph_live(heap), 0);
  finish();
}

/* ---- threads under one lock ---- */

static pthread_mutex_t the_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn; /* of which thread, by strict alternation: the worst order there is */
static bool with_stacks;
enum { ROUNDS = 50 };

static void wait_for(int me) {
  while (turn != me) pthread_cond_wait(&changed, &the_lock);
}

static void pass_to(int other) {
  turn = other;
  pthread_cond_broadcast(&changed);
}

static void *native(void *arg) {
  int me = arg != NULL;
  pthread_mutex_lock(&the_lock);
  wait_for(me);
  rc_scope_stack *stack = with_stacks ? new_stack() : NULL;
  for (int i = 0; i < ROUNDS; i++) {
    rc_scope_stack_switch(heap, stack);
    rc_scope_mark mark = rc_scope_enter_named(heap, me ? "second" : "first");
    Node *node = kept('t');
    pass_to(!me); /* the other one enters its scope, or leaves it */
    wait_for(me);
    rc_scope_stack_switch(heap, stack);
    if (with_stacks) CHECK_EQ(rc_count(node), 1);
    rc_scope_end_block(heap, mark); /* what RC_SCOPE does */
  }
  if (with_stacks) rc_scope_stack_switch(heap, NULL);
  CHECK_EQ(rc_scope_stack_free(stack), RC_OK);
  pass_to(!me);
  pthread_mutex_unlock(&the_lock);
  return NULL;
}

static void in_turns(bool stacks) {
  begin("threads");
  with_stacks = stacks, turn = 0;
  check_log_start();
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) REQUIRE(pthread_create(&threads[i], NULL, native, i ? &turn : NULL) == 0);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  CHECK_EQ(graph_live(heap), 0); /* with the last scope all are left */
  if (stacks) {
    CHECK_EQ(check_log.used, 0);
  } else {
    CHECK(check_log.lines[GC_LOG_ERROR] >= 16);
    CHECK_STR(check_log.text, "scope first is not the innermost: second");
    CHECK_STR(check_log.text, "scope second is not the innermost: first");
    CHECK_STR(check_log.text, "rc_scope_stack_new");
  }
  finish();
}

static void threads_with_a_stack_each(void) {
  in_turns(true);
}

static void threads_on_one_stack_are_told(void) {
  in_turns(false);
}

/* ---- coroutines ---- */

#ifdef RC_SCOPE

enum { COROUTINES = 8, COROUTINE_BYTES = 256 << 10 };

typedef struct coroutine {
  ucontext_t context;
  rc_scope_stack *scopes;
  char *stack;
  int resumed;
  bool done;
} coroutine;

static ucontext_t scheduler;
static coroutine coroutines[COROUTINES];

static void yield(int me) {
  swapcontext(&coroutines[me].context, &scheduler);
}

static void inner(int me) {
  RC_SCOPE_NAMED(heap, "inner");
  Node *node = kept((char)('A' + me));
  yield(me);
  CHECK_EQ(node->id, 'A' + me);
}

static void body(int me) {
  {
    RC_SCOPE(heap);
    Node *node = kept((char)('a' + me));
    yield(me);
    for (int i = 0; i < 3; i++) inner(me);
    CHECK_EQ(node->id, 'a' + me);
  }
  coroutines[me].done = true;
}

/* Resumed in a random order: no scope gets into another coroutine's. */
static void in_any_order(void) {
  begin("coroutines");
  uint64_t seed = check_seed("in_any_order");
  check_log_start();
  for (int i = 0; i < COROUTINES; i++) {
    coroutine *it = &coroutines[i];
    getcontext(&it->context);
    it->stack = malloc(COROUTINE_BYTES), it->scopes = new_stack();
    it->context.uc_stack.ss_sp = it->stack, it->context.uc_stack.ss_size = COROUTINE_BYTES;
    it->context.uc_link = &scheduler;
    makecontext(&it->context, (void (*)(void))body, 1, i);
  }
  for (int left = COROUTINES; left > 0;) {
    coroutine *it = &coroutines[check_below(&seed, COROUTINES)];
    if (it->done) continue;
    rc_scope_stack_switch(heap, it->scopes);
    swapcontext(&scheduler, &it->context);
    left -= it->done;
  }
  rc_scope_stack_switch(heap, NULL);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(check_log.used, 0);
  for (int i = 0; i < COROUTINES; i++) {
    CHECK_EQ(rc_scope_stack_free(coroutines[i].scopes), RC_OK);
    free(coroutines[i].stack);
  }
  finish();
}

#endif

/* ---- a model: many stacks, anything in any order ---- */

enum { STACKS = 6, SCOPES = 12, KEPT = 200 };

typedef struct model_scope {
  rc_scope_mark mark;
  size_t kept;
} model_scope;

typedef struct model_stack {
  rc_scope_stack *stack;
  model_scope scopes[SCOPES];
  size_t depth;
  uint64_t ids[KEPT];
  size_t kept;
} model_stack;

static model_stack model[STACKS];
static uint64_t next_id, last_destroyed[KEPT];
static size_t destroyed;

static void record_destroy(void *obj) {
  if (destroyed < KEPT) last_destroyed[destroyed++] = ((Node *)obj)->id;
}

/* All that a stack keeps above `start` has died since, the last first. */
static void expect_released(model_stack *it, size_t start) {
  CHECK_EQ(destroyed, it->kept - start);
  for (size_t i = 0; i < destroyed; i++) CHECK_EQ(last_destroyed[i], it->ids[it->kept - 1 - i]);
  it->kept = start, destroyed = 0;
}

static void model_step(model_stack *it, rc_type *recorded, uint64_t *seed) {
  size_t top = it->depth - 1;
  switch (check_below(seed, 8)) {
  case 0:
  case 1:
    if (it->depth == SCOPES) return;
    it->scopes[it->depth] = (model_scope){rc_scope_enter_named(heap, "modelled"), it->kept};
    CHECK(it->scopes[it->depth++].mark != RC_SCOPE_NONE);
    return;
  case 2:
  case 3:
  case 4:
    if (it->depth == 0 || it->kept == KEPT) return;
    it->ids[it->kept++] = next_id;
    CHECK(rc_scope_keep(heap, graph_node(recorded, next_id++)) != NULL);
    return;
  case 5:
    if (it->depth == 0) return;
    CHECK_EQ(rc_scope_leave(heap, it->scopes[top].mark), RC_OK);
    expect_released(it, it->scopes[top].kept);
    it->depth--;
    return;
  case 6:
    if (it->depth == 0) return;
    CHECK_EQ(rc_scope_reset(heap, it->scopes[top].mark), RC_OK);
    expect_released(it, it->scopes[top].kept);
    return;
  default:
    if (it->depth == 0) return;
    top = check_below(seed, it->depth);
    CHECK_EQ(rc_scope_unwind(heap, it->scopes[top].mark), RC_OK);
    expect_released(it, it->scopes[top].kept);
    it->depth = top;
  }
}

static void any_order_on_many_stacks(void) {
  begin("model");
  rc_type *recorded = noted("Recorded", record_destroy);
  uint64_t seed = check_seed("any_order_on_many_stacks");
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  check_log_start();
  for (size_t i = 1; i < STACKS; i++) model[i].stack = new_stack(); /* the first is the heap's own */
  for (size_t step = 0; step < check_scale(2000, 200000, 2000000); step++) {
    model_stack *it = &model[check_below(&seed, STACKS)];
    rc_scope_stack_switch(heap, it->stack);
    model_step(it, recorded, &seed);
    if (check_below(&seed, 64) == 0 && it != model) {
      rc_scope_stack_switch(heap, NULL);
      CHECK_EQ(rc_scope_stack_free(it->stack), RC_OK);
      expect_released(it, 0);
      it->stack = new_stack(), it->depth = 0;
    }
  }
  CHECK_EQ(check_log.used, 0);
  gc_heap_free(heap);
}

/* ---- profiles ---- */

static gc_scope_stats named(const char *name) {
  gc_scope_stats rows[8], none = GC_SCOPE_STATS_INIT;
  rows[0].struct_size = sizeof rows[0];
  size_t count = gc_profile_scopes(heap, rows, 8);
  for (size_t i = 0; i < count && i < 8; i++)
    if (strcmp(rows[i].name, name) == 0) return rows[i];
  printf("  no scope is named %s\n", name);
  CHECK(false);
  return none;
}

static uint64_t scope_violations(void) {
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  CHECK_EQ(gc_profile_get(heap, &stats), RC_OK);
  return stats.scope_violations;
}

/* Two flows in turns: each scope has what happened in its own turns, and nothing of the other's. */
static void measured_in_its_own_turns(void) {
  begin("measured");
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  rc_scope_stack *one = new_stack(), *two = new_stack();
  Node *left[3];
  rc_scope_stack_switch(heap, one);
  rc_scope_mark a = rc_scope_enter_named(heap, "a");
  for (int i = 0; i < 10; i++) (void)kept('a');
  rc_scope_stack_switch(heap, two);
  rc_scope_mark b = rc_scope_enter_named(heap, "b");
  for (int i = 0; i < 100; i++) (void)kept('b');
  left[0] = RC_NEW(type);
  rc_scope_stack_switch(heap, one);
  left[1] = RC_NEW(type), left[2] = RC_NEW(type);
  rc_decref(left[0]); /* made by the other one, ended by this one */
  gc_scope_stats now = GC_SCOPE_STATS_INIT;
  CHECK_EQ(gc_scope_get(heap, a, &now), RC_OK);
  CHECK_EQ(now.allocated_objects, 12);
  CHECK_EQ(now.freed_objects, 1);
  CHECK_EQ(now.survivor_objects, 12);
  CHECK_EQ(gc_scope_get(heap, b, &now), RC_OK); /* of a flow that does not have its turn */
  CHECK_EQ(now.allocated_objects, 101);
  CHECK_EQ(now.freed_objects, 0);
  CHECK_EQ(now.survivor_objects, 100);
  CHECK_EQ(now.peak_bytes, 101 * 32);
  CHECK_EQ(rc_scope_leave(heap, a), RC_OK);
  rc_scope_stack_switch(heap, two);
  CHECK_EQ(rc_scope_leave(heap, b), RC_OK);
  rc_scope_stack_switch(heap, NULL);
  gc_scope_stats of_a = named("a"), of_b = named("b");
  CHECK_EQ(of_a.allocated_objects, 12);
  CHECK_EQ(of_a.freed_objects, 11);
  CHECK_EQ(of_a.survivor_objects, 2);
  CHECK_EQ(of_a.survivor_bytes, 64);
  CHECK_EQ(of_a.peak_bytes, 12 * 32); /* the two were there before the one went: 10, 12, 11, 1 */
  CHECK_EQ(of_b.allocated_objects, 101);
  CHECK_EQ(of_b.freed_objects, 100);
  CHECK_EQ(of_b.survivor_objects, 0);
  CHECK_EQ(of_b.peak_bytes, 101 * 32);
  rc_decref(left[1]), rc_decref(left[2]);
  finish();
}

/* What one flow leaves behind is not another's fault. */
static void clean_beside_a_flow_that_is_not(void) {
  begin("clean");
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  rc_scope_stack *one = new_stack(), *two = new_stack();
  rc_scope_stack_switch(heap, one);
  rc_scope_mark tidy = rc_scope_enter_named(heap, "tidy");
  CHECK_EQ(gc_scope_expect_clean(heap, tidy), RC_OK);
  rc_scope_stack_switch(heap, two);
  rc_scope_mark messy = rc_scope_enter_named(heap, "messy");
  CHECK_EQ(gc_scope_expect_clean(heap, messy), RC_OK);
  Node *left = RC_NEW(type);
  rc_scope_stack_switch(heap, one);
  (void)kept('k');
  check_log_start();
  CHECK_EQ(rc_scope_leave(heap, tidy), RC_OK);
  CHECK_EQ(check_log.used, 0);
  CHECK_EQ(scope_violations(), 0);
  rc_scope_stack_switch(heap, two);
  CHECK_EQ(rc_scope_leave(heap, messy), RC_OK);
  CHECK_STR(check_log.text, "scope messy left 1 object behind (32 bytes): 1 from ");
  CHECK_EQ(scope_violations(), 1);
  rc_decref(left);
  finish();
}

/* A scope that is open for long, while others come and go in between: the list of turns does not grow with them, and
 * the numbers stay right. */
static void open_beside_many_that_come_and_go(void) {
  begin("long");
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  rc_scope_stack *server = new_stack();
  rc_scope_stack_switch(heap, server);
  rc_scope_mark serving = rc_scope_enter_named(heap, "serving");
  Node *seen[2] = {NULL, NULL};
  size_t n = check_scale(500, 20000, 200000);
  for (size_t i = 0; i < n; i++) {
    rc_scope_stack *stack = new_stack();
    rc_scope_stack_switch(heap, stack);
    rc_scope_mark request = rc_scope_enter_named(heap, "request");
    (void)kept('r'), (void)kept('r');
    rc_scope_stack_switch(heap, server);
    rc_setref(&seen[i % 2], RC_NEW(type)); /* one made, one ended */
    rc_scope_stack_switch(heap, stack);
    CHECK_EQ(rc_scope_leave(heap, request), RC_OK);
    rc_scope_stack_switch(heap, server);
    CHECK_EQ(rc_scope_stack_free(stack), RC_OK);
  }
  CHECK_EQ(rc_scope_leave(heap, serving), RC_OK);
  rc_scope_stack_switch(heap, NULL);
  gc_scope_stats whole = named("serving"), each = named("request");
  CHECK_EQ(whole.allocated_objects, n);
  CHECK_EQ(whole.freed_objects, n - 2);
  CHECK_EQ(each.entered, n);
  CHECK_EQ(each.allocated_objects, 2 * n);
  CHECK_EQ(each.freed_objects, 2 * n);
  CHECK_EQ(each.survivor_objects, 0);
  CHECK_EQ(each.peak_bytes, 64);
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  CHECK_EQ(gc_profile_get(heap, &stats), RC_OK);
  CHECK(stats.own_bytes < (4 << 20));
  /* Exact as long as turns are not taken together: beyond 65,536 of them, or the small limit of the checking level. */
  bool together = 2 * n > 65536 || check_env("RCGC_TEST_CHECKED");
  if (!together) CHECK_EQ(whole.survivor_objects, 2);
  else CHECK(whole.survivor_objects >= 2 && whole.survivor_objects <= n);
  rc_decref(seen[0]), rc_decref(seen[1]);
  finish();
}

/* Scopes that were left in the wrong order on one stack are measured all the same, each by its own name. */
static void measured_out_of_order(void) {
  begin("out of order");
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  rc_scope_mark a = rc_scope_enter_named(heap, "a");
  (void)kept('a');
  Node *node = RC_NEW(type);
  rc_scope_mark b = rc_scope_enter_named(heap, "b");
  Node *other = RC_NEW(type);
  check_log_start();
  rc_scope_end_block(heap, a);
  rc_decref(node), rc_decref(other);
  CHECK_EQ(rc_scope_leave(heap, b), RC_OK);
  gc_scope_stats of_a = named("a"), of_b = named("b");
  CHECK_EQ(of_a.allocated_objects, 3);
  CHECK_EQ(of_a.freed_objects, 0); /* when its block ended */
  CHECK_EQ(of_a.peak_bytes, 96);
  CHECK_EQ(of_b.allocated_objects, 1);
  CHECK_EQ(of_b.freed_objects, 2);
  CHECK_EQ(of_b.survivor_objects, 0);
  CHECK_EQ(of_b.peak_bytes, 32);
  CHECK_EQ(graph_live(heap), 0);
  finish();
}

/* The profile begins and ends while stacks have scopes open. */
static void profiles_that_begin_and_end_inside(void) {
  begin("borders");
  rc_scope_stack *one = new_stack();
  rc_scope_stack_switch(heap, one);
  rc_scope_mark before = rc_scope_enter_named(heap, "before");
  rc_scope_stack_switch(heap, NULL);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  rc_scope_mark own = rc_scope_enter_named(heap, "own");
  (void)kept('o');
  rc_scope_stack_switch(heap, one);
  rc_scope_mark inside = rc_scope_enter_named(heap, "inside");
  (void)kept('i');
  gc_scope_stats now = GC_SCOPE_STATS_INIT;
  CHECK_EQ(gc_scope_get(heap, before, &now), RC_ERR_INVALID);
  CHECK_EQ(gc_scope_get(heap, inside, &now), RC_OK);
  CHECK_EQ(now.allocated_objects, 1);
  gc_profile_stop(heap);
  CHECK_EQ(rc_scope_leave(heap, inside), RC_OK);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK); /* anew, while another stack is current */
  rc_scope_mark late = rc_scope_enter_named(heap, "late");
  (void)kept('l');
  rc_scope_stack_switch(heap, NULL);
  CHECK_EQ(gc_scope_get(heap, own, &now), RC_ERR_INVALID);
  CHECK_EQ(rc_scope_leave(heap, own), RC_OK);
  rc_scope_stack_switch(heap, one);
  CHECK_EQ(rc_scope_leave(heap, late), RC_OK);
  CHECK_EQ(rc_scope_leave(heap, before), RC_OK);
  rc_scope_stack_switch(heap, NULL);
  CHECK_EQ(gc_profile_scopes(heap, NULL, 0), 1);
  CHECK_EQ(named("late").allocated_objects, 1);
  CHECK_EQ(rc_scope_stack_free(one), RC_OK);
  finish();
}

static void measured_function(gc_heap *measured, void *ctx) {
  rc_scope_stack_switch(measured, ctx);
  CHECK(rc_scope_enter(measured) != RC_SCOPE_NONE);
  (void)kept('m');
}

/* A function that is measured and leaves another stack current: its scope is left all the same. */
static void measured_function_that_switches(void) {
  begin("function");
  rc_scope_stack *one = new_stack();
  gc_scope_stats stats = GC_SCOPE_STATS_INIT;
  check_log_start();
  CHECK_EQ(gc_measure(heap, measured_function, one, &stats), RC_ERR_REFUSED);
  CHECK_STR(check_log.text, "another stack");
  CHECK(rc_scope_keep(heap, graph_node(type, 'x')) == NULL); /* no scope is open on the heap's own */
  CHECK_EQ(rc_scope_stack_free(one), RC_OK);
  CHECK(ended("xm"));
  finish();
}

static const check_test tests[] = {
    CHECK_TEST(taking_turns),
    CHECK_TEST(marks_of_another_stack),
    CHECK_TEST(freed_with_open_scopes),
    CHECK_TEST(left_when_the_heap_ends),
    CHECK_TEST(slots_are_used_again),
    CHECK_TEST(a_stack_of_another_heap_is_fatal),
    CHECK_TEST(callbacks_end_with_the_stack_that_they_began_with),
    CHECK_TEST(the_stack_of_a_callback_freed_in_it),
    CHECK_TEST(used_while_it_is_freed),
    CHECK_TEST(freed_in_a_callback),
    CHECK_TEST(threads_with_a_stack_each),
    CHECK_TEST(threads_on_one_stack_are_told),
#ifdef RC_SCOPE
    CHECK_TEST(in_any_order),
#endif
    CHECK_TEST(any_order_on_many_stacks),
    CHECK_TEST(measured_in_its_own_turns),
    CHECK_TEST(clean_beside_a_flow_that_is_not),
    CHECK_TEST(open_beside_many_that_come_and_go),
    CHECK_TEST(measured_out_of_order),
    CHECK_TEST(profiles_that_begin_and_end_inside),
    CHECK_TEST(measured_function_that_switches),
};

CHECK_MAIN(tests)
