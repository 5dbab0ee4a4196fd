/* rcgc_god.c: a live "god object". A tree of a million live nodes with links to their parents; 200,000
 * steps, each of which touches its root (one reference up, one down) and makes one dead ring of 2. The same
 * steps with the root alone.
 *
 *     step, step_alone              ns a step with the tree, and without it: 200,000 steps after a full
 *                                   collection, so that the tree is old
 *     ratio                         of the two; goal: at most 1.2. Below 1 where building the tree has made
 *                                   young collections so rare that none falls into so few steps
 *     long, long_alone, ratio_long  the same over 20 million steps, in which the collector has to end nearly
 *                                   all rings several times over; goal: at most 1.2
 *     fresh                         ns a step of 200,000 straight after the tree was built: the full
 *                                   collection that the heap's growth has made due falls into them
 *     longest                       ns of the longest step of 20 million with the tree
 *     floating                      the most that live bytes came to, as a part of the bound on floating
 *                                   garbage (rcgc_bound.h); goal: at most 1
 *
 * Every measurement has a heap of its own; short ones are medians of 5, in turns. Automatic collection as
 * delivered. Fails if a full collection in the end leaves a ring or has ended one node of the tree.
 */
#include "rcgc_bound.h"

enum { NODES = 1000 * 1000, STEPS = 200 * 1000, LONG_STEPS = 20 * 1000 * 1000, ROUNDS = 5 };

typedef struct Limb {
  struct Limb *left, *right, *parent;
} Limb;

static const rc_field limb_fields[] = {RC_FIELD(Limb, left), RC_FIELD(Limb, right), RC_FIELD(Limb, parent)};

/* A heap with its types, and the root of its tree. */
typedef struct World {
  gc_heap *heap;
  rc_type *limb, *node;
  Limb *root;
} World;

static Limb *limb_new(World *world) {
  Limb *limb = rc_new(world->limb);
  if (limb == NULL) bench_fail("no memory for a tree");
  return limb;
}

/* A balanced tree of `count` nodes, parents first; its depth is below 20. */
static Limb *grow(World *world, Limb *parent, size_t count) {
  if (count == 0) return NULL;
  Limb *limb = limb_new(world);
  if (parent != NULL) limb->parent = rc_newref(parent);
  limb->left = grow(world, limb, (count - 1) / 2);
  limb->right = grow(world, limb, count - 1 - (count - 1) / 2);
  return limb;
}

static void world_open(World *world, size_t nodes) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Limb", spec.size = sizeof(Limb);
  spec.fields = limb_fields, spec.field_count = RC_COUNT_OF(limb_fields);
  world->heap = heap_new();
  world->node = node_type_new(world->heap, false);
  if (rc_type_new(world->heap, &spec, &world->limb) != RC_OK)
    bench_fail("rc_type_new: %s", gc_error_message(world->heap));
  world->root = grow(world, NULL, nodes);
}

static void world_close(World *world, size_t nodes) {
  (void)gc_collect(world->heap);
  gc_stats stats = heap_stats(world->heap);
  if (stats.live_objects != nodes) bench_fail("%" PRIu64 " live, not %zu", stats.live_objects, nodes);
  rc_decref(world->root);
  if (gc_heap_free(world->heap) != 0) bench_fail("something was still held in the end");
}

static inline void step(World *world) {
  Limb *root = world->root;
  BENCH_OPAQUE(root);
  rc_incref(root);
  BENCH_BARRIER();
  rc_decref(root);
  Node *first = node_new_of(world->node), *second = node_new_of(world->node);
  first->left = second;
  second->left = first;
}

/* ns a step in a new heap whose tree has `nodes` nodes. */
BENCH_NOINLINE static double steps_ns(size_t nodes, bool settled, size_t steps) {
  World world;
  world_open(&world, nodes);
  if (settled) (void)gc_collect(world.heap);
  uint64_t start_ns = bench_now_ns();
  for (size_t i = 0; i < steps; i++) step(&world);
  double each_ns = (double)(bench_now_ns() - start_ns) / (double)steps;
  world_close(&world, nodes);
  return each_ns;
}

/* The same steps with the clock and the heap's books read at each, which would disturb the times. */
static void watch_steps(void) {
  World world;
  Bound bound;
  uint64_t longest_ns = 0;
  world_open(&world, 1);
  bound_watch(&bound, world.heap);
  Limb *lone = world.root;
  world.root = grow(&world, NULL, NODES);
  rc_decref(lone);
  uint64_t last_ns = bench_now_ns();
  for (size_t i = 0; i < LONG_STEPS; i++) {
    step(&world);
    bound_look(&bound);
    uint64_t now_ns = bench_now_ns();
    if (now_ns - last_ns > longest_ns) longest_ns = now_ns - last_ns;
    last_ns = now_ns;
  }
  world_close(&world, NODES);
  bench_report("longest", (double)longest_ns, "ns");
  bench_report("floating", bound.worst, "x");
}

static double median(double *samples) {
  uint64_t bits[ROUNDS];
  for (size_t i = 0; i < ROUNDS; i++) bits[i] = (uint64_t)(samples[i] * 1e6);
  return bench_median(bits, ROUNDS) / 1e6;
}

int main(void) {
  double with[ROUNDS], alone[ROUNDS];
  bench_pin();
  for (size_t round = 0; round < ROUNDS; round++) {
    alone[round] = steps_ns(1, true, STEPS);
    with[round] = steps_ns(NODES, true, STEPS);
  }
  bench_report("step", median(with), "ns");
  bench_report("step_alone", median(alone), "ns");
  bench_report("ratio", median(with) / median(alone), "x");
  double long_alone = steps_ns(1, true, LONG_STEPS), long_with = steps_ns(NODES, true, LONG_STEPS);
  bench_report("long", long_with, "ns");
  bench_report("long_alone", long_alone, "ns");
  bench_report("ratio_long", long_with / long_alone, "x");
  bench_report("fresh", steps_ns(NODES, false, STEPS), "ns");
  watch_steps();
  return 0;
}
