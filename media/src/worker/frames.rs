//! Role `Frames`: the frame at a time, exactly, and the one after it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::child::Failure;
use super::protocol::{FailCode, FromWorker, SLOTS, ToWorker, receive, send};
use super::stream::{End, Opened, app_sink, broken, open, pull};
use crate::MediaError;

/// How far before the wanted time to look when the frame there has ended early, as it does in
/// films whose frames say no length.
const LOOK_BACK_MS: [u64; 4] = [0, 250, 2_000, 20_000];

struct Film {
    opened: Opened,
    sink: gst_app::AppSink,
    duration_ms: u64,
    /// The frame after the one shown, when it was pulled already.
    waiting: Option<gst::Sample>,
}

pub(super) fn frames(
    socket: &UnixStream,
    input: &File,
    shared: &File,
    max_size: [u32; 2],
) -> Result<(), Failure> {
    let lost = |error: MediaError| (FailCode::Protocol, error.to_string());
    let sink = app_sink();
    let opened = open(input, &End::Pictures(sink.clone(), max_size))?;
    let waiting = pull(&opened, &sink)?;
    let duration_ms =
        opened.pipeline.query_duration::<gst::ClockTime>().map_or(0, |d| d.mseconds());
    let info = FromWorker::Info { size: opened.size, duration_ms, has_sound: opened.has_sound };
    send(socket, &info).map_err(lost)?;
    let mut film = Film { opened, sink, duration_ms, waiting };
    let slot_bytes = u64::from(max_size[0]) * u64::from(max_size[1]) * 4;
    let mut slot = 0;
    loop {
        let sample = match receive(socket) {
            Ok(ToWorker::Seek { ms }) => film.seek(ms)?,
            Ok(ToWorker::Next) => film.next()?,
            // The parent has gone, or has had enough.
            _ => return Ok(()),
        };
        let answer = match sample {
            None => FromWorker::End,
            Some(sample) => {
                let ms = write(&sample, film.opened.size, shared, slot * slot_bytes)?;
                let size = film.opened.size;
                FromWorker::Frame { slot, size, source: size, ms }
            }
        };
        send(socket, &answer).map_err(lost)?;
        slot = (slot + 1) % SLOTS;
    }
}

impl Film {
    fn next(&mut self) -> Result<Option<gst::Sample>, Failure> {
        match self.waiting.take() {
            Some(sample) => Ok(Some(sample)),
            None => pull(&self.opened, &self.sink),
        }
    }

    /// The last frame that starts at this time or before it. Lengths in files are rounded or
    /// missing, so only the start of the next frame says where this one ends.
    fn seek(&mut self, ms: u64) -> Result<Option<gst::Sample>, Failure> {
        let wanted = gst::ClockTime::from_mseconds(ms);
        // Behind the end, the demuxer would show nothing at all.
        let from_ms = match self.duration_ms {
            0 => ms,
            end_ms => ms.min(end_ms.saturating_sub(34)),
        };
        for back_ms in LOOK_BACK_MS {
            let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
            let from = gst::ClockTime::from_mseconds(from_ms.saturating_sub(back_ms));
            if self.opened.pipeline.seek_simple(flags, from).is_err() {
                return self.walk(wanted);
            }
            self.waiting = None;
            let Some(shown) = pull(&self.opened, &self.sink)? else { continue };
            if start(&shown) <= wanted || from_ms <= back_ms {
                return self.advance(shown, wanted).map(Some);
            }
        }
        Ok(None)
    }

    /// A film in which there is no seeking is only seen from front to back.
    fn walk(&mut self, wanted: gst::ClockTime) -> Result<Option<gst::Sample>, Failure> {
        match self.next()? {
            Some(shown) if start(&shown) <= wanted => self.advance(shown, wanted).map(Some),
            Some(_) => Err(broken("there is no way back in this film")),
            None => Ok(None),
        }
    }

    /// Goes on from a frame to the last one that starts at the wanted time or before it.
    fn advance(
        &mut self,
        mut shown: gst::Sample,
        wanted: gst::ClockTime,
    ) -> Result<gst::Sample, Failure> {
        loop {
            match self.next()? {
                Some(next) if start(&next) <= wanted => shown = next,
                next => {
                    self.waiting = next;
                    return Ok(shown);
                }
            }
        }
    }
}

/// When a frame is shown. A file may shift its pictures, as all do whose frames are stored in
/// another order than they are shown in: the stamp on the frame is not yet the time in the film.
fn start(sample: &gst::Sample) -> gst::ClockTime {
    let stamp = sample.buffer().and_then(gst::BufferRef::pts);
    let segment = sample.segment().and_then(|s| s.downcast_ref::<gst::ClockTime>());
    match (stamp, segment) {
        (Some(stamp), Some(segment)) => segment.to_stream_time(stamp).unwrap_or(stamp),
        (stamp, _) => stamp.unwrap_or(gst::ClockTime::ZERO),
    }
}

/// Puts a frame into its slot, rows packed. Gives its time, rounded so that seeking there gives
/// the same frame.
fn write(sample: &gst::Sample, size: [u32; 2], shared: &File, offset: u64) -> Result<u64, Failure> {
    let buffer = sample.buffer().ok_or_else(|| broken("an empty frame"))?;
    let map = buffer.map_readable().map_err(broken)?;
    let [w, h] = size.map(|v| v as usize);
    let row = map.len() / h;
    if row < w * 4 {
        return Err(broken("a short frame"));
    }
    if row == w * 4 {
        shared.write_all_at(&map[..row * h], offset).map_err(broken)?;
    } else {
        let packed: Vec<u8> =
            map.chunks_exact(row).take(h).flat_map(|line| &line[..w * 4]).copied().collect();
        shared.write_all_at(&packed, offset).map_err(broken)?;
    }
    Ok(start(sample).nseconds().div_ceil(1_000_000))
}
