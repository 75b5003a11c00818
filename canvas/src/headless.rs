//! The renderer without a window: still pictures of a region for `oto shot` and image tests, and
//! frames one after the other for `oto bench`.

use std::sync::{Arc, Mutex, PoisonError};

use bevy::asset::RenderAssetUsages;
use bevy::camera::{CameraOutputMode, NormalizedRenderTarget, RenderTarget};
use bevy::core_pipeline::Core2d;
use bevy::core_pipeline::upscaling::upscaling;
use bevy::prelude::*;
use bevy::render::camera::ExtractedCamera;
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{
    Extent3d, PollType, TextureDimension, TextureFormat, TextureUsages,
};
use bevy::render::renderer::{RenderAdapterInfo, RenderContext, RenderDevice, ViewQuery};
use bevy::render::texture::GpuImage;
use bevy::render::view::ViewTarget;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::render::{RenderApp, RenderPlugin};
use bevy::window::ExitCondition;
use bevy::winit::WinitPlugin;
use oto_board::{Board, History};

use crate::text::Texts;
use crate::{
    BoardCamera, CanvasPlugin, Counters, Fonts, MakingLooks, Mint, OpenBoard, Palette, Quality,
    Thumb, Thumbs, Wish, board_camera,
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

/// The renderer with an image in place of a window.
pub struct Studio {
    app: App,
    target: Handle<Image>,
    camera: Entity,
}

impl Studio {
    /// Starts it with an empty board.
    ///
    /// # Errors
    /// When there is no adapter.
    pub fn new(size_px: [u32; 2], fonts: Fonts, palette: Palette) -> Result<Self, StillError> {
        let [width, height] = size_px;
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
        let ids = std::sync::atomic::AtomicU64::new(1 << 40);
        let mint = Mint {
            id: Arc::new(move || {
                u128::from(ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
            }),
            now_ms: Arc::new(|| 0),
        };
        app.add_plugins(CanvasPlugin { fonts, palette, mint, wake: Arc::new(|| {}) });
        app.finish();
        app.cleanup();
        if app.world().get_resource::<RenderDevice>().is_none() {
            return Err(StillError::NoAdapter);
        }
        let world = app.world_mut();
        world.insert_resource(BoardCamera::for_size([f64::from(width), f64::from(height)]));
        let mut image = Image::new_uninit(
            Extent3d { width, height, depth_or_array_layers: 1 },
            TextureDimension::D2,
            TextureFormat::Rgba8UnormSrgb,
            RenderAssetUsages::RENDER_WORLD,
        );
        image.texture_descriptor.usage |=
            TextureUsages::RENDER_ATTACHMENT | TextureUsages::COPY_SRC | TextureUsages::COPY_DST;
        let target = world.resource_mut::<Assets<Image>>().add(image);
        let camera = world.spawn((board_camera(), RenderTarget::from(target.clone()))).id();
        if let Some(render) = app.get_sub_app_mut(RenderApp) {
            render.add_systems(Core2d, copy_out.after(upscaling));
        }
        let mut studio = Self { app, target, camera };
        studio.blit(false);
        Ok(studio)
    }

    /// Whether Bevy's pass takes the frame to the image, which the taking of a picture needs, or a
    /// plain copy, which is all that equal formats need.
    fn blit(&mut self, blit: bool) {
        if let Some(mut camera) = self.app.world_mut().get_mut::<Camera>(self.camera) {
            let skip = (CameraOutputMode::Skip, ClearColorConfig::None);
            (camera.output_mode, camera.clear_color) = if blit { default() } else { skip };
        }
    }

    /// Puts a board in place.
    pub fn open(&mut self, board: Board) {
        self.app.world_mut().resource_mut::<OpenBoard>().put(board, History::default());
    }

    /// The board in place.
    #[must_use]
    pub fn board(&self) -> &Board {
        self.app.world().resource::<OpenBoard>().board()
    }

    /// Looks here: middle in world units and pixels a unit.
    pub fn look(&mut self, center: [f64; 2], zoom: f64) {
        self.app.world_mut().resource_mut::<BoardCamera>().jump(center, zoom);
    }

    /// The view.
    #[must_use]
    pub fn camera(&self) -> &BoardCamera {
        self.app.world().resource::<BoardCamera>()
    }

    /// How frames are drawn from now on.
    pub fn set_quality(&mut self, quality: Quality) {
        self.app.world_mut().insert_resource(quality);
    }

    /// Sends a message to the canvas: an edit, for one.
    pub fn send<M: Message>(&mut self, message: M) {
        self.app.world_mut().write_message(message);
    }

    /// Sets what only the app knows: what is lit, selected, being made.
    pub fn set<R: Resource>(&mut self, resource: R) {
        self.app.world_mut().insert_resource(resource);
    }

    /// What drawing took so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.app.world().resource::<Counters>().clone()
    }

    /// Name and kind of the adapter.
    #[must_use]
    pub fn adapter(&self) -> String {
        self.app
            .world()
            .get_resource::<RenderAdapterInfo>()
            .map_or_else(String::new, |a| format!("{} ({:?})", a.name, a.device_type))
    }

    /// Gives the graphics device up, as a driver does that crashes.
    pub fn lose_device(&mut self) {
        if let Some(device) = self.app.world().get_resource::<RenderDevice>() {
            device.wgpu_device().destroy();
        }
    }

    /// Draws one frame and waits for the GPU.
    pub fn step(&mut self) {
        self.app.update();
        if let Some(device) = self.app.world().get_resource::<RenderDevice>() {
            // A device that is gone shows as a missing picture.
            device
                .wgpu_device()
                .poll(PollType::Wait { submission_index: None, timeout: None })
                .ok();
        }
        self.blit(false);
    }

    /// Pictures that the last frames wanted; each is told once.
    pub fn take_wanted(&mut self) -> Vec<Wish> {
        self.app.world_mut().resource_mut::<Thumbs>().take_wanted()
    }

    /// Brings a picture, or says that there is none.
    pub fn fill(&mut self, wish: Wish, thumb: Option<&Thumb>) {
        let mut thumbs = self.app.world_mut().resource_mut::<Thumbs>();
        match thumb {
            Some(thumb) => thumbs.fill(wish, thumb),
            None => thumbs.give_up(wish),
        }
    }

    /// True while words or pictures in view are not there yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        let world = self.app.world();
        world.resource::<Texts>().is_waiting() || world.resource::<Thumbs>().is_waiting()
    }

    /// Draws until everything in view is there. How many frames it took.
    pub fn settle(&mut self, pixels: &mut dyn FnMut(Wish) -> Option<Thumb>) -> u32 {
        let mut settled = 0;
        for frame in 0..MOST_FRAMES {
            let before = self.counters().now().tiles_baked;
            self.step();
            for wish in self.take_wanted() {
                let thumb = pixels(wish);
                self.fill(wish, thumb.as_ref());
            }
            let busy = self.is_waiting() || self.counters().now().tiles_baked != before;
            settled = if busy { 0 } else { settled + 1 };
            if settled > 4 {
                return frame;
            }
            if self.is_waiting() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        MOST_FRAMES
    }

    /// The next frame will be taken as a picture; it arrives in the slot a frame or two later.
    pub fn expect_picture(&mut self) -> Arc<Mutex<Option<Vec<u8>>>> {
        self.blit(true);
        let taken: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
        let out = Arc::clone(&taken);
        self.app.world_mut().spawn(Screenshot::image(self.target.clone())).observe(
            move |shot: On<'_, '_, ScreenshotCaptured>| {
                *out.lock().unwrap_or_else(PoisonError::into_inner) = shot.image.data.clone();
            },
        );
        taken
    }

    /// The picture as packed RGBA; draws a frame or two more.
    ///
    /// # Errors
    /// When it does not arrive.
    pub fn picture(&mut self) -> Result<Vec<u8>, StillError> {
        let taken = self.expect_picture();
        for _ in 0..60 {
            self.step();
            if let Some(rgba) = taken.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Ok(rgba);
            }
        }
        Err(StillError::NoPicture)
    }
}

/// Copies what the camera sees to the image, where no pass does.
fn copy_out(
    view: ViewQuery<'_, '_, (&ExtractedCamera, &ViewTarget)>,
    images: Res<RenderAssets<GpuImage>>,
    mut context: RenderContext<'_, '_>,
) {
    let (camera, view) = view.into_inner();
    let (CameraOutputMode::Skip, Some(NormalizedRenderTarget::Image(target))) =
        (&camera.output_mode, &camera.target)
    else {
        return;
    };
    if let Some(image) = images.get(&target.handle) {
        let from = view.main_texture().as_image_copy();
        context.command_encoder().copy_texture_to_texture(
            from,
            image.texture.as_image_copy(),
            view.main_texture().size(),
        );
    }
}

/// Takes the picture: packed RGBA. `pixels` brings the pictures of assets, or none.
///
/// # Errors
/// When there is no adapter, or no picture comes of it.
pub fn shoot(
    still: Still,
    mut pixels: impl FnMut(Wish) -> Option<Thumb>,
) -> Result<Vec<u8>, StillError> {
    let mut studio = Studio::new(still.size_px, still.fonts, still.palette)?;
    let (center, zoom) =
        still.view.unwrap_or_else(|| studio.camera().fitting(still.board.bounds(), 1.6));
    studio.look(center, zoom);
    studio.set_quality(Quality::Full { snapped: true, thinned: false });
    studio.set(still.making);
    let has_notes = !still.board.notes_in(studio.camera().view()).is_empty();
    studio.open(still.board);
    studio.settle(&mut pixels);
    let rgba = studio.picture()?;
    let first = rgba.get(..4);
    let blank = rgba.chunks_exact(4).all(|p| Some(p) == first);
    if blank && has_notes { Err(StillError::Blank) } else { Ok(rgba) }
}
