//! No drawing for a window that nobody sees, and a graphics device that is lost comes back.

use bevy::prelude::*;
use bevy::render::error_handler::{ErrorType, RenderErrorHandler, RenderErrorPolicy};
use bevy::render::settings::{RenderCreation, WgpuSettings};
use bevy::window::{RequestRedraw, WindowOccluded};

pub(super) fn plugin(app: &mut App) {
    app.insert_resource(RenderErrorHandler(|error, _, _| match error.ty {
        // Buffers, textures and tiles are made anew from what the main world holds.
        ErrorType::DeviceLost => {
            let settings = WgpuSettings::default();
            RenderErrorPolicy::Recover(RenderCreation::Automatic(Box::new(settings)))
        }
        // One frame that went wrong is no reason to close a board.
        _ => RenderErrorPolicy::Ignore,
    }))
    .add_systems(PreUpdate, rest_when_hidden.run_if(resource_exists::<Messages<WindowOccluded>>));
}

/// A window that is minimised or wholly covered is not drawn.
fn rest_when_hidden(
    mut hidden: MessageReader<WindowOccluded>,
    mut cameras: Query<&mut Camera>,
    mut redraw: MessageWriter<RequestRedraw>,
) {
    for change in hidden.read() {
        for mut camera in &mut cameras {
            camera.is_active = !change.occluded;
        }
        if !change.occluded {
            redraw.write(RequestRedraw);
        }
    }
}
