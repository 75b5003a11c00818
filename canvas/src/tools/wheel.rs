//! Wheel and trackpad. Zoom is proportional to the movement, never a fixed step.

use bevy::input::gestures::PinchGesture;
use bevy::input::mouse::{MouseScrollUnit, MouseWheel};
use bevy::prelude::*;

use crate::{BoardCamera, Gate};

/// Logical pixels of a wheel's notch.
const NOTCH: f64 = 53.0;

pub(super) fn wheel(
    mut wheels: MessageReader<MouseWheel>,
    mut pinches: MessageReader<PinchGesture>,
    keys: Res<ButtonInput<KeyCode>>,
    gate: Res<Gate>,
    window: Option<Single<&Window>>,
    mut camera: ResMut<BoardCamera>,
) {
    let Some(window) = window else { return };
    let Some(pointer) = window.cursor_position().map(|p| [f64::from(p.x), f64::from(p.y)]) else {
        wheels.clear();
        pinches.clear();
        return;
    };
    if gate.over_panel {
        wheels.clear();
        pinches.clear();
        return;
    }
    let shift = keys.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]);
    let control = keys.any_pressed([
        KeyCode::ControlLeft,
        KeyCode::ControlRight,
        KeyCode::SuperLeft,
        KeyCode::SuperRight,
    ]);
    for event in wheels.read() {
        // A mouse turns by lines; a trackpad moves by pixels, and pans with two fingers.
        let trackpad = event.unit == MouseScrollUnit::Pixel;
        let by = match event.unit {
            MouseScrollUnit::Line => [f64::from(event.x) * NOTCH, f64::from(event.y) * NOTCH],
            MouseScrollUnit::Pixel => [f64::from(event.x), f64::from(event.y)],
        };
        if shift && !trackpad {
            camera.pan([by[0] + by[1], 0.0]);
        } else if control || !trackpad {
            let factor = (by[1].clamp(-400.0, 400.0) * 0.0035).exp();
            camera.zoom_at(pointer, factor);
        } else {
            camera.pan(by);
        }
    }
    for pinch in pinches.read() {
        camera.zoom_at(pointer, (f64::from(pinch.0)).clamp(-1.0, 1.0).exp());
    }
}
