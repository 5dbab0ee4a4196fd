// rcgc/cpp/ref.hpp: ref, borrowed, enable_ref_from_this. Part of rcgc.hpp, which has the manual.
//
// A reference is null before what it held is released, also in its destructor: what the release runs may collect, and a
// collection may look at a container in the middle of its own `clear`.
#ifndef RCGC_CPP_REF_HPP
#define RCGC_CPP_REF_HPP

#include <rcgc/core.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#if defined(__cpp_exceptions)
#define RCGC_THROW(...) throw __VA_ARGS__
#else
#define RCGC_THROW(...) ::rcgc::detail::stop((__VA_ARGS__).what())
#endif

#if __cplusplus >= 202002L
#define RCGC_CONSTEXPR20 constexpr
#else
#define RCGC_CONSTEXPR20
#endif

namespace rcgc {

template <class T> class ref;
template <class T> class borrowed;

namespace detail {

[[noreturn]] inline void stop(const char *why) noexcept {
  std::fprintf(stderr, "rcgc: %s\n", why);
  std::abort();
}

/// As the C functions take an object: counts are not part of what const protects.
template <class T> constexpr void *plain(T *target) noexcept {
  return const_cast<void *>(static_cast<const volatile void *>(target));
}

template <class T> union room {
  char nothing;
  std::remove_cv_t<T> value;
  room() noexcept;
  ~room();
};

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-internal"
#pragma clang diagnostic ignored "-Wundefined-var-template"
#endif

/// Never defined: only its address is spoken of.
template <class T> struct somewhere {
  static room<T> it;
};

template <class Base, class Derived, class = void> struct leads_down : std::false_type {};
template <class Base, class Derived>
struct leads_down<Base, Derived,
                  std::void_t<decltype(static_cast<const volatile Derived *>(std::declval<const volatile Base *>()))>>
    : std::true_type {};

/// Whether a Base of a Derived has the same address. An abstract Derived is nowhere: it is asked when it runs.
template <class Base, class Derived> constexpr bool is_at_beginning() noexcept {
  if constexpr (std::is_same_v<std::remove_cv_t<Base>, std::remove_cv_t<Derived>> || std::is_void_v<Base> ||
                std::is_abstract_v<Derived>)
    return true;
  else
    return static_cast<const volatile void *>(
               static_cast<const volatile Base *>(&somewhere<Derived>::it.value)) ==
           static_cast<const volatile void *>(&somewhere<Derived>::it.value);
}

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

/// A pointer to a Derived as one to its Base, if they are one address.
template <class Base, class Derived> constexpr Base *up(Derived *target) noexcept {
  if constexpr (!std::is_same_v<std::remove_cv_t<Base>, std::remove_cv_t<Derived>> && !std::is_void_v<Base>) {
    static_assert(leads_down<Base, Derived>::value,
                  "rcgc: a virtual, ambiguous or hidden base has no ref of its own: an object is known by one address");
    if constexpr (leads_down<Base, Derived>::value)
      static_assert(is_at_beginning<Base, Derived>(),
                    "rcgc: this base does not lie at the beginning of the class, so that a ref to it would not lead to "
                    "the object: make it the first base (one with virtual functions goes before one without)");
    if constexpr (std::is_abstract_v<Derived>) {
      Base *found = target;
      if (plain(found) != plain(target)) stop("a base that does not lie at the beginning of its class");
    }
  }
  return target;
}

template <class From, class To>
using if_converts = std::enable_if_t<std::is_convertible_v<From *, To *>, int>;

} // namespace detail

/// An owned reference to an object, or null.
template <class T> class ref {
public:
  using element_type = T;

  constexpr ref() noexcept = default;
  constexpr ref(std::nullptr_t) noexcept {}
  ref(const ref &other) noexcept : target_(other.target_) { add(); }
  constexpr ref(ref &&other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
  template <class U, detail::if_converts<U, T> = 0>
  ref(const ref<U> &other) noexcept : target_(detail::up<T>(other.get())) {
    add();
  }
  template <class U, detail::if_converts<U, T> = 0>
  ref(ref<U> &&other) noexcept : target_(detail::up<T>(other.leak())) {}
  template <class U, detail::if_converts<U, T> = 0> explicit ref(borrowed<U> other) noexcept;

  RCGC_CONSTEXPR20 ~ref() { release(); }

  ref &operator=(const ref &other) noexcept {
    ref(other).swap(*this);
    return *this;
  }
  ref &operator=(ref &&other) noexcept {
    ref(std::move(other)).swap(*this);
    return *this;
  }
  ref &operator=(std::nullptr_t) noexcept {
    release();
    return *this;
  }
  template <class U, detail::if_converts<U, T> = 0> ref &operator=(const ref<U> &other) noexcept {
    ref(other).swap(*this);
    return *this;
  }
  template <class U, detail::if_converts<U, T> = 0> ref &operator=(ref<U> &&other) noexcept {
    ref(std::move(other)).swap(*this);
    return *this;
  }

  /// Takes a reference that is owned already, as C functions give it.
  [[nodiscard]] static ref adopt(T *owned) noexcept {
    ref made;
    made.target_ = owned;
    return made;
  }
  /// Adds a reference to an object that is held otherwise.
  [[nodiscard]] static ref share(T *held) noexcept {
    ref made = adopt(held);
    made.add();
    return made;
  }
  template <class U = T> [[nodiscard]] static ref share(U &held) noexcept {
    rc_incref(detail::plain(&held));
    return adopt(&held);
  }
  /// Gives the reference away: whoever takes it releases it, as in C.
  [[nodiscard]] T *leak() noexcept { return std::exchange(target_, nullptr); }

  [[nodiscard]] constexpr T *get() const noexcept { return target_; }
  template <class U = T> constexpr U &operator*() const noexcept { return *target_; }
  constexpr T *operator->() const noexcept { return target_; }
  constexpr explicit operator bool() const noexcept { return target_ != nullptr; }

  void reset() noexcept { release(); }
  void swap(ref &other) noexcept { std::swap(target_, other.target_); }
  friend void swap(ref &one, ref &other) noexcept { one.swap(other); }

  /// The number of references; 0 of a null one, UINT32_MAX of an immortal object.
  [[nodiscard]] std::uint32_t count() const noexcept { return target_ ? rc_count(detail::plain(target_)) : 0; }
  [[nodiscard]] bool is_unique() const noexcept { return target_ && rc_is_unique(detail::plain(target_)); }

private:
  void add() const noexcept {
    if (target_) rc_incref(detail::plain(target_));
  }
  RCGC_CONSTEXPR20 void release() noexcept {
    T *old = target_;
    target_ = nullptr;
    if (old) rc_decref(detail::plain(old));
  }

  T *target_ = nullptr;
};

/// A pointer to an object that something else holds. It owns and keeps alive nothing.
template <class T> class borrowed {
public:
  using element_type = T;

  constexpr borrowed() noexcept = default;
  constexpr borrowed(std::nullptr_t) noexcept {}
  constexpr explicit borrowed(T *target) noexcept : target_(target) {}
  template <class U, detail::if_converts<U, T> = 0>
  constexpr borrowed(const ref<U> &other) noexcept : target_(detail::up<T>(other.get())) {}
  template <class U, detail::if_converts<U, T> = 0>
  constexpr borrowed(borrowed<U> other) noexcept : target_(detail::up<T>(other.get())) {}
  /// Nothing would hold the object any more.
  template <class U, detail::if_converts<U, T> = 0> borrowed &operator=(ref<U> &&) = delete;

  [[nodiscard]] ref<T> own() const noexcept { return ref<T>::share(target_); }
  [[nodiscard]] constexpr T *get() const noexcept { return target_; }
  template <class U = T> constexpr U &operator*() const noexcept { return *target_; }
  constexpr T *operator->() const noexcept { return target_; }
  constexpr explicit operator bool() const noexcept { return target_ != nullptr; }

private:
  T *target_ = nullptr;
};

template <class T>
template <class U, detail::if_converts<U, T>>
ref<T>::ref(borrowed<U> other) noexcept : target_(detail::up<T>(other.get())) {
  add();
}

static_assert(sizeof(ref<int>) == sizeof(void *) && sizeof(borrowed<int>) == sizeof(void *));

#define RCGC_COMPARISONS(One, Other)                                                                       \
  template <class T, class U> constexpr bool operator==(const One<T> &one, const Other<U> &other) noexcept { \
    return one.get() == other.get();                                                                       \
  }                                                                                                        \
  template <class T, class U> constexpr bool operator!=(const One<T> &one, const Other<U> &other) noexcept { \
    return one.get() != other.get();                                                                       \
  }                                                                                                        \
  template <class T, class U> bool operator<(const One<T> &one, const Other<U> &other) noexcept {          \
    return std::less<>()(detail::plain(one.get()), detail::plain(other.get()));                            \
  }
RCGC_COMPARISONS(ref, ref)
RCGC_COMPARISONS(ref, borrowed)
RCGC_COMPARISONS(borrowed, ref)
RCGC_COMPARISONS(borrowed, borrowed)
#undef RCGC_COMPARISONS

#define RCGC_NULL_COMPARISONS(One)                                                             \
  template <class T> constexpr bool operator==(const One<T> &one, std::nullptr_t) noexcept {   \
    return one.get() == nullptr;                                                               \
  }                                                                                            \
  template <class T> constexpr bool operator!=(const One<T> &one, std::nullptr_t) noexcept {   \
    return one.get() != nullptr;                                                               \
  }
RCGC_NULL_COMPARISONS(ref)
RCGC_NULL_COMPARISONS(borrowed)
#undef RCGC_NULL_COMPARISONS

/// A reference to a Base as one to the Derived that it is; the caller knows it.
template <class Derived, class Base> [[nodiscard]] ref<Derived> static_ref_cast(const ref<Base> &from) noexcept {
  (void)static_cast<Base *(*)(Derived *) noexcept>(&detail::up<Base, Derived>);
  return ref<Derived>::share(static_cast<Derived *>(from.get()));
}

/// The same, null where it is none.
template <class Derived, class Base> [[nodiscard]] ref<Derived> dynamic_ref_cast(const ref<Base> &from) noexcept {
  (void)static_cast<Base *(*)(Derived *) noexcept>(&detail::up<Base, Derived>);
  return ref<Derived>::share(dynamic_cast<Derived *>(from.get()));
}

template <class To, class From> [[nodiscard]] ref<To> const_ref_cast(const ref<From> &from) noexcept {
  return ref<To>::share(const_cast<To *>(from.get()));
}

/// For an object whose members hand out references to it. It adds nothing to the object.
template <class T> class enable_ref_from_this {
public:
  [[nodiscard]] ref<T> ref_from_this() noexcept {
    return ref<T>::share(static_cast<T &>(*this));
  }
  [[nodiscard]] ref<const T> ref_from_this() const noexcept {
    return ref<const T>::share(static_cast<const T &>(*this));
  }
};

} // namespace rcgc

template <class T> struct std::hash<rcgc::ref<T>> {
  std::size_t operator()(const rcgc::ref<T> &of) const noexcept { return std::hash<T *>()(of.get()); }
};

template <class T> struct std::hash<rcgc::borrowed<T>> {
  std::size_t operator()(const rcgc::borrowed<T> &of) const noexcept { return std::hash<T *>()(of.get()); }
};

#endif // RCGC_CPP_REF_HPP
