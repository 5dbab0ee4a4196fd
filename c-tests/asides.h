/* asides.h: what random hosts do in their callbacks beside what a model follows: makers, also while a heap ends; types
 * that are made and ended; scopes; forks. Each aside has counters of its own, which must agree once the heap is gone.
 *
 * An aside touches no object of the model but the one it is about, and that only by a reference from a new object. */
#ifndef RCGC_ASIDES_H
#define RCGC_ASIDES_H

#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

/* Made in an aside: may hold the object it was made about. */
typedef struct Aside {
  void *about;
  struct Aside *other;
} Aside;

static struct asides {
  rc_type *type;
  Aside *held;    /* the host's last one, or null */
  size_t made, finalized, destroyed, forks, types;
  unsigned depth; /* callbacks of asides that make others */
} asides;

static const rc_field aside_fields[] = {RC_FIELD(Aside, about), RC_FIELD(Aside, other)};

static Aside *aside_new(void *about) {
  Aside *aside = rc_new(asides.type);
  if (!aside) return NULL;
  asides.made++;
  if (about) rc_setref(&aside->about, rc_newref(about));
  return aside;
}

/* One in four makes another, which keeps it or not; three deep at most, so that heaps come to an end. */
static void aside_finalize(void *obj) {
  Aside *self = obj;
  asides.finalized++;
  if (asides.finalized % 4 || asides.depth >= 3) return;
  asides.depth++;
  Aside *next = aside_new(asides.finalized % 8 ? self : NULL);
  rc_xdecref(next);
  asides.depth--;
}

static void aside_destroy(void *obj) {
  Aside *self = obj;
  asides.destroyed++;
  CHECK(self->about == NULL && self->other == NULL);
}

static void asides_open(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  memset(&asides, 0, sizeof asides);
  spec.name = "Aside", spec.size = sizeof(Aside);
  spec.fields = aside_fields, spec.field_count = RC_COUNT_OF(aside_fields);
  spec.finalize = aside_finalize, spec.destroy = aside_destroy;
  if (rc_type_new(heap, &spec, &asides.type) != RC_OK) abort();
}

/* A type of its own with an object, ended once that is dead: refused while it lives, and while the heap collects. */
static bool aside_type(gc_heap *heap, bool ends, bool collecting) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type = NULL;
  spec.name = "Brief", spec.size = 24;
  if (rc_type_new(heap, &spec, &type) != RC_OK) return false;
  void *obj = rc_new(type);
  if (!obj) return false;
  rc_status while_it_lives = rc_type_free(type);
  rc_decref(obj);
  asides.types++;
  rc_status ended = rc_type_free(type);
  /* The end of a heap is a collection for the most part. */
  bool right = ends ? ended == RC_OK || ended == RC_ERR_IN_USE : ended == (collecting ? RC_ERR_IN_USE : RC_OK);
  return while_it_lives == RC_ERR_IN_USE && right;
}

/* A child that goes on for a little, and ends without a word. */
static bool aside_fork(void) {
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) return true; /* no more processes: nothing to be seen */
  if (child == 0) {
    Aside *aside = aside_new(NULL);
    rc_xdecref(aside);
    _exit(aside ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) continue;
  asides.forks++;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A scope that is left open, or left; it keeps a new object. */
static bool aside_scope(gc_heap *heap, bool open) {
  rc_scope_mark mark = rc_scope_enter(heap);
  if (mark == RC_SCOPE_NONE) return false;
  (void)rc_scope_keep(heap, aside_new(NULL));
  return open || rc_scope_leave(heap, mark) == RC_OK;
}

/* One aside. `about` is what it is about where that may be stored (step 1 of an end), else null. While a heap `ends` rings
 * are made and scopes left open, too. */
static bool aside(gc_heap *heap, void *about, uint64_t *random, bool ends, bool collecting) {
  Aside *made, *before;
  switch (check_below(random, 8)) {
    case 0: /* made and dropped */
      rc_xdecref(aside_new(about));
      return true;
    case 1: /* made and held */
      made = aside_new(about);
      before = asides.held;
      asides.held = made;
      rc_xdecref(before); /* last: its end may come here again */
      return made != NULL;
    case 2: /* a ring of two, dropped */
      if (!ends) return true;
      made = aside_new(about);
      if (!made) return false;
      rc_setref(&made->other, aside_new(NULL));
      if (made->other) rc_setref(&made->other->other, rc_newref(made));
      rc_decref(made);
      return true;
    case 3: return aside_scope(heap, ends && check_below(random, 4) == 0);
    case 4: return aside_type(heap, ends, collecting);
    case 5: return check_below(random, 256) || aside_fork();
    case 6: { /* a handle, read and freed */
      made = aside_new(NULL);
      rc_weak *weak = made ? rc_weak_new(made, NULL, NULL) : NULL;
      void *got = weak ? rc_weak_get(weak) : NULL;
      bool right = got == made;
      rc_xdecref(got);
      rc_xdecref(made);
      if (weak) rc_weak_free(weak);
      return right && weak;
    }
    default: return true;
  }
}

/* Asides that live now. */
static size_t asides_alive(void) {
  return asides.made - asides.destroyed;
}

/* The heap has ended: everything that was made has been finalized and destroyed, once. */
static void asides_close(void) {
  CHECK_EQ(asides.destroyed, asides.made);
  CHECK_EQ(asides.finalized, asides.made);
}

#endif /* RCGC_ASIDES_H */
