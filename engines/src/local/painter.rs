//! `local-image`: a seeded painter of procedural pictures. It does not depict the words; it lets
//! them choose style, colours, weather and motifs. Same words, seed, size and version: same bytes.

mod flow;
mod landscape;
mod palette;
mod pattern;
mod poster;

use oto_media::maths::{Rng, hash_text, noise};
use oto_media::picture::Picture;
use oto_media::tiny_skia::Pixmap;

use crate::outcome::title_from;
use crate::{
    Body, BoxFuture, Check, Context, Description, Engine, EngineError, ErrorClass, Kind, Outcome,
    Output, OutputRole, Parameter, Place, Request, Submitted,
};
use palette::Palette;

/// The engine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Painter;

const STYLES: &[&str] = &["auto", "landscape", "flow", "pattern", "poster"];
const ASPECTS: &[&str] = &["4:3", "1:1", "16:9", "9:16"];

impl Painter {
    /// What the work is called wherever it is shown.
    pub(crate) const LABEL: &str = "Local draft — pattern drawn by rules";
}

impl Engine for Painter {
    fn describe(&self) -> Description {
        Description {
            id: "local-image".to_owned(),
            label: "Local draft (painter)".to_owned(),
            kinds: vec![Kind::Image],
            place: Place::Local,
            draft: true,
            needs_key: false,
            free: true,
            params: vec![
                Parameter { name: "style", default: "auto", choices: STYLES },
                Parameter { name: "aspect", default: "4:3", choices: ASPECTS },
            ],
        }
    }

    fn check<'a>(&'a self, _context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(std::future::ready(Check::ready("The painter is part of oTo.")))
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(async move {
            let request = request.clone();
            context.blocking(move |context| make(context, &request)).await
        })
    }
}

fn make(context: &Context, request: &Request) -> Result<Submitted, EngineError> {
    let about =
        if request.prompt.trim().is_empty() { request.words() } else { request.prompt.clone() };
    if about.trim().is_empty() {
        return Err(EngineError::new(
            ErrorClass::InvalidRequest,
            "empty_prompt",
            "Write on the agent what the picture is about.",
        ));
    }
    let style = request.param("style", "auto");
    if !STYLES.contains(&style) {
        return Err(EngineError::new(
            ErrorClass::InvalidRequest,
            "bad_parameter",
            format!("The painter knows the styles {}, not “{style}”.", STYLES.join(", ")),
        ));
    }
    let size = match request.param("aspect", "4:3") {
        "4:3" => [1280, 960],
        "1:1" => [1080, 1080],
        "16:9" => [1440, 808],
        "9:16" => [808, 1440],
        other => {
            return Err(EngineError::new(
                ErrorClass::InvalidRequest,
                "bad_parameter",
                format!("The painter knows the formats {}, not “{other}”.", ASPECTS.join(", ")),
            ));
        }
    };
    context.report(0.1, "mixing colours");
    let picture = paint(&about, style, request.seed, size);
    if context.cancel.is_cancelled() {
        return Err(EngineError::canceled());
    }
    context.report(0.8, "drying");
    let png = picture.to_png()?;
    Ok(Submitted::Finished(Outcome {
        outputs: vec![Output {
            role: OutputRole::Main,
            body: Body::Memory(png),
            size_px: [picture.width, picture.height],
            duration_ms: 0,
            average_rgb: picture.average_rgb(),
        }],
        title: title_from(&about),
        text: String::new(),
        model: String::new(),
        label: Painter::LABEL.to_owned(),
        cost_micro: Some(0),
        draft: false,
    }))
}

/// Paints a picture about something.
#[must_use]
pub fn paint(about: &str, style: &str, seed: u64, size: [u32; 2]) -> Picture {
    let words = about.to_lowercase();
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ hash_text(&words));
    let palette = Palette::for_words(&words, &mut rng);
    let [width, height] = size.map(|v| v.clamp(16, 4_096));
    let Some(mut canvas) = Pixmap::new(width, height) else {
        return Picture { width: 1, height: 1, rgba: vec![255; 4] };
    };
    match chosen(style, &words, &mut rng) {
        "flow" => flow::paint(&mut canvas, &palette, &mut rng),
        "pattern" => pattern::paint(&mut canvas, &palette, &mut rng),
        "poster" => poster::paint(&mut canvas, about, &palette, &mut rng),
        _ => landscape::paint(&mut canvas, &words, &palette, &mut rng),
    }
    paper(&mut canvas, rng.next_u32());
    Picture { width, height, rgba: canvas.take_demultiplied() }
}

fn chosen<'a>(style: &'a str, words: &str, rng: &mut Rng) -> &'a str {
    if style != "auto" {
        return style;
    }
    let has = |list: &[&str]| list.iter().any(|w| words.contains(w));
    if has(&["poster", "affiche", "typograph", "slogan", "title", "titre", "\""]) {
        "poster"
    } else if has(&[
        "pattern",
        "motif",
        "tile",
        "geometr",
        "géométr",
        "mosaic",
        "azulejo",
        "bauhaus",
    ]) {
        "pattern"
    } else if has(&[
        "flow", "wind", "vent", "dream", "rêve", "music", "musique", "abstract", "smoke", "hair",
        "dance",
    ]) {
        "flow"
    } else if landscape::has_motif(words) {
        "landscape"
    } else {
        ["landscape", "flow", "landscape", "pattern"][rng.below(4) as usize]
    }
}

/// Paper under the paint: fine grain and slow mottling, opaque everywhere.
fn paper(canvas: &mut Pixmap, seed: u32) {
    let width = canvas.width();
    for (i, pixel) in canvas.data_mut().chunks_exact_mut(4).enumerate() {
        let (x, y) = ((i as u32 % width) as f32, (i as u32 / width) as f32);
        let fine = noise(x * 0.9, y * 0.9, seed) - 0.5;
        let slow = noise(x / 90.0, y / 90.0, seed ^ 7) - 0.5;
        let shade = fine * 13.0 + slow * 9.0;
        for channel in &mut pixel[..3] {
            *channel = (f32::from(*channel) + shade).clamp(0.0, 255.0) as u8;
        }
        pixel[3] = 255;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_repeats_byte_for_byte_and_is_a_picture() {
        for style in &STYLES[1..] {
            let about = "Lisbon at dawn, tram 28";
            let made = paint(about, style, 5, [320, 240]);
            assert_eq!(made, paint(about, style, 5, [320, 240]), "{style}");
            assert_ne!(made, paint(about, style, 6, [320, 240]), "{style}");
            assert_ne!(made, paint("a forest at night", style, 5, [320, 240]), "{style}");
            let lights: Vec<u32> = made
                .rgba
                .chunks_exact(4)
                .map(|p| u32::from(p[0]) + u32::from(p[1]) + u32::from(p[2]))
                .collect();
            let mean = lights.iter().sum::<u32>() / lights.len() as u32;
            let spread = lights.iter().map(|l| l.abs_diff(mean)).sum::<u32>() / lights.len() as u32;
            assert!(spread > 15, "{style} is almost one colour: {spread}");
        }
    }
}
