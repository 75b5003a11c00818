//! A board file keeps what was acknowledged, finds what was damaged, and is never half written.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use oto_board::edit::Edit;
use oto_board::*;
use oto_storage::*;

fn note(id: u128) -> Note {
    Note {
        id: NoteId(id),
        kind: NoteKind::Plain,
        center: [id as f64 * 250.0, 0.0],
        size: [200.0, 200.0],
        tilt_deg: 1.5,
        rank: id as u32,
        color: 3,
        title: "título".into(),
        text: format!("note {id} 🐈"),
        starred: id.is_multiple_of(2),
        created_at_ms: 5,
    }
}

fn apply(loaded: &mut Loaded, writer: &Writer, step: u128, edit: Edit) -> u64 {
    let meta = TxMeta {
        op: edit.op(),
        origin: Origin::User,
        step: StepId(step),
        at_ms: step as i64,
        selection_hint: vec![],
    };
    let made = loaded.board.transact(meta, |tx| edit.apply(tx)).unwrap().unwrap();
    loaded.history.record(&made);
    let seq = made.seq;
    writer.send(made).unwrap();
    seq
}

fn filled(path: &Path, n: u128) {
    let (mut loaded, writer) = create_board(path).unwrap();
    let mut last = 0;
    for i in 1..=n {
        let twine = (i > 1).then(|| Twine {
            id: TwineId(1000 + i),
            from: NoteId(i - 1),
            to: NoteId(i),
            role: TwineRole::Reference,
            agent: None,
            color: 1,
            label: "to".into(),
        });
        let edit = Edit::AddNotes { notes: vec![note(i)], twines: twine.into_iter().collect() };
        last = apply(&mut loaded, &writer, i, edit);
    }
    writer.wait_for(last).unwrap();
}

#[test]
fn a_board_comes_back_with_its_undo() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.oto");
    filled(&path, 5);
    let (mut loaded, writer) = open_board(&path).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert_eq!((loaded.board.n_notes(), loaded.board.n_twines()), (5, 4));
    assert_eq!(loaded.board.note(NoteId(2)), Some(&note(2)));
    let (made, _) = loaded.history.undo(&mut loaded.board, StepId(99), 0).unwrap().unwrap();
    let seq = made.seq;
    writer.send(made).unwrap();
    writer.wait_for(seq).unwrap();
    drop(writer);
    let report = check_board(&path, &AssetStore::new(folder.path().join("media"))).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.notes, report.transactions), (4, 6));
}

#[test]
fn a_second_writer_and_foreign_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.oto");
    let (_, writer) = create_board(&path).unwrap();
    let pid = std::process::id().to_string();
    assert!(matches!(open_board(&path), Err(StorageError::Locked(holder)) if holder == pid));
    assert!(matches!(create_board(&path), Err(StorageError::Exists(_))));
    drop(writer);
    open_board(&path).unwrap();
    let other = folder.path().join("b.oto");
    std::fs::write(&other, b"not a database at all, only words").unwrap();
    assert!(matches!(open_board(&other), Err(StorageError::NotABoard(_))));
    assert_eq!(std::fs::read(&other).unwrap(), b"not a database at all, only words");
    assert!(open_board(&folder.path().join("none.oto")).is_err());
    assert!(!folder.path().join("none.oto").exists());
}

#[test]
fn every_flipped_record_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.oto");
    filled(&path, 3);
    let store = AssetStore::new(folder.path().join("media"));
    for (sql, word) in [
        (
            "UPDATE note SET body = substr(body, 1, length(body) - 1) || x'7f' WHERE rowid_of",
            "note",
        ),
        ("UPDATE journal SET body = body || x'00' WHERE seq = 2", "journal row 2"),
        ("DELETE FROM journal WHERE seq = 2", "journal row 2 is missing"),
        ("DELETE FROM note WHERE id = (SELECT id FROM note LIMIT 1)", "missing note"),
    ] {
        let copy = folder.path().join("copy.oto");
        std::fs::copy(&path, &copy).unwrap();
        let connection = rusqlite::Connection::open(&copy).unwrap();
        connection.pragma_update(None, "foreign_keys", "OFF").unwrap();
        let sql = sql.replace("rowid_of", "id = (SELECT id FROM note LIMIT 1)");
        assert_eq!(connection.execute(&sql, []).unwrap(), 1);
        drop(connection);
        let report = check_board(&copy, &store).unwrap();
        assert!(report.problems.iter().any(|p| p.contains(word)), "{word}: {:?}", report.problems);
        std::fs::remove_file(&copy).unwrap();
    }
}

#[test]
fn media_is_kept_once_and_damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = AssetStore::new(folder.path().join("media"));
    let id = store.put(b"picture").unwrap();
    assert_eq!(store.put(b"picture").unwrap(), id);
    assert_eq!(store.read(id).unwrap(), b"picture");
    let arrived = folder.path().join("x.part");
    std::fs::write(&arrived, b"other").unwrap();
    assert!(store.adopt(&arrived, id).is_err());
    let other = AssetId(*blake3::hash(b"other").as_bytes());
    store.adopt(&arrived, other).unwrap();
    assert_eq!(store.read(other).unwrap(), b"other");
    assert!(!arrived.exists());
    let path = store.path(id);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"pictUre").unwrap();
    assert_ne!(store.verify(id).unwrap(), id);
}

#[test]
fn a_newer_board_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.oto");
    filled(&path, 1);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    connection.pragma_update(None, "wal_checkpoint", "TRUNCATE").ok();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(open_board(&path), Err(StorageError::Newer { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

/// A WAL cut or overwritten anywhere, which stands in for a loss of power: the board opens and is
/// an exact prefix of what was written.
#[test]
fn a_torn_log_gives_an_exact_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.oto");
    let live = folder.path().join("live.oto");
    let (mut loaded, writer) = create_board(&live).unwrap();
    for i in 1..=12 {
        let seq =
            apply(&mut loaded, &writer, i, Edit::AddNotes { notes: vec![note(i)], twines: vec![] });
        writer.wait_for(seq).unwrap();
    }
    let (main, wal) =
        (std::fs::read(&live).unwrap(), std::fs::read(folder.path().join("live.oto-wal")).unwrap());
    let seed = 7u64;
    println!("seed {seed}");
    let mut state = seed;
    for _ in 0..150 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = (state >> 33) as usize % wal.len();
        let mut torn = wal.clone();
        if state & 1 == 0 {
            torn.truncate(at);
        } else {
            let end = (at + 512).min(torn.len());
            torn[at..end].fill(0);
        }
        std::fs::write(&path, &main).unwrap();
        std::fs::write(folder.path().join("a.oto-wal"), &torn).unwrap();
        std::fs::remove_file(folder.path().join("a.oto-shm")).ok();
        match open_board(&path) {
            Ok((board, writer)) => {
                let n = board.board.n_notes() as u128;
                assert_eq!(board.board.seq(), n as u64);
                assert!((1..=n).all(|i| board.board.note(NoteId(i)) == Some(&note(i))));
                drop(writer);
                let report = check_board(&path, &AssetStore::new(folder.path())).unwrap();
                assert_eq!(report.problems, Vec::<String>::new());
            }
            // Torn before the first transaction: there is no board yet, and it says so.
            Err(StorageError::NotABoard(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
