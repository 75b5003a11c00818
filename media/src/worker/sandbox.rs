//! The lock a worker puts on itself before it reads the first byte of foreign media: limits,
//! no files (Landlock), few system calls (seccomp). What was opened before stays usable.
//! On other systems than Linux there is no lock: the worker is a process of its own, no more.

#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod seccomp;

use std::os::unix::net::UnixStream;
use std::path::Path;

use super::protocol::{LockReport, Role};

/// What a role may use up after the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// Address space on top of what is mapped when the lock closes.
    memory_bytes: u64,
    /// Processor time; `None` for roles that live as long as somebody looks at them.
    cpu_secs: Option<u64>,
    /// Largest file it may write. Shared memory counts as a file.
    file_bytes: u64,
}

impl Budget {
    /// The limits of a role. `shared_bytes` is the size of its shared memory.
    pub(super) fn of(role: &Role, shared_bytes: u64) -> Self {
        const GIB: u64 = 1 << 30;
        let (memory_bytes, cpu_secs, file_bytes) = match role {
            Role::Picture { .. } => (GIB, Some(10), shared_bytes),
            Role::View => (GIB, None, shared_bytes),
            // A quarter of an hour at most, at one second a minute, and 15 seconds on top.
            Role::Sound => (GIB, Some(30), shared_bytes),
            Role::Frames { .. } => (GIB, None, shared_bytes),
            // How long the film is shows later; the caller watches the clock.
            Role::Proxy => (GIB, None, GIB),
            Role::Encode(_) => (2 * GIB, None, 8 * GIB),
            Role::Speak { .. } => (GIB / 2, Some(10), shared_bytes),
            Role::SelfTest => (GIB / 2, Some(10), 64 << 10),
        };
        Self { memory_bytes, cpu_secs, file_bytes }
    }
}

/// The first thing a worker does: it closes what it inherited by accident, gives up gaining
/// rights, and ties its life to its parent's. False when the parent has gone already.
#[cfg(target_os = "linux")]
pub(super) fn begin(socket: &UnixStream) -> bool {
    limits::begin(socket)
}

/// Closes the lock. `readable` is a folder whose files may still be read.
#[cfg(target_os = "linux")]
pub(super) fn lock(budget: Budget, readable: Option<&Path>) -> LockReport {
    // Landlock binds the calling thread and what it starts: a second thread would stay free.
    let alone = limits::threads() == Some(1);
    LockReport {
        limits: limits::apply(budget),
        landlock: alone && files::apply(readable),
        seccomp: seccomp::apply(readable.is_some()),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn begin(_: &UnixStream) -> bool {
    true
}

#[cfg(not(target_os = "linux"))]
pub(super) fn lock(_: Budget, _: Option<&Path>) -> LockReport {
    LockReport { limits: false, landlock: false, seccomp: false }
}
