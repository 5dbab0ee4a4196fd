// rcgc.hpp: references in every kind of member, in rings that go through each; order of the end; destructors.
#include <rcgc.hpp>

#include "check.hpp"

#include <deque>
#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

namespace {

int ended, finalized;

struct Counted {
  Counted() = default;
  Counted(const Counted &) = delete;
  Counted &operator=(const Counted &) = delete;
  ~Counted() { ended++; }
};

// Each kind of member refers to its own holder: the types are recursive.
#define RING(Name, Member, ...)                    \
  struct Name {                                    \
    using Ref = rcgc::ref<Name>;                   \
    Member member{};                               \
    Counted counted{};                             \
  };                                               \
  RCGC_FIELDS(Name, member)                        \
  void ring_of_##Name() {                          \
    rcgc::heap heap(#Name);                        \
    ended = 0;                                     \
    auto put = [](auto &member, const Name::Ref &other) { __VA_ARGS__; }; \
    auto one = heap.make<Name>(), other = heap.make<Name>(); \
    put(one->member, other), put(other->member, one); \
    one = nullptr;                                 \
    CHECK(heap.collect() == 0 && ended == 0);      \
    other = nullptr;                               \
    CHECK(heap.collect() == 2 && ended == 2);      \
    one = heap.make<Name>(), other = heap.make<Name>(); \
    put(one->member, other);                       \
    other = nullptr;                               \
    CHECK(ended == 2 && one.is_unique());          \
    one = nullptr;                                 \
    CHECK(ended == 4 && heap.end() == 0);          \
  }

#define COMMA ,
RING(Plain, Ref, member = other)
RING(Const, rcgc::ref<const Const>, member = other)
RING(Array, std::array<Ref COMMA 3>, member[1] = other)
RING(Vector, std::vector<Ref>, for (int i = 0; i < 5; i++) member.push_back(other))
RING(Deque, std::deque<Ref>, for (int i = 0; i < 5; i++) member.push_front(other))
RING(List, std::list<Ref>, member.push_back(other))
RING(Set, std::set<Ref>, member.insert(other))
RING(Map, std::map<int COMMA Ref>, member[3] = other; member[4] = other)
RING(Keys, std::map<Ref COMMA std::string>, member[other] = "a key")
RING(Hashed, std::unordered_map<std::string COMMA Ref>, member["one"] = other)
RING(Optional, std::optional<Ref>, member = other)
RING(Variant, std::variant<long COMMA std::string COMMA Ref>, member = other)
RING(Tuple, std::tuple<int COMMA Ref COMMA Ref>, std::get<1>(member) = other; std::get<2>(member) = other)
RING(Two, std::pair<Ref COMMA Ref>, member.second = other)
RING(Unique, std::unique_ptr<Ref>, member = std::make_unique<Unique::Ref>(other))
RING(Nested, std::vector<std::map<int COMMA std::optional<Ref>>>, member.emplace_back(); member.back()[1] = other)
RING(Matrix, std::array<std::vector<Ref> COMMA 2>, member[1].push_back(other))

struct Fixed2 {
  rcgc::ref<Fixed2> members[4];
  std::vector<rcgc::ref<Fixed2>> rows[2];
};
RCGC_FIELDS(Fixed2, members, rows)

void arrays_of_the_language() {
  rcgc::heap heap("arrays");
  auto one = heap.make<Fixed2>();
  one->members[3] = one, one->members[0] = one, one->rows[1].push_back(one);
  CHECK(one.count() == 4);
  one = nullptr;
  CHECK(heap.collect() == 1);
}

// A struct inside a struct, in a container, with fields of its own.
struct Tree;
struct Edge {
  int weight;
  rcgc::ref<Tree> to;
};
RCGC_FIELDS(Edge, to)
struct Tree {
  Edge up{};
  std::vector<Edge> down;
  std::string name = "a name that is too long to be kept in the string itself";
};
RCGC_FIELDS(Tree, up, down)

void structs_in_structs() {
  rcgc::heap heap("parts");
  auto root = heap.make<Tree>();
  for (int i = 0; i < 10; i++) {
    auto leaf = heap.make<Tree>();
    leaf->up = {i, root};
    root->down.push_back({i, leaf});
  }
  CHECK(heap.collect() == 0);
  root = nullptr;
  CHECK(heap.collect() == 11);
}

// A container of the host's own.
template <class T> struct Stack {
  T *items = nullptr;
  std::size_t length = 0;
  Stack() = default;
  Stack(const Stack &) = delete;
  Stack &operator=(const Stack &) = delete;
  ~Stack() { delete[] items; }
};

} // namespace

template <class T> struct rcgc::tracer<Stack<T>> {
  static constexpr bool holds = rcgc::holds_references<T>;
  static int visit(const Stack<T> &stack, rcgc::visitor &see) noexcept {
    for (std::size_t i = 0; i < stack.length; i++)
      if (int stop = see(stack.items[i])) return stop;
    return 0;
  }
  static void clear(Stack<T> &stack) noexcept {
    for (std::size_t i = 0; i < stack.length; i++) stack.items[i].reset();
  }
};

namespace {

struct Machine {
  Stack<rcgc::ref<Machine>> stack;
};
RCGC_FIELDS(Machine, stack)

void containers_of_the_host() {
  rcgc::heap heap("own");
  auto machine = heap.make<Machine>();
  machine->stack.items = new rcgc::ref<Machine>[3];
  machine->stack.length = 3;
  for (int i = 0; i < 3; i++) machine->stack.items[i] = machine;
  machine = nullptr;
  CHECK(heap.collect() == 1);
}

// Edges have their members' names in reports.
void names_of_edges() {
  rcgc::heap heap("names");
  auto root = heap.make<Tree>(), leaf = heap.make<Tree>();
  root->down.push_back({1, leaf}), leaf->up.to = root;
  gc_query *query = nullptr;
  CHECK(gc_query_begin(heap.native(), &query) == RC_OK);
  gc_path_step rows[4] = {GC_PATH_STEP_INIT, GC_PATH_STEP_INIT, GC_PATH_STEP_INIT, GC_PATH_STEP_INIT};
  std::size_t count = 0;
  CHECK(gc_referents(query, root.get(), rows, 4, &count) == RC_OK && count == 1);
  CHECK(rows[0].name && std::string(rows[0].name) == "down" && rows[0].index == 0);
  CHECK(gc_referents(query, leaf.get(), rows, 4, &count) == RC_OK && count == 1);
  CHECK(rows[0].name && std::string(rows[0].name) == "up");
  CHECK(gc_query_end(query) == RC_OK);
}

// The order of an object's end, and what each step sees.
struct Ordered {
  rcgc::ref<Ordered> other;
  std::vector<rcgc::ref<Ordered>> more;
  int *log = nullptr;
  void rcgc_finalize() noexcept {
    finalized++;
    if (other && more.size() == 1) *log += 1;
  }
  ~Ordered() {
    ended++;
    if (!other && more.empty()) *log += 100;
  }
};
RCGC_FIELDS(Ordered, other, more)

void finalizers_and_destructors() {
  rcgc::heap heap("order");
  int log = 0;
  ended = finalized = 0;
  auto one = heap.make<Ordered>(), two = heap.make<Ordered>();
  one->log = two->log = &log;
  one->other = two, two->other = one, one->more.push_back(one), two->more.push_back(two);
  one = nullptr, two = nullptr;
  CHECK(heap.collect() == 2 && log == 202 && finalized == 2 && ended == 2);
}

// A destructor that has nothing to do is not run; any other is.
struct Silent {
  rcgc::ref<Silent> one, more;
  long value = 0;
};
RCGC_FIELDS(Silent, one, more)
struct Promised {
  explicit Promised(int given) : value(given) {}
  rcgc::ref<Promised> other;
  int value;
};
RCGC_FIELDS_ONLY(Promised, other)
struct Loud {
  rcgc::ref<Loud> other;
  long value = 0;
  ~Loud() { ended++; }
};
RCGC_FIELDS(Loud, other)
struct Named {
  rcgc::ref<Named> other;
  std::string name;
};
RCGC_FIELDS(Named, other)
struct Unlisted {
  rcgc::ref<Unlisted> other;
  std::vector<int> numbers;
};
RCGC_FIELDS(Unlisted, other)

using rcgc::detail::known;
static_assert(known<Silent>::destroyed == (__cplusplus < 202002L));
static_assert(!known<Promised>::destroyed && known<Loud>::destroyed && known<Named>::destroyed);
static_assert(known<Unlisted>::destroyed && !known<long>::destroyed && !known<Silent>::traversed);

void destructors_that_say_nothing() {
  rcgc::heap heap("silent");
  auto silent = heap.make<Silent>();
  silent->more = silent;
  auto promised = heap.make<Promised>(3);
  promised->other = promised;
  auto loud = heap.make<Loud>();
  loud->other = loud;
  auto named = heap.make<Named>();
  named->other = named, named->name = "a name that is too long to be kept in the string itself";
  ended = 0;
  silent = nullptr, promised = nullptr, loud = nullptr, named = nullptr;
  CHECK(heap.collect() == 4 && ended == 1);
}

// What a destructor runs may collect, also in the middle of a container's own clear.
struct Noisy {
  std::vector<rcgc::ref<Noisy>> items;
  rcgc::heap_view heap;
  ~Noisy() {
    if (!heap) return;
    auto made = heap.make<Noisy>();
    made->items.push_back(made);
    made = nullptr;
    heap.collect();
  }
};
RCGC_FIELDS(Noisy, items)

void collections_in_a_clear() {
  rcgc::heap heap("noisy");
  auto root = heap.make<Noisy>();
  for (int i = 0; i < 50; i++) {
    root->items.push_back(heap.make<Noisy>());
    root->items.back()->heap = heap;
  }
  root->items.clear();
  for (int i = 0; i < 50; i++) {
    root->items.push_back(heap.make<Noisy>());
    root->items.back()->heap = heap;
    root->items.back()->items.push_back(root);
  }
  root = nullptr;
  heap.collect();
  heap.collect();
  CHECK(heap.stats().live_objects == 0);
}

} // namespace

int main() {
  void (*const tests[])() = {
      ring_of_Plain, ring_of_Const, ring_of_Array, ring_of_Vector, ring_of_Deque, ring_of_List, ring_of_Set,
      ring_of_Map, ring_of_Keys, ring_of_Hashed, ring_of_Optional, ring_of_Variant, ring_of_Tuple, ring_of_Two,
      ring_of_Unique, ring_of_Nested, ring_of_Matrix, arrays_of_the_language, structs_in_structs, containers_of_the_host,
      names_of_edges, finalizers_and_destructors, destructors_that_say_nothing, collections_in_a_clear};
  return run_tests(tests);
}
