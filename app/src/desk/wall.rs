//! The shared wall in a window of its own, drawn by the same canvas as every board: what is seen is
//! streamed in tiles, nothing of it is kept but pictures, and nothing that is done here changes a
//! board. A work that is taken waits in the inbox for the desk.

mod heard;
mod panels;
mod pictures;
mod sight;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bevy::prelude::*;
use bevy_egui::EguiPrimaryContextPass;
use bevy_egui::input::EguiWantsInput;
use oto_api_types::{
    Account, Comment, DeviceCode, Notification, Person, TileItem, WallExtent, Work,
};
use oto_backend_client::{Ask, Server};
use oto_board::NoteId;
use oto_canvas::{
    BoardCamera, CanvasSystems, EditRequest, Gate, Hit, OpenBoard, Selection, Tool, hit_at,
};
use oto_media::worker::Workers;

use super::plugin::window;
use super::third_party;
use super::ticker::Ticker;
use crate::data::DataDir;
use crate::home::credentials;
use crate::settings::Settings;
use crate::theme::Theme;
use crate::words::Words;

/// How far the pointer may go between press and release of a click, in pixels.
const CLICK: f32 = 5.0;

/// Everything the window knows.
#[derive(Resource)]
struct Walk {
    server: Server,
    address: String,
    data: DataDir,
    words: Words,
    theme: Theme,
    account: Option<Account>,
    /// Being typed in a browser.
    code: Option<DeviceCode>,
    extent: WallExtent,
    /// Works by the note that shows them.
    items: HashMap<NoteId, TileItem>,
    /// The one that is looked at.
    open: Option<Opened>,
    search: String,
    /// What was looked for last, without order and kind.
    query: Vec<(&'static str, String)>,
    sort: Sort,
    kind: Option<&'static str>,
    found: Option<Vec<Work>>,
    people: Vec<Person>,
    /// Notices that were not read, and all of them while they are looked at.
    unread: i64,
    notices: Option<Vec<Notification>>,
    /// A comment that is being typed.
    comment: String,
    said: VecDeque<(String, Instant)>,
    styled: bool,
    /// Where to look first, once it is known where that is.
    first_look: bool,
    /// What people like best was asked for, to begin there.
    begins: bool,
    /// The work that a link named was asked for, to go where it hangs.
    goes: bool,
    /// A work that is on its way to the inbox: its media.
    taking: HashMap<String, Work>,
}

/// A work in the panel.
struct Opened {
    id: String,
    work: Option<Work>,
    comments: Vec<Comment>,
    /// Who made it.
    author: Option<Person>,
}

impl Opened {
    fn of(id: String) -> Self {
        Self { id, work: None, comments: Vec::new(), author: None }
    }
}

/// In which order works are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Hot,
    New,
    Top,
}

impl Sort {
    const ALL: [Self; 3] = [Self::Hot, Self::New, Self::Top];

    fn word(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::New => "new",
            Self::Top => "top",
        }
    }
}

impl Walk {
    fn say(&mut self, text: impl Into<String>) {
        self.said.push_back((text.into(), Instant::now() + Duration::from_secs(6)));
    }

    fn look_at(&mut self, id: String) {
        self.server.ask(Ask::Work(id.clone()));
        self.server.ask(Ask::Comments(id.clone()));
        self.comment.clear();
        self.notices = None;
        self.open = Some(Opened::of(id));
    }

    /// Looks for works, in the order and of the kind that are chosen.
    fn find(&mut self, query: Vec<(&'static str, String)>) {
        self.query.clone_from(&query);
        let mut query = query;
        query.push(("sort", self.sort.word().to_owned()));
        query.extend(self.kind.map(|kind| ("kind", kind.to_owned())));
        self.open = None;
        self.notices = None;
        self.server.ask(Ask::FindWorks { query });
    }
}

/// Opens the wall of a server, at a work if one is named.
pub(crate) fn walk(data: &DataDir, address: &str, work: Option<String>) -> Result<()> {
    super::start_log();
    if address.is_empty() {
        bail!("no server was named yet; `oto wall https://…` walks the wall of one");
    }
    if cfg!(target_os = "linux")
        && std::env::var_os("DISPLAY").is_none()
        && std::env::var_os("WAYLAND_DISPLAY").is_none()
    {
        bail!("there is no display here, so the wall cannot be walked");
    }
    let settings = Settings::read(&data.settings());
    let theme = Theme::read(settings.dark)?;
    let words = Words::new(&settings.language);
    let (mut app, wake) = window(&words.get("wall-title"), &theme);
    let server = Server::start(address, credentials(data), Arc::clone(&wake))
        .context("the server cannot be asked")?;
    server.ask(Ask::Account);
    let best = vec![("sort", "hot".to_owned()), ("limit", "1".to_owned())];
    server.ask(Ask::FindWorks { query: best });
    let goes = work.is_some();
    if let Some(id) = &work {
        server.ask(Ask::Work(id.clone()));
        server.ask(Ask::Comments(id.clone()));
    }
    server.ask(Ask::Extent);
    server.ask(Ask::Listen);
    let workers = Workers::of_this_program()?;
    let mut camera = BoardCamera::for_size([1280.0, 800.0]);
    camera.reduced_motion = settings.reduced_motion;
    camera.insets = [24.0, 74.0, 24.0, 24.0];
    camera.jump([4096.0, 4096.0], 0.6);
    app.insert_resource(camera)
        .insert_resource(Ticker::start(Arc::clone(&wake)))
        .insert_resource(pictures::Pictures::start(workers, Arc::clone(&wake)))
        .insert_resource(sight::Sight::default())
        .insert_resource(Walk {
            server,
            address: address.to_owned(),
            data: data.clone(),
            words,
            theme,
            account: None,
            code: None,
            extent: WallExtent::default(),
            items: HashMap::new(),
            open: work.map(Opened::of),
            search: String::new(),
            query: Vec::new(),
            sort: Sort::Hot,
            kind: None,
            found: None,
            people: Vec::new(),
            unread: 0,
            notices: None,
            comment: String::new(),
            said: VecDeque::new(),
            styled: false,
            first_look: !goes,
            begins: true,
            goes,
            taking: HashMap::new(),
        })
        .insert_resource(Tool::Hand)
        .add_systems(Startup, (third_party::egui::spawn_camera, third_party::egui::fonts).chain())
        .add_systems(EguiPrimaryContextPass, panels::all)
        .add_systems(
            Update,
            (
                gate.before(CanvasSystems::Input),
                heard::hear.in_set(CanvasSystems::Events),
                (sight::look, clicks, only_the_wall).chain().in_set(CanvasSystems::Commands),
                pictures::bring.in_set(CanvasSystems::Layout),
            ),
        );
    app.run();
    Ok(())
}

/// Panels and text fields first.
fn gate(wants: Res<EguiWantsInput>, mut gate: ResMut<Gate>) {
    let now = Gate {
        over_panel: wants.is_pointer_over_area() || wants.is_using_pointer(),
        typing: wants.wants_keyboard_input(),
    };
    if *gate != now {
        *gate = now;
    }
}

/// Nothing but what the server tells changes this board.
fn only_the_wall(mut requests: ResMut<Messages<EditRequest>>) {
    if requests.is_empty() {
        return;
    }
    let kept: Vec<EditRequest> =
        requests.drain().filter(|r| r.origin == oto_board::Origin::Remote).collect();
    for request in kept {
        requests.write(request);
    }
}

/// The hand moves the view; a click that moves nothing opens a work.
fn clicks(
    buttons: Res<ButtonInput<MouseButton>>,
    windows: Query<&Window>,
    gate: Res<Gate>,
    open: Res<OpenBoard>,
    camera: Res<BoardCamera>,
    mut selection: ResMut<Selection>,
    mut walk: ResMut<Walk>,
    mut pressed: Local<Option<Vec2>>,
) {
    let Some(at) = windows.iter().next().and_then(Window::cursor_position) else { return };
    if buttons.just_pressed(MouseButton::Left) {
        *pressed = (!gate.over_panel).then_some(at);
    }
    if !buttons.just_released(MouseButton::Left) {
        return;
    }
    let Some(from) = pressed.take().filter(|from| from.distance(at) <= CLICK) else { return };
    let world = camera.world_from_screen([f64::from(from.x), f64::from(from.y)]);
    let hit = hit_at(open.board(), world, 6.0 / camera.zoom);
    match hit {
        Some(Hit::Note(note) | Hit::Pin(note)) => {
            if let Some(id) = walk.items.get(&note).map(|i| i.id.clone()) {
                selection.set([note]);
                walk.look_at(id);
            }
        }
        _ => {
            selection.set([]);
            walk.open = None;
        }
    }
}
