//! Which records the GPU does not have yet, as few runs of slots.

/// Runs closer than this are sent as one.
const GAP: u32 = 32;
/// More runs than this are joined further.
const MOST_RUNS: usize = 64;

/// Slots that changed since the last upload.
#[derive(Debug, Clone, Default)]
pub(crate) struct DirtyRuns {
    slots: Vec<u32>,
    all: Option<u32>,
}

impl DirtyRuns {
    pub(crate) fn add(&mut self, slot: u32) {
        match &mut self.all {
            Some(end) => *end = (*end).max(slot + 1),
            None if self.slots.len() < 100_000 => self.slots.push(slot),
            None => self.all(self.slots.iter().copied().max().unwrap_or(0).max(slot) as usize + 1),
        }
    }

    pub(crate) fn all(&mut self, len: usize) {
        self.slots.clear();
        self.all = Some(len as u32);
    }

    /// First and one past the last slot of each run; nothing is dirty afterwards.
    pub(crate) fn take(&mut self) -> Vec<(u32, u32)> {
        if let Some(end) = self.all.take() {
            self.slots.clear();
            return if end > 0 { vec![(0, end)] } else { Vec::new() };
        }
        let mut slots = std::mem::take(&mut self.slots);
        slots.sort_unstable();
        slots.dedup();
        let mut gap = GAP;
        loop {
            let mut runs: Vec<(u32, u32)> = Vec::new();
            for slot in &slots {
                match runs.last_mut() {
                    Some(run) if *slot < run.1.saturating_add(gap) => run.1 = slot + 1,
                    _ => runs.push((*slot, slot + 1)),
                }
            }
            if runs.len() <= MOST_RUNS {
                return runs;
            }
            gap = gap.saturating_mul(4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_hold_every_slot_and_are_few() {
        let mut dirty = DirtyRuns::default();
        [7, 3, 9, 4_000, 4_001, 7].into_iter().for_each(|s| dirty.add(s));
        assert_eq!(dirty.take(), [(3, 10), (4_000, 4_002)]);
        assert!(dirty.take().is_empty());
        (0..1_000).for_each(|i| dirty.add(i * 1_000));
        let runs = dirty.take();
        assert!(runs.len() <= MOST_RUNS);
        assert!((0..1_000).all(|i| runs.iter().any(|r| (r.0..r.1).contains(&(i * 1_000)))));
        dirty.add(5);
        dirty.all(20);
        dirty.add(30);
        assert_eq!(dirty.take(), [(0, 31)]);
    }
}
