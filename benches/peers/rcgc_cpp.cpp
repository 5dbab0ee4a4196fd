// rcgc_cpp.cpp: rcgc with its wrapper for C++. Members are `rcgc::ref`; the loops are those of the peers in C, which move
// references as plain pointers, so they are adopted where they are stored and leaked where they are handed on.
#include "../micro/bench.h"

#include <rcgc.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

struct Node {
  rcgc::ref<Node> left, right;
  uint64_t value;
};
RCGC_FIELDS_ONLY(Node, left, right)

using Ref = Node *;
using Borrowed = Ref;

static rcgc::heap_view heap;
static rcgc::type<Node> nodes;

#define MOVE(ref) (ref)
#define PEER_OPAQUE BENCH_OPAQUE
#define PEER_AUTOMATIC(on) ((on) ? heap.enable() : heap.disable())
#define PEER_LIVE_IS_CHEAP
#define PEER_NO_SHARED "objects are not shared between threads yet"
#define PEER_NO_THREADS "a heap is one thread's at a time"

static inline Ref ref_new(uint64_t value) {
  return nodes.make(nullptr, nullptr, value).leak();
}

static inline Ref ref_copy(Ref ref) {
  BENCH_OPAQUE(ref);
  return rcgc::ref<Node>::share(*ref).leak();
}

static inline void ref_drop(Ref *ref) {
  rcgc::ref<Node>::adopt(*ref).reset();
}

#define ref_drop_shared ref_drop

static inline bool ref_is_null(Ref ref) {
  return ref == nullptr;
}

static inline Ref left(Ref node) {
  return node->left.get();
}

static inline Ref right(Ref node) {
  return node->right.get();
}

static inline void set_left(Ref node, Ref owned) {
  node->left = rcgc::ref<Node>::adopt(owned);
}

static inline void set_right(Ref node, Ref owned) {
  node->right = rcgc::ref<Node>::adopt(owned);
}

static inline void slot_set(Ref *slot, Ref owned) {
  auto old = rcgc::ref<Node>::adopt(std::exchange(*slot, owned));
}

static void peer_open() {
  heap = *new rcgc::heap("C++");
  nodes = heap.type<Node>();
}

static void peer_close() {
  uint64_t live = heap.stats().live_objects;
  if (live != 0) bench_fail("%" PRIu64 " objects are left", live);
}

static inline void peer_collect() {
  (void)heap.collect();
}

static size_t peer_live() {
  return static_cast<size_t>(heap.stats().live_objects);
}

// ---- W12: crates are objects with vectors of references, texts are objects with a std::string ----

struct Text {
  std::string bytes;
  const char *data() const { return bytes.data(); }
  size_t size() const { return bytes.size(); }
};
RCGC_LEAF(Text)

struct Crate {
  rcgc::ref<const Text> name, version;
  std::vector<rcgc::ref<Crate>> needs, needed_by;
  uint32_t index = 0;
};
RCGC_FIELDS(Crate, name, version, needs, needed_by)

using CratePointer = rcgc::ref<Crate>;
using BackPointer = CratePointer;
using TextPointer = rcgc::ref<const Text>;

static TextPointer text_make(const char *bytes, size_t length) {
  return heap.make<Text>(std::string(bytes, length));
}

static CratePointer crate_make() {
  return heap.make<Crate>();
}

static CratePointer crate_of(const BackPointer &back) {
  return back;
}

static bool is_same(const CratePointer &edge, const CratePointer &crate) {
  return edge == crate;
}

#define PEER_GRAPH_TYPES
#include "graph.hpp"
#include "workloads.h"
