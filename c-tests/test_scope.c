/* Scopes: left on every way out of a block, nested, in order, and not where they are not the innermost. */
#include "check.h"
#include "graph.h"

static char order[64]; /* ids of what was destroyed, as letters, in order */
static size_t order_used;

static void note_destroy(void *obj) {
  Node *node = obj;
  if (order_used + 1 < sizeof order) order[order_used++] = (char)node->id;
  order[order_used] = 0;
}

static rc_type *noted(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Noted", spec.size = sizeof(Node);
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields), spec.destroy = note_destroy;
  return graph_type(heap, &spec);
}

static rc_type *type;

static Node *kept(gc_heap *heap, char id) {
  Node *node = graph_node(type, (uint64_t)id);
  CHECK(rc_scope_keep(heap, node) == node);
  return node;
}

static void begin(gc_heap *heap) {
  type = noted(heap);
  order_used = 0, order[0] = 0;
}

static bool ended(const char *expected) {
  bool same = strcmp(order, expected) == 0;
  if (!same) printf("  destroyed: \"%s\", expected \"%s\"\n", order, expected);
  return same;
}

/* ---- the plain functions ---- */

static void last_in_first_out(void) {
  begin(NULL);
  rc_scope_mark mark = rc_scope_enter(NULL);
  CHECK(mark != RC_SCOPE_NONE);
  for (char c = 'a'; c <= 'e'; c++) (void)kept(NULL, c);
  CHECK(ended(""));
  CHECK_EQ(rc_scope_leave(NULL, mark), RC_OK);
  CHECK(ended("edcba"));
}

static void nesting(void) {
  begin(NULL);
  rc_scope_mark outer = rc_scope_enter(NULL);
  (void)kept(NULL, 'a');
  rc_scope_mark inner = rc_scope_enter(NULL);
  (void)kept(NULL, 'b'), (void)kept(NULL, 'c');
  CHECK_EQ(rc_scope_leave(NULL, inner), RC_OK);
  CHECK(ended("cb"));
  (void)kept(NULL, 'd');
  CHECK_EQ(rc_scope_leave(NULL, outer), RC_OK);
  CHECK(ended("cbda"));
}

static void kept_objects_survive_collections(void) {
  begin(NULL);
  rc_scope_mark mark = rc_scope_enter(NULL);
  Node *ring = rc_scope_keep(NULL, graph_ring(type, 5));
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(rc_count(ring), 2);
  CHECK_EQ(rc_scope_leave(NULL, mark), RC_OK);
  CHECK_EQ(gc_collect(NULL), 5);
}

static void keep_null_stays_null(void) {
  CHECK(rc_scope_keep(NULL, NULL) == NULL); /* also without a scope */
  rc_scope_mark mark = rc_scope_enter(NULL);
  CHECK(rc_scope_keep(NULL, NULL) == NULL);
  CHECK_EQ(rc_scope_leave(NULL, mark), RC_OK);
}

static void keep_without_a_scope_releases(void) {
  begin(NULL);
  CHECK(rc_scope_keep(NULL, graph_node(type, 'x')) == NULL);
  CHECK(ended("x"));
  CHECK(strlen(gc_error_message(NULL)) > 0);
  CHECK_EQ(graph_live(NULL), 0);
}

static void one_object_kept_many_times(void) {
  begin(NULL);
  Node *node = graph_node(type, 'x');
  rc_scope_mark mark = rc_scope_enter(NULL);
  for (int i = 0; i < 1000; i++) CHECK(rc_scope_keep(NULL, rc_newref(node)) == node);
  CHECK_EQ(rc_count(node), 1001);
  CHECK_EQ(rc_scope_leave(NULL, mark), RC_OK);
  CHECK_EQ(rc_count(node), 1);
  rc_decref(node);
}

static void deep_and_wide(void) {
  begin(NULL);
  size_t n = check_scale(1000, 100000, 1000000);
  rc_scope_mark *marks = malloc(n * sizeof *marks);
  for (size_t i = 0; i < n; i++) {
    marks[i] = rc_scope_enter(NULL);
    CHECK(marks[i] != RC_SCOPE_NONE);
    (void)kept(NULL, 'n');
  }
  CHECK_EQ(graph_live(NULL), n);
  for (size_t i = n; i > 0; i--) CHECK_EQ(rc_scope_leave(NULL, marks[i - 1]), RC_OK);
  CHECK_EQ(graph_live(NULL), 0);
  free(marks);
}

/* ---- marks that are not the innermost scope's ---- */

static void left_twice(void) {
  begin(NULL);
  rc_scope_mark outer = rc_scope_enter(NULL), inner = rc_scope_enter(NULL);
  (void)kept(NULL, 'a');
  CHECK_EQ(rc_scope_leave(NULL, inner), RC_OK);
  CHECK_EQ(rc_scope_leave(NULL, inner), RC_ERR_INVALID);
  rc_scope_mark again = rc_scope_enter(NULL); /* as deep as the one left, and another */
  (void)kept(NULL, 'b');
  CHECK_EQ(rc_scope_leave(NULL, inner), RC_ERR_INVALID);
  CHECK(strlen(gc_error_message(NULL)) > 0);
  CHECK(ended("a"));
  CHECK_EQ(rc_scope_leave(NULL, again), RC_OK);
  CHECK_EQ(rc_scope_leave(NULL, outer), RC_OK);
  CHECK_EQ(rc_scope_leave(NULL, outer), RC_ERR_INVALID);
  CHECK(ended("ab"));
}

static void out_of_order(void) {
  begin(NULL);
  rc_scope_mark outer = rc_scope_enter(NULL);
  (void)kept(NULL, 'a');
  rc_scope_mark inner = rc_scope_enter(NULL);
  (void)kept(NULL, 'b');
  check_log_start();
  CHECK_EQ(rc_scope_leave(NULL, outer), RC_ERR_INVALID);
  CHECK(ended("")); /* nothing was released */
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], 1); /* who drops the status is told all the same */
  CHECK_EQ(rc_scope_leave(NULL, inner), RC_OK);
  CHECK_EQ(rc_scope_leave(NULL, outer), RC_OK);
  CHECK(ended("ba"));
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], 1);
}

/* Each time is said with both names, but not without end. */
static void out_of_order_is_said(void) {
  gc_heap *heap = graph_heap("turns");
  rc_scope_mark outer = rc_scope_enter_named(heap, "request"), inner = rc_scope_enter_named(heap, "reply");
  check_log_start();
  CHECK_EQ(rc_scope_leave(heap, outer), RC_ERR_INVALID);
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], 1);
  CHECK_STR(check_log.text, "turns");
  CHECK_STR(check_log.text, "rc_scope_leave");
  CHECK_STR(check_log.text, "request");
  CHECK_STR(check_log.text, "reply");
  CHECK_STR(check_log.text, "rc_scope_stack_new");
  for (int i = 0; i < 100000; i++) CHECK_EQ(rc_scope_reset(heap, outer), RC_ERR_INVALID);
  CHECK(check_log.lines[GC_LOG_ERROR] >= 16 && check_log.lines[GC_LOG_ERROR] < 64);
  CHECK_STR(check_log.text, "65536th");
  CHECK_EQ(rc_scope_leave(heap, inner), RC_OK);
  CHECK_EQ(rc_scope_leave(heap, outer), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- unwound, reset, left with a result ---- */

static void unwound(void) {
  begin(NULL);
  rc_scope_mark marks[5];
  for (int i = 0; i < 5; i++) {
    marks[i] = rc_scope_enter(NULL);
    (void)kept(NULL, (char)('a' + i));
  }
  CHECK_EQ(rc_scope_unwind(NULL, marks[3]), RC_OK);
  CHECK(ended("ed"));
  CHECK_EQ(rc_scope_unwind(NULL, marks[3]), RC_ERR_INVALID);
  CHECK_EQ(rc_scope_leave(NULL, marks[4]), RC_ERR_INVALID);
  CHECK_EQ(rc_scope_unwind(NULL, RC_SCOPE_NONE), RC_OK);
  CHECK_EQ(rc_scope_unwind(NULL, 12345), RC_ERR_INVALID);
  CHECK_EQ(rc_scope_unwind(NULL, marks[2]), RC_OK); /* the innermost by now */
  CHECK(ended("edc"));
  CHECK_EQ(rc_scope_unwind(NULL, marks[0]), RC_OK);
  CHECK(ended("edcba"));
  CHECK(rc_scope_keep(NULL, graph_node(type, 'x')) == NULL); /* none is open */
}

static void reset(void) {
  begin(NULL);
  rc_scope_mark outer = rc_scope_enter(NULL);
  (void)kept(NULL, 'o');
  rc_scope_mark loop = rc_scope_enter(NULL);
  for (char c = 'a'; c <= 'c'; c++) {
    (void)kept(NULL, c);
    CHECK_EQ(rc_scope_reset(NULL, loop), RC_OK);
  }
  CHECK(ended("abc"));
  CHECK_EQ(rc_scope_reset(NULL, outer), RC_ERR_INVALID); /* not the innermost */
  CHECK_EQ(rc_scope_reset(NULL, RC_SCOPE_NONE), RC_OK);
  (void)kept(NULL, 'd');
  CHECK_EQ(rc_scope_leave(NULL, loop), RC_OK);
  CHECK_EQ(rc_scope_reset(NULL, loop), RC_ERR_INVALID);
  CHECK(ended("abcd"));
  CHECK_EQ(rc_scope_leave(NULL, outer), RC_OK);
  CHECK(ended("abcdo"));
}

static void left_with_a_result(void) {
  begin(NULL);
  rc_scope_mark outer = rc_scope_enter(NULL);
  rc_scope_mark inner = rc_scope_enter(NULL);
  (void)kept(NULL, 'a');
  Node *result = kept(NULL, 'r');
  (void)kept(NULL, 'b');
  CHECK_EQ(rc_scope_leave_with(NULL, inner, result), RC_OK);
  CHECK(ended("ba"));
  CHECK_EQ(rc_count(result), 1); /* the scope around has it now */
  CHECK_EQ(rc_scope_leave(NULL, outer), RC_OK);
  CHECK(ended("bar"));
  outer = rc_scope_enter(NULL);
  result = kept(NULL, 'o');
  CHECK_EQ(rc_scope_leave_with(NULL, outer, result), RC_OK); /* no scope around: it is ours */
  CHECK(ended("bar"));
  CHECK_EQ(rc_count(result), 1);
  rc_decref(result);
  CHECK(ended("baro"));
}

/* What is not kept by the scope may be handed on too, and nothing may be. */
static void left_with_what_it_does_not_keep(void) {
  begin(NULL);
  Node *mine = graph_node(type, 'm');
  rc_scope_mark outer = rc_scope_enter(NULL), empty = rc_scope_enter(NULL);
  CHECK_EQ(rc_scope_leave_with(NULL, empty, mine), RC_OK);
  CHECK_EQ(rc_count(mine), 2);
  CHECK_EQ(rc_scope_leave_with(NULL, RC_SCOPE_NONE, mine), RC_OK); /* as of a scope that could not be entered */
  CHECK_EQ(rc_count(mine), 3);
  empty = rc_scope_enter(NULL);
  CHECK_EQ(rc_scope_leave_with(NULL, outer, mine), RC_ERR_INVALID);
  CHECK_EQ(rc_scope_leave_with(NULL, 12345, mine), RC_ERR_INVALID);
  CHECK_EQ(rc_count(mine), 3);
  CHECK_EQ(rc_scope_leave_with(NULL, empty, NULL), RC_OK);
  CHECK_EQ(rc_scope_leave_with(NULL, empty, NULL), RC_ERR_INVALID);
  CHECK_EQ(rc_scope_leave_with(NULL, outer, NULL), RC_OK);
  CHECK_EQ(rc_count(mine), 1);
  CHECK_EQ(rc_scope_leave_with(NULL, RC_SCOPE_NONE, mine), RC_OK); /* no scope around */
  CHECK_EQ(rc_count(mine), 2);
  rc_decref(mine), rc_decref(mine);
  CHECK(ended("m"));
}

/* ---- a block that ends before those inside it ---- */

static void blocks_that_end_in_the_wrong_order(void) {
  gc_heap *heap = graph_heap("blocks");
  begin(heap);
  char name[] = "first"; /* the block's own: gone when the scope is left at last */
  rc_scope_mark around = rc_scope_enter(heap), first = rc_scope_enter_named(heap, name);
  (void)kept(heap, 'a');
  rc_scope_mark second = rc_scope_enter_named(heap, "second");
  (void)kept(heap, 'b');
  rc_scope_mark third = rc_scope_enter(heap);
  check_log_start();
  rc_scope_end_block(heap, first);
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], 1);
  CHECK_STR(check_log.text, "RC_SCOPE");
  CHECK_STR(check_log.text, "first");
  memset(name, '!', sizeof name - 1);
  rc_scope_end_block(heap, second);
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], 2);
  CHECK(ended(""));
  rc_scope_end_block(heap, third);
  CHECK(ended("ba")); /* with the last of them all go */
  CHECK_EQ(rc_scope_leave(heap, first), RC_ERR_INVALID);
  rc_scope_end_block(heap, first);
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], 3); /* who has no status is told by the log */
  CHECK(strstr(check_log.text, "!!") == NULL);
  rc_scope_end_block(heap, around);
  rc_scope_end_block(heap, RC_SCOPE_NONE);
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], 3);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The result goes past scopes whose blocks have ended. */
static void result_past_a_block_that_has_ended(void) {
  begin(NULL);
  rc_scope_mark around = rc_scope_enter(NULL), over = rc_scope_enter(NULL), inner = rc_scope_enter(NULL);
  check_log_start();
  rc_scope_end_block(NULL, over);
  Node *result = kept(NULL, 'r');
  CHECK_EQ(rc_scope_leave_with(NULL, inner, result), RC_OK);
  CHECK(ended(""));
  CHECK_EQ(rc_count(result), 1);
  CHECK_EQ(rc_scope_leave(NULL, around), RC_OK);
  CHECK(ended("r"));
}

static void in_another_heap(void) {
  gc_heap *one = graph_heap("one"), *two = graph_heap("two");
  begin(one);
  rc_scope_mark first = rc_scope_enter(one);
  (void)kept(one, 'a');
  CHECK_EQ(rc_scope_leave(two, first), RC_ERR_INVALID);
  rc_scope_mark skip = rc_scope_enter(two);
  CHECK_EQ(rc_scope_leave(two, skip), RC_OK);
  rc_scope_mark second = rc_scope_enter(two);
  if (first != second) CHECK_EQ(rc_scope_leave(one, second), RC_ERR_INVALID);
  CHECK(ended(""));
  CHECK_EQ(rc_scope_leave(one, first), RC_OK);
  CHECK_EQ(rc_scope_leave(two, second), RC_OK);
  CHECK(ended("a"));
  CHECK_EQ(gc_heap_free(one), 0);
  CHECK_EQ(gc_heap_free(two), 0);
}

/* Marks of two heaps are told apart, also when both heaps opened their first scope. */
static void marks_of_two_heaps_differ(void) {
  gc_heap *one = graph_heap("one"), *two = graph_heap("two");
  rc_scope_mark first = rc_scope_enter(one), second = rc_scope_enter(two);
  CHECK_EQ(rc_scope_leave(two, first), RC_ERR_INVALID);
  CHECK_EQ(rc_scope_leave(one, second), RC_ERR_INVALID);
  CHECK_EQ(rc_scope_leave(one, first), RC_OK);
  CHECK_EQ(rc_scope_leave(two, second), RC_OK);
  CHECK_EQ(gc_heap_free(one), 0);
  CHECK_EQ(gc_heap_free(two), 0);
}

static void no_scope_is_left_with_none(void) {
  CHECK_EQ(rc_scope_leave(NULL, RC_SCOPE_NONE), RC_OK);
  CHECK_EQ(rc_scope_leave(NULL, 12345), RC_ERR_INVALID);
}

/* An object of another heap may be kept: the scope owns a reference, no more. */
static void object_of_another_heap(void) {
  gc_heap *one = graph_heap("one"), *two = graph_heap("two");
  begin(one);
  rc_scope_mark mark = rc_scope_enter(two);
  CHECK(kept(two, 'a') != NULL);
  CHECK_EQ(rc_scope_leave(two, mark), RC_OK);
  CHECK(ended("a"));
  CHECK_EQ(gc_heap_free(one), 0);
  CHECK_EQ(gc_heap_free(two), 0);
}

/* Scopes that are open when their heap ends release what they keep: nothing was held. */
static void open_at_the_end_of_the_heap(void) {
  gc_heap *heap = graph_heap("ending");
  begin(heap);
  CHECK(rc_scope_enter(heap) != RC_SCOPE_NONE);
  (void)kept(heap, 'a');
  CHECK(rc_scope_enter_named(heap, "inner") != RC_SCOPE_NONE);
  (void)kept(heap, 'b');
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK(ended("ba"));
}

/* ---- what dies in a scope's end may use scopes ---- */

static void keep_in_destroy(void *obj) {
  note_destroy(obj);
  if (((Node *)obj)->id != 'x') return;
  rc_scope_mark mark = rc_scope_enter(NULL);
  CHECK(mark != RC_SCOPE_NONE);
  (void)kept(NULL, 'i');
  CHECK_EQ(rc_scope_leave(NULL, mark), RC_OK);
  (void)kept(NULL, 'o'); /* in the one that is being left: released with it */
}

static void destroy_that_keeps(void) {
  begin(NULL);
  rc_type *plain = type;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Keeps", spec.size = sizeof(Node), spec.destroy = keep_in_destroy;
  rc_type *keeps = graph_type(NULL, &spec);
  rc_scope_mark mark = rc_scope_enter(NULL);
  (void)kept(NULL, 'a');
  CHECK(rc_scope_keep(NULL, graph_node(keeps, 'x')) != NULL);
  type = plain;
  CHECK_EQ(rc_scope_leave(NULL, mark), RC_OK);
  CHECK(ended("xioa"));
  CHECK_EQ(graph_live(NULL), 0);
}

/* A scope that is being left is not left once more, however that is tried, and the one around stays as it is. */
static struct {
  rc_scope_mark around, mark;
  rc_status left, unwound, unwound_around, reset, left_with;
} again;

static void leave_again(void *obj) {
  note_destroy(obj);
  if (((Node *)obj)->id != 'x') return;
  again.left = rc_scope_leave(NULL, again.mark);
  again.unwound = rc_scope_unwind(NULL, again.mark);
  again.unwound_around = rc_scope_unwind(NULL, again.around);
  again.reset = rc_scope_reset(NULL, again.mark);
  again.left_with = rc_scope_leave_with(NULL, again.mark, graph_node(type, 'y'));
  rc_scope_end_block(NULL, again.mark);
  (void)kept(NULL, 'k');
}

static void left_inside_its_own_leaving(void) {
  begin(NULL);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Again", spec.size = sizeof(Node), spec.destroy = leave_again;
  rc_type *leaver = graph_type(NULL, &spec);
  for (int how = 0; how < 5; how++) {
    order_used = 0;
    again.around = rc_scope_enter(NULL);
    (void)kept(NULL, 'o');
    again.mark = rc_scope_enter(NULL);
    (void)kept(NULL, 'a');
    CHECK(rc_scope_keep(NULL, graph_node(leaver, 'x')) != NULL);
    (void)kept(NULL, 'b');
    again.left = again.unwound = again.unwound_around = again.reset = again.left_with = RC_OK;
    check_log_start();
    switch (how) {
    case 0: CHECK_EQ(rc_scope_leave(NULL, again.mark), RC_OK); break;
    case 1: CHECK_EQ(rc_scope_unwind(NULL, again.mark), RC_OK); break;
    case 2: CHECK_EQ(rc_scope_reset(NULL, again.mark), RC_OK); break;
    case 3: CHECK_EQ(rc_scope_leave_with(NULL, again.mark, NULL), RC_OK); break;
    default: rc_scope_end_block(NULL, again.mark);
    }
    CHECK_EQ(again.left, RC_ERR_INVALID);
    CHECK_EQ(again.unwound, RC_ERR_INVALID);
    CHECK_EQ(again.unwound_around, RC_ERR_INVALID);
    CHECK_EQ(again.reset, RC_ERR_INVALID);
    CHECK_EQ(again.left_with, RC_ERR_INVALID);
    CHECK_STR(check_log.text, "is being left or reset");
    CHECK(ended("bxka"));
    if (how == 2) CHECK_EQ(rc_scope_leave(NULL, again.mark), RC_OK); /* it has stayed open */
    CHECK_EQ(rc_scope_leave(NULL, again.around), RC_OK); /* and so has this one */
    CHECK(ended("bxkao"));
  }
}

/* A callback that leaves the scope in which it was called, and enters another one. */
static void swap_scope(void *obj) {
  note_destroy(obj);
  if (((Node *)obj)->id != 'x') return;
  CHECK_EQ(rc_scope_leave(NULL, again.mark), RC_OK);
  CHECK(rc_scope_enter_named(NULL, "swapped") != RC_SCOPE_NONE);
  (void)kept(NULL, 'k');
}

static void entered_in_place_of_another_in_a_callback(void) {
  begin(NULL);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Swaps", spec.size = sizeof(Node), spec.destroy = swap_scope;
  rc_type *swaps = graph_type(NULL, &spec);
  rc_scope_mark around = rc_scope_enter(NULL);
  (void)kept(NULL, 'o');
  again.mark = rc_scope_enter(NULL);
  (void)kept(NULL, 'a');
  check_log_start();
  rc_decref(graph_node(swaps, 'x'));
  CHECK(ended("xak")); /* closed at the border, though as many are open there as before */
  CHECK_STR(check_log.text, "swapped");
  CHECK_EQ(rc_scope_leave(NULL, again.mark), RC_ERR_INVALID);
  CHECK_EQ(rc_scope_leave(NULL, around), RC_OK);
  CHECK(ended("xako"));
}

/* Callbacks of the heap's end may use scopes; what they took is given back. */
static void use_scope(void *obj) {
  gc_heap *heap = rc_heap_of(obj);
  rc_scope_mark mark = rc_scope_enter(heap);
  for (int i = 0; i < 100; i++) (void)kept(heap, 's');
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  CHECK(rc_scope_enter(heap) != RC_SCOPE_NONE);
}

static void used_while_the_heap_ends(void) {
  gc_heap *heap = graph_heap("ending");
  begin(heap);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Uses", spec.size = sizeof(Node), spec.destroy = use_scope;
  rc_type *uses = graph_type(heap, &spec);
  Node *held = graph_node(uses, 'h');
  CHECK(rc_scope_enter(heap) != RC_SCOPE_NONE);
  CHECK(rc_scope_keep(heap, graph_node(uses, 'x')) != NULL);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 1);
  CHECK(held != NULL && order_used == sizeof order - 1);
}

/* ---- RC_SCOPE and RC_AUTO ---- */

#ifdef RC_SCOPE

static int by_return(bool early) {
  RC_SCOPE(NULL);
  (void)kept(NULL, 'a');
  if (early) return 1;
  (void)kept(NULL, 'b');
  return 2;
}

static void left_by_return(void) {
  begin(NULL);
  CHECK_EQ(by_return(true), 1);
  CHECK(ended("a"));
  CHECK_EQ(by_return(false), 2);
  CHECK(ended("aba"));
}

static void left_by_break_and_continue(void) {
  begin(NULL);
  for (char c = 'a';; c++) {
    RC_SCOPE(NULL);
    (void)kept(NULL, c);
    if (c == 'b') continue;
    if (c == 'd') break;
    CHECK(order_used == (size_t)(c - 'a'));
  }
  CHECK(ended("abcd"));
}

static void left_by_goto(void) {
  begin(NULL);
  int round = 0;
again : {
  RC_SCOPE(NULL);
  (void)kept(NULL, (char)('a' + round));
  round++;
  if (round < 3) goto again;
  if (round == 3) goto out;
}
  CHECK(false);
out:
  CHECK(ended("abc"));
}

static void blocks_within_blocks(void) {
  begin(NULL);
  {
    RC_SCOPE(NULL);
    (void)kept(NULL, 'a');
    {
      RC_SCOPE_NAMED(NULL, "inner");
      (void)kept(NULL, 'b');
      RC_SCOPE(NULL); /* two in one block: left last in, first out */
      (void)kept(NULL, 'c');
    }
    CHECK(ended("cb"));
  }
  CHECK(ended("cba"));
}

static uint64_t by_auto(size_t n) {
  RC_AUTO Node *first = graph_node(type, 'a');
  for (size_t i = 0; i < n; i++) {
    RC_AUTO Node *second = graph_node(type, 'b');
    if (i == 1) continue;
    if (i == 2) break;
    first->b = rc_newref(second);
    rc_clear(&first->b);
  }
  RC_AUTO Node *none = NULL;
  CHECK(none == NULL);
  return first->id; /* read before it is released */
}

static void auto_releases_one_variable(void) {
  begin(NULL);
  CHECK_EQ(by_auto(5), 'a');
  CHECK(ended("bbba"));
  {
    RC_AUTO Node *node = graph_node(type, 'x');
    rc_setref(&node, graph_node(type, 'y')); /* what it points to then is released */
    CHECK(ended("bbbax"));
  }
  CHECK(ended("bbbaxy"));
  CHECK_EQ(graph_live(NULL), 0);
}

#endif

/* ---- left open in a callback ---- */

static void leave_open(void *obj) {
  note_destroy(obj);
  if (((Node *)obj)->id != 'x') return;
  CHECK(rc_scope_enter_named(NULL, "attic") != RC_SCOPE_NONE);
  (void)kept(NULL, 'k');
}

static void left_open_in_a_callback_is_closed_there(void) {
  begin(NULL);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Open", spec.size = sizeof(Node), spec.destroy = leave_open;
  rc_type *open = graph_type(NULL, &spec);
  check_log_start();
  rc_scope_mark mark = rc_scope_enter(NULL);
  (void)kept(NULL, 'a');
  rc_decref(graph_node(open, 'x'));
  CHECK(ended("xk"));
  CHECK_EQ(check_log.lines[GC_LOG_WARNING], 1);
  CHECK_STR(check_log.text, "attic");
  CHECK_EQ(rc_scope_leave(NULL, mark), RC_OK); /* the one around is as it was */
  CHECK(ended("xka"));
}

static const check_test tests[] = {
    CHECK_TEST(last_in_first_out),
    CHECK_TEST(nesting),
    CHECK_TEST(kept_objects_survive_collections),
    CHECK_TEST(keep_null_stays_null),
    CHECK_TEST(keep_without_a_scope_releases),
    CHECK_TEST(one_object_kept_many_times),
    CHECK_TEST(deep_and_wide),
    CHECK_TEST(left_twice),
    CHECK_TEST(out_of_order),
    CHECK_TEST(out_of_order_is_said),
    CHECK_TEST(unwound),
    CHECK_TEST(reset),
    CHECK_TEST(left_with_a_result),
    CHECK_TEST(left_with_what_it_does_not_keep),
    CHECK_TEST(blocks_that_end_in_the_wrong_order),
    CHECK_TEST(result_past_a_block_that_has_ended),
    CHECK_TEST(in_another_heap),
    CHECK_TEST(marks_of_two_heaps_differ),
    CHECK_TEST(no_scope_is_left_with_none),
    CHECK_TEST(object_of_another_heap),
    CHECK_TEST(open_at_the_end_of_the_heap),
    CHECK_TEST(destroy_that_keeps),
    CHECK_TEST(left_inside_its_own_leaving),
    CHECK_TEST(entered_in_place_of_another_in_a_callback),
    CHECK_TEST(used_while_the_heap_ends),
#ifdef RC_SCOPE
    CHECK_TEST(left_by_return),
    CHECK_TEST(left_by_break_and_continue),
    CHECK_TEST(left_by_goto),
    CHECK_TEST(blocks_within_blocks),
    CHECK_TEST(auto_releases_one_variable),
#endif
    CHECK_TEST(left_open_in_a_callback_is_closed_there),
};

CHECK_MAIN(tests)
