/* The end of a heap: callbacks that run in it do what they may do in a collection, in every kind of callback and for objects that
 * are held, garbage, kept by a scope or by an immortal object. What they make ends with the heap, by every step once; what they
 * store is intact as long as it would be; nobody else loses a reference; and it comes to an end. */
#include "check.h"
#include "graph.h"

#include <rcgc/leak.h>
#include <rcgc/weakmap.h>

/* ---- things that write down what happens to them ---- */

typedef struct Thing Thing;
typedef void (*script)(Thing *self);
enum place { IN_FINALIZE, IN_WEAK, IN_CLEAR, IN_DESTROY, PLACES, NOWHERE };
static const char *const place_names[] = {"finalize", "a weak callback", "clear", "destroy"};

struct Thing {
  Thing *a, *b;      /* declared */
  Thing *c;          /* reported by traverse */
  Thing *bystander;  /* declared; of another heap */
  rc_weak *weak;     /* declared; of `a`, or of nothing */
  uint32_t *buffer;  /* the host's: freed in destroy, so that whoever uses it afterwards is found out */
  uint32_t id, generation;
  bool late;         /* made in clear or destroy, where what the host holds may be past its own */
  bool constant;     /* immortal, kept by such, or made in the callbacks of such: they end last */
};

enum { THINGS = 200000 };

typedef struct life {
  Thing *at;
  rc_weak *own; /* a handle of the thing's */
  uint8_t finalized, told, cleared, destroyed;
} life;

static life lives[THINGS];
static uint32_t made;
static gc_heap *heap, *elsewhere;
static rc_type *thing_type, *other_type;
static Thing *bystander, *nil, *config;
static script scripts[PLACES];
static bool queued;
static enum place place;     /* of the script that is running */
static int late, constant; /* such scripts that are running */

static void check_intact(const Thing *self) {
  if (self->buffer == NULL || self->buffer[0] != self->id) {
    printf("thing %u is used after its end\n", self->id);
    check_failures++;
    check_give_up();
  }
}

static void run(enum place here, Thing *self) {
  enum place before = place;
  place = here;
  int is_late = here == IN_CLEAR || here == IN_DESTROY, is_constant = self->constant;
  late += is_late, constant += is_constant;
  if (scripts[here]) scripts[here](self);
  late -= is_late, constant -= is_constant;
  place = before;
}

static void on_finalize(void *obj) {
  Thing *self = obj;
  check_intact(self);
  /* Everything it refers to is intact. */
  Thing *targets[] = {self->a, self->b, self->c};
  for (int i = 0; i < 3 && !self->late; i++)
    if (targets[i] && targets[i] != config && !(targets[i] == nil && self->constant)) check_intact(targets[i]);
  CHECK_EQ(lives[self->id].finalized++, 0);
  run(IN_FINALIZE, self);
}

static void on_weak(rc_weak *weak, void *ctx) {
  life *it = ctx;
  CHECK(rc_weak_get(weak) == NULL && it->own == weak);
  CHECK_EQ(it->told++, 0);
  /* Where callbacks are queued the thing may have ended. */
  if (!queued) check_intact(it->at);
  run(IN_WEAK, queued ? config : it->at);
}

static int on_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  return visit(((Thing *)obj)->c, visit_ctx);
}

static void on_clear(void *obj) {
  Thing *self = obj;
  check_intact(self);
  CHECK(self->a == NULL && self->b == NULL && self->weak == NULL);
  CHECK_EQ(lives[self->id].cleared++, 0);
  rc_clear(&self->c);
  run(IN_CLEAR, self);
}

static void on_destroy(void *obj) {
  Thing *self = obj;
  check_intact(self);
  CHECK(self->a == NULL && self->b == NULL && self->c == NULL);
  CHECK_EQ(lives[self->id].destroyed++, 0);
  run(IN_DESTROY, self);
  free(self->buffer);
  self->buffer = NULL;
}

static const rc_field thing_fields[] = {RC_FIELD(Thing, a), RC_FIELD(Thing, b), RC_FIELD(Thing, bystander),
                                        RC_FIELD_WEAK(Thing, weak)};

static rc_type *new_type(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Thing", spec.size = sizeof(Thing), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.fields = thing_fields, spec.field_count = RC_COUNT_OF(thing_fields);
  spec.traverse = on_traverse, spec.clear = on_clear;
  spec.finalize = on_finalize, spec.destroy = on_destroy;
  return graph_type(heap, &spec);
}

static Thing *thing_of(rc_type *type) {
  Thing *self = rc_new(type);
  REQUIRE(self != NULL && made < THINGS);
  self->id = made++;
  self->buffer = malloc(sizeof *self->buffer);
  REQUIRE(self->buffer != NULL);
  self->buffer[0] = self->id;
  self->bystander = rc_newref(bystander);
  self->late = late != 0, self->constant = constant != 0;
  lives[self->id] = (life){.at = self, .own = rc_weak_new(self, on_weak, &lives[self->id])};
  REQUIRE(lives[self->id].own != NULL);
  return self;
}

static Thing *thing(void) {
  return thing_of(thing_type);
}

static void begin(void) {
  memset(lives, 0, sizeof lives);
  memset(scripts, 0, sizeof scripts);
  made = 0, place = NOWHERE, late = constant = 0;
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = "ending";
  if (queued) options.finalizers = GC_FINALIZERS_QUEUED;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  elsewhere = graph_heap("elsewhere");
  other_type = graph_declared(elsewhere);
  bystander = (Thing *)rc_new(other_type);
  REQUIRE(bystander != NULL);
  thing_type = new_type();
  nil = config = NULL;
  check_log_start();
}

/* The heap ends; `finalizers` of the things are told of nothing: those that were cut off. */
static size_t end(uint32_t untold_max) {
  size_t held = gc_heap_free(heap);
  uint32_t untold = 0;
  for (uint32_t i = 0; i < made; i++) {
    CHECK(lives[i].cleared == 1 && lives[i].destroyed == 1);
    untold += lives[i].finalized != 1 || lives[i].told != 1;
    rc_weak_free(lives[i].own);
    if (check_failures) break;
  }
  CHECK(untold <= untold_max);
  CHECK_EQ(rc_count(bystander), 1);
  CHECK_EQ(graph_live(elsewhere), 1);
  rc_clear(&bystander);
  CHECK_EQ(gc_heap_free(elsewhere), 0);
  if (check_failures) {
    printf("  queued: %d; after %u things; log: %s\n", queued, made, check_log.text);
    check_give_up();
  }
  return held;
}

/* ---- every script in every callback, for objects in every state ---- */

static Thing *roots[THINGS]; /* the host's own references, never released */
static size_t root_count;
static size_t budget; /* what scripts may still do */

static void keep(Thing *it) {
  roots[root_count++] = it;
}

static bool spend(void) {
  if (budget == 0) return false;
  budget--;
  return true;
}

/* Whether the dying object may be stored: in steps 5 and 6 it may not. */
static Thing *storable(Thing *self) {
  if (place == IN_FINALIZE || place == IN_WEAK) return self;
  return self == config ? nil : config;
}

/* A new object that the host keeps holds the dying one. */
static void store_in_new(Thing *self) {
  if (!spend()) return;
  Thing *it = thing();
  it->a = rc_newref(storable(self));
  it->c = rc_newref(storable(self));
  it->b = thing();
  it->b->a = rc_newref(config);
  keep(it);
}

/* What the dying one refers to is stored, and the dying one in a ring. */
static void store_what_it_reaches(Thing *self) {
  if (!spend()) return;
  Thing *it = thing();
  it->b = rc_newref(it);
  if (self->a) it->a = rc_newref(self->a);
  it->c = rc_newref(storable(self));
  keep(it);
}

/* A new object hangs from the dying one. */
static void hang_new(Thing *self) {
  if (!spend() || place == IN_CLEAR || place == IN_DESTROY) return;
  rc_setref(&self->b, thing());
  self->b->a = rc_newref(self);
}

/* A list that grows: the old one is released, as a script's global list does. */
static Thing *list;

static void append(Thing *self) {
  if (!spend()) return;
  Thing *larger = thing();
  larger->a = list;
  larger->b = rc_newref(storable(self));
  list = larger;
  if (budget % 5 == 0) rc_clear(&list);
}

static void make_and_drop(Thing *self) {
  (void)self;
  if (!spend()) return;
  rc_decref(thing());
  Thing *ring = thing();
  ring->a = thing(), ring->a->c = rc_newref(ring);
  ring->b = rc_newref(storable(self));
  rc_decref(ring);
}

static rc_weak *handles[THINGS];
static size_t handle_count;

static void make_handles(Thing *self) {
  if (!spend()) return;
  Thing *it = thing();
  it->weak = rc_weak_new(storable(self), NULL, NULL);
  REQUIRE(it->weak != NULL);
  handles[handle_count++] = rc_weak_new(it, NULL, NULL);
  handles[handle_count++] = rc_weak_new(self, NULL, NULL);
  Thing *target = rc_weak_get(handles[handle_count - 1]);
  CHECK(queued || target == (place == IN_FINALIZE ? self : NULL));
  if (target) rc_decref(target);
  keep(it);
}

static void make_types(Thing *self) {
  if (!spend()) return;
  Thing *it = thing_of(new_type());
  it->a = rc_newref(storable(self));
  keep(it);
  rc_type *unused = graph_watched(heap);
  rc_status status = rc_type_free(unused);
  CHECK(status == RC_OK || status == RC_ERR_IN_USE);
}

/* Immortal objects are there to the end. */
static void use_immortals(Thing *self) {
  if (!spend()) return;
  if (!self->constant) check_intact(nil), check_intact(nil->a);
  CHECK(rc_is_immortal(nil) && rc_type_of(nil) == thing_type);
  rc_incref(nil), rc_decref(nil);
  Thing *it = thing();
  it->a = rc_newref(nil);
  it->b = rc_newref(storable(self));
  keep(it);
  Thing *born = thing();
  born->a = rc_newref(storable(self));
  rc_immortalize(born);
}

static void use_maps(Thing *self) {
  if (!spend()) return;
  rc_weakmap *map = rc_weakmap_new(heap);
  Thing *value = thing();
  REQUIRE(map != NULL);
  value->a = rc_newref(storable(self));
  rc_status status = rc_weakmap_set(map, storable(self), value);
  CHECK(status == RC_OK || (place == IN_WEAK && status == RC_ERR_REFUSED) || storable(self) != self);
  CHECK_EQ(rc_weakmap_set(map, value, value), RC_OK);
  Thing *key = thing();
  CHECK_EQ(rc_weakmap_set(map, key, value), RC_OK);
  rc_decref(value);
  keep(key), keep((Thing *)(void *)map);
}

static void use_scopes(Thing *self) {
  if (!spend()) return;
  rc_scope_mark mark = rc_scope_enter(heap);
  Thing *it = rc_scope_keep(heap, thing());
  it->a = rc_newref(storable(self));
  if (budget % 2) CHECK_EQ(rc_scope_leave(heap, mark), RC_OK); /* else closed at the border of the callback */
}

static void use_holds(Thing *self) {
  if (!spend()) return;
  gc_hold mine = GC_HOLD(config, "config"), other = GC_HOLD(storable(self), "storable");
  CHECK(mine != GC_HOLD_NONE && other != GC_HOLD_NONE);
  CHECK_EQ(gc_release_hold(mine, NULL), RC_OK);
  if (place == IN_CLEAR || place == IN_DESTROY || budget % 2) CHECK_EQ(gc_release_hold(other, NULL), RC_OK);
}

/* Everything that asks or controls, and has nothing to do with the dying one. */
static void ask(Thing *self) {
  if (!spend()) return;
  Thing *garbage = thing();
  garbage->a = rc_newref(garbage);
  rc_decref(garbage);
  (void)gc_collect(heap);
  (void)gc_collect_young(heap);
  (void)gc_freeze(heap);
  (void)gc_unfreeze(heap);
  (void)gc_run_finalizers(heap);
  gc_safepoint(heap);
  gc_garbage_clear(heap);
  CHECK_EQ(gc_set_debug(heap, gc_get_debug(heap) | GC_DEBUG_SAVEALL), RC_OK);
  CHECK(rc_type_of(self) != NULL && rc_heap_of(self) == heap && graph_live(heap) > 0);
  keep(thing());
}

/* Another heap lives and ends in the middle, with objects of this one in it. */
static void use_heaps(Thing *self) {
  if (!spend()) return;
  gc_heap *other = graph_heap("other");
  Node *node = graph_node(graph_declared(other), 1), *ring = graph_ring(graph_watched(other), 3);
  node->a = (Node *)(void *)rc_newref(storable(self));
  node->b = (Node *)(void *)thing();
  rc_decref(ring);
  CHECK_EQ(gc_collect(other), 3);
  rc_clear(&node->a), rc_clear(&node->b);
  CHECK_EQ(gc_heap_free(other), 1);
}

typedef struct named {
  const char *name;
  script run;
} named;

static const named all_scripts[] = {
    {"store_in_new", store_in_new}, {"store_what_it_reaches", store_what_it_reaches},
    {"hang_new", hang_new},         {"append", append},
    {"make_and_drop", make_and_drop}, {"make_handles", make_handles},
    {"make_types", make_types},     {"use_immortals", use_immortals},
    {"use_maps", use_maps},         {"use_scopes", use_scopes},
    {"use_holds", use_holds},       {"ask", ask},
    {"use_heaps", use_heaps},
};

enum state { HELD, GARBAGE, IN_SCOPE, BY_IMMORTAL, BY_COUNT, STATES };

/* Some objects in a state, which refer to each other and to what is held. */
static void populate(enum state state) {
  constant = 1;
  nil = thing();
  nil->a = thing();
  rc_immortalize(nil);
  constant = 0;
  config = thing();
  config->a = thing();
  keep(config);
  rc_scope_mark mark = rc_scope_enter(heap);
  Thing *before = NULL;
  constant = state == BY_IMMORTAL;
  for (int i = 0; i < 4; i++) {
    Thing *it = thing();
    it->a = thing();
    if (i % 2) it->a->c = rc_newref(it);
    if (before) it->b = rc_newref(before);
    before = it;
    if (state == HELD) keep(it);
    else if (state == GARBAGE && i % 2) rc_decref(it);
    else if (state == BY_IMMORTAL && i == 3) rc_setref(&nil->b, it);
    else (void)rc_scope_keep(heap, it);
  }
  constant = 0;
  if (state != IN_SCOPE) CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
}

static void run_case(enum place where, const named *what, enum state state, bool again) {
  begin();
  budget = 0, root_count = handle_count = 0, list = NULL;
  populate(state);
  scripts[where] = what->run;
  size_t given = budget = again ? 60 : 6;
  if (state == BY_COUNT) (void)gc_collect(heap); /* the same code in a collection */
  (void)end(0);
  CHECK(budget < given);
  for (size_t i = 0; i < handle_count; i++) {
    CHECK(rc_weak_get(handles[i]) == NULL);
    rc_weak_free(handles[i]);
  }
  if (check_failures) {
    printf("  %s in %s, state %d\n", what->name, place_names[where], (int)state);
    check_give_up();
  }
}

static void every_script_in_every_callback(void) {
  for (int mode = 0; mode < 2; mode++)
    for (int where = 0; where < PLACES; where++)
      for (size_t i = 0; i < sizeof all_scripts / sizeof *all_scripts; i++)
        for (int state = 0; state < STATES; state++)
          for (int again = 0; again < 2; again++) {
            queued = mode;
            run_case((enum place)where, &all_scripts[i], (enum state)state, again);
          }
}

/* All scripts in all callbacks at once, at random. */
static uint64_t random_state;

static void any_script(Thing *self) {
  all_scripts[check_below(&random_state, sizeof all_scripts / sizeof *all_scripts)].run(self);
}

static void random_scripts_in_all_callbacks(void) {
  random_state = check_seed(__func__);
  size_t rounds = check_scale(100, 3000, 30000);
  for (size_t i = 0; i < rounds; i++) {
    uint64_t seed = random_state;
    queued = check_below(&random_state, 2);
    begin();
    root_count = handle_count = 0, list = NULL, budget = 0;
    populate((enum state)check_below(&random_state, STATES));
    for (int where = 0; where < PLACES; where++) scripts[where] = any_script;
    budget = check_below(&random_state, 200);
    (void)end(0);
    for (size_t k = 0; k < handle_count; k++) rc_weak_free(handles[k]);
    if (check_failures) {
      printf("  RCGC_TEST_SEED=%" PRIu64 "\n", seed);
      check_give_up();
    }
  }
}

/* ---- generations: what is born in callbacks of what was born ---- */

static uint32_t generations;

static void next_generation(Thing *self) {
  if (self->generation == generations) return;
  Thing *next = thing();
  next->generation = self->generation + 1;
  next->a = rc_newref(storable(self));
  keep(next);
}

static void generations_end_one_by_one(void) {
  for (int mode = 0; mode < 2; mode++) {
    for (int where = 0; where < PLACES; where++) {
      queued = mode, root_count = 0;
      if (queued && where == IN_WEAK) continue; /* they are not told of whom */
      begin();
      config = thing();
      config->generation = generations = UINT32_MAX; /* makes nothing */
      keep(config);
      keep(thing());
      generations = 400;
      config->generation = generations;
      scripts[where] = next_generation;
      CHECK_EQ(end(0), 2);
      CHECK_EQ(made, 2 + generations);
      CHECK_EQ(check_log.lines[GC_LOG_ERROR], 0);
      CHECK(!strstr(check_log.text, "go on making"));
    }
  }
}

/* ---- callbacks that would go on for ever ---- */

/* With books of their own: there are too many for those of the others. */
static size_t endless_made, endless_destroyed, endless_told;
static bool endless_by_weak;
static int endless_how;
static rc_type *endless_type;

static void endless_more(void);

static rc_weak **endless_handles; /* by number: what was not called is freed in the end */
static size_t endless_handle_count, endless_handle_room;

static void endless_weak(rc_weak *weak, void *ctx) {
  endless_told++;
  endless_handles[(uintptr_t)ctx] = NULL;
  rc_weak_free(weak);
  endless_more();
}

static void endless_handle(Node *node) {
  if (endless_handle_count == endless_handle_room) {
    endless_handle_room = endless_handle_room ? 2 * endless_handle_room : 1024;
    endless_handles = realloc(endless_handles, endless_handle_room * sizeof *endless_handles);
    REQUIRE(endless_handles != NULL);
  }
  void *number;
  uintptr_t index = endless_handle_count;
  memcpy(&number, &index, sizeof number);
  rc_weak *weak = rc_weak_new(node, endless_weak, number);
  REQUIRE(weak != NULL);
  endless_handles[endless_handle_count++] = weak;
}

static void free_endless_handles(void) {
  for (size_t i = 0; i < endless_handle_count; i++) rc_weak_free(endless_handles[i]);
  endless_handle_count = 0;
}

static Node *endless_one(void) {
  Node *node = rc_new(endless_type);
  REQUIRE(node != NULL);
  endless_made++;
  node->id = 7;
  if (endless_by_weak) endless_handle(node);
  return node;
}

static void endless_more(void) {
  Node *node = endless_one();
  switch (endless_how) {
    case 0: return; /* kept by the host */
    case 1: rc_decref(node); return;
    case 2: node->a = node; return; /* a ring */
    case 3: (void)endless_one(); return; /* two for each */
    default: node->a = endless_one(), node->a->a = node, node->b = endless_one();
  }
}

static void endless_finalize(void *obj) {
  CHECK_EQ(((Node *)obj)->id, 7);
  if (endless_by_weak) return;
  endless_told++;
  endless_more();
}

static void endless_destroy(void *obj) {
  CHECK_EQ(((Node *)obj)->id, 7);
  ((Node *)obj)->id = 8;
  endless_destroyed++;
}

/* Ways that take a million objects to be found out; the checking level needs fewer. */
static bool is_costly(int how) {
  return check_env("RCGC_TEST_SMALL") && !check_env("RCGC_TEST_CHECKED") && how != 0 && how != 2;
}

/* It is cut off, said in the log, and all that was made is destroyed. */
static void what_goes_on_for_ever_is_cut_off(void) {
  for (int mode = 0; mode < 2; mode++) {
    for (int by_weak = 0; by_weak < 2; by_weak++) {
      for (endless_how = 0; endless_how < 5; endless_how++) {
        for (int state = 0; state < 3 && !is_costly(endless_how); state++) {
          gc_heap_options options = GC_HEAP_OPTIONS_INIT;
          options.name = "endless";
          if (mode) options.finalizers = GC_FINALIZERS_QUEUED;
          REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
          gc_disable(heap);
          rc_type_spec spec = RC_TYPE_SPEC_INIT;
          spec.name = "Endless", spec.size = sizeof(Node);
          spec.fields = graph_fields, spec.field_count = 2;
          spec.finalize = endless_finalize, spec.destroy = endless_destroy;
          endless_type = graph_type(heap, &spec);
          endless_by_weak = by_weak;
          endless_made = endless_destroyed = endless_told = 0;
          check_log_start();
          Node *first = endless_one();
          if (state == 1) first->a = first;
          if (state == 2) {
            CHECK(rc_scope_enter(heap) != RC_SCOPE_NONE);
            CHECK(rc_scope_keep(heap, first) == first);
          }
          (void)gc_heap_free(heap);
          free_endless_handles();
          CHECK_EQ(endless_destroyed, endless_made);
          CHECK(endless_made > 900 && endless_told < endless_made);
          CHECK_STR(check_log.text, "endless");
          CHECK_STR(check_log.text, "go on making");
          if (check_failures) {
            printf("  queued %d, weak %d, how %d, state %d: %zu made, %zu destroyed, %zu told; %s\n", mode, by_weak,
                   endless_how, state, endless_made, endless_destroyed, endless_told, check_log.text);
            return;
          }
        }
      }
    }
  }
}

/* `clear` and `destroy` free what the host has, so they cannot be left out. */
static int destroy_how;

static void destroy_more(void *obj) {
  (void)obj;
  Node *node = rc_new(endless_type);
  if (destroy_how == 1) rc_decref(node);
  if (destroy_how == 2) node->a = node;
}

static void end_with_endless_destroy(void *arg) {
  (void)arg;
  check_log_start();
  (void)gc_heap_free(heap);
}

static void destroy_that_goes_on_for_ever_is_fatal(void) {
  for (destroy_how = 0; destroy_how < 3; destroy_how++) {
    if (is_costly(destroy_how)) continue;
    heap = graph_heap("stubborn");
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Endless", spec.size = sizeof(Node);
    spec.fields = graph_fields, spec.field_count = 2;
    spec.destroy = destroy_more;
    endless_type = graph_type(heap, &spec);
    REQUIRE(rc_new(endless_type) != NULL);
    CHECK_FATAL(end_with_endless_destroy, NULL, "gc_heap_free", "stubborn", "destroy");
  }
}

/* ---- what is held ---- */

typedef struct Leaf {
  uint64_t number;
} Leaf;

typedef struct Array {
  size_t used;
  void *items[];
} Array;

static const rc_field array_fields[] = {RC_FIELD_TAIL(Array, items)};

static void told(void *obj) {
  (void)obj;
}

typedef struct kinds {
  rc_type *node, *acyclic, *leaf, *array, *traversed, *manual;
} kinds;

static kinds open_kinds(bool finalizers) {
  kinds k;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.finalize = finalizers ? told : NULL;
  spec.name = "Node", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
  k.node = graph_type(heap, &spec);
  spec.name = "Manual", spec.flags = RC_TYPE_TRACK_MANUAL;
  k.manual = graph_type(heap, &spec);
  spec.name = "Acyclic", spec.flags = RC_TYPE_ACYCLIC;
  k.acyclic = graph_type(heap, &spec);
  spec.name = "Leaf", spec.size = sizeof(Leaf), spec.flags = 0, spec.fields = NULL, spec.field_count = 0;
  k.leaf = graph_type(heap, &spec);
  spec.name = "Array", spec.size = sizeof(Array), spec.tail_size = sizeof(void *);
  spec.fields = array_fields, spec.field_count = 1;
  k.array = graph_type(heap, &spec);
  spec.name = "Traversed", spec.size = sizeof(Node), spec.tail_size = 0, spec.fields = NULL, spec.field_count = 0;
  spec.flags = RC_TYPE_TRACK_ON_NEW, spec.traverse = graph_traverse, spec.clear = graph_clear;
  k.traversed = graph_type(heap, &spec);
  return k;
}

static Node *of(rc_type *type) {
  Node *node = rc_new(type);
  REQUIRE(node != NULL);
  return node;
}

/* Immortal objects, and what only they keep, are not held: whatever types they are of, and however they are kept. */
static size_t kept_by_immortals(const kinds *k) {
  Node *first = of(k->node), *second = of(k->traversed);
  first->a = second, second->a = rc_newref(first);
  first->b = of(k->acyclic), first->b->a = of(k->node), first->b->b = (Node *)(void *)of(k->leaf);
  second->b = of(k->manual), second->b->a = of(k->traversed);
  rc_immortalize(first);
  Array *array = rc_new_array(k->array, 40000);
  REQUIRE(array != NULL);
  Node *often = of(k->node); /* more references than fit a working count */
  for (size_t i = 0; i < 40000; i++) array->items[i] = rc_newref(often);
  rc_decref(often);
  rc_immortalize(array);
  rc_weakmap *map = rc_weakmap_new(heap), *mortal = rc_weakmap_new(heap);
  REQUIRE(map && mortal);
  Node *key = of(k->node), *value = of(k->acyclic), *unkept = of(k->leaf);
  rc_immortalize(key), rc_immortalize(map);
  CHECK_EQ(rc_weakmap_set(map, key, value), RC_OK);
  CHECK_EQ(rc_weakmap_set(map, value, unkept), RC_OK);
  CHECK_EQ(rc_weakmap_set(mortal, key, value), RC_OK);
  rc_decref(value), rc_decref(unkept);
  key->a = (Node *)(void *)mortal;
  return 0;
}

/* What is held refers to immortal objects: these are not held by it, nor what they keep. */
static size_t held_refers_to_immortals(const kinds *k) {
  Node *nil = of(k->node), *holder = of(k->node), *leaf = (Node *)(void *)of(k->leaf), *untracked = of(k->acyclic);
  nil->a = of(k->acyclic), nil->b = of(k->node);
  rc_immortalize(nil);
  holder->a = nil, holder->b = rc_newref(holder);
  rc_decref(holder); /* a ring, which is garbage */
  untracked->a = nil, untracked->b = leaf;
  return 2; /* the untracked one, and its leaf */
}

/* Kept by both: held. */
static size_t kept_by_both(const kinds *k) {
  Node *nil = of(k->node), *shared = of(k->node), *below = of(k->traversed);
  nil->a = shared, shared->a = below, nil->b = of(k->node), nil->b->a = rc_newref(below);
  rc_immortalize(nil);
  rc_incref(shared); /* the host's */
  return 2;          /* shared and below */
}

/* The host's reference was counted before it became immortal, and after. */
static size_t only_immortals(const kinds *k) {
  Node *nil = of(k->node), *leaf = (Node *)(void *)of(k->leaf);
  rc_incref(nil), rc_immortalize(nil), rc_incref(nil);
  nil->a = nil, nil->b = leaf;
  rc_incref(leaf), rc_immortalize(leaf);
  return 0;
}

static size_t a_value_is_held_by_its_map(const kinds *k) {
  Node *key = of(k->node);
  rc_weakmap *map = rc_weakmap_new(heap);
  REQUIRE(map != NULL);
  rc_immortalize(key);
  Node *value = of(k->node);
  CHECK_EQ(rc_weakmap_set(map, key, value), RC_OK);
  rc_decref(value);
  return 2; /* the map is the host's */
}

/* What the last collection's finalizers make and drop in rings is garbage, and not held. */
static rc_type *litter_type;

static void litter(void *obj) {
  Node *node = obj, *ring;
  if (node->id == 3) return;
  ring = of(litter_type);
  ring->id = node->id + 1;
  ring->a = of(litter_type), ring->a->id = 3, ring->a->a = rc_newref(ring);
  rc_decref(ring);
}

static size_t litter_is_not_held(const kinds *k) {
  (void)k;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Litter", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
  spec.finalize = litter;
  litter_type = graph_type(heap, &spec);
  Node *ring = of(litter_type);
  ring->a = ring;
  return 0;
}

static void what_is_held_and_what_is_not(void) {
  static size_t (*const cases[])(const kinds *) = {kept_by_immortals, held_refers_to_immortals, kept_by_both,
                                                   only_immortals, a_value_is_held_by_its_map,
                                                   litter_is_not_held};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (int finalizers = 0; finalizers < 2; finalizers++) {
      for (int mode = 0; mode < 2; mode++) {
        gc_heap_options options = GC_HEAP_OPTIONS_INIT;
        options.name = "constants";
        if (mode) options.finalizers = GC_FINALIZERS_QUEUED;
        REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
        kinds k = open_kinds(finalizers);
        check_log_start();
        size_t expected = cases[i](&k);
        CHECK_EQ(gc_heap_free(heap), expected);
        CHECK_EQ(check_log.lines[GC_LOG_ERROR], 0);
        CHECK((check_log.lines[GC_LOG_WARNING] == 0) == (expected == 0));
        if (check_failures) {
          printf("  case %zu, finalizers %d, queued %d\n%s", i, finalizers, mode, check_log.text);
          return;
        }
      }
    }
  }
}

/* A followed reference to an immortal object is named, and can be released up to the very end. */
static gc_hold late_hold;

static void release_late(Thing *self) {
  (void)self;
  if (late_hold == GC_HOLD_NONE) return;
  gc_hold hold = late_hold;
  late_hold = GC_HOLD_NONE;
  CHECK_EQ(gc_release_hold(hold, NULL), RC_OK);
}

static void holds_of_immortals(void) {
  for (int mode = 0; mode < 2; mode++) {
    for (int where = -1; where < PLACES; where++) {
      queued = mode, root_count = 0;
      begin();
      config = thing();
      Thing *kept = thing();
      for (int i = 0; i < 100 && !queued; i++) rc_decref(thing());
      late_hold = GC_HOLD(kept, "cache");
      rc_immortalize(kept);
      keep(config);
      if (where >= 0) scripts[where] = release_late;
      CHECK_EQ(end(0), 1);
      CHECK((late_hold == GC_HOLD_NONE) == (where >= 0));
      CHECK_STR(check_log.text, "hold cache on Thing"); /* it was not released when the collection was over */
    }
  }
}

static const check_test tests[] = {
    CHECK_TEST(every_script_in_every_callback),
    CHECK_TEST(random_scripts_in_all_callbacks),
    CHECK_TEST(generations_end_one_by_one),
    CHECK_TEST(what_goes_on_for_ever_is_cut_off),
    CHECK_TEST(destroy_that_goes_on_for_ever_is_fatal),
    CHECK_TEST(what_is_held_and_what_is_not),
    CHECK_TEST(holds_of_immortals),
};

CHECK_MAIN(tests)
