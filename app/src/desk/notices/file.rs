//! The file of notices: one JSON object a line, written whole on a thread of its own. A damaged one
//! is put aside, and what can be read of it is kept.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use super::Notice;

/// A file that is larger was not written by oTo.
const MOST_BYTES: u64 = 1 << 20;

/// What is in the file; and where it was put when it was damaged.
pub(super) fn read(path: &Path, now_ms: i64) -> (Vec<Notice>, Option<PathBuf>) {
    let Ok(about) = std::fs::metadata(path) else { return (Vec::new(), None) };
    let bytes = if about.len() <= MOST_BYTES { std::fs::read(path).ok() } else { None };
    // Line by line: a byte that is no text costs its line only.
    let line_of = |line: &[u8]| serde_json::from_slice(line).ok();
    let lines: Option<Vec<Option<Notice>>> = bytes.map(|bytes| {
        bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(line_of).collect()
    });
    let whole = lines.as_ref().is_some_and(|l| l.iter().all(Option::is_some));
    let items = lines.unwrap_or_default().into_iter().flatten().collect();
    if whole {
        return (items, None);
    }
    let aside = path.with_extension(format!("damaged-{now_ms}.jsonl"));
    match std::fs::rename(path, &aside) {
        Ok(()) => (items, Some(aside)),
        Err(error) => {
            tracing::warn!(%error, "the damaged file of notices could not be put aside");
            (items, None)
        }
    }
}

fn bytes_of(items: &[Notice]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for notice in items {
        // Plain text and numbers: there is nothing in it that cannot be written.
        if let Ok(line) = serde_json::to_vec(notice) {
            bytes.extend(line);
            bytes.push(b'\n');
        }
    }
    bytes
}

/// Writes what it is given, the newest only. The last is written before the program ends.
pub(super) struct Keeper {
    send: Option<Sender<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(super) fn start(path: PathBuf) -> Option<Self> {
        let (send, inbox) = channel::<Vec<u8>>();
        let work = move || {
            while let Ok(mut bytes) = inbox.recv() {
                while let Ok(newer) = inbox.try_recv() {
                    bytes = newer;
                }
                if let Err(error) = oto_storage::files::write_whole(&path, &bytes) {
                    tracing::warn!(%error, "notices could not be kept");
                }
            }
        };
        match std::thread::Builder::new().name("oto-notices".to_owned()).spawn(work) {
            Ok(thread) => Some(Self { send: Some(send), thread: Some(thread) }),
            Err(error) => {
                tracing::error!(%error, "no thread for notices");
                None
            }
        }
    }

    pub(super) fn keep(&self, items: &[Notice]) {
        if let Some(send) = &self.send {
            // Without its thread they last as long as the window.
            send.send(bytes_of(items)).ok();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.send = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been told already.
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Notices, Topic};
    use super::*;

    #[test]
    fn notices_are_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notices.jsonl");
        let (mut notices, aside) = Notices::open(&path);
        assert!(aside.is_none());
        for job in ["a", "b"] {
            notices.add(Notice::new(Topic::Failed, job, "Painter “two”", "one\nline"));
        }
        notices.read(0);
        drop(notices);
        let (notices, _) = Notices::open(&path);
        let kept: Vec<_> = notices.shown().map(|(_, n)| (n.text.as_str(), n.read)).collect();
        assert_eq!(kept, [("one\nline", false), ("one\nline", true)]);
    }

    #[test]
    fn a_damaged_file_is_put_aside_and_what_is_whole_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notices.jsonl");
        let mut bytes = bytes_of(&[Notice::new(Topic::Ready, "a", "Painter", "done")]);
        bytes.extend(b"{\"topic\":\"fai");
        std::fs::write(&path, &bytes).unwrap();
        let (notices, aside) = Notices::open(&path);
        assert_eq!(std::fs::read(aside.unwrap()).unwrap(), bytes);
        assert_eq!(notices.shown().count(), 1);
        drop(notices);
        let (notices, aside) = Notices::open(&path);
        assert!(aside.is_none());
        assert_eq!(notices.shown().count(), 1);
        // Words of a later version are no damage; bytes that are no text are.
        let line = "{\"topic\":\"later\",\"at_ms\":1,\"title\":\"t\",\"text\":\"x\",\"more\":2}\n";
        std::fs::write(&path, line).unwrap();
        assert_eq!(read(&path, 1).0[0].topic, Topic::Other);
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(read(&path, 2).1.is_some());
    }
}
