// check.hpp: what the tests of rcgc.hpp share: CHECK, a list of tests, the closing line "N passed, N failed".
#ifndef CXX_CHECK_HPP
#define CXX_CHECK_HPP

#include <cstdio>
#include <cstdlib>

inline unsigned failures;

inline void check(bool holds, const char *text, const char *file, int line) {
  if (holds) return;
  failures++;
  std::printf("%s:%d: failed: %s\n", file, line, text);
}

#define CHECK(...) check((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)

template <std::size_t Count> int run_tests(void (*const (&tests)[Count])()) {
  unsigned passed = 0, failed = 0;
  for (auto test : tests) {
    failures = 0;
    test();
    if (failures) failed++;
    else passed++;
  }
  std::printf("%u passed, %u failed\n", passed, failed);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
