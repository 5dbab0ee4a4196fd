//! Renders `include/rcgc/<area>.h` from `src/capi/<area>.rs` (some have a second file): cbindgen says what the C declarations are, this
//! module sets them as a person would write them.
//!
//! Guarantees: the same source gives the same text; the declarations stand in the order of the source; the
//! comment of the Rust item is the comment of the C item, filled to `WIDTH`; a struct that begins with
//! `struct_size` has its `_INIT` macro, with one initialiser for each member.
//!
//! Shared by `rcgc-headers`, which writes the files, and the engine's `build.rs`, which compares them.
//!
//! | file | subject |
//! |---|---|
//! | this | one header: start reading at [`render`] |
//! | `areas` | which headers there are |
//! | `lists` | the list of exported symbols; what no area knows |

mod areas;
mod lists;

pub use areas::{Area, AREAS};
pub use lists::{strays, symbols, symbols_path};

use std::fmt::Write as _;
use std::path::Path;

/// Columns of a comment and of a prototype.
const WIDTH: usize = 100;

/// Parameters that must not be null and are only read: `NonNull` cannot say `const`.
const READ_ONLY: &[(&str, &str)] = &[
    ("rc_type_new", "spec"),
    ("gc_set_policy", "policy"),
    ("gc_dump", "options"),
    ("gc_track_foreign", "spec"),
];

/// The text of one header.
pub fn render(root: &Path, area: &Area) -> Result<String, String> {
    let mut items = Vec::new();
    let mut first = String::new();
    for path in area.source_paths(root) {
        let source =
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        items.extend(items_of(&path, &source)?);
        if first.is_empty() {
            first = source;
        }
    }

    let guard = format!("RCGC_{}_H", area.header.to_uppercase());
    let mut out = head(area, &first);
    let _ = write!(out, "#ifndef {guard}\n#define {guard}\n\n");
    includes(&mut out, area.includes);
    if let Some((name, other)) = area.only_if {
        let _ = write!(out, "#ifndef {name}\n#include {other}\n#else\n\n");
    }
    out.push_str("RCGC_BEGIN_DECLS\n\n");
    for (name, doc) in handles(&first) {
        comment(&mut out, "", &doc, true);
        let _ = writeln!(out, "typedef struct {name} {name};\n");
    }
    for (index, item) in items.iter().enumerate() {
        if let Some((_, text)) = area.before.iter().find(|(name, _)| *name == item.name) {
            let _ = writeln!(out, "{text}");
        }
        item.render(&items, &mut out);
        if !items.get(index + 1).is_some_and(|next| item.runs_on_with(next)) {
            out.push('\n');
        }
    }
    out.push_str("RCGC_END_DECLS\n\n");
    if let Some((name, _)) = area.only_if {
        let _ = write!(out, "#endif /* {name} */\n\n");
    }
    let _ = writeln!(out, "#endif /* {guard} */");
    Ok(out)
}

/// What one source declares, in its order.
fn items_of(path: &Path, source: &str) -> Result<Vec<Item>, String> {
    let mut items = parse(&declarations(path)?)?;
    for item in &mut items {
        item.position = position(source, &item.name)
            .ok_or_else(|| format!("{}: `{}` is not found", path.display(), item.name))?;
    }
    items.sort_by_key(|item| item.position);
    Ok(items)
}

/// Types that only pointers are made of, with what is said of them: `use ... as NAME;` with a comment before it.
fn handles(source: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let mut doc: Vec<String> = Vec::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text.trim().to_owned());
            continue;
        }
        let name = line.strip_prefix("use ").and_then(|rest| rest.rsplit_once(" as "));
        if let (Some((_, name)), false) = (name, doc.is_empty()) {
            found.push((name.trim_end_matches(';').to_owned(), std::mem::take(&mut doc)));
        }
        doc.clear();
    }
    found
}

/// What cbindgen makes of one source file: comments as `///` lines, each declaration on one line, a struct
/// over several.
fn declarations(path: &Path) -> Result<String, String> {
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        style: cbindgen::Style::Type,
        documentation_style: cbindgen::DocumentationStyle::Cxx,
        no_includes: true,
        line_length: 100_000,
        usize_is_size_t: true,
        sort_by: cbindgen::SortKey::None,
        ..cbindgen::Config::default()
    };
    config.function.args = cbindgen::Layout::Horizontal;
    config.function.prefix = Some("RCGC_API".to_owned());
    config.function.must_use = Some("RCGC_MUST_USE".to_owned());
    config.pointer.non_null_attribute = Some("RCGC_NONNULL".to_owned());
    let bindings = cbindgen::Builder::new()
        .with_src(path)
        .with_config(config)
        .generate()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    String::from_utf8(text).map_err(|error| error.to_string())
}

enum Kind {
    Constant,
    Type,
    Struct,
    Function,
}

struct Item {
    kind: Kind,
    name: String,
    doc: Vec<String>,
    /// The declaration; of a struct its members with their comments.
    lines: Vec<String>,
    position: usize,
}

/// Splits cbindgen's text into items.
fn parse(text: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut doc = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix("///") {
            doc.push(comment.trim().to_owned());
            continue;
        }
        let (kind, name, body) = if line == "typedef struct {" {
            let mut members = Vec::new();
            let mut name = String::new();
            for member in lines.by_ref() {
                if let Some(end) = member.strip_prefix("} ") {
                    name = end.trim_end_matches(';').to_owned();
                    break;
                }
                members.push(member.trim().to_owned());
            }
            (Kind::Struct, name, members)
        } else if let Some(rest) = line.strip_prefix("#define ") {
            let name = rest.split(' ').next().unwrap_or_default().to_owned();
            (Kind::Constant, name, vec![line.to_owned()])
        } else if line.starts_with("typedef ") {
            (Kind::Type, declared_name(line), vec![line.to_owned()])
        } else if line.starts_with("RCGC_API ") {
            (Kind::Function, declared_name(line), vec![line.to_owned()])
        } else {
            return Err(format!("cbindgen gave an unexpected line: {line}"));
        };
        let doc = std::mem::take(&mut doc);
        items.push(Item { kind, name, doc, lines: body, position: 0 });
    }
    Ok(items)
}

/// The name that a one-line declaration gives: `T (*NAME)(...)`, `T NAME(...)` or `typedef T NAME;`.
fn declared_name(line: &str) -> String {
    if let Some((_, rest)) = line.split_once("(*") {
        if line.starts_with("typedef ") {
            return rest.split(')').next().unwrap_or_default().to_owned();
        }
    }
    let before = line.split(['(', ';']).next().unwrap_or_default();
    before.rsplit([' ', '*']).next().unwrap_or_default().to_owned()
}

/// Where the source declares `name`.
fn position(source: &str, name: &str) -> Option<usize> {
    [("const ", ":"), ("type ", " ="), ("struct ", " {"), ("fn ", "(")]
        .iter()
        .find_map(|(before, after)| source.find(&format!("{before}{name}{after}")))
}

impl Item {
    /// Constants of one family stand together, without blank lines.
    fn runs_on_with(&self, next: &Item) -> bool {
        let family = |item: &Item| item.name.split('_').take(2).collect::<Vec<_>>().join("_");
        let constants = matches!((&self.kind, &next.kind), (Kind::Constant, Kind::Constant));
        constants && family(self) == family(next)
    }

    fn render(&self, items: &[Item], out: &mut String) {
        let prose = !matches!(self.kind, Kind::Function);
        comment(out, "", &self.doc, prose);
        match self.kind {
            Kind::Struct => self.render_struct(items, out),
            Kind::Function => {
                // `type` is a word of Rust's but none of C's.
                let mut line = self.lines.join(" ");
                line = line.replace("type_,", "type,").replace("type_)", "type)");
                for (_, parameter) in READ_ONLY.iter().filter(|(name, _)| *name == self.name) {
                    let marked = format!("*RCGC_NONNULL {parameter}");
                    line = line.replace(&format!("*{parameter}"), &marked);
                }
                prototype(out, &line);
            }
            Kind::Type => prototype(out, &self.lines.join(" ")),
            Kind::Constant => {
                let _ = writeln!(out, "{}", self.lines.join(" "));
            }
        }
    }

    fn render_struct(&self, items: &[Item], out: &mut String) {
        let _ = writeln!(out, "typedef struct {} {{", self.name);
        let mut doc = Vec::new();
        for line in &self.lines {
            if let Some(text) = line.strip_prefix("///") {
                doc.push(text.trim().to_owned());
                continue;
            }
            comment(out, "  ", &std::mem::take(&mut doc), true);
            let _ = writeln!(out, "  {}", line.replace("type_;", "type;"));
        }
        let _ = writeln!(out, "}} {};", self.name);
        if self.lines.iter().any(|line| line == "size_t struct_size;") {
            let macro_name = format!("{}_INIT", self.name.to_uppercase());
            let _ = write!(out, "\n/* An initialiser: all defaults. */\n");
            let line = format!("#define {macro_name} {}", self.initialisers(items));
            fill(out, &line, "  ", " \\");
        }
    }

    /// One initialiser for each member of a struct, in braces.
    fn initialisers(&self, items: &[Item]) -> String {
        let members = self.lines.iter().filter(|line| !line.starts_with("///"));
        let values: Vec<_> = members.map(|line| initialiser(&self.name, line, items)).collect();
        format!("{{ {} }}", values.join(", "))
    }
}

/// The initialiser of one member, such that no compiler warns of a missing or unfit one.
fn initialiser(owner: &str, member: &str, structs: &[Item]) -> String {
    let (kind, name) = member.trim_end_matches(';').rsplit_once(' ').unwrap_or(("", member));
    if name == "struct_size" {
        format!("sizeof({owner})")
    } else if name == "abi_tag" {
        "RCGC_ABI_TAG".to_owned()
    } else if name.starts_with('*') || kind.ends_with("_fn") {
        "RCGC_NULL".to_owned()
    } else if name.ends_with(']') {
        let element = structs.iter().find(|item| item.name == kind && matches!(item.kind, Kind::Struct));
        format!("{{ {} }}", element.map_or_else(|| "0".to_owned(), |inner| inner.initialisers(structs)))
    } else if let Some(inner) =
        structs.iter().find(|item| item.name == kind && matches!(item.kind, Kind::Struct))
    {
        inner.initialisers(structs)
    } else {
        "0".to_owned()
    }
}

/// The comment at the head of a file.
fn head(area: &Area, source: &str) -> String {
    let mut doc: Vec<String> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.trim().to_owned())
        .collect();
    if let Some(first) = doc.first_mut() {
        let name = format!("rcgc/{}.h", area.header);
        *first = first.replacen(&format!("`{name}`"), &name, 1);
    }
    doc.push(String::new());
    doc.push(format!("Generated from src/capi/{}.rs: do not edit, run `make headers`.", area.source));
    let mut out = String::new();
    comment(&mut out, "", &doc, true);
    out
}

fn includes(out: &mut String, list: &[&str]) {
    for ours in [false, true] {
        let mut any = false;
        for name in list.iter().filter(|name| name.starts_with("<rcgc/") == ours) {
            let _ = writeln!(out, "#include {name}");
            any = true;
        }
        if any {
            out.push('\n');
        }
    }
}

/// Whether a paragraph is one of the five labels of a function.
fn is_label(line: &str) -> bool {
    ["Ownership:", "Threads:", "May collect:", "Runs host code:", "Fails:"]
        .iter()
        .any(|label| line.starts_with(label))
}

/// Whether a line is a row of a table.
fn is_row(line: &str) -> bool {
    line.starts_with('|')
}

/// Sets a comment: paragraphs filled, labels and rows of tables each on a line of its own. `prose` closes it on its last line.
fn comment(out: &mut String, indent: &str, doc: &[String], prose: bool) {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut fresh = true;
    for line in doc {
        match paragraphs.last_mut() {
            _ if line.is_empty() => {
                if !fresh {
                    paragraphs.push(String::new());
                }
                fresh = true;
            }
            Some(last) if !fresh && !is_label(line) && !is_row(line) => {
                let _ = write!(last, " {line}");
            }
            _ => {
                paragraphs.push(line.clone());
                fresh = false;
            }
        }
    }
    if paragraphs.is_empty() {
        return;
    }
    let room = WIDTH - indent.len() - 3;
    let mut lines = Vec::new();
    for paragraph in &paragraphs {
        let hang = if is_label(paragraph) { "  " } else { "" };
        match is_row(paragraph) {
            true => lines.push(paragraph.clone()),
            false => lines.extend(filled(paragraph, room, hang)),
        }
    }
    let last = lines.len() - 1;
    for (index, line) in lines.iter().enumerate() {
        let open = if index == 0 { "/* " } else { " * " };
        let close = if prose && index == last { " */" } else { "" };
        let _ = writeln!(out, "{}", format!("{indent}{open}{line}{close}").trim_end());
    }
    if !prose {
        let _ = writeln!(out, "{indent} */");
    }
}

/// Fills words into lines of at most `room` columns (the close of a comment included), further lines after
/// `hang`.
fn filled(text: &str, room: usize, hang: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > hang.len() && line + 1 + word.chars().count() + 3 > room {
            lines.push(format!("{hang}{word}"));
        } else if let Some(last) = lines.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

/// Sets a prototype, parameters that do not fit below the first one.
fn prototype(out: &mut String, line: &str) {
    let line = line.trim_end();
    if line.len() <= WIDTH {
        let _ = writeln!(out, "{line}");
        return;
    }
    let open = line.rfind('(').map_or(4, |at| at + 1);
    fill(out, line, &" ".repeat(open), "");
}

/// Breaks a line after commas; `tail` ends each but the last.
fn fill(out: &mut String, line: &str, hang: &str, tail: &str) {
    let mut current = String::new();
    for part in line.split_inclusive(", ") {
        if !current.trim().is_empty() && current.len() + part.trim_end().len() + tail.len() > WIDTH {
            let _ = writeln!(out, "{}{tail}", current.trim_end());
            current = hang.to_owned();
        }
        current.push_str(part);
    }
    let _ = writeln!(out, "{}", current.trim_end());
}
