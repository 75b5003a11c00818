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
    /// Farthest view: all of the board, or an ordinary note as a dot.
    least_zoom: f64,
    glide: Option<Glide>,
    /// Views that were left by a jump, and those left by going back.
    left: [Vec<([f64; 2], f64)>; 2],
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
            least_zoom: space::DOT_ZOOM,
            glide: None,
            left: Default::default(),
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
            space::zoom_at(self.center, self.zoom, self.size, pointer, factor, self.least_zoom);
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

    /// Glides there and remembers where it came from.
    pub fn go_to(&mut self, center: [f64; 2], zoom: f64) {
        const MOST: usize = 100;
        let here = self.heading();
        let [back, forward] = &mut self.left;
        forward.clear();
        if back.last() != Some(&here) {
            back.push(here);
        }
        if back.len() > MOST {
            back.remove(0);
        }
        self.glide_to(center, zoom);
    }

    /// Where it is, or where it glides to.
    fn heading(&self) -> ([f64; 2], f64) {
        self.glide.as_ref().map_or((self.center, self.zoom), |glide| glide.to)
    }

    /// Goes to the view before the last jump, or forward again. False when there is none.
    pub fn go_back(&mut self, forward: bool) -> bool {
        let here = self.heading();
        let (from, to) = if forward { (1, 0) } else { (0, 1) };
        let Some((center, zoom)) = self.left[from].pop() else { return false };
        self.left[to].push(here);
        self.glide_to(center, zoom);
        true
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
    app.init_resource::<BoardCamera>().add_systems(
        Update,
        (follow_window, follow_board, advance).chain().in_set(crate::CanvasSystems::Layout),
    );
}

/// The farthest view follows the board: all of it, or an ordinary note as a dot.
fn follow_board(
    mut camera: ResMut<BoardCamera>,
    open: Res<crate::OpenBoard>,
    mut known: Local<Option<(u64, u64, [f64; 2])>>,
) {
    let now = (open.generation(), open.board().seq(), camera.size);
    if *known != Some(now) {
        *known = Some(now);
        let (_, fit) = camera.fitting(open.board().reach(), 1.0);
        camera.least_zoom = (fit * 0.7).min(space::DOT_ZOOM);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_left_by_jumps_come_back_in_order() {
        let mut camera = BoardCamera { reduced_motion: true, ..BoardCamera::default() };
        camera.go_to([10.0, 0.0], 0.5);
        camera.go_to([20.0, 0.0], 2.0);
        assert!(camera.go_back(false) && camera.center == [10.0, 0.0] && camera.zoom == 0.5);
        assert!(camera.go_back(false) && camera.center == [0.0, 0.0]);
        assert!(!camera.go_back(false));
        assert!(camera.go_back(true) && camera.go_back(true) && camera.center == [20.0, 0.0]);
        camera.go_back(false);
        camera.go_to([30.0, 0.0], 1.0);
        assert!(!camera.go_back(true), "a jump ends the way forward");
    }
}
