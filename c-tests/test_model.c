/* The model test: random graphs of up to 16 objects, run on the engine and on a small model that knows
 * reachability by brute force. The engine's callbacks tell the model what happens; the model judges whether
 * that may happen now, does in its own books what the callback does to the engine, and knows after each step
 * what must have happened: every object is destroyed exactly once and none while it can be reached, a
 * finalizer runs at most once, weak handles read null exactly from step 3 on, the dead set of every
 * collection is exactly the model's.
 *
 * In some of the cases without silent objects full collections also run in slices, of one unit of work or a few, between any two
 * operations. Then the model does not know what has been judged dead, only what may have been: what cannot be reached. It
 * holds the engine to this: nothing that can be reached is ended or reads null, and what was garbage when a run began has
 * ended when it has, unless somebody reached it in between.
 *
 * While a heap ends with whatever there is in it, callbacks do what asides.h has: make objects that keep theirs, hold
 * them, end types, leave scopes open, fork; and none of that may change what the model knows of its own objects.
 *
 * Each case has a seed of its own. The first case uses the one given by RCGC_TEST_SEED, so a failing case is
 * repeated by the seed that it prints with its steps. RCGC_TEST_CASES says how many cases to run. */
#include "asides.h"
#include "check.h"
#include "graph.h"

#if defined(__has_include)
#if __has_include(<rcgc/weakmap.h>)
#define WITH_MAPS 1
#include <rcgc/weakmap.h>
#endif
#endif

enum { OBJECTS = 16, SLOTS = 3, HANDLES = 16, PAIRS = 12, SCOPES = 4, KEPT = 4, STEPS = 60, FRAMES = 64 };
enum { NONE = -1 };

typedef struct Thing Thing;

struct Thing {
  Thing *slot[SLOTS];
  rc_weak *weak;
  uint64_t id;
};

/* Plain objects and maps die without a word; the other kinds have a destroy. */
enum kind { PLAIN, DECLARED, FINALIZED, TRAVERSED, MIXED, HOLDER, KINDS, MAP = KINDS };

typedef struct object {
  Thing *at;
  enum kind kind;
  bool alive, finalized, young, frozen;
  bool past;       /* handles made before are gone, and new ones are null */
  unsigned roots;  /* references of the host, and of scopes */
  int slot[SLOTS]; /* targets, or NONE */
  int held;        /* the handle in `weak`, or NONE */
  unsigned busy;   /* callbacks about it that are running */
  unsigned birth;  /* tells it from others that had its place */
} object;

typedef struct handle {
  rc_weak *at; /* null: none */
  int target;
  bool callback, cleared, called, in_field;
  bool maybe_gone; /* its holder is being ended */
} handle;

/* An entry of a map. When its key has died it has left the map, and owns its value until step 5. */
typedef struct pair {
  bool used, detached;
  int map, key, value;
} pair;

typedef struct scope {
  rc_scope_mark mark;
  int kept[KEPT];
  size_t count;
} scope;

typedef uint32_t set; /* of objects */

static struct model {
  uint64_t seed, random;
  gc_heap *heap;
  rc_type *types[KINDS];
  object objects[OBJECTS];
  handle handles[HANDLES];
  pair pairs[PAIRS];
  scope scopes[SCOPES];
  size_t scope_count;
  bool silent_kinds;  /* plain objects and maps take part: then callbacks do not collect */
  bool leaving;       /* a scope is being left: nobody collects */
  bool ending;        /* the heap is */
  bool collecting;
  int stage;          /* of the collection: 0 finalizers, 1 weak callbacks, 2 the end */
  set dead;           /* of the collection */
  bool sliced;        /* collections in slices take part */
  bool run;           /* one is under way */
  bool slice;         /* a slice of it may be running */
  bool stepping;      /* within gc_step */
  set doomed;         /* garbage when it began that nobody has reached since */
  set maybe_past;     /* what may have lost its handles in it, and live */
  bool called;        /* callbacks have run in it, and may have brought back what others are for */
  size_t dead_first;
  int frames[FRAMES]; /* subjects of the callbacks that are running */
  size_t depth, base; /* base: when the collection began */
  unsigned births;
  unsigned budget;    /* actions that callbacks of one step may still do */
} m;

/* ---- steps, for the report of a failure ---- */

typedef struct step {
  const char *what;
  int a, b, c;
  size_t depth;
} step;

enum { STEPS_KEPT = 4000 };
static step steps[STEPS_KEPT];
static size_t step_count;

static void say(const char *what, int a, int b, int c) {
  if (step_count < STEPS_KEPT) steps[step_count++] = (step){what, a, b, c, m.depth};
}

static void print_steps(void) {
  printf("the case of RCGC_TEST_SEED=%" PRIu64 ":\n", m.seed);
  for (size_t i = 0; i < step_count; i++)
    printf("  %*s%s %d %d %d\n", (int)steps[i].depth * 2, "", steps[i].what, steps[i].a, steps[i].b,
           steps[i].c);
  fflush(stdout);
}

static void on_fatal(const char *message, void *ctx) {
  (void)ctx;
  printf("fatal: %s\n", message);
  print_steps();
}

static void on_crash(int number) {
  printf("signal %d\n", number);
  print_steps();
  signal(number, SIG_DFL);
  raise(number);
}

#define EXPECT(condition) \
  (check_that((condition), __FILE__, __LINE__, #condition) ? (void)0 : (print_steps(), check_give_up()))

/* ---- the model ---- */

static size_t pick(size_t limit) {
  return check_below(&m.random, limit);
}

static bool silent(int i) {
  return m.objects[i].kind == PLAIN || m.objects[i].kind == MAP;
}


/* What can be reached from a set; a map's value through its map and its key together. */
static set reach(set from) {
  set reached = 0, next = from;
  while (next) {
    reached |= next;
    next = 0;
    for (int i = 0; i < OBJECTS; i++) {
      if (!(reached >> i & 1)) continue;
      for (int s = 0; s < SLOTS; s++)
        if (m.objects[i].slot[s] != NONE) next |= 1u << m.objects[i].slot[s];
    }
    for (int p = 0; p < PAIRS; p++) {
      const pair *it = &m.pairs[p];
      bool both = it->used && !it->detached && reached >> it->map & 1 && reached >> it->key & 1;
      if (both) next |= 1u << it->value;
    }
    next &= ~reached;
  }
  return reached;
}

static set rooted(void) {
  set roots = 0;
  for (int i = 0; i < OBJECTS; i++)
    if (m.objects[i].alive && m.objects[i].roots) roots |= 1u << i;
  return roots;
}

/* Whether there is a handle that the host may use: not where its holder may have been emptied unseen. */
static bool usable(int h) {
  if (!m.handles[h].at || m.handles[h].maybe_gone) return false;
  if (!m.run || !m.handles[h].in_field) return true;
  set reachable = reach(rooted());
  for (int i = 0; i < OBJECTS; i++)
    if (m.objects[i].held == h) return reachable >> i & 1;
  return true;
}

static set all_alive(void) {
  set all = 0;
  for (int i = 0; i < OBJECTS; i++)
    if (m.objects[i].alive) all |= 1u << i;
  return all;
}

static unsigned count_of(int i) {
  unsigned count = m.objects[i].roots;
  for (int j = 0; j < OBJECTS; j++)
    for (int s = 0; s < SLOTS; s++) count += m.objects[j].alive && m.objects[j].slot[s] == i;
  for (int p = 0; p < PAIRS; p++) count += m.pairs[p].used && m.pairs[p].value == i;
  return count;
}

/* What holds objects in the eyes of a collection, beside the host's references. */
static set held_for_collection(bool young) {
  set held = rooted();
  for (int i = 0; i < OBJECTS; i++) {
    const object *it = &m.objects[i];
    if (!it->alive) continue;
    if (it->frozen || (young && !it->young)) held |= 1u << i;
    if (!m.collecting && (it->busy || count_of(i) == 0)) held |= 1u << i;
  }
  return held;
}

/* What the host may touch in a callback about `subject`: what it reaches itself, and what that one does. */
static set within_reach(int subject) {
  return reach(rooted() | (subject == NONE ? 0 : 1u << subject));
}

static int pick_of(set from) {
  int found[OBJECTS];
  size_t n = 0;
  for (int i = 0; i < OBJECTS; i++)
    if (from >> i & 1) found[n++] = i;
  return n ? found[pick(n)] : NONE;
}

static set only(set from, bool maps) {
  for (int i = 0; i < OBJECTS; i++)
    if ((m.objects[i].kind == MAP) != maps) from &= ~(1u << i);
  return from;
}

static set not_past(set from) {
  for (int i = 0; i < OBJECTS; i++)
    if (m.objects[i].past) from &= ~(1u << i);
  return from;
}

/* From now on its handles are null, and it is a key no more. */
static void model_past(int i) {
  m.objects[i].past = true;
  for (int h = 0; h < HANDLES; h++)
    if (m.handles[h].at && m.handles[h].target == i) m.handles[h].cleared = true;
  for (int p = 0; p < PAIRS; p++)
    if (m.pairs[p].used && m.pairs[p].key == i) m.pairs[p].detached = true;
}

/* The handle in its field ends with it. */
static void end_field(int i) {
  if (m.objects[i].held != NONE) m.handles[m.objects[i].held].at = NULL;
  m.objects[i].held = NONE;
}

/* Step 5: entries of these keys release their values. */
static void model_release(set keys) {
  for (int p = 0; p < PAIRS; p++)
    if (m.pairs[p].detached && keys >> m.pairs[p].key & 1) m.pairs[p].used = m.pairs[p].detached = false;
}

/* In host code: keys that died by count and are in no callback are past step 5, or live on without it. */
static void model_release_finished(void) {
  set keys = 0;
  for (int i = 0; i < OBJECTS; i++)
    if (!m.objects[i].busy && !(m.dead >> i & 1)) keys |= 1u << i;
  model_release(keys);
}

static void model_empty(int i) {
  for (int s = 0; s < SLOTS; s++) m.objects[i].slot[s] = NONE;
  for (int p = 0; p < PAIRS; p++)
    if (m.pairs[p].map == i && !m.pairs[p].detached) m.pairs[p].used = false;
  end_field(i);
}

static void model_end(int i) {
  model_past(i);
  model_release(1u << i);
  model_empty(i);
  m.objects[i].alive = false;
  m.doomed &= ~(1u << i), m.maybe_past &= ~(1u << i);
}

/* What the host has come by is garbage no more. */
static void note_reached(void) {
  m.doomed &= ~reach(rooted());
}

/* The handle reads what it must read now. */
static void check_handle(int h) {
  handle *it = &m.handles[h];
  Thing *target = rc_weak_get(it->at);
  if (it->cleared) EXPECT(target == NULL);
  if (!target && !it->cleared && (m.run || m.maybe_past >> it->target & 1)) {
    EXPECT(!(reach(rooted()) >> it->target & 1) || m.maybe_past >> it->target & 1);
    /* While one runs it may only be waiting for its end, in which it is given once more. */
    it->cleared = !m.run;
    return;
  }
  if (target) {
    EXPECT(m.objects[it->target].alive && target == m.objects[it->target].at);
    rc_decref(target);
  } else if (!it->cleared) {
    EXPECT(!(reach(rooted()) >> it->target & 1));
    /* Silent ones release what they refer to unseen. */
    EXPECT((m.silent_kinds && m.depth) || m.stage == 2 || m.leaving || count_of(it->target) == 0);
  }
}

/* Silent ones that died by count. */
static void end_silent(void) {
  if (m.leaving) return; /* the scope holds some still */
  for (bool found = true; found;) {
    found = false;
    for (int i = 0; i < OBJECTS; i++) {
      if (!m.objects[i].alive || !silent(i) || m.objects[i].busy || count_of(i) != 0) continue;
      if (m.dead >> i & 1) continue; /* the collection holds it */
      bool due = false;              /* it will be heard of */
      for (int h = 0; h < HANDLES; h++)
        due |= m.handles[h].at && m.handles[h].target == i && m.handles[h].callback && !m.handles[h].called;
      if (due) continue;
      model_end(i);
      found = true;
    }
  }
}

/* ---- the collection under way ---- */

static bool young_collection;

/* The steps of a collection are over up to `stage`. */
static void proceed(int stage) {
  if (!m.collecting || m.stage >= stage) return;
  end_silent();
  if (m.stage < 1 && stage >= 1) { /* step 2 is over: the dead are judged again, and their handles are null */
    m.stage = 1;
    m.dead &= ~reach((all_alive() & ~m.dead) | rooted());
    for (int i = 0; i < OBJECTS; i++)
      if (m.dead >> i & 1) model_past(i);
  }
  if (m.stage < 2 && stage >= 2) {
    m.stage = 2;
    set lives = m.dead & reach((all_alive() & ~m.dead) | rooted());
    for (int i = 0; i < OBJECTS; i++)
      if (lives >> i & 1) m.objects[i].past = false;
    model_release(m.dead);
    m.dead &= ~lives;
    for (int i = 0; i < OBJECTS; i++)
      if (m.dead >> i & 1 && m.objects[i].held != NONE) m.handles[m.objects[i].held].maybe_gone = true;
  }
  for (int h = 0; h < HANDLES; h++)
    if (usable(h) && m.handles[h].cleared) EXPECT(rc_weak_get(m.handles[h].at) == NULL);
}

static size_t size_of(set objects) {
  size_t size = 0;
  for (; objects; objects &= objects - 1) size++;
  return size;
}

static size_t last_reclaimed;

static void on_collection(gc_heap *heap, const gc_event *event, void *ctx) {
  (void)ctx;
  EXPECT(heap == m.heap);
  if (m.ending) return;
  if (m.slice && m.stepping && event->kind == GC_EVENT_START) {
    say("a run begins", 0, 0, 0);
    EXPECT(!m.run && !m.collecting);
    m.run = true, m.maybe_past = 0, m.called = false;
    m.doomed = all_alive() & ~reach(held_for_collection(false));
    return;
  }
  if (m.run && !m.collecting && event->kind != GC_EVENT_START) {
    say(m.stepping ? "the run has ended" : "the run is given up", (int)event->reclaimed, 0, 0);
    EXPECT(event->status == RC_OK);
    if (m.stepping) EXPECT(!(m.doomed & all_alive()));
    m.run = false, m.doomed = 0;
    return;
  }
  if (event->kind == GC_EVENT_START) {
    EXPECT(!m.collecting);
    m.slice = false;
    young_collection = event->generation == GC_GENERATION_YOUNG;
    say(young_collection ? "young collection" : "full collection", (int)event->reason, 0, 0);
    m.dead = all_alive() & ~reach(held_for_collection(young_collection));
    m.dead_first = size_of(m.dead);
    /* In the middle of a run: what these hold is counted at one time, and let go of at another. */
    m.doomed &= ~reach(m.dead);
    m.collecting = true, m.stage = 0, m.base = m.depth;
    for (int i = 0; i < OBJECTS; i++) m.objects[i].young = false;
    return;
  }
  proceed(2);
  say("collected", (int)event->reclaimed, (int)event->resurrected, 0);
  EXPECT(m.collecting && event->status == RC_OK);
  for (int i = 0; i < OBJECTS; i++) {
    if (!(m.dead >> i & 1)) continue;
    if (silent(i)) model_end(i);
    else EXPECT(!m.objects[i].alive);
  }
  EXPECT(event->reclaimed == size_of(m.dead));
  EXPECT(event->resurrected == m.dead_first - size_of(m.dead));
  last_reclaimed = size_of(m.dead);
  m.collecting = false, m.stage = 0, m.dead = 0;
}

/* ---- what hosts do: on the engine and in the model alike ---- */

static void act(int subject, bool first_step);
static void act_at_the_end(void *about);

static int free_object(void) {
  for (int i = 0; i < OBJECTS; i++) {
    bool named = m.objects[i].alive || m.objects[i].busy;
    for (int h = 0; h < HANDLES; h++) named |= m.handles[h].at && m.handles[h].target == i;
    named |= m.dead >> i & 1;
    if (!named) return i;
  }
  return NONE;
}

static int make(enum kind kind) {
  int i = free_object();
  if (i == NONE) return NONE;
  m.objects[i].busy++; /* keeps the place: a collection may run, and its callbacks make others */
  void *at;
#ifdef WITH_MAPS
  at = kind == MAP ? (void *)rc_weakmap_new(m.heap) : rc_new(m.types[kind]);
#else
  at = rc_new(m.types[kind]);
#endif
  EXPECT(at != NULL);
  m.objects[i] = (object){.at = at, .kind = kind, .alive = true, .young = true, .roots = 1, .held = NONE,
                          .birth = ++m.births};
  for (int s = 0; s < SLOTS; s++) m.objects[i].slot[s] = NONE;
  if (kind != MAP) m.objects[i].at->id = (uint64_t)i;
  say("make, of kind", i, kind, 0);
  return i;
}

static enum kind any_kind(void) {
  if (!m.silent_kinds) return (enum kind)(DECLARED + pick(KINDS - DECLARED));
#ifdef WITH_MAPS
  return (enum kind)pick(KINDS + 1);
#else
  return (enum kind)pick(KINDS);
#endif
}

static void release(int i) {
  say("release", i, 0, 0);
  m.objects[i].roots--;
  rc_decref(m.objects[i].at);
}

static void hold(int i) {
  say("hold", i, 0, 0);
  m.objects[i].roots++;
  note_reached();
  rc_incref(m.objects[i].at);
}

static void store(int i, int s, int target) {
  say("store (object, slot, target)", i, s, target);
  Thing *at = m.objects[i].at;
  if (target != NONE) rc_incref(m.objects[target].at);
  m.objects[i].slot[s] = target;
  /* What a callback stores in other garbage is as alive as that. */
  if (m.slice) m.doomed &= ~reach(1u << i);
  note_reached();
  rc_setref(&at->slot[s], target == NONE ? NULL : m.objects[target].at);
}

static int ctx_of[HANDLES];

static void on_weak(rc_weak *weak, void *ctx) {
  int h = *(int *)ctx;
  handle *it = &m.handles[h];
  int target = it->target;
  EXPECT(it->at == weak && it->callback && !it->called);
  if (m.collecting && m.depth == m.base) proceed(m.dead >> target & 1 && m.stage < 2 ? 1 : 2);
  say("weak callback (handle, target)", h, target, 0);
  if (m.slice) m.maybe_past |= ~reach(rooted());
  it->called = true;
  EXPECT(m.ending || m.objects[target].alive);
  EXPECT(m.ending || !it->cleared || m.objects[target].past || m.run);
  model_past(target);
  EXPECT(rc_weak_get(weak) == NULL);
  if (m.ending) {
    act_at_the_end(NULL);
    return;
  }
  for (int k = 0; k < HANDLES; k++)
    if (usable(k) && m.handles[k].target == target) EXPECT(rc_weak_get(m.handles[k].at) == NULL);
  EXPECT(m.depth < FRAMES);
  m.objects[target].busy++;
  m.frames[m.depth++] = target;
  m.called = true;
  if (pick(8) == 0 && !it->in_field) {
    say("it frees itself", h, 0, 0);
    it->at = NULL;
    rc_weak_free(weak);
  }
  act(target, true);
  m.depth--;
  m.objects[target].busy--;
}

static int make_handle(int i) {
  for (int h = 0; h < HANDLES; h++) {
    if (m.handles[h].at) continue;
    bool callback = pick(2);
    ctx_of[h] = h;
    rc_weak *at = rc_weak_new(m.objects[i].at, callback ? on_weak : NULL, callback ? &ctx_of[h] : NULL);
    EXPECT(at != NULL);
    say("handle (handle, target, callback)", h, i, callback);
    m.handles[h] = (handle){.at = at, .target = i, .callback = callback};
    if (m.slice && !m.objects[i].past) { /* as others of its set it may be past unseen */
      Thing *target = rc_weak_get(at);
      if (target) rc_decref(target);
      else EXPECT(m.maybe_past >> i & 1), model_past(i);
    }
    if (m.objects[i].past) m.handles[h].cleared = m.handles[h].called = true;
    return h;
  }
  return NONE;
}

static void free_handle(int h) {
  say("free handle", h, 0, 0);
  rc_weak *at = m.handles[h].at;
  m.handles[h].at = NULL;
  rc_weak_free(at);
}

/* A handle in a field, which ends with its holder. */
static void put_in_field(int i, int target) {
  if (m.objects[i].held != NONE) {
    int old = m.objects[i].held;
    m.objects[i].held = NONE, m.objects[i].at->weak = NULL;
    free_handle(old);
  }
  int h = make_handle(target);
  if (h == NONE) return;
  say("in the field of", i, h, 0);
  m.handles[h].in_field = true;
  m.objects[i].held = h, m.objects[i].at->weak = m.handles[h].at;
}

static void read_handle(int h) {
  handle *it = &m.handles[h];
  check_handle(h);
  Thing *target = rc_weak_get(it->at);
  say("read handle", h, it->target, target != NULL);
  if (!target) return;
  m.objects[it->target].roots++;
  note_reached();
  if (pick(2)) release(it->target);
}

#ifdef WITH_MAPS
static void use_map(int map, set touch) {
  rc_weakmap *at = (rc_weakmap *)(void *)m.objects[map].at;
  int key = pick_of(not_past(touch)), value = pick_of(touch), found = NONE, room = NONE;
  if (key == NONE) return;
  for (int p = 0; p < PAIRS; p++) {
    if (!m.pairs[p].used) room = p;
    else if (m.pairs[p].map == map && m.pairs[p].key == key && !m.pairs[p].detached) found = p;
  }
  switch (pick(4)) {
    case 0: {
      Thing *got = rc_weakmap_get(at, m.objects[key].at);
      say("map get (map, key)", map, key, got != NULL);
      EXPECT(got == (found == NONE ? NULL : m.objects[m.pairs[found].value].at));
      if (got) rc_decref(got);
      return;
    }
    case 1:
      say("map remove (map, key)", map, key, 0);
      if (found != NONE) m.pairs[found].used = false;
      EXPECT(rc_weakmap_remove(at, m.objects[key].at) == RC_OK);
      return;
    default:
      if (found == NONE && room == NONE) return;
      say("map set (map, key, value)", map, key, value);
      m.pairs[found != NONE ? found : room] = (pair){.used = true, .map = map, .key = key, .value = value};
      EXPECT(rc_weakmap_set(at, m.objects[key].at, m.objects[value].at) == RC_OK);
  }
}
#endif

static void collect(bool young) {
  bool refused = m.collecting || m.slice, slice = m.slice, stepping = m.stepping;
  last_reclaimed = 0;
  say(young ? "gc_collect_young" : "gc_collect", refused, 0, 0);
  m.slice = m.run; /* what it has judged dead is ended first */
  m.stepping = false;
  size_t ended = young ? gc_collect_young(m.heap) : gc_collect(m.heap);
  m.slice = slice, m.stepping = stepping;
  EXPECT(ended == (refused ? 0 : last_reclaimed));
}

static void freeze(bool thaw) {
  say(thaw ? "unfreeze" : "freeze", 0, 0, 0);
  bool refused = m.collecting || m.slice, slice = m.slice, stepping = m.stepping;
  m.slice = m.run, m.stepping = false;
  rc_status status = thaw ? gc_unfreeze(m.heap) : gc_freeze(m.heap);
  m.slice = slice, m.stepping = stepping;
  EXPECT(status == (refused ? RC_ERR_REFUSED : RC_OK));
  if (status != RC_OK) return;
  for (int i = 0; i < OBJECTS; i++) {
    if (m.objects[i].alive && !thaw) m.objects[i].young = false;
    m.objects[i].frozen = m.objects[i].alive && !thaw;
  }
}

/* A scope around a moment; in a callback it may be left open, and is closed at the border. */
static void short_scope(int kept) {
  say("short scope", kept, 0, 0);
  rc_scope_mark mark = rc_scope_enter_named(m.heap, "short");
  EXPECT(mark != RC_SCOPE_NONE);
  if (kept != NONE) EXPECT(rc_scope_keep(m.heap, rc_newref(m.objects[kept].at)) == m.objects[kept].at);
  EXPECT(rc_scope_leave(m.heap, mark) == RC_OK);
}

/* References that no scope owns. */
static unsigned own_roots(int i) {
  unsigned roots = m.objects[i].roots;
  for (size_t s = 0; s < m.scope_count; s++)
    for (size_t k = 0; k < m.scopes[s].count; k++) roots -= m.scopes[s].kept[k] == i;
  return roots;
}

static set releasable(void) {
  set roots = 0;
  for (int i = 0; i < OBJECTS; i++)
    if (m.objects[i].alive && own_roots(i)) roots |= 1u << i;
  return roots;
}

static int pick_handle(bool free_ones) {
  int h = (int)pick(HANDLES);
  return usable(h) && !(free_ones && m.handles[h].in_field) ? h : NONE;
}

/* One thing that a host does, in a callback about `subject` or outside of all. */
static void act_once(int subject) {
  model_release_finished();
  set touch = within_reach(subject);
  int one = pick_of(touch), other = pick_of(touch), thing = pick_of(only(touch, false));
  int map = pick_of(not_past(only(touch, true))), root = pick_of(releasable()), h;
  switch (pick(16)) {
    case 0:
    case 1:
      if (thing != NONE) store(thing, (int)pick(SLOTS), other);
      break;
    case 2:
      if (thing != NONE) store(thing, (int)pick(SLOTS), NONE);
      break;
    case 3:
      if (one != NONE) hold(one);
      break;
    case 4:
    case 5:
    case 6:
      if (root != NONE) release(root);
      break;
    case 7: {
      int made = make(any_kind());
      if (made == NONE) break;
      unsigned birth = m.objects[made].birth; /* callbacks may release it before we do */
      if (m.objects[made].kind != MAP && other != NONE && pick(2)) store(made, 0, other);
      if (thing != NONE && pick(2)) store(thing, (int)pick(SLOTS), made);
      if (pick(2) && m.objects[made].birth == birth && releasable() >> made & 1) release(made);
      break;
    }
    case 8:
      one = pick_of(m.depth ? not_past(touch) : touch);
      if (one != NONE) (void)make_handle(one);
      break;
    case 9:
      if ((h = pick_handle(true)) != NONE) free_handle(h);
      break;
    case 10:
      if ((h = pick_handle(false)) != NONE) read_handle(h);
      break;
    case 11:
      one = pick_of(not_past(touch));
      for (int i = 0; i < OBJECTS && one != NONE; i++)
        if (touch >> i & 1 && m.objects[i].kind == HOLDER && !m.objects[i].past && pick(2)) {
          put_in_field(i, one);
          break;
        }
      break;
    case 12:
#ifdef WITH_MAPS
      if (map != NONE) use_map(map, touch);
#endif
      (void)map;
      break;
    case 13:
      if (m.depth == 0 || m.collecting || !(m.silent_kinds || m.leaving)) collect(pick(2));
      break;
    case 14:
      short_scope(one);
      break;
    default:
      if (m.depth == 0 && pick(4) == 0) freeze(pick(2));
      else if (pick(2)) EXPECT(aside(m.heap, NULL, &m.random, false, m.collecting || m.slice));
  }
}

/* What a callback about `subject` does: often nothing, sometimes it brings something back. */
static void act(int subject, bool intact) {
  if (m.ending || (m.silent_kinds && m.depth > 3)) return; /* deaths deeper than that may be put off */
  model_release_finished();
  if (intact && pick(4) == 0) hold(pick(2) ? subject : pick_of(within_reach(subject)));
  while (m.budget && pick(3)) {
    m.budget--;
    act_once(intact ? subject : NONE);
  }
  model_release_finished();
  if (pick(32) == 0) {
    int root = pick_of(rooted());
    say("a scope left open", root, 0, 0);
    EXPECT(rc_scope_enter(m.heap) != RC_SCOPE_NONE);
    if (root != NONE) (void)rc_scope_keep(m.heap, rc_newref(m.objects[root].at));
  }
}

/* In a callback while the heap ends, about an object that may be stored, or null. */
static void act_at_the_end(void *about) {
  for (size_t n = pick(3); n > 0; n--) {
    say("aside", about != NULL, 0, 0);
    EXPECT(aside(m.heap, about, &m.random, true, true));
  }
}

/* ---- the callbacks of types ---- */

static void enter_callback(int i) {
  EXPECT(m.depth < FRAMES);
  m.objects[i].busy++;
  m.frames[m.depth++] = i;
}

static void leave_callback(int i) {
  m.depth--;
  m.objects[i].busy--;
}

static void on_finalize(void *obj) {
  Thing *self = obj;
  int i = (int)self->id;
  object *it = &m.objects[i];
  if (m.collecting && m.depth == m.base && !(m.dead >> i & 1 && m.stage == 0)) proceed(2);
  say("finalize", i, 0, 0);
  EXPECT(it->alive && it->at == self && !it->finalized);
  it->finalized = true;
  for (int s = 0; s < SLOTS; s++) {
    EXPECT(self->slot[s] == (it->slot[s] == NONE ? NULL : m.objects[it->slot[s]].at));
    EXPECT(it->slot[s] == NONE || m.objects[it->slot[s]].alive);
  }
  if (m.ending) {
    act_at_the_end(obj);
    return;
  }
  /* In a collection another finalizer may have brought it back: step 1 is for the whole set. */
  bool may_be_back = m.slice ? m.called : m.collecting && m.stage == 0 && m.dead >> i & 1;
  if (!may_be_back) EXPECT(!(reach(rooted()) >> i & 1));
  for (int h = 0; h < HANDLES; h++) {
    if (!usable(h) || m.handles[h].target != i || m.handles[h].cleared) continue;
    EXPECT(rc_weak_get(m.handles[h].at) == obj);
    rc_decref(obj);
  }
  m.called = true;
  enter_callback(i);
  act(i, true);
  leave_callback(i);
}

static void on_clear_of(void *obj, int first) {
  Thing *self = obj;
  int i = (int)self->id;
  end_field(i);
  if (m.collecting && m.depth == m.base) proceed(2);
  say("clear", i, 0, 0);
  EXPECT(m.objects[i].alive && m.objects[i].at == self);
  EXPECT(m.ending || !(reach(rooted()) >> i & 1));
  model_past(i);
  model_release(1u << i);
  for (int s = 0; s < first; s++) EXPECT(self->slot[s] == NULL), m.objects[i].slot[s] = NONE;
  if (!m.ending) enter_callback(i);
  for (int s = first; s < SLOTS; s++) {
    m.objects[i].slot[s] = NONE;
    rc_clear(&self->slot[s]);
  }
  if (!m.ending) leave_callback(i);
  else act_at_the_end(NULL);
}

static void on_clear_all(void *obj) {
  on_clear_of(obj, 0);
}

static void on_clear_rest(void *obj) {
  on_clear_of(obj, 1);
}

static void on_destroy(void *obj) {
  Thing *self = obj;
  int i = (int)self->id;
  object *it = &m.objects[i];
  end_field(i);
  if (m.collecting && m.depth == m.base) proceed(2);
  say("destroy", i, 0, 0);
  EXPECT(it->alive && it->at == self);
  EXPECT(m.ending || !(reach(rooted()) >> i & 1));
  EXPECT(it->kind == DECLARED || it->finalized);
  for (int s = 0; s < SLOTS; s++) EXPECT(self->slot[s] == NULL);
  EXPECT(self->weak == NULL);
  model_end(i);
  if (m.ending) {
    act_at_the_end(NULL);
    return;
  }
  for (int h = 0; h < HANDLES; h++)
    if (usable(h) && m.handles[h].target == i) EXPECT(rc_weak_get(m.handles[h].at) == NULL);
  if (pick(8) == 0) {
    rc_weak *late = rc_weak_new(obj, NULL, NULL);
    EXPECT(late && rc_weak_get(late) == NULL);
    rc_weak_free(late);
  }
  it->at = NULL;
  m.called = true;
  enter_callback(i); /* being busy it keeps its place */
  act(i, false);
  leave_callback(i);
}

static int on_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Thing *self = obj;
  for (int s = 0; s < SLOTS; s++) {
    int stop = visit(self->slot[s], visit_ctx);
    if (stop) return stop;
  }
  return 0;
}

static int on_traverse_rest(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Thing *self = obj;
  for (int s = 1; s < SLOTS; s++) {
    int stop = rc_visit_named(visit, visit_ctx, self->slot[s], "slot", (size_t)s);
    if (stop) return stop;
  }
  return 0;
}

static const rc_field array_field[] = {RC_FIELD_ARRAY(Thing, slot)};
static const rc_field first_field[] = {RC_FIELD(Thing, slot[0])};
static const rc_field holder_fields[] = {RC_FIELD_ARRAY(Thing, slot), RC_FIELD_WEAK(Thing, weak)};

static rc_type *make_type(enum kind kind) {
  static const char *const names[] = {"Plain", "Declared", "Finalized", "Traversed", "Mixed", "Holder"};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = names[kind], spec.size = sizeof(Thing);
  spec.fields = array_field, spec.field_count = 1;
  if (kind != PLAIN) spec.destroy = on_destroy;
  if (kind > DECLARED) spec.finalize = on_finalize;
  if (kind == HOLDER) spec.fields = holder_fields, spec.field_count = 2;
  if (kind == MIXED) {
    spec.fields = first_field;
    spec.traverse = on_traverse_rest, spec.clear = on_clear_rest, spec.flags = RC_TYPE_TRACK_ON_NEW;
  }
  if (kind == TRAVERSED) {
    spec.fields = NULL, spec.field_count = 0;
    spec.traverse = on_traverse, spec.clear = on_clear_all, spec.flags = RC_TYPE_TRACK_ON_NEW;
  }
  return graph_type(m.heap, &spec);
}

/* ---- one case ---- */

/* Nothing is running: the books agree. */
static void settle(void) {
  EXPECT(m.depth == 0 && !m.collecting);
  model_release(~(set)0);
  end_silent();
  set reachable = reach(rooted());
  m.doomed &= ~reachable;
  for (int i = 0; i < OBJECTS; i++) {
    m.objects[i].past &= m.run && !(reachable >> i & 1);
    EXPECT(!m.objects[i].alive || count_of(i) != 0 || m.run);
  }
  uint64_t plain = 0, alive = size_of(all_alive());
  for (int i = 0; i < OBJECTS; i++) {
    const object *it = &m.objects[i];
    plain += it->alive && it->kind == PLAIN;
    if (!(reachable >> i & 1)) continue;
    EXPECT(it->alive && (m.run || rc_count(it->at) == count_of(i)));
    /* What is ended in slices has let go of it, or not yet; and the engine may have a reference to what it finalizes. */
    EXPECT(rc_count(it->at) >= it->roots && rc_count(it->at) <= count_of(i) + m.run);
    if (it->kind == MAP) continue;
    EXPECT(gc_is_finalized(it->at) == it->finalized);
    for (int s = 0; s < SLOTS; s++)
      EXPECT(it->at->slot[s] == (it->slot[s] == NONE ? NULL : m.objects[it->slot[s]].at));
  }
  EXPECT(graph_live(m.heap) == alive + asides_alive() || (m.run && graph_live(m.heap) > alive + asides_alive()));
  EXPECT(rc_type_live(m.types[PLAIN]) == plain);
  for (int h = 0; h < HANDLES; h++) {
    if (m.run ? !usable(h) : !m.handles[h].at) continue;
    check_handle(h);
    EXPECT(!m.handles[h].callback || m.run || m.handles[h].called == m.handles[h].cleared);
  }
  if (!m.run) m.maybe_past = 0;
#ifdef WITH_MAPS
  for (int i = 0; i < OBJECTS; i++) {
    if (!(reachable >> i & 1) || m.objects[i].kind != MAP) continue;
    size_t length = 0;
    for (int p = 0; p < PAIRS; p++) length += m.pairs[p].used && m.pairs[p].map == i;
    EXPECT(rc_weakmap_length((rc_weakmap *)(void *)m.objects[i].at) == length);
  }
#endif
}

static void leave_scope(void) {
  scope *top = &m.scopes[m.scope_count - 1];
  say("leave scope", (int)m.scope_count, (int)top->count, 0);
  for (size_t k = 0; k < top->count; k++) m.objects[top->kept[k]].roots--;
  m.scope_count--;
  m.leaving = true;
  EXPECT(rc_scope_leave(m.heap, top->mark) == RC_OK);
  m.leaving = false;
}

static void use_scopes(void) {
  scope *top = m.scope_count ? &m.scopes[m.scope_count - 1] : NULL;
  int one = pick_of(reach(rooted()));
  size_t choice = pick(4);
  if (choice == 0 && m.scope_count < SCOPES) {
    m.scopes[m.scope_count] = (scope){.mark = rc_scope_enter(m.heap)};
    EXPECT(m.scopes[m.scope_count].mark != RC_SCOPE_NONE);
    m.scope_count++;
    say("enter scope", (int)m.scope_count, 0, 0);
  } else if (choice < 3 && top && top->count < KEPT && one != NONE) {
    say("keep in scope", one, 0, 0);
    EXPECT(rc_scope_keep(m.heap, rc_newref(m.objects[one].at)) == m.objects[one].at);
    m.objects[one].roots++;
    top->kept[top->count++] = one;
  } else if (top) {
    leave_scope();
  }
}

static void automatic(void) {
  int i = pick_of(reach(rooted()));
  if (i == NONE) return;
  EXPECT(rc_add_external_bytes(m.objects[i].at, (ptrdiff_t)64 << 20) == RC_OK);
  say("automatic", i, 0, 0);
  unsigned birth = m.objects[i].birth;
  m.slice = m.run;
  gc_enable(m.heap);
  int made = make(DECLARED);
  gc_disable(m.heap);
  m.slice = false;
  if (m.objects[i].birth == birth && reach(rooted()) >> i & 1) /* callbacks may have released it */
    EXPECT(rc_add_external_bytes(m.objects[i].at, -((ptrdiff_t)64 << 20)) == RC_OK);
  if (made != NONE && pick(2)) release(made);
}

static void open_case(uint64_t seed) {
  memset(m.objects, 0, sizeof m.objects);
  memset(m.handles, 0, sizeof m.handles);
  memset(m.pairs, 0, sizeof m.pairs);
  m.seed = m.random = seed;
  step_count = 0;
  for (int i = 0; i < OBJECTS; i++) m.objects[i].held = NONE;
  m.scope_count = 0, m.depth = 0, m.collecting = false, m.dead = 0, m.stage = 0;
  m.silent_kinds = pick(2);
  /* At the checking level all is looked at after each slice. */
  m.sliced = !m.silent_kinds && pick(check_env("RCGC_TEST_CHECKED") ? 16 : 2) == 0;
  m.slice = m.stepping = m.run = false, m.doomed = 0;
}

/* Some slices, perhaps to the end of the run. */
static void slices(size_t count) {
  for (; count > 0; count--) {
    gc_step_result result = GC_STEP_RESULT_INIT;
    m.budget = 4;
    m.slice = m.stepping = true;
    say("slice", 0, 0, 0);
    EXPECT(gc_step(m.heap, UINT64_MAX, &result) == RC_OK);
    m.slice = m.stepping = false;
    EXPECT(m.run == (result.phase != GC_SLICE_NONE));
    settle();
    if (result.done) return;
  }
}

static void begin_slices(void) {
  gc_policy policy = GC_POLICY_INIT;
  EXPECT(gc_get_policy(m.heap, &policy) == RC_OK);
  policy.pause_work = m.sliced ? pick(3) ? 1 : 1 + pick(40) : 0;
  EXPECT(gc_set_policy(m.heap, &policy) == RC_OK);
}

static void open_heap(void) {
  m.heap = graph_heap("model");
  gc_policy policy = GC_POLICY_INIT;
  policy.near_bytes = UINT64_MAX; /* which objects those look at is test_near.c's */
  EXPECT(gc_set_policy(m.heap, &policy) == RC_OK);
  for (int k = 0; k < KINDS; k++) m.types[k] = make_type((enum kind)k);
  asides_open(m.heap);
  EXPECT(gc_add_callback(m.heap, on_collection, NULL) == RC_OK);
  gc_disable(m.heap);
  m.ending = false;
}

static void free_handles(void) {
  for (int h = 0; h < HANDLES; h++)
    if (m.handles[h].at && !m.handles[h].in_field) free_handle(h);
}

/* The heap ends with whatever there is in it: all is destroyed once more, in order. */
static void end_heap_midway(void) {
  uint64_t alive = graph_live(m.heap);
  say("end of the heap", (int)alive, 0, 0);
  m.ending = true;
  size_t held = gc_heap_free(m.heap);
  EXPECT(held <= alive + asides.made);
  asides_close();
  for (int i = 0; i < OBJECTS; i++) {
    if (!m.objects[i].alive) continue;
    EXPECT(silent(i));
    model_end(i);
  }
  for (int h = 0; h < HANDLES; h++)
    if (m.handles[h].at && !m.handles[h].in_field) EXPECT(rc_weak_get(m.handles[h].at) == NULL);
  free_handles();
}

static void end_case(void) {
  while (m.scope_count) {
    m.budget = 4;
    leave_scope();
    settle();
  }
  for (unsigned round = 0;; round++) {
    EXPECT(round < 200);
    if (m.sliced && pick(2)) slices(SIZE_MAX);
    m.budget = 0;
    for (int i = 0; i < OBJECTS; i++)
      while (m.objects[i].alive && own_roots(i)) release(i);
    EXPECT(gc_unfreeze(m.heap) == RC_OK);
    for (int i = 0; i < OBJECTS; i++) m.objects[i].frozen = false;
    settle();
    if (all_alive() == 0) break;
    collect(false);
    settle();
  }
  if (m.run) slices(SIZE_MAX);
  free_handles();
  EXPECT(graph_live(m.heap) == asides_alive());
}

static void run_case(uint64_t seed, bool end_heap) {
  open_case(seed);
  size_t count = 8 + pick(STEPS);
  begin_slices();
  for (size_t i = 0; i < count; i++) {
    m.budget = 12;
    size_t choice = pick(12);
    if (choice == 0) (void)make(any_kind());
    else if (choice == 1) use_scopes();
    else if (choice == 2 && pick(8) == 0) automatic();
    else act_once(NONE);
    settle();
    if (m.sliced) slices(pick(8) ? pick(12) : 400);
  }
  if (end_heap) end_heap_midway();
  else end_case();
}

static void quiet_log(uint32_t level, const char *message, void *ctx) {
  (void)level, (void)message, (void)ctx;
}

static void random_graphs_agree_with_the_model(void) {
  uint64_t seed = check_seed(__func__);
  const char *given = getenv("RCGC_TEST_CASES");
  size_t cases = given ? strtoull(given, NULL, 0) : check_scale(2000, 50000, 1000000);
  gc_set_fatal(on_fatal, NULL);
  gc_set_log(quiet_log, NULL);
  signal(SIGSEGV, on_crash);
  signal(SIGBUS, on_crash);
  m.heap = NULL;
  for (size_t i = 0; i < cases; i++) {
    if (!m.heap) open_heap();
    bool end_heap = (seed + i) % 16 == 0;
    run_case(seed + i, end_heap);
    if (end_heap) m.heap = NULL;
  }
  if (!m.heap) return;
  rc_xdecref(asides.held);
  m.ending = true;
  CHECK_EQ(gc_heap_free(m.heap), 0);
  asides_close();
}

static const check_test tests[] = {
    CHECK_TEST(random_graphs_agree_with_the_model),
};

CHECK_MAIN(tests)
