// rcgc/cpp/trace.hpp: where the references of any member are. Part of rcgc.hpp, which has the manual.
//
// `slot<M>` says whether the engine can look at a member by itself. For every other one `tracer<M>` does: `visit` reports
// each reference once, `clear` releases and nulls the same ones. What a tracer is for has `holds` true. A container of the
// host's own is taught by a specialisation:
//
//   template <class T> struct rcgc::tracer<Pool<T>> {
//     static constexpr bool holds = rcgc::holds_references<T>;
//     static int visit(const Pool<T> &pool, rcgc::visitor &see) noexcept { ...see(item)... }
//     static void clear(Pool<T> &pool) noexcept { ... }
//   };
#ifndef RCGC_CPP_TRACE_HPP
#define RCGC_CPP_TRACE_HPP

#include <rcgc/cpp/ref.hpp>
#include <rcgc/cpp/weak.hpp>

#include <array>
#include <iterator>
#include <memory>
#include <optional>
#include <tuple>
#include <variant>

#include <rcgc/foreign.h>

namespace rcgc {

namespace detail {

/// The slot that a member is to the engine; `count` 0: none.
template <class M> struct slot {
  static constexpr std::uint32_t kind = 0, place = 0;
  static constexpr std::size_t count = 0;
};
template <std::uint32_t Kind> struct one_slot {
  static constexpr std::uint32_t kind = Kind, place = RC_PLACE_ONE;
  static constexpr std::size_t count = 1;
};
template <class T> struct slot<ref<T>> : one_slot<RC_SLOT_POINTER> {};
template <class K, class V> struct slot<weak_map<K, V>> : one_slot<RC_SLOT_POINTER> {};
template <class T> struct slot<weak<T>> : one_slot<RC_SLOT_WEAK> {};
template <class M> struct slot<const M> : slot<M> {};
template <class M, std::size_t Length> struct array_slot {
  static constexpr std::uint32_t kind = slot<M>::kind, place = RC_PLACE_ARRAY;
  // The engine knows no arrays of weak handles.
  static constexpr std::size_t count = slot<M>::kind == RC_SLOT_POINTER && slot<M>::place == RC_PLACE_ONE ? Length : 0;
};
template <class M, std::size_t Length> struct slot<M[Length]> : array_slot<M, Length> {};
template <class M, std::size_t Length> struct slot<std::array<M, Length>> : array_slot<M, Length> {};

/// Whether RCGC_FIELDS was said for T itself; a class finds its base's by lookup.
template <class T, class = void> struct has_fields : std::false_type {};
template <class T>
struct has_fields<T, std::void_t<decltype(rcgc_fields_of(static_cast<const T *>(nullptr)))>>
    : std::is_same<typename decltype(rcgc_fields_of(static_cast<const T *>(nullptr)))::holder, T> {};

} // namespace detail

/// What a tracer reports references to.
class visitor {
public:
  visitor(rc_visit_fn visit, void *ctx, const char *name, gc_heap *heap) noexcept
      : visit_(visit), ctx_(ctx), name_(name), heap_(heap) {}
  /// What is not 0 the tracer returns at once.
  template <class T> int operator()(const ref<T> &reference) noexcept {
    if (!reference) return 0;
    return rc_visit_named(visit_, ctx_, detail::plain(reference.get()), name_, index_++);
  }
  template <class K, class V> int operator()(const weak_map<K, V> &map) noexcept {
    return map ? rc_visit_named(visit_, ctx_, map.native(), name_, index_++) : 0;
  }
  /// A foreign object (rcgc/foreign.h); one that is not tracked is nobody's concern.
  template <class T> int foreign(T *object) noexcept {
    if (!object || !gc_is_tracked_foreign(heap_, detail::plain(object))) return 0;
    return rc_visit_named(visit_, ctx_, detail::plain(object), name_, index_++);
  }

private:
  rc_visit_fn visit_;
  void *ctx_;
  const char *name_;
  gc_heap *heap_;
  std::size_t index_ = 0;
};

template <class M, class = void> struct tracer {
  static constexpr bool holds = false;
};

/// Whether a member of this type may hold references.
template <class M> inline constexpr bool holds_references = tracer<std::remove_cv_t<M>>::holds;

template <class T> struct tracer<ref<T>> {
  static constexpr bool holds = true;
  static int visit(const ref<T> &member, visitor &see) noexcept { return see(member); }
  static void clear(ref<T> &member) noexcept { member.reset(); }
};

template <class K, class V> struct tracer<weak_map<K, V>> {
  static constexpr bool holds = true;
  static int visit(const weak_map<K, V> &member, visitor &see) noexcept { return see(member); }
  static void clear(weak_map<K, V> &member) noexcept { member = weak_map<K, V>(); }
};

/// Specialised for smart pointers to classes with counts of their own (rcgc/cpp/foreign.hpp).
template <class P> struct counted_pointer {
  static constexpr bool is = false;
};
template <class T> struct counted_pointer_to {
  static constexpr bool is = true;
};

template <class P> struct tracer<P, std::enable_if_t<counted_pointer<P>::is>> {
  static constexpr bool holds = true;
  static int visit(const P &member, visitor &see) noexcept { return see.foreign(member.get()); }
  static void clear(P &member) noexcept {
    P old{};
    using std::swap;
    swap(old, member);
  }
};

namespace detail {

template <class M> int visit_member(const M &member, visitor &see) noexcept {
  if constexpr (holds_references<M>) return tracer<M>::visit(member, see);
  else return 0;
}

template <class M> void clear_member(M &member) noexcept {
  if constexpr (holds_references<M>) tracer<M>::clear(member);
}

template <class M> using element_of = std::remove_cv_t<std::remove_reference_t<decltype(*std::begin(std::declval<M &>()))>>;

template <class M, class = void> struct is_container : std::false_type {};
template <class M>
struct is_container<M, std::void_t<element_of<const M>, decltype(std::end(std::declval<const M &>())),
                                   decltype(std::declval<M &>().clear())>>
    : std::bool_constant<!std::is_same_v<element_of<const M>, M>> {};

/// What is emptied goes only when the container is seen empty: what its end runs may look into the container.
template <class M> void empty(M &container) noexcept {
  if constexpr (std::is_nothrow_default_constructible_v<M> && std::is_nothrow_swappable_v<M>) {
    M old{};
    using std::swap;
    swap(old, container);
  } else {
    container.clear();
  }
}

} // namespace detail

// Containers: vector, deque, list, sets and maps, ordered or not, and all that look like them.
template <class M> struct tracer<M, std::enable_if_t<detail::is_container<M>::value>> {
  static constexpr bool holds = holds_references<detail::element_of<const M>>;
  static int visit(const M &container, visitor &see) noexcept {
    for (const auto &element : container)
      if (int stop = detail::visit_member(element, see)) return stop;
    return 0;
  }
  static void clear(M &container) noexcept { detail::empty(container); }
};

template <class M, std::size_t Length> struct tracer<M[Length]> {
  static constexpr bool holds = holds_references<M>;
  static int visit(const M (&members)[Length], visitor &see) noexcept {
    for (const M &member : members)
      if (int stop = detail::visit_member(member, see)) return stop;
    return 0;
  }
  static void clear(M (&members)[Length]) noexcept {
    for (M &member : members) detail::clear_member(member);
  }
};

template <class M, std::size_t Length> struct tracer<std::array<M, Length>> {
  static constexpr bool holds = holds_references<M>;
  static int visit(const std::array<M, Length> &members, visitor &see) noexcept {
    for (const M &member : members)
      if (int stop = detail::visit_member(member, see)) return stop;
    return 0;
  }
  static void clear(std::array<M, Length> &members) noexcept {
    for (M &member : members) detail::clear_member(member);
  }
};

template <class M> struct tracer<std::optional<M>> {
  static constexpr bool holds = holds_references<M>;
  static int visit(const std::optional<M> &member, visitor &see) noexcept {
    return member ? detail::visit_member(*member, see) : 0;
  }
  static void clear(std::optional<M> &member) noexcept {
    if (member) detail::clear_member(*member);
  }
};

template <class M, class D> struct tracer<std::unique_ptr<M, D>> {
  static constexpr bool holds = holds_references<M>;
  static int visit(const std::unique_ptr<M, D> &member, visitor &see) noexcept {
    return member ? detail::visit_member(*member, see) : 0;
  }
  static void clear(std::unique_ptr<M, D> &member) noexcept { member.reset(); }
};

template <class... M> struct tracer<std::variant<M...>> {
  static constexpr bool holds = (holds_references<M> || ...);
  static int visit(const std::variant<M...> &member, visitor &see) noexcept {
    if (member.valueless_by_exception()) return 0;
    return std::visit([&see](const auto &held) noexcept { return detail::visit_member(held, see); }, member);
  }
  static void clear(std::variant<M...> &member) noexcept {
    if (member.valueless_by_exception()) return;
    std::visit([](auto &held) noexcept { detail::clear_member(held); }, member);
  }
};

template <class... M> struct tracer<std::tuple<M...>> {
  static constexpr bool holds = (holds_references<M> || ...);
  static int visit(const std::tuple<M...> &members, visitor &see) noexcept {
    int stop = 0;
    std::apply(
        [&](const auto &...member) noexcept { (void)((stop = detail::visit_member(member, see), stop == 0) && ...); },
        members);
    return stop;
  }
  static void clear(std::tuple<M...> &members) noexcept {
    std::apply([](auto &...member) noexcept { (detail::clear_member(member), ...); }, members);
  }
};

template <class A, class B> struct tracer<std::pair<A, B>> {
  static constexpr bool holds = holds_references<A> || holds_references<B>;
  static int visit(const std::pair<A, B> &member, visitor &see) noexcept {
    int stop = detail::visit_member(member.first, see);
    return stop ? stop : detail::visit_member(member.second, see);
  }
  static void clear(std::pair<A, B> &member) noexcept {
    detail::clear_member(const_cast<std::remove_const_t<A> &>(member.first));
    detail::clear_member(member.second);
  }
};

// A struct inside another, with fields of its own.
template <class T> struct tracer<T, std::enable_if_t<detail::has_fields<T>::value && !detail::is_container<T>::value>> {
  static constexpr bool holds = true;
  static int visit(const T &part, visitor &see) noexcept {
    int stop = 0;
    rcgc_fields_of(static_cast<const T *>(nullptr)).each([&](const auto &field) noexcept {
      if (stop == 0) stop = detail::visit_member(part.*field.member, see);
    });
    return stop;
  }
  static void clear(T &part) noexcept {
    rcgc_fields_of(static_cast<const T *>(nullptr)).each([&](const auto &field) noexcept {
      detail::clear_member(part.*field.member);
    });
  }
};

} // namespace rcgc

#endif // RCGC_CPP_TRACE_HPP
