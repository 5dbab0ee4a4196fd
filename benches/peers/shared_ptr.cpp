// shared_ptr.cpp: std::shared_ptr by make_shared. The C++ library counts without atomic instructions as
// long as the process has never had a second thread; with PEER_ATOMIC it has had one, as nearly every
// program has.
#include "../micro/bench.h"

#include <memory>
#include <sys/single_threaded.h>
#include <thread>

static size_t nodes_made, nodes_destroyed;

struct Node {
  std::shared_ptr<Node> left, right;
  uint64_t value;
  explicit Node(uint64_t given) : value(given) {}
  ~Node() { nodes_destroyed++; }
};

using Pointer = std::shared_ptr<Node>;

static inline Pointer pointer_new(uint64_t value) {
  return std::make_shared<Node>(value);
}

#ifdef PEER_ATOMIC

static void peer_open() {
  std::thread([] {}).join();
  if (__libc_single_threaded) bench_fail("the library still takes the process for single-threaded");
}

#else

#define PEER_NO_THREADS "the counts of this row are not atomic"

static void peer_open() {
  if (!__libc_single_threaded) bench_fail("the library takes the process for multi-threaded");
}

#endif

#include "pointers.hpp"

#ifdef PEER_ATOMIC
static Ref thread_ref_new() {
  return pointer_new(0);
}
#endif

#include "graph.hpp"
#include "workloads.h"
