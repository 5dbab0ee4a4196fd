//! A small language that chooses objects: `type=Session and outside>0 and age>10s`.
//!
//! | file | subject |
//! |---|---|
//! | `parse` | from text to an expression, with the place of what is wrong |
//! | this | what there is to ask, and the answer for one object |

mod parse;

pub use parse::{number_with_unit, parse};

use crate::dump::Object;
use crate::glob::fits;
use crate::heap::{Fate, Heap};
use rcgc_format::graph::NONE;
use rcgc_format::object_flag;

/// What may stand in an expression, for help and messages.
pub const HELP: &str = "\
Numbers: size, external, bytes (both), retained, count, outside, refs (to it), edges (from it), handles, \
length, serial, number; age, in ns, us, ms, s, m, h. Texts: type, site (file:line), function, file, owner (a \
type). Yes or no: held, garbage, uncollectable, young, tracked, frozen, finalized, immortal. Operators: = != < <= > >=, for \
texts ~ and !~ with patterns (* and ?); and, or, not, parentheses. Numbers may end in K, M, G.";

/// A number of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Number {
    Size,
    External,
    Bytes,
    Retained,
    Count,
    Outside,
    Refs,
    Edges,
    Handles,
    Length,
    Serial,
    Ordinal,
    Age,
}

/// A text of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Text {
    Type,
    Site,
    Function,
    File,
    Owner,
}

/// Whether an object is something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Is {
    Held,
    Garbage,
    /// Garbage that no collection ends.
    Uncollectable,
    Flag(u64),
}

/// How numbers compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    pub fn holds(self, left: i128, right: i128) -> bool {
        match self {
            Compare::Equal => left == right,
            Compare::NotEqual => left != right,
            Compare::Less => left < right,
            Compare::LessOrEqual => left <= right,
            Compare::Greater => left > right,
            Compare::GreaterOrEqual => left >= right,
        }
    }
}

/// One step of an expression in postfix order, so that depth costs no stack.
#[derive(Clone, PartialEq, Debug)]
enum Step {
    Number(Number, Compare, i128),
    Text { text: Text, value: String, is_pattern: bool, negated: bool },
    Is(Is),
    Not,
    And,
    Or,
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    steps: Vec<Step>,
}

impl Query {
    /// Whether an object is chosen.
    pub fn holds(&self, heap: &Heap, object: Object) -> bool {
        let mut stack: Vec<bool> = Vec::new();
        for step in &self.steps {
            let value = match step {
                Step::Number(number, compare, value) => {
                    number_of(heap, object, *number).is_some_and(|of| compare.holds(of, *value))
                }
                Step::Text { text, value, is_pattern, negated } => {
                    let of = text_of(heap, object, *text);
                    of.is_some_and(|of| if *is_pattern { fits(value, &of) } else { of == *value }) != *negated
                }
                Step::Is(what) => is(heap, object, *what),
                Step::Not => !stack.pop().unwrap_or(false),
                Step::And | Step::Or => {
                    let [right, left] = [(); 2].map(|()| stack.pop().unwrap_or(false));
                    if *step == Step::And {
                        left && right
                    } else {
                        left || right
                    }
                }
            };
            stack.push(value);
        }
        stack.pop().unwrap_or(false)
    }

    /// Whether it asks for something that only a profile knows.
    pub fn needs_profile(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Number(number, ..) => matches!(number, Number::Age | Number::Serial),
            Step::Text { text, .. } => matches!(text, Text::Site | Text::Function | Text::File),
            _ => false,
        })
    }
}

/// None: not known of this object; then no comparison holds.
fn number_of(heap: &Heap, object: Object, number: Number) -> Option<i128> {
    let dump = heap.dump;
    let value = match number {
        Number::Size => dump.bytes_of(object),
        Number::External => dump.external_of(object),
        Number::Bytes => heap.size(object),
        Number::Retained => heap.owners().retained[object as usize],
        Number::Count => u64::from(dump.objects.count[object as usize]),
        Number::Outside => return Some(i128::from(heap.outside(object))),
        Number::Refs => heap.sources().range(object).len() as u64,
        Number::Edges => dump.graph().range(object).len() as u64,
        Number::Handles => dump.handles_of(object),
        Number::Length => dump.length_of(object)?,
        Number::Serial => Some(dump.serial_of(object)).filter(|&serial| serial != 0)?,
        Number::Ordinal => u64::from(object),
        Number::Age => dump.age_ns_of(object)?,
    };
    Some(i128::from(value))
}

fn text_of(heap: &Heap, object: Object, text: Text) -> Option<String> {
    let dump = heap.dump;
    let place = || dump.site_of(object).map(|site| dump.accounts.sites[site].place);
    match text {
        Text::Type => Some(dump.name_of_type_of(object).into_owned()),
        Text::Site => place().map(|place| dump.place_text(place)),
        Text::Function => place().map(|place| dump.function_text(place)),
        Text::File => place().and_then(|place| dump.text(place.file)).map(|file| file.into_owned()),
        Text::Owner => match heap.owners().dominator[object as usize] {
            NONE => None,
            owner => Some(dump.name_of_type_of(owner).into_owned()),
        },
    }
}

fn is(heap: &Heap, object: Object, what: Is) -> bool {
    match what {
        Is::Held => heap.is_held(object),
        Is::Garbage => !heap.is_alive(object),
        Is::Uncollectable => !heap.is_alive(object) && heap.fate(object) != Fate::Ends,
        Is::Flag(flag) => heap.dump.has_flag(object, flag),
    }
}

const NUMBERS: [(&str, Number); 13] = [
    ("size", Number::Size),
    ("external", Number::External),
    ("bytes", Number::Bytes),
    ("retained", Number::Retained),
    ("count", Number::Count),
    ("outside", Number::Outside),
    ("refs", Number::Refs),
    ("edges", Number::Edges),
    ("handles", Number::Handles),
    ("length", Number::Length),
    ("serial", Number::Serial),
    ("number", Number::Ordinal),
    ("age", Number::Age),
];

const TEXTS: [(&str, Text); 5] = [
    ("type", Text::Type),
    ("site", Text::Site),
    ("function", Text::Function),
    ("file", Text::File),
    ("owner", Text::Owner),
];

const STATES: [(&str, Is); 8] = [
    ("held", Is::Held),
    ("garbage", Is::Garbage),
    ("uncollectable", Is::Uncollectable),
    ("young", Is::Flag(object_flag::YOUNG)),
    ("tracked", Is::Flag(object_flag::TRACKED)),
    ("frozen", Is::Flag(object_flag::FROZEN)),
    ("finalized", Is::Flag(object_flag::FINALIZED)),
    ("immortal", Is::Flag(object_flag::IMMORTAL)),
];
