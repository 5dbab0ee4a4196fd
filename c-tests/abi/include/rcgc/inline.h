/* rcgc/inline.h: the count operations as inline code. Hand-written; the same names are exported by the
 * library for hosts that cannot include C, and `RCGC_NO_INLINE` makes a program use only those
 * (rcgc/count.h). Every operation here that is not the common one goes out of line.
 *
 * Memory, one object:
 *
 *     obj - 8            obj - 4               obj (16-byte aligned)
 *     | count, 32 bits   | type and flags, 32  | the host's struct ...
 *
 * The count's number line:
 *
 *     0                  dead, or never an object; also what memory given back to the system reads
 *     1 ... 2^30-1       slow: shared between threads, dying, or dead with a reason
 *     2^30 + n, n >= 1   local, count n
 *     2^31               immortal; a count that overflows arrives here by itself
 *
 * "Local 0" and words above 2^31 are never stored. So one test of bit 30 tells a plain increment from
 * all the rest, one range check a plain decrement, and the sign bit spares immortal objects the call.
 * The word is always read and written with one width: a narrow store followed by a wide load stalls.
 *
 * Threads: as `rc_incref` says in rcgc/count.h. Under ThreadSanitizer the accesses are relaxed
 * atomics, so that a host gets no false alarm for objects that only it serialises.
 */
#ifndef RCGC_INLINE_H
#define RCGC_INLINE_H

#include <stdbool.h>
#include <string.h>

#include <rcgc/config.h>

#define RCGC_COUNT_ONE_LOCAL 0x40000001u /* 2^30 + 1: local, count 1 */
#define RCGC_COUNT_LOCAL_BIT 0x40000000u /* 2^30 */
#define RCGC_COUNT_IMMORTAL 0x80000000u  /* 2^31 */
#define RCGC_HEADER_BYTES 8

RCGC_STATIC_ASSERT(sizeof(void *) == 8, "rcgc needs 64-bit pointers");
RCGC_STATIC_ASSERT(sizeof(uint32_t) == 4, "rcgc needs 8-bit bytes");
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "rcgc: big-endian processors are not supported"
#endif

RCGC_BEGIN_DECLS

/* The slow halves; not for hosts. */
RCGC_API void rc_incref_slow(void *RCGC_NONNULL obj);
RCGC_API void rc_decref_slow(void *RCGC_NONNULL obj);
RCGC_API uint32_t rc_count_slow(void *RCGC_NONNULL obj);

#ifndef RCGC_NO_INLINE

typedef uint32_t __attribute__((__may_alias__)) rcgc_count_word;

#if defined(__SANITIZE_THREAD__)
#define RCGC_COUNT_ATOMIC 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RCGC_COUNT_ATOMIC 1
#endif
#endif

static inline rcgc_count_word *rcgc_count_of(void *obj) {
  return (rcgc_count_word *)(void *)((char *)obj - RCGC_HEADER_BYTES);
}

static inline uint32_t rcgc_count_load(void *obj) {
#ifdef RCGC_COUNT_ATOMIC
  return __atomic_load_n(rcgc_count_of(obj), __ATOMIC_RELAXED);
#else
  return *rcgc_count_of(obj);
#endif
}

static inline void rcgc_count_store(void *obj, uint32_t word) {
#ifdef RCGC_COUNT_ATOMIC
  __atomic_store_n(rcgc_count_of(obj), word, __ATOMIC_RELAXED);
#else
  *rcgc_count_of(obj) = word;
#endif
}

/* Adds a reference. See rcgc/count.h. */
static inline void rc_incref(void *RCGC_NONNULL obj) {
  uint32_t word = rcgc_count_load(obj);
  if (RCGC_LIKELY(word & RCGC_COUNT_LOCAL_BIT))
    rcgc_count_store(obj, word + 1); /* from 2^31 - 1 this reaches 2^31: immortal, never wrapped */
  else if ((int32_t)word >= 0)
    rc_incref_slow(obj);
}

/* Releases a reference; the last one ends the object before this returns. See rcgc/count.h. */
static inline void rc_decref(void *RCGC_NONNULL obj) {
  uint32_t word = rcgc_count_load(obj);
  if (RCGC_LIKELY(word - (RCGC_COUNT_ONE_LOCAL + 1) < RCGC_COUNT_LOCAL_BIT - 2))
    rcgc_count_store(obj, word - 1);
  else if ((int32_t)word >= 0)
    rc_decref_slow(obj);
}

/* As rc_incref and rc_decref, for a pointer that may be null. */
static inline void rc_xincref(void *obj) {
  if (obj) rc_incref(obj);
}

static inline void rc_xdecref(void *obj) {
  if (obj) rc_decref(obj);
}

/* Adds a reference and returns the object. */
static inline void *rc_newref(void *RCGC_NONNULL obj) {
  rc_incref(obj);
  return obj;
}

/* Stores an owned reference (or null) in the slot and releases what was there, last. `slot` is the
 * address of a pointer to any object type; memcpy keeps that legal under strict aliasing. */
static inline void rc_setref(void *RCGC_NONNULL slot, void *obj) {
  void *old;
  memcpy(&old, slot, sizeof old);
  memcpy(slot, &obj, sizeof obj);
  rc_xdecref(old);
}

/* Nulls the slot and releases what was there, last. */
static inline void rc_clear(void *RCGC_NONNULL slot) {
  rc_setref(slot, NULL);
}

/* The number of references; UINT32_MAX for an immortal object. */
static inline uint32_t rc_count(void *RCGC_NONNULL obj) {
  uint32_t word = rcgc_count_load(obj);
  return RCGC_LIKELY(word & RCGC_COUNT_LOCAL_BIT) ? word - RCGC_COUNT_LOCAL_BIT : rc_count_slow(obj);
}

/* Whether the caller's reference is the only one. */
static inline bool rc_is_unique(void *RCGC_NONNULL obj) {
  return rcgc_count_load(obj) == RCGC_COUNT_ONE_LOCAL;
}

/* Whether the object never dies by count. */
static inline bool rc_is_immortal(void *RCGC_NONNULL obj) {
  return rcgc_count_load(obj) == RCGC_COUNT_IMMORTAL;
}

#endif /* RCGC_NO_INLINE */

RCGC_END_DECLS

#endif /* RCGC_INLINE_H */
