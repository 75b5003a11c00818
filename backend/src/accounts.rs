//! People in the database: coming, what is known of them, following, going.

use oto_api_types::{Account, HomeSpot, Person, Register};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, QueryResult, TransactionTrait};

use crate::auth::me::Role;
use crate::db::{all, execute, immediate, is_taken, now_ms, one};
use crate::error::Refusal;
use crate::ledger::{self, MICRO};
use crate::search;
use crate::wall::plots::{self, PLOT, corner, spiral};

/// Days between the wish to go and its end.
pub(crate) const GRACE_DAYS: i64 = 14;

/// What is asked for at every call.
pub(crate) struct Brief {
    pub(crate) handle: String,
    pub(crate) role: Role,
    pub(crate) state: String,
    pub(crate) plan: String,
    until_ms: Option<i64>,
}

impl Brief {
    /// Nobody may sign in with it.
    pub(crate) fn is_shut_out(&self, now: i64) -> bool {
        match self.state.as_str() {
            "suspended" => self.until_ms.is_none_or(|until| until > now),
            "gone" => true,
            _ => false,
        }
    }
}

pub(crate) async fn brief(db: &impl ConnectionTrait, id: &str) -> Result<Option<Brief>, DbErr> {
    let sql = "SELECT handle, role, state, plan, state_until_ms FROM account WHERE id = $1";
    one(db, sql, vec![id.into()]).await?.map(|row| Brief::read(&row)).transpose()
}

/// The same while a sign-in goes on: none as soon as the family of its tokens has ended.
pub(crate) async fn signed_in(
    db: &impl ConnectionTrait,
    id: &str,
    family: &str,
) -> Result<Option<Brief>, DbErr> {
    let sql = "SELECT handle, role, state, plan, state_until_ms FROM account WHERE id = $1 AND EXISTS (SELECT 1 FROM refresh_token WHERE family = $2 AND account = $1 AND revoked = 0)";
    let row = one(db, sql, vec![id.into(), family.into()]).await?;
    row.map(|row| Brief::read(&row)).transpose()
}

impl Brief {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            handle: row.try_get("", "handle")?,
            role: Role::of(&row.try_get::<String>("", "role")?),
            state: row.try_get("", "state")?,
            plan: row.try_get("", "plan")?,
            until_ms: row.try_get("", "state_until_ms")?,
        })
    }
}

/// The handle as it is kept, or the sentence why it will not do.
pub(crate) fn checked_handle(handle: &str) -> Result<String, &'static str> {
    let handle = handle.trim().trim_start_matches('@').to_lowercase();
    let fits = (3..=30).contains(&handle.len())
        && handle.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if fits { Ok(handle) } else { Err("A handle has 3 to 30 letters a–z, digits and _.") }
}

/// A name or title as it is kept: one line, nothing that cannot be seen, not too long.
pub(crate) fn one_line(text: &str, most: usize) -> Option<String> {
    let line: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .collect();
    let line = line.trim();
    (!line.is_empty() && line.chars().count() <= most).then(|| line.to_owned())
}

/// Characters that change how others are read without being seen: directions, joiners, marks of
/// order. A joiner between emoji is the exception that people use.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}' | '\u{200C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{00AD}' | '\u{E0000}'..='\u{E007F}')
}

/// A person who comes: account, plot, purse. `password` is hashed.
pub(crate) async fn register(
    db: &DatabaseConnection,
    new: &Register,
    password: String,
    role: &str,
    welcome_tokens: i64,
) -> Result<String, Refusal> {
    let handle = checked_handle(&new.handle).map_err(Refusal::validation)?;
    let name = one_line(&new.name, 60)
        .ok_or_else(|| Refusal::validation("A name has 1 to 60 characters that can be seen."))?;
    let id = uuid::Uuid::now_v7().to_string();
    let txn = db.begin_with_options(immediate()).await?;
    let (n, at) = plots::give_plot(&txn, &id).await?;
    let values = vec![
        id.clone().into(),
        handle.clone().into(),
        name.clone().into(),
        new.email.trim().to_lowercase().into(),
        password.into(),
        role.into(),
        n.into(),
        now_ms().into(),
    ];
    let sql = "INSERT INTO account (id, handle, name, email, password, role, plot, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    if let Err(error) = execute(&txn, sql, values).await {
        txn.rollback().await?;
        return Err(if is_taken(&error) { taken() } else { error.into() });
    }
    plots::settle(&txn, &id, n, at).await?;
    ledger::open_accounts(&txn, &id).await?;
    welcome(&txn, &id, welcome_tokens).await?;
    search::index_account(&txn, &id, &format!("{handle} {name}")).await?;
    txn.commit().await?;
    Ok(id)
}

/// Gives the welcome, once.
pub(crate) async fn welcome(
    txn: &impl ConnectionTrait,
    id: &str,
    tokens: i64,
) -> Result<(), Refusal> {
    if tokens > 0 {
        let reference = format!("welcome:{id}");
        ledger::grant(txn, id, tokens * MICRO, reference, "welcome").await.map_err(
            |e| match e {
                ledger::LedgerError::Database(e) => Refusal::from(e),
                other => Refusal::from(DbErr::Custom(format!("{other:?}"))),
            },
        )?;
    }
    Ok(())
}

/// A handle or an address that somebody has. Which of them is not told: addresses are private.
fn taken() -> Refusal {
    Refusal::new(
        axum::http::StatusCode::CONFLICT,
        "taken",
        "This handle or address is taken; choose another handle, or sign in.",
    )
}

/// Where the n-th plot is.
pub(crate) fn home_of(plot: i64) -> HomeSpot {
    let (x, y) = corner(spiral(plot));
    HomeSpot { x, y, side: PLOT }
}

const COLUMNS: &str = "a.id, a.handle, a.name, a.bio, a.email, a.email_verified, a.role, a.state, a.state_reason, a.plot, a.works, a.followers, a.following, a.created_at_ms, a.leaves_at_ms";

/// One's own account.
pub(crate) async fn own(db: &impl ConnectionTrait, id: &str) -> Result<Option<Account>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM account a WHERE a.id = $1");
    let Some(row) = one(db, &sql, vec![id.into()]).await? else { return Ok(None) };
    Ok(Some(Account {
        id: row.try_get("", "id")?,
        handle: row.try_get("", "handle")?,
        name: row.try_get("", "name")?,
        bio: row.try_get("", "bio")?,
        email: row.try_get("", "email")?,
        email_verified: row.try_get::<i64>("", "email_verified")? != 0,
        role: row.try_get("", "role")?,
        state: row.try_get("", "state")?,
        state_reason: row.try_get("", "state_reason")?,
        created_at_ms: row.try_get("", "created_at_ms")?,
        home: home_of(row.try_get("", "plot")?),
        followers: row.try_get("", "followers")?,
        following: row.try_get("", "following")?,
        works: row.try_get("", "works")?,
        leaves_at_ms: row.try_get("", "leaves_at_ms")?,
    }))
}

fn person(row: &QueryResult) -> Result<Person, DbErr> {
    Ok(Person {
        id: row.try_get("", "id")?,
        handle: row.try_get("", "handle")?,
        name: row.try_get("", "name")?,
        bio: row.try_get("", "bio")?,
        home: home_of(row.try_get("", "plot")?),
        works: row.try_get("", "works")?,
        followers: row.try_get("", "followers")?,
        is_followed: row.try_get::<i64>("", "is_followed")? != 0,
    })
}

/// What others see of somebody, by handle or id.
pub(crate) async fn find_person(
    db: &impl ConnectionTrait,
    name: &str,
    viewer: &str,
) -> Result<Option<Person>, DbErr> {
    let sql = format!(
        "SELECT {COLUMNS}, CAST((SELECT COUNT(*) FROM follow WHERE follower = $2 AND followed = a.id) AS BIGINT) AS is_followed
         FROM account a WHERE (a.handle = $1 OR a.id = $1) AND a.state NOT IN ('suspended', 'gone')"
    );
    let values = vec![name.trim_start_matches('@').to_lowercase().into(), viewer.into()];
    one(db, &sql, values).await?.as_ref().map(person).transpose()
}

/// People by words of their name, best known first.
pub(crate) async fn find_people(
    db: &impl ConnectionTrait,
    words: &str,
    viewer: &str,
    offset: i64,
    limit: i64,
) -> Result<Vec<Person>, DbErr> {
    let Some((matches, query)) = search::accounts(db, words, "$2") else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT {COLUMNS}, CAST((SELECT COUNT(*) FROM follow WHERE follower = $1 AND followed = a.id) AS BIGINT) AS is_followed
         FROM account a WHERE a.id IN ({matches}) AND a.state NOT IN ('suspended', 'gone')
         ORDER BY a.followers DESC, a.id LIMIT $3 OFFSET $4"
    );
    let values = vec![viewer.into(), query.into(), limit.into(), offset.into()];
    all(db, &sql, values).await?.iter().map(person).collect()
}

/// Follows somebody, or no longer. True when that changed anything.
pub(crate) async fn follow(
    db: &DatabaseConnection,
    me: &str,
    other: &str,
    wanted: bool,
) -> Result<bool, DbErr> {
    let txn = db.begin_with_options(immediate()).await?;
    let changed = if wanted {
        let sql = "INSERT INTO follow (follower, followed, at_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        execute(&txn, sql, vec![me.into(), other.into(), now_ms().into()]).await?
    } else {
        let sql = "DELETE FROM follow WHERE follower = $1 AND followed = $2";
        execute(&txn, sql, vec![me.into(), other.into()]).await?
    };
    if changed == 1 {
        let by: i64 = if wanted { 1 } else { -1 };
        // In one order, so that two people who follow each other at once do not wait for ever.
        let mut both = [(me, "following"), (other, "followers")];
        both.sort_unstable();
        for (id, column) in both {
            let sql = format!("UPDATE account SET {column} = {column} + $2 WHERE id = $1");
            execute(&txn, &sql, vec![id.into(), by.into()]).await?;
        }
    }
    txn.commit().await?;
    Ok(changed == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line_that_can_be_seen() {
        assert_eq!(one_line(" Ada\n Lovelace ", 60).as_deref(), Some("Ada  Lovelace"));
        assert_eq!(one_line("A\u{200B}d\u{202E}a", 60).as_deref(), Some("Ada"));
        assert_eq!(one_line("\u{200B}\u{FEFF}", 60), None);
        assert_eq!(one_line(&"x".repeat(61), 60), None);
        assert_eq!(one_line("👩‍🚀 אדה", 60).as_deref(), Some("👩‍🚀 אדה"));
    }

    #[test]
    fn handles_are_plain() {
        assert_eq!(checked_handle("@Ada_1"), Ok("ada_1".to_owned()));
        for wrong in ["ab", "a b c", "ünal", "x'; DROP TABLE", "ad\u{200B}a", &"x".repeat(31)] {
            assert!(checked_handle(wrong).is_err(), "{wrong}");
        }
    }
}
