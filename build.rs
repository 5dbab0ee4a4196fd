//! Compares the generated headers with their sources, in a git checkout of rcgc itself, and fails naming the
//! command that rewrites them. It writes nothing. A packaged source uses the committed headers as they are.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RCGC_SKIP_HEADERS");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let skip = std::env::var_os("RCGC_SKIP_HEADERS").is_some_and(|value| !value.is_empty());
    if skip || !root.join(".git").exists() {
        return;
    }
    for area in rcgc_headers::AREAS {
        let path = area.header_path(root);
        for source in area.source_paths(root) {
            println!("cargo:rerun-if-changed={}", source.display());
        }
        println!("cargo:rerun-if-changed={}", path.display());
        let text = match rcgc_headers::render(root, area) {
            Ok(text) => text,
            Err(error) => fail(&error),
        };
        if !std::fs::read_to_string(&path).is_ok_and(|present| present == text) {
            fail(&format!("{} does not fit its source", path.display()));
        }
    }
}

fn fail(reason: &str) -> ! {
    eprintln!("rcgc: {reason}; run `make headers` and commit the result");
    std::process::exit(1);
}
