// rcgc/cpp/foreign.hpp: classes that have a count of their own (boost::intrusive_ptr and the like) in rings, as foreign objects.
// Part of rcgc.hpp, which has the manual; rcgc/foreign.h says what a collection does with them.
//
//   template <class T> struct rcgc::counted_pointer<boost::intrusive_ptr<T>> : rcgc::counted_pointer_to<T> {};  // first
//
//   struct Widget { long uses = 0; boost::intrusive_ptr<Widget> next; rcgc::ref<Node> node; ... };
//   RCGC_FIELDS(Widget, next, node)
//
//   template <> struct rcgc::counts<Widget> {                                  // how its owner counts
//     static std::size_t count(const Widget &one) noexcept { return std::size_t(one.uses); }
//     static void hold(Widget &one) noexcept { intrusive_ptr_add_ref(&one); }
//     static void release(Widget &one) noexcept { intrusive_ptr_release(&one); }
//   };
//
//   rcgc::counted_class<Widget> widgets(heap);                                 // outlives what it tracks
//   widgets.track(*widget);                                                    // after it was made
//   widgets.untrack(*this);                                                    // first in ~Widget
//
// A pointer to a Widget must have the address that `track` was given: no pointers to bases that lie elsewhere.
#ifndef RCGC_CPP_FOREIGN_HPP
#define RCGC_CPP_FOREIGN_HPP

#include <rcgc/cpp/heap.hpp>
#include <rcgc/foreign.h>

namespace rcgc {

/// How a class with a count of its own counts: `count`, `hold`, `release`, all static and noexcept. Specialised by its owner.
template <class T> struct counts;

/// Keeps the objects of such a class known to a heap. It owns none of them.
template <class T> class counted_class {
public:
  explicit counted_class(heap_view heap) noexcept
      : spec_{sizeof(gc_foreign_spec), &count, &traverse, &unlink, &hold, &release, heap.native()} {}
  counted_class(const counted_class &) = delete;
  counted_class &operator=(const counted_class &) = delete;

  /// From now on full collections look for rings that the object is in. May collect.
  void track(T &object) const {
    if (rc_status status = gc_track_foreign(native(), detail::plain(&object), &spec_); status != RC_OK)
      detail::fail(status, native());
  }
  /// What the destructor of T does first. An object that is not tracked is nothing.
  void untrack(T &object) const noexcept {
    if (is_tracked(object)) (void)gc_untrack_foreign(native(), detail::plain(&object));
  }
  [[nodiscard]] bool is_tracked(const T &object) const noexcept {
    return gc_is_tracked_foreign(native(), detail::plain(&object));
  }

private:
  gc_heap *native() const noexcept { return static_cast<gc_heap *>(spec_.ctx); }

  static std::size_t count(void *object, void *) noexcept { return counts<T>::count(*static_cast<const T *>(object)); }
  static void hold(void *object, void *) noexcept { counts<T>::hold(*static_cast<T *>(object)); }
  static void release(void *object, void *) noexcept { counts<T>::release(*static_cast<T *>(object)); }
  static int traverse(void *object, rc_visit_fn visit, void *visit_ctx, void *heap) noexcept {
    const T &one = *static_cast<const T *>(object);
    int stop = 0;
    rcgc_fields_of(static_cast<const T *>(nullptr)).each([&](const auto &field) noexcept {
      visitor see(visit, visit_ctx, field.name, static_cast<gc_heap *>(heap));
      if (stop == 0) stop = detail::visit_member(one.*field.member, see);
    });
    return stop;
  }
  static void unlink(void *object, void *) noexcept {
    T &one = *static_cast<T *>(object);
    rcgc_fields_of(static_cast<const T *>(nullptr)).each([&](const auto &field) noexcept {
      detail::clear_member(one.*field.member);
    });
  }

  gc_foreign_spec spec_;
};

} // namespace rcgc

#endif // RCGC_CPP_FOREIGN_HPP
