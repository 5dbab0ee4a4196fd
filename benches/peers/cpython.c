/* cpython.c: CPython's objects through its C API: an extension module with a static type that takes part in
 * its collector. The loops are in C, so no bytecode is measured.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../micro/bench.h"

typedef struct Node {
  PyObject_HEAD
  struct Node *left, *right;
  uint64_t value;
} Node;

typedef Node *Ref;
typedef Ref Borrowed;

#define MOVE(ref) (ref)
#define PEER_IS_MODULE
#define PEER_OPAQUE BENCH_OPAQUE
#define PEER_NO_THREADS "its counts are changed under one lock"
#define PEER_LIVE_IS_CHEAP
#define PEER_AUTOMATIC(on) ((void)((on) ? PyGC_Enable() : PyGC_Disable()))

/* From 3.12 on a collection runs at the next safepoint: C code that reaches none never collects. */
#if PY_VERSION_HEX >= 0x030c0000
#define PEER_STEP() ((void)PyErr_CheckSignals())
#endif

static size_t nodes_made, nodes_destroyed;

static int node_traverse(PyObject *self, visitproc visit, void *arg) {
  Node *node = (Node *)self;
  Py_VISIT(node->left);
  Py_VISIT(node->right);
  return 0;
}

static int node_clear(PyObject *self) {
  Node *node = (Node *)self;
  Py_CLEAR(node->left);
  Py_CLEAR(node->right);
  return 0;
}

static void node_dealloc(PyObject *self) {
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, node_dealloc)
  (void)node_clear(self);
  nodes_destroyed++;
  PyObject_GC_Del(self);
  Py_TRASHCAN_END
}

static PyTypeObject node_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rcgc_peer.Node",
    .tp_basicsize = sizeof(Node),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = node_traverse,
    .tp_clear = node_clear,
    .tp_dealloc = node_dealloc,
};

static inline Ref ref_new(uint64_t value) {
  Node *node = PyObject_GC_New(Node, &node_type);
  if (node == NULL) bench_fail("no memory for a node");
  node->left = NULL;
  node->right = NULL;
  node->value = value;
  nodes_made++;
  PyObject_GC_Track(node);
  return node;
}

static inline Ref ref_copy(Ref ref) {
  BENCH_OPAQUE(ref);
  Py_INCREF(ref);
  return ref;
}

static inline void ref_drop(Ref *ref) {
  Py_DECREF(*ref);
}

#define ref_drop_shared ref_drop

static inline bool ref_is_null(Ref ref) {
  return ref == NULL;
}

static inline Ref left(Ref node) {
  return node->left;
}

static inline Ref right(Ref node) {
  return node->right;
}

static inline void set_left(Ref node, Ref owned) {
  node->left = owned;
}

static inline void set_right(Ref node, Ref owned) {
  node->right = owned;
}

static inline void slot_set(Ref *slot, Ref owned) {
  Py_XSETREF(*slot, owned);
}

static void peer_open(void) {
  if (PyType_Ready(&node_type) < 0) bench_fail("the type is refused");
}

static size_t peer_live(void) {
  return nodes_made - nodes_destroyed;
}

/* PyGC_Collect does nothing, silently, while automatic collection is switched off. */
static void peer_collect(void) {
  bool was_enabled = PyGC_Enable() != 0;
  (void)PyGC_Collect();
  if (!was_enabled) (void)PyGC_Disable();
}

static void peer_close(void) {
  if (peer_live() != 0) bench_fail("%zu nodes are left", peer_live());
}

/* ---- W12: texts are strings of Python's, edges stand in vectors as an extension keeps them ---- */

#define Text PyObject
#define CRATE_HEAD PyObject_HEAD
#define GRAPH_HEAD PyObject_HEAD
#include "graph.h"

static int crates_visit(const Crates *crates, visitproc visit, void *arg) {
  for (uint32_t i = 0; i < crates->used; i++) Py_VISIT(crates->items[i]);
  return 0;
}

static void crates_clear(Crates *crates) {
  Crates old = *crates;
  memset(crates, 0, sizeof *crates);
  for (uint32_t i = 0; i < old.used; i++) Py_DECREF(old.items[i]);
  PyMem_Free(old.items);
}

static int crate_traverse(PyObject *self, visitproc visit, void *arg) {
  Crate *crate = (Crate *)self;
  int result = crates_visit(&crate->needs, visit, arg);
  return result != 0 ? result : crates_visit(&crate->needed_by, visit, arg);
}

static int crate_clear(PyObject *self) {
  crates_clear(&((Crate *)self)->needs);
  crates_clear(&((Crate *)self)->needed_by);
  return 0;
}

static void crate_dealloc(PyObject *self) {
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, crate_dealloc)
  (void)crate_clear(self);
  Py_XDECREF(((Crate *)self)->name);
  Py_XDECREF(((Crate *)self)->version);
  PyObject_GC_Del(self);
  Py_TRASHCAN_END
}

static int graph_traverse(PyObject *self, visitproc visit, void *arg) {
  for (size_t i = 0; i < CRATES; i++) Py_VISIT(((Graph *)self)->crates[i]);
  return 0;
}

static int graph_clear(PyObject *self) {
  for (size_t i = 0; i < CRATES; i++) Py_CLEAR(((Graph *)self)->crates[i]);
  return 0;
}

static void graph_dealloc(PyObject *self) {
  PyObject_GC_UnTrack(self);
  (void)graph_clear(self);
  PyObject_GC_Del(self);
}

static PyTypeObject crate_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rcgc_peer.Crate",
    .tp_basicsize = sizeof(Crate),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = crate_traverse,
    .tp_clear = crate_clear,
    .tp_dealloc = crate_dealloc,
};

static PyTypeObject graph_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rcgc_peer.Graph",
    .tp_basicsize = sizeof(Graph),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = graph_traverse,
    .tp_clear = graph_clear,
    .tp_dealloc = graph_dealloc,
};

static Text *text_new(const char *bytes, size_t length) {
  Text *text = PyUnicode_FromStringAndSize(bytes, (Py_ssize_t)length);
  if (text == NULL) bench_fail("no memory for a text");
  return text;
}

static Text *text_keep(Text *text) {
  Py_INCREF(text);
  return text;
}

static const char *text_bytes(const Text *text) {
  return PyUnicode_AsUTF8((PyObject *)text);
}

static size_t text_length(const Text *text) {
  return (size_t)PyUnicode_GET_LENGTH((PyObject *)text);
}

/* All zeros behind its head, and tracked from the start: null fields and empty vectors can be walked. */
static void *object_new(PyTypeObject *type, size_t head_bytes) {
  char *obj = (char *)_PyObject_GC_New(type);
  if (obj == NULL) bench_fail("no memory for an object");
  memset(obj + head_bytes, 0, (size_t)type->tp_basicsize - head_bytes);
  PyObject_GC_Track(obj);
  return obj;
}

static Crate *crate_new(void) {
  return object_new(&crate_type, sizeof(PyObject));
}

static Crate *crate_keep(Crate *crate) {
  Py_INCREF(crate);
  return crate;
}

static void crate_put(Crate **slot, Crate *owned) {
  Py_XSETREF(*slot, owned);
}

static void crate_replaced(Crate *crate) {
  (void)crate; /* dead by its count */
}

static Graph *graph_new(void) {
  if (PyType_Ready(&crate_type) < 0 || PyType_Ready(&graph_type) < 0) bench_fail("a type is refused");
  return object_new(&graph_type, sizeof(PyObject));
}

static void graph_drop(Graph *graph) {
  Py_DECREF(graph);
}

static void *buffer_grow(void *buffer, size_t bytes_before, size_t bytes) {
  (void)bytes_before;
  return PyMem_Realloc(buffer, bytes);
}

#include "workloads.h"

/* run(workload): does not return. What it leaves alive is left to the system. */
static PyObject *run(PyObject *self, PyObject *name) {
  const char *text = PyUnicode_AsUTF8(name);
  (void)self;
  if (text == NULL) return NULL;
  int status = run_workload(text);
  fflush(stdout);
  _exit(status);
}

static PyMethodDef methods[] = {
    {"run", run, METH_O, "Runs a workload and ends the process."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "rcgc_peer",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_rcgc_peer(void);

PyMODINIT_FUNC PyInit_rcgc_peer(void) {
  return PyModule_Create(&module);
}
