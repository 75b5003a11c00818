//! What the panel keeps between two frames: small pictures, names of works, what is dragged and typed.

use std::collections::{BTreeMap, BTreeSet};

use bevy_egui::egui;
use egui::{ColorImage, TextureHandle, TextureOptions};
use oto_board::AssetId;
use oto_canvas::OpenBoard;
use oto_media::picture::Picture;
use oto_media::timeline::{Timeline, Visual};

use crate::desk::third_party::egui::color;
use crate::desk::timeline::Editor;
use crate::desk::timeline::holders::holders;
use crate::desk::timeline::view::{alone, key_of, small_size};
use crate::theme::tokens::PanelTokens;

/// Longest edge of a small picture.
const EDGE: u32 = 128;

/// What a press on the strip does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Drag {
    Head,
    Move {
        shot: usize,
    },
    /// The new length so far.
    Trim {
        shot: usize,
        frames: u32,
    },
}

/// Memory of the panel.
#[derive(Default)]
pub(in crate::desk::panels) struct Looks {
    of: Option<(AssetId, u64)>,
    /// The name of the small picture of each shot.
    keys: Vec<u64>,
    /// Small pictures; none for what cannot be shown.
    textures: BTreeMap<u64, Option<TextureHandle>>,
    wanted: BTreeMap<u64, Timeline>,
    names: BTreeMap<String, String>,
    pub(super) drag: Option<Drag>,
    /// A caption that is being typed.
    pub(super) typed: Option<(usize, String)>,
}

impl Looks {
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Follows the timeline; little is to do while it stays the same.
    pub(super) fn follow(&mut self, open: &OpenBoard, editor: &Editor, asset: AssetId) {
        let now = Some((asset, editor.revision()));
        if self.of == now {
            return;
        }
        self.of = now;
        let (timeline, board) = (editor.timeline(), open.board());
        let size = small_size(timeline.size, EDGE);
        let name = |visual: &Visual| key_of(&alone(timeline, visual.clone(), size));
        self.keys = timeline.shots.iter().map(|s| name(&s.visual)).collect();
        let title =
            |(asset, note)| Some((AssetId::to_string(&asset), board.note(note)?.title.clone()));
        self.names = holders(board, timeline, &[]).into_iter().filter_map(title).collect();
        // Pictures of other films and other styles are forgotten when there are many.
        if self.textures.len() > 600 {
            let keys: BTreeSet<u64> = self.keys.iter().copied().collect();
            self.textures.retain(|key, _| keys.contains(key));
        }
    }

    /// The title of the note that holds a work; none when no note does.
    pub(super) fn name(&self, asset: &str) -> Option<&str> {
        self.names.get(asset).map(String::as_str)
    }

    pub(super) fn fill(&mut self, ui: &egui::Ui, arrived: Vec<(u64, Option<Picture>)>) {
        for (key, picture) in arrived {
            let texture = picture.map(|p| {
                let size = [p.width as usize, p.height as usize];
                let image = ColorImage::from_rgba_unmultiplied(size, &p.rgba);
                ui.load_texture("shot", image, TextureOptions::LINEAR)
            });
            self.textures.insert(key, texture);
            // A texture that was just filled is on the GPU only in the next frame.
            ui.request_repaint();
        }
    }

    /// Small pictures that were looked for and are not there yet.
    pub(super) fn take_wanted(&mut self) -> BTreeMap<u64, Timeline> {
        std::mem::take(&mut self.wanted)
    }

    /// The small picture of a shot: none while it is made, `Some(None)` when it cannot be shown.
    pub(super) fn thumb(
        &mut self,
        timeline: &Timeline,
        shot: usize,
    ) -> Option<Option<egui::TextureId>> {
        let key = *self.keys.get(shot)?;
        let size = small_size(timeline.size, EDGE);
        self.texture(key, || alone(timeline, timeline.shots[shot].visual.clone(), size))
    }

    /// The whole picture of a still of this size, nothing cut off.
    pub(super) fn whole(
        &mut self,
        timeline: &Timeline,
        asset: &str,
        size_px: [u32; 2],
    ) -> Option<Option<egui::TextureId>> {
        let visual = Visual::Still { asset: asset.to_owned(), focus: [0.5, 0.5] };
        let seen = alone(timeline, visual, small_size(size_px, EDGE));
        self.texture(key_of(&seen), || seen)
    }

    fn texture(
        &mut self,
        key: u64,
        alone: impl FnOnce() -> Timeline,
    ) -> Option<Option<egui::TextureId>> {
        match self.textures.get(&key) {
            Some(texture) => Some(texture.as_ref().map(TextureHandle::id)),
            None => {
                self.wanted.entry(key).or_insert_with(alone);
                None
            }
        }
    }
}

/// Crossed paper, in the place of what is not there.
pub(super) fn crossed(painter: &egui::Painter, rect: egui::Rect, t: &PanelTokens) {
    let line = egui::Stroke::new(1.5, color(t.accent));
    painter.rect_filled(rect, 4, color(t.fill));
    painter.rect_stroke(rect, 4, egui::Stroke::new(1.0, color(t.line)), egui::StrokeKind::Inside);
    painter.line_segment([rect.left_top(), rect.right_bottom()], line);
    painter.line_segment([rect.right_top(), rect.left_bottom()], line);
}
