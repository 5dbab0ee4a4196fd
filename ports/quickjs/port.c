/* port.c: the types of the port, their callbacks, and how things are made, grown and counted.
 *
 * Included by quickjs.c where its garbage collector was.
 *
 * The order of an end (rcgc.h): in a ring every `clear` runs before any `destroy`, and no memory is used
 * again before both are over. So the `clear` of an object may read its shape, whose own references the
 * engine has emptied by then: a shape keeps its property names until `destroy`. Strings and big integers
 * have no callbacks: what a string refers to is released with its last reference (js_free_string0).
 */

#define PORT_VISIT(reference)                                                                        \
    do {                                                                                             \
        int stop_ = visit((reference), visit_ctx);                                                   \
        if (stop_)                                                                                   \
            return stop_;                                                                            \
    } while (0)

/* Callbacks take the `ctx` of their type. */
#define PORT_CTX void *type_ctx
#define PORT_RT (((PortType *)type_ctx)->rt)

static void js_async_function_terminate(JSRuntime *rt, JSAsyncFunctionData *s);
static int find_line_num(JSContext *ctx, JSFunctionBytecode *b, uint32_t pc_value, int *col);
static void free_bytecode_atoms(JSRuntime *rt, const uint8_t *bc_buf, int bc_len, bool use_short_opcodes);

/* Without what only uses the room that rcgc leaves (docs/ports.md), to measure what rcgc itself brings. */
#ifdef PORT_PLAIN
#define PORT_IS_PLAIN true
#else
#define PORT_IS_PLAIN false
#endif

/* Edges. */

static inline bool port_is_edge(JSRuntime *rt, JSValueConst val)
{
    int tag = JS_VALUE_GET_TAG(val);

    if (tag == JS_TAG_OBJECT || tag == JS_TAG_FUNCTION_BYTECODE || tag == JS_TAG_MODULE)
        return true;
    return unlikely(rt->port.all_edges) && JS_VALUE_HAS_REF_COUNT(val);
}

static const char *port_context_name(JSContext *ctx, JSGCObjectHeader *gp);
static int port_named_traverse(JSRuntime *rt, JSObject *p, rc_visit_fn visit, void *visit_ctx);

/* The JS_MarkFunc of all traversals. */
static void port_mark(JSRuntime *rt, JSGCObjectHeader *gp)
{
    Port *port = &rt->port;

    if (port->visited)
        return;
    if (unlikely(port->all_edges))
        port->visited = rc_visit_named(port->visit, port->visit_ctx, gp,
                                       port->marked ? port_context_name(port->marked, gp) : port->mark_name, RC_NO_INDEX);
    else
        port->visited = port->visit(gp, port->visit_ctx);
}

static void port_marks_begin(JSRuntime *rt, rc_visit_fn visit, void *visit_ctx)
{
    rt->port.visit = visit;
    rt->port.visit_ctx = visit_ctx;
    rt->port.visited = 0;
}

/* Open variables of plain frames are no edges: their frame runs, so nothing of it is garbage. */
static inline bool port_var_ref_counts(JSRuntime *rt, JSVarRef *var_ref)
{
    return var_ref && (var_ref->is_detached || var_ref->is_coro || rt->port.all_edges);
}

static int port_property_traverse(JSRuntime *rt, JSProperty *pr, int flags, rc_visit_fn visit, void *visit_ctx)
{
    switch (flags & JS_PROP_TMASK) {
    case JS_PROP_GETSET:
        PORT_VISIT(pr->u.getset.getter);
        PORT_VISIT(pr->u.getset.setter);
        break;
    case JS_PROP_VARREF:
        if (port_var_ref_counts(rt, pr->u.var_ref))
            PORT_VISIT(pr->u.var_ref);
        break;
    case JS_PROP_AUTOINIT:
        PORT_VISIT(js_autoinit_get_realm(pr));
        break;
    }
    return 0;
}

static int port_values_traverse(JSRuntime *rt, JSValue *values, uint32_t count, rc_visit_fn visit, void *visit_ctx)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        if (port_is_edge(rt, values[i]))
            PORT_VISIT(JS_VALUE_GET_PTR(values[i]));
    }
    return 0;
}

static int port_closure_traverse(JSRuntime *rt, JSObject *p, rc_visit_fn visit, void *visit_ctx)
{
    JSFunctionBytecode *b = p->u.func.function_bytecode;
    JSVarRef **var_refs = p->u.func.var_refs;
    int i;

    PORT_VISIT(p->u.func.home_object);
    if (!b)
        return 0;
    PORT_VISIT(b);
    for (i = 0; var_refs && i < b->closure_var_count; i++) {
        if (port_var_ref_counts(rt, var_refs[i]))
            PORT_VISIT(var_refs[i]);
    }
    return 0;
}

/* The values of weak maps hang on their keys: an entry lives while its key does. */
static int port_weak_values_traverse(JSRuntime *rt, JSObject *p, rc_visit_fn visit, void *visit_ctx)
{
    JSWeakRefRecord *wr;

    for (wr = p->first_weak_ref; wr; wr = wr->next_weak_ref) {
        if (wr->kind == JS_WEAK_REF_KIND_MAP && port_is_edge(rt, wr->u.map_record->value))
            PORT_VISIT(JS_VALUE_GET_PTR(wr->u.map_record->value));
    }
    return 0;
}

/* What the class's own gc_mark reports. */
static int port_marked_traverse(JSRuntime *rt, JSObject *p, rc_visit_fn visit, void *visit_ctx)
{
    JSClassGCMark *gc_mark = rt->class_array[p->class_id].gc_mark;

    if (!gc_mark)
        return 0;
    port_marks_begin(rt, visit, visit_ctx);
    gc_mark(rt, JS_MKPTR(JS_TAG_OBJECT, p), port_mark);
    return rt->port.visited;
}

static int port_object_traverse(void *obj, rc_visit_fn visit, void *visit_ctx, PORT_CTX)
{
    JSRuntime *rt = PORT_RT;
    JSObject *p = obj;
    JSShape *sh = p->shape;
    JSShapeProperty *prs;
    JSProperty *pr = p->prop;
    int i, stop;

    if (unlikely(!pr))
        return 0; /* not finished */
    if (unlikely(rt->port.all_edges))
        return port_named_traverse(rt, p, visit, visit_ctx);
    prs = get_shape_prop(sh);
    PORT_VISIT(sh);
    for (i = 0; i < sh->prop_count; i++, pr++, prs++) {
        if (likely(!(prs->flags & JS_PROP_TMASK))) {
            if (port_is_edge(rt, pr->u.value) && prs->atom != JS_ATOM_NULL)
                PORT_VISIT(JS_VALUE_GET_PTR(pr->u.value));
        } else if (prs->atom != JS_ATOM_NULL) {
            stop = port_property_traverse(rt, pr, prs->flags, visit, visit_ctx);
            if (stop)
                return stop;
        }
    }
    if (unlikely(p->first_weak_ref)) {
        stop = port_weak_values_traverse(rt, p, visit, visit_ctx);
        if (stop)
            return stop;
    }
    switch (p->class_id) {
    case JS_CLASS_OBJECT:
        return 0;
    case JS_CLASS_ARRAY:
        return port_values_traverse(rt, p->u.array.u.values, p->u.array.count, visit, visit_ctx);
    case JS_CLASS_BYTECODE_FUNCTION:
        return port_closure_traverse(rt, p, visit, visit_ctx);
    }
    return port_marked_traverse(rt, p, visit, visit_ctx);
}

static int port_bytecode_traverse(void *obj, rc_visit_fn visit, void *visit_ctx, PORT_CTX)
{
    JSFunctionBytecode *b = obj;

    PORT_VISIT(b->realm);
    return port_values_traverse(PORT_RT, b->cpool, b->cpool_count, visit, visit_ctx);
}

static int port_var_ref_traverse(void *obj, rc_visit_fn visit, void *visit_ctx, PORT_CTX)
{
    JSVarRef *var_ref = obj;

    if (var_ref->is_detached && unlikely(PORT_RT->port.all_edges))
        return JS_VALUE_HAS_REF_COUNT(var_ref->value) ?
               rc_visit_named(visit, visit_ctx, JS_VALUE_GET_PTR(var_ref->value), "value", RC_NO_INDEX) : 0;
    if (var_ref->is_detached)
        return port_values_traverse(PORT_RT, &var_ref->value, 1, visit, visit_ctx);
    if (var_ref->is_coro)
        PORT_VISIT(var_ref->stack_frame->cur_gc_obj);
    return 0;
}

static int port_async_frame_traverse(void *obj, rc_visit_fn visit, void *visit_ctx, PORT_CTX)
{
    JSRuntime *rt = PORT_RT;
    JSAsyncFunctionData *s = obj;

    port_marks_begin(rt, visit, visit_ctx);
    if (s->is_active)
        async_func_mark(rt, &s->func_state, port_mark);
    JS_MarkValue(rt, s->resolving_funcs[0], port_mark);
    JS_MarkValue(rt, s->resolving_funcs[1], port_mark);
    return rt->port.visited;
}

static int port_context_traverse(void *obj, rc_visit_fn visit, void *visit_ctx, PORT_CTX)
{
    JSRuntime *rt = PORT_RT;

    port_marks_begin(rt, visit, visit_ctx);
    rt->port.marked = rt->port.all_edges ? obj : NULL;
    JS_MarkContext(rt, obj, port_mark);
    rt->port.marked = NULL;
    return rt->port.visited;
}

static int port_module_traverse(void *obj, rc_visit_fn visit, void *visit_ctx, PORT_CTX)
{
    JSRuntime *rt = PORT_RT;

    port_marks_begin(rt, visit, visit_ctx);
    rt->port.mark_name = "(module's)";
    js_mark_module_def(rt, obj, port_mark);
    rt->port.mark_name = NULL;
    return rt->port.visited;
}

/* Ends. */

static inline JSProperty *port_inline_props(JSObject *p)
{
    return (JSProperty *)(p + 1);
}

static void port_places_forget(JSRuntime *rt);

static void port_object_clear(void *obj, PORT_CTX)
{
    JSRuntime *rt = PORT_RT;
    JSObject *p = obj;
    JSShape *sh = p->shape;
    JSProperty *prop = p->prop;
    JSClassFinalizer *finalizer;

    p->free_mark = 1;
    if (likely(sh)) {
        JSShapeProperty *prs = get_shape_prop(sh);
        JSProperty *pr = prop;
        int i;

        for (i = 0; i < sh->prop_count; i++, pr++, prs++)
            free_property(rt, pr, prs->flags);
        p->shape = NULL;
        p->prop = NULL;
        if (prop != port_inline_props(p))
            js_free_rt(rt, prop);
        rc_decref(sh);
    }
    if (unlikely(p->first_weak_ref))
        reset_weak_ref(rt, &p->first_weak_ref);
    finalizer = rt->class_array[p->class_id].finalizer;
    if (finalizer)
        finalizer(rt, JS_MKPTR(JS_TAG_OBJECT, p));
    /* Finalizers of the same ring may still look at it. */
    p->class_id = 0;
    memset(&p->u, 0, sizeof(p->u));
}

static void port_shape_destroy(void *obj, PORT_CTX)
{
    JSRuntime *rt = PORT_RT;
    JSShape *sh = obj;
    JSShapeProperty *prs = get_shape_prop(sh);
    int i;

    if (sh->is_hashed)
        js_shape_hash_unlink(rt, sh);
    for (i = 0; i < sh->prop_count; i++)
        JS_FreeAtomRT(rt, prs[i].atom);
}

static void port_bytecode_clear(void *obj, PORT_CTX)
{
    JSRuntime *rt = PORT_RT;
    JSFunctionBytecode *b = obj;
    int i;

    port_places_forget(rt);

    if (b->byte_code_buf)
        free_bytecode_atoms(rt, b->byte_code_buf, b->byte_code_len, true);
    for (i = 0; b->vardefs && i < b->arg_count + b->var_count; i++)
        JS_FreeAtomRT(rt, b->vardefs[i].var_name);
    for (i = 0; b->closure_var && i < b->closure_var_count; i++)
        JS_FreeAtomRT(rt, b->closure_var[i].var_name);
    for (i = 0; b->cpool && i < b->cpool_count; i++)
        JS_FreeValueRT(rt, b->cpool[i]);
    rc_xdecref(b->realm);
    JS_FreeAtomRT(rt, b->func_name);
    JS_FreeAtomRT(rt, b->filename);
    js_free_rt(rt, b->pc2line_buf);
    js_free_rt(rt, b->source);
}

static void port_var_ref_clear(void *obj, PORT_CTX)
{
    JSVarRef *var_ref = obj;

    if (var_ref->is_detached) {
        JS_FreeValueRT(PORT_RT, var_ref->value);
        var_ref->value = JS_UNDEFINED;
    } else if (var_ref->stack_frame) {
        JSStackFrame *sf = var_ref->stack_frame;

        sf->var_refs[var_ref->var_ref_idx] = NULL;
        if (var_ref->is_coro)
            rc_decref(sf->cur_gc_obj);
        var_ref->stack_frame = NULL;
    }
}

static void port_async_frame_clear(void *obj, PORT_CTX)
{
    JSRuntime *rt = PORT_RT;
    JSAsyncFunctionData *s = obj;
    int i;

    js_async_function_terminate(rt, s);
    for (i = 0; i < 2; i++) {
        JS_FreeValueRT(rt, s->resolving_funcs[i]);
        s->resolving_funcs[i] = JS_UNDEFINED;
    }
}

static void port_context_clear(void *obj, PORT_CTX)
{
    JSContext *ctx = obj;
    JSRuntime *rt = ctx->rt;
    JSShape *shapes[] = { ctx->array_shape, ctx->arguments_shape, ctx->mapped_arguments_shape,
                          ctx->regexp_shape, ctx->regexp_result_shape };
    JSValue *value;
    int i;

    if (!rt)
        return; /* not finished: JS_NewContextRaw ran out of memory */
    js_free_modules(ctx, JS_FREE_MODULE_ALL);
    /* From function_proto to global_var_obj the struct is values. */
    for (value = &ctx->function_proto; value <= &ctx->global_var_obj; value++) {
        JS_FreeValueRT(rt, *value);
        *value = JS_UNDEFINED;
    }
    for (i = 0; i < rt->class_count; i++)
        JS_FreeValueRT(rt, ctx->class_proto[i]);
    js_free_rt(rt, ctx->class_proto);
    for (i = 0; i < countof(shapes); i++)
        rc_xdecref(shapes[i]);
    list_del(&ctx->link);
}

static void port_module_clear(void *obj, PORT_CTX)
{
    JSRuntime *rt = PORT_RT;
    JSModuleDef *m = obj;
    JSValue values[] = { m->module_ns, m->func_obj, m->eval_exception, m->meta_obj, m->promise, m->resolving_funcs[0],
                         m->resolving_funcs[1], m->private_value, m->attributes };
    int i;

    JS_FreeAtomRT(rt, m->module_name);
    for (i = 0; i < m->req_module_entries_count; i++) {
        JS_FreeAtomRT(rt, m->req_module_entries[i].module_name);
        JS_FreeValueRT(rt, m->req_module_entries[i].attributes);
    }
    for (i = 0; i < m->export_entries_count; i++) {
        JSExportEntry *entry = &m->export_entries[i];

        if (entry->export_type == JS_EXPORT_TYPE_LOCAL)
            rc_xdecref(entry->u.local.var_ref);
        JS_FreeAtomRT(rt, entry->export_name);
        JS_FreeAtomRT(rt, entry->local_name);
    }
    for (i = 0; i < m->import_entries_count; i++)
        JS_FreeAtomRT(rt, m->import_entries[i].import_name);
    js_free_rt(rt, m->req_module_entries);
    js_free_rt(rt, m->export_entries);
    js_free_rt(rt, m->star_export_entries);
    js_free_rt(rt, m->import_entries);
    js_free_rt(rt, m->async_parent_modules);
    for (i = 0; i < countof(values); i++)
        JS_FreeValueRT(rt, values[i]);
}

static void port_rope_clear(void *obj, PORT_CTX)
{
    JSStringRope *r = obj;

    JS_FreeValueRT(PORT_RT, r->left);
    JS_FreeValueRT(PORT_RT, r->right);
}

/* The last reference to a string releases what the string refers to. */
static no_inline void port_free_last(JSRuntime *rt, JSValue v)
{
    int tag = JS_VALUE_GET_TAG(v);

    if (tag == JS_TAG_STRING || tag == JS_TAG_SYMBOL)
        js_free_string0(rt, JS_VALUE_GET_STRING(v));
    else
        rc_decref(JS_VALUE_GET_PTR(v));
}

/* Making. */

static bool port_has_room(JSRuntime *rt, size_t size)
{
    gc_stats stats = GC_STATS_INIT;
    size_t taken;

    (void)gc_get_stats(rt->port.heap, &stats);
    taken = stats.live_bytes + size;
    rt->malloc_state.malloc_limit = rt->port.limit > taken ? rt->port.limit - taken : 1;
    return rt->malloc_state.malloc_size <= rt->malloc_state.malloc_limit - 1;
}

static rc_site *port_site(JSRuntime *rt);

static inline void *port_make(JSRuntime *rt, rc_type *type, size_t tail, size_t bytes)
{
    if (unlikely(rt->port.limit) && !port_has_room(rt, bytes + tail))
        return NULL;
    if (unlikely(rt->port.sites))
        return tail ? rc_new_array_at(type, tail, port_site(rt)) : rc_new_at(type, port_site(rt));
    return tail ? rc_new_array(type, tail) : rc_new(type);
}

static void *port_new_rt(JSRuntime *rt, PortKind kind)
{
    return port_make(rt, rt->port.kinds[kind], 0, 64);
}

static void *port_thrown(JSContext *ctx, void *made)
{
    if (unlikely(!made))
        JS_ThrowOutOfMemory(ctx);
    return made;
}

static void *port_new(JSContext *ctx, PortKind kind)
{
    return port_thrown(ctx, port_new_rt(ctx->rt, kind));
}

/* What the caller holds alone, with room for `bytes`: where it was, or moved. Null: it is as it was. */
static void *port_resized(JSContext *ctx, void *obj, size_t bytes, size_t tail)
{
    if (unlikely(ctx->rt->port.limit) && bytes > rc_room(obj) && !port_has_room(ctx->rt, bytes))
        return port_thrown(ctx, NULL);
    return port_thrown(ctx, rc_resize(&obj, tail) == RC_OK ? obj : NULL);
}

static void *port_string_new(JSRuntime *rt, size_t bytes)
{
    return port_make(rt, rt->port.kinds[PORT_STRING], bytes - sizeof(JSString), sizeof(JSString));
}

static void *port_string_resize(JSContext *ctx, JSString *str, size_t bytes)
{
    return port_resized(ctx, str, bytes, bytes - sizeof(JSString));
}

/* A string that will not grow any more: copied where that saves memory. */
static void *port_string_fit(JSRuntime *rt, JSString *str, size_t bytes)
{
    size_t room = rc_room(str);
    JSString *moved;

    if (room - bytes <= 32 || room - bytes < room / 8)
        return str;
    moved = port_string_new(rt, bytes);
    if (moved) {
        memcpy(moved, str, bytes);
        rc_decref(str);
    }
    return moved;
}

static void *port_big_int_new(JSContext *ctx, int len)
{
    return port_thrown(ctx, port_make(ctx->rt, ctx->rt->port.kinds[PORT_BIG_INT], (size_t)len * sizeof(js_limb_t), sizeof(JSBigInt)));
}

static void *port_big_int_resize(JSContext *ctx, void *obj, size_t bytes)
{
    return port_resized(ctx, obj, bytes, bytes - sizeof(JSBigInt));
}

static void *port_shape_new(JSContext *ctx, size_t bytes)
{
    return port_thrown(ctx, port_make(ctx->rt, ctx->rt->port.kinds[PORT_SHAPE], bytes - sizeof(JSShape), sizeof(JSShape)));
}

/* The shape whose contents have moved. */
static void port_shape_drop(JSShape *sh)
{
    sh->proto = NULL;
    sh->prop_count = 0;
    sh->is_hashed = false;
    rc_decref(sh);
}

static void *port_shape_resize(JSContext *ctx, void *shape, size_t bytes)
{
    return port_resized(ctx, shape, bytes, bytes - sizeof(JSShape));
}

/* Holds a shape until as many others were kept, or everything is collected. Not one with many properties: it may be an
 * object's that is used as a table, whose one shape grows in place while nobody else holds it. */
static void port_shape_keep(JSRuntime *rt, JSShape *sh)
{
    JSShape **kept = &rt->port.kept_shapes[rt->port.next_kept];

    if (!sh->is_hashed || sh->prop_count > PORT_KEPT_PROPS || PORT_IS_PLAIN)
        return;
    rt->port.next_kept = (rt->port.next_kept + 1) & (PORT_KEPT_SHAPES - 1);
    rc_setref(kept, rc_newref(sh));
}

/* The shape with which objects of a prototype begin, which knows how large they become. */
static JSShape *port_first_shape(JSContext *ctx, JSObject *proto)
{
    JSShape *sh = js_new_shape(ctx, proto);

    if (sh)
        port_shape_keep(ctx->rt, sh);
    return sh;
}

static void port_shapes_forget(JSRuntime *rt)
{
    int i;

    for (i = 0; i < PORT_KEPT_SHAPES; i++)
        rc_clear(&rt->port.kept_shapes[i]);
}

static void *port_bytecode_new(JSContext *ctx, size_t bytes)
{
    return port_thrown(ctx, port_make(ctx->rt, ctx->rt->port.kinds[PORT_BYTECODE], bytes - sizeof(JSFunctionBytecode),
                                      sizeof(JSFunctionBytecode)));
}

static rc_type *port_type_new(Port *port, rc_type_spec spec)
{
    rc_type *type = NULL;

    return rc_type_new(port->heap, &spec, &type) == RC_OK ? type : NULL;
}

static rc_type_spec port_object_spec(JSRuntime *rt, const char *name, int inside)
{
    rc_type_spec spec = RC_TYPE_SPEC_INIT;

    spec.name = name[0] ? name : "(no name)";
    spec.size = sizeof(JSObject) + inside * sizeof(JSProperty);
    spec.flags = RC_TYPE_CTX | RC_TYPE_TRACK_ON_NEW;
    spec.traverse_ctx = port_object_traverse;
    spec.clear_ctx = port_object_clear;
    spec.ctx = &rt->port.object_type;
    return spec;
}

static rc_type *port_named_type(JSContext *ctx, int class_id, int inside, JSShape *sh);

static rc_type *port_class_type(JSRuntime *rt, int class_id, int inside)
{
    Port *port = &rt->port;
    char name[ATOM_GET_STR_BUF_SIZE];
    rc_type_spec spec;

    if (class_id >= port->class_room) {
        int room = max_int(class_id + 16, JS_CLASS_INIT_COUNT + 16);
        void *classes = js_realloc_rt(rt, port->classes, room * sizeof(*port->classes));

        if (!classes)
            return NULL;
        port->classes = classes;
        memset(port->classes + port->class_room, 0, (room - port->class_room) * sizeof(*port->classes));
        port->class_room = room;
    }
    if (!port->classes[class_id][inside]) {
        spec = port_object_spec(rt, JS_AtomGetStrRT(rt, name, sizeof(name), rt->class_array[class_id].class_name), inside);
        port->classes[class_id][inside] = port_type_new(port, spec);
    }
    return port->classes[class_id][inside];
}

/* The object has room for as many properties as its shape, or as others that began with this one came to. */
static void *port_object_new(JSContext *ctx, int class_id, JSShape *sh)
{
    JSRuntime *rt = ctx->rt;
    int inside = max_int(sh->prop_size, sh->inline_hint);
    rc_type *type;
    JSObject *p;

    /* A shape of its own has what there is one of, a prototype: not worth a type. */
    if (inside > PORT_INLINE_MAX || !sh->is_hashed || PORT_IS_PLAIN)
        inside = 0;
    type = likely(class_id < rt->port.class_room) ? rt->port.classes[class_id][inside] : NULL;
    if (unlikely(!type)) {
        type = port_class_type(rt, class_id, inside);
        if (!type)
            return port_thrown(ctx, NULL);
    }
    if (unlikely(rt->port.sites)) {
        rc_type *named = port_named_type(ctx, class_id, inside, sh);

        type = named ? named : type;
    }
    p = port_make(rt, type, 0, sizeof(JSObject));
    if (unlikely(!p))
        return port_thrown(ctx, NULL);
    p->inline_props = inside;
    return p;
}

static JSProperty *port_props_new(JSContext *ctx, JSObject *p, int count)
{
    return likely(count <= p->inline_props) ? port_inline_props(p) : js_malloc(ctx, count * sizeof(JSProperty));
}

static JSProperty *port_props_resize(JSContext *ctx, JSObject *p, uint32_t count)
{
    JSProperty *inside = port_inline_props(p), *moved;
    JSObject *proto = p->shape->proto;
    JSShape *first;

    if (p->prop == inside && count <= p->inline_props)
        return inside;
    /* Objects of one constructor begin with one shape. Plain ones share theirs with too many others. */
    if (count <= PORT_INLINE_MAX && p->class_id == JS_CLASS_OBJECT && proto &&
        proto != JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_OBJECT])) {
        first = find_hashed_shape_proto(ctx->rt, proto);
        if (first && first->inline_hint < count)
            first->inline_hint = count;
    }
    if (p->prop != inside)
        return js_realloc(ctx, p->prop, count * sizeof(JSProperty));
    moved = js_malloc(ctx, count * sizeof(JSProperty));
    if (moved)
        memcpy(moved, inside, p->inline_props * sizeof(JSProperty));
    return moved;
}

/* An object that could not be finished: its caller releases the shape. */
static void port_object_drop(void *obj)
{
    JSObject *p = obj;

    p->shape = NULL;
    p->class_id = JS_CLASS_OBJECT;
    rc_decref(p);
}

#include "names.c"

/* The runtime's heap. */

/* QuickJS knows how long what is behind a struct is, and writes it before it reads it. */
#define PORT_LEAF (RC_TYPE_HOST_LENGTH | RC_TYPE_UNINIT)

static const rc_field port_shape_fields[] = { RC_FIELD(JSShape, proto) };

static bool port_kinds_begin(JSRuntime *rt)
{
    Port *port = &rt->port;
    rc_type_spec specs[PORT_KINDS];
    int i;
    static const struct {
        const char *name;
        size_t size, tail_size;
        uint32_t flags;
        int gc_type;
    } kinds[PORT_KINDS] = {
        [PORT_STRING] = { "string", sizeof(JSString), 1, PORT_LEAF, -1 },
        [PORT_ROPE] = { "rope", sizeof(JSStringRope), 0, RC_TYPE_ACYCLIC, -1 },
        [PORT_BIG_INT] = { "bigint", sizeof(JSBigInt), 1, PORT_LEAF, -1 },
        [PORT_SHAPE] = { "shape", sizeof(JSShape), 1, PORT_LEAF, JS_GC_OBJ_TYPE_SHAPE },
        [PORT_BYTECODE] = { "bytecode", sizeof(JSFunctionBytecode), 1, RC_TYPE_TRACK_ON_NEW | RC_TYPE_HOST_LENGTH, JS_GC_OBJ_TYPE_FUNCTION_BYTECODE },
        [PORT_VAR_REF] = { "variable", sizeof(JSVarRef), 0, RC_TYPE_TRACK_ON_NEW, JS_GC_OBJ_TYPE_VAR_REF },
        [PORT_ASYNC_FRAME] = { "async frame", sizeof(JSAsyncFunctionData), 0, RC_TYPE_TRACK_ON_NEW, JS_GC_OBJ_TYPE_ASYNC_FUNCTION },
        [PORT_CONTEXT] = { "context", sizeof(JSContext), 0, 0, JS_GC_OBJ_TYPE_JS_CONTEXT },
        [PORT_MODULE] = { "module", sizeof(JSModuleDef), 0, RC_TYPE_TRACK_ON_NEW, -1 },
    };

    for (i = 0; i < PORT_KINDS; i++) {
        specs[i] = (rc_type_spec)RC_TYPE_SPEC_INIT;
        port->kind_types[i] = (PortType){ rt, kinds[i].gc_type };
        specs[i].name = kinds[i].name;
        specs[i].size = kinds[i].size;
        specs[i].tail_size = kinds[i].tail_size;
        specs[i].flags = kinds[i].flags;
        specs[i].ctx = &port->kind_types[i];
    }
    specs[PORT_SHAPE].fields = port_shape_fields;
    specs[PORT_SHAPE].field_count = countof(port_shape_fields);
    specs[PORT_SHAPE].destroy_ctx = port_shape_destroy;
    specs[PORT_ROPE].clear_ctx = port_rope_clear;
    specs[PORT_BYTECODE].traverse_ctx = port_bytecode_traverse;
    specs[PORT_BYTECODE].clear_ctx = port_bytecode_clear;
    specs[PORT_VAR_REF].traverse_ctx = port_var_ref_traverse;
    specs[PORT_VAR_REF].clear_ctx = port_var_ref_clear;
    specs[PORT_ASYNC_FRAME].traverse_ctx = port_async_frame_traverse;
    specs[PORT_ASYNC_FRAME].clear_ctx = port_async_frame_clear;
    specs[PORT_CONTEXT].traverse_ctx = port_context_traverse;
    specs[PORT_CONTEXT].clear_ctx = port_context_clear;
    specs[PORT_MODULE].traverse_ctx = port_module_traverse;
    specs[PORT_MODULE].clear_ctx = port_module_clear;
    for (i = 0; i < PORT_KINDS; i++) {
        if (i != PORT_STRING && i != PORT_BIG_INT)
            specs[i].flags |= RC_TYPE_CTX;
        port->kinds[i] = port_type_new(port, specs[i]);
        if (!port->kinds[i])
            return false;
    }
    return true;
}

static bool port_asked(const char *name)
{
    const char *value = getenv(name);

    return value && *value && strcmp(value, "0") != 0;
}

/* Small heaps are collected soon, as QuickJS does it; what finds little is done less often, up to so many bytes. */
#define PORT_PACE_MIN (384 * 1024)
#define PORT_PACE_MAX (24 * 1024 * 1024) /* 4 ^ 3 times that */
/* So few objects say nothing: they are the runtime's own. */
#define PORT_FEW 4000
/* In a heap of less than this all is looked at each time: what is young there is most of it. */
#define PORT_YOUNG_FROM (4 * 1024 * 1024)

static bool port_pace(JSRuntime *rt)
{
    gc_policy policy = GC_POLICY_INIT;

    policy.mode = GC_POLICY_SAFEPOINT;
    policy.growth = rt->port.is_large ? 0.5 : 0.3;
    policy.young_bytes = rt->port.is_large ? rt->port.pace : (uint64_t)1 << 40;
    policy.full_min_bytes = rt->port.pace;
    return gc_set_policy(rt->port.heap, &policy) == RC_OK;
}

static void port_collected(gc_heap *heap, const gc_event *event, void *ctx)
{
    JSRuntime *rt = ctx;
    gc_stats stats = GC_STATS_INIT;
    uint64_t pace = rt->port.pace;
    bool is_large;

    if (event->kind == GC_EVENT_START) {
        if (event->generation == GC_GENERATION_FULL)
            port_shapes_forget(rt);
        return;
    }
    if (event->reason != GC_REASON_TRIGGER || gc_get_stats(heap, &stats) != RC_OK)
        return;
    is_large = stats.live_bytes >= PORT_YOUNG_FROM;
    if (event->reclaimed < event->examined / 8 && event->examined > PORT_FEW)
        pace = pace < PORT_PACE_MAX ? pace * 4 : PORT_PACE_MAX;
    else if (event->reclaimed > event->examined / 2)
        pace = PORT_PACE_MIN;
    if (pace != rt->port.pace || is_large != rt->port.is_large) {
        rt->port.pace = pace;
        rt->port.is_large = is_large;
        (void)port_pace(rt);
    }
}

static int port_begin(JSRuntime *rt)
{
    Port *port = &rt->port;
    gc_heap_options options = GC_HEAP_OPTIONS_INIT;

    rt->malloc_gc_threshold = 256 * 1024;
    options.name = "QuickJS";
    if (gc_heap_new(&options, &port->heap) != RC_OK)
        return -1;
    port->object_type = (PortType){ rt, JS_GC_OBJ_TYPE_JS_OBJECT };
    port->collect_always = port_asked("QJS_COLLECT_ALWAYS");
    port->verify = port_asked("QJS_VERIFY");
    port->say_held = port_asked("QJS_HELD");
    port->pace = PORT_PACE_MIN;
    if (!port_pace(rt) || gc_add_callback(port->heap, port_collected, rt) != RC_OK || !port_kinds_begin(rt)) {
        gc_heap_free(port->heap);
        return -1;
    }
    port_names_begin(rt);
    return 0;
}

static void port_finding(const gc_finding *finding, void *ctx)
{
    fprintf(stderr, "qjs: verify: %s\n", finding->message);
}

/* Ends what is left while classes and atoms are still there. Whether something was held. */
static bool port_end(JSRuntime *rt)
{
    Port *port = &rt->port;
    size_t held;

    if (!port->heap)
        return false;
    if (port->verify) {
        size_t findings = 0;
        rc_status status = gc_verify(port->heap, port_finding, NULL, &findings);

        fprintf(stderr, "qjs: verify: status %u, %zu findings\n", status, findings);
    }
    port_shapes_forget(rt);
    if (port->say_held) {
        gc_stats stats = GC_STATS_INIT;

        (void)gc_get_stats(port->heap, &stats);
        fprintf(stderr, "qjs: collections: %llu young, %.3f ms; %llu full, %.3f ms\n", (unsigned long long)stats.young.runs,
                stats.young.pause_ns_total / 1e6, (unsigned long long)stats.full.runs, stats.full.pause_ns_total / 1e6);
    }
    held = gc_heap_free(port->heap);
    port->heap = NULL;
    js_free_rt(rt, port->classes);
    if (port->say_held)
        fprintf(stderr, "qjs: held %zu\n", held);
    return held > 0;
}

#define PORT_LOOK_EVERY 64

/* Memory of js_malloc that the heap does not know of yet. */
#define PORT_TOLD_EVERY (64 * 1024)

static void port_after(JSRuntime *rt)
{
    rt->port.until_look = rt->port.collect_always ? 0 : PORT_LOOK_EVERY;
    rt->port.look_at = rt->malloc_state.malloc_size + PORT_TOLD_EVERY;
}

static void port_look(JSRuntime *rt, size_t size)
{
    ptrdiff_t more = (ptrdiff_t)(rt->malloc_state.malloc_size - rt->port.told);

    if ((more > PORT_TOLD_EVERY || more < -PORT_TOLD_EVERY) && gc_add_external_bytes(rt->port.heap, more) == RC_OK)
        rt->port.told += more;
    if (rt->port.collect_always && gc_is_enabled(rt->port.heap))
        gc_collect(rt->port.heap);
    else
        gc_safepoint(rt->port.heap);
    port_after(rt);
}

static void port_set_threshold(JSRuntime *rt, size_t bytes)
{
    if (bytes == (size_t)-1)
        gc_disable(rt->port.heap);
    else
        gc_enable(rt->port.heap);
}

/* Empty blocks of js_malloc, of 4 KiB each. Given back they would be asked of the system again at once: a
 * collection frees many together. */
#define PORT_EMPTY_BLOCKS_MAX 128

static bool port_keeps_block(JSRuntime *rt)
{
    if (rt->port.empty_blocks >= PORT_EMPTY_BLOCKS_MAX)
        return false;
    rt->port.empty_blocks++;
    return true;
}

static void port_block_used(JSRuntime *rt)
{
    rt->port.empty_blocks--;
}

/* Reports. */

static int port_gc_type(const void *p)
{
    return ((PortType *)rc_type_ctx(rc_type_of((void *)p)))->gc_type;
}

static JSGCObjectHeader *port_walk(JSRuntime *rt, bool first)
{
    void *obj = NULL;

    if (first && gc_iter_begin(rt->port.heap, NULL, &rt->port.walk) != RC_OK)
        return NULL;
    return gc_iter_next(&rt->port.walk, &obj) == RC_OK ? obj : NULL;
}

static void port_usage(JSRuntime *rt, JSMemoryUsage *s)
{
    gc_stats stats = GC_STATS_INIT;

    (void)gc_get_stats(rt->port.heap, &stats);
    s->malloc_count += stats.live_objects;
    s->malloc_size += stats.live_bytes;
    s->malloc_limit = rt->port.limit;
}

static uint32_t port_address_hash(const void *p)
{
    return (uint32_t)(((uintptr_t)p >> 4) * 3163);
}
