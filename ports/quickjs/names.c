/* names.c: under a profile (RCGC_PROFILE) the heap speaks JavaScript. A type is the JS class, or the function; a site
 * is the running script's file, function and line; an edge is the property, variable or element.
 *
 * Included by port.c. All of it costs nothing without a profile. Names and sites live as long as the process: the
 * profile refers to them when it is written at exit. */

static void *port_keep(JSRuntime *rt, size_t size)
{
    return rt->mf.js_calloc(rt->malloc_state.opaque, 1, size);
}

/* Names. */

/* The text of an atom, kept for good. */
static const char *port_name(JSRuntime *rt, JSAtom atom)
{
    Port *port = &rt->port;
    char buf[ATOM_GET_STR_BUF_SIZE];
    const char *text;
    char *kept;

    if (__JS_AtomIsTaggedInt(atom))
        return "[]";
    if (atom >= port->name_room) {
        uint32_t room = max_uint32(rt->atom_size, atom + 1);
        char **names = rt->mf.js_realloc(rt->malloc_state.opaque, port->names, room * sizeof(*names));

        if (!names)
            return "?";
        memset(names + port->name_room, 0, (room - port->name_room) * sizeof(*names));
        port->names = names;
        port->name_room = room;
    }
    if (!port->names[atom]) {
        text = JS_AtomGetStrRT(rt, buf, sizeof(buf), atom);
        kept = port_keep(rt, strlen(text) + 1);
        if (!kept)
            return "?";
        strcpy(kept, text);
        port->names[atom] = kept;
    }
    return port->names[atom];
}

/* The name of a function: its property, which methods and classes have, or that in the source. */
static JSAtom port_function_name(JSRuntime *rt, JSObject *function)
{
    JSProperty *pr;
    JSShapeProperty *prs = find_own_property(&pr, function, JS_ATOM_name);

    if (prs && !(prs->flags & JS_PROP_TMASK) && JS_VALUE_GET_TAG(pr->u.value) == JS_TAG_STRING &&
        JS_VALUE_GET_STRING(pr->u.value)->atom_type == JS_ATOM_TYPE_STRING)
        return js_get_atom_index(rt, JS_VALUE_GET_STRING(pr->u.value));
    return function->u.func.function_bytecode ? function->u.func.function_bytecode->func_name : JS_ATOM_NULL;
}

/* The atom's number will be another's. */
static void port_atom_gone(JSRuntime *rt, uint32_t atom)
{
    if (unlikely(atom < rt->port.name_room))
        rt->port.names[atom] = NULL;
}

/* Sites. */

#define PORT_SITES 1024 /* a power of 2 */

/* What was found for a place in bytecode; forgotten when any bytecode ends. */
typedef struct PortPlace {
    const uint8_t *pc;
    rc_site *site;
} PortPlace;

struct PortSites {
    PortPlace places[PORT_SITES];
    struct PortLine {
        rc_site site;
        struct PortLine *next;
    } *lines[PORT_SITES];
};

static void port_places_forget(JSRuntime *rt)
{
    if (rt->port.sites)
        memset(rt->port.sites->places, 0, sizeof(rt->port.sites->places));
}

/* One site for each line of a function. */
static rc_site *port_line_site(JSRuntime *rt, const char *file, const char *function, uint32_t line)
{
    uint32_t hash = (line * 31 + (uint32_t)((uintptr_t)file >> 4) * 7) & (PORT_SITES - 1);
    struct PortLine *known;

    for (known = rt->port.sites->lines[hash]; known; known = known->next) {
        if (known->site.line == line && !strcmp(known->site.file, file) && !strcmp(known->site.function, function))
            return &known->site;
    }
    known = port_keep(rt, sizeof(*known));
    if (!known)
        return NULL;
    known->site.file = file;
    known->site.function = function;
    known->site.line = line;
    known->next = rt->port.sites->lines[hash];
    rt->port.sites->lines[hash] = known;
    return &known->site;
}

/* Where the running script is; null: it is not running. */
static rc_site *port_site(JSRuntime *rt)
{
    JSStackFrame *sf = rt->current_stack_frame;
    JSFunctionBytecode *b = NULL;
    JSObject *function = NULL;
    PortPlace *place;
    int column;

    for (; sf; sf = sf->prev_frame) {
        function = JS_VALUE_GET_TAG(sf->cur_func) == JS_TAG_OBJECT ? JS_VALUE_GET_OBJ(sf->cur_func) : NULL;

        if (function && sf->cur_pc && js_class_has_bytecode(function->class_id)) {
            b = function->u.func.function_bytecode;
            break;
        }
    }
    if (!b)
        return NULL;
    place = &rt->port.sites->places[((uintptr_t)sf->cur_pc * 2654435761u >> 8) & (PORT_SITES - 1)];
    if (place->pc != sf->cur_pc) {
        uint32_t at = sf->cur_pc > b->byte_code_buf ? sf->cur_pc - b->byte_code_buf - 1 : 0;
        JSAtom atom = port_function_name(rt, function);
        const char *name = atom == JS_ATOM_NULL || atom == JS_ATOM_empty_string ? "(anonymous)" : port_name(rt, atom);

        place->site = port_line_site(rt, port_name(rt, b->filename), name,
                                     find_line_num(b->realm, b, at, &column));
        place->pc = sf->cur_pc;
    }
    return place->site;
}

/* Types. */

/* The name of the function that constructs what has this prototype. */
static JSAtom port_constructor_name(JSContext *ctx, JSObject *proto)
{
    JSProperty *pr;
    JSShapeProperty *prs;

    if (!proto || proto == JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_OBJECT]))
        return JS_ATOM_NULL;
    prs = find_own_property(&pr, proto, JS_ATOM_constructor);
    if (!prs || (prs->flags & JS_PROP_TMASK) || JS_VALUE_GET_TAG(pr->u.value) != JS_TAG_OBJECT)
        return JS_ATOM_NULL;
    if (!js_class_has_bytecode(JS_VALUE_GET_OBJ(pr->u.value)->class_id))
        return JS_ATOM_NULL;
    return port_function_name(ctx->rt, JS_VALUE_GET_OBJ(pr->u.value));
}

struct PortNamed {
    const char *name;
    int class_id, inside;
    rc_type *type;
    struct PortNamed *next;
};

#define PORT_NAMED_MAX 4096 /* types; what would be more has the name of its class */

/* The type of an object with a name of its own; null: it has none. */
static rc_type *port_named_type(JSContext *ctx, int class_id, int inside, JSShape *sh)
{
    JSRuntime *rt = ctx->rt;
    Port *port = &rt->port;
    struct PortNamed **list, *named;
    rc_type_spec spec;
    char buf[ATOM_GET_STR_BUF_SIZE + 16];
    const char *name;
    JSAtom atom = port->function_name;

    port->function_name = JS_ATOM_NULL;
    if (!js_class_has_bytecode(class_id))
        atom = class_id == JS_CLASS_OBJECT ? port_constructor_name(ctx, sh->proto) : JS_ATOM_NULL;
    if (atom == JS_ATOM_NULL || atom == JS_ATOM_empty_string)
        return NULL;
    name = port_name(rt, atom);
    list = &port->named[(strlen(name) * 31 + (uint8_t)name[0]) % countof(port->named)];
    for (named = *list; named; named = named->next) {
        if (named->class_id == class_id && named->inside == inside && !strcmp(named->name, name))
            return named->type;
    }
    named = port->named_count < PORT_NAMED_MAX ? port_keep(rt, sizeof(*named)) : NULL;
    if (!named)
        return NULL;
    snprintf(buf, sizeof(buf), class_id == JS_CLASS_OBJECT ? "%s" : "function %s", name);
    spec = port_object_spec(rt, buf, inside);
    *named = (struct PortNamed){ name, class_id, inside, port_type_new(port, spec), *list };
    *list = named;
    port->named_count++;
    return named->type;
}

/* Edges. */

#define PORT_VISIT_NAMED(reference, name, index)                                                     \
    do {                                                                                             \
        int stop_ = rc_visit_named(visit, visit_ctx, (reference), (name), (index));                  \
        if (stop_)                                                                                   \
            return stop_;                                                                            \
    } while (0)

static int port_named_values(JSRuntime *rt, JSValue *values, uint32_t count, const char *name, rc_visit_fn visit,
                             void *visit_ctx)
{
    uint32_t i;

    for (i = 0; values && i < count; i++) {
        if (port_is_edge(rt, values[i]))
            PORT_VISIT_NAMED(JS_VALUE_GET_PTR(values[i]), name, i);
    }
    return 0;
}

static int port_named_closure(JSRuntime *rt, JSObject *p, rc_visit_fn visit, void *visit_ctx)
{
    JSFunctionBytecode *b = p->u.func.function_bytecode;
    int i;

    PORT_VISIT_NAMED(p->u.func.home_object, "(home object)", RC_NO_INDEX);
    PORT_VISIT_NAMED(b, "(bytecode)", RC_NO_INDEX);
    for (i = 0; b && p->u.func.var_refs && i < b->closure_var_count; i++) {
        if (port_var_ref_counts(rt, p->u.func.var_refs[i]))
            PORT_VISIT_NAMED(p->u.func.var_refs[i], port_name(rt, b->closure_var[i].var_name), RC_NO_INDEX);
    }
    return 0;
}

static int port_named_map(JSRuntime *rt, JSObject *p, rc_visit_fn visit, void *visit_ctx)
{
    struct list_head *el;

    if (!p->u.map_state)
        return 0;
    list_for_each(el, &p->u.map_state->records) {
        JSMapRecord *mr = list_entry(el, JSMapRecord, link);

        if (port_is_edge(rt, mr->key))
            PORT_VISIT_NAMED(JS_VALUE_GET_PTR(mr->key), "(key)", RC_NO_INDEX);
        if (port_is_edge(rt, mr->value))
            PORT_VISIT_NAMED(JS_VALUE_GET_PTR(mr->value), "(value)", RC_NO_INDEX);
    }
    return 0;
}

static int port_named_property(JSRuntime *rt, JSProperty *pr, int flags, const char *name, rc_visit_fn visit,
                               void *visit_ctx)
{
    switch (flags & JS_PROP_TMASK) {
    case JS_PROP_NORMAL:
        return port_is_edge(rt, pr->u.value) ?
               rc_visit_named(visit, visit_ctx, JS_VALUE_GET_PTR(pr->u.value), name, RC_NO_INDEX) : 0;
    case JS_PROP_GETSET:
        PORT_VISIT_NAMED(pr->u.getset.getter, name, RC_NO_INDEX);
        PORT_VISIT_NAMED(pr->u.getset.setter, name, RC_NO_INDEX);
        break;
    case JS_PROP_VARREF:
        PORT_VISIT_NAMED(pr->u.var_ref, name, RC_NO_INDEX);
        break;
    case JS_PROP_AUTOINIT:
        PORT_VISIT_NAMED(js_autoinit_get_realm(pr), name, RC_NO_INDEX);
        break;
    }
    return 0;
}

/* As port_object_traverse, with names. */
static int port_named_traverse(JSRuntime *rt, JSObject *p, rc_visit_fn visit, void *visit_ctx)
{
    JSShapeProperty *prs = get_shape_prop(p->shape);
    int i, stop;

    PORT_VISIT_NAMED(p->shape, "(shape)", RC_NO_INDEX);
    for (i = 0; i < p->shape->prop_count; i++) {
        if (prs[i].atom == JS_ATOM_NULL)
            continue;
        stop = port_named_property(rt, &p->prop[i], prs[i].flags, port_name(rt, prs[i].atom), visit, visit_ctx);
        if (stop)
            return stop;
    }
    stop = port_weak_values_traverse(rt, p, visit, visit_ctx);
    if (stop)
        return stop;
    switch (p->class_id) {
    case JS_CLASS_ARRAY:
    case JS_CLASS_ARGUMENTS:
        return port_named_values(rt, p->u.array.u.values, p->u.array.count, "elements", visit, visit_ctx);
    case JS_CLASS_BYTECODE_FUNCTION:
    case JS_CLASS_GENERATOR_FUNCTION:
    case JS_CLASS_ASYNC_FUNCTION:
    case JS_CLASS_ASYNC_GENERATOR_FUNCTION:
        return port_named_closure(rt, p, visit, visit_ctx);
    case JS_CLASS_MAP:
    case JS_CLASS_SET:
        return port_named_map(rt, p, visit, visit_ctx);
    }
    return port_marked_traverse(rt, p, visit, visit_ctx);
}

/* What a context refers to that a script knows. */
static const char *port_context_name(JSContext *ctx, JSGCObjectHeader *gp)
{
    if ((void *)gp == JS_VALUE_GET_PTR(ctx->global_obj))
        return "globalThis";
    if ((void *)gp == JS_VALUE_GET_PTR(ctx->global_var_obj))
        return "(let and const)";
    return rc_type_of(gp) == ctx->rt->port.kinds[PORT_MODULE] ? "(module)" : "(intrinsic)";
}

/* Beginning and end. */

static void port_names_begin(JSRuntime *rt)
{
    Port *port = &rt->port;

    if (gc_profile_flags(port->heap) == 0)
        return;
    port->sites = port_keep(rt, sizeof(*port->sites));
    port->all_edges = port->sites != NULL;
    port->leaves = port->all_edges;
}

/* A runtime that parses something for another one: nobody asked for its profile. */
static void port_is_helper(JSRuntime *rt)
{
    if (rt && rt->port.leaves) {
        rt->port.leaves = false;
        (void)gc_profile_plan(rt->port.heap, "report=/dev/null");
    }
}

/* A context of a runtime that leaves its heap as it is holds it for good. */
static void port_context_made(JSContext *ctx)
{
    if (ctx->rt->port.leaves)
        rc_incref(ctx);
}

/* Whether the heap is left as the script left it, until the process exits and the profile is written: freed, there
 * would be nothing to see. */
static bool port_leaves(JSRuntime *rt)
{
    if (!rt->port.leaves)
        return false;
    JS_RunGC(rt);
    return true;
}
