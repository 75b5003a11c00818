//! What changes the order and the lengths of a film, and what is said in it: one function each, true
//! when something changed.

use oto_media::caption::{Word, cues, estimated_words};
use oto_media::timeline::{Clip, MAX_SECONDS, SAMPLE_RATE, Shot, Timeline, Transition, Visual};

use super::parts::{Part, Spoken, ms_of, owner, put_together, take_apart};
use super::{Editor, Series};

/// Silence before and after what is said in a shot.
const LEAD_SAMPLES: u64 = SAMPLE_RATE as u64 * 3 / 10;
const TAIL_SAMPLES: u64 = SAMPLE_RATE as u64 / 2;
/// Speech that a shot is to have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Speech {
    pub(crate) asset: String,
    /// Length at 48 kHz.
    pub(crate) samples: u64,
    /// Its words, from its own start; none when they are not known.
    pub(crate) words: Vec<Word>,
    /// The times of the words were spread by letters.
    pub(crate) estimated: bool,
}

impl Editor {
    /// Takes a shot to another place; `to` is its place afterwards.
    pub(crate) fn move_shot(&mut self, shot: usize, to: usize) -> bool {
        let n = self.timeline.shots.len();
        if shot >= n || to >= n || shot == to {
            return false;
        }
        let done = self.rearrange(None, |parts| {
            let part = parts.remove(shot);
            parts.insert(to, part);
        });
        if done {
            self.selected = to;
        }
        done
    }

    /// Gives a shot another length, as near to `frames` as its speech allows.
    pub(crate) fn trim(&mut self, shot: usize, frames: u32) -> bool {
        let Some(now) = self.timeline.shots.get(shot).map(|s| s.frames) else { return false };
        let room = longest(&self.timeline).saturating_sub(self.timeline.frames());
        let frames = frames.clamp(self.shortest(shot), now.saturating_add(room));
        self.rearrange(Some(Series::Trim(shot)), |parts| parts[shot].shot.frames = frames)
    }

    /// The shortest a shot can be trimmed to: its speech still begins in it, and does not come to
    /// lie over speech that follows.
    pub(crate) fn shortest(&self, shot: usize) -> u32 {
        let timeline = &self.timeline;
        let parts = take_apart(timeline);
        let Some(part) = parts.get(shot) else { return 1 };
        let begins = part.spoken.iter().map(|s| frames_of(timeline, s.at) + 1).max().unwrap_or(1);
        let clip_end = |c: &Clip| c.start_sample + c.samples;
        let end_frame: u32 = timeline.shots[..=shot].iter().map(|s| s.frames).sum();
        let end = timeline.fps.sample_at(end_frame);
        let last_shot = shot + 1 == timeline.shots.len();
        let own = timeline.voice.iter().filter(|c| last_shot || c.start_sample < end);
        let said = own.map(clip_end).max();
        let next = parts[shot + 1..].iter().flat_map(|p| &p.spoken).map(|s| s.clip.start_sample);
        let now = part.shot.frames;
        let held = match (said, next.min()) {
            (Some(said), Some(next)) => {
                now.saturating_sub(whole_frames(timeline, next.saturating_sub(said)))
            }
            _ => 1,
        };
        // A shot that is shorter already stays as it is.
        begins.max(held).clamp(1, now.max(1))
    }

    /// Cuts a shot in two at a frame of the film. Speech stays with the half it begins in.
    pub(crate) fn split(&mut self, frame: u32) -> bool {
        let shot = self.shot_at(frame);
        let start = self.timeline.starts().get(shot).copied().unwrap_or_default();
        let first = frame.saturating_sub(start);
        if first == 0 || first >= self.timeline.shots[shot].frames {
            return false;
        }
        let (fps, cut) = (self.timeline.fps, start + first);
        let (cut_sample, cut_ms) = (
            fps.sample_at(cut) - fps.sample_at(start),
            fps.ms_at(cut) as i64 - fps.ms_at(start) as i64,
        );
        let done = self.rearrange(None, |parts| {
            let part = &mut parts[shot];
            let mut visual = part.shot.visual.clone();
            if let Visual::Film { in_ms, .. } = &mut visual {
                *in_ms += fps.ms_at(first);
            }
            let second = Shot {
                frames: part.shot.frames - first,
                visual,
                motion: part.shot.motion,
                transition: Transition::default(),
            };
            part.shot.frames = first;
            let (mut spoken, mut words) = (Vec::new(), Vec::new());
            for mut later in part.spoken.extract_if(.., |s| s.at >= cut_sample) {
                later.at -= cut_sample;
                spoken.push(later);
            }
            for (at, cue) in part.cues.extract_if(.., |c| c.0 >= cut_ms) {
                words.push((at - cut_ms, cue));
            }
            parts.insert(shot + 1, Part { shot: second, spoken, cues: words });
        });
        if done {
            self.selected = shot + 1;
        }
        done
    }

    /// Takes a shot out, with what is said in it. The last one stays.
    pub(crate) fn remove(&mut self, shot: usize) -> bool {
        if shot >= self.timeline.shots.len() || self.timeline.shots.len() == 1 {
            return false;
        }
        let done = self.rearrange(None, |parts| drop(parts.remove(shot)));
        if done {
            self.selected = self.selected();
        }
        done
    }

    /// The words of a caption. Nobody says when these are spoken, so that their times are spread
    /// over the caption by letters. Without words it goes.
    pub(crate) fn set_cue_text(&mut self, cue: usize, text: &str) -> bool {
        self.change(None, |timeline| {
            let Some(cue_now) = timeline.cues.get_mut(cue) else { return false };
            let typed = text.trim();
            if typed == cue_now.text {
                return false;
            }
            if typed.is_empty() {
                timeline.cues.remove(cue);
                return true;
            }
            let start = cue_now.start_ms;
            cue_now.words = estimated_words(typed, cue_now.end_ms.saturating_sub(start));
            for word in &mut cue_now.words {
                word.start_ms += start;
                word.end_ms += start;
            }
            cue_now.estimated = true;
            cue_now.text = in_lines(typed, &cue_now.words);
            true
        })
    }

    /// What is said in a shot, or nothing. The shot becomes as long as its speech needs; without
    /// any it stays as long as it is.
    pub(crate) fn set_voice(&mut self, shot: usize, speech: Option<Speech>) -> bool {
        let timeline = &self.timeline;
        let frames = speech.as_ref().map(|s| {
            let needed = LEAD_SAMPLES + s.samples + TAIL_SAMPLES;
            frames_of(timeline, needed).max(1)
        });
        if shot >= timeline.shots.len() {
            return false;
        }
        self.rearrange(None, |parts| {
            let part = &mut parts[shot];
            part.spoken.clear();
            part.cues.clear();
            part.shot.frames = frames.unwrap_or(part.shot.frames);
            part.spoken.extend(speech.map(spoken_of));
        })
    }

    /// Captions that begin while a shot is shown, by their place in the timeline.
    pub(crate) fn cues_of(&self, shot: usize) -> Vec<usize> {
        let timeline = &self.timeline;
        let starts: Vec<u64> = timeline.starts().iter().map(|s| timeline.fps.ms_at(*s)).collect();
        let is_in = |i: &usize| owner(&starts, u64::from(timeline.cues[*i].start_ms)) == shot;
        (0..timeline.cues.len()).filter(is_in).collect()
    }

    /// Speech that begins while a shot is shown.
    pub(crate) fn voice_of(&self, shot: usize) -> Option<&Clip> {
        let timeline = &self.timeline;
        let starts = timeline.starts();
        let starts: Vec<u64> = starts.iter().map(|s| timeline.fps.sample_at(*s)).collect();
        timeline.voice.iter().find(|clip| owner(&starts, clip.start_sample) == shot)
    }

    fn rearrange(
        &mut self,
        series: Option<Series>,
        operation: impl FnOnce(&mut Vec<Part>),
    ) -> bool {
        self.change(series, |timeline| {
            let mut parts = take_apart(timeline);
            operation(&mut parts);
            put_together(timeline, parts);
            true
        })
    }
}

/// Most frames a film may have.
fn longest(timeline: &Timeline) -> u32 {
    (u64::from(MAX_SECONDS) * u64::from(timeline.fps.num) / u64::from(timeline.fps.den)) as u32
}

/// The frames that so many samples need, rounded up.
fn frames_of(timeline: &Timeline, samples: u64) -> u32 {
    let fps = timeline.fps;
    let a_frame = u64::from(SAMPLE_RATE) * u64::from(fps.den);
    u32::try_from((samples * u64::from(fps.num)).div_ceil(a_frame)).unwrap_or(u32::MAX)
}

/// The frames that fit into so many samples.
fn whole_frames(timeline: &Timeline, samples: u64) -> u32 {
    let fps = timeline.fps;
    let a_frame = u64::from(SAMPLE_RATE) * u64::from(fps.den);
    u32::try_from(samples * u64::from(fps.num) / a_frame).unwrap_or(u32::MAX)
}

fn spoken_of(speech: Speech) -> Spoken {
    let cues = cues(&speech.words).into_iter().map(|mut cue| {
        cue.estimated = speech.estimated;
        (i64::from(cue.start_ms), cue)
    });
    let length = ms_of(speech.samples);
    let cues = cues.filter(|(at, _)| *at < length).collect();
    let clip = Clip {
        asset: speech.asset,
        start_sample: 0,
        in_sample: 0,
        samples: speech.samples,
        gain_db: 0.0,
    };
    Spoken { clip, at: LEAD_SAMPLES, cues }
}

/// Two lines where captions have two, when the words fit into one caption.
fn in_lines(typed: &str, words: &[Word]) -> String {
    let mut made = cues(words);
    match made.pop() {
        Some(only) if made.is_empty() && !typed.contains('\n') => only.text,
        _ => typed.to_owned(),
    }
}
