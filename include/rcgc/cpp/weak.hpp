// rcgc/cpp/weak.hpp: error, weak, weak_map. Part of rcgc.hpp, which has the manual.
#ifndef RCGC_CPP_WEAK_HPP
#define RCGC_CPP_WEAK_HPP

#include <rcgc/core.h>
#include <rcgc/cpp/ref.hpp>

namespace rcgc {

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wweak-vtables"
#endif

/// Why a call failed: its status, and the sentence that says what was wrong and where.
class error : public std::runtime_error {
public:
  error(rc_status status, const char *sentence)
      : std::runtime_error(std::string(rc_status_name(status)) + ": " + sentence), status_(status) {}
  [[nodiscard]] rc_status status() const noexcept { return status_; }

private:
  rc_status status_;
};

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

namespace detail {

[[noreturn]] inline void out_of_memory() { RCGC_THROW(std::bad_alloc()); }

[[noreturn]] inline void fail(rc_status status, const gc_heap *heap) {
  if (status == RC_ERR_NO_MEMORY) out_of_memory();
  RCGC_THROW(error(status, gc_error_message(heap)));
}

} // namespace detail

/// A weak handle: leads to an object without keeping it alive. Making and copying one needs memory.
template <class T> class weak {
public:
  constexpr weak() noexcept = default;
  template <class U, detail::if_converts<U, T> = 0>
  weak(const ref<U> &target) : handle_(made(detail::up<T>(target.get()))) {}
  template <class U, detail::if_converts<U, T> = 0>
  explicit weak(borrowed<U> target) : handle_(made(detail::up<T>(target.get()))) {}
  weak(const weak &other) : weak(other.lock()) {}
  constexpr weak(weak &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  RCGC_CONSTEXPR20 ~weak() {
    if (handle_) rc_weak_free(handle_);
  }
  weak &operator=(const weak &other) {
    weak(other).swap(*this);
    return *this;
  }
  weak &operator=(weak &&other) noexcept {
    weak(std::move(other)).swap(*this);
    return *this;
  }

  /// The object, or null when it has died.
  [[nodiscard]] ref<T> lock() const noexcept {
    return handle_ ? ref<T>::adopt(static_cast<T *>(rc_weak_get(handle_))) : nullptr;
  }
  [[nodiscard]] bool expired() const noexcept { return !lock(); }
  void reset() noexcept { weak().swap(*this); }
  void swap(weak &other) noexcept { std::swap(handle_, other.handle_); }
  friend void swap(weak &one, weak &other) noexcept { one.swap(other); }

private:
  static rc_weak *made(T *target) {
    if (!target) return nullptr;
    rc_weak *handle = rc_weak_new(detail::plain(target), nullptr, nullptr);
    if (!handle) detail::out_of_memory();
    return handle;
  }

  rc_weak *handle_ = nullptr;
};

/// A map that keeps a value alive only while map and key are alive by other ways. A reference to the map, which is an object:
/// copies are the same map; one that was default constructed is none, and may only be assigned to.
template <class K, class V> class weak_map {
public:
  constexpr weak_map() noexcept = default;

  /// Takes a C map whose keys and values are of these types.
  [[nodiscard]] static weak_map adopt(rc_weakmap *owned) noexcept {
    weak_map made;
    made.map_ = ref<rc_weakmap>::adopt(owned);
    return made;
  }

  void set(borrowed<K> key, borrowed<V> value) {
    rc_status status = rc_weakmap_set(map_.get(), detail::plain(key.get()), detail::plain(value.get()));
    if (status != RC_OK) detail::fail(status, rc_heap_of(map_.get()));
  }
  [[nodiscard]] ref<V> get(borrowed<K> key) const noexcept {
    return ref<V>::adopt(static_cast<V *>(rc_weakmap_get(map_.get(), detail::plain(key.get()))));
  }
  ref<V> take(borrowed<K> key) noexcept {
    return ref<V>::adopt(static_cast<V *>(rc_weakmap_take(map_.get(), detail::plain(key.get()))));
  }
  [[nodiscard]] std::size_t size() const noexcept { return rc_weakmap_length(map_.get()); }
  [[nodiscard]] rc_weakmap *native() const noexcept { return map_.get(); }
  explicit operator bool() const noexcept { return static_cast<bool>(map_); }

private:
  ref<rc_weakmap> map_;
};

static_assert(sizeof(weak<int>) == sizeof(void *) && sizeof(weak_map<int, int>) == sizeof(void *));

} // namespace rcgc

#endif // RCGC_CPP_WEAK_HPP
