//! Budgets: rules about the numbers of a dump, one a line.
//!
//! ```text
//! [growth] METRIC OPERATOR LIMIT
//! METRIC   a number of the heap | type NAME NUMBER | site PATTERN NUMBER | query "EXPRESSION" NUMBER
//! LIMIT    12, 64M, 10ms; of growth also 10%
//! ```

use crate::findings::summary;
use crate::glob::fits;
use crate::heap::Heap;
use crate::query::{self, Compare, Query};

/// What rules may ask, for help.
pub const HELP: &str = "\
Of the heap: objects, references, bytes, external, total, pages, pages_peak, held, references_from_outside, \
garbage, garbage_bytes, full_collections, young_collections, longest_pause, followed, scope_violations. Of a \
type: objects, bytes, external, retained. Of sites: live_objects, live_bytes, made_objects, made_bytes, \
peak_bytes. Of a query: objects, bytes. Operators: <= < = >= >.";

/// What is measured.
#[derive(Clone, PartialEq, Debug)]
enum Metric {
    Heap(String),
    Type(String, String),
    Site(String, String),
    Query(Query, String),
}

/// What a number counts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Unit {
    Count,
    Bytes,
    Time,
}

/// One rule.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// As it stands in the file.
    pub text: String,
    /// From 1.
    pub line: usize,
    pub is_growth: bool,
    metric: Metric,
    compare: Compare,
    /// Of shares thousandths of a percent.
    pub limit: i128,
    pub is_share: bool,
}

const HEAP: [&str; 16] = [
    "objects",
    "references",
    "bytes",
    "external",
    "total",
    "pages",
    "pages_peak",
    "held",
    "references_from_outside",
    "garbage",
    "garbage_bytes",
    "full_collections",
    "young_collections",
    "longest_pause",
    "followed",
    "scope_violations",
];
const OF_TYPE: [&str; 4] = ["objects", "bytes", "external", "retained"];
const OF_SITE: [&str; 5] = ["live_objects", "live_bytes", "made_objects", "made_bytes", "peak_bytes"];
const OF_QUERY: [&str; 2] = ["objects", "bytes"];

/// Reads all rules; a failure has its line.
pub fn parse(text: &str) -> Result<Vec<Rule>, (usize, String)> {
    let mut rules = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let (words, rest) = words(line).map_err(|what| (number, what))?;
        if !words.is_empty() {
            let text = line.strip_suffix(rest).unwrap_or(line).trim();
            rules.push(rule(&words, text, number).map_err(|what| (number, what))?);
        }
    }
    Ok(rules)
}

/// The words of a line; what stands in quotes is one. Operators need no blanks around them. And the comment.
fn words(line: &str) -> Result<(Vec<String>, &str), String> {
    let mut all = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '#' {
            break;
        }
        let len = match first {
            '"' => match rest[1..].find('"') {
                Some(len) => {
                    all.push(rest[1..1 + len].to_owned());
                    rest = rest[len + 2..].trim_start();
                    continue;
                }
                None => return Err("the quote does not end".to_owned()),
            },
            '<' | '>' | '=' => rest.find(|of| !"<>=".contains(of)).unwrap_or(rest.len()),
            _ => rest.find(|of: char| of.is_whitespace() || "<>=#".contains(of)).unwrap_or(rest.len()),
        };
        all.push(rest[..len].to_owned());
        rest = rest[len..].trim_start();
    }
    Ok((all, rest))
}

fn one_of(word: Option<&String>, known: &[&str], of: &str) -> Result<String, String> {
    let list = || known.join(", ");
    match word {
        Some(word) if known.contains(&word.as_str()) => Ok(word.clone()),
        Some(word) => Err(format!("`{word}` is no number of {of}; known are {}", list())),
        None => Err(format!("a number of {of} is missing: {}", list())),
    }
}

fn rule(words: &[String], text: &str, line: usize) -> Result<Rule, String> {
    let is_growth = words[0] == "growth";
    let mut words = words.iter().skip(usize::from(is_growth));
    let first = words.next().ok_or("a number of the heap is missing")?;
    let metric = match first.as_str() {
        "type" => {
            let name = words.next().ok_or("the name of a type is missing")?;
            Metric::Type(name.clone(), one_of(words.next(), &OF_TYPE, "a type")?)
        }
        "site" => {
            let pattern = words.next().ok_or("a pattern of sites is missing")?;
            Metric::Site(pattern.clone(), one_of(words.next(), &OF_SITE, "sites")?)
        }
        "query" => {
            let text = words.next().ok_or("an expression is missing")?;
            let query = query::parse(text).map_err(|wrong| format!("expression: {wrong}"))?;
            Metric::Query(query, one_of(words.next(), &OF_QUERY, "a query")?)
        }
        _ => Metric::Heap(one_of(Some(first), &HEAP, "the heap")?),
    };
    let compare = match words.next().map(String::as_str) {
        Some("<=") => Compare::LessOrEqual,
        Some("<") => Compare::Less,
        Some("=" | "==") => Compare::Equal,
        Some(">=") => Compare::GreaterOrEqual,
        Some(">") => Compare::Greater,
        Some(other) => return Err(format!("`{other}` is no operator; there are <= < = >= >")),
        None => return Err("an operator and a limit are missing".to_owned()),
    };
    let mut limit = words.next().ok_or("a limit is missing")?.clone();
    // A unit may stand apart: "64 MiB", "10 %".
    limit.extend(words.next().map(String::as_str));
    if let Some(more) = words.next() {
        return Err(format!("`{more}` is behind the limit"));
    }
    let mut rule = Rule {
        text: text.to_owned(),
        line,
        is_growth,
        metric,
        compare,
        limit: 0,
        is_share: limit.ends_with('%'),
    };
    let value = match limit.strip_suffix('%') {
        Some(_) if !is_growth => return Err("only growth has a limit in percent".to_owned()),
        Some(share) => share.parse::<f64>().ok().filter(|of| of.is_finite()).map(|of| (of * 1000.0) as i128),
        None => query::number_with_unit(&limit, rule.unit() == Unit::Time),
    };
    rule.limit = value.ok_or_else(|| match rule.unit() {
        Unit::Time => format!("`{limit}` is no time: a number with ns, us, ms or s"),
        _ => format!("`{limit}` is no number"),
    })?;
    Ok(rule)
}

impl Rule {
    pub fn unit(&self) -> Unit {
        let name = match &self.metric {
            Metric::Heap(name) | Metric::Type(_, name) | Metric::Site(_, name) | Metric::Query(_, name) => {
                name
            }
        };
        let is_bytes = ["bytes", "external", "total", "pages", "retained"].iter().any(|of| name.contains(of));
        match name.as_str() {
            "longest_pause" => Unit::Time,
            _ if is_bytes => Unit::Bytes,
            _ => Unit::Count,
        }
    }

    pub fn compare_text(&self) -> &'static str {
        match self.compare {
            Compare::Equal => "=",
            Compare::NotEqual => "!=",
            Compare::Less => "<",
            Compare::LessOrEqual => "<=",
            Compare::Greater => ">",
            Compare::GreaterOrEqual => ">=",
        }
    }

    /// Whether a value keeps the rule.
    pub fn is_kept(&self, value: u64, before: u64) -> bool {
        let (value, before) = (i128::from(value), i128::from(before));
        let growth = value - before;
        match (self.is_growth, self.is_share) {
            (false, _) => self.compare.holds(value, self.limit),
            (true, false) => self.compare.holds(growth, self.limit),
            // Thousandths of a percent of what was there before, without division.
            (true, true) => self.compare.holds(growth * 100_000, self.limit * before),
        }
    }

    /// The number of a dump. A type that it does not have has none of anything.
    pub fn value(&self, heap: &Heap) -> Result<u64, String> {
        match &self.metric {
            Metric::Heap(name) if name == "scope_violations" => match heap.dump.accounts.totals {
                Some(totals) => Ok(totals.scope_violations),
                None => Err(format!("{}: the heap was not profiled: no scopes", heap.dump.path)),
            },
            Metric::Heap(name) => Ok(of_heap(heap, name)),
            Metric::Type(kind, name) => Ok(of_type(heap, kind, name)),
            Metric::Site(pattern, name) => of_sites(heap, pattern, name),
            Metric::Query(query, name) => {
                let found = heap.dump.all().filter(|&object| query.holds(heap, object));
                Ok(match name.as_str() {
                    "objects" => found.count() as u64,
                    _ => found.fold(0, |sum, object| sum.saturating_add(heap.size(object))),
                })
            }
        }
    }
}

fn of_heap(heap: &Heap, name: &str) -> u64 {
    let dump = heap.dump;
    let books = &dump.books;
    let accounts = &dump.accounts;
    let external = || dump.objects.external.iter().fold(0u64, |sum, of| sum.saturating_add(of.1));
    let outside = || dump.all().filter(|&object| heap.outside(object) > 0);
    match name {
        "objects" => dump.len() as u64,
        "references" => dump.edges.targets.len() as u64,
        "bytes" => heap.total().saturating_sub(external()),
        "external" => external(),
        "total" => heap.total(),
        "pages" => books.heap_bytes,
        "pages_peak" => books.heap_bytes_peak,
        "held" => outside().count() as u64,
        "references_from_outside" => outside().map(|object| heap.outside(object) as u64).sum(),
        "garbage" => summary::garbage(heap).objects,
        "garbage_bytes" => summary::garbage(heap).bytes,
        "full_collections" => books.full.runs,
        "young_collections" => books.young.runs,
        "longest_pause" => books.full.pause_ns_max.max(books.young.pause_ns_max),
        _ => accounts.followed.len() as u64,
    }
}

fn of_type(heap: &Heap, kind: &str, name: &str) -> u64 {
    let dump = heap.dump;
    let kinds: Vec<u32> =
        (0..dump.types.len() as u32).filter(|&number| dump.type_name(number) == kind).collect();
    if name == "retained" {
        let retained = heap.retained_by_type();
        return kinds.iter().fold(0, |sum, &kind| sum.saturating_add(retained[kind as usize]));
    }
    let objects = dump.all().filter(|&object| kinds.contains(&dump.objects.kind[object as usize]));
    match name {
        "objects" => objects.count() as u64,
        "bytes" => objects.fold(0, |sum, object| sum.saturating_add(dump.bytes_of(object))),
        _ => objects.fold(0, |sum, object| sum.saturating_add(dump.external_of(object))),
    }
}

fn of_sites(heap: &Heap, pattern: &str, name: &str) -> Result<u64, String> {
    let dump = heap.dump;
    if dump.accounts.totals.is_none() {
        return Err(format!("{}: the heap was not profiled: no sites", dump.path));
    }
    if !dump.accounts.counts_sites() {
        return Err(format!("{}: the profile samples stacks alone: no sites", dump.path));
    }
    let found = dump.accounts.sites.iter().filter(|site| {
        fits(pattern, &dump.place_text(site.place)) || fits(pattern, &dump.function_text(site.place))
    });
    Ok(found.fold(0, |sum, site| {
        sum.saturating_add(match name {
            "live_objects" => site.live_objects(),
            "live_bytes" => site.live_bytes(),
            "made_objects" => site.allocated_objects,
            "made_bytes" => site.allocated_bytes,
            _ => site.peak_bytes,
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Rule {
        match parse(text) {
            Ok(rules) if rules.len() == 1 => rules[0].clone(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn rules_are_read() {
        let rules = parse("# all\n\nbytes <= 64M   # more\ngrowth type \"a b\" objects<10 %\n").unwrap();
        assert_eq!(rules.iter().map(|rule| rule.line).collect::<Vec<_>>(), [3, 4]);
        assert_eq!((rules[0].limit, rules[0].unit()), (64 << 20, Unit::Bytes));
        assert_eq!(rules[0].text, "bytes <= 64M");
        assert_eq!(rules[1].metric, Metric::Type("a b".to_owned(), "objects".to_owned()));
        assert!(rules[1].is_growth && rules[1].is_share && rules[1].limit == 10_000);
        assert_eq!(one("longest_pause <= 10 ms").limit, 10_000_000);
        assert_eq!(one("growth bytes <= -5").limit, -5);
        assert!(matches!(one("query \"held and type=A\" objects = 0").metric, Metric::Query(..)));
    }

    #[test]
    fn limits_hold_at_their_borders() {
        let rule = one("objects <= 5");
        assert!(rule.is_kept(5, 0) && !rule.is_kept(6, 0));
        let rule = one("growth objects <= 10%");
        assert!(
            rule.is_kept(110, 100) && !rule.is_kept(111, 100) && rule.is_kept(0, 0) && !rule.is_kept(1, 0)
        );
        let rule = one("growth objects <= 12.5 %");
        assert!(rule.is_kept(9, 8) && !rule.is_kept(10, 8) && rule.is_kept(1, 8));
        let rule = one("growth bytes < 0");
        assert!(rule.is_kept(1, 2) && !rule.is_kept(2, 2));
        assert!(one("growth bytes <= 1%").is_kept(u64::MAX, u64::MAX));
    }

    #[test]
    fn mistakes_have_their_line() {
        for (text, line, words) in [
            ("bytes <= 1\nbites <= 2", 2, "`bites` is no number of the heap"),
            ("bytes", 1, "operator"),
            ("bytes <=", 1, "limit is missing"),
            ("bytes <= 10%", 1, "percent"),
            ("bytes <= much", 1, "no number"),
            ("longest_pause <= 10", 1, "no time"),
            ("type Node colour <= 1", 1, "colour"),
            ("query \"size>\" objects <= 1", 1, "column 6"),
            ("type \"Node", 1, "quote"),
            ("bytes != 3", 1, "operator"),
            ("bytes <= 1 M more", 1, "behind the limit"),
            ("growth", 1, "missing"),
        ] {
            match parse(text) {
                Err((at, what)) => assert!(at == line && what.contains(words), "{text}: {at}: {what}"),
                Ok(rules) => panic!("{text}: {rules:?}"),
            }
        }
    }
}
