// rcgc/cpp/fields.hpp: RCGC_FIELDS and its kin, which name the members that may hold references. Part of rcgc.hpp, which has
// the manual.
//
//   RCGC_FIELDS(T, a, b...)                  after the struct, in its namespace
//   RCGC_FIELDS_INSIDE(T, a, b...)           inside a class, also of a template; for members that are not public
//   RCGC_FIELDS_ONLY(T, a, b...)             as RCGC_FIELDS, and the destructor has nothing else to do: it is not run
//   RCGC_DERIVED_FIELDS(T, Base, a, b...)    those of a base, and more
//   RCGC_DERIVED(T, Base)                    those of a base
//   RCGC_LEAF(T)                             none: objects of T are never looked at
//
// Up to 40 members. They make a function `rcgc_fields_of(const T *)`, which is found by argument-dependent lookup.
#ifndef RCGC_CPP_FIELDS_HPP
#define RCGC_CPP_FIELDS_HPP

#include <rcgc/cpp/trace.hpp>

namespace rcgc {
namespace detail {

template <class T, class M> struct field {
  using member_type = M;
  const char *name;
  M T::*member;
};

template <class T, class Base, class M> constexpr field<T, M> field_of(const char *name, M Base::*member) noexcept {
  return {name, static_cast<M T::*>(member)};
}

/// The name of a type, its fields, and whether its destructor has nothing else to do.
template <class T, bool Only, class... M> struct fields {
  using holder = T;
  static constexpr bool only = Only;
  /// Words that are references, of those members that the engine looks at by itself.
  static constexpr std::size_t declared = (std::size_t{0} + ... + (slot<M>::count ? 1 : 0));
  static constexpr std::size_t words = (std::size_t{0} + ... + (std::is_array_v<M> ? slot<M>::count : slot<M>::count ? 1 : 0));
  static constexpr bool arrays = ((slot<M>::place == RC_PLACE_ARRAY) || ...);
  static constexpr bool traversed = ((slot<M>::count == 0 && holds_references<M>) || ...);
  static_assert(((slot<M>::count != 0 || holds_references<M>) && ...),
                "rcgc: a member is named that cannot hold references: leave it out, or write a rcgc::tracer for its type");

  const char *name;
  std::tuple<field<T, M>...> all;

  template <class F> constexpr void each(F &&see) const noexcept {
    std::apply([&](const auto &...one) noexcept { (see(one), ...); }, all);
  }
};

template <class T, bool Only, class... M>
constexpr fields<T, Only, M...> make_fields(const char *name, field<T, M>... all) noexcept {
  return {name, {all...}};
}

/// Base's fields as T's, and more.
template <class T, class Base, bool Only, class... B, class... M>
constexpr fields<T, false, B..., M...> add_fields(const char *name, const fields<Base, Only, B...> &base,
                                                  field<T, M>... more) noexcept {
  return {name, std::tuple_cat(std::apply([](const auto &...one) noexcept {
                                 return std::tuple<field<T, B>...>{field<T, B>{one.name, static_cast<B T::*>(one.member)}...};
                               }, base.all),
                               std::tuple<field<T, M>...>{more...})};
}

} // namespace detail
} // namespace rcgc

#define RCGC_FIELDS(T, ...)                                                                  \
  [[maybe_unused]] constexpr auto rcgc_fields_of(const T *) noexcept {                       \
    using rcgc_holder = T;                                                                   \
    return ::rcgc::detail::make_fields<T, false>(#T, RCGC_EACH_FIELD(__VA_ARGS__));          \
  }

#define RCGC_FIELDS_ONLY(T, ...)                                                             \
  [[maybe_unused]] constexpr auto rcgc_fields_of(const T *) noexcept {                       \
    using rcgc_holder = T;                                                                   \
    return ::rcgc::detail::make_fields<T, true>(#T, RCGC_EACH_FIELD(__VA_ARGS__));           \
  }

#define RCGC_FIELDS_INSIDE(T, ...)                                                           \
  [[maybe_unused]] friend constexpr auto rcgc_fields_of(const T *) noexcept {                \
    using rcgc_holder = T;                                                                   \
    return ::rcgc::detail::make_fields<T, false>(#T, RCGC_EACH_FIELD(__VA_ARGS__));          \
  }

#define RCGC_DERIVED_FIELDS(T, Base, ...)                                                    \
  [[maybe_unused]] constexpr auto rcgc_fields_of(const T *) noexcept {                       \
    using rcgc_holder = T;                                                                   \
    return ::rcgc::detail::add_fields<T>(#T, rcgc_fields_of(static_cast<const Base *>(nullptr)), \
                                         RCGC_EACH_FIELD(__VA_ARGS__));                      \
  }

#define RCGC_DERIVED(T, Base)                                                                \
  [[maybe_unused]] constexpr auto rcgc_fields_of(const T *) noexcept {                       \
    return ::rcgc::detail::add_fields<T>(#T, rcgc_fields_of(static_cast<const Base *>(nullptr))); \
  }

#define RCGC_LEAF(T)                                                                         \
  [[maybe_unused]] constexpr auto rcgc_fields_of(const T *) noexcept {                       \
    return ::rcgc::detail::make_fields<T, false>(#T);                                        \
  }

#define RCGC_ONE_FIELD(member) ::rcgc::detail::field_of<rcgc_holder>(#member, &rcgc_holder::member)
#define RCGC_EACH_FIELD(...) RCGC_EACH_CHOSEN(__VA_ARGS__, \
  RCGC_EACH_40, RCGC_EACH_39, RCGC_EACH_38, RCGC_EACH_37, RCGC_EACH_36, \
  RCGC_EACH_35, RCGC_EACH_34, RCGC_EACH_33, RCGC_EACH_32, RCGC_EACH_31, \
  RCGC_EACH_30, RCGC_EACH_29, RCGC_EACH_28, RCGC_EACH_27, RCGC_EACH_26, \
  RCGC_EACH_25, RCGC_EACH_24, RCGC_EACH_23, RCGC_EACH_22, RCGC_EACH_21, \
  RCGC_EACH_20, RCGC_EACH_19, RCGC_EACH_18, RCGC_EACH_17, RCGC_EACH_16, \
  RCGC_EACH_15, RCGC_EACH_14, RCGC_EACH_13, RCGC_EACH_12, RCGC_EACH_11, \
  RCGC_EACH_10, RCGC_EACH_9, RCGC_EACH_8, RCGC_EACH_7, RCGC_EACH_6, \
  RCGC_EACH_5, RCGC_EACH_4, RCGC_EACH_3, RCGC_EACH_2, RCGC_EACH_1, 0)(__VA_ARGS__)

#define RCGC_EACH_CHOSEN(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, \
  a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, a33, a34, a35, a36, a37, a38, a39, a40, chosen, ...) \
  chosen

#define RCGC_EACH_1(a) RCGC_ONE_FIELD(a)
#define RCGC_EACH_2(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_1(__VA_ARGS__)
#define RCGC_EACH_3(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_2(__VA_ARGS__)
#define RCGC_EACH_4(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_3(__VA_ARGS__)
#define RCGC_EACH_5(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_4(__VA_ARGS__)
#define RCGC_EACH_6(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_5(__VA_ARGS__)
#define RCGC_EACH_7(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_6(__VA_ARGS__)
#define RCGC_EACH_8(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_7(__VA_ARGS__)
#define RCGC_EACH_9(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_8(__VA_ARGS__)
#define RCGC_EACH_10(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_9(__VA_ARGS__)
#define RCGC_EACH_11(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_10(__VA_ARGS__)
#define RCGC_EACH_12(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_11(__VA_ARGS__)
#define RCGC_EACH_13(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_12(__VA_ARGS__)
#define RCGC_EACH_14(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_13(__VA_ARGS__)
#define RCGC_EACH_15(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_14(__VA_ARGS__)
#define RCGC_EACH_16(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_15(__VA_ARGS__)
#define RCGC_EACH_17(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_16(__VA_ARGS__)
#define RCGC_EACH_18(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_17(__VA_ARGS__)
#define RCGC_EACH_19(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_18(__VA_ARGS__)
#define RCGC_EACH_20(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_19(__VA_ARGS__)
#define RCGC_EACH_21(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_20(__VA_ARGS__)
#define RCGC_EACH_22(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_21(__VA_ARGS__)
#define RCGC_EACH_23(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_22(__VA_ARGS__)
#define RCGC_EACH_24(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_23(__VA_ARGS__)
#define RCGC_EACH_25(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_24(__VA_ARGS__)
#define RCGC_EACH_26(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_25(__VA_ARGS__)
#define RCGC_EACH_27(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_26(__VA_ARGS__)
#define RCGC_EACH_28(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_27(__VA_ARGS__)
#define RCGC_EACH_29(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_28(__VA_ARGS__)
#define RCGC_EACH_30(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_29(__VA_ARGS__)
#define RCGC_EACH_31(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_30(__VA_ARGS__)
#define RCGC_EACH_32(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_31(__VA_ARGS__)
#define RCGC_EACH_33(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_32(__VA_ARGS__)
#define RCGC_EACH_34(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_33(__VA_ARGS__)
#define RCGC_EACH_35(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_34(__VA_ARGS__)
#define RCGC_EACH_36(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_35(__VA_ARGS__)
#define RCGC_EACH_37(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_36(__VA_ARGS__)
#define RCGC_EACH_38(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_37(__VA_ARGS__)
#define RCGC_EACH_39(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_38(__VA_ARGS__)
#define RCGC_EACH_40(a, ...) RCGC_ONE_FIELD(a), RCGC_EACH_39(__VA_ARGS__)

#endif // RCGC_CPP_FIELDS_HPP
