// rcgc/cpp/types.hpp: from a struct and its fields to an rc_type, and objects of it. Part of rcgc.hpp, which has the manual.
//
// A heap has a book: the types that it has, by number, each C++ type having one number in the process. The book is the `ctx`
// of each of its types. The default heap has a book too, and beside it each type has a slot of its own, so that
// `rcgc::make<T>` looks nothing up.
#ifndef RCGC_CPP_TYPES_HPP
#define RCGC_CPP_TYPES_HPP

#include <rcgc/cpp/fields.hpp>

#include <atomic>
#include <cstring>
#include <string_view>

namespace rcgc {

class heap_view;

namespace detail {

// ---- what an aggregate's direct members are ----

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif

/// Converts to any member; to any that is not a reference; to any that needs no destructor or is a reference.
struct any_member {
  template <class M> constexpr operator M() const noexcept;
};
struct any_but_slots {
  template <class M, std::enable_if_t<slot<M>::count == 0, int> = 0> constexpr operator M() const noexcept;
};
struct any_plain {
  template <class M, std::enable_if_t<std::is_trivially_destructible_v<M> || slot<M>::count != 0, int> = 0>
  constexpr operator M() const noexcept;
};

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

template <std::size_t, class One> using repeated = One;

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wmissing-braces"
#pragma clang diagnostic ignored "-Wundefined-inline"
#pragma clang diagnostic ignored "-Wundefined-func-template"
#elif defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wmissing-braces"
#pragma GCC diagnostic ignored "-Wconversion"
#endif

template <class T, class Last, class Before, class = void> struct takes : std::false_type {};
template <class T, class Last, std::size_t... Before>
struct takes<T, Last, std::index_sequence<Before...>,
             std::void_t<decltype(T{std::declval<repeated<Before, any_member>>()..., std::declval<Last>()})>>
    : std::true_type {};

#if defined(__clang__)
#pragma clang diagnostic pop
#elif defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

inline constexpr std::size_t members_max = 48;

struct members {
  std::size_t count = 0; // direct members, elements of arrays one by one
  std::size_t slots = 0; // those that are references
  bool plain = true;     // all the others need no destructor
};

template <class T, std::size_t At> constexpr void count_members(members &found) noexcept {
  using before = std::make_index_sequence<At>;
  if constexpr (At < members_max && takes<T, any_member, before>::value) {
    found.count++;
    found.slots += takes<T, any_but_slots, before>::value ? 0 : 1;
    found.plain = found.plain && takes<T, any_plain, before>::value;
    count_members<T, At + 1>(found);
  }
}

template <class T> constexpr members members_of() noexcept {
  members found;
  count_members<T, 0>(found);
  return found;
}

/// Whether a T that was just made ends without doing anything: then its destructor is the compiler's, or one that could
/// say no more than `constexpr`. GCC cannot tell where there are arrays of references.
template <class T, bool Arrays, class = void> struct ends_silently : std::false_type {};
#if __cplusplus >= 202002L
#if defined(__clang__)
inline constexpr bool tells_of_arrays = true;
#else
inline constexpr bool tells_of_arrays = false;
#endif
template <class T, bool Arrays>
struct ends_silently<T, Arrays,
                     std::enable_if_t<(tells_of_arrays || !Arrays) && (static_cast<void>(T{}), true)>> : std::true_type {};
#endif

// ---- what is known of a class ----

template <class T, class = void> struct finalizes : std::false_type {};
template <class T> struct finalizes<T, std::void_t<decltype(std::declval<T &>().rcgc_finalize())>> : std::true_type {};

template <class T> constexpr std::string_view name_of_type() noexcept {
  std::string_view text = __PRETTY_FUNCTION__;
  std::size_t begin = text.find("T = ");
  if (begin == text.npos) return "object";
  text.remove_prefix(begin + 4);
  return text.substr(0, text.find_first_of(";]"));
}

/// The fields of a class: those it was given, or none for what cannot hold references.
template <class T> constexpr auto fields_of() noexcept {
  if constexpr (has_fields<T>::value) {
    return rcgc_fields_of(static_cast<const T *>(nullptr));
  } else {
    static_assert(std::is_trivially_copyable_v<T> || has_fields<T>::value,
                  "rcgc: which members hold references is not known: RCGC_FIELDS(T, members...), or RCGC_LEAF(T) if none does "
                  "(a class does not get its base's by itself: RCGC_DERIVED)");
    return make_fields<T, false>(nullptr);
  }
}

struct book;

template <class T> struct known {
  static_assert(std::is_object_v<T> && !std::is_array_v<T> && std::is_same_v<T, std::remove_cv_t<T>>,
                "rcgc: an object is of a class or a simple type");
  static_assert(alignof(T) <= 16, "rcgc: objects are aligned to 16 bytes, which is less than this type asks for");
  static_assert(std::is_nothrow_destructible_v<T>, "rcgc: a destructor must not throw");

  using fields_type = decltype(fields_of<T>());
  static constexpr members direct = [] {
    if constexpr (std::is_aggregate_v<T>) return members_of<T>();
    else return members{};
  }();
  static constexpr bool counted = std::is_aggregate_v<T> && has_fields<T>::value && direct.count > 0 &&
                                  direct.count < members_max;
  static_assert(!counted || direct.slots <= fields_type::words || fields_type::traversed,
                "rcgc: RCGC_FIELDS leaves out a member that is a ref, weak or weak_map");
  static_assert(!counted || !fields_type::only || direct.plain,
                "rcgc: RCGC_FIELDS_ONLY promises that the destructor has nothing else to do, but a member has one");

  static constexpr bool traversed = fields_type::traversed;
  static constexpr bool destroyed =
      !std::is_trivially_destructible_v<T> && !fields_type::only &&
      !(counted && direct.plain && direct.slots == fields_type::words && !traversed && ends_silently<T, fields_type::arrays>::value);

  static int traverse(void *obj, rc_visit_fn visit, void *ctx, void *) noexcept;
  static void clear(void *obj, void *ctx) noexcept;
  static void finalize(void *obj, void *ctx) noexcept;
  static void destroy(void *obj, void *ctx) noexcept;
  static rc_type *make(book &of);
};

// ---- books ----

/// An object whose constructor has thrown: its memory is given back without callbacks.
struct abandoned {
  void *obj;
  abandoned *next;
};

/// A T's number in the process, and its type in the default heap.
struct type_number {
  std::atomic<std::size_t> number;
  rc_type *of_default;
  type_number *next;
};

inline std::size_t number_of(type_number &type) noexcept {
  static std::atomic<std::size_t> last{0};
  std::size_t number = type.number.load(std::memory_order_relaxed);
  if (number != 0) return number;
  std::size_t mine = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return type.number.compare_exchange_strong(number, mine, std::memory_order_relaxed) ? mine : number;
}

template <class T> inline type_number number_for{};

struct book {
  gc_heap *heap = nullptr;
  abandoned *gone = nullptr;
  rc_type **types = nullptr; // by number
  std::size_t length = 0;
  type_number *defaults = nullptr; // of the default heap: who has a slot to be emptied
  book *left = nullptr;            // of a heap of C's: the next one that its wrapper has left to it

  book() noexcept = default;
  book(const book &) = delete;
  book &operator=(const book &) = delete;
  ~book() { std::free(types); }

  /// Whether the object was abandoned; it is forgotten then.
  bool take_abandoned(void *obj) noexcept {
    for (abandoned **at = &gone; *at; at = &(*at)->next) {
      if ((*at)->obj != obj) continue;
      abandoned *found = *at;
      *at = found->next;
      delete found;
      return true;
    }
    return false;
  }
  bool is_abandoned(void *obj) const noexcept {
    for (const abandoned *at = gone; at; at = at->next)
      if (at->obj == obj) return true;
    return false;
  }

  template <class T> rc_type *type() {
    std::size_t number = number_for<T>.number.load(std::memory_order_relaxed);
    // Number 0 has no type.
    if (RCGC_LIKELY(number < length && types[number])) return types[number];
    return add<T>();
  }

  template <class T> rc_type *add() {
    std::size_t number = number_of(number_for<T>);
    if (number >= length) {
      std::size_t wanted = number + number / 2 + 8;
      void *grown = std::realloc(types, wanted * sizeof *types);
      if (!grown) out_of_memory();
      types = static_cast<rc_type **>(grown);
      for (std::size_t at = length; at < wanted; at++) types[at] = nullptr;
      length = wanted;
    }
    return types[number] = known<T>::make(*this);
  }
};

template <class T> int known<T>::traverse(void *obj, rc_visit_fn visit, void *ctx, void *of) noexcept {
  const T *object = static_cast<const T *>(obj);
  int stop = 0;
  fields_of<T>().each([&](const auto &field) noexcept {
    using M = typename std::decay_t<decltype(field)>::member_type;
    if constexpr (slot<M>::count == 0) {
      visitor see(visit, ctx, field.name, static_cast<book *>(of)->heap);
      if (stop == 0) stop = visit_member(object->*field.member, see);
    }
  });
  return stop;
}

template <class T> void known<T>::clear(void *obj, void *ctx) noexcept {
  book *of = static_cast<book *>(ctx);
  if (RCGC_UNLIKELY(of->gone) && of->is_abandoned(obj)) return;
  T *object = static_cast<T *>(obj);
  fields_of<T>().each([&](const auto &field) noexcept {
    using M = typename std::decay_t<decltype(field)>::member_type;
    if constexpr (slot<M>::count == 0) clear_member(object->*field.member);
  });
}

template <class T> void known<T>::finalize(void *obj, void *ctx) noexcept {
  book *of = static_cast<book *>(ctx);
  if (RCGC_UNLIKELY(of->gone) && of->is_abandoned(obj)) return;
  if constexpr (finalizes<T>::value) {
    static_assert(noexcept(std::declval<T &>().rcgc_finalize()), "rcgc: rcgc_finalize must be noexcept");
    static_cast<T *>(obj)->rcgc_finalize();
  }
}

template <class T> void known<T>::destroy(void *obj, void *ctx) noexcept {
  book *of = static_cast<book *>(ctx);
  if (RCGC_UNLIKELY(of->gone) && of->take_abandoned(obj)) return;
  static_cast<T *>(obj)->~T();
}

/// Where a member lies. What a pointer to a data member is, is part of the ABI that GCC and Clang share.
template <class M, class T> std::size_t offset_of(M T::*member) noexcept {
  std::ptrdiff_t offset;
  static_assert(sizeof member == sizeof offset);
  std::memcpy(&offset, &member, sizeof offset);
  return static_cast<std::size_t>(offset);
}

template <class T> rc_type *known<T>::make(book &of) {
  constexpr std::size_t room = fields_type::declared + 1;
  rc_field list[room] = {};
  std::size_t length = 0;
  fields_of<T>().each([&](const auto &field) noexcept {
    using M = typename std::decay_t<decltype(field)>::member_type;
    if constexpr (slot<M>::count != 0) {
      rc_field &one = list[length++];
      one.name = field.name;
      one.slot = slot<M>::kind;
      one.place = slot<M>::place;
      one.offset = offset_of(field.member);
      one.count = slot<M>::count;
      one.stride = sizeof(void *);
    }
  });
  constexpr std::string_view full = name_of_type<T>();
  char name[full.size() + 1] = {};
  full.copy(name, full.size());
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = fields_of<T>().name ? fields_of<T>().name : name;
  spec.size = sizeof(T);
  spec.flags = RC_TYPE_CTX;
  spec.ctx = &of;
  spec.fields = length ? list : nullptr;
  spec.field_count = length;
  if constexpr (traversed) {
    spec.traverse_ctx = &known::traverse;
    spec.clear_ctx = &known::clear;
  }
  if constexpr (finalizes<T>::value) spec.finalize_ctx = &known::finalize;
  if constexpr (destroyed) spec.destroy_ctx = &known::destroy;
  rc_type *type = nullptr;
  if (rc_status status = rc_type_new(of.heap, &spec, &type); status != RC_OK) fail(status, of.heap);
  return type;
}

// ---- objects ----

// Who gives an aggregate less than all of its members means it.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif

/// An aggregate is made from its members in braces, in every standard.
template <class T, class... A> constexpr bool parenthesised = !std::is_aggregate_v<T>;

template <class T, class... A> constexpr bool constructs_quietly() noexcept {
  if constexpr (parenthesised<T, A...>) return std::is_nothrow_constructible_v<T, A...>;
  else return noexcept(T{std::declval<A>()...});
}

template <class T, class... A>
T *construct(void *place, A &&...arguments) noexcept(constructs_quietly<T, A...>()) {
  if constexpr (parenthesised<T, A...>) return ::new (place) T(std::forward<A>(arguments)...);
  else return ::new (place) T{std::forward<A>(arguments)...};
}

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#if defined(__cpp_exceptions)
/// Gives the memory of an object back whose constructor has thrown. While that runs, nobody looks at the object.
template <class T> class construction {
public:
  construction(book &of, void *place) : book_(of), place_(place), gone_(new abandoned{place, nullptr}) {
    if constexpr (fields_type::declared != 0) (void)gc_untrack(place);
  }
  construction(const construction &) = delete;
  construction &operator=(const construction &) = delete;
  void done() noexcept {
    delete std::exchange(gone_, nullptr);
    if constexpr (fields_type::declared != 0 && !fields_type::traversed) (void)gc_track(place_);
  }
  ~construction() {
    if (!gone_) return;
    if (!rc_is_unique(place_)) stop("a constructor threw that had stored a reference to its object");
    std::memset(place_, 0, sizeof(T));
    if constexpr (known<T>::destroyed) {
      gone_->next = book_.gone;
      book_.gone = gone_;
    } else {
      delete gone_;
    }
    rc_decref(place_);
  }

private:
  using fields_type = typename known<T>::fields_type;
  book &book_;
  void *place_;
  abandoned *gone_;
};
#endif

template <class T, class... A> ref<T> fill(rc_type *type, void *place, A &&...arguments) noexcept(constructs_quietly<T, A...>()) {
  T *made;
#if defined(__cpp_exceptions)
  if constexpr (!constructs_quietly<T, A...>()) {
    // Not a reference yet: `place` would be lost where there is no memory to note that it is under construction.
    ref<void> held = ref<void>::adopt(place);
    construction<T> under(*static_cast<book *>(rc_type_ctx(type)), place);
    (void)held.leak();
    made = construct<T>(place, std::forward<A>(arguments)...);
    under.done();
  } else
#endif
  {
    made = construct<T>(place, std::forward<A>(arguments)...);
  }
  if constexpr (known<T>::traversed) (void)gc_track(place);
  (void)type;
  return ref<T>::adopt(made);
}

} // namespace detail

/// The type T of one heap, as long as the heap. Making objects by it costs what it costs in C.
template <class T> class type {
public:
  constexpr type() noexcept = default;

  /// Constructs an object. Collects when one is due.
  template <class... A> [[nodiscard]] ref<T> make(A &&...arguments) const {
    void *place = rc_new(type_);
    if (RCGC_UNLIKELY(!place)) detail::out_of_memory();
    return detail::fill<T>(type_, place, std::forward<A>(arguments)...);
  }
  /// The same; null when there is no memory.
  template <class... A> [[nodiscard]] ref<T> try_make(A &&...arguments) const {
    void *place = rc_new(type_);
    return place ? detail::fill<T>(type_, place, std::forward<A>(arguments)...) : nullptr;
  }
  [[nodiscard]] rc_type *native() const noexcept { return type_; }
  [[nodiscard]] std::uint64_t live() const noexcept { return rc_type_live(type_); }

private:
  friend class heap_view;
  constexpr explicit type(rc_type *native) noexcept : type_(native) {}

  rc_type *type_ = nullptr;
};

} // namespace rcgc

#endif // RCGC_CPP_TYPES_HPP
