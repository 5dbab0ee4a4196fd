//! How long single steps took, in buckets of a sixteenth of a power of two, as in benches/micro/histogram.h.

use crate::report;

const PARTS: u64 = 16;

pub struct Histogram {
    longest_ns: u64,
    steps: u64,
    buckets: Vec<u64>,
}

impl Histogram {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Histogram { longest_ns: 0, steps: 0, buckets: vec![0; 64 * PARTS as usize] }
    }

    #[inline]
    pub fn add(&mut self, ns: u64) {
        self.longest_ns = self.longest_ns.max(ns);
        self.steps += 1;
        self.buckets[bucket_of(ns)] += 1;
    }

    fn percentile_ns(&self, part: f64) -> f64 {
        let mut seen = 0;
        for (bucket, &steps) in self.buckets.iter().enumerate() {
            seen += steps;
            if seen as f64 >= part * self.steps as f64 {
                return start_ns(bucket as u64) as f64;
            }
        }
        0.0
    }

    pub fn report(&self) {
        report("longest", self.longest_ns as f64, "ns");
        report("p99", self.percentile_ns(0.99), "ns");
        report("p999", self.percentile_ns(0.999), "ns");
        report("p9999", self.percentile_ns(0.9999), "ns");
    }
}

/// 16 buckets to a power of two; below 16 ns one for each.
#[inline]
fn bucket_of(ns: u64) -> usize {
    if ns < PARTS {
        return ns as usize;
    }
    let exponent = u64::from(ns.ilog2());
    ((exponent - 3) * PARTS + ((ns >> (exponent - 4)) & (PARTS - 1))) as usize
}

fn start_ns(bucket: u64) -> u64 {
    if bucket < PARTS {
        return bucket;
    }
    let exponent = bucket / PARTS + 3;
    (PARTS + bucket % PARTS) << (exponent - 4)
}
