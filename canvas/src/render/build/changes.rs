//! What has changed since the last frame, for the tiles: which are drawn again, which are given up.

use bevy::prelude::*;

use super::{Kept, Scene};
use crate::mirror::Touched;
use crate::thumbs::Part;
use crate::tiles::Tiles;

/// Tiles are told what has changed since the last frame.
pub(super) fn follow_changes(kept: &mut Kept, scene: &mut Scene, size_px: [f64; 2]) {
    let device = scene.counters.device();
    let step = (scene.open.generation(), scene.open.board().seq());
    if kept.board.0 != step {
        let [w, h] = scene.open.board().reach().size();
        kept.board = (step, w * h);
    }
    if scene.counters.take_refused() {
        kept.tiles.clear();
        kept.has_walls = false;
    }
    if kept.device != device {
        if kept.device != 0 {
            scene.mirror.bypass_change_detection().send_all();
            scene.texts.forget_all();
            scene.thumbs.forget_all();
        }
        kept.device = device;
        kept.tiles.clear();
        kept.has_walls = false;
    }
    if kept.tiles.set_capacity(Tiles::capacity_for(size_px)) {
        kept.has_walls = false;
    }
    match scene.mirror.bypass_change_detection().take_touched() {
        Touched::Here(areas) => areas.into_iter().for_each(|area| kept.tiles.touch(area)),
        Touched::Everywhere => kept.tiles.touch_all(),
        Touched::Another => kept.tiles.clear(),
    }
    if kept.palette.as_ref() != Some(&*scene.palette) {
        kept.palette = Some(scene.palette.clone());
        kept.tiles.clear();
        kept.has_walls = false;
    }
    let board = scene.open.board();
    let worded = std::mem::take(&mut scene.texts.arrived);
    let worded = worded.into_iter().filter_map(|id| board.note_slot(id));
    let came: Vec<(u32, Part)> = worded
        .map(|slot| (slot, Part::WHOLE))
        .chain(std::mem::take(&mut scene.thumbs.arrived))
        .collect();
    for (slot, part) in came {
        if let Some((lying, record)) = scene.mirror.lying(slot) {
            let whole = part == Part::WHOLE;
            let lying = if whole { lying } else { lying.part(record.tilt, part.place()) };
            kept.tiles.arrived(lying.bounds(record.tilt));
        }
    }
    for slot in std::mem::take(&mut scene.thumbs.moved) {
        if let Some((lying, record)) = scene.mirror.lying(slot) {
            kept.tiles.touch(lying.bounds(record.tilt));
        }
    }
    if scene.texts.take_retry() {
        kept.tiles.touch_all();
    }
}
