/* GObjects as foreign objects: two that refer to each other by a property, one in a ring with an object of a heap; weak
 * pointers, toggle references and the objects' own dispose and finalize go on working. */
#include "../check.h"

#include <glib-object.h>

static gc_heap *heap;
static size_t disposed, finished;

/* ---- a class with one property, "other", and a reference to an object of the heap ---- */

typedef struct Widget {
  GObject parent;
  GObject *other;
  void *object;
} Widget;
typedef struct WidgetClass {
  GObjectClass parent;
} WidgetClass;

G_DEFINE_TYPE(Widget, widget, G_TYPE_OBJECT)

static void widget_drop(Widget *widget) {
  void *object = widget->object;
  widget->object = NULL;
  g_clear_object(&widget->other);
  if (object) rc_decref(object);
}

static void widget_set(GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  (void)id, (void)spec;
  g_set_object(&((Widget *)object)->other, (GObject *)g_value_get_object(value));
}

static void widget_dispose(GObject *object) {
  disposed++;
  widget_drop((Widget *)object);
  G_OBJECT_CLASS(widget_parent_class)->dispose(object);
}

static void widget_finalize(GObject *object) {
  finished++;
  if (gc_is_tracked_foreign(heap, object)) CHECK(gc_untrack_foreign(heap, object) == RC_OK);
  G_OBJECT_CLASS(widget_parent_class)->finalize(object);
}

static void widget_class_init(WidgetClass *class) {
  GObjectClass *object = G_OBJECT_CLASS(class);
  object->set_property = widget_set, object->dispose = widget_dispose, object->finalize = widget_finalize;
  g_object_class_install_property(object, 1, g_param_spec_object("other", NULL, NULL, G_TYPE_OBJECT, G_PARAM_WRITABLE));
}

static void widget_init(Widget *widget) {
  (void)widget;
}

/* ---- what the heap is told of it ---- */

static size_t count(void *obj, void *ctx) {
  (void)ctx;
  return (size_t)g_atomic_int_get((gint *)&((GObject *)obj)->ref_count);
}

static int traverse(void *obj, rc_visit_fn visit, void *visit_ctx, void *ctx) {
  Widget *widget = (Widget *)obj;
  (void)ctx;
  int stop = widget->other ? rc_visit_named(visit, visit_ctx, widget->other, "other", RC_NO_INDEX) : 0;
  return stop || !widget->object ? stop : visit(widget->object, visit_ctx);
}

static void unlink_one(void *obj, void *ctx) {
  (void)ctx;
  widget_drop((Widget *)obj);
}

static void hold(void *obj, void *ctx) {
  (void)ctx;
  g_object_ref(obj);
}

static void release(void *obj, void *ctx) {
  (void)ctx;
  g_object_unref(obj);
}

static const gc_foreign_spec spec = {sizeof(gc_foreign_spec), count, traverse, unlink_one, hold, release, NULL};

static Widget *widget_new(void) {
  Widget *widget = (Widget *)g_object_new(widget_get_type(), NULL);
  REQUIRE(gc_track_foreign(heap, widget, &spec) == RC_OK);
  return widget;
}

/* An object of the heap that owns a GObject. */
typedef struct Wrapper {
  GObject *inside;
} Wrapper;

static int wrapper_traverse(void *obj, rc_visit_fn visit, void *ctx) {
  return visit(((Wrapper *)obj)->inside, ctx);
}

static void wrapper_clear(void *obj) {
  g_clear_object(&((Wrapper *)obj)->inside);
}

static rc_type *begin(void) {
  rc_type *type;
  rc_type_spec of = RC_TYPE_SPEC_INIT;
  of.name = "Wrapper", of.size = sizeof(Wrapper), of.traverse = wrapper_traverse, of.clear = wrapper_clear;
  of.flags = RC_TYPE_TRACK_ON_NEW;
  REQUIRE(gc_heap_new(NULL, &heap) == RC_OK && rc_type_new(heap, &of, &type) == RC_OK);
  return type;
}

static void two_that_refer_to_each_other(void) {
  begin();
  Widget *one = widget_new(), *two = widget_new(), *weak = one;
  g_object_add_weak_pointer(G_OBJECT(one), (gpointer *)&weak);
  g_object_set(one, "other", two, NULL);
  g_object_set(two, "other", one, NULL);
  g_object_unref(two);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK(weak == one);
  g_object_unref(one);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK_EQ(finished, 2);
  CHECK_EQ(disposed, 2);
  CHECK(weak == NULL);
  CHECK_EQ(gc_foreign_count(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void one_and_an_object_of_the_heap(void) {
  rc_type *type = begin();
  for (int i = 0; i < 1000; i++) {
    Widget *widget = widget_new();
    Wrapper *wrapper = (Wrapper *)rc_new(type);
    widget->object = wrapper;
    wrapper->inside = G_OBJECT(widget);
  }
  gc_collect(heap);
  CHECK_EQ(finished, 1000);
  CHECK_EQ(rc_type_live(type), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static int toggled;

static void on_toggle(gpointer data, GObject *object, gboolean is_last) {
  (void)data, (void)object;
  toggled += is_last ? 1 : 100;
}

static void toggle_references(void) {
  begin();
  Widget *one = widget_new();
  g_object_set(one, "other", one, NULL);
  g_object_add_toggle_ref(G_OBJECT(one), on_toggle, NULL);
  g_object_unref(one);
  CHECK_EQ(gc_collect(heap), 0); /* the toggle reference holds it */
  CHECK_EQ(finished, 0);
  g_object_ref(one);
  g_object_set(one, "other", NULL, NULL);
  g_object_unref(one);
  CHECK_EQ(toggled, 1);
  g_object_set(one, "other", one, NULL);
  CHECK_EQ(toggled, 101);
  g_object_remove_toggle_ref(G_OBJECT(one), on_toggle, NULL);
  CHECK_EQ(gc_collect(heap), 1);
  CHECK_EQ(finished, 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(two_that_refer_to_each_other),
    CHECK_TEST(one_and_an_object_of_the_heap),
    CHECK_TEST(toggle_references),
};

CHECK_MAIN(tests)
