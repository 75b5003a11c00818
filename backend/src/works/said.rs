//! Likes and votes: one of each for a person and a work, counters that are changed with them.

use oto_api_types::Counters;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use super::WorkRow;
use super::change::{hot, top};
use crate::auth::Me;
use crate::db::{execute, immediate, now_ms, one, value};
use crate::notices::{self, Notice};

/// Likes a work, or no longer.
pub(crate) async fn like(
    db: &DatabaseConnection,
    me: &Me,
    work: &WorkRow,
    wanted: bool,
) -> Result<Counters, DbErr> {
    let txn = db.begin_with_options(immediate()).await?;
    let changed = if wanted {
        let sql = "INSERT INTO work_like (work, account, at_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let values = vec![work.id.clone().into(), me.account.clone().into(), now_ms().into()];
        execute(&txn, sql, values).await?
    } else {
        let sql = "DELETE FROM work_like WHERE work = $1 AND account = $2";
        execute(&txn, sql, vec![work.id.clone().into(), me.account.clone().into()]).await?
    };
    if changed == 1 {
        let by: i64 = if wanted { 1 } else { -1 };
        let sql = "UPDATE work SET likes = likes + $2 WHERE id = $1";
        execute(&txn, sql, vec![work.id.clone().into(), by.into()]).await?;
        rank(&txn, &work.id).await?;
        if wanted && work.author.id != me.account {
            let text = format!("likes “{}”", work.title);
            let notice = Notice {
                account: &work.author.id,
                kind: "like",
                by: Some(&me.account),
                work: Some(&work.id),
                text: &text,
                // A like that is taken back and given again is told once.
                reference: Some(format!("like:{}:{}", work.id, me.account)),
            };
            notices::tell(&txn, &notice).await?;
        }
    }
    txn.commit().await?;
    counters(db, &work.id, Some(&me.account)).await
}

/// Votes on a work: -1, 0 or 1.
pub(crate) async fn vote(
    db: &DatabaseConnection,
    me: &Me,
    work: &WorkRow,
    wanted: i64,
) -> Result<Counters, DbErr> {
    let txn = db.begin_with_options(immediate()).await?;
    // The work's row is locked first: two votes of one person at once are one after the other.
    execute(&txn, "UPDATE work SET likes = likes WHERE id = $1", vec![work.id.clone().into()])
        .await?;
    let sql = "SELECT value FROM work_vote WHERE work = $1 AND account = $2";
    let own = vec![work.id.clone().into(), me.account.clone().into()];
    let before: i64 = value(&txn, sql, own).await?.unwrap_or(0);
    if before != wanted {
        let sql = "INSERT INTO work_vote (work, account, value) VALUES ($1, $2, $3) ON CONFLICT (work, account) DO UPDATE SET value = $3";
        let values = vec![work.id.clone().into(), me.account.clone().into(), wanted.into()];
        execute(&txn, sql, values).await?;
        let step = |of: i64| i64::from(wanted == of) - i64::from(before == of);
        let sql =
            "UPDATE work SET votes_up = votes_up + $2, votes_down = votes_down + $3 WHERE id = $1";
        let values = vec![work.id.clone().into(), step(1).into(), step(-1).into()];
        execute(&txn, sql, values).await?;
        rank(&txn, &work.id).await?;
    }
    txn.commit().await?;
    counters(db, &work.id, Some(&me.account)).await
}

/// Writes where a work stands in the lists.
async fn rank(txn: &impl ConnectionTrait, id: &str) -> Result<(), DbErr> {
    let sql = "SELECT likes, votes_up, votes_down, published_at_ms FROM work WHERE id = $1";
    let Some(row) = one(txn, sql, vec![id.into()]).await? else { return Ok(()) };
    let [likes, up, down]: [i64; 3] =
        [row.try_get("", "likes")?, row.try_get("", "votes_up")?, row.try_get("", "votes_down")?];
    let Some(at) = row.try_get::<Option<i64>>("", "published_at_ms")? else { return Ok(()) };
    let sql = "UPDATE work SET hot = $2, top = $3 WHERE id = $1";
    let values = vec![id.into(), hot(likes + up - down, at).into(), top(likes + up, down).into()];
    execute(txn, sql, values).await?;
    Ok(())
}

/// How people stand to a work, and the caller.
pub(crate) async fn counters(
    db: &impl ConnectionTrait,
    id: &str,
    account: Option<&str>,
) -> Result<Counters, DbErr> {
    let sql = "SELECT w.likes, w.votes_up - w.votes_down AS votes, w.comments,
        CAST((SELECT COUNT(*) FROM work_like WHERE work = w.id AND account = $2) AS BIGINT) AS is_liked,
        CAST(COALESCE((SELECT value FROM work_vote WHERE work = w.id AND account = $2), 0) AS BIGINT) AS own_vote
        FROM work w WHERE w.id = $1";
    let row = one(db, sql, vec![id.into(), account.unwrap_or_default().into()]).await?;
    let Some(row) = row else { return Ok(Counters::default()) };
    Ok(Counters {
        likes: row.try_get("", "likes")?,
        votes: row.try_get("", "votes")?,
        comments: row.try_get("", "comments")?,
        is_liked: row.try_get::<i64>("", "is_liked")? != 0,
        own_vote: row.try_get("", "own_vote")?,
    })
}

/// Counters that are not the number of their rows; each sentence is a fault.
pub(crate) async fn check(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let mut wrong = Vec::new();
    for (what, sql) in [
        (
            "likes",
            "SELECT CAST(COUNT(*) AS BIGINT) FROM work w WHERE w.likes <> (SELECT COUNT(*) FROM work_like WHERE work = w.id) AND w.state <> 'deleted'",
        ),
        (
            "votes",
            "SELECT CAST(COUNT(*) AS BIGINT) FROM work w WHERE (w.votes_up <> (SELECT COUNT(*) FROM work_vote WHERE work = w.id AND value = 1) OR w.votes_down <> (SELECT COUNT(*) FROM work_vote WHERE work = w.id AND value = -1)) AND w.state <> 'deleted'",
        ),
        (
            "comments",
            "SELECT CAST(COUNT(*) AS BIGINT) FROM work w WHERE w.comments <> (SELECT COUNT(*) FROM comment WHERE work = w.id AND state = 'shown') AND w.state <> 'deleted'",
        ),
        (
            "works of people",
            "SELECT CAST(COUNT(*) AS BIGINT) FROM account a WHERE a.works <> (SELECT COUNT(*) FROM work WHERE author = a.id AND on_wall = 1)",
        ),
        (
            "followers",
            "SELECT CAST(COUNT(*) AS BIGINT) FROM account a WHERE a.followers <> (SELECT COUNT(*) FROM follow WHERE followed = a.id) OR a.following <> (SELECT COUNT(*) FROM follow WHERE follower = a.id)",
        ),
        (
            "cells",
            "SELECT CAST(COUNT(*) AS BIGINT) FROM plot p WHERE p.taken <> (SELECT COUNT(*) FROM work WHERE plot = p.n)",
        ),
    ] {
        let n: i64 = value(db, sql, vec![]).await?.unwrap_or(0);
        if n > 0 {
            wrong.push(format!("{n} counts of {what} are not their rows"));
        }
    }
    Ok(wrong)
}
