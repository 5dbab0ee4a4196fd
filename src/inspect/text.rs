//! Answers as text: into the host's buffer, cut where that ends, with the length that all of it has.

use super::paths::{self, Question, Step, Verdict, View, Why};
use super::query::{Failure, Query};
use crate::base::report::CText;
use crate::heap::Heap;
use crate::object::edges::NO_INDEX;
use core::ffi::{c_char, c_void};
use core::fmt::{self, Display, Write};

/// A C string under construction in memory of somebody else.
pub struct Text {
    start: *mut c_char,
    room: usize,
    /// Bytes that the whole text has, without the NUL.
    pub len: usize,
}

impl Text {
    /// An empty text; null with no room only counts.
    ///
    /// # Safety
    /// - `start` has `room` bytes.
    pub unsafe fn new(start: *mut c_char, room: usize) -> Self {
        let text = Text { start, room, len: 0 };
        text.end();
        text
    }

    fn end(&self) {
        if self.room != 0 {
            // SAFETY: inside the room.
            unsafe { *self.start.add(self.len.min(self.room - 1)) = 0 };
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.len + 1 < self.room {
                // Names are the host's: a newline in one must not look like the end of a line.
                let shown = if byte < b' ' || byte == 0x7f { b' ' } else { byte };
                // SAFETY: below the room.
                unsafe { *self.start.add(self.len) = shown as c_char };
            }
            self.len += 1;
        }
        self.end();
        Ok(())
    }
}

/// A number with a comma between thousands.
pub struct Number(pub u64);

impl Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut divisor = 1u64;
        while self.0 / divisor >= 1000 {
            divisor *= 1000;
        }
        write!(out, "{}", self.0 / divisor)?;
        while divisor > 1 {
            divisor /= 1000;
            write!(out, ",{:03}", self.0 / divisor % 1000)?;
        }
        Ok(())
    }
}

/// Bytes, in the largest unit of which there is at least one.
pub struct Bytes(pub u64);

impl Display for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return write!(out, "{} B", self.0);
        }
        let power = ((63 - self.0.leading_zeros()) / 10).min(UNITS.len() as u32);
        let tenths = (self.0 >> (10 * (power - 1))).saturating_mul(10) >> 10;
        write!(out, "{}.{} {}", tenths / 10, tenths % 10, UNITS[power as usize - 1])
    }
}

/// "1 reference from outside", "2 references from outside".
struct FromOutside(i64);

impl Display for FromOutside {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(out, "{} reference{plural} from outside", Number(self.0.max(0) as u64))
    }
}

/// An edge as it is written everywhere: `Type.name[index]`.
pub struct EdgeText {
    /// The name of the type that the edge comes from.
    pub type_name: *const c_char,
    /// The edge's name; null: unknown.
    pub name: *const c_char,
    /// The edge's index.
    pub index: usize,
}

impl Display for EdgeText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.", CText(self.type_name))?;
        if self.name.is_null() {
            out.write_str("?")?;
        } else {
            write!(out, "{}", CText(self.name))?;
        }
        if self.index != NO_INDEX {
            write!(out, "[{}]", self.index)?;
        }
        Ok(())
    }
}

/// Edges of a path that are shown at each of its ends.
const SHOWN: usize = 8;

/// The first and the last edges of a path.
struct Ends {
    first: [Option<Step>; SHOWN],
    last: [Option<Step>; SHOWN],
    edges: usize,
}

impl Ends {
    fn new() -> Self {
        Ends { first: [None; SHOWN], last: [None; SHOWN], edges: 0 }
    }

    /// Takes a step. The last one of a path, which has no edge, is taken like the others and not shown.
    fn take(&mut self, number: usize, step: Step) {
        if let Some(place) = self.first.get_mut(number) {
            *place = Some(step);
        }
        self.last[number % SHOWN] = Some(step);
        self.edges = number;
    }
}

impl Display for Ends {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for number in 0..self.edges {
            // The ring of the last ones has the end of the path, too.
            let back = self.edges - number;
            let step = match number {
                0..SHOWN => self.first[number],
                _ if back < SHOWN => self.last[number % SHOWN],
                _ => None,
            };
            let Some(step) = step else {
                if number == SHOWN {
                    write!(out, " -> ({} more)", Number((self.edges - 2 * SHOWN + 1) as u64))?;
                }
                continue;
            };
            // SAFETY: a step's object is one, and so its type is live.
            let type_name = unsafe { (*step.ty).name };
            let arrow = if number == 0 { "" } else { " -> " };
            write!(out, "{arrow}{}", EdgeText { type_name, name: step.name, index: step.index })?;
        }
        Ok(())
    }
}

/// Writes the sentence that says what keeps an object alive.
///
/// # Safety
/// - The session is fresh and at rest.
pub unsafe fn explain(
    query: &mut Query,
    heap: *mut Heap,
    obj: *mut c_void,
    text: &mut Text,
) -> Result<(), Failure> {
    let mut ends = Ends::new();
    let mut view = View::Host;
    let mut why = ask(query, heap, obj, view, &mut ends)?;
    if why.verdict == Verdict::Garbage {
        view = View::Collector;
        why = ask(query, heap, obj, view, &mut ends)?;
    }
    let name = (*crate::object::type_of(obj)).name();
    // A text never fails.
    let _ = write!(text, "{name} {obj:p} ");
    let _ = sentence(&why, obj, view, &ends, text);
    Ok(())
}

unsafe fn ask(
    query: &mut Query,
    heap: *mut Heap,
    obj: *mut c_void,
    view: View,
    ends: &mut Ends,
) -> Result<Why, Failure> {
    let steps = &mut |number, step| ends.take(number, step);
    paths::why(query, heap, obj, &mut Question { view, most: 1, paths: &mut |_, _| {}, steps })
}

unsafe fn sentence(why: &Why, obj: *mut c_void, view: View, ends: &Ends, out: &mut Text) -> fmt::Result {
    match why.verdict {
        Verdict::Garbage => return out.write_str("is kept by nothing: the next full collection ends it"),
        Verdict::OtherHeap => return out.write_str("is another heap's"),
        Verdict::Dying => return out.write_str("is dying"),
        Verdict::Resurrected => out.write_str("was brought back by its finalizer and ")?,
        _ => {}
    }
    if why.holder == obj {
        return match why.holder_verdict {
            Verdict::Immortal => out.write_str("is immortal"),
            Verdict::FinalizerDue => out.write_str("waits for gc_run_finalizers"),
            Verdict::Frozen => out.write_str("is frozen"),
            Verdict::Untracked => out.write_str("is not tracked, so no collection looks at it"),
            Verdict::TooManyEdges => {
                write!(out, "is kept because {} more edges lead to it than it has references", -why.external)
            }
            _ => write!(out, "is held by {}", FromOutside(why.external)),
        };
    }
    out.write_str("is kept alive by ")?;
    match why.holder_verdict {
        Verdict::Immortal => out.write_str("an immortal object")?,
        Verdict::FinalizerDue => out.write_str("an object whose finalizer is due")?,
        Verdict::TooManyEdges => out.write_str("an object with more edges to it than references")?,
        Verdict::Frozen if view == View::Collector => out.write_str("a frozen object")?,
        Verdict::Untracked if view == View::Collector => out.write_str("an object that is not tracked")?,
        _ => write!(out, "{}", FromOutside(why.holder_external))?,
    }
    write!(out, ", path {ends}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bytes() {
        let shown = |number| format!("{}", Number(number));
        assert_eq!((shown(0), shown(999), shown(1000)), ("0".into(), "999".into(), "1,000".into()));
        assert_eq!((shown(12031), shown(1_000_007)), ("12,031".into(), "1,000,007".into()));
        assert_eq!(shown(u64::MAX), "18,446,744,073,709,551,615");
        let bytes = |number| format!("{}", Bytes(number));
        assert_eq!((bytes(0), bytes(1023), bytes(1024)), ("0 B".into(), "1023 B".into(), "1.0 KiB".into()));
        assert_eq!((bytes(1_468_006), bytes(3 << 30)), ("1.3 MiB".into(), "3.0 GiB".into()));
        assert_eq!(bytes(u64::MAX), "16383.9 PiB");
    }

    #[test]
    fn a_text_is_cut_and_counted() {
        let mut room = [7 as c_char; 8];
        // SAFETY: the room is there.
        let mut text = unsafe { Text::new(room.as_mut_ptr(), 6) };
        let _ = text.write_str("ab\ncdefg");
        assert_eq!(text.len, 8);
        assert_eq!(room.map(|byte| byte as u8), *b"ab cd\0\x07\x07");
    }
}
