//! The caller's side of workers that stay: parts of a picture, frames of a film, an encoder.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::parent::MediaInfo;
use super::protocol::{FromWorker, PART_EDGE, SLOTS, ToWorker};
use super::session::Session;
use crate::MediaError;
use crate::picture::Picture;

/// Parts of a picture, one asked for at a time.
#[derive(Debug)]
pub struct PictureViewer {
    pub(super) session: Session,
    pub(super) shared: File,
    /// Width and height of the whole picture in pixels.
    pub size: [u32; 2],
}

impl PictureViewer {
    /// The part in this column and row of a picture that is divided into `2^level` of each: a
    /// square of 512 pixels, whatever the shape of the part.
    ///
    /// # Errors
    /// When there is no such part, or the worker fails or takes too long.
    pub fn part(&mut self, level: u8, at: [u16; 2]) -> Result<Picture, MediaError> {
        self.session.send(&ToWorker::Part { level, at })?;
        match self.session.next()? {
            FromWorker::Frame { slot, size, .. } => {
                frame_from(&self.shared, slot, size, [PART_EDGE; 2])
            }
            _ => Err(MediaError::Protocol),
        }
    }
}

/// Frames of a film, one asked for at a time.
#[derive(Debug)]
pub struct FramePlayer {
    pub(super) session: Session,
    pub(super) shared: File,
    pub(super) max_size: [u32; 2],
    /// What the film is.
    pub info: MediaInfo,
}

impl FramePlayer {
    /// The frame whose time span contains `ms`, exactly, and a time it stands for. Behind the end
    /// it is the last frame.
    ///
    /// # Errors
    /// When the worker fails or takes too long.
    pub fn seek(&mut self, ms: u64) -> Result<Option<(Picture, u64)>, MediaError> {
        self.session.send(&ToWorker::Seek { ms })?;
        self.take()
    }

    /// The next frame. `None` at the end.
    ///
    /// # Errors
    /// When the worker fails or takes too long.
    pub fn next_frame(&mut self) -> Result<Option<(Picture, u64)>, MediaError> {
        self.session.send(&ToWorker::Next)?;
        self.take()
    }

    fn take(&mut self) -> Result<Option<(Picture, u64)>, MediaError> {
        match self.session.next()? {
            FromWorker::Frame { slot, size, ms, .. } => {
                Ok(Some((frame_from(&self.shared, slot, size, self.max_size)?, ms)))
            }
            FromWorker::End => Ok(None),
            _ => Err(MediaError::Protocol),
        }
    }
}

/// A film being encoded.
#[derive(Debug)]
pub struct Encoder {
    pub(super) session: Session,
    pub(super) shared: File,
    pub(super) frame_bytes: u64,
    pub(super) free: Vec<u64>,
}

impl Encoder {
    /// Puts the whole sound track in place, before the first frame.
    ///
    /// # Errors
    /// When the shared file refuses.
    pub fn set_sound(&mut self, samples: &[[f32; 2]]) -> Result<(), MediaError> {
        let bytes: Vec<u8> = samples
            .iter()
            .flatten()
            .flat_map(|s| ((s.clamp(-1.0, 1.0) * 32_767.0) as i16).to_le_bytes())
            .collect();
        self.shared
            .write_all_at(&bytes, self.frame_bytes * SLOTS)
            .map_err(MediaError::io("writing sound"))
    }

    /// Hands the next frame (I420) over; waits while all slots are in use.
    ///
    /// # Errors
    /// When the worker fails or takes too long.
    pub fn push(&mut self, i420: &[u8]) -> Result<(), MediaError> {
        if i420.len() as u64 != self.frame_bytes {
            return Err(MediaError::Protocol);
        }
        let slot = loop {
            if let Some(slot) = self.free.pop() {
                break slot;
            }
            match self.session.next()? {
                FromWorker::Free { slot } if slot < SLOTS && !self.free.contains(&slot) => {
                    self.free.push(slot);
                }
                _ => return Err(MediaError::Protocol),
            }
        };
        self.shared
            .write_all_at(i420, slot * self.frame_bytes)
            .map_err(MediaError::io("writing a frame"))?;
        self.session.send(&ToWorker::Push { slot })
    }

    /// Ends the film and waits until the file is complete.
    ///
    /// # Errors
    /// When the worker fails or takes too long.
    pub fn finish(mut self) -> Result<(), MediaError> {
        self.session.send(&ToWorker::Finish)?;
        loop {
            match self.session.next()? {
                FromWorker::Done => return Ok(()),
                FromWorker::Free { .. } => {}
                _ => return Err(MediaError::Protocol),
            }
        }
    }
}

/// Copies a frame out of shared memory.
pub(super) fn frame_from(
    shared: &File,
    slot: u64,
    size: [u32; 2],
    max: [u32; 2],
) -> Result<Picture, MediaError> {
    if size[0] == 0 || size[1] == 0 || size[0] > max[0] || size[1] > max[1] || slot >= SLOTS {
        return Err(MediaError::Protocol);
    }
    let mut rgba = vec![0; size[0] as usize * size[1] as usize * 4];
    let offset = slot * u64::from(max[0]) * u64::from(max[1]) * 4;
    shared.read_exact_at(&mut rgba, offset).map_err(MediaError::io("reading a frame"))?;
    Ok(Picture { width: size[0], height: size[1], rgba })
}
