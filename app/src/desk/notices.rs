//! What happened while nobody looked: failed jobs, refused keys, limits, finished works. Kept for the
//! session and beyond it in a small file; drawing is in `panels/notices`.

mod file;

use std::path::{Path, PathBuf};

use oto_api_types::{Job, JobStatus, Usage};
use oto_backend_client::ClientError;
use oto_board::NoteId;
use serde::{Deserialize, Serialize};

use crate::figures::dollars;
use crate::mint;
use crate::words::Words;

/// How many are kept; the oldest go first.
const MOST: usize = 200;
/// A job that waits longer than this until its next try is worth a notice.
const LONG_WAIT_MS: i64 = 30_000;
/// Budget notices are told once; what names them begins so.
const LIMIT: &str = "limit-";
/// Part of a limit after which it is nearly spent, in percent.
const NEARLY_PERCENT: i128 = 80;

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Topic {
    Failed,
    KeyRefused,
    NoCredit,
    Unreachable,
    Waiting,
    Budget,
    Ready,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

/// One line of the list, and of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) topic: Topic,
    pub(crate) at_ms: i64,
    /// The agent or the work.
    pub(crate) title: String,
    pub(crate) text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The job or the limit: what is told of it again takes the place of what was told before.
    #[serde(default)]
    about: String,
    #[serde(default)]
    pub(crate) read: bool,
    /// Not shown any more, and kept only so that the same is not told twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cleared: bool,
}

impl Notice {
    pub(crate) fn new(topic: Topic, about: &str, title: &str, text: &str) -> Self {
        Self {
            topic,
            at_ms: mint::now_ms(),
            title: title.to_owned(),
            text: text.to_owned(),
            note: None,
            about: about.to_owned(),
            read: false,
            cleared: false,
        }
    }

    pub(crate) fn on(mut self, note: Option<NoteId>) -> Self {
        self.note = note.map(|n| n.to_string());
        self
    }

    /// The note it is about, on whichever wall.
    pub(crate) fn note(&self) -> Option<NoteId> {
        self.note.as_ref()?.parse().ok()
    }
}

/// All of them, oldest first.
#[derive(Default)]
pub(crate) struct Notices {
    items: Vec<Notice>,
    keeper: Option<file::Keeper>,
}

impl Notices {
    /// Those of earlier starts, and a thread that keeps what comes. With a sentence when the file
    /// was damaged and put aside.
    pub(crate) fn open(path: &Path) -> (Self, Option<PathBuf>) {
        let (items, aside) = file::read(path, mint::now_ms());
        let mut notices = Self { items, keeper: file::Keeper::start(path.to_owned()) };
        notices.trim();
        if aside.is_some() {
            notices.keep();
        }
        (notices, aside)
    }

    /// Newest first.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (usize, &Notice)> {
        self.items.iter().enumerate().rev().filter(|(_, n)| !n.cleared)
    }

    pub(crate) fn unread(&self) -> usize {
        self.shown().filter(|(_, n)| !n.read).count()
    }

    /// Adds one. False when it was told before.
    pub(crate) fn add(&mut self, mut notice: Notice) -> bool {
        let same = |n: &Notice| !notice.about.is_empty() && n.about == notice.about;
        let told = self.items.iter().position(|n| same(n) && n.topic == notice.topic);
        if told.is_some() && notice.about.starts_with(LIMIT) {
            return false;
        }
        if let Some(at) = told {
            // Whoever has read it knows it already.
            notice.read = self.items.remove(at).read;
        }
        // A job that has ended waits no longer.
        let about = notice.about.clone();
        self.items.retain(|n| n.topic != Topic::Waiting || n.about.is_empty() || n.about != about);
        self.items.push(notice);
        self.trim();
        self.keep();
        told.is_none()
    }

    pub(crate) fn read(&mut self, index: usize) {
        if let Some(notice) = self.items.get_mut(index) {
            notice.read = true;
            self.keep();
        }
    }

    pub(crate) fn read_all(&mut self) {
        self.items.iter_mut().for_each(|n| n.read = true);
        self.keep();
    }

    /// Forgets them. Of limits only that they were told stays.
    pub(crate) fn clear(&mut self) {
        self.items.retain(|n| n.about.starts_with(LIMIT));
        for notice in &mut self.items {
            notice.cleared = true;
            notice.text.clear();
        }
        self.keep();
    }

    fn trim(&mut self) {
        let over = self.items.len().saturating_sub(MOST);
        self.items.drain(..over);
    }

    fn keep(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.keep(&self.items);
        }
    }
}

/// What a class of errors is told as.
fn topic_of(class: &str, code: &str) -> Topic {
    match (class, code) {
        (_, "budget_exceeded") => Topic::Budget,
        // The key could not be read: it was not refused.
        (_, "keyring") => Topic::Failed,
        ("auth", _) => Topic::KeyRefused,
        ("no_credit", _) => Topic::NoCredit,
        ("network" | "unavailable", _) => Topic::Unreachable,
        ("rate_limited", _) => Topic::Waiting,
        _ => Topic::Failed,
    }
}

/// A job ended without a result.
pub(crate) fn of_failed(job: &Job, agent: &str, note: NoteId, reason: &str) -> Notice {
    let topic = job.error.as_ref().map_or(Topic::Failed, |e| topic_of(&e.class, &e.code));
    // It waits no longer.
    let topic = if topic == Topic::Waiting { Topic::Failed } else { topic };
    Notice::new(topic, &job.id, agent, reason).on(Some(note))
}

/// The home refused a job, or does not answer.
pub(crate) fn of_lost(error: &ClientError, job: &str, agent: &str, reason: &str) -> Notice {
    let topic = match error {
        ClientError::Refused(problem) => topic_of("", &problem.code),
        ClientError::Unreachable => Topic::Unreachable,
        ClientError::Nonsense | ClientError::File(_) => Topic::Failed,
    };
    Notice::new(topic, job, agent, reason)
}

/// True for a job that was put back and is not tried again soon.
pub(crate) fn waits_long(job: &Job, now_ms: i64) -> bool {
    job.status == JobStatus::Queued
        && job.attempt > 0
        && job.next_try_at_ms.is_some_and(|at| at - now_ms >= LONG_WAIT_MS)
}

/// Limits that are spent, or nearly. Each is told once a day.
pub(crate) fn of_limits(usage: &Usage, words: &Words, now_ms: i64) -> Vec<Notice> {
    let day = now_ms / 86_400_000;
    let limits = [
        ("day", usage.today_micro, usage.budget.day_micro),
        ("month", usage.month_micro, usage.budget.month_micro),
    ];
    let notice = |(span, spent, limit): (&str, i64, Option<i64>)| {
        let limit = limit?;
        let state = state_of(spent, limit)?;
        let values = [("spent", dollars(spent)), ("limit", dollars(limit))];
        let values = values.each_ref().map(|(k, v)| (*k, v.as_str()));
        let text = words.with(&format!("notice-{span}-{state}"), &values);
        // A limit that was changed is another one.
        let about = format!("{LIMIT}{span}-{state}-{limit}-{day}");
        Some(Notice::new(Topic::Budget, &about, &words.get("command-usage"), &text))
    };
    limits.into_iter().filter_map(notice).collect()
}

/// How a limit stands when that is worth telling.
fn state_of(spent: i64, limit: i64) -> Option<&'static str> {
    if spent <= 0 {
        return None;
    }
    if spent >= limit {
        return Some("over");
    }
    (i128::from(spent) * 100 >= i128::from(limit) * NEARLY_PERCENT).then_some("nearly")
}

#[cfg(test)]
mod tests {
    use oto_api_types::{Budget, Problem};

    use super::*;

    fn notice(topic: Topic, about: &str) -> Notice {
        Notice::new(topic, about, "Painter", "a sentence")
    }

    #[test]
    fn the_newest_stand_first_and_the_oldest_go() {
        let mut notices = Notices::default();
        for n in 0..MOST + 5 {
            assert!(notices.add(notice(Topic::Ready, &n.to_string())));
        }
        assert_eq!((notices.shown().count(), notices.unread()), (MOST, MOST));
        assert_eq!(notices.shown().next().unwrap().1.about, (MOST + 4).to_string());
        notices.read_all();
        assert_eq!(notices.unread(), 0);
    }

    #[test]
    fn what_is_told_again_takes_the_place_of_what_was_told() {
        let mut notices = Notices::default();
        assert!(notices.add(notice(Topic::Waiting, "job")));
        notices.read(0);
        assert!(!notices.add(notice(Topic::Waiting, "job")));
        assert_eq!((notices.shown().count(), notices.unread()), (1, 0));
        assert!(notices.add(notice(Topic::Ready, "job")));
        let topics: Vec<Topic> = notices.shown().map(|(_, n)| n.topic).collect();
        assert_eq!(topics, [Topic::Ready], "it waits no longer");
    }

    #[test]
    fn a_limit_is_told_once_even_when_the_list_was_cleared() {
        let words = Words::new("en");
        let budget = Budget { day_micro: Some(1_000_000), month_micro: Some(10_000_000) };
        let usage =
            Usage { today_micro: 800_000, month_micro: 799_999, budget, ..Usage::default() };
        let told = of_limits(&usage, &words, 0);
        assert_eq!(told.len(), 1);
        assert!(
            told[0].text.contains("$0.80") && told[0].text.contains("$1.00"),
            "{}",
            told[0].text
        );
        let mut notices = Notices::default();
        assert!(notices.add(told[0].clone()));
        notices.clear();
        assert_eq!(notices.shown().count(), 0);
        assert!(!notices.add(told[0].clone()));
        assert!(notices.add(of_limits(&usage, &words, 86_400_000).remove(0)), "a day later");
        let over = Usage { today_micro: 1_000_000, ..usage };
        assert!(notices.add(of_limits(&over, &words, 0).remove(0)), "now it is over");
        assert_eq!((state_of(0, 0), state_of(1, 0), state_of(79, 100)), (None, Some("over"), None));
    }

    #[test]
    fn what_the_home_refuses_is_told_for_what_it_is() {
        let refused = |status, code: &str| {
            ClientError::Refused(Problem {
                kind: String::new(),
                title: String::new(),
                status,
                detail: "This would go over your limit.".to_owned(),
                code: code.to_owned(),
                retry_after: None,
            })
        };
        let of = |error: &ClientError| of_lost(error, "job", "Painter", &error.to_string());
        let over = of(&refused(402, "budget_exceeded"));
        assert_eq!(over.topic, Topic::Budget);
        assert_eq!(over.text, "This would go over your limit.");
        assert_eq!(of(&refused(422, "validation")).topic, Topic::Failed);
        assert_eq!(of(&ClientError::Unreachable).topic, Topic::Unreachable);
        for (class, topic) in [
            ("auth", Topic::KeyRefused),
            ("no_credit", Topic::NoCredit),
            ("unavailable", Topic::Unreachable),
            ("network", Topic::Unreachable),
            ("missing", Topic::Failed),
        ] {
            assert_eq!(topic_of(class, "x"), topic);
        }
    }
}
