// The interface of a module that uses what the headers have inline, and hands it on.
module;
#include <rcgc.h>
export module host;

export using ::rc_decref;
export using ::rc_incref;
export using ::rc_newref;

export struct Node {
  Node *next;
};
export inline const rc_field node_fields[] = {RC_FIELD(Node, next), RC_FIELD_TAGGED(Node, next, 1, 1, ~7ull)};

export template <class T> class Held {
 public:
  explicit Held(T *object) : object_(object) {}
  Held(const Held &other) : object_(other.object_) { rc_xincref(object_); }
  Held &operator=(const Held &) = delete;
  ~Held() { rc_xdecref(object_); }
  T *operator->() const { return object_; }
  T *get() const { return object_; }

 private:
  T *object_;
};

export inline int in_scopes(gc_heap *heap) {
  RC_SCOPE(heap);
  GC_SCOPE_CLEAN(heap, "module");
  return 0;
}

export inline void *made(rc_type *type) { return RC_NEW(type); }

export inline rc_type *type_of_nodes(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Node";
  spec.size = sizeof(Node);
  spec.fields = node_fields;
  spec.field_count = 1;
  rc_type *type = nullptr;
  return rc_type_new(heap, &spec, &type) == RC_OK ? type : nullptr;
}
