//! The board pass, in the order of depth: wall, note interiors, letters, strings under all notes,
//! rims with their shadows, strings over their own pins, pins, marks.

use bevy::prelude::*;
use bevy::render::camera::ExtractedCamera;
use bevy::render::render_resource::{
    CachedRenderPipelineId, PipelineCache, RenderPassDescriptor, StoreOp,
};
use bevy::render::renderer::{RenderContext, ViewQuery};
use bevy::render::view::{ViewDepthTexture, ViewTarget};

use super::gpu::Gpu;

/// Vertices of a string: 24 segments as a strip.
const TWINE_VERTICES: u32 = 50;

pub(super) fn board_pass(
    view: ViewQuery<'_, '_, (&ExtractedCamera, &ViewTarget, &ViewDepthTexture)>,
    gpu: Option<Res<Gpu>>,
    cache: Res<PipelineCache>,
    mut context: RenderContext<'_, '_>,
) {
    let (_, target, depth) = view.into_inner();
    let ready = gpu.as_deref().and_then(|g| Some((g, g.bind_group.as_ref()?)));
    let color = [Some(target.get_color_attachment())];
    // The first user of an attachment clears it, so the pass is begun even with nothing to draw.
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("board"),
        color_attachments: &color,
        depth_stencil_attachment: Some(depth.get_attachment(StoreOp::Store)),
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    });
    let Some((gpu, bind_group)) = ready else { return };
    let (p, n) = (&gpu.pipelines, gpu.counts);
    let steps: [(CachedRenderPipelineId, u32, u32); 9] = [
        (p.wall, 3, 1),
        (p.note, 4, n.notes),
        (p.glyph, 4, n.glyphs),
        (p.twine_shadow, TWINE_VERTICES, n.twines),
        (p.twine, TWINE_VERTICES, n.twines),
        (p.rim, 4, n.notes),
        (p.stub, TWINE_VERTICES, n.twines * 2),
        (p.pin, 4, n.notes),
        (p.overlay, 4, n.overlays),
    ];
    for (pipeline, vertices, instances) in steps {
        if instances == 0 {
            continue;
        }
        let Some(pipeline) = cache.get_render_pipeline(pipeline) else { continue };
        pass.set_render_pipeline(pipeline);
        pass.set_bind_group(0, bind_group, &[]);
        pass.draw(0..vertices, 0..instances);
    }
}
