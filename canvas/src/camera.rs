//! Where the window looks. The model is f64; the transform of Bevy's camera stays the identity.

mod space;

use bevy::prelude::*;
use oto_board::geom::Rect;

pub use space::{MAX_ZOOM, MIN_ZOOM};

/// How long a jump takes, in seconds.
const GLIDE_SECS: f64 = 0.18;

/// The view of the board.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct BoardCamera {
    /// Middle of the window, world units.
    pub center: [f64; 2],
    /// Logical pixels a world unit.
    pub zoom: f64,
    /// Window in logical pixels.
    pub size: [f64; 2],
    /// Physical pixels a logical pixel.
    pub scale_factor: f64,
    /// Logical pixels covered by panels: left, top, right, bottom.
    pub insets: [f64; 4],
    /// No glides.
    pub reduced_motion: bool,
    glide: Option<Glide>,
}

#[derive(Debug, Clone, PartialEq)]
struct Glide {
    from: ([f64; 2], f64),
    to: ([f64; 2], f64),
    done: f64,
}

impl Default for BoardCamera {
    fn default() -> Self {
        Self {
            center: [0.0; 2],
            zoom: 1.0,
            size: [1280.0, 800.0],
            scale_factor: 1.0,
            insets: [0.0; 4],
            reduced_motion: false,
            glide: None,
        }
    }
}

impl BoardCamera {
    /// The whole wall at 100 % in a window of this size in pixels.
    #[must_use]
    pub fn for_size(size: [f64; 2]) -> Self {
        Self { size, ..Self::default() }
    }

    /// A point of the wall in logical pixels.
    #[must_use]
    pub fn screen_from_world(&self, p: [f64; 2]) -> [f64; 2] {
        space::screen_from_world(self.center, self.zoom, self.size, p)
    }

    /// A logical pixel on the wall.
    #[must_use]
    pub fn world_from_screen(&self, p: [f64; 2]) -> [f64; 2] {
        space::world_from_screen(self.center, self.zoom, self.size, p)
    }

    /// What the window shows.
    #[must_use]
    pub fn view(&self) -> Rect {
        Rect::from_center_size(self.center, [self.size[0] / self.zoom, self.size[1] / self.zoom])
    }

    /// Zooms so that the point under the pointer stays there.
    pub fn zoom_at(&mut self, pointer: [f64; 2], factor: f64) {
        self.glide = None;
        (self.center, self.zoom) =
            space::zoom_at(self.center, self.zoom, self.size, pointer, factor);
    }

    /// Moves the view with the hand: by logical pixels.
    pub fn pan(&mut self, by: [f64; 2]) {
        self.glide = None;
        self.center[0] -= by[0] / self.zoom;
        self.center[1] -= by[1] / self.zoom;
    }

    /// Looks here from the next frame on, without a glide.
    pub fn jump(&mut self, center: [f64; 2], zoom: f64) {
        self.glide = None;
        self.center = center;
        self.zoom = zoom.clamp(MIN_ZOOM, MAX_ZOOM);
    }

    /// Glides there.
    pub fn glide_to(&mut self, center: [f64; 2], zoom: f64) {
        let zoom = zoom.clamp(MIN_ZOOM, MAX_ZOOM);
        if self.reduced_motion {
            self.jump(center, zoom);
        } else {
            self.glide =
                Some(Glide { from: (self.center, self.zoom), to: (center, zoom), done: 0.0 });
        }
    }

    /// Where a rectangle fills the part of the window that panels leave free.
    #[must_use]
    pub fn fitting(&self, rect: Rect, most: f64) -> ([f64; 2], f64) {
        space::fitting(rect, self.size, self.insets, most)
    }

    /// True while a glide is under way.
    #[must_use]
    pub fn is_gliding(&self) -> bool {
        self.glide.is_some()
    }

    fn advance(&mut self, secs: f64) {
        let Some(glide) = &mut self.glide else { return };
        glide.done = (glide.done + secs / GLIDE_SECS).min(1.0);
        let eased = 1.0 - (1.0 - glide.done).powi(3);
        let (from, to) = (glide.from, glide.to);
        self.zoom = from.1 * (to.1 / from.1).powf(eased);
        let mix = |i: usize| from.0[i] + (to.0[i] - from.0[i]) * eased;
        self.center = [mix(0), mix(1)];
        if glide.done >= 1.0 {
            self.glide = None;
        }
    }
}

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<BoardCamera>()
        .add_systems(Update, (follow_window, advance).chain().in_set(crate::CanvasSystems::Layout));
}

fn follow_window(mut camera: ResMut<BoardCamera>, window: Option<Single<&Window>>) {
    let Some(window) = window else { return };
    let size = [f64::from(window.width()), f64::from(window.height())];
    let scale_factor = f64::from(window.scale_factor());
    if size[0] >= 1.0
        && size[1] >= 1.0
        && (camera.size != size || camera.scale_factor != scale_factor)
    {
        camera.size = size;
        camera.scale_factor = scale_factor;
    }
}

fn advance(
    mut camera: ResMut<BoardCamera>,
    time: Res<Time<Real>>,
    mut redraw: MessageWriter<bevy::window::RequestRedraw>,
) {
    if camera.is_gliding() {
        // After a sleep the first step is a frame, not the whole sleep.
        camera.advance(time.delta_secs_f64().min(0.033));
        redraw.write(bevy::window::RequestRedraw);
    }
}
