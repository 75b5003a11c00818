//! Whatever happens in whatever order, the books stay right.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sea_orm::{DatabaseConnection, TransactionTrait};

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
    /// A payment is given back, or contested.
    TakeBack(u8, i64),
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
        (n, micro.clone()).prop_map(|(n, m)| Step::TakeBack(n, m)),
        Just(Step::End),
        micro.prop_map(Step::Killed),
    ];
    proptest::collection::vec(step, 1..40)
}

const WHO: &str = "ada";

async fn step(db: &DatabaseConnection, step: &Step, held: &mut BTreeMap<u8, i64>) {
    let txn = db.begin_with_options(immediate()).await.unwrap();
    let [free, kept, owed] = balances(&txn, WHO).await.unwrap();
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
        Step::TakeBack(n, micro) => {
            let taken = take_back(&txn, WHO, micro, "refund", format!("back:{n}")).await.unwrap();
            let [now, _, owes] = balances(&txn, WHO).await.unwrap();
            assert_eq!(free - now + owed - owes, if taken { micro } else { 0 });
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

/// What somebody has, free or held, and that ends with no month.
async fn bought(db: &DatabaseConnection) -> i64 {
    let sql = "SELECT CAST(COALESCE(SUM(micro - used_micro), 0) AS BIGINT) FROM token_lot WHERE ended = 0";
    let unused: i64 = value(db, sql, vec![]).await.unwrap().unwrap();
    let [free, kept, _] = balances(db, WHO).await.unwrap();
    free + kept - unused
}

async fn play(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("oto.sqlite").display());
    let db = crate::db::connect(&url, folder.path(), 1).await.unwrap();
    crate::db::migrate(&db).await.unwrap();
    let sql = "INSERT INTO account (id, handle, name, email, password, plot, created_at_ms) VALUES ('ada', 'ada', 'Ada', 'a@example.org', '', 0, 0)";
    execute(&db, sql, vec![]).await.unwrap();
    open_accounts(&db, WHO).await.unwrap();
    let mut held = BTreeMap::new();
    for one in &steps {
        step(&db, one, &mut held).await;
        assert_eq!(check(&db).await.unwrap(), Vec::<String>::new(), "after {one:?}");
        // No lot has more used than it had, and what may end was not spent twice.
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM token_lot WHERE used_micro < 0 OR used_micro > micro";
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
