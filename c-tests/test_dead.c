/* Dead objects: every line about one names what it was, by whatever way it died, as long as its memory was not handed
 * out again; a type that has ended since is not mistaken for the one that has its place, and memory that was given back
 * is not read for a name. */
#include "check.h"
#include "graph.h"

/* ---- types of every kind, deaths of every kind ---- */

static gc_heap *heap;
static bool queued; /* it queues finalizers */

typedef struct Words {
  uint64_t a, b;
} Words;

typedef struct Tail {
  void *first, *items[];
} Tail;

static void nothing(void *obj) {
  (void)obj;
}

static int visit_a(void *obj, rc_visit_fn visit, void *visit_ctx) {
  return visit(((Node *)obj)->a, visit_ctx);
}

static void clear_a(void *obj) {
  rc_clear(&((Node *)obj)->a);
}

static const rc_field word_fields[] = {RC_FIELD_TAGGED(Words, a, 7, 1, ~(uint64_t)7),
                                       RC_FIELD_TAGGED(Words, b, 7, 1, ~(uint64_t)7)};
static const rc_field tail_fields[] = {RC_FIELD(Tail, first), RC_FIELD_TAIL(Tail, items)};
static const rc_field tail_only[] = {RC_FIELD_TAIL(Tail, items)};
static const rc_field one_field[] = {RC_FIELD(Node, a)};

typedef enum flavour {
  QUICK, LEAF, TAGGED, DESTROYED, FINALIZED, CLEARED, TRAVERSED, ACYCLIC, TAIL_MIXED, TAIL_ONLY, STRING, HUGE_STRUCT, HUGE_TAIL,
  FLAVOURS
} flavour;

static const char *const flavours[FLAVOURS] = {"Quick",   "Leaf",     "Tagged",   "Destroyed", "Finalized", "Cleared",  "Traversed",
                                               "Acyclic", "TailMixed", "TailOnly", "String",    "HugeStruct", "HugeTail"};

static rc_type *type_of_flavour(flavour which) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = flavours[which], spec.size = sizeof(Node), spec.fields = one_field, spec.field_count = 1;
  switch (which) {
  case LEAF: spec.fields = NULL, spec.field_count = 0; break;
  case TAGGED: spec.size = sizeof(Words), spec.fields = word_fields, spec.field_count = 2; break;
  case DESTROYED: spec.destroy = nothing; break;
  case FINALIZED: spec.finalize = nothing; break;
  case CLEARED: spec.clear = nothing; break;
  case TRAVERSED:
    spec.fields = NULL, spec.field_count = 0, spec.flags = RC_TYPE_TRACK_ON_NEW;
    spec.traverse = visit_a, spec.clear = clear_a;
    break;
  case ACYCLIC: spec.flags = RC_TYPE_ACYCLIC; break;
  case TAIL_MIXED: spec.tail_size = 8, spec.size = sizeof(Tail), spec.fields = tail_fields, spec.field_count = 2; break;
  case TAIL_ONLY: spec.tail_size = 8, spec.size = sizeof(Tail), spec.fields = tail_only; break;
  case STRING: spec.tail_size = 1, spec.size = 8, spec.fields = NULL, spec.field_count = 0; break;
  case HUGE_STRUCT: spec.size = 200000; break;
  case HUGE_TAIL: spec.tail_size = 1, spec.size = sizeof(Node); break;
  default: break;
  }
  return graph_type(heap, &spec);
}

static void *object_of(rc_type *type, flavour which) {
  size_t length = which == HUGE_TAIL ? 300000 : which == TAIL_MIXED || which == TAIL_ONLY || which == STRING ? 5 : 0;
  void *obj = length ? rc_new_array(type, length) : rc_new(type);
  REQUIRE(obj != NULL);
  return obj;
}

static bool can_be_in_a_ring(flavour which) {
  return which != LEAF && which != ACYCLIC && which != STRING;
}

/* A reference from an object to itself, which takes the caller's. */
static void refer_to_itself(void *obj, flavour which) {
  if (which == TAGGED) ((Words *)obj)->b = (uint64_t)(uintptr_t)obj | 1;
  else if (which == TAIL_ONLY) ((Tail *)obj)->items[2] = obj;
  else ((Node *)obj)->a = obj;
}

/* How an object dies. All give the address of a dead one. */
static void *by_count(rc_type *type, flavour which) {
  void *obj = object_of(type, which);
  rc_decref(obj);
  return obj;
}

/* The second of two that die one after the other: its block goes to its page, not to the allocator. */
static void *after_another(rc_type *type, flavour which) {
  void *first = object_of(type, which), *second = object_of(type, which);
  rc_decref(first);
  rc_decref(second);
  return second;
}

static void *with_its_holder(rc_type *type, flavour which) {
  Node *holder = graph_node(graph_declared(heap), 1);
  holder->b = object_of(type, which);
  Node *dead = holder->b;
  rc_decref(holder);
  return dead;
}

static void *in_a_ring(rc_type *type, flavour which) {
  void *dead = NULL;
  for (int i = 0; i < 3; i++) {
    void *obj = object_of(type, which);
    if (i == 1) dead = obj; /* neither the first nor the last of those that are freed at once */
    refer_to_itself(obj, which);
  }
  CHECK_EQ(gc_collect(heap) + (queued && which == FINALIZED ? gc_run_finalizers(heap) : 0), 3);
  return dead;
}

static void *last_in_a_ring(rc_type *type, flavour which) {
  void *dead = NULL;
  for (int i = 0; i < 3; i++) refer_to_itself(dead = object_of(type, which), which);
  CHECK_EQ(gc_collect_young(heap) + (queued && which == FINALIZED ? gc_run_finalizers(heap) : 0), 3);
  return dead;
}

static void *with_a_weak_handle(rc_type *type, flavour which) {
  void *obj = object_of(type, which);
  rc_weak *weak = rc_weak_new(obj, NULL, NULL);
  rc_decref(obj);
  rc_weak_free(weak);
  return obj;
}

static void *with_external_bytes(rc_type *type, flavour which) {
  void *obj = object_of(type, which);
  CHECK_EQ(rc_add_external_bytes(obj, 1000), RC_OK);
  rc_decref(obj);
  return obj;
}

static void *under_a_profile(rc_type *type, flavour which) {
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  void *obj = object_of(type, which);
  rc_decref(obj);
  return obj;
}

static void *from_a_scope(rc_type *type, flavour which) {
  rc_scope_mark mark = rc_scope_enter(heap);
  void *obj = rc_scope_keep(heap, object_of(type, which));
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  return obj;
}

static void *from_the_garbage(rc_type *type, flavour which) {
  (void)gc_set_debug(heap, GC_DEBUG_SAVEALL);
  void *obj = object_of(type, which);
  refer_to_itself(obj, which);
  (void)(gc_collect(heap) + gc_run_finalizers(heap));
  CHECK_EQ(gc_garbage_count(heap), 1);
  (void)gc_set_debug(heap, 0);
  gc_garbage_clear(heap);
  (void)gc_collect(heap);
  return obj;
}

typedef struct death {
  const char *name;
  void *(*die)(rc_type *, flavour);
  bool ring;
} death;

static const death deaths[] = {
    {"by count", by_count, false},
    {"after another", after_another, false},
    {"with its holder", with_its_holder, false},
    {"in a ring", in_a_ring, true},
    {"last in a ring", last_in_a_ring, true},
    {"with a weak handle", with_a_weak_handle, false},
    {"with external bytes", with_external_bytes, false},
    {"under a profile", under_a_profile, false},
    {"from a scope", from_a_scope, false},
    {"from the garbage", from_the_garbage, true},
};

typedef struct dying {
  const death *way;
  flavour which;
} dying;

static void incref_it(void *dead) {
  rc_incref(dead);
}

static void decref_it(void *dead) {
  rc_decref(dead);
}

static void track_it(void *dead) {
  (void)gc_track(dead);
}

static void die_and_be_used(const dying *how) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = "deaths", options.finalizers = queued ? GC_FINALIZERS_QUEUED : GC_FINALIZERS_INLINE;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  gc_disable(heap);
  rc_type *other = graph_declared(heap), *type = type_of_flavour(how->which);
  Node *stays = graph_node(other, 1);
  void *alive = object_of(type, how->which); /* the page stays */
  void *dead = how->way->die(type, how->which);
  for (int i = 0; i < 3; i++) (void)gc_run_finalizers(heap);
  char words[64];
  snprintf(words, sizeof words, "dead object of type %s:", flavours[how->which]);
  /* A collection may give the pages of what was large back to the system: then nobody knows. */
  bool huge = how->which == HUGE_STRUCT || how->which == HUGE_TAIL;
  if (huge && how->way->ring) snprintf(words, sizeof words, "dead object of ");
  bool good = CHECK_FATAL(decref_it, dead, "rc_decref", words);
  good &= CHECK_FATAL(incref_it, dead, "rc_incref", words);
  good &= CHECK_FATAL(track_it, dead, "gc_track", words);
  if (!good) printf("  %s, %s%s\n", flavours[how->which], how->way->name, queued ? ", queued" : "");
  rc_decref(stays), rc_decref(alive);
  check_log_start();
  (void)gc_heap_free(heap);
}

static void every_death_of_every_type_is_named(void) {
  for (int how_often = 0; how_often < 2; how_often++) {
    queued = how_often == 1;
    for (size_t way = 0; way < RC_COUNT_OF(deaths); way++)
      for (int which = 0; which < FLAVOURS; which++) {
        if (deaths[way].ring && !can_be_in_a_ring((flavour)which)) continue;
        if (queued && which != FINALIZED && which != DESTROYED) continue;
        dying how = {&deaths[way], (flavour)which};
        die_and_be_used(&how);
      }
  }
}

/* ---- what else speaks of the dead ---- */

static void *reported;

static int report_it(void *obj, rc_visit_fn visit, void *visit_ctx) {
  (void)obj;
  return visit(reported, visit_ctx);
}

static void collect_it(void *arg) {
  (void)gc_collect(arg);
}

static void release_slot(void *arg) {
  rc_clear((void **)arg);
}

static void note_finding(const gc_finding *finding, void *ctx) {
  if (finding->kind == GC_FINDING_DEAD_TARGET) snprintf(ctx, 512, "%s", finding->message);
}

static void slots_traverses_and_sessions(void) {
  heap = graph_heap("others");
  rc_type *quick = type_of_flavour(QUICK), *leaf = type_of_flavour(LEAF);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Reports", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = report_it, spec.clear = nothing;
  Node *holder = rc_new(quick), *reports = rc_new(graph_type(heap, &spec)), *stays = rc_new(leaf);
  REQUIRE(holder && reports && stays);
  Node *dead = by_count(leaf, LEAF);
  holder->a = dead;
  CHECK_FATAL(release_slot, &holder->a, "rc_decref", "dead object of type Leaf");
  CHECK_FATAL(decref_it, holder, "release of a slot", "dead object of type Leaf");
  char said[512] = "";
  size_t count = 0;
  check_log_start();
  (void)gc_verify(heap, note_finding, said, &count);
  CHECK(count >= 1);
  CHECK_STR(said, "a dead object of type Leaf");
  holder->a = NULL;
  reported = dead;
  CHECK_FATAL(collect_it, heap, "Reports", "a dead object of type Leaf");
  reported = NULL;
  gc_query *query = NULL;
  REQUIRE(gc_query_begin(heap, &query) == RC_OK);
  int64_t outside;
  CHECK_EQ(gc_external_references(query, dead, &outside), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "a dead object of type Leaf");
  CHECK_EQ(gc_query_end(query), RC_OK);
  rc_decref(holder), rc_decref(reports), rc_decref(stays);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- types that have ended ---- */

static rc_type *type_named(const char *name) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = sizeof(Node);
  return graph_type(heap, &spec);
}

/* The type is gone, and its place is another one's, many times over: nobody else's name is given. */
static void types_that_have_ended(void) {
  heap = graph_heap("ended");
  Node *stays = graph_node(type_named("Stays"), 1);
  rc_type *first = type_named("First");
  Node *dead = graph_node(first, 1);
  rc_decref(dead);
  CHECK_FATAL(decref_it, dead, "dead object of type First");
  CHECK_EQ(rc_type_free(first), RC_OK);
  CHECK_FATAL(decref_it, dead, "dead object of a type that was freed since");
  for (size_t i = 0; i < check_scale(10, 5000, 300000); i++) {
    rc_type *next = type_named("Next");
    CHECK(next == first); /* in its place */
    if (i % 1000 == 0) CHECK_FATAL(decref_it, dead, "dead object of a type that was freed since");
    CHECK_EQ(rc_type_free(next), RC_OK);
  }
  rc_type *last = type_named("Last");
  CHECK_FATAL(decref_it, dead, "dead object of a type that was freed since");
  Node *other = graph_node(last, 2);
  rc_decref(other);
  CHECK_FATAL(decref_it, other, "dead object of type Last");
  rc_decref(stays);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- memory that was given back ---- */

static void pages_that_were_given_back(void) {
  heap = graph_heap("pages");
  gc_disable(heap);
  enum { MANY = 40000 };
  static Node *nodes[MANY];
  rc_type *type = type_of_flavour(LEAF), *huge = type_of_flavour(HUGE_STRUCT);
  Node *stays = graph_node(type_named("Stays"), 1);
  for (size_t i = 0; i < MANY; i++) nodes[i] = graph_node(type, i);
  void *large = object_of(huge, HUGE_STRUCT);
  for (size_t i = 0; i < MANY; i++) rc_decref(nodes[i]);
  rc_decref(large);
  /* In a page that went back to its segment the name is still there, or nothing is; never garbage. */
  for (size_t i = 0; i < MANY; i += 997) {
    char message[CHECK_MESSAGE_BYTES];
    int status = check_in_child(decref_it, nodes[i], message, sizeof message);
    CHECK(WIFSIGNALED(status));
    if (!CHECK(strstr(message, "dead object of type Leaf:") || strstr(message, "dead object of a page that was given back")))
      printf("  %s\n", message);
  }
  CHECK_FATAL(decref_it, large, "dead object of type HugeStruct:");
  CHECK_FATAL(decref_it, (char *)large + 4096, "dead object of a page that was given back");
  /* Another size has the pages: what lies there now is not taken for a header. */
  static void *others[MANY / 8];
  for (size_t i = 0; i < MANY / 8; i++) {
    others[i] = rc_new(graph_callback(heap));
    memset(others[i], 1, sizeof(Node));
    if (i == 100) break;
  }
  for (size_t i = 0; i <= 100; i++) memset(others[i], 0, sizeof(Node));
  CHECK_EQ(rc_type_free(huge), RC_OK);
  gc_object_facts facts = GC_OBJECT_FACTS_INIT;
  CHECK_EQ(gc_object_info(large, &facts), RC_OK);
  if (facts.place != GC_ADDRESS_LIVE) CHECK_FATAL(decref_it, large, "dead object of a");
  rc_decref(stays);
  for (size_t i = 0; i <= 100; i++) rc_decref(others[i]);
  Node *of_heap = graph_node(type_named("OfHeap"), 1);
  rc_decref(of_heap);
  check_log_start();
  (void)gc_heap_free(heap);
  CHECK_FATAL(decref_it, of_heap, "dead object of a page that was given back");
}

/* The payload of a page's former life may hold any number where a header would lie. */
static void garbage_is_not_taken_for_a_name(void) {
  heap = graph_heap("garbage");
  rc_type *small = type_named("Small");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Wide", spec.size = 1000;
  rc_type *wide = graph_type(heap, &spec);
  Node *stays = graph_node(small, 1);
  enum { WIDE = 300 };
  static uint32_t *blocks[WIDE];
  for (size_t i = 0; i < WIDE; i++) {
    blocks[i] = rc_new(wide);
    for (size_t word = 0; word < 250; word++) blocks[i][word] = (uint32_t)(1 + word % 4); /* numbers of types */
  }
  uint32_t *first = blocks[0], *last = blocks[WIDE - 1];
  for (size_t i = 0; i < WIDE; i++) rc_decref(blocks[i]);
  for (size_t offset = 16; offset < 992; offset += 16) {
    char message[CHECK_MESSAGE_BYTES];
    int status = check_in_child(track_it, (char *)(offset % 32 ? first : last) + offset, message, sizeof message);
    CHECK(WIFSIGNALED(status) && strstr(message, "Small") == NULL && strstr(message, "Stays") == NULL);
  }
  rc_decref(stays);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(every_death_of_every_type_is_named),
    CHECK_TEST(slots_traverses_and_sessions),
    CHECK_TEST(types_that_have_ended),
    CHECK_TEST(pages_that_were_given_back),
    CHECK_TEST(garbage_is_not_taken_for_a_name),
};

CHECK_MAIN(tests)
