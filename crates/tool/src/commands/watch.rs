//! `rcgc watch`: dumps as they are written.

use super::watch_process;
use crate::context::{Context, Failure};
use crate::dump::{self, Dump, Preamble};
use crate::heap::Heap;
use crate::output::text::{moment, shown};
use crate::output::{names, Cell, Format};
use crate::process;
use crate::progress::Progress;
use rcgc_format::MAGIC;
use serde_json::{json, Map, Value};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Show a row for each dump that is written: to a folder, to a file, or by a process; or what a process shows of itself.
///
/// A process with RCGC_WATCH=on in its environment shows the numbers and the last pauses of its heaps. They are read without
/// stopping it, unless --folder or --signal asks for dumps.
///
/// Of a process the folder is that of the plan in its variable RCGC_PROFILE (dump=PATH), or --folder. A
/// process that writes dumps at a signal (gc_dump_on_signal) is asked for one each time with --signal. On a
/// terminal the table is redrawn, with the largest types; else each dump is a line, or with --format json an
/// object on a line. A dump that is still being written waits. It ends with the process, or after --count.
///
/// Examples: rcgc watch dumps/; rcgc watch 4242 --signal USR2 --interval 5; rcgc watch app.dump --count 1
#[derive(clap::Args)]
pub struct Arguments {
    /// A folder, a file, or the number of a process.
    target: String,
    /// Seconds between two looks.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    interval: f64,
    /// End after so many dumps.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// The folder with the dumps of a process.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<String>,
    /// The signal that asks a process for a dump.
    #[arg(long, value_name = "NAME")]
    signal: Option<String>,
    /// Types that are shown on a terminal.
    #[arg(long, default_value_t = 15)]
    types: usize,
}

/// What is looked at.
struct Target {
    place: PathBuf,
    process: Option<u64>,
}

/// A version of a file.
type Version = (SystemTime, u64);

pub fn run(arguments: &Arguments, context: &Context) -> Result<crate::output::Report, Failure> {
    if !(0.01..=86_400.0).contains(&arguments.interval) {
        return Err(Failure::Usage("--interval must be from 0.01 to 86400 seconds".to_owned()));
    }
    if let Some((process, file)) = shown_by_itself(arguments) {
        return watch_process::run(&file, process, arguments.interval, arguments.count, context);
    }
    let target = target(arguments)?;
    if arguments.signal.is_some() && target.process.is_none() {
        return Err(Failure::Usage("--signal needs the number of a process".to_owned()));
    }
    let mut seen: HashMap<PathBuf, Version> = HashMap::new();
    let mut shown: HashMap<PathBuf, [u64; 5]> = HashMap::new();
    let mut watch = Watch { format: context.format, rows: 0, last_bytes: None, types: arguments.types };
    loop {
        let is_over = target.process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists());
        if let (Some(signal), Some(process), false) = (&arguments.signal, target.process, is_over) {
            ask(process, signal)?;
        }
        for (path, version) in new_files(&target, &seen)? {
            let name = path.display().to_string();
            // What is not whole yet is read again when it has changed; errors are told and passed over.
            seen.insert(path.clone(), version);
            match dump::open(&name, false, &Progress::hidden()) {
                Ok(dump)
                    if !dump.is_whole || target.process.is_some_and(|of| of != dump.preamble.process) => {}
                // The file has another time, and the dump that was shown.
                Ok(dump) if shown.insert(path, identity(&dump)) == Some(identity(&dump)) => {}
                Ok(dump) => match watch.show(&dump) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(nothing()),
                    result => result.map_err(|error| Failure::Output(format!("standard output: {error}")))?,
                },
                Err(error) => context.warn(&error),
            }
            if arguments.count.is_some_and(|count| watch.rows >= count) {
                return Ok(nothing());
            }
        }
        if is_over {
            context.warn("the process has ended");
            return Ok(nothing());
        }
        std::thread::sleep(Duration::from_secs_f64(arguments.interval));
    }
}

/// What tells a dump from every other: its heap, and when it was written.
fn identity(dump: &Dump) -> [u64; 5] {
    let Preamble { process, wall_clock_ns, monotonic_ns, .. } = dump.preamble;
    [process, dump.books.base, dump.books.number, wall_clock_ns, monotonic_ns]
}

fn nothing() -> crate::output::Report {
    crate::output::Report::nothing()
}

/// The process, and what it shows, where its own numbers are asked for: no folder and no signal is named.
fn shown_by_itself(arguments: &Arguments) -> Option<(u64, fs::File)> {
    let is_number = !Path::new(&arguments.target).exists();
    let number = arguments.target.parse::<u64>().ok().filter(|_| is_number)?;
    match (&arguments.folder, &arguments.signal) {
        (None, None) => process::open(number).map(|file| (number, file)),
        _ => None,
    }
}

fn target(arguments: &Arguments) -> Result<Target, Failure> {
    let usage = |what: String| Err(Failure::Usage(what));
    let path = PathBuf::from(&arguments.target);
    let process = arguments.target.parse::<u64>().ok().filter(|_| !path.exists());
    let Some(process) = process else {
        return match path.exists() {
            true => Ok(Target { place: path, process: None }),
            false => usage(format!("{}: there is no such folder, file or process", arguments.target)),
        };
    };
    if !Path::new(&format!("/proc/{process}")).exists() {
        return usage(format!("there is no process {process}"));
    }
    let place = match &arguments.folder {
        Some(folder) => PathBuf::from(folder),
        None => match folder_of(process) {
            Some(folder) => folder,
            None => {
                return usage(format!("process {process} has no dump= in RCGC_PROFILE: name its --folder; nor does it show itself (RCGC_WATCH=on)"))
            }
        },
    };
    match place.is_dir() {
        true => Ok(Target { place, process: Some(process) }),
        false => usage(format!("{} is no folder", place.display())),
    }
}

/// The folder of `dump=PATH` in the plan of a process.
fn folder_of(process: u64) -> Option<PathBuf> {
    let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
    let mut variables = environment.split(|&byte| byte == 0);
    let plan = variables.find_map(|of| of.strip_prefix(b"RCGC_PROFILE="))?;
    let plan = String::from_utf8_lossy(plan).into_owned();
    let path = plan.split(',').find_map(|item| item.trim().strip_prefix("dump="))?.to_owned();
    let folder = Path::new(&path).parent()?;
    // A relative path is one from where the process is.
    Some(fs::read_link(format!("/proc/{process}/cwd")).ok()?.join(folder))
}

fn ask(process: u64, signal: &str) -> Result<(), Failure> {
    let result = std::process::Command::new("kill").args(["-s", signal, &process.to_string()]).output();
    match result {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let what = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Failure::Usage(format!("signal {signal} to process {process}: {what}")))
        }
        Err(error) => Err(Failure::Usage(format!("kill: {error}"))),
    }
}

/// Dumps that were not there, or were not as they are now; the oldest first.
fn new_files(target: &Target, seen: &HashMap<PathBuf, Version>) -> Result<Vec<(PathBuf, Version)>, Failure> {
    let mut paths = Vec::new();
    if target.place.is_dir() {
        let failed = |error: io::Error| Failure::Input(format!("{}: {error}", target.place.display()));
        for entry in fs::read_dir(&target.place).map_err(failed)?.flatten() {
            paths.push(entry.path());
        }
    } else {
        paths.push(target.place.clone());
    }
    let mut found = Vec::new();
    for path in paths {
        let Ok(facts) = fs::metadata(&path) else { continue };
        let version = (facts.modified().unwrap_or(SystemTime::UNIX_EPOCH), facts.len());
        if facts.is_file() && seen.get(&path) != Some(&version) && is_dump(&path) {
            found.push((path, version));
        }
    }
    found.sort_by(|left, right| (left.1, &left.0).cmp(&(right.1, &right.0)));
    Ok(found)
}

fn is_dump(path: &Path) -> bool {
    let mut first = [0; MAGIC.len()];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut first));
    read.is_ok() && (first == MAGIC || first.starts_with(&[0x1f, 0x8b]))
}

/// What was shown so far.
struct Watch {
    format: Format,
    rows: u64,
    last_bytes: Option<u64>,
    types: usize,
}

impl Watch {
    fn show(&mut self, dump: &Dump) -> io::Result<()> {
        let heap = Heap::new(dump, Progress::hidden());
        let cells = self.cells(&heap);
        self.rows += 1;
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => {
                let row: Map<String, Value> = cells
                    .iter()
                    .map(|(name, cell)| ((*name).to_owned(), crate::output::json_of(cell)))
                    .collect();
                writeln!(out, "{}", json!(row))?;
            }
            Format::Csv => {
                if self.rows == 1 {
                    writeln!(out, "{}", crate::output::csv_line(cells.iter().map(|of| of.0.to_owned())))?;
                }
                writeln!(
                    out,
                    "{}",
                    crate::output::csv_line(cells.iter().map(|of| crate::output::csv_of(&of.1)))
                )?;
            }
            Format::Text if io::stdout().is_terminal() => self.redraw(&heap, &cells, &mut out)?,
            Format::Text => {
                if self.rows == 1 {
                    let names: Vec<String> =
                        cells.iter().map(|of| padded(&of.0.replace('_', " "), of.0)).collect();
                    writeln!(out, "{}", names.join("  ").trim_end())?;
                }
                let row: Vec<String> = cells.iter().map(|of| padded(&shown(&of.1), of.0)).collect();
                writeln!(out, "{}", row.join("  ").trim_end())?;
            }
        }
        out.flush()
    }

    fn cells(&mut self, heap: &Heap) -> Vec<(&'static str, Cell)> {
        let dump = heap.dump;
        let (books, total) = (&dump.books, heap.total());
        let change = self.last_bytes.replace(total).map(|before| total as i64 - before as i64);
        let garbage = dump.all().filter(|&object| !heap.is_alive(object)).count();
        let pause = books.full.pause_ns_max.max(books.young.pause_ns_max);
        let name =
            Path::new(&dump.path).file_name().map_or(String::new(), |of| of.to_string_lossy().into_owned());
        vec![
            ("time", moment(dump.preamble.wall_clock_ns).replace(" UTC", "").into()),
            ("objects", Cell::Count(dump.len() as u64)),
            ("bytes", Cell::Bytes(total)),
            ("change", change.map_or(Cell::None, Cell::ByteChange)),
            ("pages", Cell::Bytes(books.heap_bytes)),
            ("garbage", Cell::Count(garbage as u64)),
            ("collections", Cell::Count(books.full.runs.saturating_add(books.young.runs))),
            ("longest_pause", Cell::Nanoseconds(pause)),
            ("file", names::line(&name).into()),
        ]
    }

    /// A whole page in place of the one before.
    fn redraw(&self, heap: &Heap, cells: &[(&'static str, Cell)], out: &mut dyn Write) -> io::Result<()> {
        write!(out, "\x1b[H\x1b[2J")?;
        for (name, cell) in cells {
            writeln!(out, "{:14} {}", name.replace('_', " "), shown(cell))?;
        }
        let dump = heap.dump;
        let mut sums = vec![(0u64, 0u64); dump.types.len()];
        for object in dump.all() {
            let of = &mut sums[dump.objects.kind[object as usize] as usize];
            *of = (of.0 + 1, of.1.saturating_add(heap.size(object)));
        }
        let mut order: Vec<usize> = (0..sums.len()).filter(|&kind| sums[kind].0 != 0).collect();
        order.sort_by_key(|&kind| (Reverse(sums[kind].1), kind));
        writeln!(out, "\n{:>12}  {:>12}  type", "objects", "bytes")?;
        for kind in order.into_iter().take(self.types) {
            let (objects, bytes) = sums[kind];
            let [objects, bytes] = [Cell::Count(objects), Cell::Bytes(bytes)].map(|cell| shown(&cell));
            writeln!(out, "{objects:>12}  {bytes:>12}  {}", names::line(&dump.type_name(kind as u32)))?;
        }
        Ok(())
    }
}

/// A cell in its column: the widths are fixed, since rows come one by one.
fn padded(text: &str, column: &str) -> String {
    match column {
        "time" => format!("{text:19}"),
        "file" => text.to_owned(),
        _ => format!("{text:>13}"),
    }
}
