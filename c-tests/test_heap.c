/* Heaps: making, naming, refusing bad options, several beside each other, edges between them, and the end. */
#include "check.h"
#include "graph.h"

/* ---- options ---- */

static rc_status heap_with(gc_heap_options options, gc_heap **out) {
  return gc_heap_new(&options, out);
}

static void null_options_are_all_defaults(void) {
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(NULL, &heap) == RC_OK);
  REQUIRE(heap != NULL);
  CHECK(gc_is_enabled(heap));
  CHECK_EQ(graph_live(heap), 0);
  gc_policy policy = GC_POLICY_INIT;
  CHECK_EQ(gc_get_policy(heap, &policy), RC_OK);
  CHECK_EQ(policy.mode, GC_POLICY_ALLOCATION);
  CHECK(policy.growth == 1.0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

typedef struct bad_option {
  gc_heap_options options;
  rc_status status;
  const char *word;
} bad_option;

static void bad_options_are_refused_and_named(void) {
  gc_heap_options good = GC_HEAP_OPTIONS_INIT;
  bad_option table[10];
  size_t n = 0;
#define BAD(member, bad_value, bad_status)                                     \
  do {                                                                         \
    table[n].options = good;                                                   \
    table[n].options.member = (bad_value);                                     \
    table[n].status = (bad_status);                                            \
    table[n++].word = #member;                                                 \
  } while (0)
  BAD(struct_size, 0, RC_ERR_INVALID);
  BAD(struct_size, 3, RC_ERR_INVALID);
  BAD(struct_size, (size_t)1 << 40, RC_ERR_INVALID);
  BAD(threads, GC_THREADS_ONE, RC_ERR_UNSUPPORTED);
  BAD(threads, GC_THREADS_SHARED, RC_ERR_UNSUPPORTED);
  BAD(threads, 77, RC_ERR_INVALID);
  BAD(finalizers, 77, RC_ERR_INVALID);
  BAD(reserved, 1, RC_ERR_INVALID);
#undef BAD
  for (size_t i = 0; i < n; i++) {
    gc_heap *heap = (gc_heap *)&good; /* a mark: outputs are written only with RC_OK */
    rc_status status = heap_with(table[i].options, &heap);
    if (!CHECK_EQ(status, table[i].status)) printf("  case %zu, %s\n", i, table[i].word);
    CHECK(heap == (gc_heap *)&good);
    CHECK_STR(gc_error_message(NULL), table[i].word);
  }
  CHECK_EQ(gc_heap_new(&good, check_null()), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(NULL), "out_heap");
}

/* A program compiled against another header layout would count in the wrong place. */
static void tag_of_another_version_is_refused(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  gc_heap *heap = NULL;
  options.abi_tag = RCGC_ABI_TAG + 1;
  CHECK_EQ(heap_with(options, &heap), RC_ERR_ABI);
  CHECK(heap == NULL);
  CHECK(strlen(gc_error_message(NULL)) > 0);
  options.abi_tag = RCGC_ABI_TAG;
  CHECK_EQ(heap_with(options, &heap), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void range_can_be_small_and_is_halved_until_granted(void) {
  static const uint64_t sizes[] = {(uint64_t)64 << 20, (uint64_t)1 << 55};
  for (size_t i = 0; i < RC_COUNT_OF(sizes); i++) {
    fflush(NULL);
    pid_t child = fork(); /* only the first heap of a process decides */
    REQUIRE(child >= 0);
    if (child == 0) {
      gc_heap_options options = GC_HEAP_OPTIONS_INIT;
      gc_heap *heap = NULL;
      options.range_bytes = sizes[i];
      if (heap_with(options, &heap) != RC_OK) _exit(1);
      rc_type *type = graph_declared(heap);
      Node *chain = graph_chain(type, 10000, false);
      rc_decref(chain);
      _exit(graph_live(heap) == 0 && gc_heap_free(heap) == 0 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

/* In a range of 64 MiB allocation ends in null, and what was made is as it was. */
static void range_that_is_used_up_gives_null(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  gc_heap *heap = NULL;
  options.range_bytes = (uint64_t)64 << 20;
  REQUIRE(heap_with(options, &heap) == RC_OK);
  rc_type *type = graph_declared(heap);
  Node *head = NULL;
  size_t n = 0;
  for (;; n++) {
    Node *node = rc_new(type);
    if (!node) break;
    node->id = n;
    node->a = head;
    head = node;
    if (n > (size_t)8 << 20) break;
  }
  CHECK(n > 100000 && n < (size_t)8 << 20);
  size_t seen = 0;
  for (Node *node = head; node; node = node->a) CHECK(node->id == n - 1 - seen++);
  CHECK_EQ(seen, n);
  CHECK_EQ(graph_live(heap), n);
  rc_decref(head);
  CHECK_EQ(graph_live(heap), 0);
  head = rc_new(type); /* room again */
  CHECK(head != NULL);
  rc_xdecref(head);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- names, the default heap ---- */

static void names_are_copied_and_made_up(void) {
  char name[] = "interpreter";
  gc_heap *heap = graph_heap(name);
  memset(name, 'x', sizeof name - 1);
  CHECK(strcmp(gc_heap_name(heap), "interpreter") == 0);
  gc_heap *other = graph_heap(NULL);
  CHECK(gc_heap_name(other)[0] == '#');
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(gc_heap_free(other), 0);
}

static void null_means_the_default_heap(void) {
  gc_heap *heap = gc_heap_default();
  REQUIRE(heap != NULL);
  CHECK(gc_heap_default() == heap);
  CHECK(strcmp(gc_heap_name(NULL), gc_heap_name(heap)) == 0);
  rc_type *type = graph_declared(NULL);
  Node *node = graph_node(type, 1);
  CHECK(rc_heap_of(node) == heap);
  CHECK_EQ(graph_live(NULL), 1);
  CHECK_EQ(graph_live(heap), 1);
  gc_disable(NULL);
  CHECK(!gc_is_enabled(heap));
  gc_enable(NULL);
  node->a = rc_newref(node);
  rc_decref(node);
  CHECK_EQ(gc_collect(NULL), 1);
}

static void default_heap_ends_and_comes_again(void) {
  rc_type *type = graph_watched(NULL);
  Node *node = graph_node(type, 1);
  CHECK_EQ(rc_count(node), 1);
  check_log_start();
  CHECK_EQ(gc_heap_free(gc_heap_default()), 1);
  CHECK_EQ(graph.destroyed, 1);
  type = graph_watched(NULL); /* a new one */
  CHECK(graph_node(type, 2) != NULL);
  CHECK_EQ(graph_live(NULL), 1);
  CHECK_EQ(gc_heap_free(NULL), 1); /* null means the same one */
  CHECK_EQ(graph.destroyed, 2);
  CHECK_EQ(graph_live(NULL), 0);
  CHECK_EQ(gc_heap_free(NULL), 0);
  CHECK_EQ(gc_heap_free(NULL), 0); /* there is none: nothing to end */
}

static void default_heap_beside_others(void) {
  gc_heap *own = graph_heap("own");
  CHECK(own != gc_heap_default());
  Node *here = graph_ring(graph_declared(NULL), 3), *there = graph_ring(graph_declared(own), 5);
  rc_decref(here);
  rc_decref(there);
  CHECK_EQ(gc_collect(own), 5);
  CHECK_EQ(gc_collect(NULL), 3);
  CHECK_EQ(gc_heap_free(own), 0);
}

/* ---- the end of a heap ---- */

static void free_counts_and_reports_by_type(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = graph_heap("leaky");
    rc_type *type = graph_kinds[kind](heap), *tree = graph_watched(heap);
    graph_reset();
    Node *dropped = graph_ring(type, 10); /* garbage: not held, not reported */
    rc_decref(dropped);
    for (int i = 0; i < 7; i++) CHECK(graph_node(type, 0) != NULL); /* seven references never released */
    for (int i = 0; i < 3; i++) CHECK(graph_node(tree, 0) != NULL);
    check_log_start();
    size_t held = gc_heap_free(heap);
    CHECK_EQ(held, 10);
    CHECK(check_log.lines[GC_LOG_WARNING] >= 1);
    CHECK_STR(check_log.text, "leaky");
    CHECK_STR(check_log.text, "Watched");
    static const char *const names[GRAPH_KINDS] = {"Declared", "Watched", "Callback", "Mixed"};
    CHECK_STR(check_log.text, names[kind]);
    CHECK_STR(check_log.text, "7 ");
    CHECK_STR(check_log.text, "3 Watched");
    CHECK_EQ(graph.destroyed, kind == 0 ? 3 : 20);
  }
}

static void free_of_a_clean_heap_says_nothing(void) {
  gc_heap *heap = graph_heap("clean");
  rc_type *type = graph_callback(heap);
  rc_decref(graph_ring(type, 10));
  rc_decref(graph_chain(type, 10, false));
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(check_log.lines[GC_LOG_WARNING] + check_log.lines[GC_LOG_ERROR], 0);
  CHECK_EQ(graph.destroyed, 20);
}

/* Everything that is left is ended in the order of one death, also what is held from outside. */
static void free_ends_what_is_held(void) {
  for (size_t kind = 1; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = graph_heap("held");
    rc_type *type = graph_kinds[kind](heap);
    graph_reset();
    Node *ring = graph_ring(type, 4), *chain = graph_chain(type, 5, true), *tree = graph_tree(type, 4);
    CHECK(ring && chain && tree);
    check_log_start();
    size_t held = gc_heap_free(heap);
    CHECK_EQ(held, 4 + 5 + 15);
    CHECK_EQ(graph.destroyed, 4 + 5 + 15);
    if (kind >= 2) CHECK_EQ(graph.cleared, graph.destroyed);
  }
}

static void immortals_do_not_count_as_held(void) {
  gc_heap *heap = graph_heap("constants");
  rc_type *type = graph_watched(heap);
  Node *nil = graph_node(type, 0);
  nil->a = graph_node(type, 1); /* kept alive by the immortal one only */
  nil->b = graph_ring(type, 3);
  rc_immortalize(nil);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(check_log.lines[GC_LOG_WARNING] + check_log.lines[GC_LOG_ERROR], 0);
  CHECK_EQ(graph.destroyed, 5);
}

static void held_beside_immortals_counts(void) {
  gc_heap *heap = graph_heap("constants");
  rc_type *type = graph_watched(heap);
  Node *nil = graph_node(type, 0);
  rc_immortalize(nil);
  Node *leaked = graph_node(type, 1);
  leaked->a = rc_newref(nil);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 1);
  CHECK_STR(check_log.text, "Watched");
  CHECK_EQ(graph.destroyed, 2);
}

static void untracked_objects_are_ended_too(void) {
  gc_heap *heap = graph_heap("plain");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Bytes";
  spec.size = 24;
  rc_type *type = graph_type(heap, &spec);
  for (int i = 0; i < 5; i++) CHECK(rc_new(type) != NULL);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 5);
  CHECK_STR(check_log.text, "Bytes");
}

/* ---- many heaps, edges between them ---- */

static void hundred_small_heaps(void) {
  enum { HEAPS = 100 };
  static gc_heap *heaps[HEAPS];
  static Node *held[HEAPS];
  uint64_t bytes = 0;
  for (size_t i = 0; i < HEAPS; i++) {
    heaps[i] = graph_heap(NULL);
    rc_type *type = graph_declared(heaps[i]);
    held[i] = graph_ring(type, i + 1);
    rc_decref(graph_ring(type, 2));
    CHECK(rc_heap_of(held[i]) == heaps[i]);
    bytes += graph_stats(heaps[i]).heap_bytes;
  }
  CHECK(bytes <= (uint64_t)16 << 20);
  for (size_t i = 0; i < HEAPS; i++) CHECK_EQ(gc_collect(heaps[i]), 2);
  for (size_t i = 0; i < HEAPS; i += 2) { /* every other one goes, the others do not mind */
    rc_decref(held[i]);
    CHECK_EQ(gc_heap_free(heaps[i]), 0);
  }
  for (size_t i = 1; i < HEAPS; i += 2) {
    CHECK_EQ(graph_live(heaps[i]), i + 1);
    rc_decref(held[i]);
    CHECK_EQ(gc_collect(heaps[i]), i + 1);
    CHECK_EQ(gc_heap_free(heaps[i]), 0);
  }
}

/* Address space and tables of ended heaps are used again. */
static void heaps_come_and_go(void) {
  size_t rounds = check_scale(200, 3000, 30000);
  for (size_t i = 0; i < rounds; i++) {
    gc_heap *heap = graph_heap("passing");
    rc_type *type = graph_declared(heap);
    Node *node = graph_ring(type, 3);
    rc_decref(node);
    if (CHECK_EQ(gc_heap_free(heap), 0) == false) break;
  }
}

/* As large as memory that a heap takes and gives back at once: 1 MiB, two of which make a huge page. */
typedef struct Block {
  struct Block *other; /* owned */
  unsigned char bytes[(1 << 20) - 64];
} Block;

static bool is_zero(const Block *block) {
  for (size_t i = 0; i < sizeof block->bytes; i++)
    if (block->bytes[i]) return false;
  return !block->other;
}

static rc_type *block_type(gc_heap *heap) {
  static const rc_field fields[] = {RC_FIELD(Block, other)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Block", spec.size = sizeof(Block), spec.fields = fields, spec.field_count = 1;
  rc_type *type = NULL;
  CHECK_EQ(rc_type_new(heap, &spec, &type), RC_OK);
  return type;
}

/* Two heaps side by side, whose blocks go in every order; some die as rings. What comes back reads zero. */
static void blocks_that_fill_what_a_heap_gives_back(void) {
  enum { COUNT = 24, STEPS = 3 }; /* the blocks of a round go in so many passes */
  gc_heap *heaps[2] = {graph_heap("one"), graph_heap("two")};
  rc_type *types[2] = {block_type(heaps[0]), block_type(heaps[1])};
  size_t rounds = check_scale(2, 6, 20);
  for (size_t round = 0; round < rounds; round++) {
    Block *blocks[2][COUNT];
    for (size_t i = 0; i < COUNT; i++)
      for (size_t side = 0; side < 2; side++) {
        Block *block = blocks[side][i] = rc_new(types[side]);
        REQUIRE(block != NULL);
        CHECK(is_zero(block));
        memset(block->bytes, 0xab, sizeof block->bytes);
      }
    for (size_t step = 0; step < STEPS; step++)
      for (size_t i = (step + round) % STEPS; i < COUNT; i += STEPS)
        for (size_t side = 0; side < 2; side++) {
          if (step == 1) blocks[side][i]->other = rc_newref(blocks[side][i]);
          rc_decref(blocks[side][i]);
        }
    for (size_t side = 0; side < 2; side++) {
      CHECK_EQ(gc_collect(heaps[side]), COUNT / STEPS);
      CHECK_EQ(graph_live(heaps[side]), 0);
      CHECK(graph_stats(heaps[side]).heap_bytes <= (uint64_t)1 << 20);
    }
  }
  CHECK_EQ(gc_heap_free(heaps[0]), 0);
  CHECK_EQ(gc_heap_free(heaps[1]), 0);
}

static void edge_to_another_heap_holds_from_outside(void) {
  gc_heap *left = graph_heap("left"), *right = graph_heap("right");
  rc_type *in_left = graph_watched(left), *in_right = graph_watched(right);
  Node *holder = graph_node(in_left, 1), *target = graph_ring(in_right, 2);
  holder->a = target; /* holder takes the only reference to the ring */
  CHECK_EQ(gc_collect(right), 0);
  CHECK_EQ(graph_live(right), 2);
  CHECK_EQ(gc_collect(left), 0);
  rc_decref(holder); /* releases across the border */
  CHECK_EQ(graph.destroyed, 1);
  CHECK_EQ(graph_live(left), 0);
  CHECK_EQ(graph_live(right), 2);
  CHECK_EQ(gc_collect(right), 2);
  CHECK_EQ(graph.destroyed, 3);
  CHECK_EQ(gc_heap_free(left), 0);
  CHECK_EQ(gc_heap_free(right), 0);
}

/* A ring in one heap that refers to another heap: collecting the first ends the second's object by count. */
static void collected_ring_releases_across_heaps(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *left = graph_heap("left"), *right = graph_heap("right");
    Node *ring = graph_ring(graph_kinds[kind](left), 3);
    rc_type *in_right = graph_watched(right);
    graph_reset();
    ring->b = graph_chain(in_right, 4, false);
    rc_decref(ring);
    CHECK_EQ(gc_collect(left), 3);
    CHECK_EQ(graph_live(left), 0);
    CHECK_EQ(graph_live(right), 0);
    CHECK_EQ(graph.destroyed, kind == 0 ? 4 : 7);
    CHECK_EQ(gc_heap_free(left), 0);
    CHECK_EQ(gc_heap_free(right), 0);
  }
}

/* A ring across heaps is nobody's: not collected, not touched, ended with the heaps. */
static void ring_across_heaps_stays(void) {
  gc_heap *left = graph_heap("left"), *right = graph_heap("right");
  Node *a = graph_node(graph_watched(left), 1), *b = graph_node(graph_watched(right), 2);
  a->a = rc_newref(b);
  b->a = rc_newref(a);
  rc_decref(a);
  rc_decref(b);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(gc_collect(left), 0);
    CHECK_EQ(gc_collect(right), 0);
  }
  CHECK_EQ(graph.destroyed, 0);
  CHECK_EQ(rc_count(a), 1);
  CHECK_EQ(rc_count(b), 1);
  check_log_start();
  CHECK_EQ(gc_heap_free(left), 1); /* ends a, which releases b, which dies and releases the dying a */
  CHECK_EQ(gc_heap_free(right), 0);
  CHECK_EQ(graph.destroyed, 2);
}

static void ring_across_heaps_cut_by_the_host_goes(void) {
  gc_heap *left = graph_heap("left"), *right = graph_heap("right");
  Node *a = graph_node(graph_watched(left), 1), *b = graph_node(graph_watched(right), 2);
  a->a = rc_newref(b);
  b->a = a;
  rc_clear(&b->a);
  CHECK_EQ(graph.destroyed, 1);
  CHECK_EQ(rc_count(b), 1);
  rc_decref(b);
  CHECK_EQ(graph.destroyed, 2);
  CHECK_EQ(gc_heap_free(left), 0);
  CHECK_EQ(gc_heap_free(right), 0);
}

/* ---- the log ---- */

static void log_goes_where_it_is_told(void) {
  gc_heap *heap = graph_heap("first");
  CHECK(graph_node(graph_declared(heap), 0) != NULL);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 1);
  CHECK_EQ(check_log.lines[0], 0); /* every line has a level */
  size_t used = check_log.used;
  CHECK(used > 0);
  CHECK(strstr(check_log.text, "\n\n") == NULL);
  gc_set_log(NULL, NULL); /* standard error again; the capture gets no more */
  fflush(NULL);
  REQUIRE(freopen("/dev/null", "w", stderr) != NULL);
  heap = graph_heap("second");
  CHECK(graph_node(graph_declared(heap), 0) != NULL);
  CHECK_EQ(gc_heap_free(heap), 1);
  CHECK_EQ(check_log.used, used);
}

static const check_test tests[] = {
    CHECK_TEST(null_options_are_all_defaults),
    CHECK_TEST(bad_options_are_refused_and_named),
    CHECK_TEST(tag_of_another_version_is_refused),
    CHECK_TEST(range_can_be_small_and_is_halved_until_granted),
    CHECK_TEST(range_that_is_used_up_gives_null),
    CHECK_TEST(names_are_copied_and_made_up),
    CHECK_TEST(null_means_the_default_heap),
    CHECK_TEST(default_heap_ends_and_comes_again),
    CHECK_TEST(default_heap_beside_others),
    CHECK_TEST(free_counts_and_reports_by_type),
    CHECK_TEST(free_of_a_clean_heap_says_nothing),
    CHECK_TEST(free_ends_what_is_held),
    CHECK_TEST(immortals_do_not_count_as_held),
    CHECK_TEST(held_beside_immortals_counts),
    CHECK_TEST(untracked_objects_are_ended_too),
    CHECK_TEST(hundred_small_heaps),
    CHECK_TEST(heaps_come_and_go),
    CHECK_TEST(blocks_that_fill_what_a_heap_gives_back),
    CHECK_TEST(edge_to_another_heap_holds_from_outside),
    CHECK_TEST(collected_ring_releases_across_heaps),
    CHECK_TEST(ring_across_heaps_stays),
    CHECK_TEST(ring_across_heaps_cut_by_the_host_goes),
    CHECK_TEST(log_goes_where_it_is_told),
};

CHECK_MAIN(tests)
