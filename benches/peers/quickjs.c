/* quickjs.c: objects of QuickJS through its C API: a native class whose opaque struct holds the references.
 *
 * A handle is the object's address; JS_MKPTR makes the engine's value of it. Nothing is interpreted.
 */
#include "../micro/bench.h"

#include <quickjs.h>

typedef void *Ref;
typedef Ref Borrowed;

typedef struct Node {
  Ref left, right;
  uint64_t value;
} Node;

#define MOVE(ref) (ref)
#define PEER_OPAQUE BENCH_OPAQUE
#define PEER_NO_THREADS "its counts are not atomic"
#define PEER_LIVE_IS_CHEAP
#define PEER_AUTOMATIC switch_automatic

enum { THRESHOLD_BYTES = 256 * 1024 }; /* the engine's default */

static JSRuntime *runtime;
static JSContext *context;
static JSClassID node_class;
static size_t nodes_made, nodes_destroyed;

static inline JSValue value_of(Ref ref) {
  return JS_MKPTR(JS_TAG_OBJECT, ref);
}

static inline Node *node_of(Ref ref) {
  return JS_GetOpaque(value_of(ref), node_class);
}

static void node_finalizer(JSRuntime *of, JSValueConst value) {
  Node *node = JS_GetOpaque(value, node_class);
  if (node->left != NULL) JS_FreeValueRT(of, value_of(node->left));
  if (node->right != NULL) JS_FreeValueRT(of, value_of(node->right));
  js_free_rt(of, node);
  nodes_destroyed++;
}

static void node_mark(JSRuntime *of, JSValueConst value, JS_MarkFunc *mark) {
  Node *node = JS_GetOpaque(value, node_class);
  if (node->left != NULL) JS_MarkValue(of, value_of(node->left), mark);
  if (node->right != NULL) JS_MarkValue(of, value_of(node->right), mark);
}

/* An object of a class with an opaque struct of zeros. Nothing is marked between the two allocations. */
static Ref object_new(JSClassID class_id, size_t bytes) {
  JSValue value = JS_NewObjectProtoClass(context, JS_NULL, class_id);
  void *opaque = js_mallocz(context, bytes);
  if (JS_IsException(value) || opaque == NULL) bench_fail("no memory for an object");
  JS_SetOpaque(value, opaque);
  return JS_VALUE_GET_PTR(value);
}

static Ref ref_new(uint64_t value) {
  Ref ref = object_new(node_class, sizeof(Node));
  node_of(ref)->value = value;
  nodes_made++;
  return ref;
}

static inline Ref ref_copy(Ref ref) {
  BENCH_OPAQUE(ref);
  return JS_VALUE_GET_PTR(JS_DupValue(context, value_of(ref)));
}

static inline void ref_drop(Ref *ref) {
  JS_FreeValue(context, value_of(*ref));
}

#define ref_drop_shared ref_drop

static inline bool ref_is_null(Ref ref) {
  return ref == NULL;
}

static inline Ref left(Ref ref) {
  return node_of(ref)->left;
}

static inline Ref right(Ref ref) {
  return node_of(ref)->right;
}

static inline void set_left(Ref ref, Ref owned) {
  node_of(ref)->left = owned;
}

static inline void set_right(Ref ref, Ref owned) {
  node_of(ref)->right = owned;
}

static inline void slot_set(Ref *slot, Ref owned) {
  Ref before = *slot;
  *slot = owned;
  if (before != NULL) JS_FreeValue(context, value_of(before));
}

static void switch_automatic(bool on) {
  JS_SetGCThreshold(runtime, on ? THRESHOLD_BYTES : SIZE_MAX);
}

static JSClassID class_new(const JSClassDef *definition) {
  JSClassID class_id = 0;
  JS_NewClassID(runtime, &class_id);
  if (JS_NewClass(runtime, class_id, definition) < 0) bench_fail("the class is refused");
  return class_id;
}

static void peer_open(void) {
  runtime = JS_NewRuntime();
  context = runtime == NULL ? NULL : JS_NewContext(runtime);
  if (context == NULL) bench_fail("no memory for the engine");
  JSClassDef definition = {.class_name = "Node", .finalizer = node_finalizer, .gc_mark = node_mark};
  node_class = class_new(&definition);
}

static size_t peer_live(void) {
  return nodes_made - nodes_destroyed;
}

static void peer_collect(void) {
  JS_RunGC(runtime);
}

static void peer_close(void) {
  if (peer_live() != 0) bench_fail("%zu nodes are left", peer_live());
}

/* ---- W12: crates are objects whose struct is their opaque one, texts are strings of JavaScript's ---- */

#define Text void
#define CRATE_HEAD Ref object;
#define GRAPH_HEAD
#include "graph.h"

static JSClassID crate_class;
static Crate *dead; /* linked by their first pointers */

static void crates_free(JSRuntime *of, Crates *crates) {
  for (uint32_t i = 0; i < crates->used; i++) JS_FreeValueRT(of, value_of(crates->items[i]->object));
  js_free_rt(of, crates->items);
}

/* Others that die with it still ask its struct for its object, so that one is freed later. */
static void crate_finalizer(JSRuntime *of, JSValueConst value) {
  Crate *crate = JS_GetOpaque(value, crate_class);
  crates_free(of, &crate->needs);
  crates_free(of, &crate->needed_by);
  JS_FreeValueRT(of, JS_MKPTR(JS_TAG_STRING, crate->name));
  JS_FreeValueRT(of, JS_MKPTR(JS_TAG_STRING, crate->version));
  crate->name = dead;
  dead = crate;
}

static void crates_mark(JSRuntime *of, const Crates *crates, JS_MarkFunc *mark) {
  for (uint32_t i = 0; i < crates->used; i++) JS_MarkValue(of, value_of(crates->items[i]->object), mark);
}

static void crate_mark(JSRuntime *of, JSValueConst value, JS_MarkFunc *mark) {
  Crate *crate = JS_GetOpaque(value, crate_class);
  crates_mark(of, &crate->needs, mark);
  crates_mark(of, &crate->needed_by, mark);
}

static Text *text_new(const char *bytes, size_t length) {
  JSValue value = JS_NewStringLen(context, bytes, length);
  if (JS_VALUE_GET_TAG(value) != JS_TAG_STRING) bench_fail("no memory for a text");
  return JS_VALUE_GET_PTR(value);
}

static Text *text_keep(Text *text) {
  return JS_VALUE_GET_PTR(JS_DupValue(context, JS_MKPTR(JS_TAG_STRING, text)));
}

static const char *text_bytes(const Text *text) {
  static char bytes[sizeof(PlannedText)];
  const char *found = JS_ToCString(context, JS_MKPTR(JS_TAG_STRING, (void *)text));
  if (found == NULL) bench_fail("no memory for a text");
  snprintf(bytes, sizeof bytes, "%s", found);
  JS_FreeCString(context, found);
  return bytes;
}

static size_t text_length(const Text *text) {
  return strlen(text_bytes(text));
}

static Crate *crate_new(void) {
  Ref object = object_new(crate_class, sizeof(Crate));
  Crate *crate = JS_GetOpaque(value_of(object), crate_class);
  crate->object = object;
  return crate;
}

static Crate *crate_keep(Crate *crate) {
  (void)JS_DupValue(context, value_of(crate->object));
  return crate;
}

static void crate_put(Crate **slot, Crate *owned) {
  Crate *before = *slot;
  *slot = owned;
  if (before != NULL) JS_FreeValue(context, value_of(before->object));
}

static void crate_replaced(Crate *crate) {
  (void)crate; /* dead by its count */
}

static void free_the_dead(void) {
  while (dead != NULL) {
    Crate *crate = dead;
    dead = crate->name;
    js_free(context, crate);
  }
}

static Graph *graph_new(void) {
  if (crate_class == 0) {
    JSClassDef definition = {.class_name = "Crate", .finalizer = crate_finalizer, .gc_mark = crate_mark};
    crate_class = class_new(&definition);
  }
  free_the_dead();
  Graph *graph = js_mallocz(context, sizeof *graph);
  if (graph == NULL) bench_fail("no memory for a graph");
  return graph;
}

static void graph_drop(Graph *graph) {
  for (size_t i = 0; i < CRATES; i++) JS_FreeValue(context, value_of(graph->crates[i]->object));
  js_free(context, graph);
}

static void *buffer_grow(void *buffer, size_t bytes_before, size_t bytes) {
  (void)bytes_before;
  return js_realloc(context, buffer, bytes);
}

#include "workloads.h"
