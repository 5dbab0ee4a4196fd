"""What the comparison needs of librcgc.so.0, by ctypes: a heap of objects with named pointers, and what inspects it.

Structs begin as their _INIT macros do: zeros, and their own size.
"""

import ctypes
from ctypes import (CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_uint64,
                    c_void_p, sizeof)
from pathlib import Path

LIBRARY = Path(__file__).resolve().parent.parent.parent / "build" / "lib" / "librcgc.so.0"

SLOT_POINTER, PLACE_ONE = 1, 1
NO_INDEX = c_size_t(-1).value
ORDER_LIVE = 0
SINCE_MARK, SINCE_PEAK = 0, 1
MARK_TYPES, MARK_OBJECTS = 0, 1
OBJECTS_HELD, OBJECTS_UNREFERENCED, OBJECTS_GARBAGE = 0, 1, 2
FORWARD, BACKWARD = 0, 1
ADDRESS_LIVE = 2


class Field(Structure):
    _fields_ = [("name", c_char_p), ("slot", c_uint32), ("place", c_uint32), ("offset", c_size_t),
                ("count", c_size_t), ("stride", c_size_t), ("payload_offset", c_size_t), ("tag_offset", c_size_t),
                ("tag_bytes", c_size_t), ("length_offset", c_size_t), ("length_bytes", c_size_t),
                ("mask", c_uint64), ("value", c_uint64), ("pointer_mask", c_uint64)]


class Sized(Structure):
    """A struct that begins with its size."""

    @classmethod
    def rows(cls, count):
        rows = (cls * count)()
        if count:
            rows[0].struct_size = sizeof(cls)
        return rows


class TypeSpec(Sized):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("size", c_size_t), ("tail_size", c_size_t),
                ("flags", c_uint32), ("reserved", c_uint32), ("fields", POINTER(Field)),
                ("field_count", c_size_t), ("traverse", c_void_p), ("clear", c_void_p), ("finalize", c_void_p),
                ("destroy", c_void_p), ("ctx", c_void_p)]


class ObjectFacts(Sized):
    _fields_ = [("struct_size", c_size_t), ("place", c_uint32), ("flags", c_uint32), ("object", c_void_p),
                ("heap", c_void_p), ("type", c_void_p), ("size", c_size_t), ("length", c_size_t),
                ("block_bytes", c_size_t), ("external_bytes", c_uint64), ("count", c_uint32),
                ("generation", c_uint32), ("finalizer", c_uint32), ("weak_handles", c_uint32)]


class IterFilter(Sized):
    _fields_ = [("struct_size", c_size_t), ("type", c_void_p), ("with_", c_uint32), ("without", c_uint32),
                ("newer_than", c_void_p), ("serial_min", c_uint64), ("serial_max", c_uint64)]


class TypeFacts(Sized):
    _fields_ = [("struct_size", c_size_t), ("type", c_void_p), ("name", c_char_p), ("size", c_size_t),
                ("live", c_uint64), ("bytes", c_uint64), ("peak", c_uint64), ("peak_bytes", c_uint64),
                ("allocated", c_uint64), ("allocated_bytes", c_uint64), ("freed_by_count", c_uint64),
                ("freed_by_collector", c_uint64)]


class Growth(Sized):
    _fields_ = [("struct_size", c_size_t), ("type", c_void_p), ("name", c_char_p), ("live", c_uint64),
                ("bytes", c_uint64), ("more", c_int64), ("more_bytes", c_int64), ("made", c_uint64)]


class Step(Sized):
    _fields_ = [("struct_size", c_size_t), ("object", c_void_p), ("type", c_void_p), ("name", c_char_p),
                ("index", c_size_t)]


class DumpOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("path", c_char_p), ("rest", c_uint64 * 5)]


Predicate = CFUNCTYPE(c_int, c_void_p, c_void_p)


class Failed(Exception):
    """A call gave another status than RC_OK."""


class Heap:
    """A heap whose types have single pointers as fields."""

    def __init__(self):
        self.library = ctypes.CDLL(str(LIBRARY))
        for name in ("rc_new", "rc_newref", "gc_error_message", "rc_status_name"):
            getattr(self.library, name).restype = c_void_p
        self.library.rc_status_name.restype = c_char_p
        self.library.gc_error_message.restype = c_char_p
        self.library.gc_heap_free.restype = c_size_t
        self.library.gc_collect.restype = c_size_t
        self.heap = c_void_p()
        self.must("gc_heap_new", None, byref(self.heap))
        self.kept = []

    def must(self, name, *arguments):
        status = getattr(self.library, name)(*arguments)
        if status:
            message = self.library.gc_error_message(self.heap)
            raise Failed(f"{name}: {self.library.rc_status_name(status).decode()}: {message.decode()}")

    def free(self):
        return self.library.gc_heap_free(self.heap)

    def collect(self):
        return self.library.gc_collect(self.heap)

    def type(self, name, fields):
        rows = (Field * len(fields))()
        for index, field in enumerate(fields):
            rows[index] = Field(field.encode(), SLOT_POINTER, PLACE_ONE, index * 8, 1, 8)
        size = max(len(fields), 1) * 8
        spec = TypeSpec(sizeof(TypeSpec), name.encode(), size, 0, 0, 0, rows, len(fields))
        kind = c_void_p()
        self.must("rc_type_new", self.heap, byref(spec), byref(kind))
        return kind.value

    def new(self, kind):
        return self.library.rc_new(c_void_p(kind))

    def set(self, obj, index, target):
        """Gives a slot a reference of its own, and releases what was there."""
        if target:
            self.library.rc_newref(c_void_p(target))
        self.library.rc_setref(c_void_p(obj + index * 8), c_void_p(target))

    def release(self, obj):
        self.library.rc_decref(c_void_p(obj))

    # ---- what is asked ----

    def facts(self, address):
        facts = ObjectFacts(sizeof(ObjectFacts))
        self.must("gc_object_info", c_void_p(address), byref(facts))
        return facts

    def type_facts(self, kind):
        facts = TypeFacts(sizeof(TypeFacts))
        self.must("gc_type_stats", c_void_p(kind), byref(facts))
        return facts

    def most_common_types(self, room=64, order=ORDER_LIVE):
        rows, count = TypeFacts.rows(room), c_size_t()
        self.must("gc_most_common_types", self.heap, order, rows, c_size_t(room), byref(count))
        return [(row.name.decode(), row.live) for row in rows[:min(room, count.value)]]

    def mark(self, flags=MARK_TYPES):
        mark = c_void_p()
        self.must("gc_growth_mark", self.heap, flags, byref(mark))
        return mark

    def growth(self, mark, since=SINCE_PEAK, room=64):
        rows, count = Growth.rows(room), c_size_t()
        self.must("gc_growth_since", mark, since, rows, c_size_t(room), byref(count))
        return [(row.name.decode(), row.live, row.more) for row in rows[:min(room, count.value)]]

    def free_mark(self, mark):
        self.library.gc_growth_free(mark)

    def walk(self, kind=None, newer_than=None):
        """Objects, one after the other: a generator over the lazy walk."""
        options = IterFilter(sizeof(IterFilter), kind, 0, 0, newer_than)
        state, obj = (c_uint64 * 12)(), c_void_p()
        self.must("gc_iter_begin", self.heap, byref(options), state)
        while True:
            self.must("gc_iter_next", state, byref(obj))
            if not obj.value:
                return
            yield obj.value

    def dump(self, path):
        options = DumpOptions(sizeof(DumpOptions), str(path).encode())
        self.must("gc_dump", self.heap, byref(options), None)

    def query(self):
        return Query(self)


class Query:
    """A session, for `with`."""

    def __init__(self, heap):
        self.heap, self.query = heap, c_void_p()

    def __enter__(self):
        self.heap.must("gc_query_begin", self.heap.heap, byref(self.query))
        return self

    def __exit__(self, *_):
        self.heap.must("gc_query_end", self.query)

    def objects(self, which, room=4096):
        out, count = (c_void_p * room)(), c_size_t()
        self.heap.must("gc_query_objects", self.query, which, out, c_size_t(room), byref(count))
        return list(out[:count.value])

    def outside(self, obj):
        count = c_int64()
        self.heap.must("gc_external_references", self.query, c_void_p(obj), byref(count))
        return count.value

    def edges(self, name, obj, room=256):
        rows, count = Step.rows(room), c_size_t()
        self.heap.must(name, self.query, c_void_p(obj), rows, c_size_t(room), byref(count))
        return [(row.object, row.name.decode()) for row in rows[:count.value]]

    def referents(self, obj):
        return self.edges("gc_referents", obj)

    def referrers(self, obj):
        return self.edges("gc_referrers", obj)

    def find_path(self, start, accept, direction=FORWARD, room=256):
        """The path as [(object, name of the edge to the next)]; [] when there is none."""
        steps, length = Step.rows(room), c_size_t()
        predicate = Predicate(lambda obj, _: int(accept(obj)))
        self.heap.must("gc_find_path", self.query, c_void_p(start), direction, predicate, None, steps,
                       c_size_t(room), byref(length))
        return [(step.object, step.name.decode() if step.name else None) for step in steps[:length.value]]

    def why_text(self, obj):
        text, length = ctypes.create_string_buffer(2048), c_size_t()
        self.heap.must("gc_why_text", self.query, c_void_p(obj), text, c_size_t(len(text)), byref(length))
        return text.value.decode()
