// rcgc/cpp/format.hpp: errors and references as std::format prints them, where there is one. Part of rcgc.hpp.
//
//   std::format("{}", error)     RC_ERR_LIMIT: the process has as many types as it can
//   std::format("{}", node)      Node 0x7f0012345678, or null
#ifndef RCGC_CPP_FORMAT_HPP
#define RCGC_CPP_FORMAT_HPP

#include <rcgc/cpp/heap.hpp>

#if __cplusplus >= 202002L && __has_include(<version>)
#include <version>
#endif

#if defined(__cpp_lib_format)
#include <format>

namespace rcgc::detail {
template <class T> std::string described(const T *target) {
  if (!target) return "null";
  rc_type *type = rc_type_of(plain(target));
  return std::format("{} {}", type ? rc_type_name(type) : "constant", static_cast<const void *>(target));
}
} // namespace rcgc::detail

template <> struct std::formatter<rcgc::error> : std::formatter<std::string_view> {
  auto format(const rcgc::error &error, std::format_context &out) const {
    return std::formatter<std::string_view>::format(error.what(), out);
  }
};

template <class T> struct std::formatter<rcgc::ref<T>> : std::formatter<std::string_view> {
  auto format(const rcgc::ref<T> &reference, std::format_context &out) const {
    return std::formatter<std::string_view>::format(rcgc::detail::described(reference.get()), out);
  }
};

template <class T> struct std::formatter<rcgc::borrowed<T>> : std::formatter<std::string_view> {
  auto format(const rcgc::borrowed<T> &reference, std::format_context &out) const {
    return std::formatter<std::string_view>::format(rcgc::detail::described(reference.get()), out);
  }
};
#endif

#endif // RCGC_CPP_FORMAT_HPP
