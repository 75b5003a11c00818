//! Stages whose media are only in the store of a server.

use std::path::Path;

use object_store::memory::InMemory;
use oto_api_types::{JobOutput, NewJob};
use oto_engines::{Estimate, Registry};
use oto_media::worker::Workers;

use super::*;
use crate::auth::LaunchSecret;
use crate::jobs::charge::Prices;
use crate::jobs::row::JobResult;
use crate::keys::NoKeys;

async fn home(folder: &Path) -> AppState {
    let db = crate::db::open(&folder.join("jobs.sqlite")).await.unwrap();
    let store = Arc::new(InMemory::new());
    let media = folder.join("media");
    let blobs = Blobs::with_store(media, Arc::clone(&store) as _, store, String::new()).unwrap();
    AppState::new(
        db,
        Registry::local(),
        blobs,
        folder.join("scratch"),
        Workers::of_program("true"),
        Arc::new(NoKeys),
        LaunchSecret::new().unwrap(),
        String::new(),
    )
}

/// A film that looked for what it is made of.
async fn begun(state: &AppState, id: &str) -> JobRow {
    let film = r#"{"kind": "video", "engine": "local-film", "prompt": "a tram", "seed": 1}"#;
    let film: NewJob = serde_json::from_str(film).unwrap();
    queue::accept(&state.db, id, &film, Estimate::FREE, None).await.unwrap();
    let row = queue::claim(&state.db, "me").await.unwrap().unwrap();
    assert_eq!(row.id, id);
    row
}

async fn looks(state: &AppState, row: &JobRow) -> Turn {
    let asked = row.new_job().unwrap();
    let engine = state.registry().get(&asked.engine).unwrap();
    let request = crate::convert::request_of(&asked, &state.blobs, String::new()).unwrap();
    turn(state, row, &engine, request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_store_has_is_brought_for_a_film_and_for_the_next_try() {
    let folder = tempfile::tempdir().unwrap();
    let state = home(folder.path()).await;
    let first = begun(&state, "first").await;
    assert!(matches!(looks(&state, &first).await, Turn::Park));
    queue::park(&state.db, &first, Prices::new(1)).await.unwrap();
    // Its script is made at another server.
    let script = queue::claim(&state.db, "other").await.unwrap().unwrap();
    assert_eq!(script.parent_id.as_deref(), Some("first"));
    let hash = state.blobs.put(b"A tram.\n\nIt goes uphill.").unwrap();
    state.blobs.keep(&hash, "text/plain").await.unwrap();
    let text = JobOutput {
        role: "main".to_owned(),
        hash: hash.clone(),
        content_type: "text/plain".to_owned(),
        size: 24,
        size_px: [0, 0],
        duration_ms: 0,
        average_rgb: 0,
    };
    let result = JobResult { outputs: vec![text], ..JobResult::default() };
    assert!(queue::succeed(&state.db, &script, &result, Prices::new(1)).await.unwrap());
    state.blobs.remove(&hash);
    let first = queue::claim(&state.db, "me").await.unwrap().unwrap();
    assert_eq!(first.id, "first", "its stage has ended");
    looks(&state, &first).await;
    assert!(state.blobs.find(&hash).is_some(), "brought");
    // The film ends without a result; whoever tries again has the script already.
    queue::end(&state.db, &first, JobStatus::Failed, None, Prices::new(1)).await.unwrap();
    state.blobs.remove(&hash);
    let rest = "UPDATE job SET status = 'canceled' WHERE status IN ('queued', 'running')";
    execute(&state.db, rest, vec![]).await.unwrap();
    let again = begun(&state, "again").await;
    assert!(matches!(looks(&state, &again).await, Turn::Park));
    let stages = of(&state.db, "again").await.unwrap();
    assert_eq!((stages.len(), &stages[0].id), (1, &script.id));
    assert!(state.blobs.find(&hash).is_some(), "brought again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nowhere_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let state = home(folder.path()).await;
    sources::bring(&state, vec!["a".repeat(64)]).await.unwrap();
}
