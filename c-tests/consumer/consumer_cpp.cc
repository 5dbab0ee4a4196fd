// A host in C++ that uses only the installed wrapper.
#include <rcgc.hpp>

struct Node {
  rcgc::ref<Node> other;
};
RCGC_FIELDS(Node, other)

int main() {
  rcgc::heap heap("consumer");
  auto node = heap.make<Node>();
  node->other = node;
  node = nullptr;
  return heap.collect() == 1 && heap.end() == 0 ? 0 : 1;
}
