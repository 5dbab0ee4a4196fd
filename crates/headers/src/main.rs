//! `rcgc-headers`: writes the generated headers; with `--check` only says which differ. `make headers` runs
//! it.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let check = std::env::args().skip(1).any(|argument| argument == "--check");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut differing = 0;
    for area in rcgc_headers::AREAS {
        let path = area.header_path(&root);
        let text = match rcgc_headers::render(&root, area) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("rcgc-headers: {error}");
                return ExitCode::FAILURE;
            }
        };
        if std::fs::read_to_string(&path).is_ok_and(|present| present == text) {
            continue;
        }
        differing += 1;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if check {
            eprintln!("rcgc-headers: include/rcgc/{name} is out of date");
        } else if let Err(error) = std::fs::write(&path, text) {
            eprintln!("rcgc-headers: {}: {error}", path.display());
            return ExitCode::FAILURE;
        } else {
            println!("wrote include/rcgc/{name}");
        }
    }
    if check && differing > 0 {
        eprintln!("rcgc-headers: run `make headers`");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
