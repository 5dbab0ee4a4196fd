/* Rings by their shapes, in a session and as collections find them dead; gc_verify and the watch on traverse. */
#include "check.h"
#include "graph.h"
#include "small_stack.h"

typedef struct Parent {
  struct Child *child;
  void *more;
} Parent;

typedef struct Child {
  Parent *parent;
} Child;

static const rc_field parent_fields[] = {RC_FIELD(Parent, child), RC_FIELD(Parent, more)};
static const rc_field child_fields[] = {RC_FIELD(Child, parent)};

typedef struct family {
  gc_heap *heap;
  rc_type *parent, *child;
} family;

static rc_type *type_of(gc_heap *heap, const char *name, size_t size, const rc_field *fields, size_t count) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = size, spec.fields = fields, spec.field_count = count;
  return graph_type(heap, &spec);
}

static family family_new(void) {
  family f = {graph_heap("family"), NULL, NULL};
  graph_policy(f.heap, GC_POLICY_NEVER);
  f.parent = type_of(f.heap, "Parent", sizeof(Parent), parent_fields, 2);
  f.child = type_of(f.heap, "Child", sizeof(Child), child_fields, 1);
  return f;
}

static Parent *pair(family f) {
  Parent *parent = rc_new(f.parent);
  REQUIRE(parent);
  parent->child = rc_new(f.child);
  REQUIRE(parent->child);
  parent->child->parent = rc_newref(parent);
  return parent;
}

static gc_query *begin(gc_heap *heap) {
  gc_query *query = NULL;
  REQUIRE(gc_query_begin(heap, &query) == RC_OK);
  return query;
}

enum { ROWS = 8 };

static size_t cycles(gc_query *query, gc_ring_shape *rows) {
  size_t count = 999;
  rows[0].struct_size = sizeof *rows;
  CHECK_EQ(gc_cycles(query, rows, ROWS, &count), RC_OK);
  return count;
}

static bool same(const char *text, const char *expected) {
  if (text && strcmp(text, expected) == 0) return true;
  printf("  \"%s\" instead of \"%s\"\n", text ? text : "(null)", expected);
  return false;
}

/* ---- shapes ---- */

static void rings_of_one_shape_are_one_row(void) {
  family f = family_new();
  Parent *held[50];
  for (size_t i = 0; i < 50; i++) {
    held[i] = pair(f);
    if (i >= 20) rc_decref(held[i]); /* dead or alive is all the same here */
  }
  CHECK_EQ(rc_add_external_bytes(held[0], 1000), RC_OK);
  rc_type *node = graph_declared(f.heap);
  Node *list = graph_ring(node, 5), *self = graph_ring(node, 1), *chain = graph_chain(node, 100, false);
  gc_query *query = begin(f.heap);
  gc_ring_shape rows[ROWS];
  CHECK_EQ(cycles(query, rows), 2);
  CHECK(same(rows[0].shape, "Parent.child -> Child.parent"));
  CHECK_EQ(rows[0].rings, 50);
  CHECK_EQ(rows[0].objects, 100);
  CHECK_EQ(rows[0].bytes, 50 * (32 + 16) + 1000);
  CHECK_EQ(rows[0].largest, 2);
  CHECK_EQ(rows[0].breaks, 50);
  CHECK(rc_type_of(rows[0].example) == f.parent || rc_type_of(rows[0].example) == f.child);
  CHECK(same(rows[1].shape, "Declared.a"));
  CHECK_EQ(rows[1].rings, 2); /* of five objects and of one */
  CHECK_EQ(rows[1].largest, 5);
  CHECK(same(rows[1].weakest, "Declared.a"));
  CHECK_EQ(cycles(query, rows), 2); /* the same again */
  size_t count;
  CHECK_EQ(gc_cycles(query, NULL, 0, &count), RC_OK);
  CHECK_EQ(count, 2);
  CHECK_EQ(gc_query_end(query), RC_OK);
  for (size_t i = 0; i < 20; i++) rc_decref(held[i]);
  rc_decref(list), rc_decref(self), rc_decref(chain);
  CHECK_EQ(gc_collect(f.heap), 100 + 6);
  query = begin(f.heap);
  CHECK_EQ(cycles(query, rows), 0);
  CHECK_EQ(gc_query_end(query), RC_OK);
  CHECK_EQ(gc_heap_free(f.heap), 0);
}

/* A list linked both ways: without the links back it is none. With `next` closed to a circle it still is one. */
static void the_weakest_edge(void) {
  for (int circle = 0; circle < 2; circle++) {
    gc_heap *heap = graph_heap("lists");
    graph_policy(heap, GC_POLICY_NEVER);
    rc_type *type = graph_declared(heap);
    Node *first = circle ? graph_ring(type, 9) : graph_chain(type, 9, false);
    for (Node *node = first; node->a && node->a != first; node = node->a) node->a->b = rc_newref(node);
    gc_query *query = begin(heap);
    gc_ring_shape rows[ROWS];
    CHECK_EQ(cycles(query, rows), 1);
    CHECK(same(rows[0].shape, "Declared.a -> Declared.b"));
    CHECK_EQ(rows[0].rings, 1);
    CHECK_EQ(rows[0].largest, 9);
    CHECK(same(rows[0].weakest, "Declared.a")); /* of the list both: then the first is named */
    CHECK_EQ(rows[0].breaks, 1);
    CHECK_EQ(gc_query_end(query), RC_OK);
    if (circle) { /* b goes around, too: now only together they break it */
      first->b = rc_newref(first->a->a->a);
      query = begin(heap);
      CHECK_EQ(cycles(query, rows), 1);
      CHECK_EQ(rows[0].breaks, 0);
      CHECK_EQ(gc_query_end(query), RC_OK);
    }
    rc_decref(first);
    CHECK_EQ(gc_collect(heap), 9);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

typedef struct Tree {
  struct Tree *parent;
  struct Tree *kids[3];
} Tree;

static const rc_field tree_fields[] = {RC_FIELD_ARRAY(Tree, kids), RC_FIELD(Tree, parent)};

/* Trees with links to the parent: most of the edges in rings are kids; the parent links break all, and so do those. */
static void a_tree_with_parents(void) {
  gc_heap *heap = graph_heap("trees");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type *type = type_of(heap, "Tree", sizeof(Tree), tree_fields, 2);
  for (size_t i = 0; i < 12; i++) {
    Tree *root = rc_new(type);
    for (size_t k = 0; k < 3; k++) {
      root->kids[k] = rc_new(type);
      root->kids[k]->parent = rc_newref(root);
    }
    rc_decref(root);
  }
  gc_query *query = begin(heap);
  gc_ring_shape rows[ROWS];
  CHECK_EQ(cycles(query, rows), 1);
  CHECK(same(rows[0].shape, "Tree.kids -> Tree.parent"));
  CHECK_EQ(rows[0].rings, 12);
  CHECK_EQ(rows[0].objects, 48);
  CHECK_EQ(rows[0].breaks, 12);
  CHECK_EQ(gc_query_end(query), RC_OK);
  CHECK_EQ(gc_collect(heap), 48);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static int unnamed_and_named(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Node *node = obj;
  char name[8];
  snprintf(name, sizeof name, "%s", "way"); /* equal names, each at an address of its own */
  static char kept[2][8];
  memcpy(kept[node->id % 2], name, sizeof name);
  int stop = rc_visit_named(visit, visit_ctx, node->a, kept[node->id % 2], RC_NO_INDEX);
  return stop ? stop : visit(node->b, visit_ctx);
}

static void names_are_compared_as_text(void) {
  gc_heap *heap = graph_heap("text");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Odd \"name\"\n\t{}", spec.size = sizeof(Node), spec.traverse = unnamed_and_named, spec.clear = graph_clear;
  spec.flags = RC_TYPE_TRACK_ON_NEW;
  rc_type *type = graph_type(heap, &spec);
  Node *one = graph_ring(type, 3), *two = graph_ring(type, 4);
  gc_query *query = begin(heap);
  gc_ring_shape rows[ROWS];
  CHECK_EQ(cycles(query, rows), 1);
  CHECK_EQ(rows[0].rings, 2);
  CHECK(same(rows[0].shape, "Odd \"name\"  {}.way"));
  CHECK_EQ(gc_query_end(query), RC_OK);
  two->b = rc_newref(two); /* an edge without a name */
  query = begin(heap);
  CHECK_EQ(cycles(query, rows), 2);
  CHECK(same(rows[0].shape, "Odd \"name\"  {}.? -> Odd \"name\"  {}.way"));
  CHECK_EQ(gc_query_end(query), RC_OK);
  rc_decref(one), rc_decref(two);
  (void)gc_collect(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

typedef struct Wide {
  struct Wide *edge[20];
} Wide;

static void a_shape_of_many_kinds(void) {
  gc_heap *heap = graph_heap("wide");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_field fields[20];
  char names[20][12];
  for (size_t i = 0; i < 20; i++) {
    rc_field field = {names[i], RC_SLOT_POINTER, RC_PLACE_ONE, i * sizeof(void *), 1, sizeof(void *), 0, 0, 0, 0, 0, 0, 0, 0};
    snprintf(names[i], sizeof names[i], "edge%zu", i);
    fields[i] = field;
  }
  rc_type *type = type_of(heap, "Wide", sizeof(Wide), fields, 20);
  Wide *a = rc_new(type), *b = rc_new(type);
  for (size_t i = 0; i < 20; i++) a->edge[i] = rc_newref(b);
  b->edge[19] = rc_newref(a);
  gc_query *query = begin(heap);
  gc_ring_shape rows[ROWS];
  CHECK_EQ(cycles(query, rows), 1);
  CHECK_STR(rows[0].shape, "Wide.edge0 -> Wide.edge1 -> ");
  CHECK_STR(rows[0].shape, ", and 8 more kinds of edges");
  CHECK_EQ(gc_query_end(query), RC_OK);
  rc_decref(a), rc_decref(b);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- large rings ---- */

static void large_rings(void) {
  size_t n = check_scale(5000, 1000000, 1000000);
  for (int shape = 0; shape < 3; shape++) {
    gc_heap *heap = graph_heap("large");
    graph_policy(heap, GC_POLICY_NEVER);
    rc_type *type = graph_declared(heap);
    Node *first = shape == 2 ? graph_chain(type, n, false) : graph_ring(type, n);
    if (shape == 1) {
      for (Node *node = first; node->a != first; node = node->a) node->a->b = rc_newref(node);
    }
    gc_query *query = begin(heap);
    gc_ring_shape rows[ROWS];
    CHECK_EQ(cycles(query, rows), shape < 2);
    if (shape < 2) {
      CHECK_EQ(rows[0].largest, n);
      CHECK_EQ(rows[0].breaks, 1);
    }
    CHECK_EQ(gc_query_end(query), RC_OK);
    rc_decref(first);
    (void)gc_collect(heap);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void large_rings_on_a_small_stack(void) {
  on_a_small_stack(large_rings);
}

/* ---- against a model: components by reachability ---- */

enum { MODEL = 40 };

static void random_graphs_against_a_model(void) {
  uint64_t seed = check_seed("random_graphs_against_a_model");
  for (size_t round = 0; round < check_scale(20, 300, 3000); round++) {
    gc_heap *heap = graph_heap("model");
    graph_policy(heap, GC_POLICY_NEVER);
    rc_type *type = graph_kinds[round % GRAPH_KINDS](heap);
    Node *nodes[MODEL];
    static bool reaches[MODEL][MODEL];
    memset(reaches, 0, sizeof reaches);
    size_t n = 2 + check_below(&seed, MODEL - 2);
    for (size_t i = 0; i < n; i++) nodes[i] = graph_node(type, i);
    size_t some = 1 + check_below(&seed, 3);
    for (size_t i = 0; i < n; i++) {
      if (!check_below(&seed, some)) nodes[i]->a = rc_newref(nodes[check_below(&seed, n)]);
      if (!check_below(&seed, some)) nodes[i]->b = rc_newref(nodes[check_below(&seed, n)]);
      if (nodes[i]->a) reaches[i][nodes[i]->a->id] = true;
      if (nodes[i]->b) reaches[i][nodes[i]->b->id] = true;
    }
    for (size_t k = 0; k < n; k++)
      for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) reaches[i][j] |= reaches[i][k] && reaches[k][j];
    size_t rings = 0, objects = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
      size_t members = 0, before = 0;
      for (size_t j = 0; j < n; j++) {
        bool together = reaches[i][j] && reaches[j][i];
        members += together;
        before += together && j < i;
      }
      objects += members != 0;
      rings += members != 0 && before == 0;
      if (members > largest) largest = members;
    }
    gc_query *query = begin(heap);
    gc_ring_shape rows[ROWS];
    size_t shapes = cycles(query, rows), found_rings = 0, found_objects = 0, found_largest = 0;
    CHECK(shapes <= 3); /* by a, by b, by both */
    for (size_t i = 0; i < shapes; i++) {
      found_rings += rows[i].rings, found_objects += rows[i].objects;
      CHECK(rows[i].breaks <= rows[i].rings);
      if (rows[i].largest > found_largest) found_largest = rows[i].largest;
      size_t at = ((Node *)rows[i].example)->id;
      CHECK(reaches[at][at]);
    }
    CHECK_EQ(found_rings, rings);
    CHECK_EQ(found_objects, objects);
    CHECK_EQ(found_largest, largest);
    CHECK_EQ(gc_query_end(query), RC_OK);
    for (size_t i = 0; i < n; i++) rc_decref(nodes[i]);
    (void)gc_collect(heap);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* ---- watches ---- */

static void what_collections_find_dead_is_learned(void) {
  family f = family_new();
  gc_ring_watch *watch = NULL, *second = NULL;
  size_t count = 7;
  gc_ring_shape rows[ROWS];
  rows[0].struct_size = sizeof *rows;
  REQUIRE(gc_watch_rings(f.heap, GC_RINGS_LOG, &watch) == RC_OK);
  CHECK_EQ(gc_watch_rings(f.heap, 0, &second), RC_ERR_IN_USE);
  CHECK_EQ(gc_watch_rings(f.heap, 8, &second), RC_ERR_INVALID);
  CHECK_EQ(gc_watch_rings(f.heap, 0, check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_watched_rings(watch, rows, ROWS, &count), RC_OK);
  CHECK_EQ(count, 0);
  Parent *alive = pair(f);
  check_log_start();
  for (size_t round = 0; round < 3; round++) {
    for (size_t i = 0; i < 10; i++) rc_decref(pair(f));
    rc_decref(graph_chain(graph_declared(f.heap), 10, false)); /* dies by count: not the collector's */
    CHECK_EQ(round == 1 ? gc_collect_young(f.heap) : gc_collect(f.heap), 20);
  }
  CHECK_STR(check_log.text, "found dead: Parent.child -> Child.parent, 10 times, 20 objects, 480 B; weakening Parent.child breaks 10");
  CHECK_EQ(gc_watched_rings(watch, rows, ROWS, &count), RC_OK);
  CHECK_EQ(count, 1);
  CHECK(same(rows[0].shape, "Parent.child -> Child.parent"));
  CHECK_EQ(rows[0].rings, 30);
  CHECK_EQ(rows[0].objects, 60);
  CHECK_EQ(rows[0].bytes, 30 * 48);
  CHECK_EQ(rows[0].breaks, 30);
  CHECK(rows[0].example == NULL);
  rc_decref(alive);
  CHECK_EQ(gc_heap_free(f.heap), 0);
  CHECK_EQ(gc_watched_rings(watch, rows, ROWS, &count), RC_OK); /* its last collection was learned, too */
  CHECK_EQ(rows[0].rings, 31);
  CHECK_EQ(gc_watched_rings(watch, NULL, 3, &count), RC_ERR_INVALID);
  CHECK_EQ(gc_watched_rings(watch, rows, ROWS, check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_watch_rings_end(watch), RC_OK);
  CHECK_EQ(gc_watch_rings_end(NULL), RC_OK);
}

static gc_ring_watch *ended_inside;
static rc_status status_inside;

static void end_watch_inside(void *obj) {
  (void)obj;
  status_inside = gc_watch_rings_end(ended_inside);
}

static void a_watch_does_not_end_inside_a_collection(void) {
  gc_heap *heap = graph_heap("inside");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Ending", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
  spec.destroy = end_watch_inside;
  REQUIRE(gc_watch_rings(heap, 0, &ended_inside) == RC_OK);
  rc_decref(graph_ring(graph_type(heap, &spec), 3));
  CHECK_EQ(gc_collect(heap), 3);
  CHECK_EQ(status_inside, RC_ERR_REFUSED);
  CHECK_EQ(gc_watch_rings_end(ended_inside), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static uint64_t trace;

static void note_event(gc_heap *heap, const gc_event *event, void *ctx) {
  (void)heap, (void)ctx;
  trace = (trace ^ event->kind ^ event->generation << 4 ^ event->examined << 8 ^ event->reclaimed << 32) * 0x9e3779b97f4a7c15u;
}

/* With a watch, sessions and checks, the same collections come and find the same. */
static uint64_t work(bool looking) {
  uint64_t seed = 777;
  gc_heap *heap = graph_heap("traced");
  rc_type *types[] = {graph_declared(heap), graph_callback(heap), graph_watched(heap)};
  gc_policy policy = GC_POLICY_INIT;
  policy.young_bytes = 100000;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  trace = 0;
  CHECK_EQ(gc_add_callback(heap, note_event, NULL), RC_OK);
  gc_ring_watch *watch = NULL;
  if (looking) CHECK_EQ(gc_watch_rings(heap, 0, &watch), RC_OK);
  if (looking) CHECK_EQ(gc_watch_traverse(heap, true), RC_OK);
  Node *held[200] = {0};
  uint64_t sum = 0;
  for (size_t step = 0; step < check_scale(2000, 20000, 100000); step++) {
    Node **place = &held[check_below(&seed, 200)];
    rc_xdecref(*place);
    *place = graph_ring(types[step % 3], 1 + check_below(&seed, 9));
    if (looking && step % 500 == 0) {
      gc_query *query = begin(heap);
      size_t count;
      gc_why why = GC_WHY_INIT;
      gc_size size = GC_SIZE_INIT;
      CHECK_EQ(gc_cycles(query, NULL, 0, &count), RC_OK);
      CHECK_EQ(gc_why_alive(query, *place, &why, NULL, 0, NULL, 0), RC_OK);
      CHECK_EQ(gc_why_not_collected(query, *place, &why, NULL, 0), RC_OK);
      CHECK_EQ(gc_retained_size(query, (void *[]){*place}, 1, &size), RC_OK);
      CHECK_EQ(gc_query_end(query), RC_OK);
      CHECK_EQ(gc_verify(heap, NULL, NULL, &count), RC_OK);
      CHECK_EQ(count, 0);
    }
    if (step % 100 == 0)
      for (size_t i = 0; i < 200; i++) sum = sum * 31 + (held[i] ? rc_count(held[i]) + 7 * gc_is_tracked(held[i]) : 0);
  }
  for (size_t i = 0; i < 200; i++) rc_xdecref(held[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(gc_watch_rings_end(watch), RC_OK);
  return trace ^ sum;
}

static void looking_changes_nothing(void) {
  CHECK_EQ(work(true), work(false));
}

/* ---- gc_verify ---- */

typedef struct findings {
  size_t count;
  gc_finding last;
  char text[1024];
} findings;

static void take_finding(const gc_finding *finding, void *ctx) {
  findings *all = ctx;
  all->count++;
  all->last = *finding;
  snprintf(all->text, sizeof all->text, "%s", finding->message);
  CHECK_EQ(finding->struct_size, sizeof *finding);
}

static findings verify(gc_heap *heap) {
  static findings all;
  memset(&all, 0, sizeof all);
  size_t count = 99;
  CHECK_EQ(gc_verify(heap, take_finding, &all, &count), RC_OK);
  CHECK_EQ(count, all.count);
  return all;
}

static void a_whole_heap_has_no_findings(void) {
  gc_heap *heap = graph_heap("whole");
  CHECK_EQ(verify(heap).count, 0);
  Node *held[GRAPH_KINDS];
  for (size_t i = 0; i < GRAPH_KINDS; i++) held[i] = graph_ring(graph_kinds[i](heap), 100);
  rc_weakmap *map = rc_weakmap_new(heap);
  CHECK_EQ(rc_weakmap_set(map, held[0], held[1]), RC_OK);
  CHECK_EQ(rc_add_external_bytes(held[2], 5), RC_OK);
  rc_immortalize(graph_chain(rc_type_of(held[0]), 3, false));
  CHECK_EQ(verify(heap).count, 0);
  for (size_t i = 0; i < GRAPH_KINDS; i++) rc_decref(held[i]);
  rc_decref(map);
  CHECK_EQ(verify(heap).count, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void a_count_below_the_edges_is_named(void) {
  gc_heap *heap = graph_heap("below");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type *type = graph_declared(heap);
  Node *one = graph_node(type, 1), *two = graph_node(type, 2), *node = graph_node(type, 3);
  one->a = node, one->b = node, two->a = node; /* two increfs are missing */
  findings found = verify(heap);
  CHECK_EQ(found.count, 1);
  CHECK_EQ(found.last.kind, GC_FINDING_TOO_MANY_EDGES);
  CHECK(found.last.object == node && found.last.type == type);
  CHECK_EQ(found.last.count, 1);
  CHECK_EQ(found.last.edges, 3);
  char expected[256];
  snprintf(expected, sizeof expected, "Declared %p has 1 references, and 3 edges lead to it", (void *)node);
  CHECK_STR(found.text, expected);
  snprintf(expected, sizeof expected, "%p Declared.a, %p Declared.b, %p Declared.a", (void *)one, (void *)one, (void *)two);
  CHECK_STR(found.text, expected);
  check_log_start();
  size_t count;
  CHECK_EQ(gc_verify(heap, NULL, NULL, &count), RC_OK);
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], 1);
  one->b = NULL, two->a = NULL;
  rc_decref(one), rc_decref(two);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static int twice_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Node *node = obj;
  int stop = rc_visit_named(visit, visit_ctx, node->a, "a", RC_NO_INDEX);
  return stop ? stop : rc_visit_named(visit, visit_ctx, node->a, "again", 3);
}

static void clear_a(void *obj) {
  rc_clear(&((Node *)obj)->a);
}

static void an_edge_reported_twice_is_named(void) {
  gc_heap *heap = graph_heap("twice");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Twice", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = twice_traverse, spec.clear = clear_a;
  rc_type *type = graph_type(heap, &spec);
  Node *node = graph_node(type, 1);
  node->a = graph_node(type, 2);
  findings found = verify(heap);
  CHECK_EQ(found.count, 1);
  CHECK_STR(found.text, "a traverse reports an edge twice");
  CHECK_STR(found.text, "Twice.a");
  CHECK_STR(found.text, "Twice.again[3]");
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void edges_that_lead_to_no_object(void) {
  gc_heap *heap = graph_heap("nowhere");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type *type = graph_declared(heap);
  Node *node = graph_node(type, 1), *dead = graph_node(type, 2), *live = graph_node(type, 3);
  node->a = dead;
  rc_decref(dead);
  findings found = verify(heap);
  CHECK_EQ(found.count, 1);
  CHECK_EQ(found.last.kind, GC_FINDING_DEAD_TARGET);
  CHECK(found.last.object == node);
  CHECK_STR(found.text, "refers by Declared.a to");
  CHECK_STR(found.text, "which is a dead object of type Declared: it was released once too often");
  static Node on_no_heap;
  void *nowhere[] = {&on_no_heap, (char *)live + 8, (char *)live + 1, (void *)(uintptr_t)0x7fff00000000f0};
  for (size_t i = 0; i < RC_COUNT_OF(nowhere); i++) {
    node->a = NULL, node->b = nowhere[i];
    found = verify(heap);
    CHECK_EQ(found.count, 1);
    CHECK_EQ(found.last.kind, GC_FINDING_NO_OBJECT);
    CHECK_STR(found.text, "refers by Declared.b to");
    CHECK_STR(found.text, "which is no object");
  }
  node->b = NULL;
  rc_decref(node), rc_decref(live);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void damage_is_found(void) {
  gc_heap *heap = graph_heap("damaged");
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Bytes", spec.size = 24;
  rc_type *type = graph_type(heap, &spec);
  char *before = rc_new(type), *node = rc_new(type);
  uint64_t header;
  memcpy(&header, node - 8, 8);
  memset(before, 0xff, 32); /* eight bytes too far: over the next header */
  findings found = verify(heap);
  CHECK(found.count >= 1);
  CHECK_EQ(found.last.kind, GC_FINDING_STRUCTURE);
  CHECK_STR(found.text, "the heap is damaged");
  memcpy(node - 8, &header, 8);
  CHECK_EQ(verify(heap).count, 0);
  rc_decref(before), rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static rc_status verify_inside;

static int verifying_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  size_t count;
  verify_inside = gc_verify(rc_heap_of(obj), NULL, NULL, &count);
  return visit(((Node *)obj)->a, visit_ctx);
}

static void bad_checks(void) {
  gc_heap *heap = graph_heap("bad");
  CHECK_EQ(gc_verify(heap, NULL, NULL, check_null()), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "out_count");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Verifying", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = verifying_traverse, spec.clear = clear_a;
  Node *node = graph_node(graph_type(heap, &spec), 1);
  (void)gc_collect(heap);
  CHECK_EQ(verify_inside, RC_ERR_REFUSED);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- what traverse forgets ---- */

static int only_a(void *obj, rc_visit_fn visit, void *visit_ctx) {
  return visit(((Node *)obj)->a, visit_ctx);
}

static void clear_both(void *obj) {
  rc_clear(&((Node *)obj)->a);
  rc_clear(&((Node *)obj)->b);
}

static void destroy_b(void *obj) {
  rc_clear(&((Node *)obj)->b);
}

static rc_type *forgetful(gc_heap *heap, const char *name, bool in_destroy) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = only_a, spec.clear = in_destroy ? clear_a : clear_both;
  spec.destroy = in_destroy ? destroy_b : NULL;
  return graph_type(heap, &spec);
}

static void a_traverse_that_forgets_is_named(void) {
  for (int in_destroy = 0; in_destroy < 2; in_destroy++) {
    gc_heap *heap = graph_heap("forgetful");
    graph_policy(heap, GC_POLICY_NEVER);
    rc_type *good = graph_declared(heap), *bad = forgetful(heap, "Forgetful", in_destroy), *right = graph_callback(heap);
    CHECK_EQ(gc_watch_traverse(heap, true), RC_OK);
    CHECK_EQ(gc_watch_traverse(heap, true), RC_OK); /* idempotent */
    check_log_start();
    /* What is reported explains all that dies with it, and what that refers to. */
    for (size_t i = 0; i < 5; i++) {
      Node *node = graph_node(bad, i), *fine = graph_node(right, i);
      node->a = graph_chain(good, 5, false);
      fine->a = graph_chain(good, 3, false), fine->b = graph_chain(right, 3, true);
      rc_decref(node), rc_decref(fine);
    }
    CHECK_EQ(verify(heap).count, 0);
    for (size_t i = 0; i < 5; i++) {
      Node *node = graph_node(bad, i);
      node->a = graph_node(good, 1);
      node->b = graph_chain(good, 4, false);
      rc_decref(node);
    }
    findings found = verify(heap);
    CHECK_EQ(found.count, 1);
    CHECK_EQ(found.last.kind, GC_FINDING_UNREPORTED);
    CHECK(found.last.type == bad);
    CHECK_STR(found.text, in_destroy ? "destroy of type Forgetful ended 20 objects of type Declared" :
                                       "clear of type Forgetful ended 20 objects of type Declared");
    CHECK_EQ(check_log.lines[GC_LOG_ERROR], 1); /* once */
    CHECK_EQ(gc_watch_traverse(heap, false), RC_OK);
    CHECK_EQ(verify(heap).count, 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* Who lets go of the forgetful one has not forgotten anything; and in collections the same is found. */
static void the_guilty_one_is_the_innermost(void) {
  for (int ring = 0; ring < 2; ring++) {
    gc_heap *heap = graph_heap("nested");
    graph_policy(heap, GC_POLICY_NEVER);
    rc_type *good = graph_declared(heap), *bad = forgetful(heap, "Forgetful", false), *outer = graph_callback(heap);
    CHECK_EQ(gc_watch_traverse(heap, true), RC_OK);
    check_log_start();
    Node *node = graph_node(outer, 1);
    node->a = graph_node(bad, 2);
    node->a->b = graph_node(good, 3);
    if (ring) {
      node->a->a = rc_newref(node);
      rc_decref(node);
      CHECK_EQ(gc_collect(heap), 2);
    } else {
      rc_decref(node);
    }
    findings found = verify(heap);
    CHECK_EQ(found.count, 1);
    CHECK_STR(found.text, "clear of type Forgetful ended 1 objects of type Declared");
    CHECK_EQ(gc_heap_free(heap), 0); /* with the watch still on */
  }
}

static rc_status watch_inside;

static void watch_in_destroy(void *obj) {
  watch_inside = gc_watch_traverse(rc_heap_of(obj), true);
}

static void a_watch_on_traverse_begins_at_rest(void) {
  gc_heap *heap = graph_heap("at rest");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Watching", spec.size = 8, spec.destroy = watch_in_destroy;
  rc_decref(rc_new(graph_type(heap, &spec)));
  CHECK_EQ(watch_inside, RC_ERR_REFUSED);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(rings_of_one_shape_are_one_row),
    CHECK_TEST(the_weakest_edge),
    CHECK_TEST(a_tree_with_parents),
    CHECK_TEST(names_are_compared_as_text),
    CHECK_TEST(a_shape_of_many_kinds),
    CHECK_TEST(large_rings_on_a_small_stack),
    CHECK_TEST(random_graphs_against_a_model),
    CHECK_TEST(what_collections_find_dead_is_learned),
    CHECK_TEST(a_watch_does_not_end_inside_a_collection),
    CHECK_TEST(looking_changes_nothing),
    CHECK_TEST(a_whole_heap_has_no_findings),
    CHECK_TEST(a_count_below_the_edges_is_named),
    CHECK_TEST(an_edge_reported_twice_is_named),
    CHECK_TEST(edges_that_lead_to_no_object),
    CHECK_TEST(damage_is_found),
    CHECK_TEST(bad_checks),
    CHECK_TEST(a_traverse_that_forgets_is_named),
    CHECK_TEST(the_guilty_one_is_the_innermost),
    CHECK_TEST(a_watch_on_traverse_begins_at_rest),
};
CHECK_MAIN(tests)
