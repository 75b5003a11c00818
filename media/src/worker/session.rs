//! Talking to a worker: every wait has an end, and an end of the worker has a sentence.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, setpriority_process};

use super::fds::{borrowed, send_files};
use super::protocol::{FailCode, FromWorker, LockReport, Role, ToWorker, receive, send};
use super::spawn::{Kind, Program, Started, start};
use crate::MediaError;

/// A file that ended this many workers is not opened again by itself.
const MOST_DEATHS: u8 = 2;
/// More files than a bad day has; beyond it the oldest entries do not matter.
const MOST_ENTRIES: usize = 1_000;
/// Opens files of others even where no lock can be put on the worker.
const UNSAFE_VARIABLE: &str = "OTO_UNSAFE_MEDIA";

/// How long a caller waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For each answer.
    silence: Duration,
    /// For all of them.
    whole: Option<Duration>,
}

impl Patience {
    /// For each answer, however many there are.
    pub(super) fn each(secs: u64) -> Self {
        Self { silence: Duration::from_secs(secs), whole: None }
    }

    /// For the whole task.
    pub(super) fn whole(secs: u64) -> Self {
        let silence = Duration::from_secs(secs);
        Self { silence, whole: Some(silence) }
    }
}

/// A file, however it is called: device, number, size, time of change.
type Identity = (u64, u64, u64, i64, i64);

static DEATHS: Mutex<BTreeMap<Identity, u8>> = Mutex::new(BTreeMap::new());

fn deaths() -> MutexGuard<'static, BTreeMap<Identity, u8>> {
    DEATHS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn identity(file: &File) -> Option<Identity> {
    let m = file.metadata().ok()?;
    Some((m.dev(), m.ino(), m.len(), m.mtime(), m.mtime_nsec()))
}

/// The user asked for this file once more.
pub(super) fn forget_deaths(path: &Path) {
    if let Some(identity) = File::open(path).ok().and_then(|file| identity(&file)) {
        deaths().remove(&identity);
    }
}

/// A worker under way; ended when dropped.
pub(super) struct Session {
    worker: Started,
    silence: Duration,
    end: Option<Instant>,
    /// The file of others it works on.
    file: Option<Identity>,
    /// What of its lock is in force.
    pub(super) lock: LockReport,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "media worker {}", self.worker.child.id())
    }
}

impl Session {
    /// Starts a worker on a role and waits until its lock is closed.
    pub(super) fn start(
        program: &Program,
        role: Role,
        files: &[File],
        patience: Patience,
    ) -> Result<Self, MediaError> {
        let file = files.first().filter(|_| role.is_foreign()).and_then(identity);
        if file.is_some_and(|f| deaths().get(&f).is_some_and(|n| *n >= MOST_DEATHS)) {
            return Err(MediaError::Damaged(
                "opening it failed twice in a row, so it is not tried again by itself".to_owned(),
            ));
        }
        let worker = start(program, if role.is_film() { Kind::Films } else { Kind::Plain })?;
        if matches!(role, Role::Picture { .. } | Role::View | Role::Proxy) {
            // Hundreds may be wanted while the board is moved: drawing comes first. A system that
            // does not allow it draws less smoothly, no more.
            setpriority_process(Some(Pid::from_child(&worker.child)), 10).ok();
        }
        let end = patience.whole.map(|whole| Instant::now() + whole);
        let lock = LockReport { limits: false, landlock: false, seccomp: false };
        let mut session = Self { worker, silence: patience.silence, end, file, lock };
        session
            .worker
            .socket
            .set_write_timeout(Some(session.silence))
            .map_err(MediaError::io("starting the media worker"))?;
        if session.next()? != FromWorker::Ready {
            return Err(MediaError::Protocol);
        }
        send_files(&session.worker.socket, &borrowed(files))?;
        let unlocked = std::env::var_os(UNSAFE_VARIABLE).is_some_and(|v| v == "1");
        session.send(&ToWorker::Start { role, unlocked })?;
        match session.next()? {
            FromWorker::Locked(lock) => session.lock = lock,
            _ => return Err(MediaError::Protocol),
        }
        Ok(session)
    }

    /// The task must be over by then, however often the worker answers.
    pub(super) fn end_by(&mut self, end: Option<Instant>) {
        self.end = end;
    }

    pub(super) fn send(&self, message: &ToWorker) -> Result<(), MediaError> {
        send(&self.worker.socket, message)
    }

    pub(super) fn next(&mut self) -> Result<FromWorker, MediaError> {
        let silent = Instant::now() + self.silence;
        let end = self.end.map_or(silent, |end| end.min(silent));
        let message = receive(Until { socket: &self.worker.socket, end });
        match message {
            Ok(FromWorker::Failed { code, detail }) => Err(match code {
                FailCode::NotThisKind => MediaError::NotThisKind("media"),
                FailCode::Unsupported => MediaError::Unsupported(detail),
                FailCode::TooLarge => MediaError::TooLarge(detail),
                FailCode::Damaged => MediaError::Damaged(detail),
                FailCode::TooSlow => MediaError::TooSlow,
                FailCode::Protocol => MediaError::Protocol,
            }),
            Ok(message) => Ok(message),
            Err(error) => Err(self.died(error)),
        }
    }

    /// Counts a worker that ended over a file, and finds out why it did.
    fn died(&mut self, error: MediaError) -> MediaError {
        if let Some(file) = self.file {
            let mut deaths = deaths();
            if deaths.len() >= MOST_ENTRIES {
                deaths.clear();
            }
            *deaths.entry(file).or_default() += 1;
        }
        if !matches!(error, MediaError::Killed) {
            return error;
        }
        // The socket is closed, so the process is at its end; what is left of it is ended here.
        self.worker.child.kill().ok();
        let signal = self.worker.child.wait().ok().and_then(|status| status.signal());
        if signal == Some(Signal::XCPU.as_raw()) {
            return MediaError::TooSlow;
        }
        let words = ["memory allocation of", "failed to allocate", "Cannot allocate memory"];
        let complaint = self.complaint();
        if words.iter().any(|word| complaint.contains(word)) {
            return MediaError::TooLarge("it needs more memory than oTo gives one file".to_owned());
        }
        error
    }

    /// The first things the worker wrote to its standard error.
    fn complaint(&self) -> String {
        let mut bytes = vec![0; 4_096];
        let n = self.worker.complaint.as_ref().and_then(|f| f.read_at(&mut bytes, 0).ok());
        let text = String::from_utf8_lossy(&bytes[..n.unwrap_or(0)]).into_owned();
        text.trim_end_matches('\0').to_owned()
    }
}

/// The socket until a moment: a worker that sends single bytes slowly does not get more time.
struct Until<'a> {
    socket: &'a UnixStream,
    end: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        self.socket.read(buffer)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn wait_for(program: &str, patience: Patience) -> (Duration, MediaError) {
        let program = Program { path: program.into(), argument: None };
        let begun = Instant::now();
        match Session::start(&program, Role::SelfTest, &[], patience) {
            Err(failed) => (begun.elapsed(), failed),
            Ok(session) => panic!("{session:?} is no worker"),
        }
    }

    #[test]
    fn a_worker_that_says_nothing_is_not_waited_for() {
        // Reads until the socket closes, and never answers.
        let (took, failed) = wait_for("/bin/cat", Patience::each(1));
        assert!(matches!(failed, MediaError::TooSlow), "{failed}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        let (_, failed) = wait_for("/bin/true", Patience::each(5));
        assert!(matches!(failed, MediaError::Killed), "{failed}");
    }

    #[test]
    fn single_bytes_do_not_buy_time() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let drip = std::thread::Builder::new().spawn(move || {
            while io::Write::write_all(&mut &theirs, &[0]).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let begun = Instant::now();
        let mut until = Until { socket: &ours, end: begun + Duration::from_millis(200) };
        let mut all = Vec::new();
        assert!(until.read_to_end(&mut all).is_err());
        assert!(begun.elapsed() < Duration::from_secs(2));
        drop(ours);
        drip.unwrap().join().unwrap();
    }
}
