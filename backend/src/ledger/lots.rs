//! Tokens that end: a grant of a month is a lot with an end. What ends first is spent first; what is
//! left of a lot at its end goes back to the house.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use super::{LedgerError, Transfer, available, balances, book_once, credit, grant, touch};
use crate::db::{all, execute, immediate, now_ms, one, value};

/// Most lots that end in one round.
const MOST: i64 = 100;

/// Gives tokens until a time, once for a reference; a debt is paid first. False when they were given
/// before.
pub(crate) async fn grant_until(
    txn: &impl ConnectionTrait,
    account: &str,
    micro: i64,
    reference: &str,
    memo: &str,
    expires_at_ms: i64,
) -> Result<bool, LedgerError> {
    touch(txn, account).await?;
    let [_, _, owed] = balances(txn, account).await?;
    if !credit(txn, account, micro, "grant", reference.to_owned(), memo).await? {
        return Ok(false);
    }
    let left = micro - micro.min(-owed.min(0));
    keep(txn, account, left, reference, expires_at_ms).await?;
    Ok(true)
}

/// Gives what a plan without a price gives in a month, once in the month.
pub(crate) async fn monthly(txn: &impl ConnectionTrait, account: &str) -> Result<(), LedgerError> {
    let sql = "SELECT p.monthly_micro, p.name FROM account a JOIN plan p ON p.id = a.plan WHERE a.id = $1 AND p.price_cents = 0 AND p.monthly_micro > 0";
    let Some(row) = one(txn, sql, vec![account.into()]).await? else { return Ok(()) };
    let (micro, name): (i64, String) =
        (row.try_get("", "monthly_micro")?, row.try_get("", "name")?);
    let (month, end_ms) = month_of(now_ms());
    let reference = format!("month:{account}:{month}");
    if grant(txn, account, micro, reference.clone(), &format!("{name}, {month}")).await? {
        keep(txn, account, micro, &reference, end_ms).await?;
    }
    Ok(())
}

/// A month as `2026-11`, and when it ends (UTC).
fn month_of(ms: i64) -> (String, i64) {
    let date = time::OffsetDateTime::from_unix_timestamp(ms / 1000)
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
        .date();
    let (year, month) = (date.year(), date.month());
    let next_year = if month == time::Month::December { year + 1 } else { year };
    let end = time::Date::from_calendar_date(next_year, month.next(), 1).unwrap_or(date);
    (format!("{year}-{:02}", u8::from(month)), end.midnight().assume_utc().unix_timestamp() * 1000)
}

async fn keep(
    txn: &impl ConnectionTrait,
    account: &str,
    micro: i64,
    reference: &str,
    expires_at_ms: i64,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO token_lot (reference, account, micro, expires_at_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let values = vec![reference.into(), account.into(), micro.into(), expires_at_ms.into()];
    execute(txn, sql, values).await?;
    Ok(())
}

/// What was spent is taken from the lots, the one that ends first before others. Whoever calls has
/// locked the purse.
pub(super) async fn use_up(
    txn: &impl ConnectionTrait,
    account: &str,
    micro: i64,
) -> Result<(), DbErr> {
    let sql = "SELECT reference, micro - used_micro AS unused FROM token_lot WHERE account = $1 AND ended = 0 AND used_micro < micro ORDER BY expires_at_ms, reference";
    let mut rest = micro;
    if rest <= 0 {
        return Ok(());
    }
    for row in all(txn, sql, vec![account.into()]).await? {
        let part = rest.min(row.try_get("", "unused")?);
        if part <= 0 {
            break;
        }
        rest -= part;
        let sql = "UPDATE token_lot SET used_micro = used_micro + $2 WHERE reference = $1";
        let reference: String = row.try_get("", "reference")?;
        execute(txn, sql, vec![reference.into(), part.into()]).await?;
    }
    Ok(())
}

/// After something else than spending took tokens: no lot says that it has more left than there is.
pub(crate) async fn clip(txn: &impl ConnectionTrait, account: &str) -> Result<(), DbErr> {
    let sql = "SELECT CAST(COALESCE(SUM(micro - used_micro), 0) AS BIGINT) FROM token_lot WHERE account = $1 AND ended = 0";
    let unused: i64 = value(txn, sql, vec![account.into()]).await?.unwrap_or(0);
    let [free, held, _] = balances(txn, account).await?;
    use_up(txn, account, unused - free - held).await
}

/// The lot that ends next: what is left of it, and when.
pub(crate) async fn next(
    db: &impl ConnectionTrait,
    account: &str,
) -> Result<Option<(i64, i64)>, DbErr> {
    let sql = "SELECT micro - used_micro AS unused, expires_at_ms FROM token_lot WHERE account = $1 AND ended = 0 AND used_micro < micro ORDER BY expires_at_ms, reference LIMIT 1";
    let Some(row) = one(db, sql, vec![account.into()]).await? else { return Ok(None) };
    Ok(Some((row.try_get("", "unused")?, row.try_get("", "expires_at_ms")?)))
}

/// Ends the lots whose time has come. What is held for jobs under way counts as theirs and stays until
/// those jobs have ended; then it was spent, or ends, too.
pub(crate) async fn end_due(db: &DatabaseConnection) -> Result<(), DbErr> {
    let sql = "SELECT reference, account FROM token_lot WHERE ended = 0 AND expires_at_ms < $1 ORDER BY expires_at_ms LIMIT $2";
    for row in all(db, sql, vec![now_ms().into(), MOST.into()]).await? {
        let (reference, account): (String, String) =
            (row.try_get("", "reference")?, row.try_get("", "account")?);
        let txn = db.begin_with_options(immediate()).await?;
        // The purse first, as everywhere: whoever ends this lot beside waits here.
        touch(&txn, &account).await?;
        end(&txn, &account, &reference).await?;
        txn.commit().await?;
    }
    Ok(())
}

async fn end(txn: &impl ConnectionTrait, account: &str, reference: &str) -> Result<(), DbErr> {
    let sql = "SELECT micro - used_micro AS unused, used_micro FROM token_lot WHERE reference = $1 AND ended = 0";
    let Some(lot) = one(txn, sql, vec![reference.into()]).await? else { return Ok(()) };
    let (unused, before): (i64, i64) = (lot.try_get("", "unused")?, lot.try_get("", "used_micro")?);
    let [free, held, _] = balances(txn, account).await?;
    let part = (unused - held).clamp(0, free.max(0));
    let is_over = held == 0 || part == unused;
    let sql = "UPDATE token_lot SET used_micro = used_micro + $2, gone_micro = gone_micro + $2, ended = $3 WHERE reference = $1";
    execute(txn, sql, vec![reference.into(), part.into(), i64::from(is_over).into()]).await?;
    if part == 0 {
        return Ok(());
    }
    let transfer = Transfer {
        kind: "expire",
        // A lot may end in parts; each is another one.
        reference: format!("expire:{reference}:{before}"),
        account,
        job: None,
        api_key: None,
        memo: "the month is over",
        entries: vec![(available(account), -part), ("promo".to_owned(), part)],
    };
    book_once(txn, transfer).await.map(drop).map_err(|error| match error {
        LedgerError::Database(error) => error,
        other => DbErr::Custom(format!("{other:?}")),
    })
}

#[cfg(test)]
mod tests {
    use super::month_of;

    #[test]
    fn months_end_where_the_next_begins() {
        // 2026-11-29 and 2026-12-31, both UTC.
        assert_eq!(month_of(1_795_910_400_000), ("2026-11".to_owned(), 1_796_083_200_000));
        let (month, end) = month_of(1_798_675_200_000);
        assert_eq!((month.as_str(), end), ("2026-12", 1_798_761_600_000));
    }
}
