//! What the agent that is written on would cost, as the home says. Asked when its note is opened and
//! when what decides the price changes, after a short pause.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use oto_api_types::JobEstimate;
use oto_board::{Agent, NoteId};

use crate::figures::dollars;
use crate::words::Words;

/// So long nothing may change before the home is asked.
const PAUSE: Duration = Duration::from_millis(400);

/// What decides a price, as one number.
pub(crate) fn about(note: NoteId, agent: &Agent, prompt: &str, sources: &[NoteId]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (note.0, &agent.engine, &agent.model, &agent.params, prompt).hash(&mut hasher);
    sources.iter().for_each(|s| s.0.hash(&mut hasher));
    hasher.finish()
}

/// What is asked, was asked, and was answered.
#[derive(Default)]
pub(crate) struct Estimates {
    note: Option<NoteId>,
    /// What is on the note now, and since when.
    wanted: Option<(u64, Instant)>,
    asked: Option<u64>,
    told: Option<Option<JobEstimate>>,
}

/// What to do about a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// Look again after this long.
    Wait(Duration),
    Ask,
}

impl Estimates {
    /// What is on the note in this frame.
    pub(crate) fn want(&mut self, note: NoteId, about: u64, now: Instant) -> Next {
        if self.note != Some(note) {
            *self = Self { note: Some(note), ..Self::default() };
        }
        if self.asked == Some(about) {
            return Next::Nothing;
        }
        match self.wanted {
            Some((wanted, since)) if wanted == about => {
                let waited = now.saturating_duration_since(since);
                if waited >= PAUSE {
                    self.asked = Some(about);
                    return Next::Ask;
                }
                Next::Nothing
            }
            _ => {
                self.wanted = Some((about, now));
                Next::Wait(PAUSE)
            }
        }
    }

    /// What the home says.
    pub(crate) fn heard(&mut self, about: u64, estimate: Option<JobEstimate>) {
        // What was asked before something changed is no answer any more.
        if self.asked == Some(about) {
            self.told = Some(estimate);
        }
    }

    /// What is known of it: nothing while it is asked, for the moment the last answer stays.
    pub(crate) fn shown(&self, words: &Words) -> String {
        match self.told {
            Some(estimate) => sentence(estimate, words),
            None => "…".to_owned(),
        }
    }

    /// The agent is not written on any more.
    pub(crate) fn close(&mut self) {
        *self = Self::default();
    }
}

/// A price as people read it.
fn sentence(estimate: Option<JobEstimate>, words: &Words) -> String {
    let range = estimate.and_then(|e| Some((e.low_micro.or(e.high_micro)?, e.high_micro?)));
    match range {
        None => words.get("run-paid"),
        Some((_, ..=0)) => words.get("run-free"),
        Some((low, high)) if rounded(low) == rounded(high) => {
            words.with("run-about", &[("amount", &dollars(rounded(high)))])
        }
        Some((low, high)) => {
            let (low, high) = (dollars(rounded(low)), dollars(rounded(high)));
            words.with("run-between", &[("low", &low), ("high", &high)])
        }
    }
}

/// Two digits are enough for a guess; what is little is rounded up, so that it is never nothing.
fn rounded(micro: i64) -> i64 {
    let digits = micro.max(1).ilog10();
    let unit = 10_i64.pow(digits.saturating_sub(1));
    if micro <= 0 { 0 } else { micro.saturating_add(unit - 1) / unit * unit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_asked_once_after_a_pause() {
        let mut estimates = Estimates::default();
        let start = Instant::now();
        let (note, words) = (NoteId(1), Words::new("en"));
        assert_eq!(estimates.want(note, 1, start), Next::Wait(PAUSE));
        assert_eq!(estimates.want(note, 1, start + PAUSE / 2), Next::Nothing);
        // It changed: the pause begins anew.
        assert_eq!(estimates.want(note, 2, start + PAUSE), Next::Wait(PAUSE));
        assert_eq!(estimates.want(note, 2, start + PAUSE + PAUSE), Next::Ask);
        assert_eq!(estimates.want(note, 2, start + PAUSE * 9), Next::Nothing);
        estimates.heard(1, None);
        assert_eq!(estimates.shown(&words), "…", "that was asked about something else");
        estimates.heard(2, None);
        assert_eq!(estimates.shown(&words), "price unknown");
        // Another agent: what the last one costs is not shown on it.
        assert_eq!(estimates.want(NoteId(2), 2, start), Next::Wait(PAUSE));
        assert_eq!(estimates.shown(&words), "…");
    }

    #[test]
    fn prices_are_told_as_guesses() {
        let words = Words::new("en");
        let told =
            |low, high| sentence(Some(JobEstimate { low_micro: low, high_micro: high }), &words);
        assert_eq!(told(Some(40_000), Some(40_000)), "about $0.04");
        assert_eq!(told(Some(1_234_567), Some(1_234_567)), "about $1.30");
        assert_eq!(told(Some(10_000), Some(50_000)), "$0.01 to $0.05");
        assert_eq!(told(Some(0), Some(0)), "free");
        assert_eq!(
            (told(None, None), sentence(None, &words)),
            ("price unknown".into(), "price unknown".into())
        );
        assert_eq!(
            (rounded(0), rounded(7), rounded(111), rounded(i64::MAX)),
            (0, 7, 120, 9_200_000_000_000_000_000)
        );
    }
}
