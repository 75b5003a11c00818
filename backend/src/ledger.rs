//! Tokens, by double entry: every transfer is a set of entries that sum to nothing, rows are only
//! ever added, and a balance is changed by a guarded update, never read and then written.

pub(crate) mod lots;
pub(crate) mod taken;

use sea_orm::{ConnectionTrait, DbErr, QueryResult};

use crate::db::{all, execute, now_ms, one, value};

/// Parts of a token.
pub(crate) const MICRO: i64 = 1_000_000;

/// Accounts of the house; they may go below nothing.
const HOUSE: [&str; 4] = ["clearing", "promo", "revenue", "adjustments"];

/// Why a transfer was not made.
#[derive(Debug)]
pub(crate) enum LedgerError {
    /// An account has less than is taken from it.
    Insufficient,
    /// A transfer with this reference was made before.
    Repeated,
    /// The database refused.
    Database(DbErr),
}

impl From<DbErr> for LedgerError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

/// What moves, and why.
#[derive(Debug, Clone)]
pub(crate) struct Transfer<'a> {
    pub(crate) kind: &'a str,
    /// Unique for ever: the same thing is never booked twice.
    pub(crate) reference: String,
    /// Whose statement it belongs to.
    pub(crate) account: &'a str,
    pub(crate) job: Option<&'a str>,
    pub(crate) api_key: Option<&'a str>,
    pub(crate) memo: &'a str,
    /// Account and amount; they sum to nothing.
    pub(crate) entries: Vec<(String, i64)>,
}

/// What is free to spend.
pub(crate) fn available(account: &str) -> String {
    format!("available:{account}")
}

/// What is kept for jobs under way.
pub(crate) fn held(account: &str) -> String {
    format!("held:{account}")
}

/// What is owed: nothing, or a number below it.
pub(crate) fn debt(account: &str) -> String {
    format!("debt:{account}")
}

fn is_house(id: &str) -> bool {
    HOUSE.contains(&id)
}

/// Opens the accounts of a person.
pub(crate) async fn open_accounts(db: &impl ConnectionTrait, account: &str) -> Result<(), DbErr> {
    let sql = "INSERT INTO ledger_account (id, balance, floor) VALUES ($1, 0, 0), ($2, 0, 0), ($3, 0, NULL) ON CONFLICT DO NOTHING";
    let values = vec![available(account).into(), held(account).into(), debt(account).into()];
    execute(db, sql, values).await?;
    Ok(())
}

/// Books a transfer, inside the transaction of whatever it is about.
pub(crate) async fn book(
    txn: &impl ConnectionTrait,
    transfer: Transfer<'_>,
) -> Result<(), LedgerError> {
    let mut entries: Vec<(String, i64)> =
        transfer.entries.into_iter().filter(|(_, amount)| *amount != 0).collect();
    let sum = entries.iter().try_fold(0i64, |sum, (_, amount)| sum.checked_add(*amount));
    if sum != Some(0) {
        return Err(DbErr::Custom("a transfer does not sum to nothing".to_owned()).into());
    }
    let id = uuid::Uuid::now_v7().to_string();
    let values = vec![
        id.clone().into(),
        transfer.kind.into(),
        transfer.reference.into(),
        transfer.account.into(),
        transfer.job.map(str::to_owned).into(),
        transfer.api_key.map(str::to_owned).into(),
        transfer.memo.into(),
        now_ms().into(),
    ];
    let sql = "INSERT INTO ledger_transfer (id, kind, reference, account, job, api_key, memo, at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (reference) DO NOTHING";
    if execute(txn, sql, values).await? == 0 {
        return Err(LedgerError::Repeated);
    }
    // Always in one order, so that two transfers never wait for each other; those of the house, which
    // everybody uses, last and so for the shortest time.
    entries.sort_by(|a, b| (is_house(&a.0), &a.0).cmp(&(is_house(&b.0), &b.0)));
    for (account, amount) in entries {
        if is_house(&account) {
            let sql = "INSERT INTO ledger_account (id, balance, floor) VALUES ($1, 0, NULL) ON CONFLICT DO NOTHING";
            execute(txn, sql, vec![account.clone().into()]).await?;
        }
        let sql = "UPDATE ledger_account SET balance = balance + $2 WHERE id = $1 AND (floor IS NULL OR balance + $2 >= floor)";
        if execute(txn, sql, vec![account.clone().into(), amount.into()]).await? == 0 {
            return Err(LedgerError::Insufficient);
        }
        let sql = "INSERT INTO ledger_entry (transfer, account, amount) VALUES ($1, $2, $3)";
        execute(txn, sql, vec![id.clone().into(), account.into(), amount.into()]).await?;
    }
    Ok(())
}

/// Books for a reference that was not booked for before. False when it was.
async fn book_once(
    txn: &impl ConnectionTrait,
    transfer: Transfer<'_>,
) -> Result<bool, LedgerError> {
    match book(txn, transfer).await {
        Ok(()) => Ok(true),
        Err(LedgerError::Repeated) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives tokens, once for a reference. False when it was given before.
pub(crate) async fn grant(
    txn: &impl ConnectionTrait,
    account: &str,
    micro: i64,
    reference: String,
    memo: &str,
) -> Result<bool, LedgerError> {
    book_once(
        txn,
        Transfer {
            kind: "grant",
            reference,
            account,
            job: None,
            api_key: None,
            memo,
            entries: vec![("promo".to_owned(), -micro), (available(account), micro)],
        },
    )
    .await
}

/// Keeps what a job may cost. Nothing is held for what is free.
pub(crate) async fn hold(
    txn: &impl ConnectionTrait,
    account: &str,
    job: &str,
    micro: i64,
    api_key: Option<&str>,
) -> Result<(), LedgerError> {
    if micro == 0 {
        return Ok(());
    }
    book(
        txn,
        Transfer {
            kind: "hold",
            reference: format!("hold:{job}"),
            account,
            job: Some(job),
            api_key,
            memo: "",
            entries: vec![(available(account), -micro), (held(account), micro)],
        },
    )
    .await
}

/// Locks what somebody has before it is read or moved: everything that moves several of their parts
/// begins with the free one, so that two never wait for each other.
async fn touch(txn: &impl ConnectionTrait, account: &str) -> Result<(), DbErr> {
    let sql = "UPDATE ledger_account SET balance = balance WHERE id = $1";
    execute(txn, sql, vec![available(account).into()]).await.map(drop)
}

/// Ends a hold: what was used is taken, at most what was held, the rest is free again. What was
/// ended before stays as it is.
pub(crate) async fn settle(
    txn: &impl ConnectionTrait,
    account: &str,
    job: &str,
    held_micro: i64,
    used_micro: i64,
) -> Result<(), DbErr> {
    if held_micro == 0 {
        return Ok(());
    }
    touch(txn, account).await?;
    let used = used_micro.clamp(0, held_micro);
    let part = |kind: &'static str, reference: String, to: String, micro: i64| Transfer {
        kind,
        reference,
        account,
        job: Some(job),
        api_key: None,
        memo: "",
        entries: vec![(held(account), -micro), (to, micro)],
    };
    // One reference for the end of a hold, whatever it is.
    let end = format!("end:{job}");
    let outcome = if used == 0 {
        book(txn, part("release", end, available(account), held_micro)).await
    } else {
        let captured = book(txn, part("capture", end, "revenue".to_owned(), used)).await;
        match captured {
            Ok(()) => {
                lots::use_up(txn, account, used).await?;
                let rest = format!("rest:{job}");
                match held_micro - used {
                    0 => Ok(()),
                    left => book(txn, part("release", rest, available(account), left)).await,
                }
            }
            other => other,
        }
    };
    match outcome {
        Ok(()) | Err(LedgerError::Repeated) => Ok(()),
        Err(LedgerError::Insufficient) => {
            Err(DbErr::Custom(format!("the hold of job {job} is smaller than it was written down")))
        }
        Err(LedgerError::Database(error)) => Err(error),
    }
}

/// What somebody has: free, held, owed.
pub(crate) async fn balances(db: &impl ConnectionTrait, account: &str) -> Result<[i64; 3], DbErr> {
    let names = [available(account), held(account), debt(account)];
    let sql = "SELECT id, balance FROM ledger_account WHERE id IN ($1, $2, $3)";
    let rows = all(db, sql, names.iter().map(|n| n.clone().into()).collect()).await?;
    let mut found = [0; 3];
    for row in rows {
        let id: String = row.try_get("", "id")?;
        if let Some(i) = names.iter().position(|n| *n == id) {
            found[i] = row.try_get("", "balance")?;
        }
    }
    Ok(found)
}

/// What was captured since a time, of an account or of one of its keys.
pub(crate) async fn spent_since(
    db: &impl ConnectionTrait,
    account: &str,
    api_key: Option<&str>,
    since_ms: i64,
) -> Result<i64, DbErr> {
    let mut values = vec![account.into(), since_ms.into()];
    let sql = match api_key {
        None => {
            values.push("revenue".into());
            "SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM ledger_transfer t JOIN ledger_entry e ON e.transfer = t.id AND e.account = $3
             WHERE t.account = $1 AND t.at_ms >= $2 AND t.kind = 'capture'"
        }
        // Of a key, what is held counts too: else many jobs at once would pass its limit. What came back
        // of a hold does not.
        Some(key) => {
            values.extend([held(account).into(), key.into()]);
            "SELECT CAST(COALESCE(SUM(e.amount + COALESCE((SELECT SUM(b.amount) FROM ledger_transfer r JOIN ledger_entry b ON b.transfer = r.id AND b.account = $3
                 WHERE r.reference = 'rest:' || t.job OR (r.reference = 'end:' || t.job AND r.kind = 'release')), 0)), 0) AS BIGINT)
             FROM ledger_transfer t JOIN ledger_entry e ON e.transfer = t.id AND e.account = $3
             WHERE t.account = $1 AND t.at_ms >= $2 AND t.kind = 'hold' AND t.api_key = $4"
        }
    };
    Ok(value(db, sql, values).await?.unwrap_or(0))
}

/// A line of a statement: the transfer with what it did to what is free and what is held.
pub(crate) async fn statement(
    db: &impl ConnectionTrait,
    account: &str,
    before: Option<(i64, String)>,
    limit: i64,
) -> Result<Vec<QueryResult>, DbErr> {
    let (at, id) = before.unwrap_or((i64::MAX, String::new()));
    let sql = "SELECT t.id, t.kind, t.job, t.memo, t.at_ms,
            CAST(COALESCE((SELECT SUM(amount) FROM ledger_entry WHERE transfer = t.id AND account = $2), 0) AS BIGINT) AS available,
            CAST(COALESCE((SELECT SUM(amount) FROM ledger_entry WHERE transfer = t.id AND account = $3), 0) AS BIGINT) AS held
         FROM ledger_transfer t WHERE t.account = $1 AND (t.at_ms < $4 OR (t.at_ms = $4 AND t.id < $5))
         ORDER BY t.at_ms DESC, t.id DESC LIMIT $6";
    let values = vec![
        account.into(),
        available(account).into(),
        held(account).into(),
        at.into(),
        id.into(),
        limit.into(),
    ];
    all(db, sql, values).await
}

/// What must always hold; each sentence is a fault.
pub(crate) async fn check(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let mut wrong = Vec::new();
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT transfer FROM ledger_entry GROUP BY transfer HAVING SUM(amount) <> 0) t";
    let n: i64 = value(db, sql, vec![]).await?.unwrap_or(0);
    if n > 0 {
        wrong.push(format!("{n} transfers do not sum to nothing"));
    }
    let sql = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM ledger_account";
    let sum: i64 = value(db, sql, vec![]).await?.unwrap_or(0);
    if sum != 0 {
        wrong.push(format!("all balances together are {sum}, not 0"));
    }
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM ledger_account a LEFT JOIN (SELECT account, SUM(amount) AS sum FROM ledger_entry GROUP BY account) e ON e.account = a.id WHERE a.balance <> COALESCE(e.sum, 0)";
    let n: i64 = value(db, sql, vec![]).await?.unwrap_or(0);
    if n > 0 {
        wrong.push(format!("{n} balances are not the sums of their entries"));
    }
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT l.account FROM token_lot l JOIN ledger_account a ON a.id IN ('available:' || l.account, 'held:' || l.account) WHERE l.ended = 0
        GROUP BY l.account HAVING (SELECT SUM(micro - used_micro) FROM token_lot o WHERE o.account = l.account AND o.ended = 0) > (SELECT SUM(balance) FROM ledger_account b WHERE b.id IN ('available:' || l.account, 'held:' || l.account))) t";
    let n: i64 = value(db, sql, vec![]).await?.unwrap_or(0);
    if n > 0 {
        wrong.push(format!("{n} purses have less than what is to end in them"));
    }
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM ledger_account WHERE floor IS NOT NULL AND balance < floor";
    let n: i64 = value(db, sql, vec![]).await?.unwrap_or(0);
    if n > 0 {
        wrong.push(format!("{n} accounts are below what they may be"));
    }
    // A hold that ended belongs to a job that ended, and the other way round.
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM job j JOIN ledger_transfer h ON h.reference = 'hold:' || j.id
        LEFT JOIN ledger_transfer e ON e.reference = 'end:' || j.id
        WHERE (j.status IN ('succeeded', 'failed', 'canceled', 'expired') AND (j.settled = 1 OR j.finished_at_ms < $1)) <> (e.id IS NOT NULL)";
    // One of which nobody knows what it cost stays held for a day, one whose parts go on as long.
    let late = now_ms() - 2 * 86_400_000;
    let n: i64 = value(db, sql, vec![late.into()]).await?.unwrap_or(0);
    if n > 0 {
        wrong.push(format!("{n} holds do not end with their jobs"));
    }
    Ok(wrong)
}

/// Whether somebody owes something: then nothing new is begun.
pub(crate) async fn owes(db: &impl ConnectionTrait, account: &str) -> Result<bool, DbErr> {
    let sql = "SELECT balance FROM ledger_account WHERE id = $1 AND balance < 0";
    Ok(one(db, sql, vec![debt(account).into()]).await?.is_some())
}

/// Gives back or sells: a debt is paid first.
pub(crate) async fn credit(
    txn: &impl ConnectionTrait,
    account: &str,
    micro: i64,
    kind: &str,
    reference: String,
    memo: &str,
) -> Result<bool, LedgerError> {
    touch(txn, account).await?;
    let [_, _, owed] = balances(txn, account).await?;
    let paid = micro.min(-owed.min(0));
    book_once(
        txn,
        Transfer {
            kind,
            reference,
            account,
            job: None,
            api_key: None,
            memo,
            entries: vec![
                ("clearing".to_owned(), -micro),
                (debt(account), paid),
                (available(account), micro - paid),
            ],
        },
    )
    .await
}

#[cfg(test)]
mod tests;
