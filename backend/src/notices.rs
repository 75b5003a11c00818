//! What people are told: a row for each, once for what it is about.

pub(crate) mod bell;
pub(crate) mod letters;
pub(crate) mod settings;

use oto_api_types::{Author, Notification};
use sea_orm::{ConnectionTrait, DbErr};

use crate::db::{all, execute, now_ms, value};
use crate::error::Refusal;
use crate::works::list;

/// Something to be told.
#[derive(Debug, Clone)]
pub(crate) struct Notice<'a> {
    pub(crate) account: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) by: Option<&'a str>,
    pub(crate) work: Option<&'a str>,
    pub(crate) text: &'a str,
    /// The same is told once.
    pub(crate) reference: Option<String>,
}

/// Tells somebody, unless it is about what they did themselves, or of a kind they do not want to hear
/// of. What nobody may miss leaves as a letter, too.
pub(crate) async fn tell(db: &impl ConnectionTrait, notice: &Notice<'_>) -> Result<(), DbErr> {
    if notice.by == Some(notice.account) {
        return Ok(());
    }
    let is_optional = settings::OPTIONAL.contains(&notice.kind);
    let sql = "INSERT INTO notification (id, account, kind, by_account, work, text, reference, at_ms, mailed) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
        WHERE NOT EXISTS (SELECT 1 FROM account WHERE id = $2 AND ' ' || notices_off || ' ' LIKE '% ' || $3 || ' %') ON CONFLICT DO NOTHING";
    let text: String = notice.text.chars().take(400).collect();
    let values = vec![
        uuid::Uuid::now_v7().to_string().into(),
        notice.account.into(),
        notice.kind.into(),
        notice.by.map(str::to_owned).into(),
        notice.work.map(str::to_owned).into(),
        text.into(),
        notice.reference.clone().into(),
        now_ms().into(),
        i64::from(is_optional).into(),
    ];
    execute(db, sql, values).await?;
    Ok(())
}

/// The words of a comment that nobody shall read any more.
pub(crate) async fn forget_words_of_comment(
    txn: &impl ConnectionTrait,
    work: &str,
    comment: &str,
) -> Result<(), DbErr> {
    let sql = "DELETE FROM notification WHERE work = $1 AND reference LIKE $2";
    execute(txn, sql, vec![work.into(), format!("comment:{comment}:%").into()]).await?;
    Ok(())
}

/// The name of a work that others shall not read any more, and what was said under it.
pub(crate) async fn forget_words_of_work(
    txn: &impl ConnectionTrait,
    work: &str,
    author: &str,
) -> Result<(), DbErr> {
    let sql = "DELETE FROM notification WHERE work = $1 AND account <> $2 AND kind IN ('comment', 'mention', 'reuse')";
    execute(txn, sql, vec![work.into(), author.into()]).await?;
    Ok(())
}

/// A page of what somebody was told, newest first.
pub(crate) async fn of(
    db: &impl ConnectionTrait,
    account: &str,
    cursor: Option<&str>,
    limit: i64,
) -> Result<(Vec<Notification>, Option<String>), Refusal> {
    let (at, id) = cursor.map_or(Ok((i64::MAX as f64, String::new())), list::place)?;
    let sql = format!(
        "SELECT n.id, n.kind, n.by_account, n.work, n.text, n.at_ms, n.read, a.handle, a.name FROM notification n LEFT JOIN account a ON a.id = n.by_account
         WHERE n.account = $1 AND (n.at_ms < $2 OR (n.at_ms = $2 AND n.id < $3)) ORDER BY n.at_ms DESC, n.id DESC LIMIT {}",
        limit + 1
    );
    let mut found = Vec::new();
    for row in all(db, &sql, vec![account.into(), (at as i64).into(), id.into()]).await? {
        let by: Option<String> = row.try_get("", "by_account")?;
        let handle: Option<String> = row.try_get("", "handle")?;
        let name: Option<String> = row.try_get("", "name")?;
        let by = by.map(|id| Author {
            id,
            handle: handle.unwrap_or_default(),
            name: name.unwrap_or_default(),
        });
        found.push(Notification {
            id: row.try_get("", "id")?,
            kind: row.try_get("", "kind")?,
            by,
            work: row.try_get("", "work")?,
            text: row.try_get("", "text")?,
            at_ms: row.try_get("", "at_ms")?,
            read: row.try_get::<i64>("", "read")? != 0,
        });
    }
    let more = found.len() as i64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(0));
    let next = found.last().filter(|_| more).map(|n| list::cursor(n.at_ms as f64, &n.id));
    Ok((found, next))
}

/// How many were not read.
pub(crate) async fn unread(db: &impl ConnectionTrait, account: &str) -> Result<i64, DbErr> {
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM notification WHERE account = $1 AND read = 0";
    Ok(value(db, sql, vec![account.into()]).await?.unwrap_or(0))
}

/// All of them were read.
pub(crate) async fn read_all(db: &impl ConnectionTrait, account: &str) -> Result<(), DbErr> {
    let sql = "UPDATE notification SET read = 1 WHERE account = $1 AND read = 0";
    execute(db, sql, vec![account.into()]).await?;
    Ok(())
}
