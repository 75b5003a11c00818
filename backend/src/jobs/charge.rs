//! What a job costs its owner on a server, in millionths of a token: a price of the house for each
//! kind, and what the engine asks. It is held when the job is accepted, and taken when it ends, in the
//! transaction of that end. On the desk nothing is held.

use oto_api_types::JobKind;
use oto_engines::Estimate;
use sea_orm::{ConnectionTrait, DbErr};

use crate::db::{all, execute, now_ms, value};
use crate::ledger::{self, MICRO};

/// How long the hold of a job stays of which nobody knows whether the engine charged for it.
const UNKNOWN_MS: i64 = 86_400_000;

/// Prices of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prices {
    /// Of a text, a picture, a voice and a film, for the work of the house.
    pub(crate) base_micro: [i64; 4],
    /// Price of a token in cents of a US dollar.
    pub(crate) cents_per_token: i64,
    /// Held for an engine that names no price, and for a film whose stages do not.
    pub(crate) unknown_micro: i64,
    pub(crate) unknown_film_micro: i64,
}

impl Prices {
    /// A token costs so many cents.
    pub(crate) fn new(cents_per_token: i64) -> Self {
        Self {
            base_micro: [1, 2, 1, 10].map(|tokens| tokens * MICRO),
            cents_per_token: cents_per_token.max(1),
            unknown_micro: 20 * MICRO,
            unknown_film_micro: 80 * MICRO,
        }
    }

    /// Millionths of a dollar as millionths of a token, never less than they are worth.
    fn tokens(&self, dollar_micro: i64) -> i64 {
        let cents = i128::from(self.cents_per_token);
        let tokens = (i128::from(dollar_micro.max(0)) * 100 + cents - 1) / cents;
        i64::try_from(tokens).unwrap_or(i64::MAX)
    }

    /// Millionths of a dollar that an engine that names no price counts for.
    fn unknown_at_engine(&self) -> i64 {
        self.unknown_micro.saturating_mul(self.cents_per_token) / 100
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
            Some([_, most]) => self.tokens(most),
            None if kind == JobKind::Video => self.unknown_film_micro,
            None => self.unknown_micro,
        };
        self.base(kind).saturating_add(engine)
    }
}

/// Whether what is held for a whole still bears another stage besides those that ended or are under
/// way: nobody is charged more than was held, and the house pays no more than it holds.
pub(super) async fn bears(
    txn: &impl ConnectionTrait,
    prices: Prices,
    whole: &str,
    stage: Estimate,
) -> Result<bool, DbErr> {
    let sql = "SELECT hold_micro FROM job WHERE id = $1";
    let held: i64 = value(txn, sql, vec![whole.into()]).await?.unwrap_or(0);
    if held == 0 || stage == Estimate::FREE {
        return Ok(true);
    }
    let unknown = prices.unknown_at_engine();
    let sql = "SELECT CAST(COALESCE(SUM(COALESCE(s.cost_micro, k.estimate_micro, $2)), 0) AS BIGINT) FROM job k LEFT JOIN spent s ON s.job_id = k.id WHERE k.parent_id = $1 AND k.settled = 0";
    let so_far: i64 = value(txn, sql, vec![whole.into(), unknown.into()]).await?.unwrap_or(0);
    let next = stage.micro.map_or(unknown, |[_, most]| most);
    let needed = prices.tokens(so_far.saturating_add(next));
    Ok(prices.base(JobKind::Video).saturating_add(needed) <= held)
}

/// Ends the holds of jobs that ended, in the transaction in which they did. What the engine charged
/// is taken with the price of the house; of what nobody knows, what was held.
pub(crate) async fn settle(txn: &impl ConnectionTrait, prices: Prices) -> Result<(), DbErr> {
    // A stage whose price nobody named costs what it was counted for when it was begun.
    let sql = "SELECT j.id, j.owner, j.status, j.hold_micro, j.kind_word, j.submit_state, j.error, s.cost_micro,
        CAST(COALESCE((SELECT SUM(COALESCE(c.cost_micro, CASE
            WHEN k.status = 'succeeded' OR (k.submit_state <> 'none' AND COALESCE(k.error, '') NOT LIKE '%\"submission_unknown\"%')
            THEN COALESCE(k.estimate_micro, $2) ELSE 0 END))
            FROM job k LEFT JOIN spent c ON c.job_id = k.id WHERE k.parent_id = j.id AND k.settled = 0), 0) AS BIGINT) AS stages
        FROM job j LEFT JOIN spent s ON s.job_id = j.id
        WHERE j.settled = 0 AND j.hold_micro > 0 AND j.status IN ('succeeded', 'failed', 'canceled', 'expired')
        AND (j.error IS NULL OR j.error NOT LIKE '%\"submission_unknown\"%' OR j.finished_at_ms < $1)
        AND NOT EXISTS (SELECT 1 FROM job k WHERE k.parent_id = j.id AND k.status NOT IN ('succeeded', 'failed', 'canceled', 'expired')) LIMIT 200";
    let values = vec![(now_ms() - UNKNOWN_MS).into(), prices.unknown_at_engine().into()];
    for row in all(txn, sql, values).await? {
        let id: String = row.try_get("", "id")?;
        let held: i64 = row.try_get("", "hold_micro")?;
        let succeeded = row.try_get::<String>("", "status")? == "succeeded";
        let kind = crate::works::kind_of_word(&row.try_get::<String>("", "kind_word")?);
        let cost: Option<i64> = row.try_get("", "cost_micro")?;
        let stages: i64 = row.try_get("", "stages")?;
        let was_asked = row.try_get::<String>("", "submit_state")? != "none";
        // What nobody knows for a day to have been made is free again.
        let error: Option<String> = row.try_get("", "error")?;
        let is_unknown = error.is_some_and(|e| e.contains("\"submission_unknown\""));
        let at_engines = |own: i64| prices.tokens(own.saturating_add(stages));
        let used = match (succeeded, cost) {
            (true, Some(own)) => prices.base(kind).saturating_add(at_engines(own)),
            (true, None) => held,
            // It was asked of an engine and stopped, and nobody knows what that cost.
            (false, None) if was_asked && !is_unknown => held,
            // What failed costs what engines charged for it, and nothing of the house.
            (false, own) => at_engines(own.unwrap_or(0)),
        };
        // Whoever marks it ends it: two servers never do.
        let sql = "UPDATE job SET settled = 1 WHERE id = $1 AND settled = 0";
        if execute(txn, sql, vec![id.clone().into()]).await? == 1 {
            // A stage that a later film takes over was paid for here.
            let sql = "UPDATE job SET settled = 1 WHERE parent_id = $1";
            execute(txn, sql, vec![id.clone().into()]).await?;
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
        assert_eq!(prices.hold(JobKind::Video, Estimate::UNKNOWN), 90 * MICRO);
        // Four cents at an engine are four tokens.
        let four_cents = Estimate { micro: Some([0, 40_000]) };
        assert_eq!(prices.hold(JobKind::Image, four_cents), 6 * MICRO);
        // A token of sixty cents: a dollar is one and two thirds, never less.
        assert_eq!(Prices::new(60).tokens(1_000_000), 1_666_667);
        assert_eq!(Prices::new(60).tokens(i64::MAX), i64::MAX);
    }

    /// A film that ended without a result, with one stage of each kind: what is taken of it.
    #[tokio::test(flavor = "multi_thread")]
    async fn stages_cost_what_is_known_of_them_and_else_what_they_were_counted_for() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("oto.sqlite").display());
        let db = crate::db::connect(&url, folder.path(), 1).await.unwrap();
        crate::db::migrate(&db).await.unwrap();
        let prices = Prices::new(1);
        ledger::open_accounts(&db, "ada").await.unwrap();
        ledger::grant(&db, "ada", 100 * MICRO, "welcome".to_owned(), "").await.unwrap();
        ledger::hold(&db, "ada", "film", 90 * MICRO, None).await.unwrap();
        let job = async |id: &str, status: &str, submit_state: &str, parent: Option<&str>| {
            let sql = "INSERT INTO job (id, fingerprint, request, status, submit_state, lease_seq, lease_until_ms, attempt, run_at_ms, deadline_at_ms, created_at_ms, version, stage, parent_id, child_key, kind_word, owner, finished_at_ms)
                VALUES ($1, '', '{}', $2, $3, 0, 0, 0, 0, 0, 0, 1, '', $4, $1, 'video', 'ada', 1)";
            let parent = parent.map(str::to_owned);
            let values = vec![id.into(), status.into(), submit_state.into(), parent.into()];
            execute(&db, sql, values).await.unwrap();
        };
        job("film", "failed", "none", None).await;
        execute(&db, "UPDATE job SET hold_micro = 90000000", vec![]).await.unwrap();
        // Nobody named a price; made, stopped at its engine, and never begun.
        job("made", "succeeded", "none", Some("film")).await;
        job("stopped", "canceled", "submitted", Some("film")).await;
        job("waited", "expired", "none", Some("film")).await;
        // Seven cents are seven tokens.
        job("known", "succeeded", "submitted", Some("film")).await;
        execute(
            &db,
            "INSERT INTO spent (job_id, at_ms, engine, kind, succeeded, took_ms, bytes, cost_micro) VALUES ('known', 1, '', '', 1, 0, 0, 70000), ('made', 1, '', '', 1, 0, 0, NULL)",
            vec![],
        )
        .await
        .unwrap();
        settle(&db, prices).await.unwrap();
        let [free, held, _] = ledger::balances(&db, "ada").await.unwrap();
        let taken = 2 * prices.unknown_micro + 7 * MICRO;
        assert_eq!((free, held), (100 * MICRO - taken, 0));
        assert!(ledger::check(&db).await.unwrap().is_empty());
    }
}
