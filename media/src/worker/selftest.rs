//! Role `SelfTest`: a locked worker tries what it must not be able to do, and tells what worked.
#![cfg_attr(
    target_os = "linux",
    expect(
        unsafe_code,
        reason = "forking, tracing and signalling have no safe form; each is expected to be refused"
    )
)]

use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::child::Failure;
use super::protocol::{FailCode, FromWorker, LockReport, send};

/// Tries everything. The last attempt would replace this process, so the report goes first, and
/// an end without [`FromWorker::Done`] says that it worked.
pub(super) fn run(socket: &UnixStream, lock: LockReport) -> Result<FromWorker, Failure> {
    let mut worked: Vec<String> = Vec::new();
    let mut tried = |what: &str, done: bool| {
        if done {
            worked.push(what.to_owned());
        }
    };
    tried("reading a file", File::open("/etc/passwd").is_ok());
    tried("listing a folder", std::fs::read_dir("/").is_ok());
    let path = format!("/tmp/oto-self-test-{}", std::process::id());
    let written = File::create(&path).is_ok();
    if written {
        std::fs::remove_file(&path).ok();
    }
    tried("writing a file", written);
    tried("opening a TCP port", TcpListener::bind("127.0.0.1:0").is_ok());
    tried("opening a UDP port", UdpSocket::bind("127.0.0.1:0").is_ok());
    tried("making a local socket", UnixDatagram::unbound().is_ok());
    #[cfg(target_os = "linux")]
    {
        let mut much: Vec<u8> = Vec::new();
        tried("taking 8 GiB of memory", much.try_reserve_exact(8 << 30).is_ok());
        tried("forking", fork());
        // SAFETY: no pointer is read by this request.
        tried("tracing", unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) } == 0);
        // SAFETY: signal 0 only asks whether a signal could be sent.
        tried("signalling the parent", unsafe { libc::kill(libc::getppid(), 0) } == 0);
        // SAFETY: plain numbers.
        tried("changing limits", unsafe {
            let more = libc::rlimit { rlim_cur: 8, rlim_max: 8 };
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const more) == 0
        });
    }
    let lost = |error: crate::MediaError| (FailCode::Protocol, error.to_string());
    send(socket, &FromWorker::Tested { lock, worked }).map_err(lost)?;
    // Comes back only when it was refused.
    drop(Command::new("/bin/true").exec());
    Ok(FromWorker::Done)
}

#[cfg(target_os = "linux")]
fn fork() -> bool {
    // SAFETY: there is one thread, and the child leaves at once without running anything of ours.
    unsafe {
        match libc::fork() {
            0 => libc::_exit(0),
            child if child > 0 => {
                libc::waitpid(child, std::ptr::null_mut(), 0);
                true
            }
            _ => false,
        }
    }
}
