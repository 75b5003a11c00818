//! Drawing: passes of our own in Bevy's schedules. In the main world `build` makes a frame, which is
//! plain data (`frame`); `bake` says which tiles are drawn in it, and `gather` what each drawing
//! holds. In the render world `gpu` keeps buffers and textures, `upload` fills them, `pass` draws
//! tiles and the window, in the order of depth.

mod bake;
mod build;
mod cover;
mod frame;
mod gather;
mod gpu;
mod grown;
mod marks;
mod paper;
mod pass;
mod pipelines;
mod power;
mod upload;
mod view;

use bevy::camera::CameraMainTextureUsages;
use bevy::core_pipeline::core_2d::{main_opaque_pass_2d, main_transparent_pass_2d};
use bevy::core_pipeline::{Core2d, Core2dSystems};
use bevy::prelude::*;
use bevy::render::render_resource::TextureUsages;
use bevy::render::renderer::{RenderGraph, RenderGraphSystems};
use bevy::render::{ExtractSchedule, MainWorld, Render, RenderApp, RenderStartup, RenderSystems};

pub(crate) use frame::Frame;
pub use frame::Quality;

use crate::counters::Counters;

/// The camera that shows the board: no multisampling, and a texture that tiles are copied into.
#[must_use]
pub fn board_camera() -> impl Bundle {
    (Camera2d, Msaa::Off, CameraMainTextureUsages::default().with(TextureUsages::COPY_DST))
}

pub(super) fn plugin(app: &mut App) {
    power::plugin(app);
    let counters = Counters::default();
    app.init_resource::<Frame>()
        .init_resource::<Quality>()
        .insert_resource(counters.clone())
        .add_systems(Last, build::build);
    let Some(render) = app.get_sub_app_mut(RenderApp) else { return };
    render
        .init_resource::<Frame>()
        .insert_resource(counters)
        .add_systems(RenderStartup, gpu::start)
        .add_systems(ExtractSchedule, extract)
        .add_systems(Render, upload::prepare.in_set(RenderSystems::PrepareResources))
        .add_systems(RenderGraph, pass::bake_tiles.in_set(RenderGraphSystems::Begin))
        .add_systems(
            Core2d,
            pass::board_pass
                .after(main_opaque_pass_2d)
                .before(main_transparent_pass_2d)
                .in_set(Core2dSystems::MainPass),
        );
}

/// The frame crosses whole: uploads are moved, never copied.
fn extract(mut out: ResMut<Frame>, mut main: ResMut<MainWorld>) {
    if let Some(mut frame) = main.get_resource_mut::<Frame>() {
        let mut taken = std::mem::take(&mut *frame);
        let earlier = std::mem::take(&mut out.uploads);
        taken.uploads.prepend(earlier);
        *out = taken;
    }
}
