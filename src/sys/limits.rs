//! How much memory the process may have before the system refuses it, or kills: the limits of its container (cgroup) and
//! its own (`RLIMIT_DATA`). Read once; and how much it has now.
//!
//! A cgroup's limit is what it says itself, and what each one above it says: the least counts. Version 2 has them in
//! `memory.max`, where the process is killed, and `memory.high`, where it is held up; version 1 in
//! `memory.limit_in_bytes`. In a container with a namespace of its own the path ends at the container's root, whose files
//! are those of the container.

use super::reader::Reader;
use super::{errno, file, os_page_bytes};
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes; `u64::MAX`: as much as there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Of memory that the process really has.
    pub resident: u64,
    /// Of memory that it may write to, whether it ever did or not.
    pub data: u64,
}

impl Limits {
    /// The lower one.
    pub fn least(self) -> u64 {
        self.resident.min(self.data)
    }
}

/// What the process has.
#[derive(Clone, Copy)]
pub struct Usage {
    /// See [`Limits::resident`]; without what it shares with files.
    pub resident: u64,
    /// See [`Limits::data`].
    pub data: u64,
}

/// Longest path of a cgroup's file.
const PATH_BYTES: usize = 512;

/// Where the files of one version lie, and which they are.
struct Version {
    root: &'static [u8],
    files: &'static [&'static [u8]],
}

const SECOND: Version = Version { root: b"/sys/fs/cgroup", files: &[b"/memory.max", b"/memory.high"] };
const FIRST: Version = Version { root: b"/sys/fs/cgroup/memory", files: &[b"/memory.limit_in_bytes"] };

/// The limits, as they were when they were asked for first.
pub fn get() -> Limits {
    static RESIDENT: AtomicU64 = AtomicU64::new(0);
    static DATA: AtomicU64 = AtomicU64::new(0);
    static KNOWN: AtomicBool = AtomicBool::new(false);
    // ORDER: acquires the two numbers that were released below. Threads that come at once both read them, and find the same.
    if !KNOWN.load(Ordering::Acquire) {
        // ORDER: relaxed: released by KNOWN.
        RESIDENT.store(of_container(), Ordering::Relaxed);
        // ORDER: as above.
        DATA.store(of_data(), Ordering::Relaxed);
        // ORDER: releases both to who acquires above.
        KNOWN.store(true, Ordering::Release);
    }
    // ORDER: relaxed, behind KNOWN.
    Limits { resident: RESIDENT.load(Ordering::Relaxed), data: DATA.load(Ordering::Relaxed) }
}

fn of_data() -> u64 {
    let _errno = errno::keep();
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the struct is ours and of the right type.
    let failed = unsafe { libc::getrlimit(libc::RLIMIT_DATA, &mut limit) } != 0;
    if failed || limit.rlim_cur == libc::RLIM_INFINITY {
        return u64::MAX;
    }
    limit.rlim_cur
}

fn of_container() -> u64 {
    let _errno = errno::keep();
    let mut least = u64::MAX;
    // SAFETY: a C string.
    let mut lines = unsafe { Reader::open(c"/proc/self/cgroup".as_ptr()) };
    let mut line = [0u8; PATH_BYTES];
    while let Some(len) = lines.line(&mut line) {
        // A line that does not fit names no cgroup that is found by it.
        let Some((version, path)) = line.get(..len).and_then(cgroup_of) else { continue };
        each_above(path, |path| {
            for file in version.files {
                least = least.min(read_limit(&[version.root, path, file]));
            }
        });
    }
    least
}

/// The version and the path of a line of `/proc/self/cgroup`, if it is about memory.
fn cgroup_of(line: &[u8]) -> Option<(&'static Version, &[u8])> {
    let mut parts = line.splitn(3, |&byte| byte == b':');
    let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    if !path.starts_with(b"/") {
        return None;
    }
    if number == b"0" && controllers.is_empty() {
        return Some((&SECOND, path));
    }
    controllers.split(|&byte| byte == b',').any(|name| name == b"memory").then_some((&FIRST, path))
}

/// Calls `each` with a path, with those above it, and with that of the root, which is empty.
fn each_above(path: &[u8], mut each: impl FnMut(&[u8])) {
    let mut rest = path;
    while let Some(last) = rest.iter().rposition(|&byte| byte == b'/') {
        if last + 1 != rest.len() {
            each(rest);
        }
        rest = rest.get(..last).unwrap_or(&[]);
    }
    each(rest);
}

/// The limit in the file whose path has these parts; none where it cannot be read.
fn read_limit(parts: &[&[u8]]) -> u64 {
    let mut path = [0u8; 2 * PATH_BYTES];
    for (at, &byte) in parts.iter().copied().flatten().enumerate() {
        match path.get_mut(at) {
            Some(place) => *place = byte,
            None => return u64::MAX,
        }
    }
    let Ok(path) = CStr::from_bytes_until_nul(&path) else { return u64::MAX };
    let mut text = [0u8; 64];
    let len = read_all(path, &mut text);
    limit_of(text.get(..len).unwrap_or(&[]))
}

fn read_all(path: &CStr, text: &mut [u8]) -> usize {
    // SAFETY: a C string.
    let Ok(fd) = (unsafe { file::open(path.as_ptr()) }) else { return 0 };
    let len = file::read(fd, text);
    file::close(fd);
    len
}

/// The limit that a file's text says. Version 1 says "none" by the largest whole page of 63 bits.
fn limit_of(text: &[u8]) -> u64 {
    match numbers_of(text).next().flatten() {
        Some(bytes) if bytes < 1 << 62 => bytes,
        _ => u64::MAX,
    }
}

/// The numbers of a text, between spaces.
fn numbers_of(text: &[u8]) -> impl Iterator<Item = Option<u64>> + '_ {
    text.split(|byte| byte.is_ascii_whitespace()).map(|word| {
        let digits = word.iter().try_fold(0u64, |sum, byte| {
            let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
            sum.checked_mul(10)?.checked_add(digit as u64)
        });
        digits.filter(|_| !word.is_empty())
    })
}

/// What the process has now; None where the system does not say.
pub fn usage() -> Option<Usage> {
    let _errno = errno::keep();
    let mut text = [0u8; 128];
    let len = read_all(c"/proc/self/statm", &mut text);
    usage_of(text.get(..len)?, os_page_bytes() as u64)
}

/// Of the text of `/proc/self/statm`: size, resident, shared, text, library, data.
fn usage_of(text: &[u8], page: u64) -> Option<Usage> {
    let mut numbers = numbers_of(text);
    let (resident, shared) = (numbers.nth(1)??, numbers.next()??);
    let data = numbers.nth(2)??;
    Some(Usage { resident: resident.saturating_sub(shared) * page, data: data * page })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_the_cgroup_of_memory() {
        let path = |line: &'static str| {
            cgroup_of(line.as_bytes()).map(|(version, path)| (version.files.len(), path))
        };
        assert_eq!(path("0::/user.slice/a:b"), Some((2, &b"/user.slice/a:b"[..])));
        assert_eq!(path("0::/"), Some((2, &b"/"[..])));
        assert_eq!(path("9:cpu,memory:/docker/x"), Some((1, &b"/docker/x"[..])));
        assert_eq!(path("9:cpu,memory_recursiveprot:/docker/x"), None);
        for bad in ["", "0", "0::", "1:name=systemd:/x", "0:memory", "4:memory:relative"] {
            assert_eq!(path(bad), None, "{bad}");
        }
    }

    #[test]
    fn each_cgroup_above_counts() {
        let all = |path: &str| {
            let mut found = Vec::new();
            each_above(path.as_bytes(), |path| found.push(String::from_utf8(path.to_vec()).unwrap()));
            found
        };
        assert_eq!(all("/a/b"), ["/a/b", "/a", ""]);
        assert_eq!(all("/a/"), ["/a", ""]);
        assert_eq!(all("/"), [""]);
        assert_eq!(all(""), [""]);
        assert_eq!(all("/../x"), ["/../x", "/..", ""]);
    }

    #[test]
    fn limits_are_numbers_or_none() {
        assert_eq!(limit_of(b"max\n"), u64::MAX);
        assert_eq!(limit_of(b"1073741824\n"), 1 << 30);
        assert_eq!(limit_of(b"0\n"), 0);
        assert_eq!(limit_of(b"9223372036854771712\n"), u64::MAX);
        assert_eq!(limit_of(b"99999999999999999999999\n"), u64::MAX);
        assert_eq!(limit_of(b""), u64::MAX);
        assert_eq!(limit_of(b"-5\n"), u64::MAX);
    }

    #[test]
    fn usage_is_read_from_its_places() {
        let usage = usage_of(b"1000 300 100 7 0 400 0\n", 4096).unwrap();
        assert_eq!((usage.resident, usage.data), (200 * 4096, 400 * 4096));
        assert!(usage_of(b"1000 300\n", 4096).is_none());
        assert!(usage_of(b"", 4096).is_none());
    }

    #[test]
    fn files_are_read_where_they_are() {
        let root = std::env::temp_dir().join(format!("rcgc-limits-{}", std::process::id()));
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("memory.max"), "max\n").unwrap();
        std::fs::write(root.join("a/memory.max"), "5000\n").unwrap();
        std::fs::write(root.join("a/b/memory.max"), "9000\n").unwrap();
        let base = root.to_str().unwrap().as_bytes().to_vec();
        let mut least = u64::MAX;
        each_above(b"/a/b", |path| least = least.min(read_limit(&[&base, path, b"/memory.max"])));
        assert_eq!(least, 5000);
        assert_eq!(read_limit(&[&base, b"/none", b"/memory.max"]), u64::MAX);
        assert_eq!(read_limit(&[&[b'x'; 3 * PATH_BYTES]]), u64::MAX);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
