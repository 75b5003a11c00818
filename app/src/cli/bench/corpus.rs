//! `oto bench corpus`: a board file like any other, written through the journal.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use oto_board::{
    Agent, Board, Note, NoteId, NoteKind, Op, Origin, StepId, Twine, TwineId, TwineRole, TxMeta,
    WorkKind,
};
use oto_storage::{Writer, create_board};

use super::layout::{Dice, Layout, Spot, other_end, spots, text};
use super::pictures;
use crate::data::DataDir;

#[derive(Debug, Args)]
pub(in crate::cli) struct CorpusArgs {
    /// How the notes lie.
    #[arg(long, value_enum)]
    layout: Layout,
    /// How many notes.
    #[arg(long)]
    notes: usize,
    /// How many strings; as many as notes when left out.
    #[arg(long)]
    twines: Option<usize>,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The board to make.
    #[arg(long, value_name = "BOARD")]
    out: PathBuf,
}

/// Records a transaction.
const BATCH: usize = 20_000;

struct Maker {
    board: Board,
    writer: Writer,
    seed: u64,
}

impl Maker {
    fn id(&self, kind: u128, i: usize) -> u128 {
        // The same corpus has the same ids, and tilts follow from ids.
        u128::from(Dice(self.seed ^ (i as u64) << 3 ^ kind as u64).next()) << 64
            | kind << 60
            | i as u128
    }

    fn write(
        &mut self,
        f: impl FnOnce(&mut oto_board::Tx<'_>) -> Result<(), oto_board::EditError>,
    ) -> Result<()> {
        let meta = TxMeta {
            op: Op::AddNotes,
            origin: Origin::Import,
            step: StepId(self.id(5, self.board.seq() as usize)),
            at_ms: 0,
            selection_hint: Vec::new(),
        };
        if let Some(transaction) = self.board.transact(meta, f)? {
            let seq = transaction.seq;
            if self.writer.send(transaction).is_err() {
                bail!("the writer takes no more");
            }
            self.writer.wait_for(seq)?;
        }
        Ok(())
    }
}

fn note(layout: Layout, i: usize, id: NoteId, spot: Spot, dice: &mut Dice) -> Note {
    let plain = matches!(layout, Layout::Grid | Layout::Hairball | Layout::Piles);
    let agent = !plain && i.is_multiple_of(33);
    let kind = if agent {
        NoteKind::Agent(Box::new(Agent {
            makes: WorkKind::ALL[i / 33 % 4],
            engine: "corpus".to_owned(),
            model: String::new(),
            prompt: text(dice),
            params: Vec::new(),
            twine_color: (i / 33 % 8) as u8,
        }))
    } else {
        NoteKind::Plain
    };
    Note {
        id,
        kind,
        center: spot.center,
        size: spot.size,
        tilt_deg: Note::tilt_of(id),
        rank: i as u32 + 1,
        color: if plain { 0 } else { dice.below(7) as u8 },
        title: if agent { format!("Agent {}", i / 33) } else { String::new() },
        text: if plain { format!("Post-it {i}") } else { text(dice) },
        starred: false,
        created_at_ms: 0,
    }
}

pub(super) fn run(data: &DataDir, args: &CorpusArgs) -> Result<()> {
    let n = args.notes;
    if n > 10_000_000 || args.twines.unwrap_or(0) > 10_000_000 {
        bail!("ten million notes and strings are the most");
    }
    let path = data.board(&args.out);
    let (loaded, writer) = create_board(&path)?;
    let mut maker = Maker { board: loaded.board, writer, seed: args.seed };
    let mut dice = Dice(args.seed);
    let spots = spots(args.layout, n, &mut dice);
    let with_pictures = matches!(args.layout, Layout::Wall | Layout::Far);
    let n_pictures = if with_pictures { n / 10 } else { 0 };
    let assets = pictures::make(n_pictures, &data.assets(), &mut dice)?;
    maker.write(|tx| {
        assets.iter().for_each(|asset| tx.insert_asset(asset.clone()));
        Ok(())
    })?;
    let ids: Vec<NoteId> = (0..n).map(|i| NoteId(maker.id(1, i))).collect();
    for from in (0..n).step_by(BATCH) {
        let mut notes = Vec::new();
        let mut runs = Vec::new();
        for i in from..n.min(from + BATCH) {
            let mut made = note(args.layout, i, ids[i], spots[i], &mut dice);
            if i % 10 == 7 && !assets.is_empty() {
                let asset = assets[i / 10 % assets.len()].id;
                let (kind, run) = pictures::work(asset, ids[i / 33 * 33], maker.id(3, i));
                (made.kind, made.color) = (kind, 1);
                made.title = made.text.split(' ').take(2).collect::<Vec<_>>().join(" ");
                made.text.clear();
                made.size[1] = made.size[0] * 0.96;
                runs.push(run);
            }
            notes.push(made);
        }
        maker.write(|tx| {
            runs.into_iter().try_for_each(|run| tx.insert_run(run))?;
            notes.into_iter().try_for_each(|note| tx.insert_note(note))
        })?;
    }
    let wanted = if n < 2 { 0 } else { args.twines.unwrap_or(n) };
    for from in (0..wanted).step_by(BATCH) {
        let mut twines = Vec::new();
        for i in from..wanted.min(from + BATCH) {
            let to = other_end(args.layout, i, n, &mut dice);
            let start = i % n;
            let to = if to >= n { start.saturating_sub(1) } else { to };
            if to == start {
                continue;
            }
            twines.push(Twine {
                id: TwineId(maker.id(2, i)),
                from: ids[start],
                to: ids[to],
                role: TwineRole::Reference,
                agent: None,
                color: (dice.next() % 8) as u8,
                label: String::new(),
            });
        }
        maker.write(|tx| twines.into_iter().try_for_each(|twine| tx.insert_twine(twine)))?;
    }
    eprintln!(
        "{}: {} notes, {} strings",
        path.display(),
        maker.board.n_notes(),
        maker.board.n_twines()
    );
    Ok(())
}
