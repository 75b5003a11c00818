//! Role `Proxy`: a small copy of a film with a key frame every half second, in which seeking is
//! fast. VP9, because it is there everywhere and open; no sound, because it is only looked at.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::child::Failure;
use super::protocol::{FailCode, FromWorker, send};
use super::stream::{End, broken, element, open};
use crate::MediaError;

/// Largest size, lying; a standing film is turned.
const SIZE: [u32; 2] = [640, 360];
const ENCODER: &[(&str, &str)] = &[
    ("deadline", "1"),
    ("cpu-used", "8"),
    ("row-mt", "true"),
    ("threads", "2"),
    ("keyframe-max-dist", "15"),
    ("target-bitrate", "1200000"),
];
/// How often progress is told, and after how many times without any the film is given up.
const STEP_MS: u64 = 200;
const PATIENCE_STEPS: u32 = 40;
/// No frame has come yet.
const NOTHING: u64 = u64::MAX;

pub(super) fn make(
    socket: &UnixStream,
    input: &File,
    output: &File,
) -> Result<FromWorker, Failure> {
    let encoder = element("vp9enc")?;
    for (name, value) in ENCODER {
        encoder.set_property_from_str(name, value);
    }
    let sink = element("fdsink")?;
    sink.set_property("fd", output.as_raw_fd());
    sink.set_property_from_str("sync", "false");
    let done_ms = Arc::new(AtomicU64::new(NOTHING));
    let told = done_ms.clone();
    let pad = encoder.static_pad("sink").ok_or_else(|| broken("no pad"))?;
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(pts) = info.buffer().and_then(|b| b.pts()) {
            told.store(pts.mseconds(), Ordering::Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
    let opened = open(input, &End::Encoder(vec![encoder, element("webmmux")?, sink], SIZE))?;
    let bus = opened.pipeline.bus().ok_or_else(|| broken("the pipeline has no bus"))?;
    let (mut last_ms, mut quiet_steps) = (NOTHING, 0);
    let step = gst::ClockTime::from_mseconds(STEP_MS);
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    loop {
        let message = bus.timed_pop_filtered(step, &ends);
        let now_ms = done_ms.load(Ordering::Relaxed);
        match message.as_ref().map(|m| m.view()) {
            Some(gst::MessageView::Error(error)) => return Err(broken(error.error())),
            Some(_) if now_ms == NOTHING => return Err(broken("the film has no pictures")),
            Some(_) => return Ok(FromWorker::Done),
            None => {}
        }
        quiet_steps = if now_ms == last_ms { quiet_steps + 1 } else { 0 };
        if quiet_steps > PATIENCE_STEPS {
            return Err((FailCode::TooSlow, "the film stands still".to_owned()));
        }
        last_ms = now_ms;
        let total = opened.pipeline.query_duration::<gst::ClockTime>();
        let done_ms = if now_ms == NOTHING { 0 } else { now_ms };
        let total_ms = total.map_or(0, |d| d.mseconds());
        send(socket, &FromWorker::Progress { done_ms, total_ms })
            .map_err(|error: MediaError| (FailCode::Protocol, error.to_string()))?;
    }
}
