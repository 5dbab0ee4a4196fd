//! Where code lies: the programs and libraries of the process, as the loader lists them, and those that were unloaded
//! since, for the stacks that were taken while they were there.
//!
//! The loader counts what it loads and unloads, so that looking again costs nothing while that is the same. What found
//! no memory is counted: frames in it stay addresses, which the log and the dump say.

use crate::base::list::List;
use crate::base::sort;
use crate::base::string;
use crate::sys::{self, errno};
use core::ffi::{c_char, c_int, c_void, CStr};
use core::mem;
use core::ptr;

/// Bytes of a build id at most.
const BUILD_ID_BYTES: usize = 20;
/// Unloaded pieces that are remembered at most.
const GONE_MAX: usize = 1024;

/// A piece of a program or library that holds code.
#[derive(Clone, Copy)]
pub struct Mapping {
    /// Its first address.
    pub start: usize,
    /// The address behind its last.
    pub end: usize,
    /// Where it lies in its file.
    pub offset: u64,
    /// The file; ours, null for out of memory.
    pub path: *const c_char,
    /// The file's build id in hexadecimal digits; empty when it has none.
    pub build_id: [u8; 2 * BUILD_ID_BYTES + 1],
    /// It was unloaded: there is nothing to be read any more.
    gone: bool,
    /// It is libc's.
    libc: bool,
}

/// All of them. Zeroed memory is none.
pub struct Code {
    /// In the order of their addresses.
    mappings: List<Mapping>,
    /// What the loader has loaded and unloaded, as of the last look.
    loaded: u64,
    unloaded: u64,
    /// Pieces that found no memory.
    lost: u64,
}

/// What one look gathers.
struct Look<'a> {
    before: &'a Code,
    mappings: List<Mapping>,
    loaded: u64,
    unloaded: u64,
    lost: u64,
    /// Of the programs and libraries, how many were told.
    told: u64,
    /// Nothing was loaded or unloaded since.
    same: bool,
}

impl Code {
    /// Looks what is there now.
    pub fn look(&mut self) {
        let _errno = errno::keep();
        let mut look = Look {
            before: self,
            mappings: List::new(),
            loaded: 0,
            unloaded: 0,
            lost: 0,
            told: 0,
            same: false,
        };
        // SAFETY: the function gets this look, which outlives the call.
        unsafe { libc::dl_iterate_phdr(Some(note), &raw mut look as *mut c_void) };
        if look.same {
            return;
        }
        let Look { mappings, loaded, unloaded, lost, .. } = look;
        let old = mem::replace(&mut self.mappings, mappings);
        self.keep_gone(old);
        (self.loaded, self.unloaded, self.lost) = (loaded, unloaded, lost);
    }

    /// Enters those of the old pieces that nothing new has the place of; the others end.
    fn keep_gone(&mut self, mut old: List<Mapping>) {
        let mut room = GONE_MAX;
        for mapping in old.as_slice() {
            let now = self.mappings.as_slice();
            let taken = now.iter().any(|new| new.start < mapping.end && mapping.start < new.end);
            if !taken && room > 0 && self.mappings.push(Mapping { gone: true, ..*mapping }) {
                room -= 1;
            } else {
                // SAFETY: a copy that the reader made with `sys`, and that no list has any more.
                unsafe { sys::free(mapping.path as *mut u8) };
            }
        }
        old.end();
        sort::sort_by_key(self.mappings.as_mut_slice(), |mapping| mapping.start);
    }

    /// All pieces, in the order of their addresses.
    pub fn mappings(&self) -> &[Mapping] {
        self.mappings.as_slice()
    }

    /// How many found no memory.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The piece that an address is in or, since it may be returned to behind a call that does not return, at the end of.
    pub fn find(&self, address: usize) -> Option<&Mapping> {
        let mappings = self.mappings();
        let below = mappings.partition_point(|mapping| mapping.start < address);
        mappings.get(below.wrapping_sub(1)).filter(|mapping| address <= mapping.end)
    }

    /// Whether the 8 bytes before an address are code that can be read.
    pub fn ends_in_code(&self, address: usize) -> bool {
        self.find(address).is_some_and(|mapping| !mapping.gone && address >= mapping.start + 8)
    }

    /// Whether an address is libc's.
    pub fn is_libc(&self, address: usize) -> bool {
        self.find(address).is_some_and(|mapping| mapping.libc)
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        for mapping in self.mappings.as_slice() {
            // SAFETY: a copy that the reader made with `sys`; the list goes with it.
            unsafe { sys::free(mapping.path as *mut u8) };
        }
        self.mappings.end();
        (self.loaded, self.unloaded) = (0, 0);
    }
}

unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, size: usize, data: *mut c_void) -> c_int {
    let look = &mut *(data as *mut Look<'_>);
    let info = &*info;
    if size >= mem::offset_of!(libc::dl_phdr_info, dlpi_subs) + size_of::<u64>() {
        (look.loaded, look.unloaded) = (info.dlpi_adds, info.dlpi_subs);
        if look.told == 0 && look.loaded != 0 {
            look.same = (look.before.loaded, look.before.unloaded) == (look.loaded, look.unloaded);
            if look.same {
                return 1;
            }
        }
    }
    look.told += 1;
    let parts = core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum as usize);
    let mut build_id = [0; 2 * BUILD_ID_BYTES + 1];
    for part in parts.iter().filter(|part| part.p_type == libc::PT_NOTE) {
        let notes = (info.dlpi_addr + part.p_vaddr) as *const u8;
        find_build_id(core::slice::from_raw_parts(notes, part.p_memsz as usize), &mut build_id);
    }
    let libc = is_name_of_libc(info.dlpi_name);
    for part in parts.iter().filter(|part| part.p_type == libc::PT_LOAD && part.p_flags & libc::PF_X != 0) {
        let start = (info.dlpi_addr + part.p_vaddr) as usize;
        let (end, offset) = (start + part.p_memsz as usize, part.p_offset);
        // The first one is the program itself.
        let path = path_of(if look.told == 1 { ptr::null() } else { info.dlpi_name });
        let entered = look.mappings.push(Mapping { start, end, offset, path, build_id, gone: false, libc });
        if !entered {
            sys::free(path as *mut u8);
        }
        look.lost += (!entered || path.is_null()) as u64;
    }
    0
}

/// A copy of a library's path; the program itself, whose path the loader need not know, is null.
unsafe fn path_of(name: *const c_char) -> *const c_char {
    let mut path = [0u8; 4096];
    if !name.is_null() && *name != 0 {
        return string::copy(name).unwrap_or(ptr::null());
    }
    let room = path.len() - 1;
    let len = libc::readlink(c"/proc/self/exe".as_ptr(), path.as_mut_ptr() as *mut c_char, room);
    match len > 0 {
        true => string::copy(path.as_ptr() as *const c_char).unwrap_or(ptr::null()),
        false => ptr::null(),
    }
}

/// Whether a library is libc, by its file: as glibc, old glibc and musl call it.
unsafe fn is_name_of_libc(name: *const c_char) -> bool {
    if name.is_null() {
        return false;
    }
    let path = CStr::from_ptr(name).to_bytes();
    let file = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    let names: [&[u8]; 5] = [b"libc.so.", b"libc-2.", b"libpthread", b"ld-musl-", b"libc.musl-"];
    names.iter().any(|&start| file.starts_with(start))
}

/// Looks for a build id among notes: name's length, contents' length, type, name, contents, each padded to 4 bytes.
fn find_build_id(notes: &[u8], digits: &mut [u8; 2 * BUILD_ID_BYTES + 1]) {
    let mut rest = notes;
    let number = |bytes: &[u8], at: usize| {
        let four = bytes.get(at..at + 4).and_then(|four| <[u8; 4]>::try_from(four).ok());
        four.map(|four| u32::from_le_bytes(four) as usize)
    };
    while let (Some(name), Some(len), Some(kind)) = (number(rest, 0), number(rest, 4), number(rest, 8)) {
        let contents = 12 + name.next_multiple_of(4);
        if let (3, Some(b"GNU\0"), Some(id)) = (kind, rest.get(12..16), rest.get(contents..contents + len)) {
            for (index, byte) in id.iter().take(BUILD_ID_BYTES).enumerate() {
                for (place, digit) in [(2 * index, byte >> 4), (2 * index + 1, byte & 15)] {
                    digits[place] = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
                }
            }
            return;
        }
        rest = rest.get(contents + len.next_multiple_of(4)..).unwrap_or(&[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_id_is_found_among_notes() {
        let mut notes = Vec::new();
        for (kind, id) in [(1u32, vec![9u8; 5]), (3, vec![0xab, 0x01, 0xf0])] {
            notes.extend(4u32.to_le_bytes());
            notes.extend((id.len() as u32).to_le_bytes());
            notes.extend(kind.to_le_bytes());
            notes.extend(b"GNU\0");
            notes.extend(&id);
            notes.resize(notes.len().next_multiple_of(4), 0);
        }
        let mut digits = [0; 2 * BUILD_ID_BYTES + 1];
        find_build_id(&notes, &mut digits);
        assert_eq!(&digits[..7], b"ab01f0\0");
        for cut in 0..notes.len() {
            find_build_id(&notes[..cut], &mut digits);
        }
        find_build_id(&[0xff; 64], &mut digits);
    }
}
