//! What was made and what it cost: one row for each job that ended, limits set by the user, and
//! sums by day, engine and agent. Days are those of UTC.

use oto_api_types::{Budget, Usage, UsageRow};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};

use crate::db::{all, execute, now_ms, one};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Days of a month, for limits: the last thirty.
const MONTH_DAYS: i64 = 30;

/// What is written down when a job ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) engine: String,
    pub(crate) kind: String,
    /// Who asked; empty when it is not known.
    pub(crate) agent: String,
    /// How often the engine was asked.
    pub(crate) attempts: i64,
    /// None when the engine does not tell.
    pub(crate) tokens_in: Option<i64>,
    pub(crate) tokens_out: Option<i64>,
    /// Length of the sound and film that was made.
    pub(crate) media_ms: i64,
    pub(crate) succeeded: bool,
    /// How long it took, in milliseconds.
    pub(crate) took_ms: i64,
    /// Bytes of what was made.
    pub(crate) bytes: i64,
    /// In millionths; none when nobody knows.
    pub(crate) cost_micro: Option<i64>,
    /// The cost is not known after all when an engine had taken the job.
    pub(crate) unless_taken: bool,
}

/// Writes down the end of a job, in the transaction of that end.
pub(crate) async fn record(
    db: &impl ConnectionTrait,
    job: &str,
    spent: &Spent,
) -> Result<(), DbErr> {
    execute(
        db,
        "INSERT INTO spent (job_id, at_ms, engine, kind, succeeded, took_ms, bytes, cost_micro,
         agent, attempts, tokens_in, tokens_out, media_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7,
         CASE WHEN $9 = 1 AND (SELECT handle FROM job WHERE id = $1) IS NOT NULL THEN NULL ELSE $8 END,
         $10, $11, $12, $13, $14)
         ON CONFLICT (job_id) DO NOTHING",
        vec![
            job.into(),
            now_ms().into(),
            spent.engine.clone().into(),
            spent.kind.clone().into(),
            i64::from(spent.succeeded).into(),
            spent.took_ms.into(),
            spent.bytes.into(),
            spent.cost_micro.into(),
            i64::from(spent.unless_taken).into(),
            spent.agent.clone().into(),
            spent.attempts.into(),
            spent.tokens_in.into(),
            spent.tokens_out.into(),
            spent.media_ms.into(),
        ],
    )
    .await?;
    Ok(())
}

async fn number(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<sea_orm::Value>,
) -> Result<i64, DbErr> {
    let row = one(db, sql, values).await?;
    row.map_or(Ok(0), |r| r.try_get::<Option<i64>>("", "n").map(Option::unwrap_or_default))
}

/// Since the beginning of a day some days ago.
fn since(days: i64) -> i64 {
    (now_ms() / DAY_MS - (days - 1).max(0)) * DAY_MS
}

async fn spent_since(db: &impl ConnectionTrait, from_ms: i64) -> Result<i64, DbErr> {
    let sql = "SELECT CAST(SUM(cost_micro) AS BIGINT) AS n FROM spent WHERE at_ms >= $1";
    number(db, sql, vec![from_ms.into()]).await
}

/// The limits.
pub(crate) async fn budget(db: &impl ConnectionTrait) -> Result<Budget, DbErr> {
    let rows = all(db, "SELECT name, value FROM limits", vec![]).await?;
    let mut budget = Budget::default();
    for row in rows {
        let value: i64 = row.try_get("", "value")?;
        match row.try_get::<String>("", "name")?.as_str() {
            "day" => budget.day_micro = Some(value),
            "month" => budget.month_micro = Some(value),
            _ => {}
        }
    }
    Ok(budget)
}

/// Sets the limits; one that is none is taken away.
pub(crate) async fn set_budget(db: &DatabaseConnection, budget: &Budget) -> Result<(), DbErr> {
    for (name, value) in [("day", budget.day_micro), ("month", budget.month_micro)] {
        match value {
            Some(value) => {
                execute(
                    db,
                    "INSERT INTO limits (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
                    vec![name.into(), value.into()],
                )
                .await?
            }
            None => execute(db, "DELETE FROM limits WHERE name = $1", vec![name.into()]).await?,
        };
    }
    Ok(())
}

/// Why one more job of this estimate may not be begun: a sentence. What runs counts with its
/// estimate. Asked in the transaction that accepts the job.
pub(crate) async fn refusal(
    db: &impl ConnectionTrait,
    estimate_micro: Option<i64>,
) -> Result<Option<String>, DbErr> {
    let limits = budget(db).await?;
    let under_way = number(
        db,
        "SELECT CAST(SUM(estimate_micro) AS BIGINT) AS n FROM job WHERE status IN ('queued', 'running', 'canceling')",
        vec![],
    )
    .await?;
    for (limit, days, name) in
        [(limits.day_micro, 1, "today"), (limits.month_micro, MONTH_DAYS, "the last 30 days")]
    {
        let Some(limit) = limit else { continue };
        let spent = spent_since(db, since(days)).await? + under_way;
        let over = match estimate_micro {
            Some(more) => spent + more > limit,
            None => spent >= limit,
        };
        if over {
            return Ok(Some(format!(
                "This would go over your limit of {} for {name}, of which {} is spent or under way. Raise the limit, or choose an engine on this computer.",
                dollars(limit),
                dollars(spent)
            )));
        }
    }
    Ok(None)
}

fn dollars(micro: i64) -> String {
    format!("${}.{:02}", micro / 1_000_000, micro % 1_000_000 / 10_000)
}

/// Sums of the last `days` days, newest first.
pub(crate) async fn report(db: &DatabaseConnection, days: i64) -> Result<Usage, DbErr> {
    let rows = all(
        db,
        "SELECT at_ms / 86400000 AS day, engine, agent, kind, COUNT(*) AS calls,
         CAST(SUM(attempts) AS BIGINT) AS attempts, CAST(SUM(media_ms) AS BIGINT) AS media_ms,
         CAST(COALESCE(SUM(tokens_in), 0) AS BIGINT) AS tokens_in,
         CAST(COALESCE(SUM(tokens_out), 0) AS BIGINT) AS tokens_out,
         CAST(SUM(succeeded) AS BIGINT) AS succeeded, CAST(SUM(took_ms) AS BIGINT) AS took_ms,
         CAST(SUM(bytes) AS BIGINT) AS bytes, CAST(COALESCE(SUM(cost_micro), 0) AS BIGINT) AS cost_micro,
         COUNT(*) - COUNT(cost_micro) AS unknown
         FROM spent WHERE at_ms >= $1 GROUP BY day, engine, agent, kind
         ORDER BY day DESC, engine, agent, kind",
        vec![since(days).into()],
    )
    .await?;
    let mut items = Vec::new();
    for row in rows {
        items.push(UsageRow {
            day: row.try_get("", "day")?,
            engine: row.try_get("", "engine")?,
            kind: row.try_get("", "kind")?,
            calls: row.try_get("", "calls")?,
            succeeded: row.try_get("", "succeeded")?,
            took_ms: row.try_get("", "took_ms")?,
            bytes: row.try_get("", "bytes")?,
            cost_micro: row.try_get("", "cost_micro")?,
            unknown: row.try_get("", "unknown")?,
            agent: row.try_get("", "agent")?,
            attempts: row.try_get("", "attempts")?,
            tokens_in: row.try_get("", "tokens_in")?,
            tokens_out: row.try_get("", "tokens_out")?,
            media_ms: row.try_get("", "media_ms")?,
        });
    }
    Ok(Usage {
        items,
        today_micro: spent_since(db, since(1)).await?,
        month_micro: spent_since(db, since(MONTH_DAYS)).await?,
        budget: budget(db).await?,
        prices: oto_engines::prices::version().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use oto_api_types::{JobKind, NewJob};
    use oto_engines::Estimate;
    use proptest::prelude::*;

    use super::*;
    use crate::jobs::charge::Prices;
    use crate::jobs::queue::{Accepted, accept};

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_at_once_as_many_begin_as_the_limit_has_room_for() {
        let folder = tempfile::tempdir().unwrap();
        let db = crate::db::open(&folder.path().join("jobs.sqlite")).await.unwrap();
        let limits = Budget { day_micro: None, month_micro: Some(95_000) };
        set_budget(&db, &limits).await.unwrap();
        let job = NewJob {
            kind: JobKind::Image,
            engine: "core".to_owned(),
            model: String::new(),
            prompt: "a tram".to_owned(),
            seed: 1,
            params: std::collections::BTreeMap::new(),
            inputs: Vec::new(),
            agent: None,
        };
        let three_cents = Estimate { micro: Some([30_000, 30_000]) };
        let ids: Vec<String> = (0..40).map(|n| format!("job-{n}")).collect();
        let asked = ids.iter().map(|id| accept(&db, id, &job, three_cents, None));
        let answers = futures_util::future::join_all(asked).await;
        let taken = |a: &&Result<Accepted, DbErr>| matches!(a, Ok(Accepted::New(_)));
        assert_eq!(answers.iter().filter(taken).count(), 3);
        let refused = |a: &&Result<Accepted, DbErr>| matches!(a, Ok(Accepted::OverBudget(_)));
        assert_eq!(answers.iter().filter(refused).count(), 37);
        // The same job again is the same job, limit or not; what is free is always taken.
        let first = ids.iter().zip(&answers).find(|(_, a)| taken(a)).unwrap().0;
        let again = accept(&db, first, &job, three_cents, None).await.unwrap();
        assert!(matches!(again, Accepted::Replayed(_)));
        let free = accept(&db, "free", &job, Estimate::FREE, None).await.unwrap();
        assert!(matches!(free, Accepted::New(_)));
        // When nobody knows what a job costs, the last cent decides.
        let unknown = accept(&db, "unknown", &job, Estimate::UNKNOWN, None).await.unwrap();
        assert!(matches!(unknown, Accepted::New(_)));
        set_budget(&db, &Budget { day_micro: Some(90_000), month_micro: None }).await.unwrap();
        let unknown = accept(&db, "unknown too", &job, Estimate::UNKNOWN, None).await.unwrap();
        assert!(matches!(unknown, Accepted::OverBudget(_)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_spent_is_summed_by_day_engine_and_agent() {
        let folder = tempfile::tempdir().unwrap();
        let db = crate::db::open(&folder.path().join("jobs.sqlite")).await.unwrap();
        let spent = |agent: &str, tokens: Option<i64>| Spent {
            engine: "lab".to_owned(),
            kind: "text".to_owned(),
            agent: agent.to_owned(),
            attempts: 2,
            tokens_in: tokens,
            tokens_out: tokens.map(|t| t * 10),
            media_ms: 1_500,
            succeeded: true,
            cost_micro: Some(7),
            ..Spent::default()
        };
        let jobs = [("a", "Writer", Some(3)), ("b", "Writer", None), ("c", "Critic", Some(4))];
        for (job, agent, tokens) in jobs {
            record(&db, job, &spent(agent, tokens)).await.unwrap();
        }
        // A job that ends twice is counted once.
        record(&db, "a", &spent("Writer", Some(100))).await.unwrap();
        let told = report(&db, 1).await.unwrap();
        let of = |r: &UsageRow| (r.agent.clone(), r.calls, r.attempts, r.tokens_in, r.tokens_out);
        let rows: Vec<_> = told.items.iter().map(of).collect();
        assert_eq!(rows, [("Critic".into(), 1, 2, 4, 40), ("Writer".into(), 2, 4, 3, 30)]);
        assert_eq!((told.items[1].media_ms, told.items[1].cost_micro), (3_000, 14));
    }

    /// What happens at a home.
    #[derive(Debug, Clone)]
    enum Step {
        /// Jobs that may cost so much come at the same time.
        Ask(Vec<i64>),
        /// One ends: with a cost that the engine tells, with none, or refused.
        End(Option<i64>, bool),
        /// The limit is set.
        Limit(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            proptest::collection::vec(1..400i64, 1..6).prop_map(Step::Ask),
            (proptest::option::of(0..500i64), any::<bool>()).prop_map(|(c, b)| Step::End(c, b)),
            (0..2_000i64).prop_map(Step::Limit),
        ];
        proptest::collection::vec(step, 1..14)
    }

    async fn play(steps: Vec<Step>) {
        use oto_api_types::{JobError, JobStatus};

        use crate::jobs::queue::{claim, end, succeed};
        use crate::jobs::row::JobResult;

        let folder = tempfile::tempdir().unwrap();
        let db = crate::db::open(&folder.path().join("jobs.sqlite")).await.unwrap();
        let job: NewJob = serde_json::from_str(
            r#"{"kind": "image", "engine": "core", "prompt": "a tram", "seed": 1}"#,
        )
        .unwrap();
        let (mut under_way, mut spent, mut limit) = (BTreeMap::new(), 0, i64::MAX);
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Limit(micro) => {
                    limit = micro;
                    let month_micro = Some(micro);
                    set_budget(&db, &Budget { day_micro: None, month_micro }).await.unwrap();
                }
                Step::Ask(most) => {
                    let ids: Vec<String> = (0..most.len()).map(|i| format!("{n:02}-{i}")).collect();
                    let asked = ids.iter().zip(&most).map(|(id, most)| {
                        accept(&db, id, &job, Estimate { micro: Some([0, *most]) }, None)
                    });
                    let answers = futures_util::future::join_all(asked).await;
                    let (mut taken, mut refused) = (0, Vec::new());
                    for ((id, most), answer) in ids.iter().zip(&most).zip(answers) {
                        match answer.unwrap() {
                            Accepted::New(_) => {
                                taken += 1;
                                under_way.insert(id.clone(), *most);
                            }
                            Accepted::OverBudget(_) => refused.push(*most),
                            _ => panic!("it is new"),
                        }
                    }
                    let all = under_way.values().sum::<i64>() + spent;
                    assert!(taken == 0 || all <= limit, "{all} of {limit}");
                    // Nobody was sent away who had room.
                    assert!(refused.iter().all(|most| all + most > limit));
                }
                Step::End(cost_micro, is_refused) => {
                    let Some(row) = claim(&db, "me").await.unwrap() else { continue };
                    let most = under_way.remove(&row.id).unwrap();
                    if is_refused {
                        let error: JobError = serde_json::from_str(
                            r#"{"code": "x", "class": "network", "message": "", "retryable": true}"#,
                        )
                        .unwrap();
                        end(&db, &row, JobStatus::Failed, Some(&error), Prices::new(1))
                            .await
                            .unwrap();
                    } else {
                        let result = JobResult { cost_micro, ..JobResult::default() };
                        succeed(&db, &row, &result, Prices::new(1)).await.unwrap();
                        spent += cost_micro.unwrap_or(most);
                    }
                }
            }
            assert_eq!(spent_since(&db, since(MONTH_DAYS)).await.unwrap(), spent);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn limits_hold_and_turn_nobody_away_who_has_room(steps in steps()) {
            tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(play(steps));
        }
    }
}
