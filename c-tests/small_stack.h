/* small_stack.h: runs a test on a thread with a stack of 64 KiB, in which recursion over a graph ends at once. */
#ifndef SMALL_STACK_H
#define SMALL_STACK_H

#include "check.h"

#include <pthread.h>

enum { STACK_BYTES = 64 << 10 };

CHECK_FN void *thread_main(void *arg) {
  void (*body)(void);
  memcpy(&body, &arg, sizeof body);
  body();
  return NULL;
}

/* Sanitizers and valgrind keep books of their own on the stack. */
CHECK_FN size_t stack_bytes(void) {
  size_t bytes = STACK_BYTES, least = (size_t)sysconf(_SC_THREAD_STACK_MIN);
#if defined(__SANITIZE_ADDRESS__)
  bytes *= 4;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
  bytes *= 4;
#endif
#endif
  return bytes > least ? bytes : least;
}

CHECK_FN void on_a_small_stack(void (*body)(void)) {
  pthread_attr_t attr;
  pthread_t thread;
  void *arg;
  memcpy(&arg, &body, sizeof arg);
  REQUIRE(pthread_attr_init(&attr) == 0);
  REQUIRE(pthread_attr_setstacksize(&attr, stack_bytes()) == 0);
  REQUIRE(pthread_create(&thread, &attr, thread_main, arg) == 0);
  REQUIRE(pthread_join(thread, NULL) == 0);
  pthread_attr_destroy(&attr);
}

#endif /* SMALL_STACK_H */
