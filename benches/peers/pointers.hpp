// pointers.hpp: what the C++ peers share. A peer defines Node, whose `left` and `right` are smart pointers,
// the alias Pointer of the smart pointer to it, and `pointer_new(value)`.
//
// Nodes count their destruction, so that the program can tell at its end whether all have died.
#ifndef RCGC_PEERS_POINTERS_HPP
#define RCGC_PEERS_POINTERS_HPP

#include <utility>

using Ref = Pointer;
using Borrowed = const Pointer &;

#define MOVE(ref) std::move(ref)
#define PEER_OPAQUE(ref) __asm__ volatile("" : : "r"((ref).get()) : "memory")
#define PEER_NO_CYCLES "a count alone does not find rings"

static inline Ref ref_new(uint64_t value) {
  nodes_made++;
  return pointer_new(value);
}

static inline Ref ref_copy(Borrowed ref) {
  return ref;
}

static inline void ref_drop(Ref *ref) {
  ref->reset();
}

static inline bool ref_is_null(Borrowed ref) {
  return !ref;
}

static inline Borrowed left(Borrowed node) {
  return node->left;
}

static inline Borrowed right(Borrowed node) {
  return node->right;
}

static inline void set_left(Borrowed node, Ref owned) {
  node->left = std::move(owned);
}

static inline void set_right(Borrowed node, Ref owned) {
  node->right = std::move(owned);
}

static void peer_close() {
  if (nodes_destroyed != nodes_made) bench_fail("%zu nodes are left", nodes_made - nodes_destroyed);
}

#endif  // RCGC_PEERS_POINTERS_HPP
