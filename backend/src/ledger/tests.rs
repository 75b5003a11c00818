//! Whatever happens in whatever order, the books stay right.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sea_orm::{DatabaseConnection, TransactionTrait};

use super::taken::{Sold, Why, give_back, take};
use super::*;
use crate::db::immediate;

/// What happens to somebody's purse.
#[derive(Debug, Clone)]
enum Step {
    /// Tokens are bought; the number names the payment, so that some come twice.
    Buy(u8, i64),
    /// A month is granted; it ends when the test says so.
    Month(u8, i64),
    /// A job is begun that may cost so much.
    Hold(u8, i64),
    /// A job ends and cost so much, perhaps more than was held.
    Settle(u8, i64),
    /// A part of a payment or of a month is given back.
    Refund(u8, bool, i64),
    /// It is contested.
    Dispute(u8, bool, i64),
    /// A dispute is won; perhaps it was never heard of.
    Won(u8, bool),
    /// The months end.
    End,
    /// In the middle of a transaction the process dies.
    Killed(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = 0..6u8;
    let micro = 1..500i64;
    let step = prop_oneof![
        (n.clone(), micro.clone()).prop_map(|(n, m)| Step::Buy(n, m)),
        (n.clone(), micro.clone()).prop_map(|(n, m)| Step::Month(n, m)),
        (n.clone(), micro.clone()).prop_map(|(n, m)| Step::Hold(n, m)),
        (n.clone(), micro.clone()).prop_map(|(n, m)| Step::Settle(n, m)),
        (n.clone(), any::<bool>(), micro.clone()).prop_map(|(n, b, m)| Step::Refund(n, b, m)),
        (n.clone(), any::<bool>(), micro.clone()).prop_map(|(n, b, m)| Step::Dispute(n, b, m)),
        (n, any::<bool>()).prop_map(|(n, b)| Step::Won(n, b)),
        Just(Step::End),
        micro.prop_map(Step::Killed),
    ];
    proptest::collection::vec(step, 1..40)
}

const WHO: &str = "ada";

async fn step(db: &DatabaseConnection, step: &Step, held: &mut BTreeMap<u8, i64>) {
    let txn = db.begin_with_options(immediate()).await.unwrap();
    let [free, kept, _] = balances(&txn, WHO).await.unwrap();
    match *step {
        Step::Buy(n, micro) => {
            credit(&txn, WHO, micro, "purchase", format!("buy:{n}"), "").await.unwrap();
        }
        Step::Month(n, micro) => {
            let reference = format!("month:{n}");
            lots::grant_until(&txn, WHO, micro, &reference, "", i64::MAX).await.unwrap();
        }
        Step::Hold(n, micro) => match hold(&txn, WHO, &format!("job-{n}"), micro, None).await {
            Ok(()) => {
                assert!(free >= micro);
                held.insert(n, micro);
            }
            Err(LedgerError::Insufficient) => {
                assert!(free < micro);
                txn.rollback().await.unwrap();
                return;
            }
            Err(LedgerError::Repeated) => {}
            Err(LedgerError::Database(error)) => panic!("{error}"),
        },
        Step::Settle(n, used) => {
            if let Some(micro) = held.get(&n) {
                settle(&txn, WHO, &format!("job-{n}"), *micro, used).await.unwrap();
                let [now, still, _] = balances(&txn, WHO).await.unwrap();
                let is_first = kept != still;
                assert!(
                    !is_first || (kept - still == *micro && now - free == micro - used.min(*micro))
                );
            }
        }
        Step::Refund(n, is_month, micro) => {
            taken(&txn, n, is_month, micro, Why::Refund).await;
        }
        Step::Dispute(n, is_month, micro) => {
            taken(&txn, n, is_month, micro, Why::Dispute).await;
        }
        Step::Won(n, is_month) => {
            let order = order(n, is_month);
            let sql = "SELECT e.amount FROM ledger_entry e JOIN ledger_transfer t ON t.id = e.transfer WHERE t.reference = $1 AND e.account = 'clearing'";
            let disputed = format!("Dispute:{order}");
            let micro: i64 = value(&txn, sql, vec![disputed.into()]).await.unwrap().unwrap_or(0);
            if micro > 0 {
                let sold = Sold { order: &order, account: WHO, micro: 500 };
                give_back(&txn, sold, micro, format!("won:{order}")).await.unwrap();
            }
        }
        Step::End => {
            let sql = "UPDATE token_lot SET expires_at_ms = 1";
            execute(&txn, sql, vec![]).await.unwrap();
        }
        Step::Killed(micro) => {
            credit(&txn, WHO, micro, "purchase", "never".to_owned(), "").await.unwrap();
            drop(txn);
            return;
        }
    }
    txn.commit().await.unwrap();
    if matches!(step, Step::End) {
        // What was bought stays, whatever of the months ends.
        let before = bought(db).await;
        lots::end_due(db).await.unwrap();
        assert_eq!(bought(db).await, before);
        let [_, kept, _] = balances(db, WHO).await.unwrap();
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM token_lot WHERE ended = 0";
        let open: i64 = value(db, sql, vec![]).await.unwrap().unwrap();
        assert!(open == 0 || kept > 0, "only what is held keeps a month open");
    }
}

fn order(n: u8, is_month: bool) -> String {
    if is_month { format!("month:{n}") } else { format!("buy:{n}") }
}

/// Takes a part of what was sold back; one refund and one dispute of each.
async fn taken(
    txn: &sea_orm::DatabaseTransaction,
    n: u8,
    is_month: bool,
    micro: i64,
    why: Why,
) -> i64 {
    let order = order(n, is_month);
    let [free, _, owed] = balances(txn, WHO).await.unwrap();
    let sold = Sold { order: &order, account: WHO, micro: 500 };
    let is_new = take(txn, sold, micro, why, format!("{why:?}:{order}")).await.unwrap();
    let [now, _, owes] = balances(txn, WHO).await.unwrap();
    let taken = free - now + owed - owes;
    assert!(taken == 0 || is_new);
    assert!((0..=micro).contains(&taken));
    taken
}

/// What somebody has, free or held, and that ends with no month.
async fn bought(db: &DatabaseConnection) -> i64 {
    let sql = "SELECT CAST(COALESCE(SUM(micro - used_micro), 0) AS BIGINT) FROM token_lot WHERE ended = 0";
    let unused: i64 = value(db, sql, vec![]).await.unwrap().unwrap();
    let [free, kept, _] = balances(db, WHO).await.unwrap();
    free + kept - unused
}

async fn purse(folder: &std::path::Path) -> DatabaseConnection {
    let url = format!("sqlite:{}", folder.join("oto.sqlite").display());
    let db = crate::db::connect(&url, folder, 1).await.unwrap();
    crate::db::migrate(&db).await.unwrap();
    let sql = "INSERT INTO account (id, handle, name, email, password, plot, created_at_ms) VALUES ('ada', 'ada', 'Ada', 'a@example.org', '', 0, 0)";
    execute(&db, sql, vec![]).await.unwrap();
    open_accounts(&db, WHO).await.unwrap();
    db
}

async fn play(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let db = purse(folder.path()).await;
    let mut held = BTreeMap::new();
    for one in &steps {
        step(&db, one, &mut held).await;
        assert_eq!(check(&db).await.unwrap(), Vec::<String>::new(), "after {one:?}");
        // No lot has more used than it had, and what may end was not spent twice.
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM token_lot WHERE used_micro < 0 OR used_micro > micro OR disputed_micro < 0 OR disputed_micro > used_micro";
        assert_eq!(value::<i64>(&db, sql, vec![]).await.unwrap(), Some(0), "after {one:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_books_are_right_after_any_order_of_things(steps in steps()) {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(play(steps));
    }
}

/// A month of 100, perhaps with a debt before it; how much of it is spent; then what is taken of it and given
/// back, and what is left: free, owed, and what of it would end.
async fn month(debt: i64, spent: i64, then: &[(&str, i64)]) -> (i64, i64, i64) {
    let folder = tempfile::tempdir().unwrap();
    let db = purse(folder.path()).await;
    let sold = Sold { order: "month", account: WHO, micro: 100 };
    let none = Sold { order: "none", account: WHO, micro: debt };
    take(&db, none, debt, Why::Refund, "debt".to_owned()).await.unwrap();
    lots::grant_until(&db, WHO, 100, "month", "", i64::MAX).await.unwrap();
    if spent > 0 {
        hold(&db, WHO, "job", spent, None).await.unwrap();
        settle(&db, WHO, "job", spent, spent).await.unwrap();
    }
    for (i, &(what, micro)) in then.iter().enumerate() {
        let reference = format!("{what}:{i}");
        match what {
            "refund" => drop(take(&db, sold, micro, Why::Refund, reference).await.unwrap()),
            "dispute" => drop(take(&db, sold, micro, Why::Dispute, reference).await.unwrap()),
            "won" => drop(give_back(&db, sold, micro, reference).await.unwrap()),
            _ => drop(credit(&db, WHO, micro, "purchase", reference, "").await.unwrap()),
        }
        assert_eq!(check(&db).await.unwrap(), Vec::<String>::new(), "after {what}");
    }
    let [free, _, owed] = balances(&db, WHO).await.unwrap();
    (free, owed, free - bought(&db).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_of_a_month_is_taken_once_and_bought_tokens_stay() {
    // A part that was given back counts once: the rest still ends.
    assert_eq!(month(0, 0, &[("refund", 50)]).await, (50, 0, 50));
    // A debt that the month paid is owed again when the month is given back.
    assert_eq!(month(40, 0, &[("refund", 100)]).await, (0, -40, 0));
    // Contested, then given back, then closed: taken once.
    let inquiry = [("dispute", 100), ("refund", 100), ("won", 100)];
    assert_eq!(month(0, 0, &inquiry).await, (0, 0, 0));
    // Half of it spent, and 100 bought: after a dispute that was won, 50 end and 100 stay.
    let won = [("buy", 100), ("dispute", 100), ("won", 100)];
    assert_eq!(month(0, 50, &won).await, (150, 0, 50));
}
