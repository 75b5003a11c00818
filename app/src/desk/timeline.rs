//! A film under the scissors: its timeline, what can be done to it, and the way back. Pure: no
//! egui, no files. After every operation [`Timeline::check`] passes; what would break it is refused.

pub(crate) mod holders;
mod manner;
mod ops;
mod parts;
#[cfg(test)]
mod tests;
pub(crate) mod view;

pub(crate) use manner::{ASPECTS, GAIN_DB, aspect_of, aspect_word};
pub(crate) use ops::Speech;
use oto_media::timeline::Timeline;

/// What a run of small changes belongs to, so that a drag or a typed word is one step of undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Series {
    Trim(usize),
    Transition(usize),
    Focus(usize),
    FilmStart(usize),
    CardText(usize),
    BedGain,
}

/// A state to come back to.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    timeline: Timeline,
    selected: usize,
}

/// A timeline that is being changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Editor {
    timeline: Timeline,
    original: Timeline,
    undo: Vec<Kept>,
    redo: Vec<Kept>,
    selected: usize,
    /// Grows with every change, so that pictures of an older one are known as such.
    revision: u64,
    series: Option<Series>,
}

impl Editor {
    /// Begins with a timeline that was checked.
    pub(crate) fn new(timeline: Timeline) -> Self {
        Self {
            original: timeline.clone(),
            timeline,
            undo: Vec::new(),
            redo: Vec::new(),
            selected: 0,
            revision: 0,
            series: None,
        }
    }

    pub(crate) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The selected shot; there always is one.
    pub(crate) fn selected(&self) -> usize {
        self.selected.min(self.timeline.shots.len().saturating_sub(1))
    }

    pub(crate) fn select(&mut self, shot: usize) {
        self.series = None;
        self.selected = shot.min(self.timeline.shots.len().saturating_sub(1));
    }

    /// The shot that is shown at a frame.
    pub(crate) fn shot_at(&self, frame: u32) -> usize {
        parts::owner(&self.timeline.starts(), frame)
    }

    /// True when it differs from what was rendered.
    pub(crate) fn is_changed(&self) -> bool {
        self.timeline != self.original
    }

    pub(crate) fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    pub(crate) fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    /// True when closing it now would lose something: a change, or a way back.
    pub(crate) fn can_go_on(&self) -> bool {
        self.is_changed() || self.can_undo() || self.can_redo()
    }

    /// One step back.
    pub(crate) fn undo(&mut self) {
        if let Some(kept) = self.undo.pop() {
            let now = self.put(kept);
            self.redo.push(now);
        }
    }

    /// The step that was taken back last.
    pub(crate) fn redo(&mut self) {
        if let Some(kept) = self.redo.pop() {
            let now = self.put(kept);
            self.undo.push(now);
        }
    }

    /// Back to what was rendered; one step, so that it can be undone.
    pub(crate) fn revert(&mut self) -> bool {
        let original = self.original.clone();
        self.change(None, |timeline| {
            *timeline = original;
            true
        })
    }

    /// A drag or a typed word is over: the next change is a step of its own.
    pub(crate) fn settle(&mut self) {
        self.series = None;
    }

    fn put(&mut self, kept: Kept) -> Kept {
        self.series = None;
        self.revision += 1;
        let selected = std::mem::replace(&mut self.selected, kept.selected);
        Kept { timeline: std::mem::replace(&mut self.timeline, kept.timeline), selected }
    }

    /// The only way a timeline changes. False when nothing came of it: then it is as it was.
    fn change(
        &mut self,
        series: Option<Series>,
        operation: impl FnOnce(&mut Timeline) -> bool,
    ) -> bool {
        let mut next = self.timeline.clone();
        if !operation(&mut next) {
            return false;
        }
        parts::shorten_transitions(&mut next);
        // What is said is never cut off by the end of the film.
        let cut = |t: &Timeline| t.voice.iter().map(|c| c.start_sample + c.samples).max();
        let lost = cut(&next) > Some(next.samples())
            && cut(&self.timeline) <= Some(self.timeline.samples());
        if lost || next == self.timeline || next.check().is_err() {
            return false;
        }
        let before = std::mem::replace(&mut self.timeline, next);
        if series.is_none() || series != self.series {
            self.undo.push(Kept { timeline: before, selected: self.selected });
        }
        self.series = series;
        self.redo.clear();
        self.revision += 1;
        true
    }
}
