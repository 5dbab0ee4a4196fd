//! What would be unsound, or is a mistake, does not compile: each file of `ui/` beside what the compiler says to it.

/// The compiler that wrote the texts: others say the same in other words.
const TEXTS_OF: &str = "rustc 1.95.";

#[test]
fn refused() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = std::process::Command::new(rustc).arg("--version").output().expect("rustc runs").stdout;
    if !String::from_utf8_lossy(&version).starts_with(TEXTS_OF) {
        eprintln!("skipped: the texts of ui/ are those of {TEXTS_OF}*");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
