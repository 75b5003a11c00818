//! What the GPU does not have yet goes there, before anything is drawn.

use bevy::prelude::*;
use bevy::render::render_resource::{PipelineCache, Texture};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bytemuck::{bytes_of, cast_slice};
use oto_shaders::{MAX_TILES, NoteGpu, PageGpu, TwineGpu};

use super::frame::{Frame, Uploads};
use super::gpu::{Gpu, VIEW_STRIDE, write_square};
use super::grown::Wire;
use crate::counters::Counters;
use crate::text::{CELL_PX, CELLS_A_LAYER, CELLS_A_ROW};
use crate::thumbs::{LARGE_EDGE, SMALL_ACROSS, SMALL_EDGE, Size};
use crate::tiles::TILE_PX;

pub(super) fn prepare(
    gpu: Option<ResMut<Gpu>>,
    mut frame: ResMut<Frame>,
    device: Res<RenderDevice>,
    queue: Res<RenderQueue>,
    cache: Res<PipelineCache>,
    counters: Res<Counters>,
) {
    let (Some(mut gpu), Some(palette)) = (gpu, frame.palette) else { return };
    let gpu = &mut *gpu;
    let wire = Wire { device: &device, queue: &queue, counters: &counters };
    gpu.reserve_tiles(&device, &cache, frame.tile_capacity);
    wire.write(&gpu.palette, 0, bytes_of(&palette));
    gpu.reserve_screen(&device, frame.size_px);
    let all = frame.drawings.iter().map(|d| &d.view).chain(&frame.screen);
    let mut views = Vec::new();
    for view in all {
        let from = views.len();
        views.extend_from_slice(bytes_of(view));
        views.resize(from + VIEW_STRIDE as usize, 0u8);
    }
    let mut grew = gpu.views.set(&wire, &views);
    let bytes = |n: u32, size: usize| u64::from(n) * size as u64;
    grew |= gpu.notes.reserve(&wire, bytes(frame.note_capacity, size_of::<NoteGpu>()));
    grew |= gpu.twines.reserve(&wire, bytes(frame.twine_capacity, size_of::<TwineGpu>()));
    grew |= gpu.pages.reserve(&wire, bytes(frame.page_capacity, size_of::<PageGpu>()));
    let uploads = std::mem::take(&mut frame.uploads);
    send(gpu, &wire, &uploads);
    frame.tiles.truncate(MAX_TILES);
    wire.write(&gpu.tile_list, 0, cast_slice(&frame.tiles));
    grew |= gpu.visible_notes.set(&wire, &frame.lists.notes);
    grew |= gpu.visible_twines.set(&wire, &frame.lists.twines);
    grew |= gpu.glyphs.set(&wire, &frame.lists.glyphs);
    grew |= gpu.overlays.set(&wire, &frame.overlays);
    if grew || gpu.bind_group.is_none() {
        gpu.bind(&device, &cache);
    }
}

fn send(gpu: &Gpu, wire: &Wire<'_>, uploads: &Uploads) {
    uploads.notes.iter().for_each(|(from, records)| gpu.notes.put(wire, *from, records));
    uploads.twines.iter().for_each(|(from, records)| gpu.twines.put(wire, *from, records));
    uploads.pages.iter().for_each(|(from, records)| gpu.pages.put(wire, *from, records));
    let square = |texture: &Texture, at: [u32; 3], edge: u32, rgba: &[u8]| {
        write_square(wire.queue, texture, at, edge, rgba);
        wire.counters.uploaded(rgba.len() as u64);
    };
    for (cell, place, pixels) in &uploads.cells {
        gpu.cells.put(wire, u32::from(*cell), std::slice::from_ref(place));
        let (layer, index) = (u32::from(*cell) / CELLS_A_LAYER, u32::from(*cell) % CELLS_A_LAYER);
        let at = [index % CELLS_A_ROW * CELL_PX, index / CELLS_A_ROW * CELL_PX, layer];
        square(&gpu.atlas.texture, at, CELL_PX, pixels);
    }
    for thumb in &uploads.thumbs {
        if thumb.size == Size::Large {
            square(&gpu.large.texture, [0, 0, thumb.slot], LARGE_EDGE, &thumb.rgba);
        } else {
            let (layer, slot) = (thumb.slot / 256, thumb.slot % 256);
            let at = [slot % SMALL_ACROSS * SMALL_EDGE, slot / SMALL_ACROSS * SMALL_EDGE, layer];
            square(&gpu.small.texture, at, SMALL_EDGE, &thumb.rgba);
        }
    }
    for (layer, pixels) in &uploads.far {
        square(&gpu.far.texture, [0, 0, *layer], TILE_PX, pixels);
    }
}
