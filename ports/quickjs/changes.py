"""What becomes different in quickjs.c. Functions of `replaced.c` are replaced by name beside this list."""

# Functions of the old collector, and what its lists needed.
REMOVED = [
    "free_object", "free_gc_object", "free_zero_refcount", "js_free_value_rt", "mark_children", "gc_decref_child",
    "gc_decref", "gc_scan_incref_child", "gc_scan_incref_child2", "gc_scan", "gc_free_cycles", "js_free_shape0",
    "js_async_function_free0", "free_function_bytecode", "remove_gc_object", "JS_DumpShapes",
]

# (regular expression, what it becomes), all over the file.
PATTERNS = [
    (r"JS_REF_COUNT\(([^;]*?)\)\+\+;", r"rc_incref(\1);"),
    (r"JS_REF_COUNT\(\w+\) = 1;", ""),
    (r"JS_(REF_COUNT|GC_TYPE|GC_MARK)\(sh\) = JS_\1\(old_sh\);", ""),
    (r"js_malloc\(ctx, sizeof\(JSVarRef\)\)", "port_new(ctx, PORT_VAR_REF)"),
    (r"b = js_mallocz\(ctx, function_size\);", "b = port_bytecode_new(ctx, function_size);"),
    (r"list_(del|add_tail)\(&(old_)?sh->header\.link[^;]*;", ""),
    (r"js_free\(ctx, get_alloc_from_shape\(old_sh\)\);", "port_shape_drop(old_sh);"),
    (r"sh_alloc = js_malloc\(ctx, ", "sh_alloc = port_shape_new(ctx, "),
    (r"sh_alloc = js_realloc\(ctx, ", "sh_alloc = port_shape_resize(ctx, "),
]

# Prototypes of what is gone.
FORGOTTEN = [
    "static void gc_decref(JSRuntime *rt);",
    "static void remove_gc_object(JSGCObjectHeader *h);",
    "static void js_async_function_free0(JSRuntime *rt, JSAsyncFunctionData *s);",
]

WALK = ("list_for_each(el, &rt->gc_obj_list) {", "PORT_EACH_OBJECT(rt, gp) {")
WALK_ENTRY = ("JSGCObjectHeader *gp = list_entry(el, JSGCObjectHeader, link);", "")
CONDEMNED = ("if (p->free_mark || JS_GC_MARK(p))", "if (rc_is_dying(p))")

# (function, struct or "" for the file; the line or part of it; what it becomes; how often it is there).
ANCHORS = [
    ("", "typedef struct JSRuntimeFinalizerState {", '#include "port.h"\ntypedef struct JSRuntimeFinalizerState {', 1),
    ("", "#define JS_REF_COUNT(p) (js_rc(p)->ref_count)", "#define JS_REF_COUNT(p) ((int)rc_count((void *)(p)))", 1),
    ("", "#define JS_GC_TYPE(p)   (js_rc(p)->gc_obj_type)", "#define JS_GC_TYPE(p) port_gc_type(p)", 1),
    ("", "/* garbage collection */", '#include "port.c"', 1),
    ("struct JSGCObjectHeader", "struct list_head link;", "", 1),
    ("struct JSRuntime", "JSRuntimeFinalizerState *finalizers;", "JSRuntimeFinalizerState *finalizers;\n    Port port;", 1),
    # The heap begins and ends with its runtime.
    ("JS_NewRuntime2", "rt->malloc_gc_threshold = 256 * 1024;", "if (port_begin(rt)) { mf->js_free(opaque, rt); return NULL; }", 1),
    ("JS_FreeRuntime", "assert(list_empty(&rt->gc_obj_list));", "", 1),
    ("JS_FreeRuntime", "js_free_rt(rt, rt->class_array);", "leak |= port_end(rt);\n    js_free_rt(rt, rt->class_array);", 1),
    ("JS_FreeRuntime", "js_free_rt(rt, p);", "", 1),
    ("JS_NewContextRaw", "ctx = js_mallocz_rt(rt, sizeof(JSContext));", "ctx = port_new_rt(rt, PORT_CONTEXT);", 1),
    ("JS_NewContextRaw", "js_free_rt(rt, ctx);", "rc_decref(ctx);", 1),
    ("JS_MarkContext", "js_mark_module_def(rt, m, mark_func);", "mark_func(rt, (JSGCObjectHeader *)m);", 1),
    # Atoms.
    ("JS_InitAtoms", "p = p + len + 1;", "rc_immortalize(rt->atom_array[i]);\n        p = p + len + 1;", 1),
    ("__JS_NewAtom", "JS_REF_COUNT(str)--;", "rc_decref(str);", 1),
    ("__JS_NewAtom", "p = js_mallocz_rt(rt, sizeof(JSAtomStruct));", "p = port_string_new(rt, sizeof(JSString));", 1),
    ("__JS_NewAtom", "p = js_malloc_rt(rt, sizeof(JSAtomStruct));", "p = port_string_new(rt, sizeof(JSString));", 1),
    ("__JS_NewAtom", "p = js_malloc_rt(rt, sizeof(JSString) +", "p = port_string_new(rt, sizeof(JSString) +", 1),
    ("__JS_NewAtom", "p->atom_type = JS_ATOM_TYPE_SYMBOL;", "rc_immortalize(p);\n            p->atom_type = JS_ATOM_TYPE_SYMBOL;", 1),
    ("JS_FreeAtomStruct", "js_free_rt(rt, p);", "rc_decref(p);", 1),
    # Strings that grow.
    ("string_buffer_free", "js_free(s->ctx, s->str);", "rc_xdecref(s->str);", 1),
    ("string_buffer_set_error", "js_free(s->ctx, s->str);", "rc_xdecref(s->str);", 1),
    ("string_buffer_widen", "js_realloc(s->ctx, s->str,", "port_string_resize(s->ctx, s->str,", 1),
    ("string_buffer_realloc", "js_realloc(s->ctx, s->str,", "port_string_resize(s->ctx, s->str,", 1),
    ("string_buffer_end", "js_free(s->ctx, str);", "rc_decref(str);", 1),
    ("string_buffer_end", "js_realloc_rt(s->ctx->rt, str,", "port_string_fit(s->ctx->rt, str,", 1),
    ("JS_ConcatString2", "js_malloc_usable_size(ctx, p1)", "rc_room(p1)", 1),
    ("js_new_string_rope", "r = js_malloc(ctx, sizeof(*r));", "r = port_new(ctx, PORT_ROPE);", 1),
    # Big integers.
    ("js_bigint_new", "r = js_malloc(ctx, sizeof(JSBigInt) + len * sizeof(js_limb_t));", "r = port_big_int_new(ctx, len);", 1),
    ("js_bigint_normalize1", "a1 = js_realloc(ctx, a,", "a1 = port_big_int_resize(ctx, a,", 1),
    ("js_bigint_extend", "r1 = js_realloc(ctx, r,", "r1 = port_big_int_resize(ctx, r,", 1),
    ("js_bigint_extend", "js_free(ctx, r);", "rc_decref(r);", 1),
    ("js_bigint_divrem", "js_free(ctx, r);", "rc_xdecref(r);", 4),
    ("js_bigint_divrem", "js_free(ctx, q);", "rc_xdecref(q);", 1),
    ("js_bigint_pow", "js_free(ctx, r);", "rc_xdecref(r);", 2),
    ("js_bigint_from_string", "js_free(ctx, r);", "rc_xdecref(r);", 1),
    ("js_bigint_to_string1", "js_free(ctx, tmp);", "rc_xdecref(tmp);", 2),
    ("JS_CompactBigInt", "js_free(ctx, p);", "rc_decref(p);", 1),
    # Objects.
    ("JS_NewObjectFromShape", "p = js_malloc(ctx, sizeof(JSObject));", "p = port_object_new(ctx, class_id, sh);", 1),
    ("JS_NewObjectFromShape", "js_malloc(ctx, sizeof(JSProperty) * sh->prop_size);", "port_props_new(ctx, p, sh->prop_size);", 1),
    # The first properties lie in the object, behind its struct.
    ("struct JSObject", "uint16_t class_id;", "uint16_t class_id;\n    uint8_t inline_props;", 1),
    ("struct JSShape", "uint8_t is_hashed;", "uint8_t is_hashed;\n    uint8_t inline_hint;", 1),
    ("resize_properties", "js_realloc(ctx, p->prop, sizeof(new_prop[0]) * new_size);", "port_props_resize(ctx, p, new_size);", 1),
    ("compact_properties", "js_realloc(ctx, p->prop, sizeof(new_prop[0]) * new_size);", "port_props_resize(ctx, p, new_size);", 1),
    # A shape on the way to a larger one would die with each object that passes it, and be made for the next.
    ("add_property", "return &p->prop[p->shape->prop_count - 1];",
     "port_shape_keep(ctx->rt, p->shape);\n    return &p->prop[p->shape->prop_count - 1];", 1),
    ("JS_NewObjectProtoClass", "sh = js_new_shape(ctx, proto);", "sh = port_first_shape(ctx, proto);", 1),
    ("add_property", "js_realloc(ctx, p->prop, sizeof(p->prop[0]) *", "port_props_resize(ctx, p,", 1),
    ("JS_NewObjectFromShape", "js_free(ctx, p);", "port_object_drop(p);", 1),
    ("js_async_function_call", "s = js_mallocz(ctx, sizeof(*s));", "s = port_new(ctx, PORT_ASYNC_FRAME);", 1),
    ("js_new_module_def", "m = js_mallocz(ctx, sizeof(*m));", "m = port_new(ctx, PORT_MODULE);", 1),
    ("reset_weak_ref", *CONDEMNED, 2),
    # Addresses here step by the size of what is there.
    ("map_hash_key", "(uintptr_t)JS_VALUE_GET_PTR(key) * 3163;", "port_address_hash(JS_VALUE_GET_PTR(key));", 1),
    # What one collection frees the next objects want: some empty blocks of js_malloc are kept for them.
    ("js_arena_free", "if (unlikely(ar->n_used_blocks == 0)) {",
     "if (unlikely(ar->n_used_blocks == 0 && !port_keeps_block(rt))) {", 1),
    ("js_arena_malloc", "ar->n_used_blocks++;", "if (unlikely(ar->n_used_blocks++ == 0)) port_block_used(rt);", 1),
    ("arena_new", "ar->n_used_blocks = 0;", "ar->n_used_blocks = 0;\n    rt->port.empty_blocks++;", 1),
    # Names for profiles (names.c): where the script is, is known wherever something is made.
    ("JS_CallInternal", "*sp++ = JS_NewObject(ctx);", "sf->cur_pc = pc; *sp++ = JS_NewObject(ctx);", 1),
    ("JS_CallInternal", "*sp++ = js_closure(ctx, ", "sf->cur_pc = pc; *sp++ = js_closure(ctx, ", 2),
    ("JS_CallInternal", "ret_val = JS_NewArrayFrom(ctx, ", "sf->cur_pc = pc; ret_val = JS_NewArrayFrom(ctx, ", 1),
    ("js_closure", "func_obj = JS_NewObjectClass(", "ctx->rt->port.function_name = b->func_name;\n    func_obj = JS_NewObjectClass(", 1),
    ("JS_FreeAtomStruct", "rt->atom_free_index = i;", "rt->atom_free_index = i;\n    port_atom_gone(rt, i);", 1),
    ("JS_NewContextRaw", "ctx->rt = rt;", "ctx->rt = rt;\n    port_context_made(ctx);", 1),
    ("JS_FreeRuntime", "rt->in_free = true;", "if (port_leaves(rt)) return;\n    rt->in_free = true;", 1),
    ("JS_DetectModule", "rt = JS_NewRuntime();", "rt = JS_NewRuntime();\n    port_is_helper(rt);", 1),
    # Reports.
    ("JS_ComputeMemoryUsage", *WALK, 1),
    ("JS_ComputeMemoryUsage", *WALK_ENTRY, 1),
    ("JS_ComputeMemoryUsage", "s->malloc_limit = rt->malloc_state.malloc_limit;", "port_usage(rt, s);", 1),
    ("JS_DumpMemoryUsage", *WALK, 1),
    ("JS_DumpMemoryUsage", *WALK_ENTRY, 1),
]
