/* inspect.c: what it costs to look at a heap of a million objects: numbers by type, growth, the facts of an address, a
 * session and what is asked in it. Shapes: random (two random references each, one in a hundred held), list, tree, rings
 * (of two objects, dead), ring (one, with links back).
 *
 * Every answer is checked against what the shape makes it.
 */
#include "live.h"

enum { COUNT = 1000000, FACTS = 1000000, TABLES = 1001 };

typedef struct Shape {
  const char *name;
  size_t objects;           /* 0: not known beforehand */
  Node *root, *target;      /* the root leads to the target, if something does */
  size_t rings;             /* SIZE_MAX: not known beforehand */
} Shape;

static Node *list_new(size_t count, Node **last) {
  Node *first = NULL;
  for (size_t i = 0; i < count; i++) {
    Node *node = node_new_of(node_type);
    node->left = first;
    first = node;
    if (i == 0) *last = node;
  }
  return first;
}

static Node *tree_new(unsigned depth) {
  Node *node = node_new_of(node_type);
  if (depth > 1) node->left = tree_new(depth - 1), node->right = tree_new(depth - 1);
  return node;
}

static Shape shape_new(const char *name) {
  Shape shape = {name, COUNT, NULL, NULL, 0};
  if (strcmp(name, "random") == 0) {
    Node **table = bench_table(COUNT, sizeof *table);
    make_nodes(node_type, table, COUNT);
    make_random_edges(table, COUNT);
    Node *last = table[COUNT - 1];
    while (last->left == last) last = last->right;
    shape.root = table[0];
    shape.target = table[0]->left->left->left->left;
    hold_one_in_a_hundred(table, COUNT);
    (void)gc_collect(bench_heap);
    shape.objects = 0, shape.rings = SIZE_MAX;
  } else if (strcmp(name, "list") == 0) {
    shape.root = list_new(COUNT, &shape.target);
  } else if (strcmp(name, "tree") == 0) {
    shape.root = shape.target = tree_new(20);
    while (shape.target->left) shape.target = shape.target->left;
    shape.objects = (1u << 20) - 1;
  } else if (strcmp(name, "rings") == 0) {
    for (size_t i = 0; i < COUNT / 2; i++) {
      Node *a = node_new_of(node_type), *b = node_new_of(node_type);
      a->left = b, b->right = a; /* they own each other, and nobody owns them */
      shape.root = shape.target = a;
    }
    shape.rings = COUNT / 2;
  } else if (strcmp(name, "ring") == 0) {
    shape.root = list_new(COUNT, &shape.target);
    shape.target->left = rc_newref(shape.root);
    for (Node *node = shape.root; node != shape.target; node = node->left) node->left->right = rc_newref(node);
    shape.rings = 1;
  } else {
    bench_fail("unknown shape %s", name);
  }
  return shape;
}

static void must(rc_status status) {
  if (status != RC_OK) bench_fail("%s: %s", rc_status_name(status), gc_error_message(bench_heap));
}

/* ---- without a session ---- */

static void numbers(void) {
  uint64_t samples[2][TABLES];
  gc_type_facts row = GC_TYPE_FACTS_INIT;
  gc_growth growth = GC_GROWTH_INIT;
  size_t count;
  for (size_t i = 0; i < TABLES; i++) {
    gc_mark *mark;
    uint64_t start = bench_now_ns();
    must(gc_most_common_types(bench_heap, GC_ORDER_LIVE, &row, 1, &count));
    uint64_t middle = bench_now_ns();
    must(gc_growth_mark(bench_heap, GC_MARK_TYPES, &mark));
    must(gc_growth_since(mark, GC_SINCE_MARK, &growth, 1, &count));
    samples[0][i] = middle - start, samples[1][i] = bench_now_ns() - middle;
    if (count != 0) bench_fail("nothing has grown");
    gc_growth_free(mark);
  }
  bench_report("types", bench_median(samples[0], TABLES), "ns");
  bench_report("growth", bench_median(samples[1], TABLES), "ns");
  gc_mark *mark;
  uint64_t start = bench_now_ns();
  must(gc_growth_mark(bench_heap, GC_MARK_OBJECTS, &mark));
  bench_report("mark_objects", (double)(bench_now_ns() - start), "ns");
  gc_growth_free(mark);
}

/* Facts of addresses inside objects, and what the loop around them takes. */
static void facts(const Shape *shape) {
  uintptr_t *addresses = bench_table(FACTS, sizeof *addresses);
  size_t count = 0;
  gc_iter iter;
  void *obj;
  must(gc_iter_begin(bench_heap, NULL, &iter));
  uint64_t start = bench_now_ns();
  while (gc_iter_next(&iter, &obj) == RC_OK && obj) {
    if (count < FACTS) addresses[count] = (uintptr_t)obj + bench_random_below(sizeof(Node));
    count++;
  }
  bench_report_each("walk", start, (double)count);
  if (shape->objects && count != shape->objects) bench_fail("%zu objects walked", count);
  if (count > FACTS) count = FACTS;
  for (int order = 0; order < 2; order++) {
    size_t live = 0;
    start = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
      gc_object_facts facts = GC_OBJECT_FACTS_INIT;
      must(gc_object_info((void *)addresses[i], &facts));
      live += facts.place == GC_ADDRESS_LIVE;
    }
    bench_report_each(order ? "facts_random" : "facts", start, (double)count);
    if (live != count) bench_fail("%zu of %zu addresses in objects", live, count);
    for (size_t i = count; i > 1; i--) {
      size_t j = bench_random_below(i);
      uintptr_t address = addresses[i - 1];
      addresses[i - 1] = addresses[j], addresses[j] = address;
    }
  }
  free(addresses);
}

/* ---- in a session ---- */

static gc_query *session(double *begin_ns) {
  gc_query *query;
  uint64_t start = bench_now_ns();
  must(gc_query_begin(bench_heap, &query));
  *begin_ns = (double)(bench_now_ns() - start);
  return query;
}

static void questions(const Shape *shape) {
  double begin_ns;
  gc_query *query = session(&begin_ns);
  gc_query_facts listed = GC_QUERY_FACTS_INIT;
  must(gc_query_info(query, &listed));
  if (shape->objects && listed.objects != shape->objects) bench_fail("%" PRIu64 " objects listed", listed.objects);
  bench_report("begin", begin_ns, "ns");
  bench_report("session_bytes", (double)listed.bytes / (double)listed.objects, "bytes");

  gc_why why = GC_WHY_INIT;
  gc_path path = GC_PATH_INIT;
  uint64_t start = bench_now_ns();
  must(gc_why_alive(query, shape->target, &why, &path, 1, NULL, 0));
  bench_report("why", begin_ns + (double)(bench_now_ns() - start), "ns");
  if (strcmp(shape->name, "list") == 0 && path.length != COUNT) bench_fail("a path of %zu steps", path.length);
  must(gc_query_end(query));

  query = session(&begin_ns);
  gc_ring_shape rings = GC_RING_SHAPE_INIT;
  size_t count = 0;
  start = bench_now_ns();
  must(gc_cycles(query, &rings, 1, &count));
  bench_report("rings", begin_ns + (double)(bench_now_ns() - start), "ns");
  if (shape->rings != SIZE_MAX && rings.rings != shape->rings) bench_fail("%" PRIu64 " rings", rings.rings);
  must(gc_query_end(query));

  query = session(&begin_ns);
  gc_size size = GC_SIZE_INIT;
  void *root = shape->root;
  start = bench_now_ns();
  must(gc_retained_size(query, &root, 1, &size));
  bench_report("dominators", begin_ns + (double)(bench_now_ns() - start), "ns");
  bool all = shape->rings == 0 || strcmp(shape->name, "ring") == 0;
  if (all && size.objects != listed.objects) bench_fail("%" PRIu64 " objects retained", size.objects);
  must(gc_query_end(query));

  start = bench_now_ns();
  must(gc_verify(bench_heap, NULL, NULL, &count));
  bench_report("verify", (double)(bench_now_ns() - start), "ns");
  if (count != 0) bench_fail("%zu findings", count);
}

int main(int argc, char **argv) {
  if (argc != 2) bench_fail("usage: inspect random|list|tree|rings|ring");
  bench_pin();
  bench_open();
  gc_disable(bench_heap);
  Shape shape = shape_new(argv[1]);
  numbers();
  facts(&shape);
  questions(&shape);
  fflush(NULL);
  _exit(0); /* the objects need not be ended one by one */
}
