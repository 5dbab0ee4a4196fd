"""How each peer's program is made: its packages, its compiler, its command line.

A peer that cannot be had here raises Unavailable with the reason; the others go on without it.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from measuring import ALIGNED, ROOT, STATIC_LIBRARY, say, version_of

HERE = Path(__file__).resolve().parent
OUT = ROOT / "build" / "peers"
CARGO = OUT / "cargo"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic"]
C = ["-std=c11", "-O3", "-g", *WARNINGS, *ALIGNED, f"-I{ROOT / 'include'}"]
CXX = ["-std=c++17", *C[1:]]


class Unavailable(Exception):
    """A peer cannot be installed or built on this machine."""


def run(*command, what, **keywords):
    """Runs a step of a build; its last words are the reason if it fails."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", **keywords)
    except OSError as error:
        raise Unavailable(f"{what}: {error}") from error
    if done.returncode != 0:
        said = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        (OUT / "failed.log").write_text(f"$ {' '.join(command)}\n{done.stdout}")
        first = next((line for line in said if "error" in line.lower()), said[-1] if said else "no output")
        raise Unavailable(f"{what}: {first[:200]}")
    return done.stdout


def need(*names):
    run(ROOT / "scripts" / "need", *names, what=f"installing {' '.join(names)}")


def newer(made, inputs):
    return made.exists() and all(made.stat().st_mtime >= Path(path).stat().st_mtime for path in inputs)


def sources(*names):
    """Files of this folder, and all headers that they may include."""
    files = [HERE / name for name in names]
    return files + [*HERE.glob("*.h"), *HERE.glob("*.hpp"), *(ROOT / "benches" / "micro").glob("*.h")]


def compiled(name, source, *options, inputs=(), shared=False):
    """A program (or a module) from one C or C++ source; returns its path."""
    made = OUT / (f"{name}.so" if shared else name)
    if newer(made, [*sources(source), Path(__file__), *inputs]):
        return made
    plus = source.endswith(".cpp")
    compiler = os.environ.get("CXX", "c++") if plus else os.environ.get("CC", "cc")
    say(f"building {name}")
    before = ["-shared", "-fPIC"] if shared else []
    run(compiler, *(CXX if plus else C), *before, HERE / source, "-o", made, *options, "-lpthread",
        what=f"building {source}")
    return made


def rust(program, feature=None):
    """A program of the Rust workspace, with the one crate that it is about."""
    need("cargo")
    features = ["--features", feature] if feature else []
    say(f"building {program}")
    run("cargo", "build", "--release", "--quiet", "--locked", "--target-dir", CARGO, "--bin", program,
        *features, what=f"cargo build {program}", cwd=HERE / "rust")
    # The next program's features rebuild what they share, so this one is put aside.
    made = OUT / program
    fresh = (CARGO / "release" / program).read_bytes()
    if not made.exists() or made.read_bytes() != fresh:
        made.write_bytes(fresh)
        made.chmod(0o755)
    return made


def crate_version(crate):
    lock = (HERE / "rust" / "Cargo.lock").read_text()
    found = lock.partition(f'name = "{crate}"\nversion = "')[2]
    return found.partition('"')[0]


def package_version(package):
    return version_of(["dpkg-query", "-W", "-f=${Version}", package], r"^(.+)$", "")


def digest(paths):
    """Of the files that a peer's program consists of: a changed one is measured anew."""
    total = hashlib.sha256()
    for path in paths:
        total.update(Path(path).read_bytes())
    return total.hexdigest()[:16]


# ---- the peers' builders: each returns (command, files) ----

def plain(path):
    return [str(path)], [path]


def rcgc():
    need("cargo", "cc", "ld", "ar", "objcopy", "readelf")
    run(ROOT / "scripts" / "build-libs", what="building rcgc")
    headers = [*(ROOT / "include").rglob("*.h"), STATIC_LIBRARY]
    return plain(compiled("rcgc", "rcgc.c", STATIC_LIBRARY, inputs=headers))


def rcgc_cpp():
    run(ROOT / "scripts" / "build-libs", what="building rcgc")
    headers = [*(ROOT / "include").rglob("*.h"), *(ROOT / "include").rglob("*.hpp"), STATIC_LIBRARY]
    return plain(compiled("rcgc_cpp", "rcgc_cpp.cpp", STATIC_LIBRARY, inputs=headers))


def malloc():
    need("cc")
    return plain(compiled("malloc", "allocator.c", "-DBENCH_MALLOC"))


def mimalloc():
    need("cc", "libmimalloc-dev")
    return plain(compiled("mimalloc", "allocator.c", "-DBENCH_MIMALLOC", "-lmimalloc"))


def intrusive_ptr():
    need("c++", "libboost-dev")
    return plain(compiled("intrusive_ptr", "intrusive_ptr.cpp"))


def shared_ptr():
    need("c++")
    return plain(compiled("shared_ptr", "shared_ptr.cpp"))


def shared_ptr_atomic():
    need("c++")
    return plain(compiled("shared_ptr_atomic", "shared_ptr.cpp", "-DPEER_ATOMIC"))


def std_rc():
    return plain(rust("rc"))


def std_arc():
    return plain(rust("arc"))


def bdwgc():
    need("cc", "libgc-dev")
    return plain(compiled("bdwgc", "bdwgc.c", "-lgc"))


def python():
    """Debian's interpreter, for which the headers can be installed; elsewhere the one that runs this."""
    try:
        need("python3-dev")
        return "/usr/bin/python3"
    except Unavailable:
        return sys.executable


def cpython():
    need("cc")
    interpreter = python()
    include = run(interpreter, "-c", "import sysconfig; print(sysconfig.get_path('include'))",
                  what="asking Python for its headers").strip()
    if not (Path(include) / "Python.h").exists():
        raise Unavailable(f"Python's headers are not in {include}")
    module = compiled("rcgc_peer", "cpython.c", f"-I{include}", shared=True)
    start = f"import sys; sys.path.insert(0, {str(OUT)!r}); import rcgc_peer; rcgc_peer.run(sys.argv[1])"
    return [interpreter, "-I", "-S", "-c", start], [module]


def rust_cc():
    return plain(rust("rust_cc", "rust_cc"))


def dumpster_unsync():
    return plain(rust("dumpster_unsync", "dumpster"))


def dumpster_sync():
    return plain(rust("dumpster_sync", "dumpster"))


def bacon_rajan_cc():
    return plain(rust("bacon_rajan_cc", "bacon_rajan_cc"))


def gcmodule():
    return plain(rust("gcmodule", "gcmodule"))


def rcgc_gc():
    return plain(rust("rcgc_gc", "rcgc_gc"))


def gc_arena():
    return plain(rust("gc_arena", "gc_arena"))


def rust_gc():
    return plain(rust("gc", "gc"))


def crate_folder(name, feature):
    """Where the sources of a crate are, after cargo has fetched it."""
    need("cargo")
    text = run("cargo", "metadata", "--format-version", "1", "--locked", "--features", feature,
               what=f"fetching {name}", cwd=HERE / "rust")
    packages = json.loads(text[text.index("{"):])["packages"]
    return next(Path(one["manifest_path"]).parent for one in packages if one["name"] == name)


def quickjs():
    need("cc", "ar")
    folder = crate_folder("rquickjs-sys", "quickjs") / "quickjs"
    library = OUT / "libquickjs.a"
    if not library.exists():
        say("building QuickJS")
        objects = []
        for source in ("quickjs", "libregexp", "libunicode", "dtoa"):
            objects.append(OUT / f"{source}.o")
            run(os.environ.get("CC", "cc"), "-O2", "-w", "-D_GNU_SOURCE", f"-I{folder}", "-c",
                folder / f"{source}.c", "-o", objects[-1], what=f"building {source}.c of QuickJS")
        run("ar", "rcs", library, *objects, what="building QuickJS")
    return plain(compiled("quickjs", "quickjs.c", library, f"-isystem{folder}", "-lm", inputs=[library]))


def nim():
    need("cc", "nim")
    made, source = OUT / "orc", HERE / "orc.nim"
    if not newer(made, [source]):
        say("building orc")
        run("nim", "c", "-d:danger", "--mm:orc", "--hints:off", "--warnings:off", f"--nimcache:{OUT / 'nim'}",
            f"-o:{made}", source, what="building orc.nim")
    return plain(made)


def php():
    need("php")
    script = HERE / "zend.php"
    return ["php", "-n", "-d", "memory_limit=-1", str(script)], [script]


def jvm():
    need("javac", "java")
    folder, source = OUT / "jvm", HERE / "Trees.java"
    made = folder / "Trees.class"
    if not newer(made, [source]):
        say("building Trees.class")
        run("javac", "-d", folder, source, what="building Trees.java")
    return ["java", "-XX:+UseSerialGC", "-cp", str(folder), "Trees"], [made]


def node():
    need("node")
    return ["node", str(HERE / "trees.js")], [HERE / "trees.js"]
