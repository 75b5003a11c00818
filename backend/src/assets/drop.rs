//! Media that nobody needs any more: marked in the transaction that frees them, then claimed and
//! dropped, again and again until the store obeys. Whoever brings the same bytes meanwhile waits for a
//! drop that is under way, and puts off one that is not until everybody who brings them is done.

use std::time::Duration;

use axum::http::StatusCode;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use crate::blobs::Blobs;
use crate::db::{all, execute, immediate, now_ms, one};
use crate::error::Refusal;
use crate::jobs::queue;
use crate::state::AppState;

/// How long an upload waits for its work, and a result for whoever asked for it.
const WAITS_MS: i64 = 30 * 86_400_000;
/// What is looked at and not finished by then was given up.
const FINISHED_MS: i64 = 3_600_000;
/// A drop that was claimed and is not over by then was given up; longer than any call to a store lasts.
const CLAIM_MS: i64 = 180_000;
/// Before a drop that failed is tried again.
const AGAIN_MS: i64 = 60_000;
/// How often somebody looks whether a drop is over, and how long.
const LOOK: Duration = Duration::from_millis(250);
const LOOKS: u32 = 80;
/// How long somebody waits for what is dropped.
const SOON: Duration = Duration::from_secs(2);
/// Most that go in one round.
const MOST: i64 = 50;
/// Uploads that are looked at in one round.
const LOOKED_AT: i64 = 2_000;

/// Of these media, those that no upload, work or job needs.
async fn without_use(db: &impl ConnectionTrait, media: Vec<String>) -> Result<Vec<String>, DbErr> {
    let mut left = Vec::new();
    for hash in media {
        let mut is_used = false;
        for sql in [
            "SELECT 1 AS yes FROM asset WHERE hash = $1 OR served = $1 OR poster = $1 LIMIT 1",
            "SELECT 1 AS yes FROM work WHERE asset = $1 OR poster = $1 OR original = $1 LIMIT 1",
        ] {
            is_used |= one(db, sql, vec![hash.clone().into()]).await?.is_some();
        }
        if !is_used {
            left.push(hash);
        }
    }
    queue::unneeded(db, left).await
}

/// Forgets an upload of somebody's that no work of theirs is made of; marks and gives the media that
/// nobody needs after that: the bytes, what is served of them and their picture.
pub(crate) async fn unneeded(
    txn: &impl ConnectionTrait,
    account: &str,
    original: &str,
) -> Result<Vec<String>, DbErr> {
    // Whoever uploads the same waits for this row, or is waited for; always before its owners.
    execute(txn, "UPDATE asset SET size = size WHERE hash = $1", vec![original.into()]).await?;
    let sql = "DELETE FROM asset_owner WHERE hash = $1 AND account = $2 AND NOT EXISTS (SELECT 1 FROM work w WHERE w.original = $1 AND w.author = $2)";
    execute(txn, sql, vec![original.into(), account.into()]).await?;
    let sql = "SELECT served, poster FROM asset WHERE hash = $1";
    let mut media = vec![original.to_owned()];
    if let Some(row) = one(txn, sql, vec![original.into()]).await? {
        media.push(row.try_get("", "served")?);
        media.extend(row.try_get::<Option<String>>("", "poster")?);
    }
    // What others uploaded, and works that are made of it, keep it known.
    let sql = "DELETE FROM asset WHERE hash = $1 AND NOT EXISTS (SELECT 1 FROM asset_owner o WHERE o.hash = $1) AND NOT EXISTS (SELECT 1 FROM work w WHERE w.original = $1)";
    execute(txn, sql, vec![original.into()]).await?;
    media.sort_unstable();
    media.dedup();
    let unused = without_use(txn, media).await?;
    for hash in &unused {
        mark(txn, hash).await?;
    }
    Ok(unused)
}

/// Where a walk through all uploads is: the time, account and hash of the last that was looked at. At
/// the end it begins again.
#[derive(Debug, Default)]
pub(crate) struct Walk(i64, String, String);

/// Forgets uploads that nothing was made of and results that nobody fetched, after a month; what they
/// leave is marked.
pub(crate) async fn forget_old(db: &DatabaseConnection, walk: &mut Walk) -> Result<(), DbErr> {
    let before = now_ms() - WAITS_MS;
    forget_uploads(db, before, walk).await?;
    forget_results(db, before).await
}

/// Looks at the next uploads: nearly all of them have become works, so that a look at all would be long.
async fn forget_uploads(
    db: &DatabaseConnection,
    before: i64,
    walk: &mut Walk,
) -> Result<(), DbErr> {
    let sql = "SELECT o.account, o.hash, o.created_at_ms,
        CAST(CASE WHEN EXISTS (SELECT 1 FROM work w WHERE w.original = o.hash AND w.author = o.account)
        OR EXISTS (SELECT 1 FROM job_medium m JOIN job j ON j.id = m.job WHERE m.hash = o.hash AND j.status IN ('queued', 'running', 'canceling'))
        THEN 1 ELSE 0 END AS BIGINT) AS used
        FROM (SELECT account, hash, created_at_ms FROM asset_owner WHERE (created_at_ms, account, hash) > ($1, $2, $3) AND created_at_ms < $4
              ORDER BY created_at_ms, account, hash LIMIT $5) o ORDER BY o.created_at_ms, o.account, o.hash";
    let Walk(at, account, hash) = std::mem::take(walk);
    let values = vec![at.into(), account.into(), hash.into(), before.into(), LOOKED_AT.into()];
    let rows = all(db, sql, values).await?;
    let is_end = (rows.len() as i64) < LOOKED_AT;
    let mut gone = 0;
    for row in rows {
        let (account, hash): (String, String) =
            (row.try_get("", "account")?, row.try_get("", "hash")?);
        let is_used = row.try_get::<i64>("", "used")? != 0;
        if !is_used && gone == MOST {
            return Ok(());
        }
        *walk = Walk(row.try_get("", "created_at_ms")?, account.clone(), hash.clone());
        if is_used {
            continue;
        }
        gone += 1;
        let txn = db.begin_with_options(immediate()).await?;
        // Somebody may have uploaded or published it again since. The rows in the order of `unneeded`.
        execute(&txn, "UPDATE asset SET size = size WHERE hash = $1", vec![hash.clone().into()])
            .await?;
        let sql = "UPDATE asset_owner SET created_at_ms = created_at_ms WHERE account = $1 AND hash = $2 AND created_at_ms < $3 RETURNING hash";
        let still = vec![account.clone().into(), hash.clone().into(), before.into()];
        if one(&txn, sql, still).await?.is_some() {
            unneeded(&txn, &account, &hash).await?;
        }
        txn.commit().await?;
    }
    if is_end {
        *walk = Walk::default();
    }
    Ok(())
}

/// Whole works and stages alike.
async fn forget_results(db: &DatabaseConnection, before: i64) -> Result<(), DbErr> {
    let sql = "SELECT id FROM job WHERE status = 'succeeded' AND released = 0 AND finished_at_ms < $1 ORDER BY finished_at_ms LIMIT $2";
    for row in all(db, sql, vec![before.into(), MOST.into()]).await? {
        let id: String = row.try_get("", "id")?;
        let txn = db.begin_with_options(immediate()).await?;
        // No later film goes on from there.
        let sql = "UPDATE job SET parent_id = NULL WHERE id = $1 AND parent_id IN (SELECT id FROM job WHERE status IN ('failed', 'canceled', 'expired'))";
        execute(&txn, sql, vec![id.clone().into()]).await?;
        for hash in queue::release(&txn, &id).await? {
            mark(&txn, &hash).await?;
        }
        txn.commit().await?;
    }
    Ok(())
}

/// Drops bytes that turned out to be of no use, unless somebody else has the same.
pub(crate) async fn forget_unused(state: &AppState, hash: &str) -> Result<(), DbErr> {
    mark(&state.db, hash).await?;
    drop_soon(state, vec![hash.to_owned()]).await;
    Ok(())
}

/// The same for media that were marked, without waiting for a store that is slow: they go in any case.
pub(crate) async fn drop_soon(state: &AppState, media: Vec<String>) {
    let own = state.clone();
    let dropping = tokio::spawn(async move { drop_all(&own, media).await });
    // Otherwise it is done, or goes on.
    if let Ok(Ok(Err(error))) = tokio::time::timeout(SOON, dropping).await {
        tracing::warn!(%error, "media are dropped later");
    }
}

/// Drops media that were marked, unless somebody needs them again. What cannot be dropped now is
/// dropped by [`drop_marked`]; nobody sees it meanwhile. False when the store does not obey now.
async fn drop_all(state: &AppState, media: Vec<String>) -> Result<bool, DbErr> {
    for hash in media {
        if !claim(&state.db, &hash).await? {
            continue;
        }
        if without_use(&state.db, vec![hash.clone()]).await?.is_empty() {
            dropped(&state.db, &hash).await?;
            continue;
        }
        // Before the drop: whoever keeps the same after it says so again.
        execute(&state.db, "DELETE FROM blob_keep WHERE hash = $1", vec![hash.clone().into()])
            .await?;
        let Err(error) = state.blobs.drop_everywhere(&hash).await else {
            dropped(&state.db, &hash).await?;
            continue;
        };
        tracing::warn!(asset.hash = %hash, %error, "a medium that nothing needs could not be dropped yet");
        // A store that gave no answer may obey later all the same: nobody brings the same bytes until that
        // is over. The others are not tried while it does not answer.
        let sql = "UPDATE blob_drop SET at_ms = $2, dropping = $3 WHERE hash = $1";
        let is_open = i64::from(!Blobs::is_refusal(&error));
        let values = vec![hash.into(), (now_ms() + AGAIN_MS).into(), is_open.into()];
        execute(&state.db, sql, values).await?;
        return Ok(false);
    }
    Ok(true)
}

/// Drops what was marked and not dropped since: the store was away, or a process ended.
pub(crate) async fn drop_marked(state: &AppState) -> Result<(), DbErr> {
    let sql = "SELECT hash FROM blob_drop WHERE at_ms < $1 ORDER BY at_ms LIMIT $2";
    loop {
        let rows = all(&state.db, sql, vec![now_ms().into(), MOST.into()]).await?;
        let marked: Result<Vec<String>, _> = rows.iter().map(|r| r.try_get("", "hash")).collect();
        if !drop_all(state, marked?).await? || (rows.len() as i64) < MOST {
            return Ok(());
        }
    }
}

/// A medium goes, unless somebody needs it when that is done, or brings it at this moment.
pub(crate) async fn mark(db: &impl ConnectionTrait, hash: &str) -> Result<(), DbErr> {
    // Whoever looks at it at this moment may have seen a use that has ended.
    let sql = "INSERT INTO blob_drop (hash, at_ms) VALUES ($1, $2) ON CONFLICT (hash) DO UPDATE SET
        again = CASE WHEN blob_drop.dropping = 1 THEN 1 ELSE 0 END,
        at_ms = CASE WHEN blob_drop.dropping = 0 AND blob_drop.at_ms < $2 THEN $2 ELSE blob_drop.at_ms END";
    execute(db, sql, vec![hash.into(), now_ms().into()]).await?;
    Ok(())
}

/// Of several that would drop it one does, from when on it is due.
async fn claim(db: &impl ConnectionTrait, hash: &str) -> Result<bool, DbErr> {
    let now = now_ms();
    // One that was claimed becomes due again when its time is over.
    let sql = "UPDATE blob_drop SET dropping = 1, at_ms = $2 WHERE hash = $1 AND at_ms <= $3";
    let values = vec![hash.into(), (now + CLAIM_MS).into(), now.into()];
    Ok(execute(db, sql, values).await? == 1)
}

/// Somebody brings a medium: nobody drops it until they are done ([`brought`]) or an hour is
/// over. Waits for a drop that is under way.
pub(crate) async fn expect(db: &impl ConnectionTrait, hash: &str) -> Result<(), Refusal> {
    let sql = "INSERT INTO blob_drop (hash, at_ms, brought) VALUES ($1, $2, 1) ON CONFLICT (hash) DO UPDATE SET at_ms = $2, brought = CASE WHEN blob_drop.at_ms > $3 THEN blob_drop.brought + 1 ELSE 1 END WHERE blob_drop.dropping = 0";
    for _ in 0..LOOKS {
        let now = now_ms();
        let values = vec![hash.into(), (now + FINISHED_MS).into(), now.into()];
        if execute(db, sql, values).await? == 1 {
            return Ok(());
        }
        // Whoever claimed it may be gone.
        let over = "DELETE FROM blob_drop WHERE hash = $1 AND dropping = 1 AND at_ms < $2";
        if execute(db, over, vec![hash.into(), now.into()]).await? == 0 {
            tokio::time::sleep(LOOK).await;
        }
    }
    let sentence =
        "The same bytes are being taken away for somebody else; send them again in a minute.";
    Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "try_again", sentence).after(30))
}

/// Whoever brought it is done: when nobody else brings it, it is looked at whether anything uses it.
pub(crate) async fn brought(db: &impl ConnectionTrait, hash: &str) -> Result<(), DbErr> {
    let sql = "UPDATE blob_drop SET at_ms = CASE WHEN brought > 1 THEN at_ms ELSE $2 END, brought = brought - 1 WHERE hash = $1 AND dropping = 0 AND brought > 0";
    execute(db, sql, vec![hash.into(), now_ms().into()]).await?;
    Ok(())
}

/// A drop is over, or was not needed; it is looked at once more when somebody marked it meanwhile.
async fn dropped(db: &impl ConnectionTrait, hash: &str) -> Result<(), DbErr> {
    let sql = "UPDATE blob_drop SET dropping = 0, again = 0, at_ms = $2 WHERE hash = $1 AND dropping = 1 AND again = 1";
    if execute(db, sql, vec![hash.into(), now_ms().into()]).await? == 0 {
        let sql = "DELETE FROM blob_drop WHERE hash = $1 AND dropping = 1 AND again = 0";
        execute(db, sql, vec![hash.into()]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_brings_a_medium_waits_for_its_drop_and_calls_off_a_later_one() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("oto.sqlite").display());
        let db = crate::db::connect(&url, folder.path(), 1).await.unwrap();
        crate::db::migrate(&db).await.unwrap();
        mark(&db, "tram").await.unwrap();
        expect(&db, "tram").await.unwrap();
        assert!(!claim(&db, "tram").await.unwrap(), "somebody brings it");
        mark(&db, "tram").await.unwrap();
        assert!(!claim(&db, "tram").await.unwrap(), "whoever refused the same bytes waits, too");
        expect(&db, "tram").await.unwrap();
        brought(&db, "tram").await.unwrap();
        assert!(!claim(&db, "tram").await.unwrap(), "another one still brings it");
        brought(&db, "tram").await.unwrap();
        assert!(claim(&db, "tram").await.unwrap(), "nobody does");
        assert!(!claim(&db, "tram").await.unwrap(), "one drops it");
        // Somebody frees it while it is looked at whether anything uses it.
        mark(&db, "tram").await.unwrap();
        dropped(&db, "tram").await.unwrap();
        assert!(claim(&db, "tram").await.unwrap(), "it is looked at again");
        let goes = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            dropped(&db, "tram").await.unwrap();
            now_ms()
        };
        let comes = async {
            expect(&db, "tram").await.unwrap();
            now_ms()
        };
        let (gone, came) = tokio::join!(goes, comes);
        assert!(came >= gone);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_nobody_used_for_a_month_is_forgotten_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("oto.sqlite").display());
        let db = crate::db::connect(&url, folder.path(), 1).await.unwrap();
        crate::db::migrate(&db).await.unwrap();
        let run = async |sql: &str| execute(&db, sql, vec![]).await.unwrap();
        run("INSERT INTO account (id, handle, name, email, password, plot, created_at_ms) VALUES ('ada', 'ada', 'Ada', 'a@x', '', 0, 0)").await;
        let uploads =
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2100)";
        run(&format!("{uploads} INSERT INTO asset (hash, served, kind, content_type, size, width, height, duration_ms, rgb, created_at_ms) SELECT 'h' || i, 'h' || i, 'image', '', 1, 1, 1, 0, 0, 1 FROM n")).await;
        // The last ones came today.
        let fresh = now_ms();
        run(&format!("{uploads} INSERT INTO asset_owner (account, hash, created_at_ms) SELECT 'ada', 'h' || i, CASE WHEN i > 2090 THEN {fresh} ELSE 1 END FROM n")).await;
        // All but a few of the others are works.
        run(&format!("{uploads} INSERT INTO work (id, author, fingerprint, kind, title, visibility, state, original, licence, may_reuse, may_comment, shows_recipe, shows_sources, recipe, sources, created_at_ms) SELECT 'w' || i, 'ada', '', 'image', '', 'private', 'shown', 'h' || i, '', 0, 0, 0, 0, '', '', 1 FROM n WHERE i <= 2090 AND i % 30 > 0")).await;
        let job = async |id: &str, status: &str, parent: &str| {
            let sql = "INSERT INTO job (id, fingerprint, request, status, submit_state, lease_seq, lease_until_ms, attempt, run_at_ms, deadline_at_ms, created_at_ms, version, stage, parent_id, child_key, finished_at_ms)
                VALUES ($1, '', '{}', $2, 'none', 0, 0, 0, 0, 0, 0, 1, '', NULLIF($3, ''), $1, 1)";
            execute(&db, sql, vec![id.into(), status.into(), parent.into()]).await.unwrap();
            queue::media::note(&db, id, vec![format!("of {id}")], true).await.unwrap();
        };
        // A picture, a film with its script, a script of a film that failed, one that is made now.
        for (id, status, parent) in [
            ("picture", "succeeded", ""),
            ("film", "succeeded", ""),
            ("script", "succeeded", "film"),
            ("failed", "failed", ""),
            ("left", "succeeded", "failed"),
            ("now", "running", ""),
            ("needed", "succeeded", "now"),
        ] {
            job(id, status, parent).await;
        }
        let mut walk = Walk::default();
        for _ in 0..6 {
            forget_old(&db, &mut walk).await.unwrap();
        }
        let count =
            async |sql: &str| -> i64 { crate::db::value(&db, sql, vec![]).await.unwrap().unwrap() };
        let gone = 2090 / 30;
        assert_eq!(count("SELECT COUNT(*) FROM asset_owner").await, 2100 - gone);
        assert_eq!(count("SELECT COUNT(*) FROM blob_drop WHERE hash LIKE 'h%'").await, gone);
        let marked =
            all(&db, "SELECT hash FROM blob_drop WHERE hash LIKE 'of %' ORDER BY hash", vec![])
                .await
                .unwrap();
        let marked: Vec<String> = marked.iter().map(|r| r.try_get("", "hash").unwrap()).collect();
        assert_eq!(marked, ["of film", "of left", "of picture", "of script"]);
    }
}
