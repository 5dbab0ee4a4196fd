/* port.h: QuickJS on rcgc. What a runtime keeps for its heap; the code is in port.c.
 *
 * Included by quickjs.c before its runtime struct. All counted things of QuickJS are objects of one heap a
 * runtime: their counts lie where QuickJS had its own, in the 8 bytes before the struct. Property arrays and
 * tables stay with js_malloc. */
#ifndef RCGC_PORT_QUICKJS_H
#define RCGC_PORT_QUICKJS_H

#include <rcgc.h>

/* The kinds of things that are no JS objects. Those have a type for each JS class. */
typedef enum {
    PORT_STRING,
    PORT_ROPE,
    PORT_BIG_INT,
    PORT_SHAPE,
    PORT_BYTECODE,
    PORT_VAR_REF,
    PORT_ASYNC_FRAME,
    PORT_CONTEXT,
    PORT_MODULE,
    PORT_KINDS,
} PortKind;

/* The most properties that lie inside their object; others are a block of js_malloc. */
#define PORT_INLINE_MAX 8

/* For what is a few instructions, everywhere. */
#define port_inline inline __attribute__((always_inline))

/* How many shapes are kept for the next object, and the most properties such a shape has. */
#define PORT_KEPT_SHAPES 256
#define PORT_KEPT_PROPS 8

/* The `ctx` of a type. */
typedef struct PortType {
    JSRuntime *rt;
    int gc_type; /* JSGCObjectTypeEnum, or -1 */
} PortType;

typedef struct Port {
    gc_heap *heap;
    rc_type *kinds[PORT_KINDS];
    PortType kind_types[PORT_KINDS], object_type;
    rc_type *(*classes)[PORT_INLINE_MAX + 1]; /* by class id and properties inside; made with the first object */
    int class_room;
    /* The traversal that runs, for JS_MarkFunc, which has no ctx. */
    rc_visit_fn visit;
    void *visit_ctx;
    int visited;
    JSShape *kept_shapes[PORT_KEPT_SHAPES];
    int next_kept;
    bool is_large; /* the heap */
    uint64_t pace; /* bytes between collections, as they find much or little */
    /* Of names.c. */
    bool all_edges; /* a profile runs: strings are edges too, and edges have names */
    bool leaves;    /* the heap is not freed, for the profile that is written at exit */
    struct PortSites *sites;
    char **names; /* by atom */
    uint32_t name_room;
    struct PortNamed *named[256];
    int named_count;
    JSAtom function_name; /* of the function that is being made */
    JSContext *marked;    /* the context that is being traversed, */
    const char *mark_name; /* or the name of all edges of something else that is */
    int until_look; /* objects to be made before the next look at the triggers */
    size_t look_at; /* bytes of js_malloc at which to look sooner */
    int empty_blocks; /* of js_malloc, kept */
    size_t told;    /* bytes of js_malloc that the heap knows of */
    size_t limit;   /* of JS_SetMemoryLimit, over both allocators; 0: none */
    bool collect_always, verify, say_held;
    gc_iter walk;
} Port;

/* Every object that lives, in the order of memory. */
#define PORT_EACH_OBJECT(rt, gp)                                                                     \
    for (JSGCObjectHeader *gp = port_walk(rt, true); gp; gp = port_walk(rt, false))

static void port_atom_gone(JSRuntime *rt, uint32_t atom);
static void port_is_helper(JSRuntime *rt);
static void port_context_made(JSContext *ctx);
static bool port_leaves(JSRuntime *rt);
static bool port_keeps_block(JSRuntime *rt);
static void port_block_used(JSRuntime *rt);
static void port_free_last(JSRuntime *rt, JSValue v);
static int port_begin(JSRuntime *rt);
static bool port_end(JSRuntime *rt);
static void port_look(JSRuntime *rt, size_t size);
static void port_after(JSRuntime *rt);
static void port_set_threshold(JSRuntime *rt, size_t bytes);
static bool port_has_room(JSRuntime *rt, size_t size);
static int port_gc_type(const void *p);
static JSGCObjectHeader *port_walk(JSRuntime *rt, bool first);
static void port_usage(JSRuntime *rt, JSMemoryUsage *s);
static bool port_is_edge(JSRuntime *rt, JSValueConst val);
static uint32_t port_address_hash(const void *p);

static void *port_new_rt(JSRuntime *rt, PortKind kind);
static void *port_new(JSContext *ctx, PortKind kind);
static void *port_string_new(JSRuntime *rt, size_t bytes);
static void *port_string_resize(JSContext *ctx, JSString *str, size_t bytes);
static void *port_string_fit(JSRuntime *rt, JSString *str, size_t bytes);
static void *port_big_int_new(JSContext *ctx, int len);
static void *port_big_int_resize(JSContext *ctx, void *obj, size_t bytes);
static void *port_shape_new(JSContext *ctx, size_t bytes);
static void *port_shape_resize(JSContext *ctx, void *shape, size_t bytes);
static JSShape *port_first_shape(JSContext *ctx, JSObject *proto);
static void port_shape_keep(JSRuntime *rt, JSShape *sh);
static void port_shapes_forget(JSRuntime *rt);
static void port_shape_drop(JSShape *sh);
static void *port_bytecode_new(JSContext *ctx, size_t bytes);
static void *port_object_new(JSContext *ctx, int class_id, JSShape *sh);
static struct JSProperty *port_props_new(JSContext *ctx, JSObject *p, int count);
static struct JSProperty *port_props_resize(JSContext *ctx, JSObject *p, uint32_t count);
static void port_object_drop(void *obj);

#endif /* RCGC_PORT_QUICKJS_H */
