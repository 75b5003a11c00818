//! Drawing, in the order of depth: wall, note interiors, letters, strings under all notes, rims
//! with their shadows, strings over their own pins, pins; on the screen then tiles below and marks
//! above. Tiles are drawn before any camera.

use std::ops::Range;

use bevy::prelude::*;
use bevy::render::camera::ExtractedCamera;
use bevy::render::render_phase::TrackedRenderPass;
use bevy::render::render_resource::{
    BindGroup, CachedRenderPipelineId, Extent3d, LoadOp, Operations, Origin3d, PipelineCache,
    RenderPassColorAttachment, RenderPassDepthStencilAttachment, RenderPassDescriptor, StoreOp,
    TexelCopyTextureInfo, Texture, TextureAspect, TextureView,
};
use bevy::render::renderer::{RenderContext, ViewQuery};
use bevy::render::view::ViewTarget;
use oto_shaders::TWINE_SEGMENTS;

use super::frame::{Drawing, Frame, Target};
use super::gpu::{Gpu, VIEW_STRIDE, WALLS};
use crate::counters::Counters;
use crate::far::FarKind::{All, Strings};
use crate::tiles::TILE_PX;

/// Vertices of a ring as a strip.
const RIM_VERTICES: u32 = 10;
/// Vertices of a string over its own note: 5 segments as a strip.
const STUB_VERTICES: u32 = 12;

struct Steps<'a, 'w> {
    cache: &'w PipelineCache,
    pass: &'a mut TrackedRenderPass<'w>,
    bind_group: &'w BindGroup,
    offset: u32,
    draws: u64,
    refused: bool,
}

impl<'w> Steps<'_, 'w> {
    fn draw(
        &mut self,
        pipeline: CachedRenderPipelineId,
        vertices: u32,
        instances: Range<u32>,
        tiles: Option<&'w BindGroup>,
    ) {
        if instances.is_empty() {
            return;
        }
        let Some(pipeline) = self.cache.get_render_pipeline(pipeline) else {
            self.refused = true;
            return;
        };
        self.pass.set_render_pipeline(pipeline);
        self.pass.set_bind_group(0, self.bind_group, &[self.offset]);
        if let Some(tiles) = tiles {
            self.pass.set_bind_group(1, tiles, &[]);
        }
        self.pass.draw(0..vertices, instances);
        self.draws += 1;
    }

    fn drawing(&mut self, gpu: &Gpu, drawing: &Drawing) {
        let (p, shown) = (&gpu.pipelines, &drawing.shown);
        for (face, range) in p.notes.iter().zip(&shown.faces) {
            self.draw(*face, 4, range.clone(), None);
        }
        // Over their own prints, at the same depth.
        self.draw(p.part, 4, shown.parts.clone(), None);
        // Only where no paper lies: depth is zero there.
        if drawing.has_wall {
            let whole = drawing.view.wall_blend == 0.0;
            self.draw(if whole { p.wall_whole } else { p.wall }, 3, 0..1, None);
        }
        self.draw(p.glyph, 4, shown.glyphs.clone(), None);
        let strings = |steps: &mut Self, pipeline| {
            for (segments, range) in TWINE_SEGMENTS.iter().zip(&shown.twines) {
                steps.draw(pipeline, 2 * (segments + 1), range.clone(), None);
            }
        };
        if shown.has_twine_shadows {
            strings(self, p.twine_shadow);
        }
        strings(self, p.twine);
        if let Some((layer, Strings)) = drawing.far {
            self.draw(p.far_under, 4, layer..layer + 1, None);
        }
        self.draw(p.rim, RIM_VERTICES, shown.rims.clone(), None);
        self.draw(p.stub, STUB_VERTICES, shown.stubs.clone(), None);
        self.draw(p.pin, 4, shown.pins.clone(), None);
        if let Some((layer, All)) = drawing.far {
            self.draw(p.far, 4, layer..layer + 1, None);
        }
    }
}

fn offset_of(index: usize) -> u32 {
    (index as u64 * VIEW_STRIDE) as u32
}

/// Draws the tiles of this frame.
pub(super) fn bake_tiles(
    gpu: Option<Res<Gpu>>,
    frame: Res<Frame>,
    cache: Res<PipelineCache>,
    counters: Res<Counters>,
    mut context: RenderContext<'_, '_>,
) {
    for (index, drawing) in frame.drawings.iter().enumerate() {
        let Target::Layer(layer) = drawing.target else { continue };
        let ready = gpu.as_deref().filter(|g| g.bind_group.is_some() && g.tiles.is_some());
        match ready {
            Some(gpu) => bake_tile(gpu, &cache, &counters, &mut context, index, layer, drawing),
            None => counters.refuse(),
        }
    }
}

fn bake_tile(
    gpu: &Gpu,
    cache: &PipelineCache,
    counters: &Counters,
    context: &mut RenderContext<'_, '_>,
    index: usize,
    layer: u32,
    drawing: &Drawing,
) {
    let (Some(tiles), Some(bind_group)) = (&gpu.tiles, &gpu.bind_group) else { return };
    let Some(view) = tiles.layers.get(layer as usize) else { return };
    if let Some(wall) = drawing.wall_layer {
        // The wall was drawn before, for all tiles of this octave.
        let n_tiles = tiles.layers.len() as u32 - WALLS;
        context.command_encoder().copy_texture_to_texture(
            place(&tiles.texture, [0; 2], n_tiles + wall),
            place(&tiles.texture, [0; 2], layer),
            Extent3d { width: TILE_PX, height: TILE_PX, depth_or_array_layers: 1 },
        );
    }
    let color = [kept(view)];
    let mut pass = context.begin_tracked_render_pass(pass_of("tile", &color, &tiles.depth));
    let mut steps = Steps {
        cache,
        pass: &mut pass,
        bind_group,
        offset: offset_of(index),
        draws: 0,
        refused: false,
    };
    steps.drawing(gpu, drawing);
    if steps.refused {
        counters.refuse();
    }
    counters.drew(steps.draws);
    let shown = &drawing.shown;
    let twines: usize = shown.twines.iter().map(ExactSizeIterator::len).sum();
    counters.showed(u64::from(shown.n_notes), shown.glyphs.len() as u64, twines as u64, 1);
}

/// What is drawn into keeps what it has.
fn kept(view: &TextureView) -> Option<RenderPassColorAttachment<'_>> {
    Some(RenderPassColorAttachment {
        view,
        depth_slice: None,
        resolve_target: None,
        ops: Operations { load: LoadOp::Load, store: StoreOp::Store },
    })
}

/// A pass over these colours with a depth of its own.
fn pass_of<'a>(
    label: &'a str,
    color: &'a [Option<RenderPassColorAttachment<'a>>],
    depth: &'a TextureView,
) -> RenderPassDescriptor<'a> {
    RenderPassDescriptor {
        label: Some(label),
        color_attachments: color,
        depth_stencil_attachment: Some(RenderPassDepthStencilAttachment {
            view: depth,
            depth_ops: Some(Operations { load: LoadOp::Clear(0.0), store: StoreOp::Discard }),
            stencil_ops: None,
        }),
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    }
}

fn place(texture: &Texture, at: [u32; 2], z: u32) -> TexelCopyTextureInfo<'_> {
    TexelCopyTextureInfo {
        texture,
        mip_level: 0,
        origin: Origin3d { x: at[0], y: at[1], z },
        aspect: TextureAspect::All,
    }
}

/// Lays tiles on whole pixels without sampling them.
fn copy_tiles(gpu: &Gpu, frame: &Frame, to: &Texture, context: &mut RenderContext<'_, '_>) {
    let Some(tiles) = &gpu.tiles else { return };
    let size = to.size();
    for copied in &frame.copies {
        let room = [size.width, size.height];
        let fits = (0..2).all(|i| copied.to[i] + copied.size[i] <= room[i]);
        if fits && copied.layer < tiles.layers.len() as u32 {
            context.command_encoder().copy_texture_to_texture(
                place(&tiles.texture, copied.from, copied.layer),
                place(to, copied.to, 0),
                Extent3d {
                    width: copied.size[0],
                    height: copied.size[1],
                    depth_or_array_layers: 1,
                },
            );
        }
    }
}

/// The board on the screen. It is drawn into a texture of its own, whose colours are taken as they
/// are, and copied to the camera's: formats that differ in sRGB alone may be copied.
pub(super) fn board_pass(
    view: ViewQuery<'_, '_, (&ExtractedCamera, &ViewTarget)>,
    gpu: Option<Res<Gpu>>,
    frame: Res<Frame>,
    cache: Res<PipelineCache>,
    counters: Res<Counters>,
    mut context: RenderContext<'_, '_>,
) {
    let (_, target) = view.into_inner();
    let ready = gpu.as_deref().and_then(|g| Some((g, g.bind_group.as_ref()?, g.screen.as_ref()?)));
    // The first user of an attachment clears it, so it is used even when everything is copied.
    let first = [Some(target.get_color_attachment())];
    let Some((gpu, bind_group, screen)) = ready else {
        context.begin_tracked_render_pass(RenderPassDescriptor {
            label: Some("nothing yet"),
            color_attachments: &first,
            ..default()
        });
        return;
    };
    counters.drew(frame.copies.len() as u64);
    let live = frame.drawings.iter().enumerate().find(|(_, d)| d.target == Target::Screen);
    let only_copies = live.is_none() && frame.overlays.is_empty() && frame.tiles.is_empty();
    if only_copies && !frame.has_holes {
        return copy_tiles(gpu, &frame, target.main_texture(), &mut context);
    }
    copy_tiles(gpu, &frame, &screen.texture, &mut context);
    let color = [kept(&screen.view)];
    let mut pass = context.begin_tracked_render_pass(pass_of("board", &color, &screen.depth));
    let mut steps = Steps {
        cache: &cache,
        pass: &mut pass,
        bind_group,
        // The view of the screen is the last one.
        offset: offset_of(frame.drawings.len()),
        draws: 0,
        refused: false,
    };
    if frame.has_holes {
        steps.draw(gpu.pipelines.wall, 3, 0..1, None);
    }
    if let Some(tiles) = &gpu.tiles {
        let n = frame.tiles.len() as u32;
        steps.draw(gpu.pipelines.tile, 4, 0..n, Some(&tiles.bind_group));
    }
    if let Some((_, drawing)) = live {
        steps.drawing(gpu, drawing);
        let shown = &drawing.shown;
        let twines: usize = shown.twines.iter().map(ExactSizeIterator::len).sum();
        counters.showed(u64::from(shown.n_notes), shown.glyphs.len() as u64, twines as u64, 0);
    }
    steps.draw(gpu.pipelines.overlay, 4, 0..frame.overlays.len() as u32, None);
    counters.drew(steps.draws);
    drop(pass);
    let (from, to) = (screen.texture.size(), target.main_texture().size());
    context.command_encoder().copy_texture_to_texture(
        place(&screen.texture, [0; 2], 0),
        place(target.main_texture(), [0; 2], 0),
        Extent3d {
            width: from.width.min(to.width),
            height: from.height.min(to.height),
            depth_or_array_layers: 1,
        },
    );
}
