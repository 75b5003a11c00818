//! Figures: percentiles, memory, likeness of two pictures.

use serde_json::{Value, json};

/// Frame times of one segment in milliseconds, and what the frames took in counts.
pub(super) struct Figures {
    pub(super) ms: Vec<f64>,
    pub(super) most: oto_canvas::Counts,
    pub(super) tiles: u64,
    pub(super) bytes: u64,
}

/// The p-th part of sorted values, by the nearest rank.
pub(super) fn percentile(sorted: &[f64], p: f64) -> f64 {
    let rank = (p * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

fn rounded(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}

impl Figures {
    /// Times as JSON fields.
    pub(super) fn times(&self) -> Value {
        let mut sorted = self.ms.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |p| rounded(percentile(&sorted, p));
        let over = |limit: f64| sorted.iter().filter(|v| **v > limit).count();
        json!({
            "p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99), "max_ms": at(1.0),
            "over_16": over(16.6), "over_33": over(33.3),
        })
    }
}

/// Resident memory of this process in MB, as Linux counts it; 0 where it does not tell.
pub(super) fn rss_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:"));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok()).map_or(0, |kb| kb / 1024)
}

/// Peak signal-to-noise ratio of two RGBA pictures in decibels; 99 for the same picture.
pub(super) fn psnr(a: &[u8], b: &[u8]) -> f64 {
    if a.len() != b.len() || a.is_empty() {
        return 0.0;
    }
    let mut sum = 0u64;
    for (p, q) in a.chunks_exact(4).zip(b.chunks_exact(4)) {
        for i in 0..3 {
            let d = i64::from(p[i]) - i64::from(q[i]);
            sum += (d * d) as u64;
        }
    }
    let mean = sum as f64 / (a.len() as f64 * 0.75);
    if mean == 0.0 { 99.0 } else { (10.0 * (255.0 * 255.0 / mean).log10()).min(99.0) }
}

/// Half as wide and high, four pixels averaged into one. Frames in motion are compared so: stretched
/// tiles are softer than a still by design, and what is asked is whether everything is there.
pub(super) fn halved(rgba: &[u8], width: u32) -> Vec<u8> {
    let row = width as usize * 4;
    let mut out = Vec::with_capacity(rgba.len() / 4);
    for rows in rgba.chunks_exact(row * 2) {
        for x in (0..row - 7).step_by(8) {
            for i in 0..4 {
                let sum: u32 = [x + i, x + 4 + i, row + x + i, row + x + 4 + i]
                    .iter()
                    .map(|at| u32::from(rows[*at]))
                    .sum();
                out.push((sum / 4) as u8);
            }
        }
    }
    out
}

/// Joins two JSON objects.
pub(super) fn joined(mut a: Value, b: Value) -> Value {
    if let (Some(to), Value::Object(from)) = (a.as_object_mut(), b) {
        to.extend(from);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_what_they_say() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&sorted, 0.5), 50.0);
        assert_eq!(percentile(&sorted, 0.99), 99.0);
        assert_eq!(percentile(&sorted, 1.0), 100.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
        let (a, b) = (vec![100u8; 400], vec![110u8; 400]);
        assert_eq!(psnr(&a, &a), 99.0);
        // Every channel off by ten: 20 log10(255 / 10).
        assert!((psnr(&a, &b) - 28.13).abs() < 0.01);
        assert_eq!(psnr(&a, &b[..4]), 0.0);
        let checks: Vec<u8> =
            (0..4 * 2).flat_map(|i| [if i % 2 == 0 { 0 } else { 200 }; 4]).collect();
        assert_eq!(halved(&checks, 4), vec![100; 8]);
    }
}
