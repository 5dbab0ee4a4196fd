//! What a running process shows (`RCGC_WATCH=on`): its block, found among its descriptors and read without stopping it.

use rcgc_format::block::{head, slot, BYTES, MAGIC, NAME, VERSION};
use std::fs;
use std::os::unix::fs::FileExt;

/// How often a slot that is being written is read again.
const TRIES: usize = 100;

/// One pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    pub duration_ns: u64,
    pub end_ns: u64,
    pub objects: u64,
    pub phase: u64,
    pub reason: u64,
}

/// What a process shows of one heap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    pub name: String,
    pub serial: u64,
    words: Vec<u64>,
    /// The latest first.
    pub pauses: Vec<Pause>,
}

impl Shown {
    /// One of the words of [`slot`].
    pub fn number(&self, word: usize) -> u64 {
        self.words.get(word).copied().unwrap_or(0)
    }
}

/// A block.
#[derive(Clone, Default, Debug)]
pub struct Block {
    /// In the order in which they were made.
    pub heaps: Vec<Shown>,
    /// Heaps for which there was no room.
    pub left_out: u64,
}

/// The file with the block of a process; None: it shows none, or is somebody else's.
pub fn open(process: u64) -> Option<fs::File> {
    for entry in fs::read_dir(format!("/proc/{process}/fd")).ok()?.flatten() {
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let is_block =
            target.to_string_lossy().strip_prefix("/memfd:").is_some_and(|of| of.starts_with(NAME));
        let file = if is_block { fs::File::open(entry.path()).ok() } else { None };
        // A forked child has that of its parent.
        if let Some(file) = file.filter(|file| words(file).is_some_and(|words| is_of(&words, process))) {
            return Some(file);
        }
    }
    None
}

/// What a block shows now; None where it is none.
pub fn read(file: &fs::File, process: u64) -> Option<Block> {
    let mut done: Vec<Option<Shown>> = Vec::new();
    let mut block = Block::default();
    for _ in 0..TRIES {
        let (before, after) = (words(file)?, words(file)?);
        if !is_of(&before, process) {
            return None;
        }
        block.left_out = before[head::LEFT_OUT];
        let slots: Vec<_> = before[head::WORDS..].chunks_exact(slot::WORDS).collect();
        done.resize(slots.len(), None);
        let mut whole = true;
        for ((slot, now), place) in
            slots.iter().zip(after[head::WORDS..].chunks_exact(slot::WORDS)).zip(&mut done)
        {
            let is_still = slot[slot::SEQUENCE] % 2 == 0 && slot[slot::SEQUENCE] == now[slot::SEQUENCE];
            match (slot[slot::SERIAL], is_still) {
                (0, _) => *place = None,
                (_, true) => *place = Some(shown(slot)),
                (_, false) => whole = false,
            }
        }
        if whole {
            break;
        }
    }
    block.heaps = done.into_iter().flatten().collect();
    block.heaps.sort_by_key(|heap| heap.serial);
    Some(block)
}

fn words(file: &fs::File) -> Option<Vec<u64>> {
    let mut bytes = vec![0; BYTES];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Some(bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default())).collect())
}

fn is_of(words: &[u64], process: u64) -> bool {
    let number = |word: usize| words.get(word).copied();
    number(head::MAGIC) == Some(MAGIC)
        && number(head::VERSION) == Some(VERSION)
        && number(head::PROCESS) == Some(process)
        && number(head::SLOT_WORDS) == Some(slot::WORDS as u64)
}

fn shown(words: &[u64]) -> Shown {
    let name: Vec<u8> = words[slot::NAME..slot::NAME + slot::NAME_WORDS]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .take_while(|&byte| byte != 0)
        .collect();
    let count = words[slot::PAUSES];
    let kept = count.min(slot::LAST_COUNT as u64);
    let pauses = (count - kept..count).rev().map(|number| {
        let at = slot::LAST + number as usize % slot::LAST_COUNT * slot::PAUSE_WORDS;
        Pause {
            duration_ns: words[at],
            end_ns: words[at + 1],
            objects: words[at + 2],
            phase: words[at + 3],
            reason: words[at + 4],
        }
    });
    Shown {
        name: String::from_utf8_lossy(&name).into_owned(),
        serial: words[slot::SERIAL],
        pauses: pauses.collect(),
        words: words.to_vec(),
    }
}

/// The word for a pause's phase.
pub fn phase(pause: &Pause) -> &'static str {
    match pause.phase {
        1 => "young",
        2 => "near a death",
        3 => "full",
        4 => "slice",
        _ => "other",
    }
}

/// The word for a pause's reason.
pub fn reason(pause: &Pause) -> &'static str {
    match pause.reason {
        1 => "asked for",
        2 => "trigger",
        3 => "want of memory",
        4 => "heap ends",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgc_format::block::SLOTS;

    fn file(words: &[u64]) -> fs::File {
        let path = std::env::temp_dir().join(format!("rcgc-block-{}-{:p}", std::process::id(), words));
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        fs::write(&path, bytes).unwrap();
        let file = fs::File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        file
    }

    fn block() -> Vec<u64> {
        let mut words = vec![0; BYTES / 8];
        words[head::MAGIC] = MAGIC;
        words[head::VERSION] = VERSION;
        words[head::PROCESS] = 42;
        words[head::SLOTS] = SLOTS as u64;
        words[head::SLOT_WORDS] = slot::WORDS as u64;
        for (number, serial) in [(1, 9), (3, 5)] {
            let at = head::WORDS + number * slot::WORDS;
            words[at + slot::SERIAL] = serial;
            words[at + slot::SEQUENCE] = 4;
            words[at + slot::NAME] = u64::from_le_bytes(*b"heap\0\0\0\0") + (serial << 32);
            words[at + slot::PAUSES] = 40;
            for pause in 0..32 {
                words[at + slot::LAST + pause * slot::PAUSE_WORDS] = pause as u64;
            }
        }
        words
    }

    #[test]
    fn heaps_are_in_the_order_in_which_they_were_made() {
        let read = read(&file(&block()), 42).unwrap();
        assert_eq!(read.heaps.iter().map(|heap| heap.serial).collect::<Vec<_>>(), [5, 9]);
        assert_eq!(read.heaps[0].name, "heap\u{5}");
        let pauses = &read.heaps[0].pauses;
        assert_eq!((pauses.len(), pauses[0].duration_ns, pauses[31].duration_ns), (32, 7, 8));
    }

    #[test]
    fn what_is_no_block_of_the_process_is_refused() {
        assert!(read(&file(&block()), 41).is_none());
        assert!(read(&file(&block()[..100]), 42).is_none());
        let mut other = block();
        other[head::VERSION] = 2;
        assert!(read(&file(&other), 42).is_none());
        let mut other = block();
        other[head::SLOT_WORDS] = 7;
        assert!(read(&file(&other), 42).is_none());
    }

    #[test]
    fn a_slot_that_stays_half_written_is_left_out() {
        let mut words = block();
        words[head::WORDS + slot::WORDS + slot::SEQUENCE] = 5;
        assert_eq!(read(&file(&words), 42).unwrap().heaps.len(), 1);
    }
}
