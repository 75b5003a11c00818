//! Rules of the house: a work with words that the operator listed waits for a moderator before it
//! hangs. Its author is told; nothing is taken down by a rule alone.

use sea_orm::{ConnectionTrait, DbErr};

use crate::accounts::is_invisible;
use crate::db::{execute, now_ms};
use crate::notices::{self, Notice};
use crate::works;

/// Why a work waits, as its author reads it.
const WAITS: &str = "a rule of this house holds it until a moderator has looked at it";

/// The first listed word that is in a text, as a word of its own or a phrase of several; neither case,
/// width, what cannot be seen nor signs between words count.
pub(crate) fn found<'a>(words: &'a [String], text: &str) -> Option<&'a str> {
    let plain = |text: &str| -> String {
        let letters: String = text
            .chars()
            .filter(|c| !is_invisible(*c))
            // Wide letters, as they stand between Chinese ones.
            .map(|c| match c {
                '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
                other => other,
            })
            .flat_map(char::to_lowercase)
            .map(|c| if c.is_alphanumeric() { c } else { ' ' })
            .collect();
        let parts: Vec<&str> = letters.split_whitespace().collect();
        format!(" {} ", parts.join(" "))
    };
    let text = plain(text);
    let is_in = |word: &&String| {
        let word = plain(word);
        word.trim() != "" && text.contains(&word)
    };
    words.iter().find(is_in).map(String::as_str)
}

/// Holds a work whose words a rule names, in the transaction that brings them; before it is hung. Its
/// author is told.
pub(crate) async fn hold(
    txn: &impl ConnectionTrait,
    rules: &[String],
    work: &str,
) -> Result<(), DbErr> {
    if rules.is_empty() {
        return Ok(());
    }
    let Some(row) = works::find(txn, work).await? else { return Ok(()) };
    // What nobody else sees is nobody else's business.
    if row.visibility == "private" {
        return Ok(());
    }
    let said = format!("{}\n{}\n{}\n{}", row.title, row.text, row.tags, row.recipe().prompt);
    let Some(word) = found(rules, &said).filter(|_| row.state == "shown") else { return Ok(()) };
    let sql =
        "UPDATE work SET state = 'held', state_reason = $2, version = version + 1 WHERE id = $1";
    execute(txn, sql, vec![work.into(), WAITS.into()]).await?;
    report(txn, &row.author.id, work, word).await?;
    let text = format!("“{}”: {WAITS}", row.title);
    let notice = Notice {
        account: &row.author.id,
        kind: "decision",
        by: None,
        work: Some(work),
        text: &text,
        reference: Some(format!("held:{}", uuid::Uuid::now_v7())),
    };
    notices::tell(txn, &notice).await
}

/// Brings a work that waits before a moderator: a report of the house, in the name of its author, whom
/// it concerns.
async fn report(
    txn: &impl ConnectionTrait,
    author: &str,
    work: &str,
    word: &str,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO report (id, reporter, target_kind, target, reason, text, state, created_at_ms) VALUES ($1, $2, 'work', $3, 'other', $4, 'open', $5) ON CONFLICT DO NOTHING";
    let values = vec![
        uuid::Uuid::now_v7().to_string().into(),
        author.into(),
        work.into(),
        format!("Held by a rule of the house: “{word}”. Restore it, or remove it.").into(),
        now_ms().into(),
    ];
    execute(txn, sql, values).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::found;

    #[test]
    fn words_are_found_whole_whatever_is_between_them() {
        let words = ["spam".to_owned(), "Cheap Watches".to_owned(), "...".to_owned()];
        assert_eq!(found(&words, "No SPAM, please"), Some("spam"));
        assert_eq!(found(&words, "cheap—watches!"), Some("Cheap Watches"));
        assert_eq!(found(&words, "spamalot; watches, cheap"), None);
        assert_eq!(found(&[], "spam"), None);
    }
}
