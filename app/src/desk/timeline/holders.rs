//! Which notes of a board hold the works a timeline shows and plays.

use std::collections::{BTreeMap, BTreeSet};

use oto_board::{AssetId, Board, NoteId};
use oto_media::timeline::Timeline;

/// The assets in the order they are first seen or heard, each once.
fn in_order(timeline: &Timeline) -> Vec<AssetId> {
    let seen = timeline.shots.iter().filter_map(|s| s.visual.asset());
    let heard = timeline.voice.iter().map(|c| c.asset.as_str());
    let bed = timeline.bed.iter().map(|b| b.asset.as_str());
    let mut known = BTreeSet::new();
    seen.chain(heard)
        .chain(bed)
        .filter_map(|hash| hash.parse().ok())
        .filter(|asset| known.insert(*asset))
        .collect()
}

/// Each asset of the timeline with the note that holds it; of several notes the one that was used
/// before, else the oldest. What lies on no note of the board is left out.
pub(crate) fn holders(
    board: &Board,
    timeline: &Timeline,
    used: &[NoteId],
) -> Vec<(AssetId, NoteId)> {
    let wanted = in_order(timeline);
    let known: BTreeSet<AssetId> = wanted.iter().copied().collect();
    let mut notes: BTreeMap<AssetId, NoteId> = BTreeMap::new();
    for note in board.notes() {
        let asset = note.kind.work().and_then(|w| w.asset()).filter(|a| known.contains(a));
        let Some(asset) = asset else { continue };
        let rank = |id: NoteId| (!used.contains(&id), id);
        let best = notes.entry(asset).or_insert(note.id);
        if rank(note.id) < rank(*best) {
            *best = note.id;
        }
    }
    wanted.into_iter().filter_map(|a| Some((a, *notes.get(&a)?))).collect()
}
