// instructions_cpp.cpp: the programs of instructions.c, written with rcgc.hpp as a host in C++ would; `benches/instructions`
// compares what they take. One a run:
//
//     instructions_cpp OPERATION COUNT
#include <rcgc.hpp>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#define MEASURED extern "C" __attribute__((noinline)) void
#define OPAQUE(value) __asm__ volatile("" : "+r"(value) : : "memory")
#define BARRIER() __asm__ volatile("" : : : "memory")

namespace {

struct Node {
  rcgc::ref<Node> left, right;
  std::uint64_t value = 0;
};
RCGC_FIELDS_ONLY(Node, left, right)

using Ref = rcgc::ref<Node>;

rcgc::type<Node> nodes;
rcgc::heap_view heap;

} // namespace

MEASURED measured_loop(Node *obj, std::size_t count);
MEASURED measured_loop(Node *obj, std::size_t count) {
  for (std::size_t i = 0; i < count; i++) {
    Node *handle = obj;
    OPAQUE(handle);
    BARRIER();
  }
}

// A copy of a reference, and its end.
MEASURED measured_pair(Node *obj, std::size_t count);
MEASURED measured_pair(Node *obj, std::size_t count) {
  for (std::size_t i = 0; i < count; i++) {
    Node *handle = obj;
    OPAQUE(handle);
    Ref copy = Ref::share(*handle);
    BARRIER();
    copy.reset();
    BARRIER();
  }
}

MEASURED measured_new_release(std::size_t count);
MEASURED measured_new_release(std::size_t count) {
  for (std::size_t i = 0; i < count; i++) {
    Ref node = nodes.make();
    BARRIER();
  }
}

MEASURED measured_new_order(Ref *table, std::size_t count);
MEASURED measured_new_order(Ref *table, std::size_t count) {
  for (std::size_t i = 0; i < count; i++) ::new (static_cast<void *>(table + i)) Ref(nodes.make());
  for (std::size_t i = 0; i < count; i++) table[i].~Ref();
}

MEASURED measured_new(Ref *list, std::size_t count);
MEASURED measured_new(Ref *list, std::size_t count) {
  for (std::size_t i = 0; i < count; i++) *list = nodes.make(std::move(*list));
}

MEASURED measured_drop(Ref *list);
MEASURED measured_drop(Ref *list) {
  *list = nullptr;
}

MEASURED measured_collect(std::size_t *ended);
MEASURED measured_collect(std::size_t *ended) {
  *ended = heap.collect();
}

namespace {

Ref make_tree(std::size_t count) {
  if (count == 0) return nullptr;
  Ref left = make_tree((count - 1) / 2), right = make_tree(count - 1 - (count - 1) / 2);
  return nodes.make(std::move(left), std::move(right));
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const char *operation = argv[1];
  auto is = [operation](const char *name) { return std::strcmp(operation, name) == 0; };
  std::size_t count = std::strtoul(argv[2], nullptr, 10), ended = 0, expected = 0;
  rcgc::heap own;
  heap = own;
  nodes = own.type<Node>();
  own.disable();
  {
    Ref node = nodes.make(), list;
    for (std::size_t i = 0; i < count; i++) {
      Ref next = nodes.make();
      next->left = std::move(list);
      list = std::move(next);
    }
    list = nullptr;
    auto *table = static_cast<Ref *>(std::calloc(count, sizeof(Ref)));
    if (is("loop")) measured_loop(node.get(), count);
    else if (is("pair")) measured_pair(node.get(), count);
    else if (is("new_release")) measured_new_release(count);
    else if (is("new_order")) measured_new_order(table, count);
    else if (is("new")) measured_new(&list, count);
    else if (is("drop")) measured_new(&list, count), measured_drop(&list);
    else if (is("drop_tree")) list = make_tree(count), measured_drop(&list);
    else if (is("collect_rings_2")) {
      for (std::size_t i = 0; i < count; i += 2) {
        Ref first = nodes.make();
        first->left = nodes.make(first);
      }
      expected = count;
      measured_collect(&ended);
    } else return 2;
    std::free(table);
  }
  return ended == expected && own.end() == 0 ? 0 : 1;
}
