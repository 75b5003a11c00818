//! A picture of a region without a window, by the same renderer: `oto shot`, and image tests.

use std::sync::{Arc, Mutex, PoisonError};

use bevy::asset::RenderAssetUsages;
use bevy::camera::RenderTarget;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::render_resource::{
    Extent3d, PollType, TextureDimension, TextureFormat, TextureUsages,
};
use bevy::render::renderer::RenderDevice;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::window::ExitCondition;
use bevy::winit::WinitPlugin;
use oto_board::{AssetId, Board, History};

use crate::text::Texts;
use crate::{
    BoardCamera, CanvasPlugin, Fonts, Lit, MakingLooks, Mint, OpenBoard, Palette, Thumb, Thumbs,
};

/// What to take a picture of.
pub struct Still {
    /// The board.
    pub board: Board,
    /// Size of the picture in pixels.
    pub size_px: [u32; 2],
    /// Middle and pixels a unit; the whole board when none.
    pub view: Option<([f64; 2], f64)>,
    /// Faces.
    pub fonts: Fonts,
    /// Colours.
    pub palette: Palette,
    /// Words on ghosts.
    pub making: MakingLooks,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StillError {
    /// No graphics adapter, not even a software one.
    NoAdapter,
    /// The picture did not arrive.
    NoPicture,
    /// The picture is of one colour although the view holds notes.
    Blank,
}

impl std::fmt::Display for StillError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoAdapter => "there is no graphics driver; on Linux install mesa-vulkan-drivers for software drawing",
            Self::NoPicture => "the graphics driver gave no picture; try again with a smaller size",
            Self::Blank => "the picture stayed empty although there are notes in it; try again",
        })
    }
}

impl std::error::Error for StillError {}

/// Frames drawn at most while words and pictures arrive.
const MOST_FRAMES: u32 = 1_500;

/// Takes the picture: packed RGBA. `pixels` brings the pictures of assets, or none.
///
/// # Errors
/// When there is no adapter, or no picture comes of it.
pub fn shoot(
    still: Still,
    mut pixels: impl FnMut(AssetId) -> Option<Thumb>,
) -> Result<Vec<u8>, StillError> {
    let [width, height] = still.size_px;
    let mut app = App::new();
    app.add_plugins(
        DefaultPlugins
            .build()
            .set(WindowPlugin {
                primary_window: None,
                exit_condition: ExitCondition::DontExit,
                ..default()
            })
            .set(RenderPlugin { synchronous_pipeline_compilation: true, ..default() })
            .disable::<bevy::log::LogPlugin>()
            .disable::<WinitPlugin>()
            .disable::<PipelinedRenderingPlugin>(),
    );
    let mint = Mint { id: Arc::new(|| 0), now_ms: Arc::new(|| 0) };
    app.add_plugins(CanvasPlugin {
        fonts: still.fonts,
        palette: still.palette,
        mint,
        wake: Arc::new(|| {}),
    });
    app.finish();
    app.cleanup();
    if app.world().get_resource::<RenderDevice>().is_none() {
        return Err(StillError::NoAdapter);
    }
    let n_notes = still.board.n_notes();
    let mut camera = BoardCamera::for_size([f64::from(width), f64::from(height)]);
    let (center, zoom) = still.view.unwrap_or_else(|| camera.fitting(still.board.bounds(), 1.6));
    camera.jump(center, zoom);
    let world = app.world_mut();
    let in_view = still.board.notes_in(camera.view()).len();
    world.insert_resource(camera);
    world.insert_resource(still.making);
    world.init_resource::<Lit>();
    world.resource_mut::<OpenBoard>().put(still.board, History::default());
    let mut image = Image::new_uninit(
        Extent3d { width, height, depth_or_array_layers: 1 },
        TextureDimension::D2,
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::RENDER_WORLD,
    );
    image.texture_descriptor.usage |= TextureUsages::RENDER_ATTACHMENT | TextureUsages::COPY_SRC;
    let target = world.resource_mut::<Assets<Image>>().add(image);
    world.spawn((Camera2d, Msaa::Off, RenderTarget::from(target.clone())));

    let mut settled = 0;
    for _ in 0..MOST_FRAMES {
        step(&mut app);
        let wanted = app.world_mut().resource_mut::<Thumbs>().take_wanted();
        for asset in wanted {
            let mut thumbs = app.world_mut().resource_mut::<Thumbs>();
            match pixels(asset) {
                Some(thumb) => thumbs.fill(asset, &thumb),
                None => thumbs.give_up(asset),
            }
        }
        let waiting = app.world().resource::<Texts>().is_waiting()
            || app.world().resource::<Thumbs>().is_waiting();
        settled = if waiting { 0 } else { settled + 1 };
        if settled > 3 {
            break;
        }
        if waiting {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
    let taken: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
    let out = Arc::clone(&taken);
    app.world_mut().spawn(Screenshot::image(target)).observe(
        move |shot: On<'_, '_, ScreenshotCaptured>| {
            *out.lock().unwrap_or_else(PoisonError::into_inner) = shot.image.data.clone();
        },
    );
    for _ in 0..60 {
        step(&mut app);
        if let Some(rgba) = taken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let first = rgba.get(..4).map(<[u8]>::to_vec);
            let blank = rgba.chunks_exact(4).all(|p| Some(p) == first.as_deref());
            if blank && in_view > 0 && n_notes > 0 {
                return Err(StillError::Blank);
            }
            return Ok(rgba);
        }
    }
    Err(StillError::NoPicture)
}

fn step(app: &mut App) {
    app.update();
    if let Some(device) = app.world().get_resource::<RenderDevice>() {
        // A device that is gone shows as a missing picture.
        device.wgpu_device().poll(PollType::Wait { submission_index: None, timeout: None }).ok();
    }
}
