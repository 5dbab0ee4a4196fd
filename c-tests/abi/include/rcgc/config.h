/* rcgc/config.h: what the rest of the headers stand on: versions, the platforms that are supported, and
 * the few compiler attributes in use, each with a fallback for compilers that lack it.
 *
 * A program may define before including any header:
 *   RCGC_NO_INLINE   use only the exported functions; the program then does not depend on the layout
 *                    of the object header (see rcgc/inline.h). Implied by compilers that are neither
 *                    GCC nor Clang compatible.
 *   RCGC_API         linkage of the declarations; by default `extern`.
 */
#ifndef RCGC_CONFIG_H
#define RCGC_CONFIG_H

#if !defined(__linux__)
#error "rcgc: this operating system is not supported (64-bit Linux on x86-64 or aarch64 is)"
#endif
#if !defined(__x86_64__) && !defined(__aarch64__)
#error "rcgc: this processor is not supported (64-bit Linux on x86-64 or aarch64 is)"
#endif
#if defined(__ILP32__)
#error "rcgc: 32-bit pointers are not supported (64-bit Linux on x86-64 or aarch64 is)"
#endif

#include <stddef.h>
#include <stdint.h>

#define RCGC_VERSION_MAJOR 0
#define RCGC_VERSION_MINOR 1
#define RCGC_VERSION_PATCH 0
#define RCGC_VERSION "0.1.0"

/* Names what inline code was compiled against: the position, width and number line of the count, and
 * the flags beside it. `gc_heap_new` refuses a host whose tag differs from the library's. */
#define RCGC_ABI_TAG 0x52430001u

/* A pointer parameter that must not be null. The library checks it all the same and says which
 * function was given null; Clang says so earlier, when it sees a literal one. */
#if defined(__clang__)
#define RCGC_NONNULL _Nonnull
#define RCGC_BEGIN_NULLABILITY                                                                     \
  _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wnullability-extension\"") \
  _Pragma("clang diagnostic ignored \"-Wnullability-completeness\"")
#define RCGC_END_NULLABILITY _Pragma("clang diagnostic pop")
#else
#define RCGC_NONNULL
#define RCGC_BEGIN_NULLABILITY
#define RCGC_END_NULLABILITY
#endif

#if defined(__cplusplus)
#if __cplusplus < 201703L
#error "rcgc: C++17 or later is needed"
#endif
#define RCGC_BEGIN_DECLS RCGC_BEGIN_NULLABILITY extern "C" {
#define RCGC_END_DECLS } RCGC_END_NULLABILITY
#define RCGC_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define RCGC_BEGIN_DECLS RCGC_BEGIN_NULLABILITY
#define RCGC_END_DECLS RCGC_END_NULLABILITY
#define RCGC_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#if (!defined(__GNUC__) || defined(__TINYC__)) && !defined(RCGC_NO_INLINE)
#define RCGC_NO_INLINE 1
#endif

#ifndef RCGC_API
#define RCGC_API extern
#endif

#if defined(__GNUC__) && !defined(__TINYC__)
#define RCGC_MUST_USE __attribute__((warn_unused_result))
#define RCGC_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define RCGC_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define RCGC_MUST_USE
#define RCGC_LIKELY(condition) (condition)
#define RCGC_UNLIKELY(condition) (condition)
#endif

#endif /* RCGC_CONFIG_H */
