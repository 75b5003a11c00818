//! The steps of a drawing as render pipelines, all from one shader module and one layout.

use bevy::core_pipeline::core_2d::CORE_2D_DEPTH_FORMAT;
use bevy::prelude::*;
use bevy::render::render_resource::*;
use bevy::shader::Shader;

/// Format of everything the board is drawn into: colours are blended as they are written, which is
/// how the theme's were chosen, and costs half of what conversion to linear light does.
pub(super) const TARGET: TextureFormat = TextureFormat::Rgba8Unorm;

/// How a step treats depth.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    Ignored,
    Written,
    Tested,
}

pub(super) struct Pipelines {
    pub(super) wall: CachedRenderPipelineId,
    pub(super) wall_whole: CachedRenderPipelineId,
    pub(super) far: CachedRenderPipelineId,
    pub(super) far_under: CachedRenderPipelineId,
    pub(super) tile: CachedRenderPipelineId,
    /// By [`super::gather::Face`].
    pub(super) notes: [CachedRenderPipelineId; 4],
    pub(super) part: CachedRenderPipelineId,
    pub(super) glyph: CachedRenderPipelineId,
    pub(super) twine_shadow: CachedRenderPipelineId,
    pub(super) twine: CachedRenderPipelineId,
    pub(super) rim: CachedRenderPipelineId,
    pub(super) stub: CachedRenderPipelineId,
    pub(super) pin: CachedRenderPipelineId,
    pub(super) overlay: CachedRenderPipelineId,
}

impl Pipelines {
    pub(super) fn new(
        cache: &PipelineCache,
        shader: &Handle<Shader>,
        board: &BindGroupLayoutDescriptor,
        tiles: &BindGroupLayoutDescriptor,
    ) -> Self {
        let make = |name, depth| {
            let layout = if name == "tile" {
                vec![board.clone(), tiles.clone()]
            } else {
                vec![board.clone()]
            };
            pipeline(cache, shader, layout, name, depth)
        };
        Self {
            wall: make("wall", Depth::Tested),
            wall_whole: make("wall_whole", Depth::Tested),
            far: make("far", Depth::Ignored),
            far_under: make("far_under", Depth::Tested),
            tile: make("tile", Depth::Ignored),
            notes: ["note", "note_bars", "note_gold", "note_print"]
                .map(|name| make(name, Depth::Written)),
            part: make("part", Depth::Tested),
            glyph: make("glyph", Depth::Tested),
            twine_shadow: make("twine_shadow", Depth::Tested),
            twine: make("twine", Depth::Tested),
            rim: make("rim", Depth::Tested),
            stub: make("stub", Depth::Tested),
            pin: make("pin", Depth::Tested),
            overlay: make("overlay", Depth::Ignored),
        }
    }
}

fn pipeline(
    cache: &PipelineCache,
    shader: &Handle<Shader>,
    layout: Vec<BindGroupLayoutDescriptor>,
    name: &'static str,
    depth: Depth,
) -> CachedRenderPipelineId {
    let wall = name.starts_with("wall");
    let opaque = depth == Depth::Written || wall || name == "tile";
    // Faces share their vertices.
    let vertex = match name {
        _ if wall => "wall",
        "note_print" => "note",
        "far_under" => "far",
        _ if name.starts_with("note") => "paper",
        other => other,
    };
    let topology =
        if wall { PrimitiveTopology::TriangleList } else { PrimitiveTopology::TriangleStrip };
    cache.queue_render_pipeline(RenderPipelineDescriptor {
        label: Some(name.into()),
        layout,
        vertex: VertexState {
            shader: shader.clone(),
            entry_point: Some(format!("vs_{vertex}").into()),
            ..default()
        },
        fragment: Some(FragmentState {
            shader: shader.clone(),
            entry_point: Some(format!("fs_{}", if vertex == "far" { vertex } else { name }).into()),
            targets: vec![Some(ColorTargetState {
                format: TARGET,
                blend: (!opaque).then_some(BlendState::ALPHA_BLENDING),
                write_mask: ColorWrites::ALL,
            })],
            ..default()
        }),
        depth_stencil: Some(DepthStencilState {
            format: CORE_2D_DEPTH_FORMAT,
            depth_write_enabled: Some(depth == Depth::Written),
            depth_compare: Some(if depth == Depth::Ignored {
                CompareFunction::Always
            } else {
                CompareFunction::GreaterEqual
            }),
            stencil: default(),
            bias: default(),
        }),
        primitive: PrimitiveState { topology, ..default() },
        ..default()
    })
}
