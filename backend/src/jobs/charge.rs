//! What a job costs its owner on a server, in millionths of a token: a price of the house for each
//! kind, and what the engine asks. It is held when the job is accepted, and taken when it ends, in the
//! transaction of that end. On the desk nothing is held.

use oto_api_types::JobKind;
use oto_engines::Estimate;
use sea_orm::{ConnectionTrait, DbErr};

use crate::db::{all, execute, now_ms};
use crate::ledger::{self, MICRO};

/// How long the hold of a job stays of which nobody knows whether the engine charged for it.
const UNKNOWN_MS: i64 = 86_400_000;

/// Prices of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prices {
    /// Of a text, a picture, a voice and a film, for the work of the house.
    pub(crate) base_micro: [i64; 4],
    /// What a millionth of a US dollar is in millionths of a token.
    pub(crate) per_dollar: i64,
    /// Held for an engine that names no price.
    pub(crate) unknown_micro: i64,
}

impl Prices {
    /// A token costs so many cents.
    pub(crate) fn new(cents_per_token: i64) -> Self {
        Self {
            base_micro: [1, 2, 1, 10].map(|tokens| tokens * MICRO),
            per_dollar: (100 / cents_per_token.max(1)).max(1),
            unknown_micro: 20 * MICRO,
        }
    }

    fn base(&self, kind: JobKind) -> i64 {
        match kind {
            JobKind::Text => self.base_micro[0],
            JobKind::Image => self.base_micro[1],
            JobKind::Voice => self.base_micro[2],
            JobKind::Video | JobKind::Unknown => self.base_micro[3],
        }
    }

    /// What is held for a job.
    pub(crate) fn hold(&self, kind: JobKind, estimate: Estimate) -> i64 {
        let engine = match estimate.micro {
            Some([_, most]) => most.saturating_mul(self.per_dollar),
            None => self.unknown_micro,
        };
        self.base(kind).saturating_add(engine)
    }
}

/// Ends the holds of jobs that ended, in the transaction in which they did. What the engine charged
/// is taken with the price of the house; of what nobody knows, what was held.
pub(crate) async fn settle(txn: &impl ConnectionTrait, prices: Prices) -> Result<(), DbErr> {
    let sql = "SELECT j.id, j.owner, j.status, j.hold_micro, j.kind_word, s.cost_micro,
        CAST(COALESCE((SELECT SUM(c.cost_micro) FROM spent c JOIN job k ON k.id = c.job_id WHERE k.parent_id = j.id), 0) AS BIGINT) AS stages
        FROM job j LEFT JOIN spent s ON s.job_id = j.id
        WHERE j.settled = 0 AND j.hold_micro > 0 AND j.status IN ('succeeded', 'failed', 'canceled', 'expired')
        AND (j.error IS NULL OR j.error NOT LIKE '%\"submission_unknown\"%' OR j.finished_at_ms < $1) LIMIT 200";
    for row in all(txn, sql, vec![(now_ms() - UNKNOWN_MS).into()]).await? {
        let id: String = row.try_get("", "id")?;
        let held: i64 = row.try_get("", "hold_micro")?;
        let succeeded = row.try_get::<String>("", "status")? == "succeeded";
        let kind = crate::works::kind_of_word(&row.try_get::<String>("", "kind_word")?);
        let cost: Option<i64> = row.try_get("", "cost_micro")?;
        let stages: i64 = row.try_get("", "stages")?;
        let at_engines = |own: i64| own.saturating_add(stages).saturating_mul(prices.per_dollar);
        let used = match (succeeded, cost) {
            (true, Some(own)) => prices.base(kind).saturating_add(at_engines(own)),
            (true, None) => held,
            // What failed costs what engines charged for it, and nothing of the house.
            (false, own) => at_engines(own.unwrap_or(0)),
        };
        // Whoever marks it ends it: two servers never do.
        let sql = "UPDATE job SET settled = 1 WHERE id = $1 AND settled = 0";
        if execute(txn, sql, vec![id.clone().into()]).await? == 1 {
            ledger::settle(txn, &row.try_get::<String>("", "owner")?, &id, held, used).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_the_house_and_the_dearest_the_engine_may_ask() {
        let prices = Prices::new(1);
        assert_eq!(prices.hold(JobKind::Text, Estimate::FREE), MICRO);
        assert_eq!(prices.hold(JobKind::Video, Estimate::UNKNOWN), 30 * MICRO);
        // Four cents at an engine are four tokens.
        let four_cents = Estimate { micro: Some([0, 40_000]) };
        assert_eq!(prices.hold(JobKind::Image, four_cents), 6 * MICRO);
    }
}
