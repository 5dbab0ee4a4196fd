/* A small runtime on rcgc: what an interpreter wants beside types and counts.
 *
 *   RC_TYPE_CTX           callbacks are given their runtime
 *   RC_TYPE_HOST_LENGTH,  strings that keep their own length, grown in place
 *   RC_TYPE_UNINIT          while their block has room (rc_resize, rc_room)
 *   RC_STATIC             `nil` is a static variable that slots may hold
 *   scopes                each statement's temporaries end with it
 *   full_min_bytes        a small heap looks for rings early
 *   rc_new_at             a profile names lines of the script, not of this file
 *
 * The script below makes strings, appends to one, and drops a list that refers to itself. */
#include <rcgc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Text {
  uint32_t length;
  char bytes[];
} Text;

typedef struct Pair {
  void *first, *rest; /* a Text, a Pair, or nil */
} Pair;

/* One line of a script: what it does, and the place that a profile shows. */
typedef struct Line {
  enum { MAKE, APPEND, LIST, CLOSE, DROP } what;
  int variable;
  const char *text;
  rc_site site;
} Line;

typedef struct Runtime {
  gc_heap *heap;
  rc_type *texts, *pairs;
  Line *at; /* the line that is being run */
  void *variables[2];
  size_t pairs_ended;
} Runtime;

/* A static constant: no heap is asked for it, and counting it costs nothing. */
#ifdef RC_STATIC
RC_STATIC(Pair, nil_constant) = {NULL, NULL};
static void *nil = &nil_constant;
#else /* a compiler without the macro: an immortal object */
static void *nil;
#endif

static void check(const Runtime *runtime, rc_status status) {
  if (status == RC_OK) return;
  fprintf(stderr, "%s\n", gc_error_message(runtime->heap));
  exit(1);
}

/* ---- types ---- */

/* With RC_TYPE_CTX the last parameter is the type's ctx: here the runtime. */
static void pair_destroy(void *obj, void *ctx) {
  Runtime *runtime = ctx;
  (void)obj;
  runtime->pairs_ended++;
}

static void make_types(Runtime *runtime) {
  static const rc_field fields[] = {RC_FIELD(Pair, first), RC_FIELD(Pair, rest)};
  rc_type_spec text = RC_TYPE_SPEC_INIT, pair = RC_TYPE_SPEC_INIT;
  text.name = "Text", text.size = offsetof(Text, bytes), text.tail_size = 1;
  text.flags = RC_TYPE_HOST_LENGTH | RC_TYPE_UNINIT;
  pair.name = "Pair", pair.size = sizeof(Pair), pair.flags = RC_TYPE_CTX;
  pair.fields = fields, pair.field_count = RC_COUNT_OF(fields);
  pair.destroy_ctx = pair_destroy, pair.ctx = runtime;
  check(runtime, rc_type_new(runtime->heap, &text, &runtime->texts));
  check(runtime, rc_type_new(runtime->heap, &pair, &runtime->pairs));
#ifndef RC_STATIC
  nil = rc_new(runtime->pairs);
  if (!nil) exit(1);
  rc_immortalize(nil);
#endif
}

/* ---- values ---- */

/* Everything is made through these two; the site is that of the script's line. */
static Text *new_text(Runtime *runtime, const char *from) {
  size_t length = strlen(from);
  Text *text = rc_new_array_at(runtime->texts, length, &runtime->at->site);
  if (!text) exit(1);
  text->length = (uint32_t)length;
  memcpy(text->bytes, from, length);
  return text;
}

static Pair *new_pair(Runtime *runtime, void *first, void *rest) {
  Pair *pair = rc_new_at(runtime->pairs, &runtime->at->site);
  if (!pair) exit(1);
  pair->first = rc_newref(first);
  pair->rest = rc_newref(rest);
  return pair;
}

/* In place as long as the block has room; else it moves, with all that is known of it. */
static void append(Runtime *runtime, void *slot, const char *more) {
  size_t length = strlen(more);
  Text *text;
  memcpy(&text, slot, sizeof text);
  if (offsetof(Text, bytes) + text->length + length > rc_room(text)) {
    check(runtime, rc_resize(slot, 2 * (text->length + length)));
    memcpy(&text, slot, sizeof text);
  }
  memcpy(text->bytes + text->length, more, length);
  text->length += (uint32_t)length;
}

/* ---- running a script ---- */

static void run_line(Runtime *runtime, Line *line) {
  void **variable = &runtime->variables[line->variable];
  rc_scope_mark mark = rc_scope_enter(runtime->heap); /* inline, like keeping and leaving */
  runtime->at = line;
  switch (line->what) {
  case MAKE: rc_setref(variable, new_text(runtime, line->text)); break;
  case APPEND: append(runtime, variable, line->text); break;
  case LIST: { /* a temporary, which dies with the line unless the list keeps it */
    void *text = rc_scope_keep(runtime->heap, new_text(runtime, line->text));
    rc_setref(variable, new_pair(runtime, text, *variable));
    break;
  }
  case CLOSE: { /* the list's end refers to its beginning: a ring */
    Pair *last = *variable;
    while (last->rest != nil) last = last->rest;
    rc_setref(&last->rest, rc_newref(*variable));
    break;
  }
  case DROP: rc_setref(variable, nil); break;
  }
  check(runtime, rc_scope_leave(runtime->heap, mark));
}

#define LINE(number, what, variable, text) \
  { what, variable, text, {"shopping.script", "main", number, 0} }

static Line script[] = {
    LINE(1, MAKE, 0, "apples"),      LINE(2, APPEND, 0, ", pears"), LINE(3, APPEND, 0, " and a very long cucumber"),
    LINE(4, LIST, 1, "apples"),      LINE(5, LIST, 1, "pears"),     LINE(6, CLOSE, 1, NULL),
    LINE(7, DROP, 1, NULL),
};

int main(void) {
  Runtime runtime = {0};
  gc_policy policy = GC_POLICY_INIT;
  if (gc_heap_new(NULL, &runtime.heap) != RC_OK) return 1;
  policy.full_min_bytes = 256 << 10; /* a script is small: rings are found before it has taken much more */
  check(&runtime, gc_set_policy(runtime.heap, &policy));
  check(&runtime, gc_add_external_bytes(runtime.heap, sizeof script)); /* what it allocates beside the heap */
  make_types(&runtime);
  check(&runtime, gc_profile_start(runtime.heap, NULL));
  for (size_t i = 0; i < RC_COUNT_OF(runtime.variables); i++) runtime.variables[i] = nil;

  for (size_t i = 0; i < RC_COUNT_OF(script); i++) run_line(&runtime, &script[i]);

  const Text *text = runtime.variables[0];
  gc_origin origin = GC_ORIGIN_INIT;
  check(&runtime, gc_object_site(runtime.variables[0], &origin));
  printf("%.*s: made at %s:%u\n", (int)text->length, text->bytes, origin.file, origin.line);
  printf("collected: %zu objects in a ring", gc_collect(runtime.heap));
  printf(", %zu pairs told their runtime\n", runtime.pairs_ended);
  for (size_t i = 0; i < RC_COUNT_OF(runtime.variables); i++) rc_decref(runtime.variables[i]);
  printf("Still held when the heap ends: %zu\n", gc_heap_free(runtime.heap));
  return 0;
}
