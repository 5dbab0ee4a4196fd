//! What the operating system must give, behind one contract. Nothing else in the engine calls libc for
//! memory, time, locks or output.
//!
//! - [`reserve`] takes address space that costs nothing until [`commit`]ted; [`decommit`] gives memory back
//!   and leaves the addresses readable as zero, still committed.
//! - [`allocate`] and [`free`] are for the engine's own small tables, never for objects.
//! - Every function that can fail says so by value; none aborts, and none changes `errno`.
//! - **Cores**: what is only reserved is kept out of them, else a debugger writes hundreds of GiB of zeros; what is
//!   committed is in them.

use core::ffi::{c_void, CStr};
use core::ptr;

pub mod errno;
pub mod file;
pub mod limits;
pub mod lock;
pub mod mappings;
pub mod reader;
pub mod signal;
pub mod thread;
pub mod unwind;

/// Bytes of a page of the operating system.
pub fn os_page_bytes() -> usize {
    // SAFETY: sysconf has no memory preconditions.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    if bytes > 0 {
        bytes as usize
    } else {
        4096
    }
}

/// Bytes of the machine's memory, 0 when unknown.
pub fn machine_bytes() -> u64 {
    let _errno = errno::keep();
    // SAFETY: sysconf has no memory preconditions.
    let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) };
    if pages > 0 {
        pages as u64 * os_page_bytes() as u64
    } else {
        0
    }
}

/// Bytes of address space that the process may still take; `u64::MAX` without a limit.
pub fn address_space_left() -> u64 {
    let _errno = errno::keep();
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the struct is ours and of the right type.
    let failed = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) } != 0;
    if failed || limit.rlim_cur == libc::RLIM_INFINITY {
        return u64::MAX;
    }
    limit.rlim_cur.saturating_sub(address_space_used())
}

/// Bytes of address space in use, from /proc/self/statm; 0 when that cannot be read.
fn address_space_used() -> u64 {
    let mut text = [0u8; 64];
    // SAFETY: a C string.
    let Ok(fd) = (unsafe { file::open(c"/proc/self/statm".as_ptr()) }) else { return 0 };
    let len = file::read(fd, &mut text);
    file::close(fd);
    let pages = reader::number_after(text.get(..len).unwrap_or(&[]), b"");
    pages.unwrap_or(0).saturating_mul(os_page_bytes() as u64)
}

/// What the environment says of a name.
#[derive(Clone, Copy)]
pub enum Variable<'a> {
    /// Nothing, or an empty text.
    Unset,
    /// Something that is not asked: the program has more rights than who started it (a set-user-id program, or one with
    /// capabilities of its own), who could have files read and written with them.
    Forbidden,
    /// A text.
    Text(&'a CStr),
}

/// What the environment says of a name.
///
/// # Safety
/// - The host does not change its environment while the text is used, as everywhere in C.
pub unsafe fn variable<'a>(name: &CStr) -> Variable<'a> {
    let _errno = errno::keep();
    let text = libc::getenv(name.as_ptr());
    if text.is_null() || *text == 0 {
        Variable::Unset
    } else if libc::getauxval(libc::AT_SECURE) != 0 {
        Variable::Forbidden
    } else {
        Variable::Text(CStr::from_ptr(text))
    }
}

/// Takes `bytes` of address space without memory behind it. None when the system refuses.
pub fn reserve(bytes: usize) -> Option<*mut u8> {
    let _errno = errno::keep();
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new private mapping at an address of the kernel's choice touches nothing that exists.
    let address = unsafe { libc::mmap(ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        return None;
    }
    // A wish: a core may be large, then.
    // SAFETY: the mapping is ours; cores are all that changes.
    unsafe { libc::madvise(address, bytes, libc::MADV_DONTDUMP) };
    Some(address as *mut u8)
}

/// Gives reserved addresses back, and the memory behind them.
///
/// # Safety
/// - [`reserve`] gave them, with this size, and nobody uses them any more.
pub unsafe fn unreserve(address: *mut u8, bytes: usize) {
    let _errno = errno::keep();
    libc::munmap(address as *mut c_void, bytes);
}

/// Makes reserved addresses readable and writable; they read zero until written. False when the system
/// refuses.
///
/// # Safety
/// - `[address, address + bytes)`, rounded out to whole OS pages, lies in one reservation.
pub unsafe fn commit(address: *mut u8, bytes: usize) -> bool {
    let _errno = errno::keep();
    let mask = os_page_bytes() - 1;
    let start = address as usize & !mask;
    let end = (address as usize + bytes + mask) & !mask;
    if libc::mprotect(start as *mut c_void, end - start, libc::PROT_READ | libc::PROT_WRITE) != 0 {
        return false;
    }
    // Makes one mapping with what was committed before it, so there is nothing that it could want memory for.
    libc::madvise(start as *mut c_void, end - start, libc::MADV_DODUMP);
    true
}

/// Gives the memory behind whole OS pages inside the range back; they read zero afterwards. False when the
/// system refuses: then the range still holds what it held.
///
/// # Safety
/// - The range is committed and nobody needs what is in it.
pub unsafe fn decommit(address: *mut u8, bytes: usize) -> bool {
    let _errno = errno::keep();
    let mask = os_page_bytes() - 1;
    let start = (address as usize + mask) & !mask;
    let end = (address as usize + bytes) & !mask;
    start >= end || libc::madvise(start as *mut c_void, end - start, libc::MADV_DONTNEED) == 0
}

/// Asks for huge pages behind a committed range. A wish: refusal changes nothing.
///
/// # Safety
/// - The range is committed.
pub unsafe fn wish_huge_pages(address: *mut u8, bytes: usize) {
    let _errno = errno::keep();
    libc::madvise(address as *mut c_void, bytes, libc::MADV_HUGEPAGE);
}

/// Asks for no huge pages behind a committed range, nor for small ones to become some. As [`wish_huge_pages`].
///
/// # Safety
/// - The range is committed.
pub unsafe fn wish_small_pages(address: *mut u8, bytes: usize) {
    let _errno = errno::keep();
    libc::madvise(address as *mut c_void, bytes, libc::MADV_NOHUGEPAGE);
}

/// Puts memory behind a committed range at once, instead of by one fault a page. A wish: refusal changes
/// nothing.
///
/// # Safety
/// - The range is committed and consists of whole OS pages.
pub unsafe fn wish_populated(address: *mut u8, bytes: usize) {
    let _errno = errno::keep();
    libc::madvise(address as *mut c_void, bytes, libc::MADV_POPULATE_WRITE);
}

/// Memory for a table of the engine's own, zeroed; null when there is none.
pub fn allocate(bytes: usize) -> *mut u8 {
    let _errno = errno::keep();
    // SAFETY: calloc takes any numbers.
    unsafe { libc::calloc(1, bytes) as *mut u8 }
}

/// As [`allocate`], not zeroed.
pub fn allocate_raw(bytes: usize) -> *mut u8 {
    let _errno = errno::keep();
    // SAFETY: malloc takes any number.
    unsafe { libc::malloc(bytes) as *mut u8 }
}

/// Ends what [`allocate`] gave; null is nothing.
///
/// # Safety
/// - The memory came from [`allocate`] or [`allocate_raw`] and is not used any more.
pub unsafe fn free(memory: *mut u8) {
    let _errno = errno::keep();
    libc::free(memory as *mut c_void);
}

/// Memory for a large table, zeroed, in whole OS pages of its own; null when there is none.
pub fn map(bytes: usize) -> *mut u8 {
    let _errno = errno::keep();
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new private mapping at an address of the kernel's choice touches nothing that exists.
    let address =
        unsafe { libc::mmap(ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        return ptr::null_mut();
    }
    // SAFETY: the mapping is ours.
    unsafe { wish_huge_pages(address as *mut u8, bytes) };
    address as *mut u8
}

/// As [`map`], for a table of which parts may never be touched, and which takes only what is: in small pages, so that a touch
/// costs little.
pub fn map_sparse(bytes: usize) -> *mut u8 {
    let _errno = errno::keep();
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: as in `map`.
    let address =
        unsafe { libc::mmap(ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        return ptr::null_mut();
    }
    // SAFETY: the mapping is ours. A refusal changes nothing.
    unsafe { libc::madvise(address, bytes, libc::MADV_NOHUGEPAGE) };
    address as *mut u8
}

/// Makes what [`map`] gave larger; the new part is zeroed, and the table may move. With `huge` it asks for large pages, as
/// [`map`] does. Null when there is no memory: then the table is as it was.
///
/// # Safety
/// - The table has `old` bytes, less than `new`.
pub unsafe fn map_larger(address: *mut u8, old: usize, new: usize, huge: bool) -> *mut u8 {
    let _errno = errno::keep();
    let moved = libc::mremap(address as *mut c_void, old, new, libc::MREMAP_MAYMOVE);
    if moved == libc::MAP_FAILED {
        return ptr::null_mut();
    }
    if huge {
        wish_huge_pages(moved as *mut u8, new);
    }
    moved as *mut u8
}

/// Gives back what [`map`] gave.
///
/// # Safety
/// - The table has so many bytes and is not used any more.
pub unsafe fn unmap(address: *mut u8, bytes: usize) {
    let _errno = errno::keep();
    libc::munmap(address as *mut c_void, bytes);
}

/// Says that what follows is not the common case, so that the compiler puts it out of the way.
#[cold]
#[inline(always)]
pub fn seldom() {}

/// Asks for the cache line of an address, which need not be mapped.
#[inline(always)]
pub fn prefetch_for_read<const AHEAD: usize>(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch touches no memory that the program can see.
    unsafe {
        core::arch::asm!("prefetcht0 [{0} + {1}]", in(reg) address, const AHEAD,
            options(nostack, readonly, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a prefetch touches no memory that the program can see.
    unsafe {
        core::arch::asm!("prfm pldl1keep, [{0}, {1}]", in(reg) address, const AHEAD,
            options(nostack, readonly, preserves_flags));
    }
}

/// As [`prefetch_for_read`], for a line that is going to be written.
#[inline(always)]
pub fn prefetch_for_write<const AHEAD: usize>(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch touches no memory that the program can see.
    unsafe {
        core::arch::asm!("prefetchw [{0} + {1}]", in(reg) address, const AHEAD,
            options(nostack, readonly, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a prefetch touches no memory that the program can see.
    unsafe {
        core::arch::asm!("prfm pstl1keep, [{0}, {1}]", in(reg) address, const AHEAD,
            options(nostack, readonly, preserves_flags));
    }
}

/// Nanoseconds of a clock that only goes forward.
pub fn now_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds that this thread has run for: what others do on its processor does not count. A call of the system's.
pub fn thread_ns() -> u64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the struct is ours.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Writes a line to standard error, as far as that goes.
pub fn write_error(text: &[u8]) {
    // Who closed it, or does not read what goes there, has been told nothing, and cannot be.
    let _ = file::write_all(2, text);
}

/// Whether the program runs under valgrind, which answers a sequence of instructions that does nothing elsewhere.
pub fn is_on_valgrind() -> bool {
    let request: [usize; 6] = [0x1001, 0, 0, 0, 0, 0];
    let answer: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the register is rotated by 128 bits in all; the request is read only.
    unsafe {
        core::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") &request, inout("rdx") 0usize => answer, inout("rdi") 0usize => _,
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the register is rotated by 128 bits in all; the request is read only.
    unsafe {
        core::arch::asm!(
            "ror x12, x12, #3", "ror x12, x12, #13", "ror x12, x12, #51", "ror x12, x12, #61",
            "orr x10, x10, x10",
            in("x4") &request, inout("x3") 0usize => answer, inout("x12") 0usize => _,
        );
    }
    answer != 0
}

/// Stops for a debugger: SIGTRAP, which ends the process when there is none.
pub fn trap() {
    let _errno = errno::keep();
    // SAFETY: raise has no preconditions.
    unsafe { libc::raise(libc::SIGTRAP) };
}

/// Ends the process, now.
pub fn abort() -> ! {
    // SAFETY: abort has no preconditions.
    unsafe { libc::abort() }
}
