//! What the server said.

use bevy::prelude::*;
use bevy::window::RequestRedraw;
use oto_api_types::Work;
use oto_backend_client::{Ask, ClientError, Told};
use oto_canvas::{BoardCamera, EditRequest, OpenBoard, Thumbs};

use super::pictures::Pictures;
use super::sight::{Sight, hang};
use super::{Opened, Walk};
use crate::inbox;
use crate::settings::Settings;

pub(super) fn hear(
    mut walk: ResMut<Walk>,
    mut sight: ResMut<Sight>,
    mut pictures: ResMut<Pictures>,
    mut thumbs: ResMut<Thumbs>,
    mut camera: ResMut<BoardCamera>,
    open: Res<OpenBoard>,
    mut edits: MessageWriter<EditRequest>,
    mut redraw: MessageWriter<RequestRedraw>,
) {
    while let Some(told) = walk.server.try_told() {
        // Letters that were never drawn before are there a frame later.
        redraw.write(RequestRedraw);
        match told {
            Told::Tile(tile) => hang(*tile, &mut sight, &mut walk, &open, &mut edits),
            Told::Changed(event) => {
                sight.changed(event.map(|e| (e.x, e.y)));
                if let Some(opened) = &walk.open {
                    walk.server.ask(Ask::Work(opened.id.clone()));
                }
            }
            Told::Extent(extent) => walk.extent = extent,
            Told::Account(account) => signed_in(&mut walk, &mut camera, account.map(|a| *a)),
            Told::Code(code) => walk.code = Some(code),
            Told::Work(work) => {
                let work = *work;
                if let Some(at) = work.at.filter(|_| std::mem::take(&mut walk.goes)) {
                    camera.jump(at, 0.8);
                }
                let handle = work.author.handle.clone();
                let walk = &mut *walk;
                if let Some(opened) = walk.open.as_mut().filter(|o| o.id == work.id) {
                    let shown = opened.comments.iter().filter(|c| !c.deleted).count();
                    if shown as i64 != work.comments.min(100) {
                        walk.server.ask(Ask::Comments(work.id.clone()));
                    }
                    opened.work = Some(work);
                    if opened.author.is_none() {
                        walk.server.ask(Ask::Person(handle));
                    }
                }
            }
            Told::Person(person) => {
                let person = *person;
                let is_author =
                    |o: &&mut Opened| o.work.as_ref().is_some_and(|w| w.author.id == person.id);
                if let Some(opened) = walk.open.as_mut().filter(is_author) {
                    opened.author = Some(person);
                }
            }
            Told::Followed { person, wanted } => {
                for seen in walk.people.iter_mut().filter(|p| p.id == person) {
                    seen.is_followed = wanted;
                }
                let author = walk.open.as_mut().and_then(|o| o.author.as_mut());
                if let Some(author) = author.filter(|a| a.id == person) {
                    author.is_followed = wanted;
                    author.followers += if wanted { 1 } else { -1 };
                }
            }
            Told::Unread(unread) => {
                walk.unread = unread;
                // It may be about what is looked at.
                if let Some(opened) = &walk.open {
                    walk.server.ask(Ask::Work(opened.id.clone()));
                }
            }
            Told::Notices(page) => {
                walk.unread = page.unread;
                walk.notices = Some(page.items);
            }
            Told::Comments(id, page) => {
                if let Some(opened) = walk.open.as_mut().filter(|o| o.id == id) {
                    opened.comments = page.items;
                }
            }
            Told::Said(said) => {
                walk.comment.clear();
                let id = said.work.clone();
                if let Some(opened) = walk.open.as_mut().filter(|o| o.id == id) {
                    opened.comments.push(*said);
                }
            }
            Told::Counted(id, counters) => {
                if let Some(Opened { work: Some(work), .. }) =
                    walk.open.as_mut().filter(|o| o.id == id)
                {
                    work.likes = counters.likes;
                    work.votes = counters.votes;
                    work.is_liked = counters.is_liked;
                    work.own_vote = counters.own_vote;
                }
            }
            Told::Works(page) if std::mem::take(&mut walk.begins) => {
                // Next to what people like best, so that nobody stands before empty paper; whoever is
                // signed in stands at home.
                let at = page.items.first().and_then(|work| work.at);
                if let Some(at) = at.filter(|_| walk.first_look && walk.open.is_none()) {
                    camera.jump(at, 0.6);
                }
            }
            Told::Works(page) => {
                if page.items.is_empty() && walk.people.is_empty() {
                    let text = walk.words.get("wall-nothing-found");
                    walk.say(text);
                }
                walk.found = Some(page.items);
            }
            Told::People(page) => walk.people = page.items,
            Told::Fetched { hash, path } => {
                if let Some(work) = walk.taking.remove(&hash) {
                    take(&mut walk, &work);
                } else {
                    pictures.came(&hash, &path);
                }
            }
            Told::Reported => {
                let text = walk.words.get("wall-reported");
                walk.say(text);
            }
            Told::Removed(_) | Told::Published(_) | Told::Wallet(_) => {}
            Told::Failed { what, about, error } => {
                walk.begins &= what != "works";
                failed(&mut walk, &mut pictures, &mut thumbs, what, &about, &error);
            }
        }
    }
}

/// Somebody signed in or out. The first look goes to one's own place.
fn signed_in(walk: &mut Walk, camera: &mut BoardCamera, account: Option<oto_api_types::Account>) {
    if walk.code.take().is_some() && account.is_some() {
        let mut settings = Settings::read(&walk.data.settings());
        settings.server.clone_from(&walk.address);
        if let Err(error) = settings.write(&walk.data.settings()) {
            walk.say(error.to_string());
        }
    }
    // Whoever has nothing there yet would stand before empty paper.
    if let Some(account) = account.as_ref().filter(|a| a.works > 0)
        && std::mem::take(&mut walk.first_look)
    {
        let half = account.home.side / 2.0;
        camera.jump([account.home.x + half, account.home.y + half], 0.6);
    }
    if account.is_some() && walk.account.is_none() {
        walk.server.ask(Ask::ListenToNotices);
    }
    walk.account = account;
    walk.unread = 0;
    walk.notices = None;
}

/// A work waits for the desk.
pub(super) fn take(walk: &mut Walk, work: &Work) {
    let text = match inbox::put(&walk.data, work, &walk.address) {
        Ok(()) => walk.words.with("wall-taken", &[("title", &work.title)]),
        Err(error) => format!("{error:#}"),
    };
    walk.say(text);
}

fn failed(
    walk: &mut Walk,
    pictures: &mut Pictures,
    thumbs: &mut Thumbs,
    what: &str,
    about: &str,
    error: &ClientError,
) {
    match what {
        "fetch" => {
            pictures.lost(about, thumbs);
            if walk.taking.remove(about).is_some() {
                walk.say(error.to_string());
            }
        }
        // It is asked again by itself.
        "tile" | "listen" => {
            if walk.said.is_empty() {
                walk.say(error.to_string());
            }
        }
        "work" if error.is_not_found() => {
            walk.open = None;
            let text = walk.words.get("wall-gone");
            walk.say(text);
        }
        _ => {
            walk.code = None;
            walk.say(error.to_string());
        }
    }
}
