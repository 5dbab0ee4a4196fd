// rcgc.hpp: ref, borrowed, weak, weak_map, scope, heap and walks.
#include <rcgc.hpp>
#include <rcgc.hpp> // twice is once

#include "check.hpp"

#include <set>
#include <unordered_set>
#include <vector>

namespace {

struct Node {
  rcgc::ref<Node> left, right;
  long value = 0;
};
RCGC_FIELDS(Node, left, right)

static_assert(sizeof(rcgc::ref<Node>) == sizeof(void *));
static_assert(std::is_nothrow_copy_constructible_v<rcgc::ref<Node>> && std::is_nothrow_move_constructible_v<rcgc::ref<Node>>);
static_assert(std::is_nothrow_swappable_v<rcgc::ref<Node>>);
static_assert(!std::is_convertible_v<Node *, rcgc::ref<Node>> && !std::is_convertible_v<rcgc::ref<Node>, Node *>);
static_assert(!std::is_convertible_v<rcgc::ref<const Node>, rcgc::ref<Node>>);
static_assert(std::is_convertible_v<rcgc::ref<Node>, rcgc::ref<const Node>>);
static_assert(std::is_trivially_copyable_v<rcgc::borrowed<Node>>);

std::uint64_t live(rcgc::heap_view heap) {
  return heap.stats().live_objects;
}

void copies_and_moves() {
  rcgc::heap heap("copies");
  auto a = heap.make<Node>(), b = heap.make<Node>();
  CHECK(a.count() == 1 && a.is_unique() && a && a->value == 0);
  auto c = a;
  CHECK(a.count() == 2 && c == a && c != b && !(c < a));
  auto &alias = a;
  a = alias; // to itself
  CHECK(a.count() == 2);
  a = std::move(alias);
  CHECK(a && a.count() == 2);
  auto d = std::move(c);
  CHECK(!c && c == nullptr && c.count() == 0 && d == a && a.count() == 2);
  swap(d, b);
  CHECK(b == a && d != a && a.count() == 2);
  d = b; // ends the other node
  CHECK(a.count() == 3 && live(heap) == 1);
  b.reset(), d = nullptr;
  CHECK(a.is_unique());
  Node *raw = a.leak();
  CHECK(!a && rc_count(raw) == 1);
  a = rcgc::ref<Node>::adopt(raw);
  auto shared = rcgc::ref<Node>::share(raw);
  CHECK(a.count() == 2);
  rcgc::ref<Node> none;
  CHECK(!rcgc::ref<Node>::share(nullptr) && none.count() == 0 && !none.is_unique());
  a = nullptr, shared = nullptr;
  CHECK(live(heap) == 0 && heap.end() == 0);
}

// The old target goes last, so that an assignment from what hangs on it holds.
void assigned_from_what_it_keeps() {
  rcgc::heap heap("kept");
  auto list = heap.make<Node>();
  list->left = heap.make<Node>();
  list->left->value = 7;
  list = list->left;
  CHECK(list && list->value == 7 && list.is_unique());
  list->left = heap.make<Node>();
  list = std::move(list->left);
  CHECK(list && list.is_unique() && live(heap) == 1);
}

void const_objects() {
  rcgc::heap heap("const");
  rcgc::ref<Node> node = heap.make<Node>();
  rcgc::ref<const Node> seen = node, moved = std::move(seen);
  CHECK(moved == node && node.count() == 2);
  CHECK(rcgc::const_ref_cast<Node>(moved) == node);
  const rcgc::ref<Node> fixed = node;
  fixed->value = 3; // the reference is constant, the object is not
  CHECK(moved->value == 3 && (*moved).value == 3);
}

void borrowed_pointers() {
  rcgc::heap heap("borrowed");
  auto node = heap.make<Node>();
  rcgc::borrowed<Node> seen = node;
  rcgc::borrowed<const Node> narrower = seen;
  CHECK(node.is_unique() && seen == node && node == narrower && seen && seen->value == 0);
  rcgc::ref<Node> owned = seen.own(), other(seen);
  CHECK(node.count() == 3);
  auto length = [](rcgc::borrowed<const Node> from) {
    long count = 0;
    for (; from; from = from->left) count++;
    return count;
  };
  owned->left = heap.make<Node>();
  CHECK(length(owned) == 2 && length(nullptr) == 0);
}

void hashes_and_orders() {
  rcgc::heap heap("sets");
  std::unordered_set<rcgc::ref<Node>> hashed;
  std::set<rcgc::ref<Node>> ordered;
  for (int i = 0; i < 100; i++) {
    auto node = heap.make<Node>();
    hashed.insert(node), hashed.insert(node), ordered.insert(node), ordered.insert(node);
  }
  CHECK(hashed.size() == 100 && ordered.size() == 100 && live(heap) == 100);
  hashed.clear();
  CHECK(heap.collect() == 0 && live(heap) == 100);
  ordered.clear();
  CHECK(live(heap) == 0);
}

void rings() {
  rcgc::heap heap("rings");
  for (int i = 0; i < 10; i++) {
    auto a = heap.make<Node>(nullptr, nullptr, i), b = heap.make<Node>(a, a, i);
    a->left = b, a->right = a;
    CHECK(a->value == i);
  }
  CHECK(live(heap) == 20 && heap.collect() == 20 && live(heap) == 0);
  CHECK(heap.is_enabled());
  for (int i = 0; i < 300000; i++) { // by itself
    auto node = heap.make<Node>();
    node->left = node;
  }
  CHECK(live(heap) < 300000);
}

struct Watcher {
  rcgc::weak<Node> target;
  rcgc::ref<Node> kept;
};
RCGC_FIELDS(Watcher, target, kept)

void weak_handles() {
  rcgc::heap heap("weak");
  auto node = heap.make<Node>();
  rcgc::weak<Node> handle = node, copy = handle, moved = std::move(copy), none;
  CHECK(handle.lock() == node && moved.lock() == node && !copy.lock() && !none.lock());
  CHECK(!handle.expired() && none.expired() && node.is_unique());
  node->left = node;
  auto watcher = heap.make<Watcher>();
  watcher->target = handle;
  rcgc::weak<Node> &alias = handle;
  handle = alias, handle = std::move(alias);
  CHECK(rc_weak_count(node.get()) == 3);
  node = nullptr;
  CHECK(!handle.expired());
  CHECK(heap.collect() == 1 && handle.expired() && watcher->target.expired());
  rcgc::weak<Node> of_the_dead = handle;
  CHECK(of_the_dead.expired());
  node = heap.make<Node>();
  watcher->target = node, watcher->kept = node;
  watcher = nullptr; // ends the handle in it
  CHECK(rc_weak_count(node.get()) == 0 && node.is_unique());
  handle = node;
  node = nullptr, heap.end();
  CHECK(!handle.lock()); // outlives the heap
}

struct Registry {
  rcgc::weak_map<Node, Node> notes;
};
RCGC_FIELDS(Registry, notes)

void weak_maps() {
  rcgc::heap heap("maps");
  auto registry = heap.make<Registry>();
  registry->notes = heap.make_weak_map<Node, Node>();
  auto key = heap.make<Node>(), value = heap.make<Node>();
  value->left = key; // an ephemeron: this does not keep the key
  registry->notes.set(key, value);
  CHECK(registry->notes.get(key) == value && registry->notes.size() == 1 && !registry->notes.get(value));
  value = nullptr, key = nullptr;
  heap.collect();
  CHECK(registry->notes.size() == 0);
  key = heap.make<Node>();
  registry->notes.set(key, key);
  CHECK(registry->notes.take(key) == key);
  CHECK(!registry->notes.take(key) && key.is_unique());
  registry = nullptr;
  CHECK(live(heap) == 1);
}

void scopes() {
  rcgc::heap heap("scopes");
  {
    rcgc::scope around(heap);
    rcgc::borrowed<Node> first = around.keep(heap.make<Node>());
    {
      rcgc::scope inner(heap);
      auto second = inner.keep(heap.make<Node>());
      second->left = first.own();
      CHECK(live(heap) == 2);
    }
    CHECK(live(heap) == 1 && first->value == 0);
  }
  CHECK(live(heap) == 0);
}

void walks() {
  rcgc::heap heap("walks");
  std::vector<rcgc::ref<Node>> kept;
  for (int i = 0; i < 10; i++) kept.push_back(heap.make<Node>(nullptr, nullptr, i));
  auto watcher = heap.make<Watcher>();
  long sum = 0, all = 0;
  for (rcgc::borrowed<Node> node : heap.objects<Node>()) sum += node->value;
  for (auto object : heap.objects()) all += object.get() != nullptr;
  CHECK(sum == 45 && all == 11);
  for (auto node : heap.objects<Node>()) { // the heap changes under the walk
    auto held = node.own();
    for (auto &one : kept)
      if (one == held) one = nullptr;
    (void)heap.make<Node>();
  }
  kept.clear();
  CHECK(live(heap) == 1 && heap.type<Node>().live() == 0);
}

void heaps_are_values() {
  rcgc::heap one("one"), other("other");
  CHECK(std::string(one.name()) == "one");
  auto node = one.make<Node>();
  CHECK(rcgc::heap_view::of(node) == one && rcgc::heap_view::of(node) != other);
  auto type = one.type<Node>();
  CHECK(type.make()->value == 0 && type.native() != other.type<Node>().native());
  rcgc::heap moved = std::move(one);
  CHECK(!one && moved.make<Node>() && rcgc::heap_view::of(node) == moved);
  other = std::move(moved);
  CHECK(rcgc::heap_view::of(node) == other);
  CHECK(moved.end() == 0 && moved.end() == 0);
  node = nullptr;
  CHECK(other.end() == 0);
}

void the_default_heap() {
  for (int round = 0; round < 2; round++) {
    auto node = rcgc::make<Node>();
    node->left = rcgc::make<Node>(node);
    node = nullptr;
    CHECK(rcgc::default_heap().collect() == 2);
    auto held = rcgc::make<Node>();
    CHECK(rcgc::heap_view::of(held) == rcgc::default_heap());
    held = nullptr;
    CHECK(rcgc::end_default_heap() == 0);
  }
}

void heaps_of_c() {
  gc_heap *native = nullptr;
  CHECK(gc_heap_new(nullptr, &native) == RC_OK);
  rcgc::heap heap = rcgc::heap::of_c(native);
  auto node = heap.make<Node>();
  node = nullptr;
  CHECK(heap.end() == 0 && gc_heap_free(native) == 0);
}

void policies_and_external_bytes() {
  rcgc::heap heap("policy");
  gc_policy policy = heap.policy();
  policy.mode = GC_POLICY_NEVER;
  heap.set_policy(policy);
  auto node = heap.make<Node>();
  heap.add_external_bytes(rcgc::borrowed<Node>(node), 1000);
  CHECK(heap.policy().mode == GC_POLICY_NEVER && heap.stats().external_bytes == 1000);
#if defined(__cpp_exceptions)
  policy.mode = 77;
  bool thrown = false;
  try {
    heap.set_policy(policy);
  } catch (const rcgc::error &error) {
    thrown = error.status() == RC_ERR_INVALID && std::string(error.what()).find("RC_ERR_INVALID: ") == 0;
  }
  CHECK(thrown);
#endif
}

// Values of simple types are objects, too.
void simple_objects() {
  rcgc::heap heap("simple");
  auto number = heap.make<long>(42);
  struct Point {
    double x, y;
  };
  auto point = heap.make<Point>(1.0, 2.0);
  CHECK(*number == 42 && point->y > 1.5);
  CHECK(std::string(rc_type_name(rc_type_of(point.get()))).find("Point") != std::string::npos);
}

} // namespace

int main() {
  void (*const tests[])() = {copies_and_moves, assigned_from_what_it_keeps, const_objects, borrowed_pointers,
                             hashes_and_orders, rings, weak_handles, weak_maps, scopes, walks, heaps_are_values,
                             the_default_heap, heaps_of_c, policies_and_external_bytes, simple_objects};
  return run_tests(tests);
}
