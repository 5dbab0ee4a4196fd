"""The table of peers: what they are, how they are built, what one has to know to read their numbers."""

import platform
from typing import Callable, NamedTuple

import building
from building import crate_version, package_version
from measuring import ROOT, version_of

# Groups, in the order of the tables and with the colours of the charts.
RCGC, FLOOR, COUNTS, COLLECTS, TRACES = "rcgc", "floor", "counts", "collects", "traces"
GROUPS = {
    RCGC: "rcgc",
    FLOOR: "allocators without counts",
    COUNTS: "counts only",
    COLLECTS: "counts, finds rings",
    TRACES: "tracing",
}


class Peer(NamedTuple):
    key: str
    title: str
    group: str
    build: Callable  # () -> (command, files); raises Unavailable
    version: Callable  # () -> text
    about: str
    environment: tuple = ()
    # Marks of workloads whose numbers need a word: {workload: mark}, from MARKS.
    marks: tuple = ()


MARKS = {
    "‡": "dies of stack overflow on a stack of 8 MiB; measured with an unlimited stack",
    "¶": "does not collect by itself: a collection was asked for after every 200,000 allocations",
    "§": "500,000 steps instead of 5 million",
}


def compiler_version():
    return version_of(["c++", "--version"], r"^(.*)$", "c++")


def libc_version():
    return " ".join(platform.libc_ver())


def rustc_version():
    return version_of(["rustc", "--version"], r"^(\S+ \S+)", "rustc")


def python_version():
    return version_of([building.python(), "--version"], r"^Python (.*)$", "")


def own_version():
    revision = version_of(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], r"^(\w+)$", "")
    version = version_of(["grep", "-m1", "version", str(ROOT / "Cargo.toml")], r'"(.*)"', "")
    return f"{version} {revision}".strip()


def crate(name):
    return lambda: f"{crate_version(name)}, {rustc_version()}"


PEERS = [
    Peer("rcgc", "rcgc", RCGC, building.rcgc, own_version, "counts inline, static library, as delivered"),
    Peer("rcgc_cpp", "rcgc in C++", RCGC, building.rcgc_cpp, own_version, "`rcgc.hpp`: members are `rcgc::ref`, else as rcgc"),
    Peer("malloc", "malloc", FLOOR, building.malloc, libc_version,
         "the C library's; released by hand, once and in the right order"),
    Peer("mimalloc", "mimalloc", FLOOR, building.mimalloc, lambda: package_version("libmimalloc-dev"),
         "`mi_malloc`, shared library; released by hand"),
    Peer("intrusive_ptr", "intrusive_ptr", COUNTS, building.intrusive_ptr,
         lambda: f"boost {package_version('libboost-dev')}, {compiler_version()}",
         "`boost::intrusive_ptr` with an `int` that is not atomic"),
    Peer("shared_ptr", "shared_ptr, 1 thread", COUNTS, building.shared_ptr, compiler_version,
         "`std::make_shared` in a process that never had a second thread"),
    Peer("shared_ptr_atomic", "shared_ptr, atomic", COUNTS, building.shared_ptr_atomic, compiler_version,
         "the same in a process that has had a second thread"),
    Peer("rc", "Rust Rc", COUNTS, building.std_rc, rustc_version, "fields are `RefCell<Option<Rc>>`"),
    Peer("arc", "Rust Arc", COUNTS, building.std_arc, rustc_version, "fields are `Mutex<Option<Arc>>`"),
    Peer("cpython", "CPython", COLLECTS, building.cpython, python_version,
         "an extension type through the C API; the loops are in C"),
    Peer("nim", "Nim ORC", COLLECTS, building.nim,
         lambda: version_of(["nim", "--version"], r"Version (\S+)", ""),
         "`-d:danger --mm:orc`, its own allocator"),
    Peer("quickjs", "QuickJS", COLLECTS, building.quickjs,
         lambda: f"quickjs-ng in rquickjs-sys {crate_version('rquickjs-sys')}, gcc -O2",
         "a native class through the C API; nothing is interpreted"),
    Peer("php", "PHP", COLLECTS, building.php,
         lambda: version_of(["php", "--version"], r"^PHP (\S+)", ""),
         "bytecode: all but collections includes the interpreter", marks=(("W7", "§"),)),
    Peer("rcgc_gc", "rcgc's Gc for Rust", COLLECTS, building.rcgc_gc, lambda: "librcgc-gc of this tree",
         "fields are `RefCell<Option<Gc>>`"),
    Peer("rust_cc", "rust-cc", COLLECTS, building.rust_cc, crate("rust-cc"),
         "fields are `RefCell<Option<Cc>>`"),
    Peer("dumpster_unsync", "dumpster, unsync", COLLECTS, building.dumpster_unsync, crate("dumpster"),
         "fields are `RefCell<Option<Gc>>`"),
    Peer("dumpster_sync", "dumpster, sync", COLLECTS, building.dumpster_sync, crate("dumpster"),
         "fields are `Mutex<Option<Gc>>`"),
    Peer("bacon_rajan_cc", "bacon_rajan_cc", COLLECTS, building.bacon_rajan_cc, crate("bacon_rajan_cc"),
         "fields are `RefCell<Option<Cc>>`; never collects by itself", marks=(("W7", "¶"), ("W12", "¶"))),
    Peer("gcmodule", "jrsonnet-gcmodule", COLLECTS, building.gcmodule, crate("jrsonnet-gcmodule"),
         "fields are `RefCell<Option<Cc>>`; never collects by itself", marks=(("W7", "¶"), ("W12", "¶"))),
    Peer("bdwgc", "bdwgc", TRACES, building.bdwgc, lambda: package_version("libgc-dev"),
         "`GC_MALLOC`, one marker thread as for one core", (("GC_MARKERS", "1"),)),
    Peer("gc_arena", "gc-arena", TRACES, building.gc_arena, crate("gc-arena"),
         "incremental; fields are `Lock<Option<Gc>>`; it collects between mutations only"),
    Peer("jvm", "JVM, Serial", TRACES, building.jvm,
         lambda: version_of(["java", "--version"], r"^(\S+ \S+)", ""),
         "`-XX:+UseSerialGC`, else as delivered: first read its peak, then its time; starts and compiles within the run"),
    Peer("node", "Node", TRACES, building.node, lambda: version_of(["node", "--version"], r"^v(\S+)", ""),
         "V8 as delivered; starts and compiles within the run"),
    Peer("gc", "gc", TRACES, building.rust_gc, crate("gc"), "fields are `GcCell<Option<Gc>>`"),
]


def peer_named(key):
    return next(peer for peer in PEERS if peer.key == key)
