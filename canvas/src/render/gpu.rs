//! Buffers, textures and pipelines. Made at start, and again when a lost device comes back.

use bevy::asset::AssetServer;
use bevy::core_pipeline::core_2d::CORE_2D_DEPTH_FORMAT;
use bevy::prelude::*;
use bevy::render::render_resource::binding_types::{
    sampler, storage_buffer_read_only_sized, texture_2d, texture_2d_array, uniform_buffer_sized,
};
use bevy::render::render_resource::*;
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bevy::shader::Shader;
use bytemuck::{Pod, bytes_of, cast_slice};
use oto_shaders::{
    BOARD_WGSL, CellGpu, GlyphGpu, NoteGpu, OverlayGpu, PageView, PaletteGpu, TwineGpu, ViewGpu,
};

use super::frame::Frame;
use super::paper;
use crate::text::{CELL_PX, CELLS_A_ROW};
use crate::thumbs;

const ATLAS_PX: u32 = 2_048;
const TARGET: TextureFormat = TextureFormat::Rgba8UnormSrgb;

/// A buffer that grows and keeps what it holds when `keep` is set.
pub(super) struct Grown {
    label: &'static str,
    pub(super) buffer: Buffer,
    size: u64,
    usage: BufferUsages,
}

impl Grown {
    fn new(device: &RenderDevice, label: &'static str, size: u64, usage: BufferUsages) -> Self {
        let usage = usage | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
        let buffer = device.create_buffer(&BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        });
        Self { label, buffer, size, usage }
    }

    /// True when the buffer is another one now.
    fn reserve(
        &mut self,
        device: &RenderDevice,
        queue: &RenderQueue,
        size: u64,
        keep: bool,
    ) -> bool {
        if size <= self.size {
            return false;
        }
        let grown = Self::new(device, self.label, size.next_power_of_two(), self.usage);
        if keep {
            let mut encoder =
                device.create_command_encoder(&CommandEncoderDescriptor { label: Some("grow") });
            encoder.copy_buffer_to_buffer(&self.buffer, 0, &grown.buffer, 0, self.size);
            queue.submit([encoder.finish()]);
        }
        *self = grown;
        true
    }

    /// Replaces the contents. True when the buffer is another one now.
    fn set<T: Pod>(&mut self, device: &RenderDevice, queue: &RenderQueue, items: &[T]) -> bool {
        let bytes: &[u8] = cast_slice(items);
        let grew = self.reserve(device, queue, bytes.len() as u64, false);
        if !bytes.is_empty() {
            queue.write_buffer(&self.buffer, 0, bytes);
        }
        grew
    }
}

pub(super) struct Pipelines {
    pub(super) wall: CachedRenderPipelineId,
    pub(super) note: CachedRenderPipelineId,
    pub(super) glyph: CachedRenderPipelineId,
    pub(super) twine_shadow: CachedRenderPipelineId,
    pub(super) twine: CachedRenderPipelineId,
    pub(super) rim: CachedRenderPipelineId,
    pub(super) stub: CachedRenderPipelineId,
    pub(super) pin: CachedRenderPipelineId,
    pub(super) overlay: CachedRenderPipelineId,
}

#[derive(Resource)]
pub(super) struct Gpu {
    layout: BindGroupLayoutDescriptor,
    pub(super) pipelines: Pipelines,
    view: Buffer,
    palette: Buffer,
    pages: Grown,
    notes: Grown,
    twines: Grown,
    visible_notes: Grown,
    visible_twines: Grown,
    glyphs: Grown,
    cells: Grown,
    overlays: Grown,
    atlas: Texture,
    thumbs: Texture,
    views: [TextureView; 3],
    samplers: [Sampler; 2],
    pub(super) bind_group: Option<BindGroup>,
    pub(super) counts: Counts,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) notes: u32,
    pub(super) twines: u32,
    pub(super) glyphs: u32,
    pub(super) overlays: u32,
}

/// How a step treats depth.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    Ignored,
    Written,
    Tested,
}

fn pipeline(
    cache: &PipelineCache,
    shader: &Handle<Shader>,
    layout: &BindGroupLayoutDescriptor,
    name: &'static str,
    strip: bool,
    depth: Depth,
) -> CachedRenderPipelineId {
    let opaque = depth == Depth::Written || name == "wall";
    cache.queue_render_pipeline(RenderPipelineDescriptor {
        label: Some(name.into()),
        layout: vec![layout.clone()],
        vertex: VertexState {
            shader: shader.clone(),
            entry_point: Some(format!("vs_{name}").into()),
            ..default()
        },
        fragment: Some(FragmentState {
            shader: shader.clone(),
            entry_point: Some(format!("fs_{name}").into()),
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
        primitive: PrimitiveState {
            topology: if strip {
                PrimitiveTopology::TriangleStrip
            } else {
                PrimitiveTopology::TriangleList
            },
            ..default()
        },
        ..default()
    })
}

pub(super) fn start(
    mut commands: Commands,
    device: Res<RenderDevice>,
    queue: Res<RenderQueue>,
    cache: Res<PipelineCache>,
    server: Res<AssetServer>,
) {
    let shader = server.add(Shader::from_wgsl(BOARD_WGSL, "board.wgsl"));
    let storage = || storage_buffer_read_only_sized(false, None);
    let layout = BindGroupLayoutDescriptor::new(
        "board",
        &BindGroupLayoutEntries::sequential(
            ShaderStages::VERTEX_FRAGMENT,
            (
                uniform_buffer_sized(false, None),
                uniform_buffer_sized(false, None),
                storage(),
                storage(),
                storage(),
                storage(),
                storage(),
                storage(),
                storage(),
                storage(),
                texture_2d(TextureSampleType::Float { filterable: true }),
                texture_2d_array(TextureSampleType::Float { filterable: true }),
                texture_2d(TextureSampleType::Float { filterable: true }),
                sampler(SamplerBindingType::Filtering),
                sampler(SamplerBindingType::Filtering),
            ),
        ),
    );
    let make = |name, strip, depth| pipeline(&cache, &shader, &layout, name, strip, depth);
    let pipelines = Pipelines {
        wall: make("wall", false, Depth::Ignored),
        note: make("note", true, Depth::Written),
        glyph: make("glyph", true, Depth::Tested),
        twine_shadow: make("twine_shadow", true, Depth::Tested),
        twine: make("twine", true, Depth::Tested),
        rim: make("rim", true, Depth::Tested),
        stub: make("stub", true, Depth::Tested),
        pin: make("pin", true, Depth::Tested),
        overlay: make("overlay", true, Depth::Ignored),
    };
    let texture = |label, edge: u32, layers: u32, format| {
        device.create_texture(&TextureDescriptor {
            label: Some(label),
            size: Extent3d { width: edge, height: edge, depth_or_array_layers: layers },
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format,
            usage: TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST,
            view_formats: &[],
        })
    };
    // Colours are mixed as they are written, so pictures are read without conversion too.
    let atlas = texture("atlas", ATLAS_PX, 1, TextureFormat::Rgba8Unorm);
    let pictures = texture("thumbs", thumbs::EDGE, thumbs::LAYERS, TextureFormat::Rgba8Unorm);
    let wall = texture("paper", paper::EDGE, 1, TextureFormat::Rgba8Unorm);
    write_texture(&queue, &wall, [0, 0, 0], paper::EDGE, &paper::texture());
    let flat = TextureViewDescriptor::default();
    let array =
        TextureViewDescriptor { dimension: Some(TextureViewDimension::D2Array), ..default() };
    let views = [atlas.create_view(&flat), pictures.create_view(&array), wall.create_view(&flat)];
    let sampler_of = |mode| {
        device.create_sampler(&SamplerDescriptor {
            address_mode_u: mode,
            address_mode_v: mode,
            mag_filter: FilterMode::Linear,
            min_filter: FilterMode::Linear,
            ..default()
        })
    };
    let samplers = [sampler_of(AddressMode::ClampToEdge), sampler_of(AddressMode::Repeat)];
    let buffer = |label, size| Grown::new(&device, label, size, BufferUsages::STORAGE);
    let uniform =
        |label, size: usize| Grown::new(&device, label, size as u64, BufferUsages::UNIFORM).buffer;
    commands.insert_resource(Gpu {
        layout,
        pipelines,
        view: uniform("view", size_of::<ViewGpu>()),
        palette: uniform("palette", size_of::<PaletteGpu>()),
        pages: buffer("pages", 1_024),
        notes: buffer("notes", 65_536),
        twines: buffer("twines", 32_768),
        visible_notes: buffer("visible notes", 8_192),
        visible_twines: buffer("visible twines", 8_192),
        glyphs: buffer("glyphs", 262_144),
        cells: buffer("cells", u64::from(CELLS_A_ROW * CELLS_A_ROW) * size_of::<CellGpu>() as u64),
        overlays: buffer("overlays", 4_096),
        atlas,
        thumbs: pictures,
        views,
        samplers,
        bind_group: None,
        counts: Counts::default(),
    });
}

fn write_texture(queue: &RenderQueue, texture: &Texture, at: [u32; 3], edge: u32, rgba: &[u8]) {
    if rgba.len() as u64 != u64::from(edge) * u64::from(edge) * 4 {
        return;
    }
    queue.write_texture(
        TexelCopyTextureInfo {
            texture,
            mip_level: 0,
            origin: Origin3d { x: at[0], y: at[1], z: at[2] },
            aspect: TextureAspect::All,
        },
        rgba,
        TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(4 * edge),
            rows_per_image: Some(edge),
        },
        Extent3d { width: edge, height: edge, depth_or_array_layers: 1 },
    );
}

pub(super) fn prepare(
    gpu: Option<ResMut<Gpu>>,
    mut frame: ResMut<Frame>,
    device: Res<RenderDevice>,
    queue: Res<RenderQueue>,
    cache: Res<PipelineCache>,
) {
    let Some(mut gpu) = gpu else { return };
    let gpu = &mut *gpu;
    let (Some(view), Some(palette)) = (frame.view, frame.palette) else { return };
    queue.write_buffer(&gpu.view, 0, bytes_of(&view));
    queue.write_buffer(&gpu.palette, 0, bytes_of(&palette));
    let uploads = std::mem::take(&mut frame.uploads);
    let note_bytes = u64::from(frame.note_capacity) * size_of::<NoteGpu>() as u64;
    let twine_bytes = u64::from(frame.twine_capacity) * size_of::<TwineGpu>() as u64;
    let mut grew = gpu.notes.reserve(&device, &queue, note_bytes, true);
    grew |= gpu.twines.reserve(&device, &queue, twine_bytes, true);
    for (from, records) in &uploads.notes {
        queue.write_buffer(
            &gpu.notes.buffer,
            u64::from(*from) * size_of::<NoteGpu>() as u64,
            cast_slice(records),
        );
    }
    for (from, records) in &uploads.twines {
        queue.write_buffer(
            &gpu.twines.buffer,
            u64::from(*from) * size_of::<TwineGpu>() as u64,
            cast_slice(records),
        );
    }
    for (cell, place, pixels) in &uploads.cells {
        queue.write_buffer(
            &gpu.cells.buffer,
            u64::from(*cell) * size_of::<CellGpu>() as u64,
            bytes_of(place),
        );
        let (column, row) = (u32::from(*cell) % CELLS_A_ROW, u32::from(*cell) / CELLS_A_ROW);
        write_texture(&queue, &gpu.atlas, [column * CELL_PX, row * CELL_PX, 0], CELL_PX, pixels);
    }
    for (layer, pixels) in &uploads.thumbs {
        write_texture(&queue, &gpu.thumbs, [0, 0, u32::from(*layer)], thumbs::EDGE, pixels);
    }
    // Empty storage buffers are not allowed: one record of nothing stands in.
    let pages: &[PageView] = &frame.pages;
    grew |= gpu.pages.set(&device, &queue, pages);
    grew |= gpu.visible_notes.set(&device, &queue, &frame.notes);
    grew |= gpu.visible_twines.set(&device, &queue, &frame.twines);
    let glyphs: &[GlyphGpu] = &frame.glyphs;
    grew |= gpu.glyphs.set(&device, &queue, glyphs);
    let overlays: &[OverlayGpu] = &frame.overlays;
    grew |= gpu.overlays.set(&device, &queue, overlays);
    gpu.counts = Counts {
        notes: frame.notes.len() as u32,
        twines: frame.twines.len() as u32,
        glyphs: frame.glyphs.len() as u32,
        overlays: frame.overlays.len() as u32,
    };
    if grew || gpu.bind_group.is_none() {
        let layout = cache.get_bind_group_layout(&gpu.layout);
        gpu.bind_group = Some(device.create_bind_group(
            "board",
            &layout,
            &BindGroupEntries::sequential((
                gpu.view.as_entire_binding(),
                gpu.palette.as_entire_binding(),
                gpu.pages.buffer.as_entire_binding(),
                gpu.notes.buffer.as_entire_binding(),
                gpu.twines.buffer.as_entire_binding(),
                gpu.visible_notes.buffer.as_entire_binding(),
                gpu.visible_twines.buffer.as_entire_binding(),
                gpu.glyphs.buffer.as_entire_binding(),
                gpu.cells.buffer.as_entire_binding(),
                gpu.overlays.buffer.as_entire_binding(),
                &gpu.views[0],
                &gpu.views[1],
                &gpu.views[2],
                &gpu.samplers[0],
                &gpu.samplers[1],
            )),
        ));
    }
}
