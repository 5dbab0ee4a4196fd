/* An extension module of CPython whose objects are foreign objects of a heap: `Cell`, which Python code may derive from, give
 * attributes, and bind to an object of the heap that owns another Cell. c-tests/foreign/cpython.py is its test. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <rcgc.h>
#include <structmember.h>

static gc_heap *heap;
static rc_type *link_type;

/* An object of the heap that owns a Python object. */
typedef struct Link {
  PyObject *target;
} Link;

static int link_traverse(void *obj, rc_visit_fn visit, void *ctx) {
  PyObject *target = ((Link *)obj)->target;
  return target && gc_is_tracked_foreign(heap, target) ? visit(target, ctx) : 0;
}

static void link_clear(void *obj) {
  Py_CLEAR(((Link *)obj)->target);
}

typedef struct Cell {
  PyObject_HEAD
  void *link;
  PyObject *weak_list;
} Cell;

/* ---- what the heap is told: Python's own traverse and clear know the rest ---- */

typedef struct Filter {
  rc_visit_fn visit;
  void *ctx;
} Filter;

/* A dictionary that only the cell has is part of it: what is in it, the cell refers to. */
static int visit_tracked(PyObject *target, void *arg) {
  Filter *filter = (Filter *)arg;
  if (PyDict_CheckExact(target) && Py_REFCNT(target) == 1) return Py_TYPE(target)->tp_traverse(target, visit_tracked, arg);
  return gc_is_tracked_foreign(heap, target) ? filter->visit(target, filter->ctx) : 0;
}

static size_t count(void *obj, void *ctx) {
  (void)ctx;
  return (size_t)Py_REFCNT((PyObject *)obj);
}

static int traverse(void *obj, rc_visit_fn visit, void *visit_ctx, void *ctx) {
  Filter filter = {visit, visit_ctx};
  (void)ctx;
  int stop = Py_TYPE((PyObject *)obj)->tp_traverse((PyObject *)obj, visit_tracked, &filter);
  if (stop || !((Cell *)obj)->link) return stop;
  return visit(((Cell *)obj)->link, visit_ctx);
}

static void unlink_one(void *obj, void *ctx) {
  (void)ctx;
  (void)Py_TYPE((PyObject *)obj)->tp_clear((PyObject *)obj);
}

static void hold(void *obj, void *ctx) {
  (void)ctx;
  Py_INCREF((PyObject *)obj);
}

static void release(void *obj, void *ctx) {
  (void)ctx;
  Py_DECREF((PyObject *)obj);
}

static const gc_foreign_spec spec = {sizeof(gc_foreign_spec), count, traverse, unlink_one, hold, release, NULL};

/* ---- the type ---- */

static PyObject *cell_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
  (void)args, (void)keywords;
  PyObject *self = type->tp_alloc(type, 0);
  if (self && gc_track_foreign(heap, self, &spec) != RC_OK) {
    Py_DECREF(self);
    return PyErr_NoMemory();
  }
  return self;
}

static int cell_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  return 0;
}

static int cell_clear(PyObject *self) {
  void *link = ((Cell *)self)->link;
  ((Cell *)self)->link = NULL;
  if (link) rc_decref(link);
  return 0;
}

static void cell_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  if (gc_is_tracked_foreign(heap, self)) (void)gc_untrack_foreign(heap, self);
  PyObject_GC_UnTrack(self);
  if (((Cell *)self)->weak_list) PyObject_ClearWeakRefs(self);
  (void)cell_clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyObject *cell_bind(PyObject *self, PyObject *target) {
  Link *link = (Link *)rc_new(link_type);
  if (!link) return PyErr_NoMemory();
  Py_INCREF(target);
  link->target = target;
  (void)cell_clear(self);
  ((Cell *)self)->link = link;
  Py_RETURN_NONE;
}

static PyMethodDef cell_methods[] = {
    {"bind", cell_bind, METH_O, "binds the cell to an object of the heap that owns the argument"},
    {NULL, NULL, 0, NULL},
};
static PyMemberDef cell_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Cell, weak_list), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyType_Slot cell_slots[] = {
    {Py_tp_new, (void *)cell_new},         {Py_tp_traverse, (void *)cell_traverse}, {Py_tp_clear, (void *)cell_clear},
    {Py_tp_dealloc, (void *)cell_dealloc}, {Py_tp_methods, cell_methods},           {Py_tp_members, cell_members},
    {0, NULL},
};
static PyType_Spec cell_spec = {"cells.Cell", sizeof(Cell), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                                cell_slots};

static PyObject *collect(PyObject *module, PyObject *none) {
  (void)module, (void)none;
  return PyLong_FromSize_t(gc_collect(heap));
}

static PyObject *tracked(PyObject *module, PyObject *none) {
  (void)module, (void)none;
  return PyLong_FromSize_t(gc_foreign_count(heap));
}

static PyObject *links(PyObject *module, PyObject *none) {
  (void)module, (void)none;
  return PyLong_FromUnsignedLongLong(rc_type_live(link_type));
}

static PyMethodDef functions[] = {
    {"collect", collect, METH_NOARGS, "a full collection"},
    {"tracked", tracked, METH_NOARGS, "how many cells there are"},
    {"links", links, METH_NOARGS, "how many objects the heap has"},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "cells", NULL, -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_cells(void) {
  rc_type_spec of = RC_TYPE_SPEC_INIT;
  of.name = "Link", of.size = sizeof(Link), of.traverse = link_traverse, of.clear = link_clear, of.flags = RC_TYPE_TRACK_ON_NEW;
  if (gc_heap_new(NULL, &heap) != RC_OK || rc_type_new(heap, &of, &link_type) != RC_OK) return PyErr_NoMemory();
  PyObject *module = PyModule_Create(&definition), *type = PyType_FromSpec(&cell_spec);
  if (!module || !type || PyModule_AddObject(module, "Cell", type) != 0) return NULL;
  return module;
}
