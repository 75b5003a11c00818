//! What is seen of the wall: the tiles under the view at the level that fits its zoom, as notes and
//! strings. Tiles that left the view are forgotten after a while; those that changed are asked again.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use oto_api_types::{Tile, TileItem};
use oto_backend_client::Ask;
use oto_board::geom::Rect as Area;
use oto_board::{
    AssetId, Edit, Note, NoteId, NoteKind, Origin, Recipe, RunId, Twine, TwineId, TwineRole, Work,
    WorkState,
};
use oto_canvas::{BoardCamera, EditRequest, OpenBoard, Request, Step};

use super::Walk;
use crate::convert::run::work_kind;
use crate::making::blank;

/// Side of a tile of level 0, in units.
const SIDE: f64 = 1_024.0;
/// A tile is about so wide on the screen.
const ON_SCREEN: f64 = 560.0;
/// Farthest level.
const TOP: u8 = 20;
/// Most tiles asked for at once.
const MOST: usize = 48;
/// A tile in view is asked again after this.
const STALE: Duration = Duration::from_secs(60);
/// A tile whose answer never came is asked again after this.
const PATIENCE: Duration = Duration::from_secs(15);
/// Colours of strings.
const COLOURS: u8 = 16;

type Key = (u8, i64, i64);

/// Tiles that are known.
#[derive(Resource, Default)]
pub(super) struct Sight {
    known: BTreeMap<Key, Known>,
    level: Option<u8>,
}

struct Known {
    asked: Instant,
    /// Notes of this tile that hang on the board, once it came.
    notes: Option<Vec<NoteId>>,
}

impl Sight {
    /// Something changed in a tile of level 0, or anywhere.
    pub(super) fn changed(&mut self, at: Option<(i64, i64)>) {
        let old = Instant::now().checked_sub(STALE);
        for ((z, x, y), known) in &mut self.known {
            if at.is_none_or(|(tx, ty)| (tx >> z, ty >> z) == (*x, *y)) {
                known.asked = old.unwrap_or(known.asked);
            }
        }
    }
}

/// The level whose tiles fit a zoom.
fn level(zoom: f64) -> u8 {
    let z = (ON_SCREEN / (SIDE * zoom)).log2().round();
    z.clamp(0.0, f64::from(TOP)) as u8
}

/// Tiles under an area, from its middle outwards.
fn under(area: Area, z: u8) -> Vec<Key> {
    let side = SIDE * f64::from(1u32 << z);
    let tile = |v: f64| (v / side).floor() as i64;
    let (left, top) = (tile(area.min[0]), tile(area.min[1]));
    let (right, bottom) = (tile(area.max[0]), tile(area.max[1]));
    let mut all: Vec<Key> = Vec::new();
    for x in left..=right.min(left + 40) {
        for y in top..=bottom.min(top + 40) {
            all.push((z, x, y));
        }
    }
    let middle = [left + right, top + bottom];
    all.sort_by_key(|(_, x, y)| (2 * x - middle[0]).abs() + (2 * y - middle[1]).abs());
    all.truncate(MOST);
    all
}

fn ask(edits: &mut MessageWriter<EditRequest>, edit: Edit) {
    edits.write(EditRequest {
        request: Request::Edit(Box::new(edit)),
        origin: Origin::Remote,
        step: Step::New,
    });
}

/// Asks for what comes into view, and takes down what left it.
pub(super) fn look(
    camera: Res<BoardCamera>,
    mut sight: ResMut<Sight>,
    mut walk: ResMut<Walk>,
    open: Res<OpenBoard>,
    mut edits: MessageWriter<EditRequest>,
) {
    let z = level(camera.zoom);
    let seen = under(camera.view(), z);
    let now = Instant::now();
    let wanted: Vec<Key> = seen
        .iter()
        .filter(|key| {
            sight.known.get(key).is_none_or(|known| {
                let patience = if known.notes.is_some() { STALE } else { PATIENCE };
                now.duration_since(known.asked) >= patience
            })
        })
        .copied()
        .collect();
    for key in &wanted {
        let known = sight.known.entry(*key).or_insert(Known { asked: now, notes: None });
        known.asked = now;
    }
    if !wanted.is_empty() {
        walk.server.ask(Ask::Tiles(wanted));
    }
    if sight.level == Some(z) {
        return;
    }
    // Another level: what it shows comes; until then the old one stands in, but not in both.
    let all_here =
        seen.iter().all(|k| sight.known.get(k).is_some_and(|known| known.notes.is_some()));
    if !all_here && sight.level.is_some() {
        return;
    }
    sight.level = Some(z);
    let gone: Vec<Key> = sight.known.keys().filter(|k| k.0 != z).copied().collect();
    take_down(&mut sight, &mut walk, &open, &mut edits, &gone);
}

fn take_down(
    sight: &mut Sight,
    walk: &mut Walk,
    open: &OpenBoard,
    edits: &mut MessageWriter<EditRequest>,
    gone: &[Key],
) {
    let mut ids: Vec<NoteId> = Vec::new();
    for key in gone {
        ids.extend(sight.known.remove(key).and_then(|k| k.notes).into_iter().flatten());
    }
    let kept: HashSet<NoteId> =
        sight.known.values().filter_map(|k| k.notes.as_ref()).flatten().copied().collect();
    ids.retain(|id| !kept.contains(id) && open.board().note(*id).is_some());
    ids.sort_unstable();
    ids.dedup();
    for id in &ids {
        walk.items.remove(id);
    }
    if !ids.is_empty() {
        ask(edits, Edit::RemoveNotes { ids });
    }
}

/// Hangs what a tile shows, in place of what it showed before.
pub(super) fn hang(
    tile: Tile,
    sight: &mut Sight,
    walk: &mut Walk,
    open: &OpenBoard,
    edits: &mut MessageWriter<EditRequest>,
) {
    let key = (tile.z, tile.x, tile.y);
    let before = sight.known.get(&key).and_then(|k| k.notes.clone()).unwrap_or_default();
    let (mut fresh, mut ids) = (Vec::new(), Vec::new());
    let mut changed = Vec::new();
    for item in &tile.items {
        let Some(note) = note_of(item) else { continue };
        ids.push(note.id);
        match walk.items.get(&note.id) {
            Some(old) if old.version == item.version => {}
            Some(_) => {
                changed.push(note.id);
                fresh.push(note);
            }
            None => fresh.push(note),
        }
    }
    for (i, cell) in tile.cells.iter().enumerate() {
        let note = note_of_cell(&tile, i, cell);
        ids.push(note.id);
        if open.board().note(note.id).is_none_or(|old| old.text != note.text) {
            if open.board().note(note.id).is_some() {
                changed.push(note.id);
            }
            fresh.push(note);
        }
    }
    let now: HashSet<NoteId> = ids.iter().copied().collect();
    let mut gone: Vec<NoteId> = before.into_iter().filter(|id| !now.contains(id)).collect();
    gone.extend(changed);
    gone.retain(|id| open.board().note(*id).is_some());
    for id in &gone {
        walk.items.remove(id);
    }
    if !gone.is_empty() {
        ask(edits, Edit::RemoveNotes { ids: gone });
    }
    fresh.retain(|n| {
        // A work at the edge may come with two tiles.
        !walk.items.contains_key(&n.id)
    });
    for item in tile.items {
        if let Some(id) = note_id(&item.id) {
            walk.items.insert(id, item);
        }
    }
    let there = |id: NoteId| open.board().note(id).is_some() || fresh.iter().any(|n| n.id == id);
    // A work of another tile may have waited for a source that came with this one.
    let new: HashSet<NoteId> = fresh.iter().map(|n| n.id).collect();
    let twines: Vec<Twine> = walk
        .items
        .iter()
        .flat_map(|(to, item)| item.sources.iter().map(move |s| (*to, s)))
        .filter(|(to, source)| {
            new.contains(to) || note_id(&source.id).is_some_and(|from| new.contains(&from))
        })
        .filter(|(to, _)| there(*to))
        .filter_map(|(to, source)| {
            let from = note_id(&source.id).filter(|from| there(*from))?;
            let id = TwineId(from.0.rotate_left(32) ^ to.0);
            open.board().twine(id).is_none().then(|| Twine {
                id,
                from,
                to,
                role: TwineRole::MadeFrom,
                agent: None,
                color: (from.0 % u128::from(COLOURS)) as u8,
                label: String::new(),
            })
        })
        .collect();
    if let Some(known) = sight.known.get_mut(&key) {
        known.notes = Some(ids);
    }
    if fresh.is_empty() && twines.is_empty() {
        return;
    }
    ask(edits, Edit::AddNotes { notes: fresh, twines });
}

fn note_id(id: &str) -> Option<NoteId> {
    id.parse().ok()
}

/// A work as a note: the picture that the server made of it stands for its media.
fn note_of(item: &TileItem) -> Option<Note> {
    let id = note_id(&item.id)?;
    let kind = work_kind(item.kind)?;
    let asset = item.poster.as_ref().and_then(|hash| hash.parse::<AssetId>().ok());
    let recipe = Recipe {
        agent: NoteId(0),
        engine: String::new(),
        model: String::new(),
        prompt: String::new(),
        seed: 0,
        params: Vec::new(),
        sources: Vec::new(),
    };
    let state = WorkState::Done { asset: asset.unwrap_or(AssetId([0; 32])), run: RunId(0) };
    let note_kind = NoteKind::Work(Box::new(Work { kind, recipe, state }));
    let mut note = blank(id, note_kind, [item.x, item.y], [item.w, item.h], 1);
    note.color = [0, 1, 3, 2][kind as usize % 4];
    note.title.clone_from(&item.title);
    note.text = if item.words.is_empty() { String::new() } else { item.words.clone() };
    note.is_drawable().then_some(note)
}

/// Many works from afar, as one note with their number.
fn note_of_cell(tile: &Tile, index: usize, cell: &oto_api_types::TileCell) -> Note {
    let side = SIDE * f64::from(1u32 << tile.z) / 16.0;
    let at = |edge: i64, c: u8| edge as f64 * side * 16.0 + (f64::from(c) + 0.5) * side;
    let name = format!("{}/{}/{}/{index}", tile.z, tile.x, tile.y);
    let mut hash = 0xcbf2_9ce4_8422_2325_6c62_272e_07bb_0142u128;
    for byte in name.bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    // How full it is shows in its size.
    let part = (0.35 + 0.12 * (cell.count as f64).log10()).clamp(0.35, 0.86);
    let center = [at(tile.x, cell.cx), at(tile.y, cell.cy)];
    let mut note = blank(NoteId(hash), NoteKind::Plain, center, [side * part; 2], 1);
    let most = (0..4).max_by_key(|i| cell.kinds[*i]).unwrap_or(0);
    note.color = [0, 1, 3, 2][most];
    note.text = cell.count.to_string();
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_follows_the_zoom_and_tiles_lie_under_the_view() {
        assert_eq!(level(0.5), 0);
        assert_eq!(level(0.27), 1);
        assert_eq!(level(0.007), 6);
        assert_eq!(level(1e-9), TOP);
        let area = Area { min: [-100.0, -100.0], max: [1_200.0, 900.0] };
        let tiles = under(area, 0);
        assert_eq!(tiles.len(), 6);
        assert!(tiles.contains(&(0, -1, -1)) && tiles.contains(&(0, 1, 0)));
        assert!(under(Area { min: [-1e9, -1e9], max: [1e9, 1e9] }, 0).len() <= MOST);
    }
}
