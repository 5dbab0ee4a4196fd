#!/usr/bin/env python3
"""Tests what no program can test of itself: plugins that are loaded and unloaded (librcgc.so, and librcgc.a inside the
plugin), programs with more rights than who starts them, a core that a debugger writes of a running program.

  run.py LIBRARIES    a folder with librcgc.a and librcgc.so

What needs root, or a program that is not there, is skipped by name. Ends with "N passed, N failed".
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FLAGS = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "include"]
SECONDS = 120
NOBODY = 65534

passed = failed = 0


def check(name, holds, said=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    print(f"{'ok    ' if holds else 'FAILED'} {name}")
    if not holds and said:
        print("    " + said.strip().replace("\n", "\n    "))


def skip(reason):
    print(f"skipped {reason}")


def run(*command, env=None, **keywords):
    """(exit status, output)."""
    command = [str(part) for part in command]
    extra = {key: str(value) for key, value in (env or {}).items()}
    try:
        result = subprocess.run(command, env={**os.environ, **extra}, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=SECONDS, text=True, errors="replace",
                                check=False, **keywords)
    except subprocess.TimeoutExpired:
        return -1, "it does not end"
    return result.returncode, result.stdout


def build(*command):
    status, output = run("cc", *FLAGS, *command)
    if status != 0:
        print(output)
        sys.exit(1)


# ---- unloading ----

def unloading(libraries, work):
    host = work / "host"
    build(HERE / "host.c", "-o", host, "-ldl")
    for kind, link in [("librcgc.so", ["-L", libraries, "-lrcgc", f"-Wl,-rpath,{libraries}"]),
                       ("librcgc.a", [libraries / "librcgc.a"])]:
        plugin, other = work / f"one-{kind}.so", work / f"two-{kind}.so"
        for path in (plugin, other):
            build("-fPIC", "-shared", HERE / "plugin.c", *link, "-o", path)
        for mode, said in [("end", "its heap was freed"), ("hold", "an object was held"), ("profile", "it was profiled"),
                           ("signal", "a signal was listened to"), ("fork", "the process forks")]:
            status, output = run(host, mode, plugin)
            check(f"{kind}: unloaded again and again: {said}", status == 0, output)
        status, output = run(host, "hold", plugin, other)
        check(f"{kind}: another plugin goes on", status == 0, output)
        thread = {"RCGC_PROFILE": "series=1"}
        for mode, said in [("end", "its heap was freed"), ("hold", "its heap was left"), ("fork", "the process forks"),
                           ("exit", "the process exits"), ("late", "the exit unloads it")]:
            status, output = run(host, mode, plugin, env=thread)
            check(f"{kind}: a thread of a series, {said}", status == 0, output)
        dump = work / f"dump-{kind}-%h"
        status, output = run(host, "hold", plugin, env={"RCGC_PROFILE": f"dump={dump}"})
        check(f"{kind}: its plan is carried out when it is unloaded", status == 0 and
              (work / f"dump-{kind}-1").read_bytes()[1:5] == b"rcgc", output)


# ---- rights ----

def more_rights(libraries, work):
    if os.getuid() != 0:
        skip("programs with more rights than who starts them: they need root")
        return
    if not shutil.which("setpriv"):
        skip("programs with more rights than who starts them: setpriv is not installed")
        return
    plain, program, secret = work / "plain", work / "program", work / "secret"
    build(HERE / "setuid.c", libraries / "librcgc.a", "-o", plain, "-pthread")
    open_folder = work / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)

    def as_nobody(command, plan):
        return run("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", command,
                   env={"RCGC_PROFILE": plan, "RCGC_RANGE_BYTES": "nonsense"})

    status, output = as_nobody(plain, f"dump={open_folder}/plain")
    check("without more rights the variables are obeyed", status == 0 and "AT_SECURE 0" in output and
          (open_folder / "plain").exists() and "RCGC_RANGE_BYTES: \"nonsense\"" in output, output)
    secret.write_text("precious")
    secret.chmod(0o600)
    ways = [("set-user-id", lambda: program.chmod(0o4755)), ("set-group-id", lambda: program.chmod(0o2755))]
    if shutil.which("setcap"):
        ways.append(("capabilities", lambda: run("setcap", "cap_dac_override+ep", program)))
    else:
        skip("a program with capabilities: setcap is not installed")
    for name, prepare in ways:
        shutil.copy(plain, program)
        program.chmod(0o755)
        prepare()
        for plan, made in [(f"dump={secret}", None), (f"report={work}/made", work / "made"),
                           (f"sites,report={open_folder}/made", open_folder / "made")]:
            status, output = as_nobody(program, plan)
            if "AT_SECURE 0" in output:
                skip(f"a {name} program: the file system of {work} gives no rights")
                break
            check(f"{name}: no variable is obeyed: {plan.split('=')[0]}", status == 0 and
                  secret.read_text() == "precious" and not (made and made.exists()), output)
            check(f"{name}: and that is said", "RCGC_PROFILE: not obeyed" in output and
                  "RCGC_RANGE_BYTES: not obeyed" in output and "nonsense" not in output, output)


# ---- cores ----

def cores(libraries, work):
    if not shutil.which("gdb"):
        skip("a core of a running program: gdb is not installed")
        return
    program, core, log = work / "core", work / "written", work / "log"
    build(HERE / "core.c", libraries / "librcgc.a", "-o", program, "-pthread")
    with subprocess.Popen([str(program)], stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip()
            # The size is limited, so that no disk is filled when the test fails.
            status, output = run("bash", "-c", f"ulimit -f 204800; exec gdb -nx -batch -p {process.pid} -ex "
                                               f"'generate-core-file {core}'")
        finally:
            process.kill()
    log.write_text(output)
    if "Operation not permitted" in output or "Could not attach" in output:
        skip("a core of a running program: gdb may not attach to it")
        return
    size = core.stat().st_size if core.exists() else 0
    check("a core of a running program is small", status == 0 and 0 < size < 200 << 20 and "Saved corefile" in output,
          f"{size} bytes\n{output}")
    status, output = run("gdb", "-nx", "-batch", program, core, "-ex", f"print *(long *){address}")
    check("and has the objects", re.search(r"= 99999$", output, re.M) is not None, output)


def main():
    libraries = Path(sys.argv[1]).resolve()
    # Not in /tmp, which often is a file system without set-user-id.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        work = Path(folder)
        work.chmod(0o755)
        unloading(libraries, work)
        more_rights(libraries, work)
        cores(libraries, work)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
