/* rcgc/config.h: what the rest of the headers stand on: versions, the platforms that are supported, and
 * the few compiler attributes in use, each with a fallback for compilers that lack it.
 *
 * A program may define before including any header:
 *   RCGC_NO_INLINE   use only the exported functions; the program then does not depend on the layout
 *                    of the object header (see rcgc/inline.h). Implied by compilers that are neither
 *                    GCC nor Clang compatible.
 *   RCGC_ALWAYS_INLINE  how inline code is made so; empty where functions with fewer instructions than the rest
 *                    of their file (`__attribute__((target("no-avx")))`) count references, which compilers refuse.
 *   RCGC_API         linkage of the declarations; by default `extern`, visible whatever the program's own
 *                    visibility is.
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

/* What is declared here is the library's, also where a program hides what it declares itself. */
#if defined(__GNUC__) && !defined(__TINYC__)
#define RCGC_BEGIN_VISIBLE _Pragma("GCC visibility push(default)")
#define RCGC_END_VISIBLE _Pragma("GCC visibility pop")
#else
#define RCGC_BEGIN_VISIBLE
#define RCGC_END_VISIBLE
#endif

#if defined(__cplusplus)
#if __cplusplus < 201703L
#error "rcgc: C++17 or later is needed"
#endif
#define RCGC_BEGIN_DECLS RCGC_BEGIN_NULLABILITY RCGC_BEGIN_VISIBLE extern "C" {
#define RCGC_END_DECLS } RCGC_END_VISIBLE RCGC_END_NULLABILITY
#define RCGC_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define RCGC_BEGIN_DECLS RCGC_BEGIN_NULLABILITY RCGC_BEGIN_VISIBLE
#define RCGC_END_DECLS RCGC_END_VISIBLE RCGC_END_NULLABILITY
#define RCGC_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#if (!defined(__GNUC__) || defined(__TINYC__)) && !defined(RCGC_NO_INLINE)
#define RCGC_NO_INLINE 1
#endif

/* How exported functions are declared. Calls into the shared library go through its table of addresses at once, not by
 * way of a stub (GCC's `noplt`; with the static library the linker makes them direct calls). Another definition is
 * the program's to give. */
#ifndef RCGC_API
#if defined(__has_attribute) && defined(__GNUC__) && !defined(__clang__)
#if __has_attribute(noplt)
#define RCGC_API extern __attribute__((noplt))
#endif
#endif
#endif
#ifndef RCGC_API
#define RCGC_API extern
#endif

/* Linkage of inline code. In C++ it is external, so that the interface of a module may use and export it, but
 * under names of C++'s: what is exported by the library under the same names in C is never replaced. Always
 * inline, unless the program is to be small, or a sanitizer is at work: GCC refuses that where a function has
 * other sanitizers than the one that calls it. */
#ifndef RCGC_ALWAYS_INLINE
#if !defined(__GNUC__) || defined(__TINYC__) || defined(__OPTIMIZE_SIZE__) || defined(__SANITIZE_ADDRESS__) || \
    defined(__SANITIZE_THREAD__)
#define RCGC_ALWAYS_INLINE
#else
#define RCGC_ALWAYS_INLINE __attribute__((__always_inline__))
#endif
#endif
#if defined(__cplusplus)
#define RCGC_INLINE extern "C++" RCGC_ALWAYS_INLINE __attribute__((__visibility__("hidden"))) inline
#else
#define RCGC_INLINE RCGC_ALWAYS_INLINE static inline
#endif

/* The null pointer, and a conversion, as each language writes them. */
#if defined(__cplusplus)
#define RCGC_NULL nullptr
#define RCGC_CAST(T, value) static_cast<T>(value)
#else
#define RCGC_NULL NULL
#define RCGC_CAST(T, value) ((T)(value))
#endif

#if defined(__GNUC__) && !defined(__TINYC__)
#define RCGC_MUST_USE __attribute__((__warn_unused_result__))
#define RCGC_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define RCGC_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define RCGC_MUST_USE
#define RCGC_LIKELY(condition) (condition)
#define RCGC_UNLIKELY(condition) (condition)
#endif

#endif /* RCGC_CONFIG_H */
