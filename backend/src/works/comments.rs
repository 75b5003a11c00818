//! What people say under a work: answers, changes, mentions, and taking it back.

use oto_api_types::{Author, Comment};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, QueryResult, TransactionTrait};

use super::WorkRow;
use super::list;
use crate::auth::Me;
use crate::db::{all, execute, immediate, now_ms, one};
use crate::error::Refusal;
use crate::notices::{self, Notice};
use crate::webhooks;

/// Longest comment, in characters.
const MOST: usize = 4_000;
/// Most people that one comment calls.
const MOST_MENTIONS: usize = 10;

const COLUMNS: &str = "c.id, c.work, c.author, c.reply_to, c.text, c.state, c.created_at_ms, c.edited_at_ms, a.handle AS author_handle, a.name AS author_name";

fn read(row: &QueryResult) -> Result<Comment, DbErr> {
    let is_shown = row.try_get::<String>("", "state")? == "shown";
    let text: String = row.try_get("", "text")?;
    Ok(Comment {
        id: row.try_get("", "id")?,
        work: row.try_get("", "work")?,
        author: if is_shown {
            Author {
                id: row.try_get("", "author")?,
                handle: row.try_get("", "author_handle")?,
                name: row.try_get("", "author_name")?,
            }
        } else {
            Author::default()
        },
        text: if is_shown { text } else { String::new() },
        reply_to: row.try_get("", "reply_to")?,
        created_at_ms: row.try_get("", "created_at_ms")?,
        edited_at_ms: row.try_get("", "edited_at_ms")?,
        deleted: !is_shown,
    })
}

fn checked(text: &str) -> Result<String, Refusal> {
    let text: String =
        text.trim().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    let n = text.chars().count();
    // What cannot be seen is nothing said.
    if n == 0 || crate::accounts::one_line(&text, usize::MAX).is_none() {
        return Err(Refusal::validation("A comment needs words."));
    }
    if n > MOST {
        return Err(Refusal::validation("A comment has up to 4,000 characters."));
    }
    Ok(text)
}

/// Handles after an @.
fn mentions(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in text.split('@').skip(1) {
        let handle: String = part
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect::<String>()
            .to_lowercase();
        if (3..=30).contains(&handle.len())
            && !found.contains(&handle)
            && found.len() < MOST_MENTIONS
        {
            found.push(handle);
        }
    }
    found
}

/// Says something under a work.
pub(crate) async fn add(
    db: &DatabaseConnection,
    me: &Me,
    work: &WorkRow,
    text: &str,
    reply_to: Option<&str>,
) -> Result<Comment, Refusal> {
    let text = checked(text)?;
    if !work.may_comment {
        return Err(Refusal::forbidden("The author of this work takes no comments."));
    }
    let txn = db.begin_with_options(immediate()).await?;
    let answered = match reply_to {
        None => None,
        Some(id) => {
            let found = find(&txn, id).await?.filter(|(c, _)| c.work == work.id && !c.deleted);
            Some(found.ok_or_else(|| Refusal::validation("There is no such comment to answer."))?.0)
        }
    };
    let id = uuid::Uuid::now_v7().to_string();
    let values = vec![
        id.clone().into(),
        work.id.clone().into(),
        me.account.clone().into(),
        answered.as_ref().map(|a| a.id.clone()).into(),
        text.clone().into(),
        now_ms().into(),
    ];
    let sql = "INSERT INTO comment (id, work, author, reply_to, text, state, created_at_ms) VALUES ($1, $2, $3, $4, $5, 'shown', $6)";
    execute(&txn, sql, values).await?;
    count(&txn, &work.id, 1).await?;
    let excerpt: String = text.chars().take(120).collect();
    let said = format!("on “{}”: {excerpt}", work.title);
    // Nobody is told twice about one comment, and nobody about their own.
    let mut told = vec![me.account.clone()];
    let mut whom = vec![(work.author.id.clone(), "comment")];
    whom.extend(answered.map(|a| (a.author.id, "comment")));
    for handle in mentions(&text) {
        let row =
            one(&txn, "SELECT id FROM account WHERE handle = $1", vec![handle.into()]).await?;
        if let Some(row) = row {
            whom.push((row.try_get("", "id")?, "mention"));
        }
    }
    for (account, kind) in whom {
        if told.contains(&account) {
            continue;
        }
        let notice = Notice {
            account: &account,
            kind,
            by: Some(&me.account),
            work: Some(&work.id),
            text: &said,
            reference: Some(format!("comment:{id}:{account}")),
        };
        notices::tell(&txn, &notice).await?;
        told.push(account);
    }
    webhooks::tell(&txn, &work.author.id, "comment.created", &id).await?;
    txn.commit().await?;
    let (comment, _) =
        find(db, &id).await?.ok_or_else(|| Refusal::from(DbErr::RecordNotFound(id)))?;
    Ok(comment)
}

async fn count(txn: &impl ConnectionTrait, work: &str, by: i64) -> Result<(), DbErr> {
    let sql = "UPDATE work SET comments = comments + $2 WHERE id = $1";
    execute(txn, sql, vec![work.into(), by.into()]).await?;
    Ok(())
}

/// A comment and whose it is, also when it was taken away.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<(Comment, String)>, DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} FROM comment c JOIN account a ON a.id = c.author WHERE c.id = $1"
    );
    let Some(row) = one(db, &sql, vec![id.into()]).await? else { return Ok(None) };
    Ok(Some((read(&row)?, row.try_get("", "author")?)))
}

/// A page of comments, oldest first.
pub(crate) async fn of(
    db: &impl ConnectionTrait,
    work: &str,
    cursor: Option<&str>,
    limit: i64,
) -> Result<(Vec<Comment>, Option<String>), Refusal> {
    let (at, id) = cursor.map_or(Ok((-1.0, String::new())), list::place)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM comment c JOIN account a ON a.id = c.author WHERE c.work = $1 AND (c.created_at_ms > $2 OR (c.created_at_ms = $2 AND c.id > $3))
         ORDER BY c.created_at_ms, c.id LIMIT {}",
        limit + 1
    );
    let rows = all(db, &sql, vec![work.into(), (at as i64).into(), id.into()]).await?;
    let mut found = rows.iter().map(read).collect::<Result<Vec<_>, DbErr>>()?;
    let more = found.len() as i64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(0));
    let next = found.last().filter(|_| more).map(|c| list::cursor(c.created_at_ms as f64, &c.id));
    Ok((found, next))
}

/// Changes what one said.
pub(crate) async fn edit(
    db: &DatabaseConnection,
    me: &Me,
    id: &str,
    text: &str,
) -> Result<Comment, Refusal> {
    let text = checked(text)?;
    let sql = "UPDATE comment SET text = $3, edited_at_ms = $4 WHERE id = $1 AND author = $2 AND state = 'shown'";
    let values = vec![id.into(), me.account.clone().into(), text.into(), now_ms().into()];
    if execute(db, sql, values).await? == 0 {
        return Err(Refusal::not_found("comment of yours"));
    }
    let found = find(db, id).await?;
    found.map(|(c, _)| c).ok_or_else(|| Refusal::not_found("comment"))
}

/// Takes back what one said; the author of the work and moderators may, too.
pub(crate) async fn delete(db: &DatabaseConnection, me: &Me, id: &str) -> Result<(), Refusal> {
    let txn = db.begin_with_options(immediate()).await?;
    let missing = || Refusal::not_found("comment of yours");
    let (comment, author) = find(&txn, id).await?.ok_or_else(missing)?;
    let sql = "SELECT 1 AS yes FROM work WHERE id = $1 AND author = $2";
    let values = vec![comment.work.clone().into(), me.account.clone().into()];
    let is_host = one(&txn, sql, values).await?.is_some();
    if author != me.account && !is_host {
        return Err(missing());
    }
    set_state(&txn, id, "deleted").await?;
    txn.commit().await?;
    Ok(())
}

/// Shows a comment or not, with its count. True when that changed anything.
pub(crate) async fn set_state(
    txn: &impl ConnectionTrait,
    id: &str,
    state: &str,
) -> Result<bool, DbErr> {
    // Whoever changes it, too, sees what became of it.
    let sql = "UPDATE comment SET state = state WHERE id = $1";
    execute(txn, sql, vec![id.into()]).await?;
    let Some((comment, _)) = find(txn, id).await? else { return Ok(false) };
    // Words that their author took back are gone.
    let text = if state == "deleted" { ", text = ''" } else { "" };
    let sql = format!(
        "UPDATE comment SET state = $2{text} WHERE id = $1 AND state <> $2 AND state <> 'deleted'"
    );
    let changed = execute(txn, &sql, vec![id.into(), state.into()]).await? == 1;
    if changed {
        let by = i64::from(state == "shown") - i64::from(!comment.deleted);
        count(txn, &comment.work, by).await?;
        if state != "shown" {
            notices::forget_words_of_comment(txn, &comment.work, id).await?;
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_handles_once_each() {
        assert_eq!(mentions("@Ada and @bob_2, @ada! mail a@b.c @x"), ["ada", "bob_2"]);
        assert_eq!(
            mentions(&"@abc@abd@abe@abf@abg@abh@abi@abj@abk@abl@abm@abn".repeat(2)).len(),
            10
        );
    }

    #[test]
    fn nothing_is_nothing_said() {
        for wrong in ["", "  \n ", "\u{200B}\u{200B}", &"x".repeat(4_001)] {
            assert!(checked(wrong).is_err());
        }
        assert_eq!(checked(" two\nlines\u{7} ").unwrap(), "two\nlines");
    }
}
