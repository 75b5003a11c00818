//! Between the wall and the window. Pure f64.

use oto_board::geom::Rect;

/// An ordinary note is a readable dot: the farthest view of a small board.
pub(super) const DOT_ZOOM: f64 = 0.02;
/// Farthest view of all: ten million notes side by side fit into a window.
pub const MIN_ZOOM: f64 = 0.000_5;
/// Nearest view.
pub const MAX_ZOOM: f64 = 8.0;

pub(super) fn screen_from_world(
    center: [f64; 2],
    zoom: f64,
    size: [f64; 2],
    p: [f64; 2],
) -> [f64; 2] {
    [(p[0] - center[0]) * zoom + size[0] / 2.0, (p[1] - center[1]) * zoom + size[1] / 2.0]
}

pub(super) fn world_from_screen(
    center: [f64; 2],
    zoom: f64,
    size: [f64; 2],
    p: [f64; 2],
) -> [f64; 2] {
    [(p[0] - size[0] / 2.0) / zoom + center[0], (p[1] - size[1] / 2.0) / zoom + center[1]]
}

pub(super) fn zoom_at(
    center: [f64; 2],
    zoom: f64,
    size: [f64; 2],
    pointer: [f64; 2],
    factor: f64,
    least: f64,
) -> ([f64; 2], f64) {
    let held = world_from_screen(center, zoom, size, pointer);
    let zoom = (zoom * factor).clamp(least.max(MIN_ZOOM), MAX_ZOOM);
    let moved = world_from_screen(center, zoom, size, pointer);
    ([center[0] + held[0] - moved[0], center[1] + held[1] - moved[1]], zoom)
}

pub(super) fn fitting(rect: Rect, size: [f64; 2], insets: [f64; 4], most: f64) -> ([f64; 2], f64) {
    if rect.is_empty() {
        return ([0.0, 0.0], 1.0);
    }
    let free = [
        (size[0] - insets[0] - insets[2]).max(size[0] * 0.2),
        (size[1] - insets[1] - insets[3]).max(size[1] * 0.2),
    ];
    let [w, h] = rect.grown(48.0).size();
    let zoom = (free[0] / w).min(free[1] / h).min(most).clamp(MIN_ZOOM, MAX_ZOOM);
    let center = rect.center();
    // The middle of the free part, not of the window.
    let shift = [(insets[2] - insets[0]) / 2.0 / zoom, (insets[3] - insets[1]) / 2.0 / zoom];
    ([center[0] + shift[0], center[1] + shift[1]], zoom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_the_pointer_stays_there() {
        let size = [1280.0, 800.0];
        let mut view = ([1e9, -3e8], 1.0);
        for i in 0..200 {
            let pointer = [f64::from(i * 37 % 1280), f64::from(i * 91 % 800)];
            let before = world_from_screen(view.0, view.1, size, pointer);
            view = zoom_at(view.0, view.1, size, pointer, if i % 3 == 0 { 0.7 } else { 1.2 }, 0.02);
            let after = world_from_screen(view.0, view.1, size, pointer);
            assert!(
                (before[0] - after[0]).abs() * view.1 < 1e-3
                    && (before[1] - after[1]).abs() * view.1 < 1e-3
            );
            let back = screen_from_world(view.0, view.1, size, after);
            assert!((back[0] - pointer[0]).abs() < 1e-3);
        }
    }

    #[test]
    fn a_fitted_rectangle_lies_in_the_free_part() {
        let rect = Rect::from_corners([-500.0, -100.0], [900.0, 700.0]);
        let (size, insets) = ([1280.0, 800.0], [90.0, 60.0, 340.0, 40.0]);
        let (center, zoom) = fitting(rect, size, insets, 1.0);
        let low = screen_from_world(center, zoom, size, rect.min);
        let high = screen_from_world(center, zoom, size, rect.max);
        assert!(low[0] >= 90.0 && low[1] >= 60.0 && high[0] <= 940.0 && high[1] <= 760.0);
    }
}
