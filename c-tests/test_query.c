/* Query sessions: references from outside, referrers and referents with names, paths, what keeps an object,
 * retained sizes; against models, with everything that a host may do wrong meanwhile. */
#include "check.h"
#include "graph.h"
#include "small_stack.h"

static gc_query *begin(gc_heap *heap) {
  gc_query *query = NULL;
  rc_status status = gc_query_begin(heap, &query);
  if (status != RC_OK) printf("gc_query_begin: %s: %s\n", rc_status_name(status), gc_error_message(heap));
  REQUIRE(status == RC_OK && query);
  return query;
}

static void end(gc_query *query) {
  CHECK_EQ(gc_query_end(query), RC_OK);
}

static int64_t outside(gc_query *query, const void *obj) {
  int64_t count = -99;
  CHECK_EQ(gc_external_references(query, obj, &count), RC_OK);
  return count;
}

enum { ROWS = 16 };

typedef rc_status (*neighbours_fn)(gc_query *, const void *, gc_path_step *, size_t, size_t *);

static size_t neighbours(neighbours_fn get, gc_query *query, const void *obj, gc_path_step *rows) {
  size_t count = 99999;
  rows[0].struct_size = sizeof *rows;
  CHECK_EQ(get(query, obj, rows, ROWS, &count), RC_OK);
  return count;
}

static bool is_edge(const gc_path_step *step, const void *object, const char *name, size_t index) {
  bool same_name = name ? step->name && strcmp(step->name, name) == 0 : !step->name;
  return step->object == object && same_name && step->index == index;
}

static gc_why why_alive(gc_query *query, const void *obj, gc_path *paths, size_t path_room, gc_path_step *steps,
                        size_t step_room) {
  gc_why why = GC_WHY_INIT;
  if (path_room) paths[0].struct_size = sizeof *paths;
  if (step_room) steps[0].struct_size = sizeof *steps;
  CHECK_EQ(gc_why_alive(query, obj, &why, paths, path_room, steps, step_room), RC_OK);
  return why;
}

static gc_why why_not(gc_query *query, const void *obj) {
  gc_why why = GC_WHY_INIT;
  CHECK_EQ(gc_why_not_collected(query, obj, &why, NULL, 0), RC_OK);
  return why;
}

static const char *text_of(gc_query *query, const void *obj) {
  static char text[1024];
  size_t length = 0;
  CHECK_EQ(gc_why_text(query, obj, text, sizeof text, &length), RC_OK);
  CHECK_EQ(strlen(text), length < sizeof text ? length : sizeof text - 1);
  return text;
}

/* ---- edges and their names ---- */

typedef struct Names {
  Node *one;
  Node *fixed[3];
  void *tagged;
  struct {
    uint64_t tag;
    Node *payload;
  } variant;
  Node **buffer;
  uint32_t used;
  Node *reported, *unnamed;
  Node *tail[];
} Names;

static const rc_field names_fields[] = {
    RC_FIELD(Names, one),
    RC_FIELD_ARRAY(Names, fixed),
    RC_FIELD_TAGGED(Names, tagged, 7, 1, ~(uint64_t)7),
    RC_FIELD_VARIANT(Names, variant.payload, variant.tag, 0xff, 5),
    RC_FIELD_VECTOR(Names, buffer, used),
    RC_FIELD_TAIL(Names, tail),
};

static int names_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Names *names = obj;
  int stop = rc_visit_named(visit, visit_ctx, names->reported, "reported", 7);
  if (!stop) stop = rc_visit_named(visit, visit_ctx, names->reported, "alone", RC_NO_INDEX);
  return stop ? stop : visit(names->unnamed, visit_ctx);
}

static void names_clear(void *obj) {
  Names *names = obj;
  rc_decref(names->reported); /* it is reported, and owned, twice */
  rc_clear(&names->reported);
  rc_clear(&names->unnamed);
}

static void names_destroy(void *obj) {
  free(((Names *)obj)->buffer);
}

static void every_edge_has_its_name(void) {
  gc_heap *heap = graph_heap("names");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Names", spec.size = sizeof(Names), spec.tail_size = sizeof(Node *);
  spec.fields = names_fields, spec.field_count = RC_COUNT_OF(names_fields);
  spec.traverse = names_traverse, spec.clear = names_clear, spec.destroy = names_destroy;
  spec.flags = RC_TYPE_TRACK_ON_NEW;
  rc_type *type = graph_type(heap, &spec);
  Names *names = rc_new_array(type, 2);
  Node *node = graph_node(graph_declared(heap), 1), *other = graph_node(rc_type_of(node), 2);
  names->one = rc_newref(node);
  names->fixed[0] = rc_newref(node), names->fixed[2] = rc_newref(node);
  names->tagged = (char *)rc_newref(node) + 1;
  names->variant.payload = rc_newref(node), names->variant.tag = 5;
  names->buffer = calloc(3, sizeof(Node *));
  names->buffer[1] = rc_newref(node), names->used = 3;
  names->tail[0] = rc_newref(other), names->tail[1] = rc_newref(node);
  names->reported = rc_newref(rc_newref(node));
  names->unnamed = rc_newref(node);
  gc_query *query = begin(heap);
  gc_path_step rows[ROWS];
  const struct {
    const char *name;
    size_t index;
  } expected[] = {{"one", RC_NO_INDEX}, {"fixed", 0}, {"fixed", 2}, {"tagged", RC_NO_INDEX},
                  {"variant.payload", RC_NO_INDEX}, {"buffer", 1}, {"tail", 0}, {"tail", 1},
                  {"reported", 7}, {"alone", RC_NO_INDEX}, {NULL, RC_NO_INDEX}};
  CHECK_EQ(neighbours(gc_referents, query, names, rows), RC_COUNT_OF(expected));
  size_t found = 0;
  for (size_t i = 0; i < RC_COUNT_OF(expected); i++) {
    Node *target = expected[i].name && strcmp(expected[i].name, "tail") == 0 && expected[i].index == 0 ? other : node;
    for (size_t j = 0; j < RC_COUNT_OF(expected); j++)
      found += is_edge(&rows[j], target, expected[i].name, expected[i].index);
  }
  CHECK_EQ(found, RC_COUNT_OF(expected));
  CHECK(rows[0].type == rc_type_of(node));
  CHECK_EQ(neighbours(gc_referrers, query, node, rows), RC_COUNT_OF(expected) - 1);
  for (size_t i = 0; i < RC_COUNT_OF(expected) - 1; i++) {
    CHECK(rows[i].object == names);
    CHECK(rows[i].type == type);
  }
  CHECK_EQ(neighbours(gc_referrers, query, other, rows), 1);
  CHECK(is_edge(&rows[0], names, "tail", 0));
  CHECK_EQ(outside(query, node), 1);
  CHECK_EQ(outside(query, other), 1);
  CHECK_EQ(outside(query, names), 1);
  gc_query_facts facts = GC_QUERY_FACTS_INIT;
  CHECK_EQ(gc_query_info(query, &facts), RC_OK);
  CHECK_EQ(facts.objects, 3);
  CHECK_EQ(facts.edges, RC_COUNT_OF(expected));
  CHECK(facts.bytes > 0);
  end(query);
  rc_decref(names), rc_decref(node), rc_decref(other);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- against a model ---- */

enum { MODEL = 300 };

typedef struct model {
  Node *nodes[MODEL];
  int64_t held[MODEL];     /* references of ours */
  size_t distance[MODEL];  /* from the nearest held one; SIZE_MAX: garbage */
} model;

static size_t number_of(const model *m, const Node *node) {
  return (size_t)node->id < MODEL && m->nodes[node->id] == node ? (size_t)node->id : SIZE_MAX;
}

/* Distances from what is held, without the nodes in `closed`. */
static void measure(model *m, const bool *closed) {
  for (size_t i = 0; i < MODEL; i++) m->distance[i] = m->held[i] && !(closed && closed[i]) ? 0 : SIZE_MAX;
  for (size_t round = 0; round < MODEL; round++) {
    for (size_t i = 0; i < MODEL; i++) {
      if (m->distance[i] != round) continue;
      Node *next[] = {m->nodes[i]->a, m->nodes[i]->b};
      for (size_t k = 0; k < 2; k++) {
        size_t to = next[k] ? number_of(m, next[k]) : SIZE_MAX;
        if (to != SIZE_MAX && m->distance[to] == SIZE_MAX && !(closed && closed[to])) m->distance[to] = round + 1;
      }
    }
  }
}

static bool has_edge(const Node *from, const Node *to, const char *name) {
  bool by_a = from->a == to, by_b = from->b == to;
  if (!name) return by_a || by_b;
  return strcmp(name, "a") == 0 ? by_a : by_b;
}

/* The steps of a path are edges that exist, and lead from the first to the last object. */
static void check_path(const gc_path_step *steps, size_t length, const Node *last, bool named) {
  for (size_t i = 0; i + 1 < length; i++) {
    CHECK(has_edge(steps[i].object, steps[i + 1].object, steps[i].name));
    CHECK(!named || steps[i].name);
    CHECK(steps[i].type == rc_type_of(steps[i].object));
  }
  CHECK(steps[length - 1].object == last);
  CHECK(!steps[length - 1].name);
}

static int is_wanted(void *obj, void *wanted) {
  return ((Node *)obj)->id == *(uint64_t *)wanted;
}

static void compare_with_model(model *m, uint64_t *seed, bool named) {
  gc_heap *heap = rc_heap_of(m->nodes[0]);
  gc_query *query = begin(heap);
  static gc_path_step steps[MODEL + 1];
  gc_path paths[8];
  uint64_t garbage = 0, held = 0;
  measure(m, NULL);
  for (size_t i = 0; i < MODEL; i++) {
    Node *node = m->nodes[i];
    CHECK_EQ(outside(query, node), m->held[i]);
    gc_why why = why_alive(query, node, paths, 8, steps, MODEL + 1);
    uint32_t verdict = m->held[i] ? GC_WHY_HELD : m->distance[i] != SIZE_MAX ? GC_WHY_REACHABLE : GC_WHY_GARBAGE;
    CHECK_EQ(why.verdict, verdict);
    CHECK_EQ(why_not(query, node).verdict, verdict);
    CHECK_EQ(why.paths == 0, verdict == GC_WHY_GARBAGE);
    garbage += verdict == GC_WHY_GARBAGE, held += verdict == GC_WHY_HELD;
    size_t before = 0;
    for (size_t p = 0; p < why.paths; p++) {
      if (p == 0) CHECK_EQ(paths[p].length, m->distance[i] + 1);
      CHECK(paths[p].length >= before); /* nearest first */
      before = paths[p].length;
      CHECK(paths[p].holder == steps[paths[p].first].object);
      CHECK_EQ(paths[p].external, m->held[number_of(m, paths[p].holder)]);
      if (paths[p].first + paths[p].length <= MODEL + 1) check_path(&steps[paths[p].first], paths[p].length, node, named);
      for (size_t other = 0; other < p; other++) CHECK(paths[other].holder != paths[p].holder);
    }
    uint64_t wanted = check_below(seed, MODEL);
    size_t length = 99999;
    steps[0].struct_size = sizeof *steps;
    CHECK_EQ(gc_find_path(query, node, GC_FORWARD, is_wanted, &wanted, steps, MODEL + 1, &length), RC_OK);
    if (length) {
      CHECK(steps[0].object == node);
      check_path(steps, length, m->nodes[wanted], named);
    }
    size_t back = 99999;
    uint64_t start = i;
    CHECK_EQ(gc_find_path(query, m->nodes[wanted], GC_BACKWARD, is_wanted, &start, steps, MODEL + 1, &back), RC_OK);
    CHECK_EQ(back, length);
    if (back) check_path(steps, back, m->nodes[wanted], named);
  }
  void *list[MODEL];
  size_t count;
  CHECK_EQ(gc_query_objects(query, GC_OBJECTS_GARBAGE, list, MODEL, &count), RC_OK);
  CHECK_EQ(count, garbage);
  CHECK_EQ(gc_query_objects(query, GC_OBJECTS_HELD, list, MODEL, &count), RC_OK);
  CHECK_EQ(count, held);
  for (size_t i = 0; i < count; i++) CHECK(m->held[number_of(m, list[i])] > 0);
  /* Retained sizes: what is not reached any more when the objects are taken out. */
  for (size_t round = 0; round < 40; round++) {
    bool closed[MODEL] = {0};
    void *set[5];
    size_t n = 1 + check_below(seed, 5);
    for (size_t i = 0; i < n; i++) {
      size_t number = check_below(seed, MODEL);
      set[i] = m->nodes[number], closed[number] = true;
    }
    size_t all = 0, left = 0;
    measure(m, NULL);
    for (size_t i = 0; i < MODEL; i++) all += m->distance[i] != SIZE_MAX;
    measure(m, closed);
    for (size_t i = 0; i < MODEL; i++) left += m->distance[i] != SIZE_MAX;
    gc_size size = GC_SIZE_INIT;
    CHECK_EQ(gc_retained_size(query, set, n, &size), RC_OK);
    CHECK_EQ(size.objects, all - left);
    CHECK_EQ(size.bytes, (all - left) * 32);
  }
  end(query);
}

static void random_graphs_against_a_model(void) {
  uint64_t seed = check_seed("random_graphs_against_a_model");
  for (size_t round = 0; round < check_scale(2, 12, 200); round++) {
    size_t kind = round % GRAPH_KINDS;
    gc_heap *heap = graph_heap("model");
    graph_policy(heap, GC_POLICY_NEVER);
    rc_type *type = graph_kinds[kind](heap);
    static model m;
    graph_random(type, m.nodes, MODEL, &seed);
    size_t few = 1 + check_below(&seed, 60);
    for (size_t i = 0; i < MODEL; i++) m.held[i] = 1;
    for (size_t i = 0; i < MODEL; i++) {
      bool referred = rc_count(m.nodes[i]) > 1;
      if (referred && check_below(&seed, few)) rc_decref(m.nodes[i]), m.held[i] = 0;
      else if (!check_below(&seed, 4)) rc_incref(m.nodes[i]), m.held[i]++;
    }
    compare_with_model(&m, &seed, kind < 2);
    for (size_t i = 0; i < MODEL; i++)
      for (int64_t k = 0; k < m.held[i]; k++) rc_decref(m.nodes[i]);
    (void)gc_collect(heap);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void dominators_of_a_diamond(void) {
  gc_heap *heap = graph_heap("diamond");
  rc_type *type = graph_declared(heap);
  Node *top = graph_node(type, 0), *left = graph_node(type, 1), *right = graph_node(type, 2);
  Node *bottom = graph_chain(type, 3, false);
  top->a = left, top->b = right; /* the slots take the references */
  left->a = bottom, right->a = rc_newref(bottom);
  CHECK_EQ(rc_add_external_bytes(bottom->a, 1000), RC_OK);
  gc_query *query = begin(heap);
  void *dominator = &query;
  CHECK_EQ(gc_dominator(query, bottom, &dominator), RC_OK);
  CHECK(dominator == top);
  CHECK_EQ(gc_dominator(query, bottom->a, &dominator), RC_OK);
  CHECK(dominator == bottom);
  CHECK_EQ(gc_dominator(query, top, &dominator), RC_OK);
  CHECK(dominator == NULL);
  gc_size size = GC_SIZE_INIT;
  void *objects[] = {left, right};
  CHECK_EQ(gc_retained_size(query, objects, 1, &size), RC_OK);
  CHECK_EQ(size.objects, 1);
  CHECK_EQ(gc_retained_size(query, objects, 2, &size), RC_OK); /* together they hold the bottom */
  CHECK_EQ(size.objects, 5);
  CHECK_EQ(size.bytes, 5 * 32 + 1000);
  objects[0] = top;
  CHECK_EQ(gc_retained_size(query, objects, 1, &size), RC_OK);
  CHECK_EQ(size.objects, 6);
  end(query);
  rc_decref(top);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- what keeps an object ---- */

typedef struct Cache {
  Node *entries[8];
} Cache;

static const rc_field cache_fields[] = {RC_FIELD_ARRAY(Cache, entries)};

static void the_sentence(void) {
  gc_heap *heap = graph_heap("sentence");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Cache", spec.size = sizeof(Cache), spec.fields = cache_fields, spec.field_count = 1;
  Cache *cache = rc_new(graph_type(heap, &spec));
  static const rc_field node_fields[] = {{"next", RC_SLOT_POINTER, RC_PLACE_ONE, 0, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0}};
  spec.name = "Node", spec.size = sizeof(Node), spec.fields = node_fields;
  rc_type *type = graph_type(heap, &spec);
  cache->entries[3] = graph_chain(type, 2, false);
  Node *node = cache->entries[3]->a;
  gc_query *query = begin(heap);
  CHECK_STR(text_of(query, node), " is kept alive by 1 reference from outside, path Cache.entries[3] -> Node.next");
  CHECK(strncmp(text_of(query, node), "Node 0x", 7) == 0);
  CHECK_STR(text_of(query, cache), "is held by 1 reference from outside");
  size_t length = 0;
  char small[8];
  memset(small, 'x', sizeof small);
  CHECK_EQ(gc_why_text(query, node, small, 6, &length), RC_OK);
  CHECK(strcmp(small, "Node ") == 0 && small[6] == 'x');
  CHECK_EQ(length, strlen(text_of(query, node)));
  CHECK_EQ(gc_why_text(query, node, NULL, 0, &length), RC_OK);
  end(query);
  rc_incref(node), rc_incref(cache);
  query = begin(heap);
  CHECK_STR(text_of(query, cache), "is held by 2 references from outside");
  gc_path paths[4];
  gc_path_step steps[8];
  gc_why why = why_alive(query, node, paths, 4, steps, 8);
  CHECK_EQ(why.verdict, GC_WHY_HELD);
  CHECK_EQ(why.external, 1);
  CHECK_EQ(why.paths, 2);
  CHECK_EQ(why.steps, 4);
  CHECK(paths[0].holder == node && paths[1].holder == cache);
  CHECK_EQ(paths[1].external, 2);
  CHECK(is_edge(&steps[1], cache, "entries", 3));
  CHECK(is_edge(&steps[2], cache->entries[3], "next", RC_NO_INDEX));
  end(query);
  rc_decref(node), rc_decref(cache), rc_decref(cache);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Names are the host's: any bytes, any length. Texts stay one line of UTF-8. */
static void hostile_names(void) {
  static char huge[20 * 1024 + 1];
  memset(huge, 'n', sizeof huge - 1);
  const char *names[] = {"quo\"te", "new\nline\ttab", "\xff\xfe not UTF-8 \xc3", huge, "%s%n{}", "\x1b[31m"};
  for (size_t i = 0; i < RC_COUNT_OF(names); i++) {
    gc_heap *heap = graph_heap(names[i]);
    graph_policy(heap, GC_POLICY_NEVER);
    rc_field fields[] = {RC_FIELD(Node, a), RC_FIELD(Node, b)};
    fields[0].name = fields[1].name = names[i];
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = names[i], spec.size = sizeof(Node), spec.fields = fields, spec.field_count = 2;
    rc_type *type = graph_type(heap, &spec);
    Node *node = graph_chain(type, 3, false);
    node->a->a->a = rc_newref(node);
    node->b = node->a; /* an incref is missing */
    gc_query *query = begin(heap);
    gc_path_step rows[ROWS];
    gc_type_facts facts = GC_TYPE_FACTS_INIT;
    gc_ring_shape shape = GC_RING_SHAPE_INIT;
    size_t count;
    CHECK_EQ(gc_type_stats(type, &facts), RC_OK);
    CHECK(strcmp(facts.name, names[i]) == 0);
    CHECK_EQ(neighbours(gc_referents, query, node, rows), 2);
    CHECK(strcmp(rows[0].name, names[i]) == 0);
    const char *texts[] = {text_of(query, node->a->a), NULL};
    CHECK_EQ(gc_cycles(query, &shape, 1, &count), RC_OK);
    CHECK_EQ(count, 1);
    texts[1] = shape.shape;
    for (size_t t = 0; t < 2; t++) {
      for (const unsigned char *at = (const unsigned char *)texts[t]; *at; at++) CHECK(*at >= ' ' && *at < 0x7f);
      CHECK(strlen(texts[t]) < 1024);
    }
    end(query);
    check_log_start();
    CHECK_EQ(gc_verify(heap, NULL, NULL, &count), RC_OK);
    CHECK_EQ(count, 1);
    CHECK_EQ(check_log.lines[GC_LOG_ERROR], 1);
    node->b = NULL;
    rc_decref(node);
    CHECK_EQ(gc_collect(heap), 3);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void keep(void *obj) {
  rc_incref(obj);
}

static void every_verdict(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap, *other = graph_heap("other");
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type *type = graph_declared(heap);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Final", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
  spec.finalize = keep;
  rc_type *final_type = graph_type(heap, &spec);

  Node *frozen = graph_ring(type, 3), *frozen_held = graph_node(type, 9);
  rc_decref(frozen); /* garbage */
  CHECK_EQ(gc_freeze(heap), RC_OK);
  Node *behind = graph_chain(type, 2, false);
  rc_setref(&frozen->b, behind);
  Node *untracked = graph_ring(type, 2), *immortal = graph_chain(type, 2, false);
  rc_decref(untracked);
  CHECK_EQ(gc_untrack(untracked), RC_OK);
  rc_immortalize(immortal);
  Node *due = graph_node(final_type, 1), *back = graph_node(final_type, 2), *far = graph_node(graph_declared(other), 1);
  due->a = graph_node(type, 5);
  rc_decref(back);
  CHECK_EQ(gc_run_finalizers(heap), 1);
  rc_decref(due);
  Node *ring = graph_ring(type, 2);
  rc_decref(ring);

  gc_query *query = begin(heap);
  CHECK_EQ(why_not(query, frozen_held).verdict, GC_WHY_FROZEN); /* held, too: but thawing is what it needs first */
  CHECK_EQ(why_alive(query, frozen_held, NULL, 0, NULL, 0).verdict, GC_WHY_HELD);
  CHECK_EQ(why_alive(query, frozen, NULL, 0, NULL, 0).verdict, GC_WHY_GARBAGE);
  CHECK_EQ(why_not(query, frozen).verdict, GC_WHY_FROZEN);
  CHECK_STR(text_of(query, frozen), "is frozen");
  CHECK_EQ(why_not(query, behind->a).verdict, GC_WHY_REACHABLE);
  CHECK_EQ(why_not(query, behind->a).holder_verdict, GC_WHY_FROZEN);
  CHECK(why_not(query, behind->a).holder == frozen);
  CHECK_STR(text_of(query, behind->a), "kept alive by a frozen object, path Declared.b -> Declared.a");
  CHECK_EQ(why_not(query, ring).verdict, GC_WHY_GARBAGE);
  CHECK_STR(text_of(query, ring), "the next full collection ends it");
  CHECK_EQ(why_not(query, untracked).verdict, GC_WHY_UNTRACKED);
  CHECK_STR(text_of(query, untracked), "not tracked");
  CHECK_EQ(why_not(query, untracked->a).holder_verdict, GC_WHY_UNTRACKED);
  CHECK_EQ(why_not(query, immortal).verdict, GC_WHY_IMMORTAL);
  CHECK_EQ(why_alive(query, immortal, NULL, 0, NULL, 0).verdict, GC_WHY_IMMORTAL);
  CHECK_EQ(outside(query, immortal), INT64_MAX);
  CHECK_STR(text_of(query, immortal), "is immortal");
  CHECK_STR(text_of(query, immortal->a), "kept alive by an immortal object, path Declared.a");
  CHECK_EQ(why_not(query, due).verdict, GC_WHY_FINALIZER_DUE);
  CHECK_STR(text_of(query, due), "gc_run_finalizers");
  CHECK_EQ(why_not(query, due->a).verdict, GC_WHY_REACHABLE);
  CHECK_EQ(why_not(query, due->a).holder_verdict, GC_WHY_FINALIZER_DUE);
  CHECK_EQ(why_not(query, back).verdict, GC_WHY_RESURRECTED);
  CHECK_STR(text_of(query, back), "brought back by its finalizer and is held by 1 reference from outside");
  CHECK_EQ(why_not(query, far).verdict, GC_WHY_OTHER_HEAP);
  CHECK_STR(text_of(query, far), "another heap");
  end(query);

  CHECK_EQ(gc_unfreeze(heap), RC_OK);
  CHECK_EQ(gc_track(untracked), RC_OK);
  rc_decref(frozen_held), rc_decref(back), rc_decref(far);
  CHECK_EQ(gc_run_finalizers(heap), 1);
  rc_decref(due); /* that was brought back, too */
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(gc_heap_free(other), 0);
}

static void more_edges_than_references(void) {
  gc_heap *heap = graph_heap("too many");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type *type = graph_declared(heap);
  Node *holder = graph_node(type, 1), *node = graph_node(type, 2);
  holder->a = node, holder->b = node; /* one of the two references is missing */
  gc_query *query = begin(heap);
  CHECK(outside(query, node) == -1);
  CHECK_EQ(why_not(query, node).verdict, GC_WHY_TOO_MANY_EDGES);
  CHECK_STR(text_of(query, node), "1 more edges lead to it than it has references");
  end(query);
  holder->b = NULL;
  rc_decref(holder);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void references_from_other_heaps_and_scopes_are_outside(void) {
  gc_heap *heap = graph_heap("one"), *other = graph_heap("other");
  Node *node = graph_node(graph_declared(heap), 1), *far = graph_node(graph_declared(other), 2);
  far->a = rc_newref(node), node->a = rc_newref(far);
  rc_scope_mark mark = rc_scope_enter(heap);
  CHECK(rc_scope_keep(heap, rc_newref(node)) == node);
  gc_query *query = begin(heap);
  gc_path_step rows[ROWS];
  CHECK_EQ(outside(query, node), 3); /* ours, the scope's, the other heap's */
  CHECK_EQ(neighbours(gc_referents, query, node, rows), 1);
  CHECK(rows[0].object == far);
  CHECK_EQ(neighbours(gc_referrers, query, node, rows), 0);
  int64_t count;
  CHECK_EQ(gc_external_references(query, far, &count), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "another heap");
  end(query);
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  rc_clear(&node->a);
  rc_decref(node), rc_decref(far);
  CHECK_EQ(gc_heap_free(other), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void weak_maps_keep_values_while_the_key_lives(void) {
  gc_heap *heap = graph_heap("maps");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type *type = graph_declared(heap);
  rc_weakmap *map = rc_weakmap_new(heap);
  Node *key = graph_node(type, 1), *value = graph_node(type, 2), *ring = graph_ring(type, 2), *lost = graph_node(type, 3);
  CHECK_EQ(rc_weakmap_set(map, key, value), RC_OK);
  CHECK_EQ(rc_weakmap_set(map, ring, lost), RC_OK); /* this key is garbage */
  rc_decref(value), rc_decref(lost), rc_decref(ring);
  gc_query *query = begin(heap);
  gc_path_step rows[ROWS];
  CHECK_EQ(outside(query, value), 0);
  CHECK_EQ(neighbours(gc_referents, query, map, rows), 2);
  CHECK_EQ(neighbours(gc_referrers, query, value, rows), 1);
  CHECK(rows[0].object == map && strcmp(rows[0].name, "entry") == 0);
  CHECK_EQ(why_alive(query, value, NULL, 0, NULL, 0).verdict, GC_WHY_REACHABLE);
  CHECK_EQ(why_alive(query, lost, NULL, 0, NULL, 0).verdict, GC_WHY_GARBAGE);
  void *garbage[8];
  size_t count;
  CHECK_EQ(gc_query_objects(query, GC_OBJECTS_GARBAGE, garbage, 8, &count), RC_OK);
  CHECK_EQ(count, 3); /* the ring and the value of its entry */
  CHECK_STR(text_of(query, value), "path rc_weakmap.entry[");
  end(query);
  CHECK_EQ(gc_collect(heap), 3);
  rc_decref(key), rc_decref(map);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- the host changes the heap ---- */

static void a_session_is_stale_once_the_heap_has_changed(void) {
  gc_heap *heap = graph_heap("changing");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type *type = graph_declared(heap);
  Node *node = graph_chain(type, 3, false), *second = node->a, *third = second->a;
  gc_path_step rows[ROWS];
  int64_t count = 5;

  gc_query *query = begin(heap);
  rc_incref(second); /* counting is not noticed, and not in the answers */
  CHECK_EQ(outside(query, second), 0);
  rc_setref(&node->b, rc_newref(third)); /* nor is storing */
  CHECK_EQ(neighbours(gc_referrers, query, third, rows), 1);
  rc_clear(&node->b);
  rc_clear(&node->a);
  CHECK_EQ(why_alive(query, third, NULL, 0, NULL, 0).verdict, GC_WHY_REACHABLE);
  CHECK_STR(text_of(query, second), "path Declared.?"); /* that edge is gone */
  (void)gc_collect(heap); /* nothing has died */
  CHECK_EQ(outside(query, node), 1);
  Node *fresh = graph_node(type, 1);
  CHECK_EQ(gc_external_references(query, second, &count), RC_ERR_STALE);
  CHECK_STR(gc_error_message(heap), "since the session began");
  CHECK_EQ(count, 5);
  rc_decref(fresh); /* as many as before, and not the same */
  CHECK_EQ(gc_external_references(query, second, &count), RC_ERR_STALE);
  end(query);

  query = begin(heap);
  rc_decref(second);
  CHECK_EQ(gc_referrers(query, node, NULL, 0, &(size_t){0}), RC_ERR_STALE);
  end(query);

  query = begin(heap);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
  heap = graph_heap("next");
  CHECK_EQ(gc_external_references(query, node, &count), RC_ERR_STALE);
  CHECK_STR(gc_error_message(NULL), "heap was freed");
  end(query);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static gc_query *asked;
static rc_status inside[4];
static size_t calls;

static int misbehave(void *obj, void *ctx) {
  gc_heap *heap = rc_heap_of(obj);
  size_t count;
  calls++;
  switch (*(int *)ctx) {
  case 0:
    rc_decref(graph_node(rc_type_of(obj), 1));
    break;
  case 1:
    (void)gc_collect(heap);
    break;
  case 2:
    inside[0] = gc_query_end(asked);
    inside[1] = gc_referrers(asked, obj, NULL, 0, &count);
    inside[2] = gc_find_path(asked, obj, GC_FORWARD, misbehave, ctx, NULL, 0, &count);
    break;
  default:
    rc_decref(rc_newref(obj));
  }
  return 0;
}

static void free_in_predicate(void *heap) {
  asked = begin(heap);
  Node *node = graph_node(graph_declared(heap), 1);
  (void)node;
}

static int free_the_heap(void *obj, void *heap) {
  (void)obj;
  return (int)gc_heap_free(heap);
}

static void find_and_free(void *heap) {
  free_in_predicate(heap);
  gc_query_end(asked);
  gc_query *query = begin(heap);
  gc_iter iter;
  void *obj = NULL;
  size_t length;
  (void)gc_iter_begin(heap, NULL, &iter);
  (void)gc_iter_next(&iter, &obj);
  (void)gc_find_path(query, obj, GC_FORWARD, free_the_heap, heap, NULL, 0, &length);
}

static void predicates_that_do_what_they_may_not(void) {
  for (int how = 0; how < 4; how++) {
    gc_heap *heap = graph_heap("predicates");
    graph_policy(heap, GC_POLICY_NEVER);
    rc_type *type = graph_declared(heap);
    Node *chain = graph_chain(type, 10, false);
    rc_decref(graph_ring(type, 3)); /* something for a collection to end */
    gc_query *query = asked = begin(heap);
    size_t length = 77;
    calls = 0;
    rc_status status = gc_find_path(query, chain, GC_FORWARD, misbehave, &how, NULL, 0, &length);
    if (how < 2) {
      CHECK_EQ(status, RC_ERR_STALE);
      CHECK_EQ(calls, 1); /* and none is asked about what may be dead */
      CHECK_EQ(length, 77);
    } else {
      CHECK_EQ(status, RC_OK);
      CHECK_EQ(calls, 10);
      CHECK_EQ(length, 0);
    }
    if (how == 2)
      for (size_t i = 0; i < 3; i++) CHECK_EQ(inside[i], RC_ERR_IN_USE);
    end(query);
    rc_decref(chain);
    (void)gc_collect(heap);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
  gc_heap *heap = graph_heap("freed inside");
  CHECK_FATAL(find_and_free, heap, "gc_heap_free", "inside one of its own callbacks");
  CHECK_EQ(gc_heap_free(heap), 0);
}

static gc_query *inside_traverse;
static rc_status status_in_traverse, status2_in_traverse;
static bool try_in_traverse;

static int curious_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  if (try_in_traverse) {
    size_t count;
    gc_query *query;
    status_in_traverse = gc_query_begin(rc_heap_of(obj), &query);
    status2_in_traverse = gc_referents(inside_traverse, obj, NULL, 0, &count);
  }
  return visit(((Node *)obj)->a, visit_ctx);
}

static void nothing_begins_inside_a_traverse(void) {
  gc_heap *heap = graph_heap("curious");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Curious", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = curious_traverse, spec.clear = graph_clear;
  Node *node = graph_node(graph_type(heap, &spec), 1);
  gc_query *query = inside_traverse = begin(heap);
  try_in_traverse = true;
  (void)gc_collect(heap);
  try_in_traverse = false;
  CHECK_EQ(status_in_traverse, RC_ERR_REFUSED);
  CHECK_EQ(status2_in_traverse, RC_ERR_REFUSED);
  CHECK_EQ(outside(query, node), 1);
  end(query);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void allocate_in_traverse(void *arg) {
  (void)gc_query_begin(arg, &asked);
}

static int allocating_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  (void)visit, (void)visit_ctx;
  void *made = rc_new(rc_type_of(obj));
  (void)made;
  return 0;
}

static void a_traverse_may_only_visit_here_too(void) {
  gc_heap *heap = graph_heap("allocating");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Allocating", spec.size = sizeof(Node);
  spec.traverse = allocating_traverse, spec.clear = graph_clear;
  Node *node = graph_node(graph_type(heap, &spec), 1);
  CHECK_FATAL(allocate_in_traverse, heap, "rc_new", "traverse");
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- inside callbacks of deaths and collections ---- */

static int64_t seen_outside;
static size_t seen_objects;

static void look_around(void *obj) {
  gc_heap *heap = rc_heap_of(obj);
  gc_query *query = begin(heap);
  gc_query_facts facts = GC_QUERY_FACTS_INIT;
  CHECK_EQ(gc_query_info(query, &facts), RC_OK);
  seen_objects = (size_t)facts.objects;
  seen_outside = outside(query, obj);
  end(query);
}

static void a_session_in_a_finalizer(void) {
  for (int ring = 0; ring < 2; ring++) {
    gc_heap *heap = graph_heap("final");
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Final", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
    spec.finalize = look_around;
    rc_type *type = graph_type(heap, &spec);
    Node *node = ring ? graph_ring(type, 4) : graph_node(type, 1), *live = graph_chain(graph_declared(heap), 5, false);
    seen_outside = seen_objects = 99;
    rc_decref(node);
    if (ring) CHECK_EQ(gc_collect(heap), 4);
    CHECK_EQ(seen_outside, 0); /* the engine's hold is not a reference */
    CHECK_EQ(seen_objects, ring ? 9 : 6);
    rc_decref(live);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* ---- wrong arguments ---- */

static void bad_arguments(void) {
  gc_heap *heap = graph_heap("bad");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type *type = graph_declared(heap);
  Node *node = graph_node(type, 1), *dead = graph_node(type, 2);
  rc_decref(dead);
  gc_query *query = begin(heap);
  gc_path_step step = GC_PATH_STEP_INIT;
  gc_path path = GC_PATH_INIT;
  gc_why why = GC_WHY_INIT;
  gc_size size = GC_SIZE_INIT;
  size_t count = 7;
  int64_t external = 7;
  void *obj = &obj;
  char text[8];
  const struct {
    const void *address;
    const char *word;
  } wrong[] = {{NULL, "null"}, {dead, "dead"}, {&external, "no heap"}, {(char *)node + 8, "points into"},
               {(char *)node + 3, "points into"}, {(void *)(uintptr_t)0x7fff00000000f0, "no heap"}};
  for (size_t i = 0; i < RC_COUNT_OF(wrong); i++) {
    const void *address = wrong[i].address;
    void *writable = (void *)(uintptr_t)address;
    CHECK_EQ(gc_external_references(query, address, &external), RC_ERR_INVALID);
    CHECK_STR(gc_error_message(heap), wrong[i].word);
    CHECK_EQ(gc_referents(query, address, &step, 1, &count), RC_ERR_INVALID);
    CHECK_EQ(gc_referrers(query, address, &step, 1, &count), RC_ERR_INVALID);
    CHECK_STR(gc_error_message(heap), "gc_referrers");
    CHECK_EQ(gc_find_path(query, address, GC_FORWARD, is_wanted, &seen_objects, &step, 1, &count), RC_ERR_INVALID);
    CHECK_EQ(gc_why_alive(query, address, &why, &path, 1, &step, 1), RC_ERR_INVALID);
    CHECK_EQ(gc_why_not_collected(query, address, &why, &step, 1), RC_ERR_INVALID);
    CHECK_EQ(gc_why_text(query, address, text, sizeof text, &count), RC_ERR_INVALID);
    CHECK_EQ(gc_retained_size(query, &writable, 1, &size), RC_ERR_INVALID);
    CHECK_EQ(gc_dominator(query, address, &obj), RC_ERR_INVALID);
    CHECK_STR(gc_error_message(heap), wrong[i].word);
  }
  CHECK(count == 7 && external == 7 && obj == &obj); /* outputs are written only with RC_OK */
  CHECK_EQ(gc_query_begin(heap, check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_external_references(query, node, check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_referents(query, node, &step, 1, check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_referents(query, node, NULL, 1, &count), RC_ERR_INVALID);
  step.struct_size = 3;
  CHECK_EQ(gc_referents(query, node, &step, 1, &count), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "struct_size");
  CHECK_EQ(gc_find_path(query, node, 9, is_wanted, &count, NULL, 0, &count), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "direction 9");
  CHECK_EQ(gc_find_path(query, node, 0, NULL, NULL, NULL, 0, &count), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "predicate");
  CHECK_EQ(gc_query_objects(query, 9, NULL, 0, &count), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "which 9");
  CHECK_EQ(gc_query_objects(query, 0, NULL, 1, &count), RC_ERR_INVALID);
  CHECK_EQ(gc_retained_size(query, NULL, 1, &size), RC_ERR_INVALID);
  CHECK_EQ(gc_retained_size(query, &obj, 0, &size), RC_ERR_INVALID);
  why.struct_size = 1;
  CHECK_EQ(gc_why_alive(query, node, &why, NULL, 0, NULL, 0), RC_ERR_INVALID);
  CHECK_EQ(gc_why_text(query, node, NULL, 5, &count), RC_ERR_INVALID);
  CHECK_EQ(gc_dominator(query, node, check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_query_end(NULL), RC_OK);
  end(query);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- deep and wide ---- */

static int is_null_id(void *obj, void *ctx) {
  (void)ctx;
  return ((Node *)obj)->id == UINT64_MAX;
}

static void deep_and_long(void) {
  size_t n = check_scale(20000, 1000000, 10000000);
  for (int shape = 0; shape < 3; shape++) {
    gc_heap *heap = graph_heap("deep");
    graph_policy(heap, GC_POLICY_NEVER);
    rc_type *type = shape == 2 ? graph_callback(heap) : graph_declared(heap);
    Node *first = shape == 0 ? graph_chain(type, n, false) : graph_ring(type, n), *last = first;
    while (last->a && last->a != first) last = last->a;
    last->id = UINT64_MAX;
    gc_query *query = begin(heap);
    size_t length = 0;
    CHECK_EQ(gc_find_path(query, first, GC_FORWARD, is_null_id, NULL, NULL, 0, &length), RC_OK);
    CHECK_EQ(length, n);
    gc_why why = why_alive(query, last, NULL, 0, NULL, 0);
    CHECK_EQ(why.verdict, GC_WHY_REACHABLE);
    CHECK(why.holder == first);
    gc_path path = GC_PATH_INIT;
    why = why_alive(query, last, &path, 1, NULL, 0);
    CHECK_EQ(why.steps, n);
    CHECK_STR(text_of(query, last), " more) -> ");
    gc_size size = GC_SIZE_INIT;
    CHECK_EQ(gc_retained_size(query, (void *[]){first}, 1, &size), RC_OK);
    CHECK_EQ(size.objects, n);
    CHECK_EQ(gc_retained_size(query, (void *[]){first, last}, 2, &size), RC_OK);
    CHECK_EQ(size.objects, n);
    end(query);
    rc_decref(first);
    (void)gc_collect(heap);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

typedef struct Hub {
  uint64_t id;
  Node *spokes[];
} Hub;

static const rc_field hub_fields[] = {RC_FIELD_TAIL(Hub, spokes)};

static void wide(void) {
  size_t n = check_scale(5000, 1000000, 1000000);
  gc_heap *heap = graph_heap("wide");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Hub", spec.size = sizeof(Hub), spec.tail_size = sizeof(Node *);
  spec.fields = hub_fields, spec.field_count = 1;
  Hub *hub = rc_new_array(graph_type(heap, &spec), n);
  rc_type *type = graph_declared(heap);
  for (size_t i = 0; i < n; i++) {
    hub->spokes[i] = graph_node(type, i);
    hub->spokes[i]->a = rc_newref(hub);
  }
  gc_query *query = begin(heap);
  size_t count = 0;
  CHECK_EQ(gc_referrers(query, hub, NULL, 0, &count), RC_OK);
  CHECK_EQ(count, n);
  CHECK_EQ(gc_referents(query, hub, NULL, 0, &count), RC_OK);
  CHECK_EQ(count, n);
  char expected[64];
  snprintf(expected, sizeof expected, "path Hub.spokes[%zu]", n - 1);
  CHECK_STR(text_of(query, hub->spokes[n - 1]), expected);
  CHECK_EQ(outside(query, hub), 1);
  gc_size size = GC_SIZE_INIT;
  CHECK_EQ(gc_retained_size(query, (void *[]){hub}, 1, &size), RC_OK);
  CHECK_EQ(size.objects, n + 1);
  end(query);
  rc_decref(hub);
  (void)gc_collect(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void deep_and_wide(void) {
  on_a_small_stack(deep_and_long);
}

static void a_hub(void) {
  on_a_small_stack(wide);
}

/* What keeps a value that lies in two weak maps is the one whose key lives, whichever is come by first. */
static void a_value_of_two_maps(void) {
  for (int way = 0; way < 3; way++) {
    gc_heap *heap = graph_heap("two maps");
    rc_type *type = graph_declared(heap);
    gc_disable(heap);
    rc_weakmap *maps[] = {rc_weakmap_new(heap), rc_weakmap_new(heap)};
    Node *value = graph_node(type, 1), *live = graph_node(type, 2), *dead = graph_ring(type, 1);
    /* 0 and 1: the key of one of them is dead; 2: both keys live. */
    for (int i = 0; i < 2; i++) {
      CHECK_EQ(rc_weakmap_set(maps[i], way == 2 || way == i ? live : dead, value), RC_OK);
    }
    rc_decref(dead);
    rc_decref(value);
    gc_query *query = begin(heap);
    gc_why why = GC_WHY_INIT;
    gc_path path = GC_PATH_INIT;
    gc_path_step steps[4] = {GC_PATH_STEP_INIT};
    CHECK_EQ(gc_why_alive(query, value, &why, &path, 1, steps, 4), RC_OK);
    CHECK_EQ(why.verdict, GC_WHY_REACHABLE);
    CHECK(path.holder == (void *)maps[way % 2] || (way == 2 && path.holder == (void *)maps[1]));
    end(query);
    rc_decref(maps[0]);
    rc_decref(maps[1]);
    rc_decref(live);
    (void)gc_collect(heap);
    CHECK_EQ(graph_live(heap), 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static const check_test tests[] = {
    CHECK_TEST(every_edge_has_its_name),
    CHECK_TEST(random_graphs_against_a_model),
    CHECK_TEST(dominators_of_a_diamond),
    CHECK_TEST(the_sentence),
    CHECK_TEST(hostile_names),
    CHECK_TEST(every_verdict),
    CHECK_TEST(more_edges_than_references),
    CHECK_TEST(references_from_other_heaps_and_scopes_are_outside),
    CHECK_TEST(weak_maps_keep_values_while_the_key_lives),
    CHECK_TEST(a_session_is_stale_once_the_heap_has_changed),
    CHECK_TEST(predicates_that_do_what_they_may_not),
    CHECK_TEST(nothing_begins_inside_a_traverse),
    CHECK_TEST(a_traverse_may_only_visit_here_too),
    CHECK_TEST(a_session_in_a_finalizer),
    CHECK_TEST(bad_arguments),
    CHECK_TEST(deep_and_wide),
    CHECK_TEST(a_hub),
    CHECK_TEST(a_value_of_two_maps),
};
CHECK_MAIN(tests)
