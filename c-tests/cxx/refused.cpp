// What rcgc.hpp refuses at compile time: c-tests/cxx/wrapper.py compiles this once for each CASE and looks for the words
// behind it. Without a CASE it compiles.
#include <rcgc.hpp>

#include <string>
#include <vector>

struct Node {
  rcgc::ref<Node> left, right;
  std::string name;
};
struct First {
  long number = 0;
};
struct Second {
  rcgc::ref<Node> kept;
};
RCGC_FIELDS(Second, kept)
struct Both : First, Second {};
struct Virtual : virtual Second {};
struct Hidden : private Second {};
struct Polymorphic : Second {
  virtual ~Polymorphic() = default;
};
struct Derived : Second {
  rcgc::ref<Node> more;
};
struct Wide {
  alignas(32) char bytes[32];
};
struct Throwing {
  ~Throwing() noexcept(false) {}
};
RCGC_LEAF(Throwing)
struct Finalizing {
  rcgc::ref<Finalizing> other;
  void rcgc_finalize() {}
};
RCGC_FIELDS(Finalizing, other)

#if CASE == 2 // leaves out a member
RCGC_FIELDS(Node, left)
#elif CASE == 3 // cannot hold references
RCGC_FIELDS(Node, left, right, name)
#elif CASE == 4 // promises that the destructor has nothing else to do
RCGC_FIELDS_ONLY(Node, left, right)
#elif CASE != 1
RCGC_FIELDS(Node, left, right)
#endif

int main() {
  rcgc::heap heap;
#if CASE == 1 // which members hold references is not known
  (void)heap.make<Node>();
#elif CASE >= 2 && CASE <= 4
  (void)heap.make<Node>();
#elif CASE == 5 // does not lie at the beginning
  rcgc::ref<Second> second = rcgc::ref<Both>();
#elif CASE == 6 // a virtual, ambiguous or hidden base
  rcgc::ref<Second> second = rcgc::ref<Virtual>();
#elif CASE == 7 // no
  rcgc::ref<Second> second = rcgc::ref<Hidden>();
#elif CASE == 8 // does not lie at the beginning
  rcgc::ref<Second> second = rcgc::ref<Polymorphic>();
#elif CASE == 9 // a class does not get its base's by itself
  (void)heap.make<Derived>();
#elif CASE == 10 // objects are aligned to 16 bytes
  (void)heap.make<Wide>();
#elif CASE == 11 // a destructor must not throw
  (void)heap.make<Throwing>();
#elif CASE == 12 // rcgc_finalize must be noexcept
  (void)heap.make<Finalizing>();
#elif CASE == 13 // an object is of a class or a simple type
  (void)heap.make<Node[3]>();
#elif CASE == 14 // no
  rcgc::ref<Node> node = new Node;
#elif CASE == 15 // no
  rcgc::ref<Node> node = rcgc::ref<const Node>();
#elif CASE == 16 // delete
  rcgc::borrowed<Node> node;
  node = heap.make<Node>();
#elif CASE == 17 // does not lie at the beginning
  (void)rcgc::static_ref_cast<Both>(rcgc::ref<Second>());
#endif
}
