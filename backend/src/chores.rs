//! What a server does beside answering: hears of changes, keeps the sums of the wall, delivers
//! webhooks, forgets what has run out, looks whether the books are right.

use std::time::Duration;

use sea_orm::DbErr;

use crate::assets::drop::Walk;
use crate::auth::session;
use crate::db::{execute, now_ms};
use crate::jobs::told;
use crate::notices::bell::Ringer;
use crate::notices::letters;
use crate::state::AppState;
use crate::wall::live::Ears;
use crate::wall::sums;
use crate::webhooks::UnderWay;
use crate::{assets, db, jobs, ledger, moderation, payments, people, webhooks, works};

/// Between two looks at what changed.
const BEAT: Duration = Duration::from_secs(1);
/// How long a stop waits for what is under way.
const GRACE: Duration = Duration::from_secs(2);
/// Beats between two looks at accounts whose time has come.
const SOON: u64 = 5;
/// Beats between two rounds of forgetting.
const ROUND: u64 = 60;
/// Beats between two looks at the books.
const BOOKS: u64 = 3_600;

/// Runs until the server stops. What waits for others on the network holds up nothing else.
pub(crate) async fn keep_house(state: AppState) {
    tokio::join!(
        house(state.clone()),
        every_beat(&state, "payments", || payments::handle_open(&state)),
        deliver(&state),
        every_beat(&state, "ends of jobs", || told::tell_ends(&state)),
        every_beat(&state, "letters", || letters::send_due(&state)),
        every_beat(&state, "media to be dropped", || assets::drop::drop_marked(&state)),
        every_beat(&state, "late results", || jobs::keep_late(&state)),
    );
}

/// Webhooks: those under way go on beside the next look.
async fn deliver(state: &AppState) {
    let mut under_way = UnderWay::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = state.stop.cancelled() => break,
        }
        say("webhooks", webhooks::deliver_due(state, &mut under_way).await);
    }
    // Whatever does not end is tried again by the next start.
    tokio::time::timeout(GRACE, under_way.ended()).await.ok();
}

async fn every_beat<F: Future<Output = Result<(), DbErr>>>(
    state: &AppState,
    what: &str,
    chore: impl Fn() -> F,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = state.stop.cancelled() => return,
        }
        let outcome = tokio::select! {
            outcome = chore() => outcome,
            // Whatever is left in the middle is done again.
            () = async { state.stop.cancelled().await; tokio::time::sleep(GRACE).await } => return,
        };
        say(what, outcome);
    }
}

async fn house(state: AppState) {
    let Some(server) = state.server.clone() else { return };
    let (mut ears, mut ringer, mut walk) = (Ears::new(), Ringer::new(), Walk::default());
    for beat in 0u64.. {
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = state.stop.cancelled() => return,
        }
        say("changes of the wall", ears.listen(&state.db, &server.wall).await);
        say("bells of notices", ringer.ring(&state.db, &server.bell).await);
        say("sums of the wall", sums::bring_up_to_date(&state.db).await.map(drop));
        if beat % SOON == SOON - 1 {
            say(
                "a database to be opened again",
                db::heal(&state.db, &server.config.data_dir).await,
            );
            say("accounts that leave", people::leave_due(&state).await);
            say("suspensions that end", moderation::let_back(&state.db).await);
            say("tokens that end", ledger::lots::end_due(&state.db).await);
        }
        if beat % ROUND == ROUND - 1 {
            say("what has run out", forget(&state).await);
            say("media that nobody needs", assets::forget_old(&state.db, &mut walk).await);
            server.limits.tidy();
            server.metrics.run_upkeep();
            say("the media folder", tidy(&state).await);
        }
        if beat % BOOKS == BOOKS - 1 {
            say("the books", look_at_books(&state).await);
        }
    }
}

async fn tidy(state: &AppState) -> Result<(), DbErr> {
    let not_kept = jobs::not_kept(state).await?.into_iter().map(|(hash, _)| hash).collect();
    let blobs = state.blobs.clone();
    // Its end does not matter; the next round looks again.
    tokio::task::spawn_blocking(move || blobs.tidy(&not_kept)).await.ok();
    Ok(())
}

fn say(what: &str, outcome: Result<(), DbErr>) {
    if let Err(error) = outcome {
        metrics::counter!("chores_failed_total").increment(1);
        tracing::error!(%error, "{what} could not be looked after");
    }
}

/// Whether sums and counters are right; what is not is said and shown as a gauge.
async fn look_at_books(state: &AppState) -> Result<(), DbErr> {
    let mut wrong = ledger::check(&state.db).await?;
    metrics::gauge!("ledger_imbalance").set(wrong.len() as f64);
    wrong.extend(works::said::check(&state.db).await?);
    for sentence in wrong {
        tracing::error!("the books are wrong: {sentence}");
    }
    Ok(())
}

async fn forget(state: &AppState) -> Result<(), DbErr> {
    let now = now_ms();
    let day = 86_400_000;
    for (sql, before) in [
        ("DELETE FROM device_code WHERE expires_at_ms < $1", now - day),
        ("DELETE FROM letter_token WHERE expires_at_ms < $1", now),
        ("DELETE FROM refresh_token WHERE expires_at_ms < $1", now - session::LIFE_MS),
        ("DELETE FROM web_session WHERE expires_at_ms < $1", now),
        ("DELETE FROM idempotency WHERE at_ms < $1", now - day),
        ("DELETE FROM upload WHERE expires_at_ms < $1", now),
        ("DELETE FROM notification WHERE at_ms < $1", now - 180 * day),
        ("DELETE FROM provider_call WHERE at_ms < $1", now - day),
        (
            "DELETE FROM webhook_delivery WHERE state IN ('done', 'failed') AND due_at_ms < $1",
            now - 30 * day,
        ),
    ] {
        execute(&state.db, sql, vec![before.into()]).await?;
    }
    Ok(())
}
