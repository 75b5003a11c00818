//! Pictures of a corpus: real PNG files in the asset store, made from the seed.

use anyhow::Result;
use oto_board::{AssetId, AssetInfo, JobId, NoteId, OutputRole, Recipe, Run, RunId, RunOutput};
use oto_board::{NoteKind, Work, WorkKind, WorkState};
use oto_media::picture::Picture;
use oto_storage::AssetStore;

use super::layout::Dice;

/// Distinct pictures of a corpus at most.
const MOST: usize = 2_000;
const SIZE: [u32; 2] = [192, 144];

/// A landscape of three soft bands and a sun.
fn picture(dice: &mut Dice) -> Picture {
    let [width, height] = SIZE;
    let color = |dice: &mut Dice| [0; 3].map(|_: u8| 60.0 + dice.unit() * 190.0);
    let bands = [color(dice), color(dice), color(dice)];
    let sun = [dice.unit() * 192.0, dice.unit() * 80.0, 10.0 + dice.unit() * 20.0];
    let mut rgba = Vec::with_capacity((width * height * 4) as usize);
    for y in 0..height {
        for x in 0..width {
            let (fx, fy) = (f64::from(x), f64::from(y));
            let hill = 70.0 + 22.0 * ((fx + sun[0]) / 31.0).sin();
            let near = 112.0 + 12.0 * ((fx - sun[1]) / 17.0).sin();
            let lit = (fx - sun[0]).hypot(fy - sun[1]) < sun[2];
            let band = if fy > near { 2 } else { usize::from(fy > hill) };
            let shade = if lit && band == 0 { 1.25 } else { 1.0 - fy / 700.0 };
            rgba.extend(bands[band].map(|v| (v * shade).clamp(0.0, 255.0) as u8));
            rgba.push(255);
        }
    }
    Picture { width, height, rgba }
}

/// Puts the pictures for `n` works into the store.
pub(super) fn make(n: usize, store: &AssetStore, dice: &mut Dice) -> Result<Vec<AssetInfo>> {
    let mut made = Vec::new();
    for _ in 0..n.min(MOST) {
        let picture = picture(dice);
        let bytes = picture.to_png()?;
        made.push(AssetInfo {
            id: store.put(&bytes)?,
            mime: "image/png".to_owned(),
            size_bytes: bytes.len() as u64,
            size_px: SIZE,
            duration_ms: 0,
            average_rgb: picture.average_rgb(),
        });
    }
    Ok(made)
}

/// A finished picture and the run that stands for its making.
pub(super) fn work(asset: AssetId, agent: NoteId, serial: u128) -> (NoteKind, Run) {
    let recipe = Recipe {
        agent,
        engine: "corpus".to_owned(),
        model: String::new(),
        prompt: String::new(),
        seed: 0,
        params: Vec::new(),
        sources: Vec::new(),
    };
    let run = Run {
        id: RunId(serial),
        job: JobId(serial),
        agent,
        agent_name: String::new(),
        engine: "corpus".to_owned(),
        model: String::new(),
        prompt: String::new(),
        seed: 0,
        params: Vec::new(),
        inputs: Vec::new(),
        outputs: vec![RunOutput { role: OutputRole::Main, asset }],
        cost_micro: None,
        draft: true,
        label: "made for measuring".to_owned(),
        started_at_ms: 0,
        finished_at_ms: 0,
    };
    let state = WorkState::Done { asset, run: run.id };
    (NoteKind::Work(Box::new(Work { kind: WorkKind::Image, recipe, state })), run)
}
