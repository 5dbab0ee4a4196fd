/* instructions.c: fixed small programs whose instructions are counted under callgrind, one a run:
 *
 *     instructions OPERATION COUNT
 *
 * Only `measured_OPERATION` is counted (--toggle-collect). The loops over one object are compared with
 * `loop`, which does all the same but the operation. Everything is warm before: memory was used once, lazy
 * binding is done.
 */
#include "node.h"

#define MEASURED BENCH_NOINLINE static void

typedef struct Tail {
  uint64_t value;
  void *items[];
} Tail;

typedef struct Pair {
  uint32_t tag, spare;
  void *payload;
} Pair;

typedef struct Pairs {
  Pair first, second;
} Pairs;

typedef struct Vector {
  void **items;
  uint64_t length, value;
} Vector;

/* A type, and how many trailing elements its objects are made with. */
typedef struct Kind {
  rc_type *type;
  size_t length;
} Kind;

static const rc_field tagged_fields[] = {RC_FIELD_TAGGED(Node, left, 7, 0, ~(uint64_t)7),
                                         RC_FIELD_TAGGED(Node, right, 7, 0, ~(uint64_t)7)};
static const rc_field variant_fields[] = {RC_FIELD_VARIANT(Pairs, first.payload, first.tag, 0xff, 1),
                                          RC_FIELD_VARIANT(Pairs, second.payload, second.tag, 0xff, 1)};
static const rc_field vector_fields[] = {RC_FIELD_VECTOR(Vector, items, length)};
static const rc_field tail_fields[] = {RC_FIELD_TAIL(Tail, items)};

/* The kinds by the names of their operations: `kind_tagged`, `kind_string` ... */
static Kind kind_of(const char *name) {
  Kind kind = {NULL, 0};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name;
  spec.size = sizeof(Node);
  if (strcmp(name, "kind_tagged") == 0) {
    spec.fields = tagged_fields;
    spec.field_count = RC_COUNT_OF(tagged_fields);
  } else if (strcmp(name, "kind_variant") == 0) {
    spec.size = sizeof(Pairs);
    spec.fields = variant_fields;
    spec.field_count = RC_COUNT_OF(variant_fields);
  } else if (strcmp(name, "kind_vector") == 0) {
    spec.size = sizeof(Vector);
    spec.fields = vector_fields;
    spec.field_count = RC_COUNT_OF(vector_fields);
  } else if (strcmp(name, "kind_string") == 0 || strcmp(name, "kind_text") == 0) {
    if (strcmp(name, "kind_text") == 0) spec.flags = RC_TYPE_HOST_LENGTH | RC_TYPE_UNINIT;
    spec.size = 0;
    spec.tail_size = 1;
    kind.length = 20;
  } else if (strcmp(name, "kind_tail") == 0) {
    spec.size = sizeof(Tail);
    spec.tail_size = sizeof(void *);
    spec.fields = tail_fields;
    spec.field_count = RC_COUNT_OF(tail_fields);
    kind.length = 4;
  } else if (strcmp(name, "kind_clear") == 0) {
    spec.clear = node_destroy;
    spec.flags = RC_TYPE_ACYCLIC;
  } else if (strcmp(name, "kind_destroy") == 0) {
    spec.destroy = node_destroy;
  } else {
    bench_fail("no kind is called %s", name);
  }
  if (rc_type_new(bench_heap, &spec, &kind.type) != RC_OK) bench_fail("rc_type_new: %s", gc_error_message(bench_heap));
  return kind;
}

MEASURED measured_loop(void *obj, size_t count) {
  for (size_t i = 0; i < count; i++) {
    void *handle = obj;
    BENCH_OPAQUE(handle);
    BENCH_BARRIER();
  }
}

MEASURED measured_incref(void *obj, size_t count) {
  for (size_t i = 0; i < count; i++) {
    void *handle = obj;
    BENCH_OPAQUE(handle);
    rc_incref(handle);
    BENCH_BARRIER();
  }
}

MEASURED measured_decref(void *obj, size_t count) {
  for (size_t i = 0; i < count; i++) {
    void *handle = obj;
    BENCH_OPAQUE(handle);
    rc_decref(handle);
    BENCH_BARRIER();
  }
}

MEASURED measured_pair(void *obj, size_t count) {
  for (size_t i = 0; i < count; i++) {
    void *handle = obj;
    BENCH_OPAQUE(handle);
    rc_incref(handle);
    BENCH_BARRIER();
    rc_decref(handle);
    BENCH_BARRIER();
  }
}

/* One node made and released at once. */
MEASURED measured_new_release(void *obj, size_t count) {
  (void)obj;
  for (size_t i = 0; i < count; i++) {
    Node *node = node_new();
    BENCH_OPAQUE(node);
    node_release(node);
  }
}

/* The same for other kinds of types; with trailing elements by rc_new_array. */
MEASURED measured_kind(void *obj, size_t count) {
  const Kind *kind = obj;
  for (size_t i = 0; i < count; i++) {
    void *made = kind->length != 0 ? rc_new_array(kind->type, kind->length) : rc_new(kind->type);
    BENCH_OPAQUE(made);
    rc_decref(made);
  }
}

/* A scope, and one node kept in it. */
MEASURED measured_scope(void *obj, size_t count) {
  (void)obj;
  for (size_t i = 0; i < count; i++) {
    rc_scope_mark mark = rc_scope_enter(bench_heap);
    Node *node = rc_scope_keep(bench_heap, node_new());
    BENCH_OPAQUE(node);
    if (rc_scope_leave(bench_heap, mark) != RC_OK) bench_fail("a scope was not left");
  }
}

/* An array of references made longer by half, from 4 elements to 4,096, until `count` steps are done. */
MEASURED measured_resize(void *obj, size_t count) {
  const Kind *kind = obj;
  for (size_t done = 0; done < count;) {
    void *array = rc_new_array(kind->type, kind->length);
    for (size_t length = kind->length; length < 4096; length += length / 2, done++)
      if (rc_resize(&array, length + length / 2) != RC_OK) bench_fail("no memory for a longer array");
    rc_decref(array);
  }
}

/* `count` nodes made into a list, each the owner of the one before. */
MEASURED measured_new(void *obj, size_t count) {
  Node **list = obj;
  for (size_t i = 0; i < count; i++) {
    Node *node = node_new();
    node->left = *list;
    *list = node;
  }
}

/* `count` nodes released in the order of the table. */
MEASURED measured_release(void *obj, size_t count) {
  Node **table = obj;
  for (size_t i = 0; i < count; i++) node_release(table[i]);
}

/* `count` nodes made into a table, then released in order. */
MEASURED measured_new_order(void *obj, size_t count) {
  Node **table = obj;
  for (size_t i = 0; i < count; i++) table[i] = node_new();
  for (size_t i = 0; i < count; i++) node_release(table[i]);
}

/* A list or a tree dropped. */
MEASURED measured_drop(void *obj, size_t count) {
  Node **list = obj;
  (void)count;
  rc_clear(list);
}

MEASURED measured_collect(void *obj, size_t count) {
  size_t *ended = obj;
  (void)count;
  *ended = gc_collect(bench_heap);
}

BENCH_NOINLINE static void warm_up(Node *node, size_t count) {
  Node *list = NULL;
  rc_incref(node);
  rc_decref(node);
  for (size_t i = 0; i < count; i++) {
    Node *next = node_new();
    next->left = list;
    list = next;
  }
  rc_clear(&list);
}

/* A balanced tree of `count` nodes, children first. */
static Node *make_tree(size_t count) {
  if (count == 0) return NULL;
  Node *left = make_tree((count - 1) / 2), *right = make_tree(count - 1 - (count - 1) / 2);
  Node *node = node_new();
  node->left = left;
  node->right = right;
  return node;
}

static void make_rings(size_t count, size_t length) {
  for (size_t made = 0; made < count; made += length) {
    Node *first = node_new(), *last = first;
    for (size_t i = 1; i < length; i++) {
      last->left = node_new();
      last = last->left;
    }
    last->left = first;
  }
}

static void make_graph(size_t count) {
  Node **table = bench_table(count, sizeof *table);
  for (size_t i = 0; i < count; i++) table[i] = node_new();
  for (size_t i = 0; i < count; i++) {
    table[i]->left = rc_newref(table[bench_random_below(count)]);
    table[i]->right = rc_newref(table[bench_random_below(count)]);
  }
}

int main(int argc, char **argv) {
  if (argc != 3) bench_fail("usage: instructions OPERATION COUNT");
  const char *operation = argv[1];
  size_t count = (size_t)strtoul(argv[2], NULL, 10), ended = 0, expected = 0;
  Node *list = NULL;
  bench_open();
  gc_disable(bench_heap);
  Node *node = node_new();
  warm_up(node, count);
  if (strcmp(operation, "loop") == 0) {
    measured_loop(node, count);
  } else if (strcmp(operation, "incref") == 0) {
    measured_incref(node, count);
  } else if (strcmp(operation, "decref") == 0) {
    for (size_t i = 0; i < count; i++) rc_incref(node);
    measured_decref(node, count);
  } else if (strcmp(operation, "pair") == 0) {
    measured_pair(node, count);
  } else if (strcmp(operation, "pair_immortal") == 0) {
    rc_immortalize(node);
    measured_pair(node, count);
  } else if (strcmp(operation, "new_release") == 0) {
    measured_new_release(NULL, count);
  } else if (strncmp(operation, "kind_", 5) == 0) {
    Kind kind = kind_of(operation);
    measured_kind(&kind, 1);
    measured_kind(&kind, count);
  } else if (strcmp(operation, "scope") == 0) {
    measured_scope(NULL, 1);
    measured_scope(NULL, count);
  } else if (strcmp(operation, "resize") == 0) {
    Kind kind = kind_of("kind_tail");
    measured_resize(&kind, count);
  } else if (strcmp(operation, "new") == 0) {
    measured_new(&list, count);
  } else if (strcmp(operation, "new_order") == 0) {
    measured_new_order(bench_table(count, sizeof(Node *)), count);
  } else if (strcmp(operation, "random") == 0) {
    Node **table = bench_table(count, sizeof *table);
    for (size_t i = 0; i < count; i++) table[i] = node_new();
    bench_shuffle((void **)table, count);
    measured_release(table, count);
  } else if (strcmp(operation, "drop") == 0) {
    measured_new(&list, count);
    measured_drop(&list, count);
  } else if (strcmp(operation, "drop_tree") == 0) {
    list = make_tree(count);
    measured_drop(&list, count);
  } else if (strcmp(operation, "collect_rings_2") == 0 || strcmp(operation, "collect_rings_10") == 0) {
    make_rings(count, strcmp(operation, "collect_rings_2") == 0 ? 2 : 10);
    expected = count;
    measured_collect(&ended, count);
  } else if (strcmp(operation, "collect_live") == 0) {
    make_graph(count);
    measured_collect(&ended, count);
  } else {
    bench_fail("no operation is called %s", operation);
  }
  if (ended != expected) bench_fail("a collection ended %zu objects, not %zu", ended, expected);
  return 0;
}
