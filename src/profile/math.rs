//! The little mathematics of sampling, which core has not: exponentials, logarithms, random numbers.

/// 1 - e^-x for x >= 0, without losing what is small.
pub fn one_minus_exp(x: f64) -> f64 {
    const LN_2: f64 = core::f64::consts::LN_2;
    if x >= 40.0 {
        return 1.0;
    }
    // x = k ln 2 + r with 0 <= r < ln 2, so e^-x = 2^-k e^-r, and the series of 1 - e^-r converges fast.
    let k = (x / LN_2) as i32;
    let r = x - k as f64 * LN_2;
    let (mut term, mut sum) = (r, r);
    for n in 2..20 {
        term *= -r / n as f64;
        sum += term;
    }
    match k {
        0 => sum,
        _ => 1.0 - (1.0 - sum) * f64::from_bits(((1023 - k) as u64) << 52),
    }
}

/// -ln(u) for 0 < u <= 1.
pub fn minus_ln(u: f64) -> f64 {
    let bits = u.to_bits();
    let mut exponent = (bits >> 52) as i32 - 1023;
    let mut m = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    if m > core::f64::consts::SQRT_2 {
        m /= 2.0;
        exponent += 1;
    }
    // ln m = 2 artanh t.
    let t = (m - 1.0) / (m + 1.0);
    let (mut power, mut sum) = (t, 0.0);
    for n in 0..14 {
        sum += power / (2 * n + 1) as f64;
        power *= t * t;
    }
    -(2.0 * sum + exponent as f64 * core::f64::consts::LN_2)
}

/// splitmix64.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Bytes to the next point of a Poisson process with so many bytes between two on average.
    pub fn gap(&mut self, mean: u64) -> f64 {
        // 53 bits, never 0.
        let u = ((self.number() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        minus_ln(u) * mean as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_agree_with_std() {
        for n in -400..400 {
            let x = 1.07f64.powi(n);
            let expected = -(-x).exp_m1();
            let error = (one_minus_exp(x) - expected).abs() / expected;
            assert!(error < 1e-14, "1 - e^-{x}: {error}");
            let u = x.min(1.0 / x);
            if u > 0.0 && u < 1.0 {
                let error = (minus_ln(u) + u.ln()).abs() / -u.ln();
                assert!(error < 1e-12, "ln {u}: {error}");
            }
        }
        assert_eq!(minus_ln(1.0), 0.0);
        assert_eq!(one_minus_exp(0.0), 0.0);
    }

    #[test]
    fn gaps_have_their_mean_and_shape() {
        let mut random = Random(7);
        let gaps: Vec<f64> = (0..100_000).map(|_| random.gap(1000)).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let longer = gaps.iter().filter(|&&gap| gap > 1000.0).count() as f64 / gaps.len() as f64;
        assert!((mean - 1000.0).abs() < 15.0, "{mean}");
        assert!((longer - (-1.0f64).exp()).abs() < 0.006, "{longer}");
    }
}
