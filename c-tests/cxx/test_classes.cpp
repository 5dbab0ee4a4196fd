// rcgc.hpp: inheritance, constructors that throw, classes that hand out references to themselves, templates, private members.
#include <rcgc.hpp>

#include "check.hpp"

#include <string>
#include <vector>

namespace {

int ended;

// ---- inheritance ----

struct Shape {
  rcgc::ref<Shape> next;
  Shape() = default;
  Shape(const Shape &) = delete;
  Shape &operator=(const Shape &) = delete;
  virtual ~Shape() { ended++; }
  virtual int corners() const { return 0; }
};
RCGC_FIELDS(Shape, next)

struct Square : Shape {
  rcgc::ref<Shape> inner;
  int corners() const override { return 4; }
};
RCGC_DERIVED_FIELDS(Square, Shape, inner)

struct Circle final : Shape {
  double radius = 1;
};
RCGC_DERIVED(Circle, Shape)

struct Aside {
  virtual ~Aside() = default;
  long aside = 5;
};

// Shape lies at the beginning; Aside does not, and no ref leads to it.
struct Labelled : Square, Aside {
  std::vector<rcgc::ref<Labelled>> labels;
  std::string name = "a name that is too long to be kept in the string itself";
};
RCGC_DERIVED_FIELDS(Labelled, Square, labels)

// An abstract base, and an interface that has nothing of its own.
struct Value {
  virtual ~Value() = default;
  virtual long number() const = 0;
};
struct Boxed : Value {
  rcgc::ref<Value> inside;
  long own = 1;
  long number() const override { return own + (inside ? inside->number() : 0); }
};
RCGC_FIELDS(Boxed, inside)

void bases() {
  rcgc::heap heap("bases");
  ended = 0;
  auto square = heap.make<Square>();
  rcgc::ref<Shape> shape = square;
  rcgc::ref<const Shape> seen = shape;
  CHECK(shape == square && square.count() == 3 && seen->corners() == 4);
  square->next = square, square->inner = heap.make<Circle>();
  square->inner->next = shape;
  shape = heap.make<Circle>();
#if defined(__cpp_rtti)
  CHECK(rcgc::dynamic_ref_cast<Circle>(shape) && !rcgc::dynamic_ref_cast<Square>(shape));
#endif
  CHECK(rcgc::static_ref_cast<Square>(rcgc::ref<Shape>(square)) == square);
  shape = std::move(square);
  CHECK(!square && ended == 1);
  shape = nullptr, seen = nullptr;
  CHECK(heap.collect() == 2 && ended == 3);
}

void several_bases() {
  rcgc::heap heap("several");
  ended = 0;
  auto one = heap.make<Labelled>();
  one->labels.push_back(one);
  one->next = one, one->inner = one;
  rcgc::ref<Shape> shape = one;
  Aside &aside = *one; // a plain reference to it is nobody's concern
  CHECK(aside.aside == 5 && shape.count() == 5);
  one = nullptr, shape = nullptr;
  CHECK(heap.collect() == 1 && ended == 1);
}

void abstract_bases() {
  rcgc::heap heap("abstract");
  auto outer = heap.make<Boxed>();
  outer->inside = heap.make<Boxed>();
  rcgc::ref<Value> value = outer;
  rcgc::weak<Value> weak = outer;
  CHECK(value->number() == 2 && weak.lock() == outer);
  outer->inside = outer;
  outer = nullptr, value = nullptr;
  CHECK(heap.collect() == 1 && weak.expired());
}

// ---- references to oneself ----

struct Task : rcgc::enable_ref_from_this<Task> {
  rcgc::ref<Task> self;
  std::vector<rcgc::ref<Task>> *list;
  explicit Task(std::vector<rcgc::ref<Task>> *into) : list(into) { list->push_back(ref_from_this()); }
  rcgc::ref<const Task> seen() const { return ref_from_this(); }
};
RCGC_FIELDS(Task, self)

void references_to_oneself() {
  rcgc::heap heap("self");
  std::vector<rcgc::ref<Task>> list;
  auto task = heap.make<Task>(&list);
  CHECK(list.size() == 1 && list[0] == task && task.count() == 2);
  task->self = task->ref_from_this();
  CHECK(task->seen() == task);
  CHECK(task.count() == 3);
  static_assert(sizeof(Task) == 2 * sizeof(void *));
  list.clear(), task = nullptr;
  CHECK(heap.collect() == 1);
}

// ---- templates, members that are not public ----

template <class T> class List {
public:
  explicit List(T value, rcgc::ref<List> tail = nullptr) : value_(std::move(value)), tail_(std::move(tail)) {}
  void close() { tail_ = rcgc::ref<List>::share(this); }
  const T &value() const { return value_; }

private:
  T value_;
  rcgc::ref<List> tail_;
  RCGC_FIELDS_INSIDE(List, tail_)
};

void templates() {
  rcgc::heap heap("templates");
  auto numbers = heap.make<List<int>>(2, heap.make<List<int>>(1));
  auto words = heap.make<List<std::string>>("a word that is too long to be kept in the string itself");
  words->close();
  CHECK(numbers->value() == 2 && words->value().size() > 20);
  numbers = nullptr, words = nullptr;
  CHECK(heap.collect() == 1 && heap.stats().live_objects == 0);
}

struct Name {
  std::string text;
};
RCGC_LEAF(Name)

void leaves() {
  rcgc::heap heap("leaves");
  auto name = heap.make<Name>("a name that is too long to be kept in the string itself");
  CHECK(!gc_is_tracked(name.get()) && name->text.size() > 20);
}

// ---- a class with an intrusive count of its own ----

struct Widget;
void add(Widget *widget);
void release(Widget *widget);

/// As boost::intrusive_ptr.
template <class T> class Counted {
public:
  Counted() = default;
  explicit Counted(T *target) : target_(target) { add(target_); }
  Counted(const Counted &other) : target_(other.target_) {
    if (target_) add(target_);
  }
  Counted &operator=(Counted other) noexcept {
    std::swap(target_, other.target_);
    return *this;
  }
  ~Counted() {
    if (target_) release(target_);
  }
  T *get() const { return target_; }
  T *operator->() const { return target_; }

private:
  T *target_ = nullptr;
};

} // namespace

template <class T> struct rcgc::counted_pointer<Counted<T>> : rcgc::counted_pointer_to<T> {};

namespace {

struct Owner;
struct Widget {
  std::size_t uses = 0;
  Counted<Widget> next;
  std::vector<Counted<Widget>> more;
  rcgc::ref<Owner> owner;
};
RCGC_FIELDS(Widget, next, more, owner)

/// An object of the heap that owns Widgets.
struct Owner {
  Counted<Widget> widget;
};
RCGC_FIELDS(Owner, widget)

rcgc::counted_class<Widget> *widgets;

void add(Widget *widget) {
  widget->uses++;
}

void release(Widget *widget) {
  if (--widget->uses) return;
  widgets->untrack(*widget);
  ended++;
  delete widget;
}

Counted<Widget> make_widget() {
  Counted<Widget> made(new Widget);
  widgets->track(*made.get());
  return made;
}

} // namespace

template <> struct rcgc::counts<Widget> {
  static std::size_t count(const Widget &one) noexcept { return one.uses; }
  static void hold(Widget &one) noexcept { add(&one); }
  static void release(Widget &one) noexcept { ::release(&one); }
};

namespace {

void classes_with_their_own_count() {
  rcgc::heap heap("counted");
  rcgc::counted_class<Widget> here(heap);
  widgets = &here;
  ended = 0;
  {
    auto one = make_widget(), two = make_widget(), three = make_widget();
    one->next = two, two->more.push_back(one), two->more.push_back(three);
    three->owner = heap.make<Owner>();
    three->owner->widget = one;
    CHECK(heap.collect() == 0 && gc_foreign_count(heap.native()) == 3);
    auto untracked = Counted<Widget>(new Widget);
    three->more.push_back(untracked); // not reported
    two->owner = heap.make<Owner>();
    two->owner->widget = untracked;
    CHECK(heap.collect() == 0);
  }
  CHECK(ended == 0 && heap.collect() == 5 && ended == 4 && gc_foreign_count(heap.native()) == 0);
  CHECK(heap.stats().live_objects == 0);
}

// ---- constructors that throw ----

#if defined(__cpp_exceptions)
struct Thrower {
  rcgc::ref<Thrower> first;
  std::vector<rcgc::ref<Thrower>> more;
  std::string name = "a name that is too long to be kept in the string itself";
  rcgc::ref<Thrower> last;
  rcgc::weak<Thrower> weak;
  explicit Thrower(int when, rcgc::heap_view heap, const rcgc::ref<Thrower> &other) : first(other), last(other) {
    more.push_back(other);
    if (other) weak = other;
    for (int i = 0; i < 10; i++) { // collections meet the object while it is made
      auto made = heap.make<Thrower>(0, other);
      made->first = made;
    }
    heap.collect();
    if (when == 1) throw 7;
  }
  Thrower(int, const rcgc::ref<Thrower> &other) : first(other) {}
  ~Thrower() { ended++; }
  void rcgc_finalize() noexcept { ended += 1000; }
};
RCGC_FIELDS(Thrower, first, more, last, weak)

void throwing_constructors() {
  rcgc::heap heap("throwing");
  auto other = heap.make<Thrower>(0, nullptr);
  heap.collect();
  ended = 0;
  for (int i = 0; i < 20; i++) {
    int caught = 0;
    try {
      (void)heap.make<Thrower>(1, heap, other);
    } catch (int thrown) {
      caught = thrown;
    }
    CHECK(caught == 7 && other.is_unique() && ended == 10 * 1001 * (i + 1));
  }
  CHECK(heap.stats().live_objects == 1);
  auto good = heap.make<Thrower>(2, heap, other);
  CHECK(other.count() == 4 && gc_is_tracked(good.get()));
  good = nullptr;
  CHECK(other.is_unique());
}

// Members that end while it unwinds collect, and find nothing of the object.
struct Collecting {
  rcgc::ref<Collecting> one, two;
  rcgc::heap_view heap;
  int depth;
  Collecting(rcgc::heap_view in, int level) : heap(in), depth(level) {
    if (depth == 0) return;
    one = heap.make<Collecting>(heap, 0), two = heap.make<Collecting>(heap, 0);
    one->one = one;
    if (depth == 1) throw 1;
    two->two = heap.make<Collecting>(heap, depth - 1);
  }
  ~Collecting() {
    ended++;
    if (depth >= 0) heap.collect();
    if (depth >= 0) (void)heap.make<Collecting>(heap, 0, nullptr);
  }
  Collecting(rcgc::heap_view, int, std::nullptr_t) noexcept : depth(-1) {}
};
RCGC_FIELDS(Collecting, one, two)

void thrown_through_many() {
  rcgc::heap heap("many");
  ended = 0;
  int caught = 0;
  try {
    (void)heap.make<Collecting>(heap, 5);
  } catch (int thrown) {
    caught = thrown;
  }
  CHECK(caught == 1);
  heap.collect();
}

// Declared fields only, one of them already filled when the constructor throws.
struct Simple {
  rcgc::ref<Simple> one, two;
  explicit Simple(const rcgc::ref<Simple> &other) : one(other), two(other) {
    if (other) throw 3;
  }
};
RCGC_FIELDS_ONLY(Simple, one, two)

void throwing_simple_constructors() {
  rcgc::heap heap("simple");
  auto first = heap.make<Simple>(nullptr);
  CHECK(gc_is_tracked(first.get()));
  for (int i = 0; i < 100; i++) {
    bool caught = false;
    try {
      (void)heap.make<Simple>(first);
    } catch (int) {
      caught = true;
    }
    CHECK(caught && first.is_unique());
  }
  CHECK(heap.stats().live_objects == 1);
}
#else
void throwing_constructors() {}
void thrown_through_many() {}
void throwing_simple_constructors() {}
#endif

} // namespace

int main() {
  void (*const tests[])() = {bases, several_bases, abstract_bases, references_to_oneself, templates, leaves, classes_with_their_own_count,
                             throwing_constructors, thrown_through_many, throwing_simple_constructors};
  return run_tests(tests);
}
