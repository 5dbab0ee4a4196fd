//! Rows: arrays of structs that a host has room for. Each begins with its size, and all are as large as the first says.

use super::boundary::{is_struct_size, write_struct, Answer, Call};

/// Writes values into rows of the host's, as many as there is room for; null: none. Returns how many values there are; err
/// is a sentence.
pub(super) unsafe fn put_all<T>(
    to: *mut T,
    room: usize,
    values: impl Iterator<Item = T>,
) -> Result<usize, &'static str> {
    let size = if to.is_null() || room == 0 { 0 } else { *(to as *const usize) };
    let mut count = 0;
    for value in values {
        if !to.is_null() && count < room {
            let row = (to as *mut u8).add(count * size) as *mut T;
            write_struct(row, size, &value)?;
            *(row as *mut usize) = size;
        }
        count += 1;
    }
    Ok(count)
}

impl Call {
    /// As [`put_all`]; what is wrong with the rows is said.
    pub(super) unsafe fn put_rows<T>(
        self,
        to: *mut T,
        room: usize,
        values: impl Iterator<Item = T>,
    ) -> Answer<usize> {
        put_all(to, room, values).or_else(|why| self.bad_rows(why))
    }

    /// The answer to an array that cannot take rows.
    pub(super) unsafe fn bad_rows<T>(self, why: &str) -> Answer<T> {
        self.invalid(format_args!("out_rows: {why}"))
    }
}

/// Rows that are written one at a time.
pub(super) struct Rows<T> {
    start: *mut T,
    room: usize,
    size: usize,
}

impl<T> Rows<T> {
    /// Looks at the first row's size.
    pub(super) unsafe fn of(call: Call, start: *mut T, room: usize) -> Answer<Self> {
        if room == 0 {
            return Ok(Rows { start, room, size: 0 });
        }
        call.needs(!start.is_null(), "there is room for rows, and they are null")?;
        let size = *(start as *const usize);
        call.needs(
            is_struct_size(size),
            "struct_size of the first row is not the size of the struct; begin with its _INIT macro",
        )?;
        Ok(Rows { start, room, size })
    }

    /// Writes a row, if there is room for it.
    pub(super) unsafe fn put(&self, number: usize, row: &T) {
        if number < self.room {
            let to = (self.start as *mut u8).add(number * self.size) as *mut T;
            // The size was looked at.
            let _ = write_struct(to, self.size, row);
            *(to as *mut usize) = self.size;
        }
    }
}
