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
 *     0                  never an object; also what memory given back to the system reads
 *     1 ... 2^28-1       dead: which type it was of
 *     2^28 ... 2^30-1    slow: waiting for its end, or shared between threads
 *     2^30 + n, n >= 1   local, count n
 *     2^31               immortal; a count that overflows arrives here by itself
 *
 * "Local 0" and words above 2^31 are never stored. So one test of bit 30 tells a plain increment from
 * all the rest, one range check a plain decrement, and the sign bit spares immortal objects the call.
 * The word is always read and written with one width: a narrow store followed by a wide load stalls.
 *
 * Names that end in an underscore are of code that a host compiles: there they hide none of the host's, which
 * it may be warned of.
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

RCGC_INLINE rcgc_count_word *rcgc_count_of(void *obj_) {
  void *header_ = RCGC_CAST(char *, obj_) - RCGC_HEADER_BYTES;
  return RCGC_CAST(rcgc_count_word *, header_);
}

/* What lies before a static constant (rcgc/static.h) is outside the variable: GCC would warn of that, and a sanitizer that
 * knows the sizes of variables would stop the program. */
#if defined(__has_attribute)
#if __has_attribute(__no_sanitize__)
#define RCGC_BEFORE_OBJECT __attribute__((__no_sanitize__("object-size")))
#endif
#endif
#ifndef RCGC_BEFORE_OBJECT
#define RCGC_BEFORE_OBJECT
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Warray-bounds"
#endif

RCGC_INLINE RCGC_BEFORE_OBJECT uint32_t rcgc_count_load(void *obj_) {
#ifdef RCGC_COUNT_ATOMIC
  return __atomic_load_n(rcgc_count_of(obj_), __ATOMIC_RELAXED);
#else
  return *rcgc_count_of(obj_);
#endif
}

RCGC_INLINE RCGC_BEFORE_OBJECT void rcgc_count_store(void *obj_, uint32_t word_) {
#ifdef RCGC_COUNT_ATOMIC
  __atomic_store_n(rcgc_count_of(obj_), word_, __ATOMIC_RELAXED);
#else
  *rcgc_count_of(obj_) = word_;
#endif
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* Adds a reference. See rcgc/count.h. */
RCGC_INLINE void rc_incref(void *RCGC_NONNULL obj_) {
  uint32_t word_ = rcgc_count_load(obj_);
  if (RCGC_LIKELY(word_ & RCGC_COUNT_LOCAL_BIT))
    rcgc_count_store(obj_, word_ + 1); /* from 2^31 - 1 this reaches 2^31: immortal, never wrapped */
  else if (RCGC_CAST(int32_t, word_) >= 0)
    rc_incref_slow(obj_);
}

/* Releases a reference; the last one ends the object before this returns. See rcgc/count.h. */
RCGC_INLINE void rc_decref(void *RCGC_NONNULL obj_) {
  uint32_t word_ = rcgc_count_load(obj_);
  if (RCGC_LIKELY(word_ - (RCGC_COUNT_ONE_LOCAL + 1) < RCGC_COUNT_LOCAL_BIT - 2))
    rcgc_count_store(obj_, word_ - 1);
  else if (RCGC_CAST(int32_t, word_) >= 0)
    rc_decref_slow(obj_);
}

/* As rc_incref and rc_decref, for a pointer that may be null. */
RCGC_INLINE void rc_xincref(void *obj_) {
  if (obj_) rc_incref(obj_);
}

RCGC_INLINE void rc_xdecref(void *obj_) {
  if (obj_) rc_decref(obj_);
}

/* Adds a reference and returns the object. */
RCGC_INLINE void *rc_newref(void *RCGC_NONNULL obj_) {
  rc_incref(obj_);
  return obj_;
}

/* Stores an owned reference (or null) in the slot and releases what was there, last. `slot` is the
 * address of a pointer to any object type; a copy keeps that legal under strict aliasing. */
RCGC_INLINE void rc_setref(void *RCGC_NONNULL slot_, void *obj_) {
  void *old_;
  __builtin_memcpy(&old_, slot_, sizeof old_);
  __builtin_memcpy(slot_, &obj_, sizeof obj_);
  rc_xdecref(old_);
}

/* Nulls the slot and releases what was there, last. */
RCGC_INLINE void rc_clear(void *RCGC_NONNULL slot_) {
  rc_setref(slot_, RCGC_NULL);
}

/* The number of references; UINT32_MAX for an immortal object. */
RCGC_INLINE uint32_t rc_count(void *RCGC_NONNULL obj_) {
  uint32_t word_ = rcgc_count_load(obj_);
  return RCGC_LIKELY(word_ & RCGC_COUNT_LOCAL_BIT) ? word_ - RCGC_COUNT_LOCAL_BIT : rc_count_slow(obj_);
}

/* Whether the caller's reference is the only one. */
RCGC_INLINE bool rc_is_unique(void *RCGC_NONNULL obj_) {
  return rcgc_count_load(obj_) == RCGC_COUNT_ONE_LOCAL;
}

/* Whether the object never dies by count. */
RCGC_INLINE bool rc_is_immortal(void *RCGC_NONNULL obj_) {
  return rcgc_count_load(obj_) == RCGC_COUNT_IMMORTAL;
}

#endif /* RCGC_NO_INLINE */

RCGC_END_DECLS

#endif /* RCGC_INLINE_H */
