"""One graph twice: as Python objects, which objgraph looks at, and as objects of an rcgc heap.

A twin is a number. Its Python object has the class Twin<Name>, with slots for its fields, so that a field is one reference
in both worlds; the classes have no functions, so nothing of a class leads to an object. What is held from outside has a
reference more that no object knows of: counted by the host there, by the interpreter's C functions here.
"""

import ctypes
import gc
import random

from binding import Heap

hold = ctypes.pythonapi.Py_IncRef
release = ctypes.pythonapi.Py_DecRef
hold.argtypes = release.argtypes = [ctypes.py_object]
hold.restype = release.restype = None

SHAPES = {"TwinCache": ["first", "second", "third"], "TwinNode": ["next", "other"], "TwinLeaf": []}


class Twins:
    def __init__(self):
        self.heap = Heap()
        self.kinds = {name: self.heap.type(name, fields) for name, fields in SHAPES.items()}
        self.classes = {name: type(name, (), {"__slots__": fields}) for name, fields in SHAPES.items()}
        self.held = []       # the twins that are held from outside, each time they are
        self.names = []      # by number: the type,
        self.addresses = []  # the object there
        self.ids = []        # and here
        # Both worlds give the address of what died to what is made next: the latest has it.
        self.by_id, self.by_address = {}, {}

    def add(self, name):
        """A new twin, held."""
        twin = len(self.names)
        obj = self.classes[name]()
        for field in SHAPES[name]:
            setattr(obj, field, None)
        self.names.append(name)
        self.ids.append(id(obj))
        self.held.append(twin)
        hold(obj)
        self.addresses.append(self.heap.new(self.kinds[name]))
        self.by_id[self.ids[twin]] = self.by_address[self.addresses[twin]] = twin
        return twin

    def object(self, twin):
        """The Python object, which must be alive."""
        return ctypes.cast(self.ids[twin], ctypes.py_object).value

    def link(self, twin, field, target):
        setattr(self.object(twin), field, None if target is None else self.object(target))
        address = None if target is None else self.addresses[target]
        self.heap.set(self.addresses[twin], SHAPES[self.names[twin]].index(field), address)

    def let_go(self, twin):
        """The outside gives up a twin that it holds."""
        self.held.remove(twin)
        release(self.object(twin))
        self.heap.release(self.addresses[twin])

    def collect(self):
        """In both worlds."""
        gc.collect()
        self.heap.collect()
        self.alive = sorted(self.of_object(obj) for obj in gc.get_objects() if self.is_twin(obj))

    def of_object(self, obj):
        return self.by_id[id(obj)]

    def of_address(self, address):
        return self.by_address[address]

    def is_twin(self, obj):
        return type(obj) in self.classes.values()

    def end(self):
        for twin in list(self.held):
            self.let_go(twin)
        self.collect()
        return len(self.alive) + self.heap.free()


def random_twins(seed, count=40, held=8):
    """A graph with rings, shared objects and garbage."""
    chance = random.Random(seed)
    twins = Twins()
    for _ in range(count):
        twins.add(chance.choice(["TwinCache", "TwinNode", "TwinNode", "TwinNode", "TwinLeaf"]))
    for twin in range(count):
        for field in SHAPES[twins.names[twin]]:
            if chance.random() < 0.7:
                twins.link(twin, field, chance.randrange(count))
    for twin in chance.sample(range(count), count - held):
        twins.let_go(twin)
    # What died by its count has died in both worlds; the rest is there, dead rings included.
    twins.alive = sorted(twins.of_object(obj) for obj in gc.get_objects() if twins.is_twin(obj))
    return twins
