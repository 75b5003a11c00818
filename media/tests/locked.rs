//! The lock of the worker: what it must not be able to do, tried in a real one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "times and skipped parts are for the reader of the test")]

use oto_media::MediaError;
use oto_media::picture::Picture;
use oto_media::worker::{Isolation, Workers};

#[test]
fn a_locked_worker_can_reach_nothing() {
    let workers = Workers::of_program(env!("CARGO_BIN_EXE_oto-media-worker"));
    let report = workers.isolation().unwrap();
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: this system has no lock: {}", report.sentence());
        return;
    }
    if cfg!(target_arch = "x86_64") {
        assert!(!report.missing.contains(&"seccomp"), "{}", report.sentence());
    }
    if report.missing.contains(&"seccomp") {
        eprintln!("skipped: {}", report.sentence());
        return;
    }
    assert_eq!(report.worked, Vec::<String>::new());
    if report.missing.contains(&"Landlock") {
        eprintln!("skipped in part: this kernel has no Landlock");
    } else {
        assert_eq!(report.isolation, Isolation::Full, "{}", report.sentence());
    }
}

#[test]
fn voices_read_the_letters_of_other_languages() {
    let workers = Workers::of_program(env!("CARGO_BIN_EXE_oto-media-worker"));
    // The data of these is opened in the middle of the text, when the lock is closed already.
    for (voice, text) in
        [("en", "hello Привет 你好"), ("fr", "été 日本語"), ("de", "Grüße ελληνικά")]
    {
        let speech = workers.speak(text, voice, 160).unwrap();
        assert!(speech.pcm.duration_ms() > 700, "{text}: {} ms", speech.pcm.duration_ms());
    }
}

#[test]
fn a_worker_outlives_the_thread_that_asked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let picture = Picture { width: 40, height: 30, rgba: vec![200; 40 * 30 * 4] };
    std::fs::write(&path, picture.to_png().unwrap()).unwrap();
    let workers = Workers::of_program(env!("CARGO_BIN_EXE_oto-media-worker"));
    let asked = std::thread::Builder::new().spawn(move || workers.viewer(&path).unwrap());
    let mut viewer = asked.unwrap().join().unwrap();
    assert!(viewer.part(0, [0, 0]).is_ok());
}

#[test]
fn a_file_that_ends_two_workers_is_not_tried_a_third_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    std::fs::write(&path, "x").unwrap();
    // A program that ends without a word, as a worker does that crashes.
    let workers = Workers::of_program("/bin/false");
    for _ in 0..2 {
        assert!(matches!(workers.picture(&path, 64), Err(MediaError::Killed)));
    }
    assert!(matches!(workers.picture(&path, 64), Err(MediaError::Damaged(_))));
    workers.try_again(&path);
    assert!(matches!(workers.picture(&path, 64), Err(MediaError::Killed)));
}

#[cfg(target_os = "linux")]
#[test]
fn every_end_of_a_worker_has_its_sentence() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let end = |n: u32, line: &str| {
        let (program, path) = (folder.path().join(format!("{n}.sh")), folder.path().join("a.png"));
        std::fs::write(&program, format!("#!/bin/sh\n{line}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::write(&path, n.to_string()).unwrap();
        // A process that another test starts just now may still hold the script open.
        let workers = Workers::of_program(program);
        let mut failed = workers.picture(&path, 64).unwrap_err();
        for _ in 0..5 {
            if matches!(failed, MediaError::Io { .. }) {
                failed = workers.picture(&path, 64).unwrap_err();
            }
        }
        failed
    };
    let failed = end(1, "echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$");
    assert!(matches!(failed, MediaError::TooLarge(_)), "{failed}");
    assert!(matches!(end(2, "kill -XCPU $$"), MediaError::TooSlow));
    assert!(matches!(end(3, "kill -SEGV $$"), MediaError::Killed));
    assert!(matches!(end(4, "printf '\\377\\377\\377\\377' >&0; cat"), MediaError::Protocol));
}
