//! A note of the wall becomes part of a film: a picture, a film, a voice, words or music, by kind.

use oto_board::{AssetId, Board, Note, NoteId, NoteKind, WorkKind};
use oto_media::caption::estimated_words;
use oto_media::timeline::Visual;

use crate::desk::bridge::timeline::Target;
use crate::desk::timeline::{Editor, Speech};

/// Most letters of a card.
const CARD_LETTERS: usize = 160;

/// Puts the work of a note where it is wanted.
///
/// # Errors
/// With the key of a sentence when it cannot be used there.
pub(super) fn give(
    editor: &mut Editor,
    board: &Board,
    target: Target,
    from: NoteId,
) -> Result<(), &'static str> {
    let note = board.note(from).ok_or("timeline-no-use")?;
    let done = note.kind.work().and_then(|w| Some((w.kind, w.asset()?)));
    let given = match (target, done) {
        (Target::Music, Some((WorkKind::Voice, asset))) => editor.set_bed(Some(asset.to_string())),
        (Target::Music, _) => return Err("timeline-no-music"),
        (Target::Shot(shot), Some((WorkKind::Image, asset))) => {
            editor.set_visual(shot, Visual::Still { asset: asset.to_string(), focus: [0.5, 0.5] })
        }
        (Target::Shot(shot), Some((WorkKind::Video, asset))) => {
            editor.set_visual(shot, Visual::Film { asset: asset.to_string(), in_ms: 0 })
        }
        (Target::Shot(shot), Some((WorkKind::Voice, asset))) => {
            let speech = speech_of(board, note, asset).ok_or("timeline-no-use")?;
            editor.set_voice(shot, Some(speech))
        }
        (Target::Shot(shot), _) => {
            let words = words_of(note).ok_or("timeline-no-use")?;
            editor.set_visual(shot, Visual::Card { text: words })
        }
    };
    if let (true, Target::Shot(shot)) = (given, target) {
        editor.select(shot);
    }
    if given { Ok(()) } else { Err("timeline-no-change") }
}

/// The words of a text or of a plain note, as many as a card takes.
fn words_of(note: &Note) -> Option<String> {
    let is_text = match &note.kind {
        NoteKind::Work(work) => work.kind == WorkKind::Text && work.asset().is_some(),
        NoteKind::Plain => true,
        _ => false,
    };
    let words: String = note.text.trim().chars().take(CARD_LETTERS).collect();
    (is_text && !words.is_empty()).then_some(words)
}

/// A voice and its words. Their times are spread by letters: those the engine told lie in a file.
fn speech_of(board: &Board, note: &Note, asset: AssetId) -> Option<Speech> {
    let ms = board.asset(asset)?.duration_ms;
    let words = estimated_words(&note.text, u32::try_from(ms).ok()?);
    (ms > 0).then(|| Speech { asset: asset.to_string(), samples: ms * 48, words, estimated: true })
}
