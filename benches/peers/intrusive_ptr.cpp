// intrusive_ptr.cpp: boost::intrusive_ptr with a plain int as its count: the leanest count there is.
#include "../micro/bench.h"

#include <boost/smart_ptr/intrusive_ptr.hpp>

static size_t nodes_made, nodes_destroyed;

struct Node {
  boost::intrusive_ptr<Node> left, right;
  uint64_t value;
  int count = 0;
  explicit Node(uint64_t given) : value(given) {}
  ~Node() { nodes_destroyed++; }
};

static inline void intrusive_ptr_add_ref(Node *node) {
  node->count++;
}

static inline void intrusive_ptr_release(Node *node) {
  if (--node->count == 0) delete node;
}

using Pointer = boost::intrusive_ptr<Node>;

static inline Pointer pointer_new(uint64_t value) {
  return Pointer(new Node(value));
}

static void peer_open() {}

#include "pointers.hpp"

#define PEER_NO_THREADS "a plain count may be used by one thread only"
#define PEER_NO_GRAPH "it has no weak pointers for what needs a crate"
#include "workloads.h"
