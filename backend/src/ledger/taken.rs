//! What was paid for and is taken back: for good when money was given back, and until it is over when a
//! payment is contested. Of tokens that end, their lot says what is still to be taken:
//!
//! * `gone_micro` ended unspent, so whoever bought it has it no more;
//! * `refunded_micro` was taken for money that was given back;
//! * `disputed_micro` is what disputes left unused in the lot and took from it, and give back.

use sea_orm::{ConnectionTrait, DbErr};

use super::{LedgerError, Transfer, available, balances, book_once, credit, debt, lots, touch};
use crate::db::{execute, one};

/// Why tokens are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Money was given back.
    Refund,
    /// A payment is contested.
    Dispute,
}

/// Something that was sold: an order, and the tokens that it was for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sold<'a> {
    pub(crate) order: &'a str,
    pub(crate) account: &'a str,
    pub(crate) micro: i64,
}

/// Takes tokens of an order back, once for a reference: first what is free, the rest becomes a debt (an
/// amount below nothing). What ended unspent, or was taken for a refund before, is not taken a second
/// time. False when this was taken before.
pub(crate) async fn take(
    txn: &impl ConnectionTrait,
    sold: Sold<'_>,
    micro: i64,
    why: Why,
    reference: String,
) -> Result<bool, LedgerError> {
    let Sold { order, account, .. } = sold;
    // Before anything is read: a month may end at this moment.
    touch(txn, account).await?;
    let micro = micro.min(left(txn, sold).await?);
    let [free, ..] = balances(txn, account).await?;
    let from_free = free.min(micro);
    let is_new = book_once(
        txn,
        Transfer {
            kind: if why == Why::Refund { "refund" } else { "dispute" },
            reference,
            account,
            job: None,
            api_key: None,
            memo: "",
            entries: vec![
                (available(account), -from_free),
                (debt(account), from_free - micro),
                ("clearing".to_owned(), micro),
            ],
        },
    )
    .await?;
    if is_new {
        let unused = "CASE WHEN micro - used_micro < $2 THEN micro - used_micro ELSE $2 END";
        let says = match why {
            Why::Refund => "refunded_micro = refunded_micro + $2".to_owned(),
            Why::Dispute => format!("disputed_micro = disputed_micro + {unused}"),
        };
        let sql = format!(
            "UPDATE token_lot SET {says}, used_micro = used_micro + {unused} WHERE reference = $1"
        );
        execute(txn, &sql, vec![order.into(), micro.into()]).await?;
    }
    lots::clip(txn, account).await?;
    Ok(is_new)
}

/// How much of an order may still be taken.
async fn left(txn: &impl ConnectionTrait, sold: Sold<'_>) -> Result<i64, DbErr> {
    let sql = "SELECT gone_micro + refunded_micro AS gone FROM token_lot WHERE reference = $1";
    let gone: i64 = match one(txn, sql, vec![sold.order.into()]).await? {
        Some(row) => row.try_get("", "gone")?,
        None => 0,
    };
    Ok((sold.micro - gone).max(0))
}

/// Gives back what a dispute took, once for a reference; a debt is paid first. What it took out of a lot
/// ends with that lot, if it has not ended. False when it was given before.
pub(crate) async fn give_back(
    txn: &impl ConnectionTrait,
    sold: Sold<'_>,
    micro: i64,
    reference: String,
) -> Result<bool, LedgerError> {
    let is_new = credit(txn, sold.account, micro, "restore", reference, "dispute won").await?;
    if is_new {
        let part = "CASE WHEN disputed_micro < $2 THEN disputed_micro ELSE $2 END";
        let sql = format!(
            "UPDATE token_lot SET used_micro = CASE WHEN ended = 1 THEN used_micro ELSE used_micro - {part} END, disputed_micro = disputed_micro - {part} WHERE reference = $1"
        );
        execute(txn, &sql, vec![sold.order.into(), micro.into()]).await?;
        lots::clip(txn, sold.account).await?;
    }
    Ok(is_new)
}
