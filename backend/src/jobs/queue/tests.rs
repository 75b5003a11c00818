//! Leases, returns and deadlines.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn leases_that_ran_out_are_taken_up_and_those_that_hold_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let db = crate::db::open(&folder.path().join("jobs.sqlite")).await.unwrap();
    let job: NewJob = serde_json::from_str(
        r#"{"kind": "text", "engine": "core", "prompt": "a tram", "seed": 1}"#,
    )
    .unwrap();
    let mut rows = Vec::new();
    for (id, owner) in [("away", "other"), ("fresh", "other"), ("orphan", "me"), ("busy", "me")] {
        accept(&db, id, &job, Estimate::FREE, None).await.unwrap();
        rows.push(claim(&db, owner).await.unwrap().unwrap());
    }
    let ran_out = "UPDATE job SET lease_until_ms = 1 WHERE id <> 'fresh'";
    execute(&db, ran_out, vec![]).await.unwrap();
    let busy = ["busy".to_owned()];
    assert_eq!(recover(&db, "me", Lost::RanOut(&busy), Prices::new(1)).await.unwrap(), 2);
    assert_eq!(recover(&db, "me", Lost::RanOut(&busy), Prices::new(1)).await.unwrap(), 0);
    let status = async |id: &str| find(&db, id).await.unwrap().unwrap().status;
    for (id, is) in [
        ("away", JobStatus::Queued),
        ("fresh", JobStatus::Running),
        ("orphan", JobStatus::Queued),
        ("busy", JobStatus::Running),
    ] {
        assert_eq!(status(id).await, is, "{id}");
    }
    // Whoever was given up on changes nothing any more.
    assert!(!end(&db, &rows[0], JobStatus::Failed, None, Prices::new(1)).await.unwrap());
    assert!(!give_back(&db, &rows[0]).await.unwrap());
    // What runs here is given back, and was no try; what is being sent is not.
    assert!(give_back(&db, &rows[3]).await.unwrap());
    let back = find(&db, "busy").await.unwrap().unwrap();
    assert_eq!((back.status, back.attempt), (JobStatus::Queued, 0));
    submitting(&db, &rows[1], "fresh-1").await.unwrap();
    assert!(!give_back(&db, &rows[1]).await.unwrap());
    // Deadlines of those that wait.
    execute(&db, "UPDATE job SET deadline_at_ms = 1", vec![]).await.unwrap();
    assert_eq!(expire(&db, Prices::new(1)).await.unwrap(), 3);
    assert_eq!(status("away").await, JobStatus::Expired);
}
