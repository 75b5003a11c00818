//! What keeps the worker apart on this machine, found by trying, not by asking.

use std::fmt;

use super::protocol::{FromWorker, LockReport, Role};
use super::session::{Patience, Session};
use super::spawn::Program;
use crate::MediaError;

/// How well the worker is locked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Limits, no files, few system calls.
    Full,
    /// Few system calls, but one of the other two is missing.
    Partial,
    /// A process of its own, no more.
    ProcessOnly,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::ProcessOnly => "process only",
        })
    }
}

/// What a worker found when it tried to break out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IsolationReport {
    /// The lock as a whole.
    pub isolation: Isolation,
    /// Attempts that should have failed and did not, as in "reading a file".
    pub worked: Vec<String>,
    /// Parts of the lock this system does not offer.
    pub missing: Vec<&'static str>,
}

impl IsolationReport {
    /// A sentence for the user.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut sentence = format!("media files are opened in a process apart; its lock is {}", {
            self.isolation
        });
        if !self.missing.is_empty() {
            sentence.push_str(&format!("; missing here: {}", self.missing.join(", ")));
        }
        if !self.worked.is_empty() {
            sentence.push_str(&format!("; not prevented: {}", self.worked.join(", ")));
        }
        sentence
    }

    pub(super) fn of(program: &Program) -> Result<Self, MediaError> {
        let mut session = Session::start(program, Role::SelfTest, &[], Patience::whole(15))?;
        let FromWorker::Tested { lock, mut worked } = session.next()? else {
            return Err(MediaError::Protocol);
        };
        // It ends with an attempt to become another program: no last word means that it did.
        if session.next().ok() != Some(FromWorker::Done) {
            worked.push("starting a program".to_owned());
        }
        Ok(Self::judge(lock, worked))
    }

    fn judge(lock: LockReport, worked: Vec<String>) -> Self {
        let parts = [
            (lock.seccomp, "seccomp"),
            (lock.landlock, "Landlock"),
            (lock.limits, "resource limits"),
        ];
        let missing: Vec<_> = parts.iter().filter(|p| !p.0).map(|p| p.1).collect();
        let isolation = match (lock.seccomp, missing.is_empty() && worked.is_empty()) {
            (true, true) => Isolation::Full,
            (true, false) => Isolation::Partial,
            (false, _) => Isolation::ProcessOnly,
        };
        Self { isolation, worked, missing }
    }
}
