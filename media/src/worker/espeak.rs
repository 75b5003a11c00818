//! Role `Speak`: espeak-ng's library opened at run time (nothing is linked), which gives exact
//! word times. The interface is that of `speak_lib.h`, API revision 12.
#![expect(
    unsafe_code,
    reason = "a C library opened at run time; this process is the worker, which is disposable"
)]

use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_short, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Mutex;

use super::protocol::FailCode;
use crate::caption::Word;
use crate::wav::Pcm;

type Failure = (FailCode, String);

/// `espeak_EVENT`: the fields up to the union, which is one pointer wide.
#[repr(C)]
struct Event {
    kind: c_int,
    unique: c_uint,
    text_position: c_int,
    length: c_int,
    audio_position: c_int,
    sample: c_int,
    user: *mut c_void,
    id: *mut c_void,
}

const EVENT_END: c_int = 0;
const EVENT_WORD: c_int = 1;
/// Speaking on the calling thread; no sound device is opened.
const SYNCHRONOUS: c_int = 2;
const CHARS_UTF8: c_uint = 1;
const RATE_PARAMETER: c_int = 1;

#[derive(Default)]
struct Heard {
    samples: Vec<i16>,
    /// Character position (from 1), length, milliseconds.
    words: Vec<(usize, usize, u32)>,
}

static HEARD: Mutex<Heard> = Mutex::new(Heard { samples: Vec::new(), words: Vec::new() });

/// Longest speech kept: a quarter of an hour.
const MAX_SAMPLES: usize = 22_050 * 900;

extern "C" fn on_sound(wav: *mut c_short, n: c_int, mut events: *mut c_void) -> c_int {
    let mut heard = HEARD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !wav.is_null() && n > 0 {
        // SAFETY: espeak-ng passes `n` samples at `wav`, valid during the call.
        let samples = unsafe { std::slice::from_raw_parts(wav, n as usize) };
        heard.samples.extend_from_slice(samples);
    }
    // SAFETY: `events` points to an array of events ended by one of kind EVENT_END.
    unsafe {
        while !events.is_null() && (*events.cast::<Event>()).kind != EVENT_END {
            let event = &*events.cast::<Event>();
            if event.kind == EVENT_WORD && event.length > 0 {
                heard.words.push((
                    event.text_position.max(1) as usize,
                    event.length.max(0) as usize,
                    event.audio_position.max(0) as u32,
                ));
            }
            events = events.cast::<Event>().add(1).cast();
        }
    }
    c_int::from(heard.samples.len() > MAX_SAMPLES)
}

type Synth = extern "C" fn(
    *const c_void,
    usize,
    c_uint,
    c_int,
    c_uint,
    c_uint,
    *mut c_uint,
    *mut c_void,
) -> c_int;

/// A voice that is loaded.
pub(super) struct Voice {
    synth: Synth,
    rate: u32,
    /// Where the data of all voices lies: words in the letters of another language are read with
    /// that language's data, which is opened when they come. Without it the library crashes.
    pub(super) data: Option<PathBuf>,
}

impl Voice {
    /// Opens the library and loads its data and the voice. The text is spoken when the worker is
    /// locked.
    pub(super) fn load(voice: &str, words_per_minute: u32) -> Result<Self, Failure> {
        let missing = |error: libloading::Error| {
            (FailCode::Unsupported, format!("espeak-ng is not installed ({error})"))
        };
        let Ok(c_voice) = CString::new(voice) else {
            return Err((FailCode::Unsupported, "espeak-ng has no such voice".to_owned()));
        };
        // SAFETY: the library's initialisers are those of espeak-ng; the signatures below are
        // those of its public header, and the library stays open until the process ends.
        unsafe {
            let library = [
                "libespeak-ng.so.1",
                "libespeak-ng.so",
                "libespeak-ng.1.dylib",
                "libespeak-ng.dll",
            ]
            .iter()
            .find_map(|name| libloading::Library::new(*name).ok())
            .ok_or_else(|| (FailCode::Unsupported, "espeak-ng is not installed".to_owned()))?;
            let library: &'static libloading::Library = Box::leak(Box::new(library));
            let initialize: libloading::Symbol<
                '_,
                extern "C" fn(c_int, c_int, *const c_char, c_int) -> c_int,
            > = library.get(b"espeak_Initialize").map_err(missing)?;
            let set_callback: libloading::Symbol<
                '_,
                extern "C" fn(extern "C" fn(*mut c_short, c_int, *mut c_void) -> c_int),
            > = library.get(b"espeak_SetSynthCallback").map_err(missing)?;
            let set_voice: libloading::Symbol<'_, extern "C" fn(*const c_char) -> c_int> =
                library.get(b"espeak_SetVoiceByName").map_err(missing)?;
            let set_parameter: libloading::Symbol<'_, extern "C" fn(c_int, c_int, c_int) -> c_int> =
                library.get(b"espeak_SetParameter").map_err(missing)?;
            let synth: libloading::Symbol<'_, Synth> =
                library.get(b"espeak_Synth").map_err(missing)?;
            // Option 0x8000: do not exit the process when the data folder is missing.
            let rate = initialize(SYNCHRONOUS, 0, std::ptr::null(), 0x8000);
            if rate <= 0 {
                return Err((FailCode::Unsupported, "espeak-ng has no voice data".to_owned()));
            }
            set_callback(on_sound);
            if set_voice(c_voice.as_ptr()) != 0 {
                return Err((FailCode::Unsupported, format!("espeak-ng has no voice “{voice}”")));
            }
            set_parameter(RATE_PARAMETER, words_per_minute.clamp(80, 400) as c_int, 0);
            let info: Result<
                libloading::Symbol<'_, extern "C" fn(*mut *const c_char) -> *const c_char>,
                _,
            > = library.get(b"espeak_Info");
            let data = info.ok().and_then(|info| {
                let mut path = std::ptr::null();
                info(&raw mut path);
                // The path is a constant of the library, ended by a zero.
                (!path.is_null())
                    .then(|| PathBuf::from(OsStr::from_bytes(CStr::from_ptr(path).to_bytes())))
            });
            Ok(Self { synth: *synth, rate: rate as u32, data })
        }
    }

    /// Speaks a text. The library is never terminated: that can wait for ever. The process ends
    /// instead.
    pub(super) fn speak(&self, text: &str) -> Result<(Pcm, Vec<Word>), Failure> {
        let bad = |what: &str| (FailCode::Damaged, what.to_owned());
        let Ok(c_text) = CString::new(text) else {
            return Err(bad("a text with a zero byte cannot be spoken"));
        };
        let spoken = (self.synth)(
            c_text.as_ptr().cast(),
            c_text.as_bytes_with_nul().len(),
            0,
            1,
            0,
            CHARS_UTF8,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        );
        if spoken != 0 {
            return Err(bad("espeak-ng refused the text"));
        }
        let heard =
            std::mem::take(&mut *HEARD.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let pcm = Pcm { rate: self.rate, channels: 1, samples: heard.samples };
        if pcm.samples.is_empty() || heard.words.is_empty() {
            return Err(bad("there is nothing to speak in this text"));
        }
        let words = join_words(text, &heard.words, pcm.duration_ms() as u32);
        Ok((pcm, words))
    }
}

/// espeak-ng splits words ("oTo" is heard as "o" and "To"): events are joined by their place in
/// the text up to the next white space. The end of a word is the start of the next one.
fn join_words(text: &str, events: &[(usize, usize, u32)], duration_ms: u32) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut characters = 0usize;
    let mut spans: Vec<(usize, usize, &str)> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (byte, c) in text.char_indices() {
        match (c.is_whitespace(), open) {
            (false, None) => open = Some((characters, byte)),
            (true, Some((from, start))) => {
                spans.push((from, characters, &text[start..byte]));
                open = None;
            }
            _ => {}
        }
        characters += 1;
    }
    if let Some((from, start)) = open {
        spans.push((from, characters, &text[start..]));
    }
    // Words that were heard as part of a neighbour have no event of their own.
    let mut starts: Vec<Option<u32>> = spans
        .iter()
        .map(|(from, to, _)| {
            let own = events.iter().find(|(position, _, _)| (from + 1..=*to).contains(position));
            own.map(|event| event.2.min(duration_ms))
        })
        .collect();
    interpolate(&mut starts, &spans, duration_ms);
    for (i, (_, _, word)) in spans.iter().enumerate() {
        let start_ms = starts[i].unwrap_or(0);
        let end_ms = starts.get(i + 1).copied().flatten().unwrap_or(duration_ms).max(start_ms);
        words.push(Word { start_ms, end_ms, text: (*word).to_owned() });
    }
    words
}

/// Fills gaps between known starts in proportion to the letters spoken; starts never go back.
fn interpolate(starts: &mut [Option<u32>], spans: &[(usize, usize, &str)], duration_ms: u32) {
    let mut i = 0;
    while i < starts.len() {
        if starts[i].is_some() {
            i += 1;
            continue;
        }
        let next = (i..starts.len()).find(|k| starts[*k].is_some());
        let (first, from_ms) = if i == 0 { (0, 0) } else { (i - 1, starts[i - 1].unwrap_or(0)) };
        let to_ms = next.and_then(|k| starts[k]).unwrap_or(duration_ms).max(from_ms);
        let end = next.map_or_else(|| spans.last().map_or(0, |s| s.1), |k| spans[k].0);
        let letters = (end - spans[first].0).max(1) as u64;
        for k in i..next.unwrap_or(starts.len()) {
            let done = (spans[k].0 - spans[first].0) as u64;
            starts[k] = Some(from_ms + (u64::from(to_ms - from_ms) * done / letters) as u32);
        }
        i = next.unwrap_or(starts.len());
    }
    for k in 1..starts.len() {
        starts[k] = starts[k].max(starts[k - 1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_words_are_joined_by_their_place_in_the_text() {
        let events = [(1, 2, 0), (4, 1, 200), (5, 2, 300), (8, 4, 500)];
        let words = join_words("An oTo wall.", &events, 900);
        let told: Vec<(u32, u32, &str)> =
            words.iter().map(|w| (w.start_ms, w.end_ms, w.text.as_str())).collect();
        assert_eq!(told, [(0, 200, "An"), (200, 500, "oTo"), (500, 900, "wall.")]);
        // "on the" is heard as one: no word is lost, and times never go back.
        let events = [(1, 3, 0), (5, 6, 300), (12, 4, 700)];
        let words = join_words("cat on the roof", &events, 900);
        let told: Vec<(u32, &str)> = words.iter().map(|w| (w.start_ms, w.text.as_str())).collect();
        assert_eq!(told, [(0, "cat"), (300, "on"), (471, "the"), (700, "roof")]);
    }
}
