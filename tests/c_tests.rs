//! The C tests under `cargo test`, without CMake: each `c-tests/test_*.c` becomes one program, linked to the
//! static library as it ships, and passes if it exits with 0. Words on the command line choose those whose name
//! has one of them; options of the usual test harness are not known here and do nothing.
//!
//! The library comes from `scripts/build-libs`: what cargo links into this test is another build (with std,
//! without link-time optimisation). The script's cargo has a target directory of its own, so that the two
//! cannot wait for each other's lock. RCGC_TEST_SMALL, RCGC_TEST_FULL and RCGC_TEST_SEED reach the programs
//! (see c-tests/check.h).

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut sources = c_tests();
    assert!(!sources.is_empty(), "no C test is found");
    sources.retain(|path| words.is_empty() || words.iter().any(|word| name(path).contains(word.as_str())));
    println!("\nrunning {} tests", sources.len());
    let library = if sources.is_empty() { PathBuf::new() } else { library() };
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let work = || {
        while let Some(source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = build_and_run(source, &library);
            println!("test {} ... {}", name(source), if result.is_ok() { "ok" } else { "FAILED" });
            if let (Err(said), Ok(mut all)) = (result, failures.lock()) {
                all.push(format!("---- {} ----\n{said}", name(source)));
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        (0..threads).for_each(|_| drop(scope.spawn(work)));
    });
    let failures = failures.into_inner().expect("no thread panicked");
    failures.iter().for_each(|said| println!("\n{said}"));
    let (word, failed) = (if failures.is_empty() { "ok" } else { "FAILED" }, failures.len());
    println!("\ntest result: {word}. {} passed; {failed} failed;", sources.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn c_tests() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("c-tests")).expect("c-tests/ can be read");
    let mut sources: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    sources.retain(|path| path.extension().is_some_and(|end| end == "c") && name(path).starts_with("test_"));
    sources.sort();
    sources
}

fn name(source: &Path) -> &str {
    source.file_stem().and_then(|name| name.to_str()).unwrap_or_default()
}

fn library() -> PathBuf {
    let directory = root().join("build/lib-debug");
    let script = root().join("scripts/build-libs");
    run(Command::new(script).arg("--keep-debug").arg(&directory)).unwrap_or_else(|said| panic!("{said}"));
    directory.join("librcgc.a")
}

fn build_and_run(source: &Path, library: &Path) -> Result<(), String> {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name(source));
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
    let flags = run(Command::new(root().join("c-tests/link-flags")).arg(source))?;
    let mut compile = compiler.to_command();
    compile.arg(source).arg(library).args(flags.split_whitespace()).args(["-pthread", "-o"]).arg(&program);
    run(&mut compile)?;
    run(&mut Command::new(&program)).map(|_| ())
}

/// What a command writes; all that is known of it when it fails.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(said.into_owned());
    }
    Err(format!("{command:?}: {}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr)))
}
