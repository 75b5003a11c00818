//! Words to find works and people by: FTS5 on SQLite, `tsvector` on PostgreSQL. What people type is
//! taken as words, never as operators.

use sea_orm::{ConnectionTrait, DbErr};

use crate::db::{execute, is_postgres, value};

/// Most words of a question that are looked at.
const MOST_WORDS: usize = 8;
/// Most matches that are looked at. The bound also keeps the database from walking everything in the
/// order of the answer and asking each row for the words, which took 13 s over a million works.
const MOST_MATCHES: usize = 5_000;
/// Most characters of a work's text that are indexed.
const MOST_TEXT: usize = 20_000;

/// The words of a question: letters and digits only, in lower case.
fn words(question: &str) -> Vec<String> {
    question
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .take(MOST_WORDS)
        .map(|w| w.chars().take(40).collect::<String>().to_lowercase())
        .collect()
}

/// A question in the words of the database: all must be there, the last may be a beginning.
fn question(db: &impl ConnectionTrait, typed: &str) -> Option<String> {
    let words = words(typed);
    if words.is_empty() {
        return None;
    }
    let (quote, end, and) = if is_postgres(db) { ("'", ":*", " & ") } else { ("\"", "*", " ") };
    let last = words.len() - 1;
    let parts = words.iter().enumerate().map(|(i, word)| {
        let end = if i == last { end } else { "" };
        format!("{quote}{word}{quote}{end}")
    });
    Some(parts.collect::<Vec<_>>().join(and))
}

fn matches(
    db: &impl ConnectionTrait,
    table: &str,
    column: &str,
    typed: &str,
    place: &str,
) -> Option<(String, String)> {
    let question = question(db, typed)?;
    let sql = if is_postgres(db) {
        format!(
            "SELECT {column} FROM {table} WHERE words @@ to_tsquery('simple', {place}) LIMIT {MOST_MATCHES}"
        )
    } else {
        format!("SELECT {column} FROM {table} WHERE {table} MATCH {place} LIMIT {MOST_MATCHES}")
    };
    // FTS5 looks in every column unless it is told.
    let question = if is_postgres(db) { question } else { format!("words : ({question})") };
    Some((sql, question))
}

/// A query for the ids of works that have these words, and the value for its place.
pub(crate) fn works(
    db: &impl ConnectionTrait,
    typed: &str,
    place: &str,
) -> Option<(String, String)> {
    matches(db, "work_words", "work", typed, place)
}

/// The same for people.
pub(crate) fn accounts(
    db: &impl ConnectionTrait,
    typed: &str,
    place: &str,
) -> Option<(String, String)> {
    matches(db, "account_words", "account", typed, place)
}

async fn index(
    db: &impl ConnectionTrait,
    table: &str,
    column: &str,
    id: &str,
    words: &str,
) -> Result<(), DbErr> {
    let words: String = words.chars().filter(|c| *c != '\0').take(MOST_TEXT).collect();
    if is_postgres(db) {
        let sql =
            format!("INSERT INTO {table} ({column}, words) VALUES ($1, to_tsvector('simple', $2))");
        execute(db, &sql, vec![id.into(), words.into()]).await?;
        return Ok(());
    }
    // FTS5 finds a row by its number only; which number it is stands beside.
    let sql = format!(
        "INSERT INTO {table}_row ({column}) VALUES ($1) ON CONFLICT ({column}) DO UPDATE SET {column} = excluded.{column} RETURNING n"
    );
    let n: Option<i64> = value(db, &sql, vec![id.into()]).await?;
    let sql =
        format!("INSERT OR REPLACE INTO {table} (rowid, {column}, words) VALUES ($1, $2, $3)");
    execute(db, &sql, vec![n.into(), id.into(), words.into()]).await?;
    Ok(())
}

async fn forget(
    db: &impl ConnectionTrait,
    table: &str,
    column: &str,
    id: &str,
) -> Result<(), DbErr> {
    if is_postgres(db) {
        execute(db, &format!("DELETE FROM {table} WHERE {column} = $1"), vec![id.into()]).await?;
        return Ok(());
    }
    for sql in [
        format!(
            "DELETE FROM {table} WHERE rowid = (SELECT n FROM {table}_row WHERE {column} = $1)"
        ),
        format!("DELETE FROM {table}_row WHERE {column} = $1"),
    ] {
        execute(db, &sql, vec![id.into()]).await?;
    }
    Ok(())
}

/// A work can be found by these words; it has none yet.
pub(crate) async fn index_work(
    db: &impl ConnectionTrait,
    id: &str,
    words: &str,
) -> Result<(), DbErr> {
    index(db, "work_words", "work", id, words).await
}

/// A work is not found any more.
pub(crate) async fn forget_work(db: &impl ConnectionTrait, id: &str) -> Result<(), DbErr> {
    forget(db, "work_words", "work", id).await
}

/// A person can be found by these words; they have none yet.
pub(crate) async fn index_account(
    db: &impl ConnectionTrait,
    id: &str,
    words: &str,
) -> Result<(), DbErr> {
    index(db, "account_words", "account", id, words).await
}

/// A person is not found any more.
pub(crate) async fn forget_account(db: &impl ConnectionTrait, id: &str) -> Result<(), DbErr> {
    forget(db, "account_words", "account", id).await
}

#[cfg(test)]
mod tests {
    #[test]
    fn operators_are_no_words() {
        assert_eq!(
            super::words("\"lisbon\" OR tram* -NEAR(x) 'é'"),
            ["lisbon", "or", "tram", "near", "x", "é"]
        );
        assert!(super::words("* \" ' ( ) : & | !").is_empty());
    }
}
