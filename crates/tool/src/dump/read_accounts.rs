//! The chunks of the profile and the series.

use super::accounts::*;
use super::chunks::Frame as File;
use super::error::ReadError;
use super::model::Dump;
use super::numbers::{each_record, NoNumber, Numbers};
use super::tables::string;
use rcgc_format::{self as format, frame, happening, measure_key, profile_key, sample_key, site_key};

/// Most frames of a stack, counts of ages and columns of a sample that a reader believes.
const ROW_MAX: u64 = 1 << 16;

/// Reads all of them; strings, types and objects are read already.
pub fn read(bytes: &[u8], file: &File, dump: &mut Dump) -> Result<(), ReadError> {
    let mut all = Accounts::default();
    read_totals(bytes, file, &mut all)?;
    read_sites(bytes, file, dump, &mut all)?;
    read_clock(bytes, file, &mut all)?;
    read_scopes(bytes, file, dump, &mut all)?;
    read_moments(bytes, file, &mut all)?;
    read_events(bytes, file, dump, &mut all)?;
    read_followed(bytes, file, dump, &mut all)?;
    read_stacks(bytes, file, dump, &mut all)?;
    read_sampled(bytes, file, dump, &mut all)?;
    read_mappings(bytes, file, dump, &mut all)?;
    dump.accounts = all;
    Ok(())
}

/// Pairs of a record that has begun with their number.
fn pairs_of(numbers: &mut Numbers<'_>, count: u64, mut each: impl FnMut(u64, u64)) -> Result<(), NoNumber> {
    for _ in 0..count {
        let key = numbers.more()?;
        each(key, numbers.more()?);
    }
    Ok(())
}

fn place(numbers: &mut Numbers<'_>, dump: &Dump) -> Result<Place, NoNumber> {
    Ok(Place { file: string(numbers, dump)?, function: string(numbers, dump)?, line: numbers.more()? })
}

/// A type's number + 1, or 0.
fn kind(numbers: &mut Numbers<'_>, dump: &Dump) -> Result<Option<u32>, NoNumber> {
    let Some(number) = numbers.more()?.checked_sub(1) else { return Ok(None) };
    match dump.types.iter().position(|kind| kind.number == number) {
        Some(at) => Ok(Some(at as u32)),
        None => Err(numbers.wrong(format!("type {number} is not defined"))),
    }
}

fn unzigzag(numbers: &mut Numbers<'_>) -> Result<i64, NoNumber> {
    numbers.more().map(format::unzigzag)
}

/// A count of what follows.
fn length(numbers: &mut Numbers<'_>, what: &str) -> Result<u64, NoNumber> {
    let count = numbers.more()?;
    match count <= ROW_MAX {
        true => Ok(count),
        false => Err(numbers.wrong(format!("{count} {what} cannot be"))),
    }
}

fn read_totals(bytes: &[u8], file: &File, all: &mut Accounts) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, file, format::PROFILE);
    each_record(&mut numbers, |numbers, count| {
        let mut of = Totals::default();
        pairs_of(numbers, count, |key, value| match key {
            profile_key::STARTED_NS => of.started_ns = value,
            profile_key::LIVE_OBJECTS => of.live_objects = value,
            profile_key::LIVE_BYTES => of.live_bytes = value,
            profile_key::PEAK_BYTES => of.peak_bytes = value,
            profile_key::ALLOCATED_OBJECTS => of.allocated_objects = value,
            profile_key::ALLOCATED_BYTES => of.allocated_bytes = value,
            profile_key::FREED_OBJECTS => of.freed_objects = value,
            profile_key::FREED_BYTES => of.freed_bytes = value,
            profile_key::LOST_OBJECTS => of.lost_objects = value,
            profile_key::OWN_BYTES => of.own_bytes = value,
            profile_key::SCOPE_VIOLATIONS => of.scope_violations = value,
            profile_key::SAMPLING_BYTES => of.sampling_bytes = value,
            profile_key::STACK_MODE => of.without_tables = value == format::STACKS_WITHOUT_TABLES,
            profile_key::LOST_CODE => of.lost_code = value,
            _ => {}
        })?;
        if all.totals.replace(of).is_some() {
            return Err(numbers.wrong("a second profile: a dump has one"));
        }
        Ok(())
    })
}

fn read_sites(bytes: &[u8], file: &File, dump: &Dump, all: &mut Accounts) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, file, format::SITES);
    each_record(&mut numbers, |numbers, number| {
        let mut of = Site { number, place: place(numbers, dump)?, ..Site::default() };
        of.kind = kind(numbers, dump)?;
        numbers.pairs(|key, value| match key {
            site_key::ALLOCATED_OBJECTS => of.allocated_objects = value,
            site_key::ALLOCATED_BYTES => of.allocated_bytes = value,
            site_key::FREED_OBJECTS => of.freed_objects = value,
            site_key::FREED_BYTES => of.freed_bytes = value,
            site_key::RECLAIMED_OBJECTS => of.reclaimed_objects = value,
            site_key::PEAK_OBJECTS => of.peak_objects = value,
            site_key::PEAK_BYTES => of.peak_bytes = value,
            site_key::EXTERNAL_BYTES => of.external_bytes = format::unzigzag(value),
            _ => {}
        })?;
        for _ in 0..length(numbers, "ages")? {
            of.ages.push(numbers.more()?);
        }
        if of.freed_objects > of.allocated_objects || of.freed_bytes > of.allocated_bytes {
            return Err(numbers.wrong(format!("site {number} ended more than it made")));
        }
        if all.sites.last().is_some_and(|last| last.number >= number) {
            return Err(numbers.wrong(format!("site {number} is out of order")));
        }
        all.sites.push(of);
        Ok(())
    })
}

fn read_clock(bytes: &[u8], file: &File, all: &mut Accounts) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, file, format::CLOCK);
    each_record(&mut numbers, |numbers, step| {
        all.clock = Clock { step, times: Vec::new() };
        let mut time = 0u64;
        for _ in 0..length(numbers, "times")? {
            time = time.wrapping_add(numbers.more()?);
            all.clock.times.push(time);
        }
        Ok(())
    })
}

fn read_scopes(bytes: &[u8], file: &File, dump: &Dump, all: &mut Accounts) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, file, format::MEASURES);
    each_record(&mut numbers, |numbers, name| {
        let mut of = Scope { name: super::tables::check_string(name, numbers, dump)?, ..Scope::default() };
        numbers.pairs(|key, value| match key {
            measure_key::ENTERED => of.entered = value,
            measure_key::ALLOCATED_OBJECTS => of.allocated_objects = value,
            measure_key::ALLOCATED_BYTES => of.allocated_bytes = value,
            measure_key::FREED_OBJECTS => of.freed_objects = value,
            measure_key::FREED_BYTES => of.freed_bytes = value,
            measure_key::SURVIVOR_OBJECTS => of.survivor_objects = value,
            measure_key::SURVIVOR_BYTES => of.survivor_bytes = value,
            measure_key::PEAK_BYTES => of.peak_bytes = value,
            measure_key::DURATION_NS => of.duration_ns = value,
            _ => {}
        })?;
        all.scopes.push(of);
        Ok(())
    })
}

fn read_moments(bytes: &[u8], file: &File, all: &mut Accounts) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, file, format::SAMPLES);
    let mut columns = None;
    let mut row = [0u64; format::SAMPLE_COLUMNS];
    each_record(&mut numbers, |numbers, first| {
        let Some(columns) = columns else {
            if !(format::SAMPLE_COLUMNS as u64..=ROW_MAX).contains(&first) {
                return Err(numbers.wrong(format!("samples of {first} columns are not known")));
            }
            columns = Some(first);
            return Ok(());
        };
        row[0] = row[0].wrapping_add(format::unzigzag(first) as u64);
        for column in 1..columns {
            let change = unzigzag(numbers)? as u64;
            if let Some(value) = row.get_mut(column as usize) {
                *value = value.wrapping_add(change);
            }
        }
        all.moments.push(moment(&row));
        Ok(())
    })
}

fn moment(row: &[u64; format::SAMPLE_COLUMNS]) -> Moment {
    let &[time_ns, live_objects, live_bytes, external_bytes, heap_bytes, resident_bytes, ..] = row;
    let &[.., private_bytes, share_bytes, young_runs, full_runs, pause_ns_total, flags] = row;
    Moment {
        time_ns,
        live_objects,
        live_bytes,
        external_bytes,
        heap_bytes,
        resident_bytes,
        private_bytes,
        share_bytes,
        young_runs,
        full_runs,
        pause_ns_total,
        is_stale: flags & 1 != 0,
    }
}

fn read_events(bytes: &[u8], file: &File, dump: &Dump, all: &mut Accounts) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, file, format::EVENTS);
    let mut time_ns = 0u64;
    each_record(&mut numbers, |numbers, what| {
        let known = match what {
            happening::YOUNG => Some(What::Young),
            happening::FULL => Some(What::Full),
            happening::ENTER => Some(What::Enter),
            happening::LEAVE => Some(What::Leave),
            happening::WATCH => Some(What::Watch),
            _ => None,
        };
        time_ns = time_ns.wrapping_add(unzigzag(numbers)? as u64);
        let (duration_ns, live_bytes, value) = (numbers.more()?, numbers.more()?, numbers.more()?);
        let name = string(numbers, dump)?;
        // What a later version knows is passed over.
        if let Some(what) = known {
            all.events.push(Event { what, time_ns, duration_ns, live_bytes, value, name });
        }
        Ok(())
    })
}

fn read_followed(bytes: &[u8], file: &File, dump: &Dump, all: &mut Accounts) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, file, format::FOLLOWED);
    each_record(&mut numbers, |numbers, at| {
        let Ok(object) = dump.objects.place.binary_search(&at) else {
            return Err(numbers.wrong(format!("place {at}, which is followed, has no object")));
        };
        let tag = string(numbers, dump)?;
        let place = place(numbers, dump)?;
        all.followed.push(Followed { object: object as u32, tag, place, taken_ns: numbers.more()? });
        Ok(())
    })
}

fn read_stacks(bytes: &[u8], file: &File, dump: &Dump, all: &mut Accounts) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, file, format::STACKS);
    each_record(&mut numbers, |numbers, number| {
        let mut stack = Stack { number, frames: Vec::new() };
        for _ in 0..length(numbers, "frames")? {
            stack.frames.push(match numbers.more()? {
                frame::ADDRESS => Frame::Address(numbers.more()?),
                frame::HOST => {
                    let (function, file) = (string(numbers, dump)?, string(numbers, dump)?);
                    Frame::Told(Place { file, function, line: numbers.more()? })
                }
                kind => return Err(numbers.wrong(format!("frame {kind} is not known"))),
            });
        }
        all.stacks.push(stack);
        Ok(())
    })
}

fn read_sampled(bytes: &[u8], file: &File, dump: &Dump, all: &mut Accounts) -> Result<(), ReadError> {
    let stacks: std::collections::HashMap<u64, u32> =
        all.stacks.iter().zip(0..).map(|(stack, at)| (stack.number, at)).collect();
    let mut numbers = Numbers::new(bytes, file, format::SAMPLED);
    each_record(&mut numbers, |numbers, number| {
        let Some(&stack) = stacks.get(&number) else {
            return Err(numbers.wrong(format!("stack {number} is not defined")));
        };
        let mut of = Sampled { stack, kind: kind(numbers, dump)?, ..Sampled::default() };
        numbers.pairs(|key, value| match key {
            sample_key::ALLOCATED_OBJECTS => of.made_objects = value,
            sample_key::ALLOCATED_BYTES => of.made_bytes = value,
            sample_key::LIVE_OBJECTS => of.live_objects = value,
            sample_key::LIVE_BYTES => of.live_bytes = value,
            sample_key::SAMPLES => of.samples = value,
            _ => {}
        })?;
        all.sampled.push(of);
        Ok(())
    })
}

fn read_mappings(bytes: &[u8], file: &File, dump: &Dump, all: &mut Accounts) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, file, format::MAPPINGS);
    each_record(&mut numbers, |numbers, start| {
        let (bytes, offset) = (numbers.more()?, numbers.more()?);
        let (path, build_id) = (string(numbers, dump)?, string(numbers, dump)?);
        all.mappings.push(Mapping { start, bytes, offset, path, build_id });
        Ok(())
    })
}
