//! A backup of either database is read back whole, and restored where there is nobody yet.

use oto_backend::Config;
use oto_backend::ops::{backup, restore};
use reqwest::Method;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;

use crate::common::{Home, both, text};

const PICTURE: &[u8] = include_bytes!("../home/picture.png");

#[tokio::test(flavor = "multi_thread")]
async fn what_is_backed_up_comes_back_and_what_is_damaged_does_not() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let (_, asset) = home.upload(&ada, PICTURE.to_vec()).await;
        let work = home
            .text(&ada, "A picture", json!({"kind": "image", "text": "", "asset": asset["hash"], "shows_recipe": true, "recipe": {"prompt": "a lighthouse"}}))
            .await;
        let path = format!("/works/{}", text(&work["id"]));
        home.by(&bob, Method::PUT, &format!("{path}/like")).send().await.unwrap();
        // More rows than are read at once, with keys of one and of two columns.
        home.sql("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1201) INSERT INTO turn (lane, served) SELECT 'lane-' || i, i FROM n").await;
        home.sql("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1201) INSERT INTO job_medium (hash, job) SELECT 'hash-' || (i % 7), 'job-' || i FROM n").await;
        let folder = home.folder.path().join("backup");
        let made = backup::create(&home.config, &folder).await.unwrap();
        assert_eq!((made.rows["turn"], made.rows["job_medium"], made.rows["account"]), (1201, 1201, 2));
        let sum = |hash: &str| blake3::hash(&std::fs::read(folder.join("media").join(hash)).unwrap()).to_hex().to_string();
        assert!(!made.media.is_empty() && made.media.keys().all(|hash| sum(hash) == *hash));
        assert!(backup::create(&home.config, &folder).await.is_err(), "never over another one");
        let there = tempfile::tempdir().unwrap();
        let config = Config::in_folder(there.path());
        let back = restore::restore(&config, &folder).await.unwrap();
        assert_eq!(back.rows, made.rows);
        let file = format!("sqlite://{}", there.path().join("oto.sqlite").display());
        let restored = sea_orm::Database::connect(file).await.unwrap();
        for (table, word) in [("work_words", "lighthouse"), ("account_words", "bob")] {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE {table} MATCH '{word}'");
            let found = restored.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql));
            let found: i64 = found.await.unwrap().unwrap().try_get_by_index(0).unwrap();
            assert_eq!(found, 1, "{word} is found as before");
        }
        restored.close().await.unwrap();
        let again = restore::restore(&config, &folder).await.unwrap_err();
        assert!(again.to_string().contains("people in this database"), "{again}");
        // A row that was changed, a table that is missing in the list, a name that leads elsewhere.
        let elsewhere = tempfile::tempdir().unwrap();
        let other = Config::in_folder(elsewhere.path());
        let refused = async |what: &str| {
            assert!(backup::verify(&folder).is_err(), "{what}");
            assert!(restore::restore(&other, &folder).await.is_err(), "{what}");
        };
        let table = folder.join("account.jsonl");
        let whole = std::fs::read_to_string(&table).unwrap();
        std::fs::write(&table, whole.replace("\"ada\"", "\"eve\"")).unwrap();
        refused("a row").await;
        std::fs::write(&table, &whole).unwrap();
        let list = folder.join("manifest.json");
        let told = std::fs::read_to_string(&list).unwrap();
        for (from, to) in [
            ("\"account\": 2,", ""),
            ("\"account\"", "\"../account\""),
            (made.media.keys().next().unwrap().as_str(), "../../oto.sqlite"),
        ] {
            std::fs::write(&list, told.replace(from, to)).unwrap();
            refused(to).await;
        }
        // One of a version that had no such table yet is whole.
        let fewer = |told: &str| {
            let mut list: backup::Manifest = serde_json::from_str(told).unwrap();
            list.rows.remove("job_medium");
            list.sums.remove("job_medium");
            serde_json::to_string(&list).unwrap()
        };
        std::fs::write(&list, fewer(&told)).unwrap();
        std::fs::remove_file(folder.join("job_medium.jsonl")).unwrap();
        restore::restore(&other, &folder).await.unwrap();
        home.stop().await;
    })
    .await;
}
