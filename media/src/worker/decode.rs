//! Roles `Sound` and `Frames`: films and sounds through GStreamer. Nothing is plugged by itself:
//! the container is known from the first bytes, and a fixed table leads from a stream's type to
//! its parser and decoder.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::child::Failure;
use super::protocol::{FailCode, FromWorker, SLOTS, ToWorker, receive, send};
use crate::MediaError;
use crate::sniff::{Sniffed, sniff};
use crate::wav::Pcm;

/// Every element these roles may use, besides those of the encoder.
pub const ELEMENTS: &[&str] = &[
    "fdsrc",
    "queue",
    "capsfilter",
    "appsink",
    "qtdemux",
    "matroskademux",
    "oggdemux",
    "h264parse",
    "avdec_h264",
    "openh264dec",
    "vp8dec",
    "vp9dec",
    "av1parse",
    "av1dec",
    "aacparse",
    "avdec_aac",
    "opusparse",
    "opusdec",
    "vorbisdec",
    "mpegaudioparse",
    "avdec_mp3",
    "flacparse",
    "flacdec",
    "videoconvert",
    "videoscale",
    "audioconvert",
    "audioresample",
];

/// Longest wait for a frame, in tenths of a second.
const PATIENCE_SLICES: u32 = 80;

pub(super) fn init() {
    // A failure shows at the first element: "… is missing".
    gst::init().ok();
}

fn broken(what: impl std::fmt::Display) -> Failure {
    (FailCode::Damaged, what.to_string())
}

fn element(name: &str) -> Result<gst::Element, Failure> {
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

struct Opened {
    pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
    /// Size of the picture, once known.
    size: [u32; 2],
    has_sound: bool,
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
    Failed(Failure),
}

/// Opens the wanted kind of stream ("video" or "audio") and stops at its first buffer.
fn open(input: &File, wanted: &'static str, max_size: [u32; 2]) -> Result<Opened, Failure> {
    let mut head = [0; 64];
    let n = input.read_at(&mut head, 0).map_err(broken)?;
    let kind = sniff(&head[..n]);
    let pipeline = gst::Pipeline::new();
    let source = element("fdsrc")?;
    source.set_property("fd", input.as_raw_fd());
    let sink = gst_app::AppSink::builder().sync(false).max_buffers(2).build();
    let demux = match kind {
        Some(Sniffed::Mp4) => element("qtdemux")?,
        Some(Sniffed::WebM) => element("matroskademux")?,
        Some(Sniffed::Ogg) => element("oggdemux")?,
        Some(Sniffed::Mp3 | Sniffed::Flac) if wanted == "audio" => {
            return open_plain(pipeline, source, sink, kind == Some(Sniffed::Mp3));
        }
        _ => return Err((FailCode::NotThisKind, "not a film or sound oTo opens".to_owned())),
    };
    pipeline.add_many([&source, &demux]).map_err(broken)?;
    source.link(&demux).map_err(broken)?;
    let (tell, seen) = sync_channel(8);
    let (inside, end) = (pipeline.downgrade(), sink.clone());
    demux.connect_pad_added(move |_, pad| {
        let Some(pipeline) = inside.upgrade() else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let Some(stream) = caps.structure(0) else { return };
        let message = if stream.name().starts_with(wanted)
            && end.static_pad("sink").is_some_and(|p| !p.is_linked() && end.parent().is_none())
        {
            match connect(&pipeline, pad, stream, &end, max_size) {
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
    start(&pipeline)?;
    let (size, has_sound) = wait_for_stream(&pipeline, &seen, wanted)?;
    Ok(Opened { pipeline, sink, size, has_sound })
}

fn open_plain(
    pipeline: gst::Pipeline,
    source: gst::Element,
    sink: gst_app::AppSink,
    mp3: bool,
) -> Result<Opened, Failure> {
    let names = if mp3 { ["mpegaudioparse", "avdec_mp3"] } else { ["flacparse", "flacdec"] };
    let mut chain = vec![source, element(names[0])?, element(names[1])?];
    chain.extend(sound_end()?);
    chain.push(sink.clone().upcast());
    pipeline.add_many(&chain).map_err(broken)?;
    gst::Element::link_many(&chain).map_err(broken)?;
    start(&pipeline)?;
    Ok(Opened { pipeline, sink, size: [0, 0], has_sound: true })
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

fn picture_end(size: [u32; 2]) -> Result<Vec<gst::Element>, Failure> {
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "RGBA")
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
    sink: &gst_app::AppSink,
    max: [u32; 2],
) -> Result<[u32; 2], Failure> {
    let mut chain = vec![element("queue")?];
    chain.extend(decoders(stream)?);
    let mut size = [0, 0];
    if stream.name().starts_with("video") {
        let edge = |name: &str| stream.get::<i32>(name).ok().filter(|v| (1..=3840).contains(v));
        let (Some(w), Some(h)) = (edge("width"), edge("height")) else {
            return Err((FailCode::TooLarge, "oTo opens films of up to 3840×2160".to_owned()));
        };
        let scale =
            (f64::from(max[0]) / f64::from(w)).min(f64::from(max[1]) / f64::from(h)).min(1.0);
        let shown = |v: i32| (((f64::from(v) * scale) as u32) & !1).max(2);
        size = [shown(w), shown(h)];
        chain.extend(picture_end(size)?);
    } else {
        chain.extend(sound_end()?);
    }
    chain.push(sink.clone().upcast());
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
fn pull(opened: &Opened) -> Result<Option<gst::Sample>, Failure> {
    for _ in 0..PATIENCE_SLICES {
        if let Some(sample) = opened.sink.try_pull_sample(gst::ClockTime::from_mseconds(100)) {
            return Ok(Some(sample));
        }
        if opened.sink.is_eos() {
            return Ok(None);
        }
        if let Some(failure) = bus_error(&opened.pipeline) {
            return Err(failure);
        }
    }
    Err((FailCode::TooSlow, "no frame in time".to_owned()))
}

pub(super) fn sound(input: &File, shared: &File) -> Result<FromWorker, Failure> {
    let mut head = [0; 16];
    let n = input.read_at(&mut head, 0).map_err(broken)?;
    let mut written = 0u64;
    if sniff(&head[..n]) == Some(Sniffed::Wav) {
        let size = input.metadata().map_err(broken)?.len();
        if size > 256 << 20 {
            return Err((FailCode::TooLarge, "oTo opens sounds of up to 256 MiB".to_owned()));
        }
        let mut bytes = vec![0; size as usize];
        input.read_exact_at(&mut bytes, 0).map_err(broken)?;
        let pcm = Pcm::from_wav(&bytes).map_err(broken)?;
        let out: Vec<u8> = pcm
            .to_stereo_48k()
            .iter()
            .flatten()
            .flat_map(|s| ((s * 32_767.0) as i16).to_le_bytes())
            .collect();
        let room = shared.metadata().map_err(broken)?.len();
        if out.len() as u64 > room {
            return Err((FailCode::TooLarge, "oTo opens sounds of up to 15 minutes".to_owned()));
        }
        shared.write_all_at(&out, 0).map_err(broken)?;
        return Ok(FromWorker::Pcm { rate: 48_000, channels: 2, samples: out.len() as u64 / 2 });
    }
    let opened = open(input, "audio", [0, 0])?;
    let room = shared.metadata().map_err(broken)?.len();
    while let Some(sample) = pull(&opened)? {
        let Some(buffer) = sample.buffer() else { continue };
        let map = buffer.map_readable().map_err(broken)?;
        if written + map.len() as u64 > room {
            return Err((FailCode::TooLarge, "oTo opens sounds of up to 15 minutes".to_owned()));
        }
        shared.write_all_at(&map, written).map_err(broken)?;
        written += map.len() as u64;
    }
    Ok(FromWorker::Pcm { rate: 48_000, channels: 2, samples: written / 2 })
}

pub(super) fn frames(
    socket: &UnixStream,
    input: &File,
    shared: &File,
    max_size: [u32; 2],
) -> Result<(), Failure> {
    let lost = |error: MediaError| (FailCode::Protocol, error.to_string());
    let opened = open(input, "video", max_size)?;
    let mut waiting = pull(&opened)?;
    let duration_ms =
        opened.pipeline.query_duration::<gst::ClockTime>().map_or(0, |d| d.mseconds());
    let info = FromWorker::Info { size: opened.size, duration_ms, has_sound: opened.has_sound };
    send(socket, &info).map_err(lost)?;
    let slot_bytes = u64::from(max_size[0]) * u64::from(max_size[1]) * 4;
    let mut slot = 0;
    loop {
        let order = match receive(socket) {
            Ok(order) => order,
            // The parent has gone, or is still looking at the last frame.
            Err(MediaError::TooSlow) => continue,
            Err(_) => return Ok(()),
        };
        let sample = match order {
            ToWorker::Seek { ms } => {
                waiting = None;
                // Behind the end, the demuxer would show a wrong frame.
                let ms = ms.min(duration_ms.saturating_sub(34));
                let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
                opened
                    .pipeline
                    .seek_simple(flags, gst::ClockTime::from_mseconds(ms))
                    .map_err(broken)?;
                pull(&opened)?
            }
            ToWorker::Next => match waiting.take() {
                Some(sample) => Some(sample),
                None => pull(&opened)?,
            },
            _ => return Ok(()),
        };
        let answer = match sample {
            None => FromWorker::End,
            Some(sample) => {
                let buffer = sample.buffer().ok_or_else(|| broken("an empty frame"))?;
                let map = buffer.map_readable().map_err(broken)?;
                let [w, h] = opened.size;
                let row = map.len() / h as usize;
                if row < w as usize * 4 {
                    return Err(broken("a short frame"));
                }
                let packed: Vec<u8> = map
                    .chunks_exact(row)
                    .take(h as usize)
                    .flat_map(|line| &line[..w as usize * 4])
                    .copied()
                    .collect();
                shared.write_all_at(&packed, slot * slot_bytes).map_err(broken)?;
                let ms = buffer.pts().map_or(0, |t| t.mseconds());
                FromWorker::Frame { slot, size: opened.size, source: opened.size, ms }
            }
        };
        send(socket, &answer).map_err(lost)?;
        slot = (slot + 1) % SLOTS;
    }
}
