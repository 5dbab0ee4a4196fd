//! The variables of the environment: `RCGC_RANGE_BYTES`, `RCGC_PROFILE`, `RCGC_CHECK` and `RCGC_WATCH`. The one place that reads them.
//!
//! - A program that has more rights than who started it (set-user-id, set-group-id, capabilities of its file) obeys none:
//!   they say which files are written.
//! - What cannot be obeyed is said, once: which variable, what it holds, what would be right.

use crate::base::report::{self, Level};
use crate::sys::{self, Variable};
use core::ffi::CStr;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

/// The text of a variable that is to be obeyed; an empty one is none.
///
/// # Safety
/// - As [`sys::variable`].
pub unsafe fn text<'a>(name: &CStr) -> Option<&'a CStr> {
    match sys::variable(name) {
        Variable::Unset => None,
        Variable::Text(text) => Some(text),
        Variable::Forbidden => {
            refuse(
                name,
                c"",
                format_args!("not obeyed, since the program has more rights than who started it"),
            );
            None
        }
    }
}

/// Says why a variable is not obeyed, unless that was said last.
#[cold]
#[inline(never)]
pub fn refuse(name: &CStr, text: &CStr, why: fmt::Arguments<'_>) {
    // One word is enough for what two variables have: a heap that is made looks at both in the same order.
    // ORDER: relaxed: the word is all there is; two threads at once may both say it.
    static SAID: AtomicU64 = AtomicU64::new(0);
    let both = name.to_bytes().iter().chain(text.to_bytes_with_nul());
    let hash = both.fold(1u64, |hash, &byte| (hash ^ byte as u64).wrapping_mul(0x100_0000_01b3));
    if SAID.swap(hash, Ordering::Relaxed) != hash {
        report::log(Level::Warning, format_args!("{}: {why}", report::CText(name.as_ptr())));
    }
}

/// A number of bytes of a variable that is to be obeyed, if it is one.
///
/// # Safety
/// - As [`text`].
pub unsafe fn bytes(name: &CStr) -> Option<u64> {
    let text = text(name)?;
    let value = whole_number(text.to_bytes());
    if value.is_none() {
        refuse(
            name,
            text,
            format_args!(
                "\"{}\" is no number of bytes: a whole number below 2^64, in digits or 0x and hexadecimal digits, \
                 or with K, M or G behind it; the default is taken",
                report::CText(text.as_ptr())
            ),
        );
    }
    value
}

/// The number of the word that a variable holds, which is to be one of some; 0 where it is not set or not obeyed.
///
/// # Safety
/// - As [`text`].
pub unsafe fn one_of(name: &CStr, words: &[&CStr]) -> usize {
    let Some(text) = text(name) else { return 0 };
    match words.iter().position(|word| *word == text) {
        Some(number) => number,
        None => {
            refuse(
                name,
                text,
                format_args!("\"{}\" is unknown: {} is right", report::CText(text.as_ptr()), Words(words)),
            );
            0
        }
    }
}

/// Words for a sentence: "a or b".
struct Words<'a>(&'a [&'a CStr]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(number, word)| {
            let between = if number == 0 { "" } else { " or " };
            write!(out, "{between}{}", report::CText(word.as_ptr()))
        })
    }
}

/// A whole number: decimal digits, and K, M or G if need be; or hexadecimal digits behind `0x`.
pub fn whole_number(text: &[u8]) -> Option<u64> {
    if let Some(digits) = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X")) {
        return in_digits(digits, 16);
    }
    let (digits, factor) = match text.split_last()? {
        (b'K' | b'k', digits) => (digits, 1 << 10),
        (b'M' | b'm', digits) => (digits, 1 << 20),
        (b'G' | b'g', digits) => (digits, 1 << 30),
        _ => (text, 1u64),
    };
    in_digits(digits, 10)?.checked_mul(factor)
}

fn in_digits(digits: &[u8], base: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &byte| {
        let digit = char::from(byte).to_digit(base)?;
        value.checked_mul(base as u64)?.checked_add(digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_strictly() {
        for (text, value) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("64M", Some(64 << 20)),
            ("2g", Some(2 << 30)),
            ("0x1F", Some(31)),
            ("0xffffffffffffffff", Some(u64::MAX)),
        ] {
            assert_eq!(whole_number(text.as_bytes()), value, "{text}");
        }
        for bad in [
            "",
            "K",
            "-1",
            "+1",
            " 1",
            "1 ",
            "1.5",
            "1KB",
            "1T",
            "0x",
            "0xg",
            "18446744073709551616",
            "99999999999G",
        ] {
            assert_eq!(whole_number(bad.as_bytes()), None, "{bad}");
        }
    }
}
