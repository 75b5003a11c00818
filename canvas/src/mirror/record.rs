//! One note as a record.

use oto_board::{Board, Note, NoteKind, Work, WorkKind, WorkState};
use oto_shaders::{NoteGpu, NoteStyle, flags};

use super::Mirror;

/// Ranks that depth can tell apart; see `depth_of` in the shaders.
const MOST_RANK: u32 = 4_000_000;

fn rgb565(rgb: u32) -> u16 {
    (((rgb >> 19) & 31) << 11 | ((rgb >> 10) & 63) << 5 | ((rgb >> 3) & 31)) as u16
}

/// How many lines the words of a note fill and how long the last is (15 for full), from the number
/// of letters alone: for words too small to read.
fn lines_of(note: &Note) -> u8 {
    let words = match &note.kind {
        NoteKind::Agent(agent) if !agent.prompt.is_empty() => &agent.prompt,
        NoteKind::Work(work) if work.kind != WorkKind::Text => return 0,
        _ if note.text.is_empty() => &note.title,
        _ => &note.text,
    };
    let letters = words.chars().take(900).count() as f64;
    if letters == 0.0 {
        return 0;
    }
    // Mean advance of the brush face at 25 units, of the hand at 20.
    let advance = if letters <= 90.0 { 10.2 } else { 7.4 };
    let room = ((note.size[0] - 32.0) / advance).max(4.0);
    let most = ((note.size[1] * 0.75) / 25.0).floor().clamp(1.0, 8.0);
    let lines = (letters / room).ceil();
    let last = if lines > most { 1.0 } else { (letters - (lines - 1.0) * room) / room };
    let last = (last * 15.0).round().clamp(2.0, 15.0) as u8;
    lines.min(most) as u8 | last << 4
}

/// True when something a finished work was made from is not what it was then.
fn is_stale(work: &Work, board: &Board) -> bool {
    let Some(run) = work.run().and_then(|id| board.run(id)) else { return false };
    run.inputs.iter().any(|input| {
        let now = board.note(input.note).map(|n| n.kind.work().and_then(|w| w.asset()));
        matches!((input.asset, now), (Some(then), Some(now)) if Some(then) != now)
    })
}

/// Style, pin colour and average colour.
fn looks_of(note: &Note, board: &Board) -> (NoteStyle, u8, u16) {
    // Plain notes have the orange pin.
    const PLAIN_PIN: u8 = 4;
    match &note.kind {
        NoteKind::Plain => (NoteStyle::Text, PLAIN_PIN, 0),
        NoteKind::Frame => (NoteStyle::Frame, PLAIN_PIN, 0),
        NoteKind::Agent(agent) => (NoteStyle::Agent, agent.twine_color & 15, 0),
        NoteKind::Work(work) => {
            // What could not be made is a plain note with the reason on it.
            let ended = matches!(work.state, WorkState::Failed { .. } | WorkState::Canceled { .. });
            let style = match work.kind {
                _ if ended => NoteStyle::Text,
                WorkKind::Text => NoteStyle::Text,
                WorkKind::Image => NoteStyle::Photo,
                WorkKind::Voice => NoteStyle::Voice,
                WorkKind::Video => NoteStyle::Film,
            };
            let agent = board.note(work.recipe.agent).and_then(|n| n.kind.agent());
            // The string keeps the colour when the agent is gone.
            let tied = || board.twines_of(note.id).find(|t| t.to == note.id).map(|t| t.color);
            let pin = agent.map(|a| a.twine_color).or_else(tied).unwrap_or(PLAIN_PIN) & 15;
            let average = work
                .asset()
                .and_then(|a| board.asset(a))
                .map_or(rgb565(0xe4_de_d0), |a| rgb565(a.average_rgb));
            (style, pin, average)
        }
    }
}

impl Mirror {
    /// Writes the record of a note as it stands; true when it is another one now. `marks` are flags that are no part of the board,
    /// `progress` is how far its making is, 0..=1.
    pub(super) fn set_note(
        &mut self,
        slot: u32,
        note: &Note,
        board: &Board,
        marks: u32,
        progress: f32,
    ) -> bool {
        let page = self.page_of(note.center, note.size);
        let origin = self.origins[page as usize];
        let edge = f64::from(self.pages[page as usize].class).exp2();
        let fraction = |v: f64| (v / edge * 32_768.0).round().clamp(1.0, 65_535.0) as u16;
        let (style, pin, mut average) = looks_of(note, board);
        let mut marks = marks;
        if let NoteKind::Work(work) = &note.kind {
            match &work.state {
                WorkState::Making { .. } => {
                    marks |= flags::MAKING;
                    average = (progress.clamp(0.0, 1.0) * 65_535.0) as u16;
                }
                WorkState::Failed { .. } => marks |= flags::FAILED,
                WorkState::Done { .. } if is_stale(work, board) => marks |= flags::STALE,
                WorkState::Done { .. } | WorkState::Canceled { .. } => {}
            }
        }
        let seed = (note.id.0 ^ (note.id.0 >> 64)) as u64;
        let thumb = self.notes.get(slot as usize).map_or(u16::MAX, |r| r.thumb);
        self.write_note(
            slot,
            NoteGpu {
                center: [0, 1].map(|i| (note.center[i] - origin[i]) as f32),
                size: note.size.map(fraction),
                tilt: (f64::from(note.tilt_deg) / 180.0 * 32_768.0).clamp(-32_768.0, 32_767.0)
                    as i16,
                lines: lines_of(note),
                style: style as u8,
                paper: note.color,
                pin,
                average,
                page_flags: page | marks,
                thumb: if note.kind.work().is_some() { thumb } else { u16::MAX },
                seed: (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16,
                rank: note.rank.min(MOST_RANK),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oto_board::NoteId;

    #[test]
    fn lines_follow_the_length_of_the_words() {
        let note = |text: &str| Note {
            id: NoteId(1),
            kind: NoteKind::Plain,
            center: [0.0; 2],
            size: [200.0; 2],
            tilt_deg: 0.0,
            rank: 0,
            color: 0,
            title: String::new(),
            text: text.to_owned(),
            starred: false,
            created_at_ms: 0,
        };
        assert_eq!(lines_of(&note("")), 0);
        assert_eq!(lines_of(&note("Post-it 7")) & 15, 1);
        assert_eq!(lines_of(&note(&"word ".repeat(12))) & 15, 4);
        assert_eq!(lines_of(&note(&"word ".repeat(900))), 6 | 15 << 4);
    }
}
