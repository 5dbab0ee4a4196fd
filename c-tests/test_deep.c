/* Depth never matters: everything here runs on a thread with a stack of 64 KiB, in chains, trees and rings
 * of up to 10 million objects, released, collected, and traversed alive, with declared fields and with
 * callbacks. */
#include "check.h"
#include "graph.h"
#include "small_stack.h"

static size_t millions(size_t n) {
  return check_scale(n * 10000, n * 1000000, n * 1000000);
}

/* ---- chains ---- */

/* Released from its head; a second reference to the middle is released afterwards. */
static void chain_case(rc_type *type, size_t n, bool through_b) {
  graph_reset();
  gc_disable(NULL);
  Node *head = graph_chain(type, n, through_b), *middle = head;
  for (size_t i = 0; i < n / 2; i++) middle = through_b ? middle->b : middle->a;
  rc_incref(middle);
  rc_decref(head);
  CHECK_EQ(graph_live(NULL), n - n / 2);
  rc_decref(middle);
  CHECK_EQ(graph_live(NULL), 0);
}

static void declared_chain(void) {
  rc_type *type = graph_declared(NULL);
  chain_case(type, millions(10), false);
  chain_case(type, millions(10), true);
}

static void callback_chain(void) {
  rc_type *type = graph_callback(NULL);
  chain_case(type, millions(10), false);
  CHECK_EQ(graph.cleared, millions(10));
  CHECK_EQ(graph.destroyed, millions(10));
  chain_case(type, millions(10), true);
  CHECK_EQ(graph.destroyed, millions(10));
}

static void watched_and_mixed_chains(void) {
  rc_type *types[] = {graph_watched(NULL), graph_mixed(NULL)};
  for (size_t i = 0; i < 2; i++) {
    for (int through_b = 0; through_b < 2; through_b++) {
      chain_case(types[i], millions(2), through_b);
      CHECK_EQ(graph.destroyed, millions(2));
    }
  }
}

static void chain_of_all_kinds_in_turn(void) {
  rc_type *types[GRAPH_KINDS];
  size_t n = millions(2);
  for (size_t i = 0; i < GRAPH_KINDS; i++) types[i] = graph_kinds[i](NULL);
  Node *head = NULL;
  for (size_t i = 0; i < n; i++) {
    Node *node = graph_node(types[i % GRAPH_KINDS], i);
    if (i / GRAPH_KINDS % 2) node->a = head;
    else node->b = head;
    head = node;
  }
  rc_decref(head);
  CHECK_EQ(graph_live(NULL), 0);
  CHECK_EQ(graph.destroyed, n / GRAPH_KINDS * 3);
}

typedef struct Seven {
  struct Seven *slot[7];
} Seven;

static const rc_field seven_fields[] = {RC_FIELD_ARRAY(Seven, slot)};

/* Through the first, the middle and the last of seven slots, the others null or leaves. */
static void chain_through_each_of_seven_fields(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Seven", spec.size = sizeof(Seven);
  spec.fields = seven_fields, spec.field_count = 1;
  rc_type *type = graph_type(NULL, &spec);
  size_t n = check_scale(20000, 500000, 5000000);
  for (size_t way = 0; way < 7; way++) {
    for (int leaves = 0; leaves < 2; leaves++) {
      Seven *head = NULL;
      for (size_t i = 0; i < n; i++) {
        Seven *node = rc_new(type);
        REQUIRE(node != NULL);
        node->slot[way] = head;
        for (size_t j = 0; leaves && j < 7; j += 3) {
          if (node->slot[j]) continue;
          node->slot[j] = rc_new(type);
          REQUIRE(node->slot[j] != NULL);
        }
        head = node;
      }
      rc_decref(head);
      CHECK_EQ(graph_live(NULL), 0);
    }
  }
}

typedef struct Items {
  struct Items **items;
  uint32_t used;
} Items;

static const rc_field items_fields[] = {RC_FIELD_VECTOR(Items, items, used)};

static void items_destroy(void *obj) {
  free(((Items *)obj)->items);
}

static void chain_through_vectors(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Items", spec.size = sizeof(Items), spec.destroy = items_destroy;
  spec.fields = items_fields, spec.field_count = 1;
  rc_type *type = graph_type(NULL, &spec);
  Items *head = NULL;
  for (size_t i = 0; i < millions(1); i++) {
    Items *node = rc_new(type);
    REQUIRE(node != NULL);
    node->items = calloc(2, sizeof(Items *));
    REQUIRE(node->items != NULL);
    node->items[i % 2] = head;
    node->used = 2;
    head = node;
  }
  CHECK_EQ(gc_collect(NULL), 0);
  rc_decref(head);
  CHECK_EQ(graph_live(NULL), 0);
}

/* Each object in the other heap than the one before it. */
static void chain_across_two_heaps(void) {
  gc_heap *heaps[] = {graph_heap("even"), graph_heap("odd")};
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    rc_type *types[] = {graph_kinds[kind](heaps[0]), graph_kinds[kind](heaps[1])};
    Node *head = NULL;
    for (size_t i = 0; i < millions(1); i++) {
      Node *node = graph_node(types[i % 2], i);
      node->a = head;
      head = node;
    }
    rc_decref(head);
    CHECK_EQ(graph_live(heaps[0]) + graph_live(heaps[1]), 0);
  }
  CHECK_EQ(gc_heap_free(heaps[0]), 0);
  CHECK_EQ(gc_heap_free(heaps[1]), 0);
}

/* A destroy that releases the next by itself: what the engine cannot see as an edge. */
static void own_destroy(void *obj) {
  Node *node = obj;
  graph.destroyed++;
  rc_xdecref(node->a);
}

static void chain_released_by_destroy(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Own", spec.size = sizeof(Node), spec.destroy = own_destroy;
  rc_type *type = graph_type(NULL, &spec);
  rc_decref(graph_chain(type, millions(3), false));
  CHECK_EQ(graph.destroyed, millions(3));
  CHECK_EQ(graph_live(NULL), 0);
}

/* ---- trees and hubs ---- */

static void tree_case(rc_type *type) {
  graph_reset();
  Node *comb = NULL; /* deep on one side, a leaf on the other, sides in turn */
  size_t n = millions(1);
  for (size_t i = 0; i < n; i++) {
    Node *node = graph_node(type, i), *leaf = graph_node(type, i);
    node->a = i % 2 ? comb : leaf;
    node->b = i % 2 ? leaf : comb;
    comb = node;
  }
  CHECK_EQ(gc_collect(NULL), 0);
  rc_decref(comb);
  CHECK_EQ(graph_live(NULL), 0);
  unsigned depth = (unsigned)check_scale(12, 20, 22);
  rc_decref(graph_tree(type, depth));
  CHECK_EQ(graph_live(NULL), 0);
}

static void combs_and_trees(void) {
  gc_disable(NULL);
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) tree_case(graph_kinds[kind](NULL));
}

/* A million children with callbacks wait for their end at once: nothing is allocated for that. */
static void hub_of_a_million_callback_children(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Items", spec.size = sizeof(Items), spec.destroy = items_destroy;
  spec.fields = items_fields, spec.field_count = 1;
  rc_type *type = graph_type(NULL, &spec);
  size_t n = millions(1);
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    rc_type *children = graph_kinds[kind](NULL);
    graph_reset();
    Items *hub = rc_new(type);
    REQUIRE(hub != NULL);
    hub->items = calloc(n, sizeof(Items *));
    REQUIRE(hub->items != NULL);
    hub->used = (uint32_t)n;
    for (size_t i = 0; i < n; i++) hub->items[i] = (Items *)graph_node(children, i);
    rc_decref(hub);
    CHECK_EQ(graph_live(NULL), 0);
    if (kind > 0) CHECK_EQ(graph.destroyed, n);
  }
}

/* ---- the collector ---- */

static void ring_case(rc_type *type, size_t n) {
  graph_reset();
  gc_disable(NULL);
  Node *ring = graph_ring(type, n);
  CHECK_EQ(gc_collect(NULL), 0); /* traversed alive */
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), n);
  CHECK_EQ(graph_live(NULL), 0);
}

static void declared_ring(void) {
  ring_case(graph_declared(NULL), millions(10));
}

static void callback_ring(void) {
  ring_case(graph_callback(NULL), millions(10));
  CHECK_EQ(graph.destroyed, millions(10));
}

static void watched_and_mixed_rings(void) {
  ring_case(graph_watched(NULL), millions(2));
  ring_case(graph_mixed(NULL), millions(2));
}

/* Marking in the worst order for a sweep: each object refers to one at a lower address. */
static void live_chain_is_traversed(void) {
  gc_disable(NULL);
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    rc_type *type = graph_kinds[kind](NULL);
    Node *chain = graph_chain(type, millions(2), kind % 2);
    CHECK_EQ(gc_collect(NULL), 0);
    CHECK_EQ(gc_collect_young(NULL), 0);
    CHECK_EQ(graph_live(NULL), millions(2));
    rc_decref(chain);
    CHECK_EQ(graph_live(NULL), 0);
  }
}

static void random_graph_held_by_one(void) {
  uint64_t seed = check_seed("random_graph_held_by_one");
  gc_disable(NULL);
  for (size_t kind = 0; kind < GRAPH_KINDS; kind += 2) {
    rc_type *type = graph_kinds[kind](NULL);
    size_t n = millions(1);
    Node **nodes = calloc(n, sizeof *nodes);
    REQUIRE(nodes != NULL);
    for (size_t i = 0; i < n; i++) nodes[i] = graph_node(type, i);
    for (size_t i = 0; i < n; i++) { /* a ring in random order would be too kind: any second edge */
      nodes[i]->a = rc_newref(nodes[(i + 1) % n]);
      nodes[i]->b = rc_newref(nodes[check_below(&seed, n)]);
    }
    for (size_t i = 1; i < n; i++) rc_decref(nodes[i]);
    CHECK_EQ(gc_collect(NULL), 0);
    rc_decref(nodes[0]);
    CHECK_EQ(gc_collect(NULL), n);
    CHECK_EQ(graph_live(NULL), 0);
    free(nodes);
  }
}

/* A ring whose death releases a long untracked chain by count. */
static void ring_with_an_untracked_chain(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Acyclic", spec.size = sizeof(Node), spec.flags = RC_TYPE_ACYCLIC;
  spec.fields = graph_fields, spec.field_count = 2;
  rc_type *acyclic = graph_type(NULL, &spec);
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    Node *ring = graph_ring(graph_kinds[kind](NULL), 2);
    ring->b = graph_chain(acyclic, millions(1), kind % 2);
    rc_decref(ring);
    CHECK_EQ(gc_collect(NULL), 2);
    CHECK_EQ(graph_live(NULL), 0);
  }
}

static void heap_freed_with_long_chains(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = graph_heap("deep");
    gc_disable(heap);
    CHECK(graph_chain(graph_kinds[kind](heap), millions(1), false) != NULL);
    check_log_start();
    CHECK_EQ(gc_heap_free(heap), millions(1));
  }
}

#define DEEP(body)                  \
  static void body##_deep(void) {   \
    on_a_small_stack(body);         \
  }

DEEP(declared_chain)
DEEP(callback_chain)
DEEP(watched_and_mixed_chains)
DEEP(chain_of_all_kinds_in_turn)
DEEP(chain_through_each_of_seven_fields)
DEEP(chain_through_vectors)
DEEP(chain_across_two_heaps)
DEEP(chain_released_by_destroy)
DEEP(combs_and_trees)
DEEP(hub_of_a_million_callback_children)
DEEP(declared_ring)
DEEP(callback_ring)
DEEP(watched_and_mixed_rings)
DEEP(live_chain_is_traversed)
DEEP(random_graph_held_by_one)
DEEP(ring_with_an_untracked_chain)
DEEP(heap_freed_with_long_chains)

static const check_test tests[] = {
    CHECK_TEST(declared_chain_deep),
    CHECK_TEST(callback_chain_deep),
    CHECK_TEST(watched_and_mixed_chains_deep),
    CHECK_TEST(chain_of_all_kinds_in_turn_deep),
    CHECK_TEST(chain_through_each_of_seven_fields_deep),
    CHECK_TEST(chain_through_vectors_deep),
    CHECK_TEST(chain_across_two_heaps_deep),
    CHECK_TEST(chain_released_by_destroy_deep),
    CHECK_TEST(combs_and_trees_deep),
    CHECK_TEST(hub_of_a_million_callback_children_deep),
    CHECK_TEST(declared_ring_deep),
    CHECK_TEST(callback_ring_deep),
    CHECK_TEST(watched_and_mixed_rings_deep),
    CHECK_TEST(live_chain_is_traversed_deep),
    CHECK_TEST(random_graph_held_by_one_deep),
    CHECK_TEST(ring_with_an_untracked_chain_deep),
    CHECK_TEST(heap_freed_with_long_chains_deep),
};

CHECK_MAIN(tests)
