/* rcgc/site.h: allocation with the place that asks for it, and scopes that must leave nothing behind.
 * Hand-written.
 *
 *     Node *node = RC_NEW(node_type);          // as rc_new, and a profile knows this line
 *     Node *row = RC_NEW_ARRAY(row_type, n);   // as rc_new_array
 *
 * A place costs a static descriptor of 24 bytes, and an argument more in the call; nothing else as long as
 * the heap is not profiled (rcgc/profile.h).
 *
 * A program that defines RCGC_SITES before it includes rcgc.h gets this for every rc_new and rc_new_array
 * that it calls by name.
 *
 *     GC_SCOPE_CLEAN(heap, "request");         // as RC_SCOPE_NAMED: what is made in the rest of this block
 *                                              // and outlives it is an error in the log, while profiled
 *
 *     GC_LINES(heap);                          // a declaration: a line table of this function begins
 *     load(rows); GC_LINE();                   // what changed since the mark before is this line's
 *
 *     gc_hold hold = GC_HOLD(obj, "cache");    // one more reference, whose holder is known by name and place
 *     GC_RELEASE(hold);
 *
 * Compilers without statement expressions get the plain functions.
 *
 * **A runtime's own places.** An interpreter makes all objects in one helper, which is what RC_NEW would name. It has better
 * places: file, function and line of the script. It makes an rc_site for each, beside what it keeps of that line,
 * and gives that of the line it is running to rc_new_at and rc_new_array_at. Then reports, dumps, `rcgc why` and the
 * leaks at a heap's end name lines of the script:
 *
 *     typedef struct Line { ...; rc_site site; } Line;     // {"shop.script", "checkout", 12, 0}
 *
 *     void *obj = rc_new_at(type, &vm->line->site);         // the same cost as RC_NEW
 *
 * The last member begins with 0 and is the library's. Equal places are one site, however many descriptors they have, so a
 * script that is loaded again goes on with its numbers; the texts are copied when a profile meets the site first, and the
 * descriptor may go when nobody allocates with it any more. Whole stacks of a script's calls: `frames` of
 * gc_profile_options. examples/runtime.c does it.
 */
#ifndef RCGC_SITE_H
#define RCGC_SITE_H

#include <rcgc/auto.h>
#include <rcgc/config.h>
#include <rcgc/leak.h>
#include <rcgc/lines.h>
#include <rcgc/object.h>
#include <rcgc/profile.h>

#if defined(__GNUC__) || defined(__TINYC__)

/* The address of a descriptor of this place. */
#define RCGC_SITE()                                                                                \
  (__extension__({                                                                                 \
    static rc_site rcgc_site = {__FILE__, __func__, __LINE__, 0};                                  \
    &rcgc_site;                                                                                    \
  }))

#define RC_NEW(type) rc_new_at((type), RCGC_SITE())
#define RC_NEW_ARRAY(type, n) rc_new_array_at((type), (n), RCGC_SITE())
#define GC_HOLD(obj, tag) gc_hold_at((obj), (tag), RCGC_SITE())
#define GC_RELEASE(hold) gc_release_hold((hold), RCGC_SITE())
#define GC_LINES(heap) gc_lines rcgc_lines = gc_lines_begin((heap), RCGC_SITE())
#define GC_LINE() gc_line(&rcgc_lines, RCGC_SITE())

#else

#define RC_NEW(type) rc_new(type)
#define RC_NEW_ARRAY(type, n) rc_new_array((type), (n))
#define GC_HOLD(obj, tag) gc_hold_at((obj), (tag), RCGC_NULL)
#define GC_RELEASE(hold) gc_release_hold((hold), RCGC_NULL)
#define GC_LINES(heap) RCGC_STATIC_ASSERT(1, "no line tables without statement expressions")
#define GC_LINE() ((void)0)

#endif

#ifdef RCGC_SITES
#define rc_new(type) RC_NEW(type)
#define rc_new_array(type, n) RC_NEW_ARRAY(type, n)
#endif

#if defined(__GNUC__) && !defined(__TINYC__)

RCGC_INLINE rc_scope_mark rcgc_scope_enter_clean(gc_heap *heap_, const char *name_) {
  rc_scope_mark mark_ = rc_scope_enter_named(heap_, name_);
  if (gc_profile_flags(heap_) != 0) (void)gc_scope_expect_clean(heap_, mark_);
  return mark_;
}

#define GC_SCOPE_CLEAN(heap, name)                                                                 \
  rcgc_scope_guard RCGC_JOIN(rcgc_scope_guard_, __LINE__) __attribute__((                          \
      __cleanup__(rcgc_scope_guard_end), __unused__)) = {(heap), rcgc_scope_enter_clean(heap, name)}

#endif

#endif /* RCGC_SITE_H */
