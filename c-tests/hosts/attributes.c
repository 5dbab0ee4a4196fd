/* Counts in functions that are compiled in another way than the rest of their file. Compiled only; LESS: also in
 * those with fewer instructions, which compilers refuse for code that must be inline. */
#include <rcgc.h>

typedef struct Node {
  struct Node *next;
} Node;

#define USES(name, ...)                  \
  __VA_ARGS__ void name(Node *node);     \
  __VA_ARGS__ void name(Node *node) {    \
    RC_AUTO Node *kept = node;           \
    rc_incref(node);                     \
    rc_setref(&kept->next, node);        \
    rc_clear(&node->next);               \
    (void)rc_count(node);                \
  }

USES(plain, extern)
USES(without_address, __attribute__((no_sanitize("address"))))
USES(without_thread, __attribute__((no_sanitize("thread"))))
USES(without_undefined, __attribute__((no_sanitize("undefined"))))
USES(without_profile, __attribute__((no_instrument_function)))
USES(hot, __attribute__((hot)))
USES(cold, __attribute__((cold)))
#if !defined(__clang__)
USES(slow, __attribute__((optimize("O0"))))
USES(fast, __attribute__((optimize("O3"))))
USES(loose, __attribute__((optimize("no-strict-aliasing"))))
#endif
#if defined(__x86_64__)
USES(more, __attribute__((target("avx2"))))
#if defined(LESS)
USES(less, __attribute__((target("no-avx"))))
USES(general, __attribute__((target("general-regs-only"))))
#endif
#endif

/* Their addresses, as callbacks. */
typedef void (*of_object)(void *obj);
of_object release(void);
of_object release(void) { return rc_decref; }
of_object retain(void);
of_object retain(void) { return rc_incref; }
