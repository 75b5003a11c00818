//! Files over the control socket, and files both sides see. The bytes of a shared file are copied
//! in and out by position, so that nothing the other side does can move them under our hands.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::MediaError;

const MOST_FILES: usize = 3;

/// Sends files with a single byte that says how many there are.
pub(super) fn send_files(socket: &UnixStream, files: &[BorrowedFd<'_>]) -> Result<(), MediaError> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(MediaError::Protocol);
    }
    let count = [files.len() as u8];
    sendmsg(socket, &[IoSlice::new(&count)], &mut ancillary, SendFlags::empty()).map_err(|e| {
        MediaError::Io { what: "handing files to the media worker", source: e.into() }
    })?;
    Ok(())
}

/// Receives what [`send_files`] sent.
pub(super) fn receive_files(socket: &UnixStream) -> Result<Vec<OwnedFd>, MediaError> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut count = [0u8];
    let received = recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut count)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )
    .map_err(|e| MediaError::Io { what: "receiving files", source: e.into() })?;
    let mut files = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            files.extend(more);
        }
    }
    if received.bytes != 1 || files.len() != usize::from(count[0]) {
        return Err(MediaError::Protocol);
    }
    Ok(files)
}

/// A nameless file in memory, zero-filled to `size_bytes`.
pub(super) fn shared_file(size_bytes: u64) -> Result<File, MediaError> {
    let file: File = anonymous_file()?.into();
    file.set_len(size_bytes).map_err(MediaError::io("making shared memory"))?;
    seal(&file)?;
    Ok(file)
}

#[cfg(target_os = "linux")]
fn anonymous_file() -> Result<OwnedFd, MediaError> {
    use rustix::fs::{MemfdFlags, memfd_create};
    memfd_create("oto-media", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .map_err(|e| MediaError::Io { what: "making shared memory", source: e.into() })
}

/// Its size is fixed: the worker can neither fill the memory with it nor take bytes away while
/// we read.
#[cfg(target_os = "linux")]
fn seal(file: &File) -> Result<(), MediaError> {
    use rustix::fs::{SealFlags, fcntl_add_seals};
    fcntl_add_seals(file, SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)
        .map_err(|e| MediaError::Io { what: "making shared memory", source: e.into() })
}

#[cfg(not(target_os = "linux"))]
fn seal(_: &File) -> Result<(), MediaError> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn anonymous_file() -> Result<OwnedFd, MediaError> {
    let path = std::env::temp_dir().join(format!("oto-media-{}-{:p}", std::process::id(), &()));
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(MediaError::io("making shared memory"))?;
    std::fs::remove_file(&path).map_err(MediaError::io("making shared memory"))?;
    Ok(file.into())
}

/// Borrowed, for [`send_files`].
pub(super) fn borrowed(files: &[File]) -> Vec<BorrowedFd<'_>> {
    files.iter().map(AsFd::as_fd).collect()
}
