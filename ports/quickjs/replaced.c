/* replaced.c: what stands in quickjs.c in place of the functions of the same names. */

/* A collection may run here, and nowhere else: everything is walkable. */
static void js_trigger_gc(JSRuntime *rt, size_t size)
{
    if (unlikely(--rt->port.until_look <= 0 || rt->malloc_state.malloc_size > rt->port.look_at))
        port_look(rt, size);
}

static port_inline JSValue js_dup(JSValueConst v)
{
    if (JS_VALUE_HAS_REF_COUNT(v))
        rc_incref(JS_VALUE_GET_PTR(v));
    return unsafe_unconst(v);
}

static JSString *js_alloc_string_rt(JSRuntime *rt, int max_len, int is_wide_char)
{
    JSString *str;

    str = port_string_new(rt, sizeof(JSString) + ((size_t)max_len << is_wide_char) + 1 - is_wide_char);
    if (unlikely(!str))
        return NULL;
    str->len = max_len;
    str->is_wide_char = is_wide_char;
    str->hash = 0;
    str->kind = JS_STRING_KIND_NORMAL;
    str->atom_type = 0;
    str->hash_next = 0;
    return str;
}

static inline void js_free_string(JSRuntime *rt, JSString *str)
{
    if (rc_is_unique(str))
        js_free_string0(rt, str);
    else
        rc_decref(str);
}

/* The last reference: what the string refers to goes first, so that its type needs no callback. */
static inline void js_free_string0(JSRuntime *rt, JSString *str)
{
    if (str->atom_type) {
        JS_FreeAtomStruct(rt, str);
        return;
    }
    if (unlikely(str->kind != JS_STRING_KIND_NORMAL)) {
        if (str->kind == JS_STRING_KIND_SLICE)
            js_free_string(rt, ((JSStringSlice *)&str[1])->parent);
        else
            js_free_rt(rt, strv(str));
    }
    rc_decref(str);
}

static void __JS_FreeAtom(JSRuntime *rt, uint32_t i)
{
    JSAtomStruct *atom = rt->atom_array[i];

    if (rc_is_unique(atom))
        JS_FreeAtomStruct(rt, atom);
    else
        rc_decref(atom);
}

static void js_free_shape(JSRuntime *rt, JSShape *sh)
{
    rc_decref(sh);
}

static void js_release_coro(JSRuntime *rt, JSGCObjectHeader *coro)
{
    rc_decref(coro);
}

static void free_var_ref(JSRuntime *rt, JSVarRef *var_ref)
{
    rc_xdecref(var_ref);
}

static void js_async_function_free(JSRuntime *rt, JSAsyncFunctionData *s)
{
    rc_decref(s);
}

void JS_FreeValueRT(JSRuntime *rt, JSValue v)
{
    if (JS_VALUE_HAS_REF_COUNT(v)) {
        if (unlikely(rc_is_unique(JS_VALUE_GET_PTR(v))))
            port_free_last(rt, v);
        else
            rc_decref(JS_VALUE_GET_PTR(v));
    }
}

static void add_gc_object(JSRuntime *rt, JSGCObjectHeader *h,
                          JSGCObjectTypeEnum type)
{
    /* All others are tracked when they are made: they can be walked as zeroes. */
    if (type == JS_GC_OBJ_TYPE_JS_CONTEXT)
        (void)gc_track(h);
}

void JS_MarkValue(JSRuntime *rt, JSValueConst val, JS_MarkFunc *mark_func)
{
    if (port_is_edge(rt, val))
        mark_func(rt, JS_VALUE_GET_PTR(val));
}

void JS_RunGC(JSRuntime *rt)
{
    port_shapes_forget(rt);
    gc_collect(rt->port.heap);
    port_after(rt);
}

void JS_SetGCThreshold(JSRuntime *rt, size_t gc_threshold)
{
    rt->malloc_gc_threshold = gc_threshold;
    port_set_threshold(rt, gc_threshold);
}

void JS_SetMemoryLimit(JSRuntime *rt, size_t limit)
{
    rt->port.limit = limit;
    rt->malloc_state.malloc_limit = limit;
    if (limit)
        port_has_room(rt, 0);
}

void JS_FreeContext(JSContext *ctx)
{
    rc_decref(ctx);
}

/* The list of loaded modules owns one reference to each. */
static void js_free_module_def(JSContext *ctx, JSModuleDef *m)
{
    list_del(&m->link);
    rc_decref(m);
}
