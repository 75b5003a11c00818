//! Buffers, textures and their bindings. Made at start, and again when a lost device comes back.

use std::num::NonZero;

use bevy::asset::AssetServer;
use bevy::core_pipeline::core_2d::CORE_2D_DEPTH_FORMAT;
use bevy::prelude::*;
use bevy::render::render_resource::binding_types::{
    sampler, storage_buffer_read_only_sized, texture_2d, texture_2d_array, uniform_buffer_sized,
};
use bevy::render::render_resource::*;
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bevy::shader::Shader;
use oto_shaders::{BOARD_WGSL, CellGpu, MAX_TILES, PaletteGpu, TileGpu, ViewGpu};

use super::frame::FAR_LAYERS;
use super::grown::Grown;
use super::paper;
use super::pipelines::{Pipelines, TARGET};
use crate::counters::Counters;
use crate::text::{ATLAS_LAYERS, CELLS_A_LAYER};
use crate::thumbs;
use crate::tiles::TILE_PX;

const ATLAS_PX: u32 = 2_048;
/// Colours are mixed as they are written, so pictures are read without conversion too.
const PICTURE: TextureFormat = TextureFormat::Rgba8Unorm;
/// Distance of two views in their buffer.
pub(super) const VIEW_STRIDE: u64 = 512;

/// Layers after those of the tiles, in which the wall alone is kept: it repeats after two tiles.
pub(super) const WALLS: u32 = 4;

/// A texture with the view that shaders read.
pub(super) struct Image2d {
    pub(super) texture: Texture,
    view: TextureView,
}

/// Tiles: one layer each, and a view of every layer to draw into.
pub(super) struct TileTexture {
    pub(super) texture: Texture,
    pub(super) layers: Vec<TextureView>,
    pub(super) depth: TextureView,
    pub(super) bind_group: BindGroup,
}

/// What the window shows, before it goes to the camera's texture.
pub(super) struct Screen {
    pub(super) texture: Texture,
    pub(super) view: TextureView,
    pub(super) depth: TextureView,
}

#[derive(Resource)]
pub(super) struct Gpu {
    layout: BindGroupLayoutDescriptor,
    tile_layout: BindGroupLayoutDescriptor,
    pub(super) pipelines: Pipelines,
    pub(super) views: Grown,
    pub(super) palette: Buffer,
    pub(super) tile_list: Buffer,
    pub(super) pages: Grown,
    pub(super) notes: Grown,
    pub(super) twines: Grown,
    pub(super) visible_notes: Grown,
    pub(super) visible_twines: Grown,
    pub(super) glyphs: Grown,
    pub(super) cells: Grown,
    pub(super) overlays: Grown,
    pub(super) atlas: Image2d,
    pub(super) large: Image2d,
    pub(super) small: Image2d,
    pub(super) far: Image2d,
    wall: Image2d,
    samplers: [Sampler; 2],
    pub(super) bind_group: Option<BindGroup>,
    pub(super) tiles: Option<TileTexture>,
    pub(super) screen: Option<Screen>,
}

fn image(
    device: &RenderDevice,
    label: &'static str,
    edge: u32,
    layers: u32,
    format: TextureFormat,
) -> Image2d {
    let texture = device.create_texture(&TextureDescriptor {
        label: Some(label),
        size: Extent3d { width: edge, height: edge, depth_or_array_layers: layers },
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format,
        usage: TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let dimension = if format == TextureFormat::R8Unorm {
        TextureViewDimension::D2
    } else {
        TextureViewDimension::D2Array
    };
    let view =
        texture.create_view(&TextureViewDescriptor { dimension: Some(dimension), ..default() });
    Image2d { texture, view }
}

fn layouts() -> [BindGroupLayoutDescriptor; 2] {
    let storage = || storage_buffer_read_only_sized(false, None);
    let array = || texture_2d_array(TextureSampleType::Float { filterable: true });
    let stages = ShaderStages::VERTEX_FRAGMENT;
    let board = BindGroupLayoutEntries::sequential(
        stages,
        (
            uniform_buffer_sized(true, NonZero::new(size_of::<ViewGpu>() as u64)),
            uniform_buffer_sized(false, None),
            storage(),
            storage(),
            storage(),
            storage(),
            storage(),
            storage(),
            storage(),
            storage(),
            array(),
            array(),
            texture_2d(TextureSampleType::Float { filterable: true }),
            sampler(SamplerBindingType::Filtering),
            sampler(SamplerBindingType::Filtering),
            array(),
            array(),
        ),
    );
    let tiles =
        BindGroupLayoutEntries::sequential(stages, (uniform_buffer_sized(false, None), array()));
    [
        BindGroupLayoutDescriptor::new("board", &board),
        BindGroupLayoutDescriptor::new("tiles", &tiles),
    ]
}

pub(super) fn start(
    mut commands: Commands,
    device: Res<RenderDevice>,
    queue: Res<RenderQueue>,
    cache: Res<PipelineCache>,
    server: Res<AssetServer>,
    counters: Res<Counters>,
) {
    let shader = server.add(Shader::from_wgsl(BOARD_WGSL, "board.wgsl"));
    let [layout, tile_layout] = layouts();
    let pipelines = Pipelines::new(&cache, &shader, &layout, &tile_layout);
    let wall = image(&device, "paper", paper::EDGE, 1, TextureFormat::R8Unorm);
    write_square(&queue, &wall.texture, [0; 3], paper::EDGE, &paper::texture());
    let sampler_of = |mode| {
        device.create_sampler(&SamplerDescriptor {
            address_mode_u: mode,
            address_mode_v: mode,
            mag_filter: FilterMode::Linear,
            min_filter: FilterMode::Linear,
            ..default()
        })
    };
    let buffer = |label, size| Grown::new(&device, label, size, BufferUsages::STORAGE);
    let uniform =
        |label, size: usize| Grown::new(&device, label, size as u64, BufferUsages::UNIFORM).buffer;
    let n_cells = u64::from(CELLS_A_LAYER * ATLAS_LAYERS);
    commands.insert_resource(Gpu {
        layout,
        tile_layout,
        pipelines,
        views: Grown::new(&device, "views", VIEW_STRIDE * 8, BufferUsages::UNIFORM),
        palette: uniform("palette", size_of::<PaletteGpu>()),
        tile_list: uniform("tile list", size_of::<TileGpu>() * MAX_TILES),
        pages: buffer("pages", 4_096),
        notes: buffer("notes", 65_536),
        twines: buffer("twines", 32_768),
        visible_notes: buffer("visible notes", 8_192),
        visible_twines: buffer("visible twines", 8_192),
        glyphs: buffer("glyphs", 262_144),
        cells: buffer("cells", n_cells * size_of::<CellGpu>() as u64),
        overlays: buffer("overlays", 4_096),
        atlas: image(&device, "atlas", ATLAS_PX, ATLAS_LAYERS, PICTURE),
        large: image(&device, "large pictures", thumbs::LARGE_EDGE, thumbs::LARGE_LAYERS, PICTURE),
        small: image(
            &device,
            "small pictures",
            thumbs::SMALL_EDGE * thumbs::SMALL_ACROSS,
            thumbs::SMALL_LAYERS,
            PICTURE,
        ),
        far: image(&device, "far layers", TILE_PX, FAR_LAYERS, PICTURE),
        wall,
        samplers: [sampler_of(AddressMode::ClampToEdge), sampler_of(AddressMode::Repeat)],
        bind_group: None,
        tiles: None,
        screen: None,
    });
    counters.new_device();
}

/// Writes a square of pixels; other sizes are left alone.
pub(super) fn write_square(
    queue: &RenderQueue,
    texture: &Texture,
    at: [u32; 3],
    edge: u32,
    rgba: &[u8],
) {
    let texel = if texture.format() == TextureFormat::R8Unorm { 1 } else { 4 };
    if rgba.len() as u64 != u64::from(edge) * u64::from(edge) * u64::from(texel) {
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
            bytes_per_row: Some(texel * edge),
            rows_per_image: Some(edge),
        },
        Extent3d { width: edge, height: edge, depth_or_array_layers: 1 },
    );
}

/// A texture that is drawn into, sampled and copied from and to.
fn target(
    device: &RenderDevice,
    label: &'static str,
    size: [u32; 2],
    layers: u32,
    format: TextureFormat,
) -> Texture {
    let mut usage = TextureUsages::RENDER_ATTACHMENT;
    if format == TARGET {
        usage |= TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_SRC | TextureUsages::COPY_DST;
    }
    device.create_texture(&TextureDescriptor {
        label: Some(label),
        size: Extent3d { width: size[0], height: size[1], depth_or_array_layers: layers },
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}

impl Gpu {
    /// A screen of this size.
    pub(super) fn reserve_screen(&mut self, device: &RenderDevice, size: [u32; 2]) {
        let has = self.screen.as_ref().map(|s| [s.texture.width(), s.texture.height()]);
        if has == Some(size) || size.contains(&0) {
            return;
        }
        let texture = target(device, "screen", size, 1, TARGET);
        let depth = target(device, "screen depth", size, 1, CORE_2D_DEPTH_FORMAT);
        let view = |texture: &Texture| texture.create_view(&TextureViewDescriptor::default());
        self.screen = Some(Screen { view: view(&texture), depth: view(&depth), texture });
    }

    /// Room for this many tiles; what was in them is lost when it changes.
    pub(super) fn reserve_tiles(&mut self, device: &RenderDevice, cache: &PipelineCache, n: u32) {
        let has = self.tiles.as_ref().map_or(0, |t| t.layers.len() as u32);
        let n = if n == 0 { 0 } else { n + WALLS };
        if n == 0 || n == has {
            return;
        }
        let texture = target(device, "tiles", [TILE_PX; 2], n, TARGET);
        let depth = target(device, "tile depth", [TILE_PX; 2], 1, CORE_2D_DEPTH_FORMAT);
        let layer = |index| {
            texture.create_view(&TextureViewDescriptor {
                dimension: Some(TextureViewDimension::D2),
                base_array_layer: index,
                array_layer_count: Some(1),
                ..default()
            })
        };
        let all = texture.create_view(&TextureViewDescriptor {
            dimension: Some(TextureViewDimension::D2Array),
            ..default()
        });
        let bind_group = device.create_bind_group(
            "tiles",
            &cache.get_bind_group_layout(&self.tile_layout),
            &BindGroupEntries::sequential((self.tile_list.as_entire_binding(), &all)),
        );
        self.tiles = Some(TileTexture {
            layers: (0..n).map(layer).collect(),
            depth: depth.create_view(&TextureViewDescriptor::default()),
            texture,
            bind_group,
        });
    }

    /// Binds buffers that may be others now.
    pub(super) fn bind(&mut self, device: &RenderDevice, cache: &PipelineCache) {
        let layout = cache.get_bind_group_layout(&self.layout);
        let view = BufferBinding {
            buffer: &self.views.buffer,
            offset: 0,
            size: NonZero::new(size_of::<ViewGpu>() as u64),
        };
        self.bind_group = Some(device.create_bind_group(
            "board",
            &layout,
            &BindGroupEntries::sequential((
                BindingResource::Buffer(view),
                self.palette.as_entire_binding(),
                self.pages.buffer.as_entire_binding(),
                self.notes.buffer.as_entire_binding(),
                self.twines.buffer.as_entire_binding(),
                self.visible_notes.buffer.as_entire_binding(),
                self.visible_twines.buffer.as_entire_binding(),
                self.glyphs.buffer.as_entire_binding(),
                self.cells.buffer.as_entire_binding(),
                self.overlays.buffer.as_entire_binding(),
                &self.atlas.view,
                &self.large.view,
                &self.wall.view,
                &self.samplers[0],
                &self.samplers[1],
                &self.small.view,
                &self.far.view,
            )),
        ));
    }
}
