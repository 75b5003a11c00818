//! Role `Encode`: frames and sound from the shared file into MP4 or WebM, through GStreamer.
//! Which chain is used is the parent's choice: it tries the next one when one fails.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::child::Failure;
use super::protocol::{EncodeSpec, FailCode, FromWorker, SLOTS, ToWorker, receive, send};
use crate::MediaError;

/// A way to encode.
struct Chain {
    video: &'static str,
    mux: &'static str,
    sound: &'static str,
    /// Samples the sound encoder puts before the first one without saying so (measured with a
    /// burst): that many are left out in front, so that picture and sound stay together.
    priming: u64,
}

const OPENH264: &str = "openh264enc complexity=medium rate-control=bitrate bitrate={bps} max-bitrate={max_bps} gop-size=60 \
    ! video/x-h264,profile=high ! h264parse ! video/x-h264,stream-format=avc,alignment=au";

/// Encoder chains, best first.
const CHAINS: [Chain; 4] = [
    Chain {
        video: OPENH264,
        mux: "mp4mux",
        sound: "avenc_aac bitrate=160000 ! aacparse",
        priming: 1_024,
    },
    Chain {
        video: "x264enc speed-preset=veryfast pass=qual quantizer=21 bitrate={max_kbps} key-int-max=60 bframes=0 \
            ! video/x-h264,profile=high ! h264parse",
        mux: "mp4mux",
        sound: "avenc_aac bitrate=160000 ! aacparse",
        priming: 1_024,
    },
    Chain {
        video: OPENH264,
        mux: "mp4mux",
        sound: "voaacenc bitrate=160000 ! aacparse",
        priming: 1_600,
    },
    Chain {
        video: "vp9enc deadline=1 cpu-used=8 row-mt=true threads=2 tile-columns=2 target-bitrate={bps} keyframe-max-dist=60",
        mux: "webmmux",
        sound: "opusenc bitrate=128000",
        priming: 0,
    },
];

/// Bytes of frames that may wait for the encoder. `appsrc` must never block: it would wait for
/// ever when the file refuses.
const MOST_WAITING: u64 = 8 << 20;

/// Samples handed over at once.
const SOUND_PART: usize = 4_800;

fn broken(what: impl std::fmt::Display) -> Failure {
    (FailCode::Unsupported, what.to_string())
}

pub(super) fn encode(
    socket: &UnixStream,
    spec: &EncodeSpec,
    shared: &File,
    output: &File,
) -> Result<FromWorker, Failure> {
    let [width, height] = spec.size;
    let chain = CHAINS.get(spec.chain as usize).ok_or_else(|| broken("no further encoder"))?;
    let (mux, sound) = (chain.mux, chain.sound);
    let [num, den] = spec.fps.map(|v| v.clamp(1, 100_000));
    let rate = u64::from(num) / u64::from(den);
    let bps = (u64::from(width) * u64::from(height) * rate / 6).max(400_000);
    let video = chain
        .video
        .replace("{bps}", &bps.to_string())
        .replace("{max_bps}", &(bps * 2).to_string())
        .replace("{max_kbps}", &(bps / 500).to_string());
    let mut line = format!(
        "appsrc name=v format=time max-bytes=0 caps=video/x-raw,format=I420,width={width},height={height},framerate={num}/{den},pixel-aspect-ratio=1/1,interlace-mode=progressive,colorimetry=bt709 \
         ! queue max-size-buffers=4 max-size-bytes=0 max-size-time=0 ! {video} ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! mux. {mux} name=mux ! fdsink name=out sync=false "
    );
    if spec.samples > 0 {
        line.push_str(&format!(
            "appsrc name=a format=time max-bytes=0 caps=audio/x-raw,format=S16LE,rate=48000,channels=2,layout=interleaved ! audioconvert ! {sound} ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! mux. "
        ));
    }
    let pipeline = gst::parse::launch(&line).map_err(broken)?;
    let Ok(pipeline) = pipeline.downcast::<gst::Pipeline>() else {
        return Err(broken("no pipeline"));
    };
    let result = run(&pipeline, socket, spec, chain.priming, shared, output);
    // Always to NULL before the end; the process goes anyway if an element refuses.
    pipeline.set_state(gst::State::Null).ok();
    result
}

fn source(pipeline: &gst::Pipeline, name: &str) -> Result<gst_app::AppSrc, Failure> {
    pipeline
        .by_name(name)
        .and_then(|e| e.downcast::<gst_app::AppSrc>().ok())
        .ok_or_else(|| broken("the pipeline has no source"))
}

fn run(
    pipeline: &gst::Pipeline,
    socket: &UnixStream,
    spec: &EncodeSpec,
    priming: u64,
    shared: &File,
    output: &File,
) -> Result<FromWorker, Failure> {
    let frame_bytes = u64::from(spec.size[0]) * u64::from(spec.size[1]) * 3 / 2;
    let out = pipeline.by_name("out").ok_or_else(|| broken("the pipeline has no end"))?;
    out.set_property("fd", output.as_raw_fd());
    let video = source(pipeline, "v")?;
    let bus = pipeline.bus().ok_or_else(|| broken("the pipeline has no bus"))?;
    let check = |bus: &gst::Bus| -> Result<(), Failure> {
        match bus.pop_filtered(&[gst::MessageType::Error]) {
            Some(message) => match message.view() {
                gst::MessageView::Error(e) => Err(broken(e.error())),
                _ => Ok(()),
            },
            None => Ok(()),
        }
    };
    pipeline.set_state(gst::State::Playing).map_err(broken)?;
    // The parent puts the sound in place before its first frame, and not before it has a worker:
    // read any earlier it may be silence.
    let mut sound = (spec.samples > 0).then(|| source(pipeline, "a")).transpose()?;
    let [num, den] = spec.fps.map(|v| u64::from(v.clamp(1, 100_000)));
    let time = |n: u64| gst::ClockTime::SECOND.mul_div_floor(n * den, num);
    let mut n = 0u64;
    loop {
        let lost = |error: MediaError| (FailCode::Protocol, error.to_string());
        match receive(socket).map_err(lost)? {
            ToWorker::Push { slot } if slot < SLOTS && n < u64::from(spec.frames) => {
                if let Some(sound) = sound.take() {
                    push_sound(&sound, spec, priming, shared, frame_bytes * SLOTS)?;
                }
                let mut bytes = vec![0; frame_bytes as usize];
                shared.read_exact_at(&mut bytes, slot * frame_bytes).map_err(broken)?;
                let mut buffer = gst::Buffer::from_mut_slice(bytes);
                if let Some(buffer) = buffer.get_mut() {
                    // From the start each time, so that rounding never adds up.
                    buffer.set_pts(time(n));
                    buffer.set_duration(time(1));
                }
                if let Err(error) = video.push_buffer(buffer) {
                    check(&bus)?;
                    return Err(broken(error));
                }
                n += 1;
                while video.current_level_bytes() > MOST_WAITING {
                    std::thread::sleep(std::time::Duration::from_millis(2));
                    check(&bus)?;
                }
                check(&bus)?;
                send(socket, &FromWorker::Free { slot }).map_err(lost)?;
            }
            ToWorker::Finish => break,
            _ => return Err((FailCode::Protocol, "unexpected order".to_owned())),
        }
    }
    video.end_of_stream().map_err(broken)?;
    let wait = gst::ClockTime::from_seconds(60);
    match bus.timed_pop_filtered(wait, &[gst::MessageType::Eos, gst::MessageType::Error]) {
        Some(message) => match message.view() {
            gst::MessageView::Error(e) => Err(broken(e.error())),
            _ => Ok(FromWorker::Done),
        },
        None => Err((FailCode::TooSlow, "the encoder did not finish".to_owned())),
    }
}

fn push_sound(
    sound: &gst_app::AppSrc,
    spec: &EncodeSpec,
    priming: u64,
    shared: &File,
    offset: u64,
) -> Result<(), Failure> {
    let mut bytes = vec![0; spec.samples as usize * 4];
    shared.read_exact_at(&mut bytes, offset).map_err(broken)?;
    let skipped = priming.min(spec.samples) as usize * 4;
    // What the encoder holds back at the end is pushed out by silence of the same length.
    bytes.resize(bytes.len() + skipped, 0);
    let time = |samples: u64| gst::ClockTime::SECOND.mul_div_floor(samples, 48_000);
    let mut at = 0u64;
    for part in bytes[skipped..].chunks(SOUND_PART * 4) {
        let n = part.len() as u64 / 4;
        let mut buffer = gst::Buffer::from_mut_slice(part.to_vec());
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(time(at));
            buffer.set_duration(time(n));
        }
        sound.push_buffer(buffer).map_err(broken)?;
        at += n;
    }
    sound.end_of_stream().map_err(broken)?;
    Ok(())
}
