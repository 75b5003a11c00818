//! Sums of what was made and spent: by engine, by agent or by day. The same for the window and the
//! command line.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use clap::ValueEnum;
use oto_api_types::UsageRow;

use crate::figures::date_of;

/// What is summed up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Each engine.
    #[default]
    Engine,
    /// Each agent.
    Agent,
    /// Each day, of UTC.
    Day,
}

impl By {
    pub(crate) const ALL: [Self; 3] = [Self::Engine, Self::Agent, Self::Day];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Agent => "agent",
            Self::Day => "day",
        }
    }

    fn name(self, row: &UsageRow) -> String {
        match self {
            Self::Engine => row.engine.clone(),
            Self::Agent => row.agent.clone(),
            Self::Day => date_of(row.day),
        }
    }
}

/// Names with their sums: days newest first, others by cost and then by number. A job whose agent is
/// not known is summed under an empty name.
pub(crate) fn sums(rows: &[UsageRow], by: By) -> Vec<(String, UsageRow)> {
    let mut sums: BTreeMap<String, UsageRow> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(by.name(row)).or_default();
        sum.day = row.day;
        for (sum, more) in [
            (&mut sum.calls, row.calls),
            (&mut sum.succeeded, row.succeeded),
            (&mut sum.took_ms, row.took_ms),
            (&mut sum.bytes, row.bytes),
            (&mut sum.cost_micro, row.cost_micro),
            (&mut sum.unknown, row.unknown),
            (&mut sum.attempts, row.attempts),
            (&mut sum.tokens_in, row.tokens_in),
            (&mut sum.tokens_out, row.tokens_out),
            (&mut sum.media_ms, row.media_ms),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    match by {
        By::Day => sums.sort_by_key(|(_, s)| Reverse(s.day)),
        By::Engine | By::Agent => sums.sort_by_key(|(_, s)| Reverse((s.cost_micro, s.calls))),
    }
    sums
}

/// How long each bar is, 0 to 1: by cost, or by number of jobs where nothing cost anything.
pub(crate) fn bars(sums: &[(String, UsageRow)]) -> Vec<f32> {
    let paid = sums.iter().any(|(_, s)| s.cost_micro > 0);
    let of = |s: &UsageRow| if paid { s.cost_micro } else { s.calls };
    let most = sums.iter().map(|(_, s)| of(s)).max().unwrap_or(0).max(1) as f32;
    sums.iter().map(|(_, s)| of(s).max(0) as f32 / most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(day: i64, engine: &str, agent: &str, cost_micro: i64) -> UsageRow {
        UsageRow {
            day,
            engine: engine.to_owned(),
            agent: agent.to_owned(),
            calls: 1,
            tokens_in: 10,
            cost_micro,
            ..UsageRow::default()
        }
    }

    #[test]
    fn sums_stand_in_their_order() {
        let rows = [row(2, "lab", "Writer", 5), row(1, "lab", "Critic", 9), row(1, "free", "", 0)];
        let names = |by| -> Vec<String> { sums(&rows, by).into_iter().map(|(n, _)| n).collect() };
        assert_eq!(names(By::Engine), ["lab", "free"]);
        assert_eq!(names(By::Agent), ["Critic", "Writer", ""]);
        assert_eq!(names(By::Day), ["1970-01-03", "1970-01-02"]);
        let lab = &sums(&rows, By::Engine)[0].1;
        assert_eq!((lab.calls, lab.tokens_in, lab.cost_micro), (2, 20, 14));
    }

    #[test]
    fn bars_show_cost_or_numbers_where_nothing_costs() {
        let paid = sums(&[row(1, "a", "", 8), row(1, "b", "", 2)], By::Engine);
        assert_eq!(bars(&paid), [1.0, 0.25]);
        let free = sums(&[row(1, "a", "", 0), row(2, "a", "", 0), row(1, "b", "", 0)], By::Engine);
        assert_eq!(bars(&free), [1.0, 0.5]);
        assert!(bars(&[]).is_empty());
    }
}
