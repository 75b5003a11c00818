//! Calls that came before, so that a repeated one does nothing twice.

use std::collections::{HashMap, VecDeque};

use ring::digest::{SHA256, digest};

/// How long a call is remembered: a day, longer than any of them is believed.
const LIFE_MS: i64 = 86_400_000;

/// Names are kept as hashes: all equally long, whatever was sent.
type Name = [u8; 32];

/// Remembers calls for a day, up to a number of them. Only genuine calls are shown to it, so that
/// nobody else can push the memory out.
#[derive(Debug, Clone)]
pub struct Seen {
    most: usize,
    since: HashMap<Name, i64>,
    order: VecDeque<(Name, i64)>,
}

impl Seen {
    /// A memory for this many names; two belong to most calls.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most: most.max(2), since: HashMap::new(), order: VecDeque::new() }
    }

    fn name(id: &str) -> Name {
        let mut name = Name::default();
        name.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
        name
    }

    /// True when none of the names of a call was seen in the last day. From now on all of them
    /// are.
    pub fn is_new(&mut self, replay_ids: &[String], now_ms: i64) -> bool {
        while self.order.front().is_some_and(|(_, at)| now_ms.saturating_sub(*at) > LIFE_MS) {
            self.drop_oldest();
        }
        let names: Vec<Name> = replay_ids.iter().map(|id| Self::name(id)).collect();
        let new = !names.iter().any(|name| self.since.contains_key(name));
        for name in names {
            if self.since.contains_key(&name) {
                continue;
            }
            if self.order.len() >= self.most {
                self.drop_oldest();
            }
            self.since.insert(name, now_ms);
            self.order.push_back((name, now_ms));
        }
        new
    }

    /// Lets go of a call that could not be handled, so that it may be sent again.
    pub fn forget(&mut self, replay_ids: &[String]) {
        for id in replay_ids {
            let name = Self::name(id);
            self.since.remove(&name);
            self.order.retain(|(other, _)| *other != name);
        }
    }

    /// How many names are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// True when nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn drop_oldest(&mut self) {
        if let Some((name, _)) = self.order.pop_front() {
            self.since.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_new_once_a_day() {
        let ids = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let mut seen = Seen::new(4);
        assert!(seen.is_new(&ids(&["a", "b"]), 0));
        assert!(!seen.is_new(&ids(&["a"]), LIFE_MS));
        assert!(!seen.is_new(&ids(&["c", "b"]), LIFE_MS));
        assert!(seen.is_new(&ids(&["a"]), LIFE_MS + 1));
        seen.forget(&ids(&["a"]));
        assert!(seen.is_new(&ids(&["a"]), LIFE_MS + 2));
        for i in 0..1_000 {
            assert!(seen.is_new(&[format!("n{i}")], LIFE_MS + 3));
        }
        assert_eq!((seen.len(), seen.is_empty()), (4, false));
        // A clock that is put back forgets nothing.
        assert!(!seen.is_new(&ids(&["n999"]), 0));
    }
}
