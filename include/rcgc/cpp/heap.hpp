// rcgc/cpp/heap.hpp: heaps, walks, scopes. Part of rcgc.hpp, which has the manual.
#ifndef RCGC_CPP_HEAP_HPP
#define RCGC_CPP_HEAP_HPP

#include <rcgc/auto.h>
#include <rcgc/collector.h>
#include <rcgc/cpp/types.hpp>
#include <rcgc/inspect.h>

namespace rcgc {

/// The live objects of a T: a range that can be gone through once, while the heap goes on changing. What it gives is borrowed.
template <class T> class walk {
public:
  class iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = borrowed<T>;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type *;
    using reference = value_type;

    iterator() noexcept = default;
    explicit iterator(walk *of) noexcept : of_(of) { ++*this; }
    value_type operator*() const noexcept { return at_; }
    iterator &operator++() noexcept {
      void *found = nullptr;
      if (gc_iter_next(&of_->iter_, &found) != RC_OK) found = nullptr;
      at_ = value_type(static_cast<T *>(found));
      if (!found) of_ = nullptr;
      return *this;
    }
    void operator++(int) noexcept { ++*this; }
    bool operator==(const iterator &other) const noexcept { return of_ == other.of_; }
    bool operator!=(const iterator &other) const noexcept { return of_ != other.of_; }

  private:
    walk *of_ = nullptr;
    value_type at_;
  };

  walk(gc_heap *heap, rc_type *type) {
    gc_iter_filter filter = GC_ITER_FILTER_INIT;
    filter.type = type;
    if (rc_status status = gc_iter_begin(heap, &filter, &iter_); status != RC_OK) detail::fail(status, heap);
  }
  [[nodiscard]] iterator begin() noexcept { return iterator(this); }
  [[nodiscard]] iterator end() const noexcept { return iterator(); }

private:
  gc_iter iter_ = {};
};

/// A heap that something else owns. It is copied like a pointer; null only when moved from or default constructed.
class heap_view {
public:
  constexpr heap_view() noexcept = default;
  /// The heap of an object that was made by this wrapper.
  template <class T> [[nodiscard]] static heap_view of(borrowed<T> object) noexcept {
    return heap_view(static_cast<detail::book *>(rc_type_ctx(rc_type_of(detail::plain(object.get())))));
  }
  template <class T> [[nodiscard]] static heap_view of(const ref<T> &object) noexcept { return of(borrowed<T>(object)); }

  /// This heap's type for a T, made by the first call for it.
  template <class T> [[nodiscard]] rcgc::type<T> type() const { return rcgc::type<T>(book_->type<T>()); }
  /// Constructs an object. Collects when one is due.
  template <class T, class... A> [[nodiscard]] ref<T> make(A &&...arguments) const {
    return type<T>().make(std::forward<A>(arguments)...);
  }
  /// The same; null when there is no memory for the object.
  template <class T, class... A> [[nodiscard]] ref<T> try_make(A &&...arguments) const {
    return type<T>().try_make(std::forward<A>(arguments)...);
  }
  template <class K, class V> [[nodiscard]] weak_map<K, V> make_weak_map() const {
    rc_weakmap *made = rc_weakmap_new(native());
    if (!made) detail::out_of_memory();
    return weak_map<K, V>::adopt(made);
  }

  std::size_t collect() const { return gc_collect(native()); }
  std::size_t collect_young() const { return gc_collect_young(native()); }
  std::size_t run_finalizers() const { return gc_run_finalizers(native()); }
  void safepoint() const { gc_safepoint(native()); }
  void enable() const { gc_enable(native()); }
  void disable() const { gc_disable(native()); }
  [[nodiscard]] bool is_enabled() const { return gc_is_enabled(native()); }
  [[nodiscard]] gc_stats stats() const {
    gc_stats stats = GC_STATS_INIT;
    if (rc_status status = gc_get_stats(native(), &stats); status != RC_OK) detail::fail(status, native());
    return stats;
  }
  [[nodiscard]] gc_policy policy() const {
    gc_policy policy = GC_POLICY_INIT;
    if (rc_status status = gc_get_policy(native(), &policy); status != RC_OK) detail::fail(status, native());
    return policy;
  }
  void set_policy(const gc_policy &policy) const {
    if (rc_status status = gc_set_policy(native(), &policy); status != RC_OK) detail::fail(status, native());
  }
  /// Memory that an object keeps elsewhere: see rc_add_external_bytes.
  template <class T> void add_external_bytes(borrowed<T> object, std::ptrdiff_t bytes) const {
    if (rc_status status = rc_add_external_bytes(detail::plain(object.get()), bytes); status != RC_OK)
      detail::fail(status, native());
  }

  /// The live objects that are a T, not of classes derived from it: `for (rcgc::borrowed<Node> node : heap.objects<Node>())`.
  template <class T> [[nodiscard]] walk<T> objects() const { return walk<T>(native(), type<T>().native()); }
  /// All live objects.
  [[nodiscard]] walk<void> objects() const { return walk<void>(native(), nullptr); }

  [[nodiscard]] gc_heap *native() const noexcept { return book_->heap; }
  [[nodiscard]] const char *name() const noexcept { return gc_heap_name(native()); }
  explicit operator bool() const noexcept { return book_ != nullptr; }
  friend bool operator==(heap_view one, heap_view other) noexcept { return one.book_ == other.book_; }
  friend bool operator!=(heap_view one, heap_view other) noexcept { return one.book_ != other.book_; }

protected:
  constexpr explicit heap_view(detail::book *book) noexcept : book_(book) {}
  friend heap_view default_heap();

  detail::book *book_ = nullptr;
};

namespace detail {
/// Books of heaps of C's: their types lead to them as long as the heap lives, which nobody here is told.
inline std::atomic<book *> books_left{nullptr};

inline void leave(book *book) noexcept {
  book->left = books_left.load(std::memory_order_relaxed);
  while (!books_left.compare_exchange_weak(book->left, book, std::memory_order_release, std::memory_order_relaxed)) {
  }
}
} // namespace detail

/// A heap and its end: all objects that are left end with it, as gc_heap_free says. References must not outlive it.
class heap : public heap_view {
public:
  heap() : heap(nullptr, true) {}
  explicit heap(const char *name) : heap(named(name)) {}
  explicit heap(const gc_heap_options &options) : heap(nullptr, true, &options) {}
  /// A heap that was made in C, and goes on being the caller's. What is noted of it, a hundred bytes or so a call, stays until
  /// the process ends: call this once a heap, and keep what it gives.
  [[nodiscard]] static heap of_c(gc_heap *native) { return heap(native, false); }

  heap(const heap &) = delete;
  heap &operator=(const heap &) = delete;
  heap(heap &&other) noexcept : heap_view(std::exchange(other.book_, nullptr)), owned_(other.owned_) {}
  heap &operator=(heap &&other) noexcept {
    std::swap(book_, other.book_);
    std::swap(owned_, other.owned_);
    return *this;
  }
  ~heap() { (void)end(); }

  /// Ends the heap now. How many objects were still held.
  std::size_t end() noexcept {
    detail::book *book = std::exchange(book_, nullptr);
    if (!book) return 0;
    std::size_t held = owned_ ? gc_heap_free(book->heap) : 0;
    if (owned_) delete book;
    else detail::leave(book);
    return held;
  }

private:
  static gc_heap_options named(const char *name) noexcept {
    gc_heap_options options = GC_HEAP_OPTIONS_INIT;
    options.name = name;
    return options;
  }
  heap(gc_heap *native, bool owned, const gc_heap_options *options = nullptr)
      : heap_view(new detail::book), owned_(owned) {
    book_->heap = native;
    if (!owned) return;
    if (rc_status status = gc_heap_new(options, &book_->heap); status != RC_OK) {
      delete std::exchange(book_, nullptr);
      detail::fail(status, nullptr);
    }
  }

  bool owned_ = true;
};

namespace detail {
inline book book_of_default;

template <class T> rc_type *type_in_default() {
  book &book = book_of_default;
  if (!book.heap) book.heap = gc_heap_default();
  if (!book.heap) out_of_memory();
  type_number &number = number_for<T>;
  number.of_default = book.type<T>();
  number.next = book.defaults;
  book.defaults = &number;
  return number.of_default;
}
} // namespace detail

/// The heap that C calls the default heap. A program that uses it through this wrapper ends it with end_default_heap.
inline heap_view default_heap() {
  detail::book &book = detail::book_of_default;
  if (!book.heap) book.heap = gc_heap_default();
  if (!book.heap) detail::out_of_memory();
  return heap_view(&book);
}

inline std::size_t end_default_heap() noexcept {
  detail::book &book = detail::book_of_default;
  std::size_t held = gc_heap_free(std::exchange(book.heap, nullptr));
  for (detail::type_number *at = std::exchange(book.defaults, nullptr); at; at = std::exchange(at->next, nullptr))
    at->of_default = nullptr;
  for (std::size_t at = 0; at < book.length; at++) book.types[at] = nullptr;
  return held;
}

/// Constructs an object in the default heap.
template <class T, class... A> [[nodiscard]] ref<T> make(A &&...arguments) {
  rc_type *type = detail::number_for<T>.of_default;
  if (RCGC_UNLIKELY(!type)) type = detail::type_in_default<T>();
  void *place = rc_new(type);
  if (RCGC_UNLIKELY(!place)) detail::out_of_memory();
  return detail::fill<T>(type, place, std::forward<A>(arguments)...);
}

/// Holds references until the end of the block that it is in; what was kept last is released first.
class scope {
public:
  explicit scope(heap_view heap) : guard_{heap.native(), rc_scope_enter(heap.native())} {}
  scope(const scope &) = delete;
  scope &operator=(const scope &) = delete;
  ~scope() { rcgc_scope_guard_end(&guard_); }

  /// Takes a reference over; null when there is no memory to note it, and it is released.
  template <class T> borrowed<T> keep(ref<T> held) noexcept {
    return borrowed<T>(static_cast<T *>(rc_scope_keep(guard_.heap, detail::plain(held.leak()))));
  }

private:
  rcgc_scope_guard guard_;
};

} // namespace rcgc

#endif // RCGC_CPP_HEAP_HPP
