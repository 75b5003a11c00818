//! Which words stand where on each kind of note.

use oto_board::{Board, Note, NoteKind, WorkKind, WorkState};

use super::{Block, Face};
use crate::{MakingLook, Palette};

fn rgba(rgb: [u8; 3], alpha: u8) -> [u8; 4] {
    [rgb[0], rgb[1], rgb[2], alpha]
}

/// "0:12".
fn clock(ms: u64) -> String {
    let seconds = (ms + 500) / 1000;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn block(text: impl Into<String>, face: Face, size: f32, area: [f32; 4], color: [u8; 4]) -> Block {
    Block {
        text: text.into(),
        face,
        size,
        least: size * 0.62,
        area,
        centered: true,
        middle: true,
        color,
    }
}

pub(crate) fn blocks_of(
    note: &Note,
    board: &Board,
    making: Option<&MakingLook>,
    palette: &Palette,
) -> Vec<Block> {
    let [w, h] = [note.size[0] as f32 / 2.0, note.size[1] as f32 / 2.0];
    let ink = rgba(palette.ink.paper, 255);
    let gold = rgba(palette.ink.gold, 255);
    // Below the glue strip, so that no string strikes words through.
    let top = -h + h * 2.0 * 0.17;
    match &note.kind {
        NoteKind::Agent(agent) => agent_blocks(note, agent, [w, h, top], gold),
        NoteKind::Plain | NoteKind::Frame => words(note, [-w + 16.0, top, w - 16.0, h - 16.0], ink),
        NoteKind::Work(work) => match &work.state {
            WorkState::Making { .. } => making_blocks(making, [w, h, top], palette),
            WorkState::Failed { reason, .. } => {
                let failed = rgba(palette.ink.failed, 255);
                let mut text = block(
                    reason.as_str(),
                    Face::Brush,
                    17.0,
                    [-w + 16.0, top + 6.0, w - 16.0, h - 34.0],
                    failed,
                );
                text.least = 11.0;
                vec![text]
            }
            WorkState::Canceled { .. } => {
                let faint = rgba(palette.ink.faint, 255);
                vec![block(
                    "stopped",
                    Face::Brush,
                    20.0,
                    [-w + 16.0, top, w - 16.0, h - 20.0],
                    faint,
                )]
            }
            WorkState::Done { asset, .. } => {
                let seconds = board.asset(*asset).map_or(0, |a| a.duration_ms);
                match work.kind {
                    WorkKind::Text => words(note, [-w + 15.0, top, w - 15.0, h - 15.0], ink),
                    WorkKind::Image => vec![caption(&note.title, [w, h], ink)],
                    WorkKind::Video => vec![caption(&note.title, [w, h], ink)],
                    WorkKind::Voice => {
                        let line = format!("{} {}", clock(seconds), note.title);
                        let mut caption = block(
                            line,
                            Face::Brush,
                            20.0,
                            [-w + 14.0, h - 58.0, w - 14.0, h - 12.0],
                            ink,
                        );
                        caption.least = 15.0;
                        vec![caption]
                    }
                }
            }
        },
    }
}

fn caption(title: &str, [w, h]: [f32; 2], ink: [u8; 4]) -> Block {
    let mut caption =
        block(title, Face::Brush, 22.0, [-w + 14.0, h - 45.0, w - 14.0, h - 6.0], ink);
    caption.least = 15.0;
    caption
}

/// Short texts large and in the middle, longer ones smaller from the upper left.
fn words(note: &Note, area: [f32; 4], ink: [u8; 4]) -> Vec<Block> {
    let text = if note.text.is_empty() { &note.title } else { &note.text };
    let letters = text.chars().count();
    // As much as could ever be read on a note; the preview has the rest.
    let shown: String = text.chars().take(900).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let mut words = if letters <= 90 {
        block(shown, Face::Brush, 25.0, area, ink)
    } else {
        Block { centered: false, middle: false, ..block(shown, Face::Hand, 20.0, area, ink) }
    };
    words.least = 13.5;
    vec![words]
}

fn agent_blocks(
    note: &Note,
    agent: &oto_board::Agent,
    [w, h, top]: [f32; 3],
    gold: [u8; 4],
) -> Vec<Block> {
    let engine = agent.engine.trim_start_matches("local-");
    let place = if agent.engine.starts_with("local-") { "local" } else { engine };
    let kind = if agent.makes == WorkKind::Video { "film" } else { agent.makes.word() };
    let what = format!("{kind} · {place}");
    if agent.prompt.trim().is_empty() {
        let title =
            block(note.title.as_str(), Face::Marker, 31.0, [-w + 10.0, top, w - 10.0, 14.0], gold);
        let line = block(
            what,
            Face::Brush,
            20.0,
            [-w + 10.0, 14.0, w - 10.0, 46.0],
            rgba([gold[0], gold[1], gold[2]], 225),
        );
        return vec![title, line];
    }
    let mut title = block(
        note.title.as_str(),
        Face::Marker,
        23.0,
        [-w + 15.0, top, w - 15.0, top + 28.0],
        gold,
    );
    title.centered = false;
    let mut prompt = block(
        agent.prompt.as_str(),
        Face::Brush,
        20.0,
        [-w + 15.0, top + 32.0, w - 12.0, h - 36.0],
        gold,
    );
    (prompt.centered, prompt.middle, prompt.least) = (false, false, 13.0);
    let mut line = block(
        what,
        Face::Brush,
        16.0,
        [-w + 15.0, h - 34.0, w - 15.0, h - 12.0],
        rgba([gold[0], gold[1], gold[2]], 210),
    );
    line.centered = false;
    vec![title, prompt, line]
}

fn making_blocks(
    making: Option<&MakingLook>,
    [w, h, top]: [f32; 3],
    palette: &Palette,
) -> Vec<Block> {
    let faint = rgba(palette.ink.faint, 255);
    let (message, detail) =
        making.map_or(("waiting", ""), |l| (l.message.as_str(), l.detail.as_str()));
    let mut first =
        block(message, Face::Brush, 20.0, [-w + 14.0, top + 20.0, w - 14.0, h - 52.0], faint);
    first.least = 13.0;
    let second = block(detail, Face::Brush, 15.0, [-w + 14.0, h - 50.0, w - 14.0, h - 26.0], faint);
    vec![first, second]
}
