//! `rcgc-headers`: writes the generated headers and the list of exported symbols; with `--check` only says which differ.
//! `make headers` runs it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let check = std::env::args().skip(1).any(|argument| argument == "--check");
    match run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), check) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("rcgc-headers: run `make headers`");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("rcgc-headers: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all fits, or was written.
fn run(root: &Path, check: bool) -> Result<bool, String> {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for area in rcgc_headers::AREAS {
        files.push((area.header_path(root), rcgc_headers::render(root, area)?));
    }
    files.push((rcgc_headers::symbols_path(root), rcgc_headers::symbols(root)?));
    let strays = rcgc_headers::strays(root)?;
    if !strays.is_empty() {
        return Err(strays.join("; "));
    }
    let mut fits = true;
    for (path, text) in files {
        if std::fs::read_to_string(&path).is_ok_and(|present| present == text) {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if check {
            eprintln!("rcgc-headers: {name} is out of date");
            fits = false;
        } else {
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            println!("wrote {name}");
        }
    }
    Ok(fits)
}
