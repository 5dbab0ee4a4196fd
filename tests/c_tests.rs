//! The C tests under `cargo test`, without CMake: each `c-tests/test_*.c` becomes one program, linked to the
//! static library as it ships, and one test here, which passes if the program exits with 0.
//!
//! The library comes from `scripts/build-libs`: what cargo links into this test is another build (with std,
//! without link-time optimisation). The script's cargo has a target directory of its own, so that the two
//! cannot wait for each other's lock. RCGC_TEST_SMALL, RCGC_TEST_FULL and RCGC_TEST_SEED reach the programs
//! (see c-tests/check.h).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

macro_rules! c_tests {
    ($($name:ident)*) => {
        const LISTED: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { build_and_run(stringify!($name)); })*
    };
}

c_tests! {
    test_callbacks
    test_collector
    test_control
    test_count
    test_deep
    test_dump
    test_dump_profile
    test_fields
    test_growth
    test_heap
    test_inspect
    test_leak
    test_lifetime
    test_lines
    test_misuse
    test_model
    test_object
    test_oom
    test_oom_life
    test_oom_query
    test_pace
    test_plan
    test_profile
    test_profile_oom
    test_query
    test_queued
    test_rings
    test_scope
    test_status
    test_series
    test_stacks
    test_stress
    test_type
    test_weak
    test_weakmap
}

#[test]
fn every_c_test_is_listed() {
    let listed: BTreeSet<String> = LISTED.iter().map(|name| name.to_string()).collect();
    let present: BTreeSet<String> = std::fs::read_dir(root().join("c-tests"))
        .expect("c-tests/ can be read")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".c").map(str::to_owned))
        .filter(|name| name.starts_with("test_"))
        .collect();
    assert_eq!(listed, present, "tests/c_tests.rs and c-tests/ do not name the same tests");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the libraries, built once.
fn libraries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let directory = root().join("build/lib-debug");
        let script = root().join("scripts/build-libs");
        run(Command::new(script).arg("--keep-debug").arg(&directory));
        directory
    })
}

fn build_and_run(name: &str) {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let compiler = cc::Build::new()
        .host(&triple)
        .target(&triple)
        .opt_level(2)
        .debug(true)
        .cargo_metadata(false)
        .std("c11")
        .flags(["-Wall", "-Wextra", "-Wpedantic"])
        .include(root().join("include"))
        .get_compiler();
    let source = root().join("c-tests").join(format!("{name}.c"));
    let mut compile = compiler.to_command();
    compile
        .arg(&source)
        .arg(libraries().join("librcgc.a"))
        .args(own_link_flags(&source))
        .arg("-pthread")
        .arg("-o")
        .arg(&program);
    run(&mut compile);
    run(&mut Command::new(&program));
}

/// What the first line of a C test asks of the linker: `/* ldflags: -Wl,--wrap=malloc */`.
fn own_link_flags(source: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(source).expect("the C test can be read");
    let first = text.lines().next().unwrap_or_default();
    let flags = first.strip_prefix("/* ldflags: ").and_then(|rest| rest.strip_suffix(" */"));
    flags.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Runs a command; its output is shown when it fails.
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
