//! No drawing for a window that nobody sees, and a graphics device that is lost comes back.

use bevy::prelude::*;
use bevy::render::error_handler::{ErrorType, RenderErrorHandler, RenderErrorPolicy};
use bevy::render::settings::{RenderCreation, WgpuSettings};
use bevy::window::{RequestRedraw, WindowOccluded};

use crate::counters::Counters;

pub(super) fn plugin(app: &mut App) {
    app.insert_resource(RenderErrorHandler(|error, main_world, _| {
        let counters = main_world.get_resource::<Counters>();
        if let ErrorType::DeviceLost = error.ty {
            // Buffers, textures and tiles are made anew from what the main world holds.
            counters.map(Counters::lose_device);
            let settings = WgpuSettings::default();
            RenderErrorPolicy::Recover(RenderCreation::Automatic(Box::new(settings)))
        } else {
            // One frame that went wrong is no reason to close a board; its tiles are drawn again.
            counters.map(Counters::refuse);
            RenderErrorPolicy::Ignore
        }
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
