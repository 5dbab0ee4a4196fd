//! Sums of what a profile counted, by place.

use crate::dump::{Dump, Site};
use std::collections::HashMap;

/// What makes one sum of several sites.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
pub enum By {
    /// File and line.
    Site,
    Function,
    File,
    Type,
}

/// The sum of some sites.
pub struct Sum {
    pub place: String,
    pub function: String,
    /// The type of the objects; none: of several.
    pub kind: Option<String>,
    pub of: Site,
}

/// Sums up, in the order of the first site of each.
pub fn summed(dump: &Dump, sites: &[&Site], by: By) -> Vec<Sum> {
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut rows: Vec<Sum> = Vec::new();
    for &site in sites {
        let place = dump.place_text(site.place);
        let function = dump.function_text(site.place);
        let kind = site.kind.map(|kind| dump.type_name(kind).into_owned());
        let file = dump.text(site.place.file).map_or_else(|| place.clone(), |file| file.into_owned());
        let name = match by {
            By::Site => format!("{}", site.number),
            By::Function => function.clone(),
            By::File => file.clone(),
            By::Type => kind.clone().unwrap_or_else(|| "(several)".to_owned()),
        };
        let next = rows.len();
        let at = *numbers.entry(name.clone()).or_insert(next);
        if at == next {
            let place = if by == By::File { file } else { place };
            let of = Site { place: site.place, ..Site::default() };
            rows.push(Sum { place, function, kind: kind.clone(), of });
        }
        let row = &mut rows[at];
        if row.kind != kind {
            row.kind = None;
        }
        add(&mut row.of, site);
    }
    rows
}

/// Adds the numbers of a site to a sum.
pub fn add(sum: &mut Site, site: &Site) {
    for (sum, value) in [
        (&mut sum.allocated_objects, site.allocated_objects),
        (&mut sum.allocated_bytes, site.allocated_bytes),
        (&mut sum.freed_objects, site.freed_objects),
        (&mut sum.freed_bytes, site.freed_bytes),
        (&mut sum.reclaimed_objects, site.reclaimed_objects),
        (&mut sum.peak_objects, site.peak_objects),
        (&mut sum.peak_bytes, site.peak_bytes),
    ] {
        *sum = sum.saturating_add(value);
    }
    sum.external_bytes = sum.external_bytes.saturating_add(site.external_bytes);
    sum.ages.resize(sum.ages.len().max(site.ages.len()), 0);
    for (sum, count) in sum.ages.iter_mut().zip(&site.ages) {
        *sum = sum.saturating_add(*count);
    }
}

/// The greatest age of the half that ended first; none: nothing ended.
pub fn median_age(ages: &[u64]) -> Option<u64> {
    let all: u128 = ages.iter().map(|&count| u128::from(count)).sum();
    let mut passed = 0u128;
    for (bucket, &count) in ages.iter().enumerate() {
        passed += u128::from(count);
        if all != 0 && passed * 2 >= all {
            return Some(bounds(bucket).1);
        }
    }
    None
}

/// The least and the greatest age of a bucket.
pub fn bounds(bucket: usize) -> (u64, u64) {
    match bucket {
        0 => (0, 0),
        _ => (1u64.checked_shl(bucket as u32 - 1).unwrap_or(u64::MAX), u64::MAX >> (64 - bucket.min(64))),
    }
}

/// How many objects ended at which age, of all rows together: the bounds of the age, and the number.
pub fn ages(rows: &[Sum]) -> (Vec<[u64; 3]>, u64) {
    let mut sum = Site::default();
    rows.iter().for_each(|row| add(&mut sum, &row.of));
    let ended = sum.ages.iter().enumerate().filter(|(_, &ended)| ended != 0);
    let rows = ended.map(|(bucket, &ended)| [bounds(bucket).0, bounds(bucket).1, ended]).collect();
    (rows, sum.freed_objects)
}

#[cfg(test)]
mod tests {
    use super::{bounds, median_age};

    #[test]
    fn ages_have_the_bounds_of_their_buckets() {
        assert_eq!([0, 1, 2, 3, 64].map(bounds), [(0, 0), (1, 1), (2, 3), (4, 7), (1 << 63, u64::MAX)]);
        assert_eq!(median_age(&[]), None);
        assert_eq!(median_age(&[0, 0]), None);
        assert_eq!(median_age(&[1, 1]), Some(0));
        assert_eq!(median_age(&[1, 0, 0, 3]), Some(7));
    }
}
