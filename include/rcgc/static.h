/* rcgc/static.h: static constants that slots may hold: `nil`, `true`, the empty string of an interpreter. Hand-written; for
 * GCC and Clang, in C and C++. Elsewhere the macro is not defined: make an object and call rc_immortalize.
 *
 *     RC_STATIC(Value, nil) = {TAG_NIL};        // at file scope; a static variable of type Value
 *
 *     list->first = (Value *)rc_newref(&nil);   // counting it stores nothing and calls nothing
 *
 * An immortal header lies before the variable, in a section of such constants, and the program tells the library of it before
 * main begins, or when its shared object is loaded. A constant is of no heap and has no type:
 *
 *  - counts, slots of every kind, scopes, values of weak maps and rc_setref take it as any immortal object;
 *  - collections and the freezing of a heap pass over it; walks and sessions do not list it, and no path leads through it;
 *  - rc_type_of and rc_heap_of give null, rc_size_of its size; gc_object_info tells that it is one; a dump writes a
 *    reference to it as one that leads out of the heap;
 *  - what only an object of a heap can have is refused by its name: tracking, external bytes, weak handles, being the
 *    key of a weak map, another length, a followed reference.
 *
 * It must hold no references to objects: nobody would see them. It may change, and is never written by the library. A shared
 * object that has such constants is unloaded after every slot that holds one is gone.
 */
#ifndef RCGC_STATIC_H
#define RCGC_STATIC_H

#include <rcgc/config.h>
#include <rcgc/inline.h>
#include <rcgc/object.h>

#if defined(__GNUC__) && !defined(__TINYC__)

/* What lies before the variable: 8 spare bytes, the count word and the type, as before every object. */
typedef struct rcgc_static_header {
  uint64_t spare;
  uint32_t count, type;
} rcgc_static_header;

/* One after the other in one section, in the order of the source: the library looks whether they are. */
#if defined(__clang__)
#define RCGC_IN_ORDER __section__("rcgc_statics"), __aligned__(16), __used__
#else
#define RCGC_IN_ORDER __section__("rcgc_statics"), __aligned__(16), __used__, __no_reorder__
#endif

/* Where it will be. GCC may be told in C before the variable is defined, so that the library can compare; in C++ that is an
 * error, and Clang, which keeps the order of the source by itself, would warn. */
#if defined(__cplusplus) || defined(__clang__)
#define RCGC_STATIC_DECLARED(T, name)
#define RCGC_STATIC_ADDRESS(name) (&rcgc_header_of_##name + 1)
#else
#define RCGC_STATIC_DECLARED(T, name) static T name __attribute__((RCGC_IN_ORDER));
#define RCGC_STATIC_ADDRESS(name) (&name)
#endif

/* That something runs before main is what the macro says. */
#if defined(__clang__)
#define RCGC_STATIC_RUNS(...)                                                                      \
  _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wglobal-constructors\"")   \
  __VA_ARGS__ _Pragma("clang diagnostic pop")
#else
#define RCGC_STATIC_RUNS(...) __VA_ARGS__
#endif

/* Constants of a shared object go with it; those of a program never do. */
#if defined(__PIC__) && !defined(__PIE__)
#define RCGC_STATIC_ENDS(name)                                                                     \
  RCGC_STATIC_RUNS(__attribute__((__destructor__, __used__)) static void rcgc_end_of_##name(void) { \
    rc_static_remove(&rcgc_static_of_##name);                                                      \
  })
#else
#define RCGC_STATIC_ENDS(name)
#endif

#define RC_STATIC(T, name)                                                                         \
  RCGC_STATIC_ASSERT(__alignof__(T) <= 16, "RC_STATIC: an object is aligned to 16 bytes");          \
  static rcgc_static_header rcgc_header_of_##name __attribute__((RCGC_IN_ORDER)) = {               \
      0, 0x80000000u /* RCGC_COUNT_IMMORTAL */, 0};                                                \
  RCGC_STATIC_DECLARED(T, name)                                                                    \
  static rc_static rcgc_static_of_##name = {sizeof(rc_static), RCGC_STATIC_ADDRESS(name),          \
                                            sizeof(T), #T, #name, RCGC_NULL};                      \
  RCGC_STATIC_RUNS(__attribute__((__constructor__, __used__)) static void rcgc_begin_of_##name(void) { \
    rc_static_add(&rcgc_static_of_##name);                                                         \
  })                                                                                               \
  RCGC_STATIC_ENDS(name)                                                                           \
  __extension__ static T name __attribute__((RCGC_IN_ORDER))

#endif

#endif /* RCGC_STATIC_H */
