// The headers from C++17 and C++20: included, used, and the count operations called through them, with and
// without inlining. Prints "N passed, N failed" like the C tests.
#include <rcgc.h>
#include <rcgc.h> // twice is once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <vector>

namespace {

unsigned failures;

void check(bool holds, const char *text, int line) {
  if (holds) return;
  failures++;
  std::printf("%s:%d: failed: %s\n", __FILE__, line, text);
}

#define CHECK(condition) check((condition), #condition, __LINE__)

struct Node {
  Node *left, *right;
  long value;
};

struct Leaf {
  void *items[3];
  unsigned char tag;
  void *payload;
  std::uint64_t word;
};

static_assert(std::is_standard_layout_v<Node> && std::is_standard_layout_v<Leaf>);

const rc_field node_fields[] = {RC_FIELD(Node, left), RC_FIELD(Node, right)};
const rc_field leaf_fields[] = {
    RC_FIELD_ARRAY(Leaf, items),
    RC_FIELD_VARIANT(Leaf, payload, tag, 0x40, 0x40),
    RC_FIELD_TAGGED(Leaf, word, 7, 1, ~std::uint64_t{7}),
};

int destroyed;

template <std::size_t count>
rc_type *make_type(gc_heap *heap, const char *name, std::size_t size, const rc_field (&fields)[count]) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name;
  spec.size = size;
  spec.fields = fields;
  spec.field_count = RC_COUNT_OF(fields);
  spec.destroy = [](void *) { destroyed++; };
  rc_type *type = nullptr;
  CHECK(rc_type_new(heap, &spec, &type) == RC_OK);
  return type;
}

gc_heap *make_heap(const char *name) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = name;
  gc_heap *heap = nullptr;
  CHECK(gc_heap_new(&options, &heap) == RC_OK);
  return heap;
}

void rings_of_structs() {
  gc_heap *heap = make_heap("c++");
  rc_type *type = make_type(heap, "Node", sizeof(Node), node_fields);
  auto *a = static_cast<Node *>(rc_new(type)), *b = static_cast<Node *>(rc_new(type));
  destroyed = 0;
  rc_setref(&a->left, rc_newref(b));
  rc_setref(&b->left, rc_newref(a));
  CHECK(rc_count(a) == 2 && !rc_is_unique(a) && !rc_is_immortal(a));
  rc_decref(b);
  CHECK(gc_collect(heap) == 0);
  rc_decref(a);
  CHECK(gc_collect(heap) == 2 && destroyed == 2);
  CHECK(gc_heap_free(heap) == 0);
}

void every_field_macro() {
  gc_heap *heap = make_heap("fields");
  rc_type *type = make_type(heap, "Leaf", sizeof(Leaf), leaf_fields);
  auto *leaf = static_cast<Leaf *>(rc_new(type));
  destroyed = 0;
  leaf->items[2] = rc_newref(leaf);
  leaf->payload = rc_newref(leaf);
  leaf->tag = 0x41;
  leaf->word = reinterpret_cast<std::uint64_t>(rc_newref(leaf)) | 1;
  CHECK(rc_count(leaf) == 4);
  rc_decref(leaf);
  CHECK(gc_collect(heap) == 1 && destroyed == 1);
  CHECK(gc_heap_free(heap) == 0);
}

void initialisers_and_books() {
  gc_stats stats = GC_STATS_INIT;
  gc_policy policy = GC_POLICY_INIT;
  gc_heap *heap = make_heap(nullptr);
  CHECK(gc_get_stats(heap, &stats) == RC_OK && stats.live_objects == 0);
  CHECK(gc_get_policy(heap, &policy) == RC_OK && policy.mode == GC_POLICY_ALLOCATION);
  policy.mode = GC_POLICY_NEVER;
  CHECK(gc_set_policy(heap, &policy) == RC_OK);
  CHECK(std::strcmp(gc_version(), RCGC_VERSION) == 0 && gc_abi_tag() == RCGC_ABI_TAG);
  CHECK(gc_heap_free(heap) == 0);
}

// Objects held in containers of the standard library are held from outside.
void held_in_a_vector() {
  gc_heap *heap = make_heap("vector");
  rc_type *type = make_type(heap, "Node", sizeof(Node), node_fields);
  std::vector<Node *> nodes;
  for (long i = 0; i < 1000; i++) {
    auto *node = static_cast<Node *>(rc_new(type));
    node->value = i;
    if (!nodes.empty()) node->right = static_cast<Node *>(rc_newref(nodes.back()));
    nodes.push_back(node);
  }
  CHECK(gc_collect(heap) == 0);
  for (Node *node : nodes) CHECK(node->value == (node->right ? node->right->value + 1 : 0));
  destroyed = 0;
  for (Node *node : nodes) rc_decref(node);
  CHECK(destroyed == 1000);
  CHECK(gc_heap_free(heap) == 0);
}

template <class T> T *made_here(rc_type *type) {
  return static_cast<T *>(RC_NEW(type));
}

// Sites in templates and lambdas, and a scope that must leave nothing behind.
void sites() {
  gc_heap *heap = make_heap("sites");
  rc_type *type = make_type(heap, "Node", sizeof(Node), node_fields);
  CHECK(gc_profile_start(heap, nullptr) == RC_OK);
  auto make = [&] { return made_here<Node>(type); };
  {
    GC_SCOPE_CLEAN(heap, "block");
    Node *node = make();
    auto *other = static_cast<Node *>(RC_NEW(type));
    gc_origin origin = GC_ORIGIN_INIT;
    CHECK(gc_object_site(node, &origin) == RC_OK && std::strcmp(origin.function, "made_here") == 0);
    CHECK(gc_object_site(other, &origin) == RC_OK && std::strcmp(origin.function, "sites") == 0);
    rc_decref(node);
    rc_decref(other);
  }
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  CHECK(gc_profile_get(heap, &stats) == RC_OK && stats.scope_violations == 0 && stats.serial == 2);
  CHECK(gc_heap_free(heap) == 0);
}

void thrown_through(gc_heap *heap, rc_type *type) {
  RC_SCOPE(heap);
  (void)rc_scope_keep(heap, rc_new(type));
  throw 7;
}

// Scopes are left by exceptions, on the stack of the flow of control that entered them; results are handed on.
void scopes() {
  gc_heap *heap = make_heap("scopes");
  rc_type *type = make_type(heap, "Node", sizeof(Node), node_fields);
  destroyed = 0;
  rc_scope_stack *stack = nullptr;
  CHECK(rc_scope_stack_new(heap, &stack) == RC_OK);
  {
    RC_SCOPE_NAMED(heap, "around");
    CHECK(rc_scope_stack_switch(heap, stack) == nullptr);
    try {
      thrown_through(heap, type);
    } catch (int thrown) {
      CHECK(thrown == 7 && destroyed == 1);
    }
    rc_scope_mark mark = rc_scope_enter(heap);
    void *result = rc_scope_keep(heap, rc_new(type));
    CHECK(rc_scope_leave_with(heap, mark, result) == RC_OK);
    CHECK(rc_count(result) == 1 && destroyed == 1);
    rc_decref(result);
    CHECK(rc_scope_stack_switch(heap, nullptr) == stack);
  }
  CHECK(destroyed == 2 && rc_scope_stack_free(stack) == RC_OK);
  CHECK(gc_heap_free(heap) == 0);
}

RC_STATIC(Node, nothing) = {};
RC_STATIC(long, answer) = {42};

void static_constants() {
  gc_heap *heap = make_heap("statics");
  rc_type *type = make_type(heap, "Node", sizeof(Node), node_fields);
  void *const constants[] = {&nothing, &answer};
  for (void *constant : constants) {
    CHECK(rc_is_immortal(constant) && rc_type_of(constant) == nullptr);
    void *obj = rc_new(type);
    std::memcpy(obj, &constant, sizeof constant); // its first slot
    CHECK(gc_collect(heap) == 0);
    rc_decref(obj);
  }
  CHECK(rc_size_of(&answer) == sizeof(long) && answer == 42);
  CHECK(gc_heap_free(heap) == 0);
}

} // namespace

int main() {
  void (*const tests[])() = {rings_of_structs, every_field_macro, initialisers_and_books, held_in_a_vector,
                                       sites, scopes, static_constants};
  unsigned passed = 0, failed = 0;
  for (auto test : tests) {
    failures = 0;
    test();
    if (failures) failed++;
    else passed++;
  }
  std::printf("%u passed, %u failed\n", passed, failed);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
