//! What changes how a film looks and sounds, and leaves every shot in its place: one function each,
//! true when something changed.

use oto_media::timeline::{
    Aspect, Bed, Captions, Motion, Shot, Style, Timeline, Transition, TransitionKind, Visual,
};

use super::{Editor, Series};

/// Loudest and softest of music.
pub(crate) const GAIN_DB: [f32; 2] = [-30.0, 12.0];

/// The three shapes and their words, as engines take them.
pub(crate) const ASPECTS: [(Aspect, &str); 3] =
    [(Aspect::Wide, "16:9"), (Aspect::Tall, "9:16"), (Aspect::Square, "1:1")];

/// The shape of a timeline; none for sizes that are none of the three.
pub(crate) fn aspect_of(timeline: &Timeline) -> Option<Aspect> {
    let short = timeline.size[0].min(timeline.size[1]);
    ASPECTS.into_iter().map(|(aspect, _)| aspect).find(|a| a.size(short) == timeline.size)
}

pub(crate) fn aspect_word(aspect: Aspect) -> &'static str {
    ASPECTS.iter().find(|(a, _)| *a == aspect).map_or("16:9", |(_, word)| word)
}

impl Editor {
    /// The longest transition into a shot that leaves room for the one behind it.
    pub(crate) fn longest_transition(&self, shot: usize) -> u32 {
        match (
            shot.checked_sub(1).and_then(|i| self.timeline.shots.get(i)),
            self.timeline.shots.get(shot),
        ) {
            (Some(before), Some(after)) => before.frames.min(after.frames),
            _ => 0,
        }
    }

    /// How a shot comes after the one before it, and how long that takes.
    pub(crate) fn set_transition(
        &mut self,
        shot: usize,
        kind: TransitionKind,
        frames: u32,
    ) -> bool {
        let most = self.longest_transition(shot);
        let frames = if kind == TransitionKind::Cut { 0 } else { frames.clamp(1, most.max(1)) };
        let same = self.timeline.shots.get(shot).is_some_and(|s| s.transition.kind == kind);
        self.on_shot(same.then_some(Series::Transition(shot)), shot, |shot| {
            shot.transition = Transition { kind, frames };
            true
        })
    }

    /// How a still moves.
    pub(crate) fn set_motion(&mut self, shot: usize, motion: Motion) -> bool {
        self.on_shot(None, shot, |shot| {
            shot.motion = motion;
            true
        })
    }

    /// What of a still is kept in view.
    pub(crate) fn set_focus(&mut self, shot: usize, at: [f32; 2]) -> bool {
        self.on_shot(Some(Series::Focus(shot)), shot, |shot| {
            let Visual::Still { focus, .. } = &mut shot.visual else { return false };
            *focus = at.map(|v| if v.is_finite() { v.clamp(0.0, 1.0) } else { 0.5 });
            true
        })
    }

    /// Where a film begins that a shot shows.
    pub(crate) fn set_film_start(&mut self, shot: usize, ms: u64) -> bool {
        self.on_shot(Some(Series::FilmStart(shot)), shot, |shot| {
            let Visual::Film { in_ms, .. } = &mut shot.visual else { return false };
            *in_ms = ms;
            true
        })
    }

    /// Shows something else in a shot.
    pub(crate) fn set_visual(&mut self, shot: usize, visual: Visual) -> bool {
        self.on_shot(None, shot, |shot| {
            shot.visual = visual;
            true
        })
    }

    /// The words of a card.
    pub(crate) fn set_card_text(&mut self, shot: usize, words: &str) -> bool {
        self.on_shot(Some(Series::CardText(shot)), shot, |shot| {
            let Visual::Card { text } = &mut shot.visual else { return false };
            words.clone_into(text);
            true
        })
    }

    /// Music under the whole film, or none.
    pub(crate) fn set_bed(&mut self, asset: Option<String>) -> bool {
        self.change(None, |timeline| {
            let gain_db = timeline.bed.as_ref().map_or(0.0, |b| b.gain_db);
            timeline.bed = asset.map(|asset| Bed { asset, gain_db });
            true
        })
    }

    /// Louder or softer music.
    pub(crate) fn set_bed_gain(&mut self, gain_db: f32) -> bool {
        self.change(Some(Series::BedGain), |timeline| {
            let Some(bed) = &mut timeline.bed else { return false };
            bed.gain_db = if gain_db.is_finite() { gain_db } else { 0.0 };
            bed.gain_db = bed.gain_db.clamp(GAIN_DB[0], GAIN_DB[1]);
            true
        })
    }

    /// How the film looks. Transitions that were the old style's own become the new one's; those
    /// chosen by hand stay.
    pub(crate) fn set_style(&mut self, style: Style) -> bool {
        self.change(None, |timeline| {
            let (old, new) = (timeline.style.sheet().transition, style.sheet());
            let frames = seconds_to_frames(timeline, new.transition_secs);
            timeline.style = style;
            for i in 1..timeline.shots.len() {
                let most = timeline.shots[i - 1].frames.min(timeline.shots[i].frames);
                let transition = &mut timeline.shots[i].transition;
                if transition.kind == old && old != new.transition {
                    let cut = new.transition == TransitionKind::Cut;
                    let frames = if cut { 0 } else { frames.clamp(1, most.max(1)) };
                    *transition = Transition { kind: new.transition, frames };
                }
            }
            true
        })
    }

    /// The shape of the picture; the shorter edge stays.
    pub(crate) fn set_aspect(&mut self, aspect: Aspect) -> bool {
        self.change(None, |timeline| {
            timeline.size = aspect.size(timeline.size[0].min(timeline.size[1]).min(2_160));
            true
        })
    }

    /// Where captions go.
    pub(crate) fn set_captions(&mut self, captions: Captions) -> bool {
        self.change(None, |timeline| {
            timeline.captions = captions;
            true
        })
    }

    /// How long a transition of the film's style is.
    pub(crate) fn usual_transition(&self) -> u32 {
        let seconds = self.timeline.style.sheet().transition_secs;
        seconds_to_frames(&self.timeline, if seconds > 0.0 { seconds } else { 0.6 }).max(1)
    }

    fn on_shot(
        &mut self,
        series: Option<Series>,
        shot: usize,
        operation: impl FnOnce(&mut Shot) -> bool,
    ) -> bool {
        self.change(series, |timeline| timeline.shots.get_mut(shot).is_some_and(operation))
    }
}

fn seconds_to_frames(timeline: &Timeline, seconds: f32) -> u32 {
    timeline.fps.frame_at((f64::from(seconds.max(0.0)) * 1000.0) as u64)
}
