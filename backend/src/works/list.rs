//! Lists of works: newest, hottest, best, by kind, author or words, a page at a time. A page goes on
//! where the last one ended whatever came or went meanwhile: its cursor names a place in the order.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::{ConnectionTrait, DbErr, Value};

use super::{COLUMNS, WorkRow};
use crate::db::all;
use crate::error::Refusal;
use crate::search;

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    New,
    Top,
    Hot,
}

impl Sort {
    pub(crate) fn of(word: &str) -> Option<Self> {
        match word {
            "" | "hot" => Some(Self::Hot),
            "new" => Some(Self::New),
            "top" => Some(Self::Top),
            _ => None,
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::New => "w.published_at_ms",
            Self::Top => "w.top",
            Self::Hot => "w.hot",
        }
    }

    fn place(self, row: &WorkRow) -> f64 {
        match self {
            Self::New => row.published_at_ms.unwrap_or(0) as f64,
            Self::Top => row.top,
            Self::Hot => row.hot,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) kind: Option<String>,
    /// Account id.
    pub(crate) author: Option<String>,
    /// Works of those this account follows.
    pub(crate) followed_by: Option<String>,
    /// Works made from this one.
    pub(crate) made_from: Option<String>,
    pub(crate) words: String,
    pub(crate) cursor: Option<String>,
    pub(crate) limit: i64,
}

/// A place in a list, as a text that says nothing to others.
pub(crate) fn cursor(place: f64, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{:x}.{id}", place.to_bits()))
}

/// The place a cursor names; a refusal when it is none of ours.
pub(crate) fn place(cursor: &str) -> Result<(f64, String), Refusal> {
    let wrong = || Refusal::validation("This cursor is none that was given here.");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok().ok_or_else(&wrong)?;
    let text = String::from_utf8(bytes).ok().ok_or_else(&wrong)?;
    let (bits, id) = text.split_once('.').ok_or_else(wrong)?;
    let place = u64::from_str_radix(bits, 16).map(f64::from_bits).ok().ok_or_else(&wrong)?;
    if !place.is_finite() || id.len() > 100 {
        return Err(wrong());
    }
    Ok((place, id.to_owned()))
}

/// A page of what hangs on the wall, and the cursor of the next one.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    query: &Query,
    sort: Sort,
) -> Result<(Vec<WorkRow>, Option<String>), Refusal> {
    let mut values: Vec<Value> = Vec::new();
    let mut wheres = vec!["w.on_wall = 1".to_owned()];
    let mut place_of = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    if let Some(kind) = &query.kind {
        wheres.push(format!("w.kind = {}", place_of(kind.clone().into())));
    }
    if let Some(author) = &query.author {
        wheres.push(format!("w.author = {}", place_of(author.clone().into())));
    }
    if let Some(follower) = &query.followed_by {
        wheres.push(format!(
            "w.author IN (SELECT followed FROM follow WHERE follower = {})",
            place_of(follower.clone().into())
        ));
    }
    if let Some(source) = &query.made_from {
        wheres.push(format!(
            "w.shows_sources = 1 AND w.id IN (SELECT work FROM work_source WHERE source = {})",
            place_of(source.clone().into())
        ));
    }
    if !query.words.trim().is_empty() {
        let here = format!("${}", values.len() + 1);
        let Some((matches, words)) = search::works(db, &query.words, &here) else {
            return Ok((Vec::new(), None));
        };
        values.push(words.into());
        wheres.push(format!("w.id IN ({matches})"));
    }
    let column = sort.column();
    if let Some(cursor) = &query.cursor {
        let (at, id) = place(cursor)?;
        values.push(if sort == Sort::New { (at as i64).into() } else { at.into() });
        let a = values.len();
        values.push(id.into());
        wheres.push(format!("({column} < ${a} OR ({column} = ${a} AND w.id < ${}))", a + 1));
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM work w JOIN account a ON a.id = w.author WHERE {} ORDER BY {column} DESC, w.id DESC LIMIT {}",
        wheres.join(" AND "),
        query.limit + 1
    );
    let rows = all(db, &sql, values).await?;
    let mut rows = rows.iter().map(WorkRow::read).collect::<Result<Vec<_>, DbErr>>()?;
    let more = rows.len() as i64 > query.limit;
    rows.truncate(usize::try_from(query.limit).unwrap_or(0));
    let next = rows.last().filter(|_| more).map(|last| cursor(sort.place(last), &last.id));
    Ok((rows, next))
}

/// One's own works, whoever may see them, newest first.
pub(crate) async fn own(
    db: &impl ConnectionTrait,
    account: &str,
    cursor_given: Option<&str>,
    limit: i64,
) -> Result<(Vec<WorkRow>, Option<String>), Refusal> {
    let (at, id) = match cursor_given {
        Some(given) => place(given)?,
        None => (i64::MAX as f64, String::new()),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM work w JOIN account a ON a.id = w.author WHERE w.author = $1 AND w.state <> 'deleted' AND (w.created_at_ms < $2 OR (w.created_at_ms = $2 AND w.id < $3))
         ORDER BY w.created_at_ms DESC, w.id DESC LIMIT {}",
        limit + 1
    );
    let rows = all(db, &sql, vec![account.into(), (at as i64).into(), id.into()]).await?;
    let mut rows = rows.iter().map(WorkRow::read).collect::<Result<Vec<_>, DbErr>>()?;
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(0));
    let next = rows.last().filter(|_| more).map(|r| cursor(r.created_at_ms as f64, &r.id));
    Ok((rows, next))
}

#[cfg(test)]
mod tests {
    #[test]
    fn cursors_come_back_as_they_went_and_others_are_refused() {
        let (at, id) = super::place(&super::cursor(12.25, "abc")).unwrap();
        assert_eq!((at, id.as_str()), (12.25, "abc"));
        for wrong in ["", "x", "%%%", "bm9wZQ", &super::cursor(f64::NAN, "a")] {
            assert!(super::place(wrong).is_err(), "{wrong}");
        }
    }
}
