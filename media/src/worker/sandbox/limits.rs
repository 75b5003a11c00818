//! Limits of a worker that the system keeps, and the tie to its parent.
#![expect(
    unsafe_code,
    reason = "closing inherited files and ignoring one signal have no safe form; both happen \
              while there is one thread and nothing is open yet"
)]

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use rustix::net::{RecvFlags, recv};
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};

use super::Budget;

pub(super) fn begin(socket: &UnixStream) -> bool {
    // The caller's libraries may have left files open for us; ours is standard input alone, and
    // `socket` is the one copy of it that was made.
    let kept = socket.as_raw_fd() as libc::c_uint;
    // SAFETY: nothing in this process has opened a file yet besides those three and `socket`.
    unsafe {
        if kept > 3 {
            libc::syscall(libc::SYS_close_range, 3, kept - 1, 0);
        }
        libc::syscall(libc::SYS_close_range, kept.max(2) + 1, libc::c_uint::MAX, 0);
        // A file over its limit is an error to report, not the end.
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    rustix::thread::set_no_new_privs(true).ok();
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).ok();
    // The signal comes when the *thread* that started us ends: the caller starts all workers from
    // one thread that lives as long as it does. A decoder in an endless loop would never notice
    // the closed socket.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).ok();
    // Gone before the line above? Then the socket is closed, and no signal will come.
    let mut byte = [0u8; 1];
    !matches!(recv(socket, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT), Ok((_, 0)))
}

fn status_field(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How many threads this process has.
pub(super) fn threads() -> Option<u64> {
    status_field("Threads:")
}

/// True when every limit is in force.
pub(super) fn apply(budget: Budget) -> bool {
    let Some(mapped) = status_field("VmSize:") else { return false };
    // Libraries and reserved heaps are mapped already, how much depends on the program: the
    // budget counts from here. Too little would not fail but hang: a decoder waits for a thread
    // that could not be started.
    let memory = mapped * 1024 + budget.memory_bytes;
    let set = |resource, most| {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        rustix::process::setrlimit(resource, limit).is_ok()
    };
    let processor = budget.cpu_secs.is_none_or(|secs| {
        // Two seconds for what a worker does before the lock. The first limit ends it with a
        // signal that tells why, the second with one it cannot catch.
        let limit = Rlimit { current: Some(secs + 2), maximum: Some(secs + 3) };
        rustix::process::setrlimit(Resource::Cpu, limit).is_ok()
    });
    [
        processor,
        set(Resource::As, memory),
        set(Resource::Nofile, 32),
        set(Resource::Core, 0),
        set(Resource::Fsize, budget.file_bytes),
    ]
    .into_iter()
    .all(|done| done)
}
