//! Films and sounds of others, opened with GStreamer, for the roles `Sound`, `Frames` and `Proxy`.
//! Nothing is plugged by itself: the container is known from the first bytes, and a fixed table
//! leads from a stream's type to its parser and decoder.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::child::Failure;
use super::protocol::FailCode;
use super::reader::source;
use crate::sniff::{Sniffed, sniff};

/// Longest wait for a frame, in tenths of a second.
const PATIENCE_SLICES: u32 = 80;

pub(super) fn broken(what: impl std::fmt::Display) -> Failure {
    (FailCode::Damaged, what.to_string())
}

pub(super) fn element(name: &str) -> Result<gst::Element, Failure> {
    gst::ElementFactory::make(name).build().or(Err((
        FailCode::Unsupported,
        format!(
            "the GStreamer element “{name}” is missing; install the good, bad and libav plugin sets"
        ),
    )))
}

fn first_of(names: &[&str]) -> Result<gst::Element, Failure> {
    let mut last = element(names[0]);
    for name in &names[1..] {
        if last.is_ok() {
            break;
        }
        last = element(name);
    }
    last
}

/// Parser and decoder of a stream.
fn decoders(caps: &gst::StructureRef) -> Result<Vec<gst::Element>, Failure> {
    Ok(match caps.name().as_str() {
        "video/x-h264" => vec![element("h264parse")?, first_of(&["avdec_h264", "openh264dec"])?],
        "video/x-vp8" => vec![element("vp8dec")?],
        "video/x-vp9" => vec![element("vp9dec")?],
        "video/x-av1" => vec![element("av1parse")?, element("av1dec")?],
        "audio/mpeg" if caps.get::<i32>("mpegversion").is_ok_and(|v| v >= 2) => {
            vec![element("aacparse")?, element("avdec_aac")?]
        }
        "audio/mpeg" => vec![element("mpegaudioparse")?, element("avdec_mp3")?],
        "audio/x-opus" => vec![element("opusparse")?, element("opusdec")?],
        "audio/x-vorbis" => vec![element("vorbisdec")?],
        "audio/x-flac" => vec![element("flacparse")?, element("flacdec")?],
        other => {
            let codec = other.trim_start_matches("video/x-").trim_start_matches("audio/x-");
            return Err((
                FailCode::Unsupported,
                format!(
                    "This film uses {codec}, which oTo does not open. Convert it to MP4 (H.264) or WebM."
                ),
            ));
        }
    })
}

/// What a stream leads to.
#[derive(Clone)]
pub(super) enum End {
    /// Samples at 48 kHz, stereo, 16 bits.
    Sound(gst_app::AppSink),
    /// RGBA pictures of at most this size.
    Pictures(gst_app::AppSink, [u32; 2]),
    /// What these make of I420 pictures that fit in this size, lying or standing.
    Encoder(Vec<gst::Element>, [u32; 2]),
}

impl End {
    fn wanted(&self) -> &'static str {
        match self {
            Self::Sound(_) => "audio",
            Self::Pictures(..) | Self::Encoder(..) => "video",
        }
    }

    /// What lies behind the decoder of a film of this size and of so many frames a second, zero
    /// if unknown.
    fn chain(&self, size: [u32; 2], fps: i32) -> Result<Vec<gst::Element>, Failure> {
        let (mut chain, rest) = match self {
            Self::Sound(sink) => (sound_end()?, vec![sink.clone().upcast()]),
            Self::Pictures(sink, _) => (picture_end(size, "RGBA")?, vec![sink.clone().upcast()]),
            Self::Encoder(rest, _) => (picture_end(size, "I420")?, rest.clone()),
        };
        // Only where it is needed: times rounded to a millisecond look too fast to it, and a
        // frame would be missing.
        if fps > 30 && matches!(self, Self::Encoder(..)) {
            let rate = element("videorate")?;
            rate.set_property_from_str("drop-only", "true");
            rate.set_property_from_str("max-rate", "30");
            chain.push(rate);
        }
        chain.extend(rest);
        Ok(chain)
    }

    /// The size a film of this size is shown at: even, and never enlarged.
    fn fit(&self, w: i32, h: i32) -> [u32; 2] {
        let max = match self {
            Self::Sound(_) => return [0, 0],
            Self::Encoder(_, max) if h > w => [max[1], max[0]],
            Self::Pictures(_, max) | Self::Encoder(_, max) => *max,
        };
        let scale =
            (f64::from(max[0]) / f64::from(w)).min(f64::from(max[1]) / f64::from(h)).min(1.0);
        [w, h].map(|v| (((f64::from(v) * scale) as u32) & !1).max(2))
    }
}

/// An end that hands its buffers over, at most two of them waiting.
pub(super) fn app_sink() -> gst_app::AppSink {
    gst_app::AppSink::builder().sync(false).max_buffers(2).build()
}

pub(super) struct Opened {
    pub(super) pipeline: gst::Pipeline,
    /// Size of the picture as shown.
    pub(super) size: [u32; 2],
    pub(super) has_sound: bool,
}

impl Drop for Opened {
    fn drop(&mut self) {
        // The process goes anyway if an element refuses.
        self.pipeline.set_state(gst::State::Null).ok();
    }
}

enum Seen {
    Wanted([u32; 2]),
    Sound,
    /// There are no further streams.
    All,
    Failed(Failure),
}

/// Opens the kind of stream that `end` takes, and runs it.
pub(super) fn open(input: &File, end: &End) -> Result<Opened, Failure> {
    let mut head = [0; 64];
    let n = input.read_at(&mut head, 0).map_err(broken)?;
    let kind = sniff(&head[..n]);
    let mut opened = Opened { pipeline: gst::Pipeline::new(), size: [0, 0], has_sound: true };
    let pipeline = &opened.pipeline;
    let source = source(input)?;
    let demux = match kind {
        Some(Sniffed::Mp4) => element("qtdemux")?,
        Some(Sniffed::WebM) => element("matroskademux")?,
        Some(Sniffed::Ogg) => element("oggdemux")?,
        Some(Sniffed::Mp3 | Sniffed::Flac) if matches!(end, End::Sound(_)) => {
            open_plain(pipeline, source, end, kind == Some(Sniffed::Mp3))?;
            return Ok(opened);
        }
        _ => return Err((FailCode::NotThisKind, "not a film or sound oTo opens".to_owned())),
    };
    pipeline.add_many([&source, &demux]).map_err(broken)?;
    source.link(&demux).map_err(broken)?;
    let (tell, seen) = sync_channel(8);
    let all = tell.clone();
    let (inside, taker, taken) = (pipeline.downgrade(), end.clone(), AtomicBool::new(false));
    demux.connect_pad_added(move |_, pad| {
        let Some(pipeline) = inside.upgrade() else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let Some(stream) = caps.structure(0) else { return };
        let fits = stream.name().starts_with(taker.wanted());
        let message = if fits && !taken.swap(true, Ordering::Relaxed) {
            match connect(&pipeline, pad, stream, &taker) {
                Ok(size) => Seen::Wanted(size),
                Err(failure) => Seen::Failed(failure),
            }
        } else if stream.name().starts_with("audio") {
            Seen::Sound
        } else {
            return;
        };
        // Nobody listens any more once the pipeline runs.
        tell.try_send(message).ok();
    });
    demux.connect_no_more_pads(move |_| {
        all.try_send(Seen::All).ok();
    });
    start(pipeline)?;
    (opened.size, opened.has_sound) = wait_for_stream(pipeline, &seen, end.wanted())?;
    Ok(opened)
}

fn open_plain(
    pipeline: &gst::Pipeline,
    source: gst::Element,
    end: &End,
    mp3: bool,
) -> Result<(), Failure> {
    let names = if mp3 { ["mpegaudioparse", "avdec_mp3"] } else { ["flacparse", "flacdec"] };
    let mut chain = vec![source, element(names[0])?, element(names[1])?];
    chain.extend(end.chain([0, 0], 0)?);
    pipeline.add_many(&chain).map_err(broken)?;
    gst::Element::link_many(&chain).map_err(broken)?;
    start(pipeline)
}

fn sound_end() -> Result<Vec<gst::Element>, Failure> {
    let caps = gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("rate", 48_000i32)
        .field("channels", 2i32)
        .field("layout", "interleaved")
        .build();
    let filter = element("capsfilter")?;
    filter.set_property("caps", &caps);
    Ok(vec![element("audioconvert")?, element("audioresample")?, filter])
}

fn picture_end(size: [u32; 2], format: &str) -> Result<Vec<gst::Element>, Failure> {
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", format)
        .field("width", size[0] as i32)
        .field("height", size[1] as i32)
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .build();
    let filter = element("capsfilter")?;
    filter.set_property("caps", &caps);
    Ok(vec![element("videoscale")?, element("videoconvert")?, filter])
}

/// Builds the rest of the pipeline behind a demuxer's pad. Gives the size shown.
fn connect(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    stream: &gst::StructureRef,
    end: &End,
) -> Result<[u32; 2], Failure> {
    let mut chain = vec![element("queue")?];
    chain.extend(decoders(stream)?);
    let mut size = [0, 0];
    if !matches!(end, End::Sound(_)) {
        let edge = |name: &str| stream.get::<i32>(name).ok().filter(|v| (1..=3840).contains(v));
        let (Some(w), Some(h)) = (edge("width"), edge("height")) else {
            return Err((FailCode::TooLarge, "oTo opens films of up to 3840×2160".to_owned()));
        };
        size = end.fit(w, h);
    }
    let rate = stream.get::<gst::Fraction>("framerate");
    chain.extend(end.chain(size, rate.map_or(0, |r| r.numer() / r.denom().max(1)))?);
    pipeline.add_many(&chain).map_err(broken)?;
    gst::Element::link_many(&chain).map_err(broken)?;
    let first = chain[0].static_pad("sink").ok_or_else(|| broken("no pad"))?;
    pad.link(&first).map_err(broken)?;
    for item in &chain {
        item.sync_state_with_parent().map_err(broken)?;
    }
    Ok(size)
}

fn start(pipeline: &gst::Pipeline) -> Result<(), Failure> {
    pipeline.set_state(gst::State::Playing).map_err(broken)?;
    Ok(())
}

fn bus_error(pipeline: &gst::Pipeline) -> Option<Failure> {
    let message = pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(e) => Some(broken(e.error())),
        _ => None,
    }
}

fn wait_for_stream(
    pipeline: &gst::Pipeline,
    seen: &Receiver<Seen>,
    wanted: &str,
) -> Result<([u32; 2], bool), Failure> {
    let mut found = None;
    let mut has_sound = wanted == "audio";
    for _ in 0..80 {
        match seen.recv_timeout(Duration::from_millis(if found.is_some() { 20 } else { 100 })) {
            Ok(Seen::Wanted(size)) => found = Some(size),
            Ok(Seen::Sound) => has_sound = true,
            Ok(Seen::Failed(failure)) => return Err(failure),
            Ok(Seen::All) => {
                let size = found.ok_or_else(|| broken(format!("there is no {wanted} in it")))?;
                return Ok((size, has_sound));
            }
            // Not every demuxer says that it has seen all.
            Err(_) => {
                if let Some(size) = found {
                    return Ok((size, has_sound));
                }
                if let Some(failure) = bus_error(pipeline) {
                    return Err(failure);
                }
            }
        }
    }
    Err((FailCode::TooSlow, format!("no {wanted} was found")))
}

/// The next sample. `None` at the end of the stream. Pulled in short slices, because a broken
/// stream says so on the bus only.
pub(super) fn pull(
    opened: &Opened,
    sink: &gst_app::AppSink,
) -> Result<Option<gst::Sample>, Failure> {
    for _ in 0..PATIENCE_SLICES {
        if let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_mseconds(100)) {
            return Ok(Some(sample));
        }
        if sink.is_eos() {
            return Ok(None);
        }
        if let Some(failure) = bus_error(&opened.pipeline) {
            return Err(failure);
        }
    }
    Err((FailCode::TooSlow, "no frame in time".to_owned()))
}
