//! Puts the window together.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::window::{ExitCondition, PresentMode, WindowResolution};
use bevy::winit::{
    EventLoopProxy, EventLoopProxyWrapper, UpdateMode, WinitSettings, WinitUserEvent,
};
use bevy_egui::EguiPrimaryContextPass;
use oto_canvas::{BoardCamera, CanvasPlugin, CanvasSystems, Mint, OpenBoard};
use oto_storage::view_state::Library;
use oto_storage::{Loaded, Writer};

use super::notices::Notices;
use super::state::{Desk, HomeState, UiState, Waker};
use super::{bridge, command, panels, third_party};
use crate::data::DataDir;
use crate::mint;
use crate::settings::Settings;
use crate::theme::{NOTE_FONTS, Theme};
use crate::words::Words;

/// What a start has in hand.
pub(super) struct Start {
    pub(super) data: DataDir,
    pub(super) library: Library,
    pub(super) settings: Settings,
    pub(super) path: PathBuf,
    pub(super) loaded: Loaded,
    pub(super) writer: Writer,
    pub(super) fresh: bool,
    pub(super) started: Instant,
}

/// Sleeps until something happens. `MAX` from the start: a finite wait before it would spin.
fn at_rest() -> UpdateMode {
    UpdateMode::Reactive {
        wait: Duration::MAX,
        react_to_device_events: false,
        react_to_user_events: true,
        react_to_window_events: true,
    }
}

/// When this process was started, for the first frame's time.
#[derive(Resource)]
struct StartedAt(Instant);

/// A window with a canvas in it, and what wakes it.
pub(super) fn window(title: &str, theme: &Theme) -> (App, Arc<dyn Fn() + Send + Sync>) {
    let mut app = App::new();
    let plugins = DefaultPlugins
        .build()
        .disable::<bevy::log::LogPlugin>()
        .set(WindowPlugin {
            primary_window: Some(Window {
                title: title.to_owned(),
                name: Some("oto".to_owned()),
                resolution: WindowResolution::new(1280, 800),
                present_mode: PresentMode::AutoVsync,
                desired_maximum_frame_latency: NonZero::new(1),
                ..default()
            }),
            exit_condition: ExitCondition::OnPrimaryClosed,
            ..default()
        })
        .set(RenderPlugin { synchronous_pipeline_compilation: true, ..default() });
    // A frame of delay buys nothing on a small machine.
    let small = std::thread::available_parallelism().map_or(2, usize::from) <= 4;
    app.add_plugins(if small { plugins.disable::<PipelinedRenderingPlugin>() } else { plugins });
    let proxy: Mutex<EventLoopProxy<WinitUserEvent>> =
        Mutex::new((**app.world().resource::<EventLoopProxyWrapper>()).clone());
    let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
        // An error means that the window is closing.
        proxy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send_event(WinitUserEvent::WakeUp)
            .ok();
    });
    app.insert_resource(WinitSettings { focused_mode: at_rest(), unfocused_mode: at_rest() });
    app.insert_resource(ClearColor(Color::BLACK));
    app.add_plugins(CanvasPlugin {
        fonts: NOTE_FONTS,
        palette: theme.palette(),
        mint: Mint { id: Arc::new(mint::id), now_ms: Arc::new(mint::now_ms) },
        wake: Arc::clone(&wake),
    });
    third_party::egui::plugin(&mut app);
    (app, wake)
}

pub(super) fn run(start: Start) -> Result<()> {
    let theme = Theme::read(start.settings.dark)?;
    let words = Words::new(&start.settings.language);
    let name = start.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (mut app, wake) = window(&format!("{name} — oTo"), &theme);

    let mut camera = BoardCamera::for_size([1280.0, 800.0]);
    camera.reduced_motion = start.settings.reduced_motion;
    camera.insets = panels::INSETS;
    let view = start.library.views.get(&start.path).copied();
    let sent = start.loaded.board.seq();
    let mut ui = UiState::default();
    let (notices, damaged) = Notices::open(&start.data.notices());
    ui.notices = notices;
    if let Some(aside) = damaged {
        let aside = aside.display().to_string();
        ui.log(super::state::Level::Error, words.with("notices-damaged", &[("path", &aside)]));
    }
    for warning in &start.loaded.warnings {
        ui.log(super::state::Level::Error, warning.clone());
    }
    match view {
        Some(view) => camera.jump(view.center, view.zoom),
        None if start.loaded.board.n_notes() > 0 => {
            let (center, zoom) = camera.fitting(start.loaded.board.bounds(), 1.0);
            camera.jump(center, zoom);
        }
        None => camera.jump([-20.0, 40.0], 0.62),
    }
    app.world_mut().resource_mut::<OpenBoard>().put(start.loaded.board, start.loaded.history);
    let mut library = start.library;
    library.remember(&start.path, None);
    app.insert_resource(super::ticker::Ticker::start(Arc::clone(&wake)))
        .insert_resource(bridge::chores::Chores::start(Arc::clone(&wake)))
        .insert_resource(bridge::keys::KeyBridge::new(Arc::clone(&wake)))
        .insert_resource(Waker(wake))
        .insert_resource(StartedAt(start.started))
        .insert_resource(camera)
        .insert_resource(ui)
        .insert_resource(Desk {
            data: start.data,
            path: start.path,
            writer: start.writer,
            home: HomeState::Starting,
            library,
            settings: start.settings,
            words,
            theme,
            pending: std::collections::VecDeque::new(),
            releases: std::collections::VecDeque::new(),
            backlog: std::collections::VecDeque::new(),
            sent,
            sample_step: start.fresh.then_some(0),
        });
    bridge::plugin(&mut app);
    command::plugin(&mut app);
    app.add_systems(Startup, (third_party::egui::spawn_camera, third_party::egui::fonts).chain())
        .add_systems(EguiPrimaryContextPass, panels::all)
        .add_systems(Update, panels::gate.before(CanvasSystems::Input))
        .add_systems(Last, (first_frame, remember_view));
    app.run();
    Ok(())
}

fn first_frame(mut done: Local<u32>, started: Res<StartedAt>, mut ui: ResMut<UiState>) {
    *done += 1;
    if *done == 2 {
        let ms = started.0.elapsed().as_millis();
        ui.log(super::state::Level::Info, format!("first frame after {ms} ms"));
        tracing::info!(first_frame_ms = ms as u64, "first frame after {ms} ms");
    }
}

/// The view is kept when the window closes; losing it loses no work.
fn remember_view(
    mut exits: MessageReader<AppExit>,
    mut closing: MessageReader<bevy::window::WindowCloseRequested>,
    mut desk: ResMut<Desk>,
    camera: Res<BoardCamera>,
) {
    if exits.read().next().is_none() && closing.read().next().is_none() {
        return;
    }
    let view = oto_storage::view_state::View { center: camera.center, zoom: camera.zoom };
    let desk = &mut *desk;
    desk.library.remember(&desk.path, Some(view));
    if let Err(error) = desk.library.write(&desk.data.library()) {
        tracing::warn!(%error, "the view could not be kept");
    }
}
