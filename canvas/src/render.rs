//! Drawing: one pass of our own in Bevy's 2D schedule. `frame` says what a frame shows, in the
//! main world; `gpu` keeps buffers and pipelines; `pass` draws, in the order of depth.

mod frame;
mod gpu;
mod paper;
mod pass;

use bevy::core_pipeline::core_2d::{main_opaque_pass_2d, main_transparent_pass_2d};
use bevy::core_pipeline::{Core2d, Core2dSystems};
use bevy::prelude::*;
use bevy::render::{ExtractSchedule, MainWorld, Render, RenderApp, RenderStartup, RenderSystems};
use bevy::window::RequestRedraw;

pub(crate) use frame::Frame;

use crate::Thumbs;
use crate::text::Texts;

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Frame>().add_systems(Last, (frame::build, keep_awake).chain());
    let Some(render) = app.get_sub_app_mut(RenderApp) else { return };
    render
        .init_resource::<Frame>()
        .add_systems(RenderStartup, gpu::start)
        .add_systems(ExtractSchedule, extract)
        .add_systems(Render, gpu::prepare.in_set(RenderSystems::PrepareResources))
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
        // Uploads that the GPU has not seen yet stay in front.
        let earlier = std::mem::take(&mut out.uploads);
        taken.uploads.prepend(earlier);
        *out = taken;
    }
}

/// Another frame is wanted while something in view is not there yet and can come without a wake.
fn keep_awake(texts: Res<Texts>, thumbs: Res<Thumbs>, mut redraw: MessageWriter<RequestRedraw>) {
    if !texts.new_cells.is_empty() || !thumbs.uploads.is_empty() {
        redraw.write(RequestRedraw);
    }
}
