//! `local-text`: a seeded writer of outlines and short narrations from templates, in English and
//! French. It is not a language model and never pretends to be one.

use oto_media::maths::{Rng, hash_text};

use crate::outcome::title_from;
use crate::{
    Body, BoxFuture, Check, Context, Description, Engine, EngineError, ErrorClass, Kind, Outcome,
    Output, OutputRole, Parameter, Place, Request, Submitted,
};

/// The engine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Writer;

const FORMS: &[&str] = &["auto", "narration", "poem", "outline"];

impl Writer {
    /// What the work is called wherever it is shown.
    pub(crate) const LABEL: &str = "Local draft — composed from templates, not by an AI model";
}

impl Engine for Writer {
    fn describe(&self) -> Description {
        Description {
            id: "local-text".to_owned(),
            label: "Local draft (templates)".to_owned(),
            kinds: vec![Kind::Text],
            place: Place::Local,
            draft: true,
            needs_key: false,
            free: true,
            params: vec![Parameter { name: "form", default: "auto", choices: FORMS }],
        }
    }

    fn check<'a>(&'a self, _context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(std::future::ready(Check::ready("The template writer is part of oTo.")))
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(async move {
            if request.prompt.trim().is_empty() && request.inputs.is_empty() {
                return Err(EngineError::new(
                    ErrorClass::InvalidRequest,
                    "empty_prompt",
                    "Write on the agent what the text is about.",
                ));
            }
            context.report(0.5, "composing");
            let about = if request.prompt.trim().is_empty() {
                request.words()
            } else {
                request.prompt.clone()
            };
            let text = write(&about, request.param("form", "auto"), request.seed);
            Ok(Submitted::Finished(Outcome {
                outputs: vec![Output {
                    role: OutputRole::Main,
                    body: Body::Memory(text.clone().into_bytes()),
                    size_px: [0, 0],
                    duration_ms: 0,
                    average_rgb: 0xfd_f3_b0,
                }],
                title: title_from(&about),
                text,
                model: String::new(),
                label: Writer::LABEL.to_owned(),
                cost_micro: Some(0),
                draft: false,
            }))
        })
    }
}

/// True when a text looks French: by its small words and accents.
#[must_use]
pub(crate) fn is_french(text: &str) -> bool {
    const FRENCH: &[&str] = &[
        "le", "la", "les", "un", "une", "des", "du", "et", "sur", "dans", "au", "aux", "qui",
        "est", "pour", "avec", "chat",
    ];
    const ENGLISH: &[&str] =
        &["the", "a", "an", "and", "of", "on", "in", "at", "is", "with", "to", "over"];
    let mut score = 0i32;
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()) {
        score += i32::from(FRENCH.contains(&word)) - i32::from(ENGLISH.contains(&word));
        score += i32::from(word.contains(['é', 'è', 'ê', 'à', 'ç', 'œ', 'ù']));
    }
    score > 0
}

struct Voice {
    openings: &'static [&'static str],
    middles: &'static [&'static str],
    closings: &'static [&'static str],
    lines: &'static [&'static str],
    headings: &'static [&'static str],
}

const ENGLISH: Voice = Voice {
    openings: &[
        "It begins with {0}.",
        "First there is {0}, and nobody is in a hurry.",
        "Look closely: {0}.",
        "This is the hour of {0}.",
    ],
    middles: &[
        "The light moves slowly across it, as if counting.",
        "Somewhere behind a window, someone hums {1} without knowing the words.",
        "A little further, {1} waits for its turn.",
        "Every colour is softer than you remember.",
        "What was far away comes near, and {1} grows quiet.",
        "The air smells of rain, paper and oranges.",
    ],
    closings: &[
        "And when it is over, {0} stays with you a while.",
        "Tomorrow it will all be there again, almost the same.",
        "That is all, and it is enough.",
        "Then the day turns the page.",
    ],
    lines: &[
        "{0}",
        "a thin line of light",
        "{1}, and then nothing",
        "the wall keeps what we pin to it",
        "someone laughs two streets away",
        "slowly, {0} again",
    ],
    headings: &["Opening", "What we see", "What changes", "The turn", "Ending"],
};

const FRENCH: Voice = Voice {
    openings: &[
        "Tout commence par {0}.",
        "D’abord il y a {0}, et personne n’est pressé.",
        "Regardez bien : {0}.",
        "C’est l’heure de {0}.",
    ],
    middles: &[
        "La lumière avance lentement, comme si elle comptait.",
        "Derrière une fenêtre, quelqu’un fredonne {1} sans savoir les paroles.",
        "Un peu plus loin, {1} attend son tour.",
        "Chaque couleur est plus douce que dans le souvenir.",
        "L’air sent la pluie, le papier et l’orange.",
    ],
    closings: &[
        "Et quand c’est fini, {0} reste encore un moment.",
        "Demain tout sera là, presque pareil.",
        "C’est tout, et cela suffit.",
        "Puis le jour tourne la page.",
    ],
    lines: &[
        "{0}",
        "un fil de lumière",
        "{1}, et puis rien",
        "le mur garde ce qu’on y épingle",
        "quelqu’un rit deux rues plus loin",
        "doucement, {0} encore",
    ],
    headings: &["Ouverture", "Ce que l’on voit", "Ce qui change", "Le tournant", "Fin"],
};

/// Writes about something. The same words, form and seed give the same text.
#[must_use]
pub fn write(about: &str, form: &str, seed: u64) -> String {
    let about = about.trim().trim_end_matches(['.', '!', '?']);
    let mut rng = Rng::new(seed ^ hash_text(about));
    let voice = if is_french(about) { &FRENCH } else { &ENGLISH };
    let lower = about.to_lowercase();
    let form = match form {
        "auto" if lower.contains("outline") || lower.contains("plan ") => "outline",
        "auto" if lower.contains("poem") || lower.contains("poème") => "poem",
        "auto" => "narration",
        other => other,
    };
    let clauses = clauses_of(about);
    let first = clauses.first().copied().unwrap_or(about);
    let second = clauses.get(1).or(clauses.first()).copied().unwrap_or(about);
    let fill =
        |template: &str| template.replace("{0}", &lowered(first)).replace("{1}", &lowered(second));
    let pick = |rng: &mut Rng, of: &[&str]| rng.pick(of).map_or_else(String::new, |t| fill(t));
    match form {
        "poem" => {
            let mut order: Vec<&str> = voice.lines.to_vec();
            for i in (1..order.len()).rev() {
                order.swap(i, rng.below(i as u32 + 1) as usize);
            }
            order.iter().map(|l| capitalised(&fill(l))).collect::<Vec<_>>().join("\n")
        }
        "outline" => voice
            .headings
            .iter()
            .enumerate()
            .map(|(i, heading)| {
                let idea = clauses
                    .get(i)
                    .map_or_else(|| pick(&mut rng, voice.middles), |c| capitalised(c));
                format!("{}. {heading}\n   {idea}", i + 1)
            })
            .collect::<Vec<_>>()
            .join("\n"),
        _ => {
            let mut sentences = vec![pick(&mut rng, voice.openings)];
            for clause in clauses.iter().skip(1).take(3) {
                sentences.push(format!("{}.", capitalised(clause)));
            }
            let mut middles: Vec<&str> = voice.middles.to_vec();
            for _ in 0..2 {
                let i = rng.below(middles.len() as u32) as usize;
                sentences.push(fill(middles.swap_remove(i)));
            }
            sentences.push(pick(&mut rng, voice.closings));
            sentences.iter().map(|s| capitalised(s)).collect::<Vec<_>>().join(" ")
        }
    }
}

/// A clause inside a sentence: only an article at its front loses its capital, names keep theirs.
fn lowered(clause: &str) -> String {
    let (first, rest) = clause.split_once(' ').unwrap_or((clause, ""));
    const ARTICLES: &[&str] = &["A", "An", "The", "Un", "Une", "Le", "La", "Les", "Des"];
    if ARTICLES.contains(&first) {
        format!("{} {rest}", first.to_lowercase())
    } else {
        clause.to_owned()
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}

/// The parts between commas, stops and the like; those inside a number are part of it.
fn clauses_of(about: &str) -> Vec<&str> {
    let mut clauses = Vec::new();
    let mut from = 0;
    let letters: Vec<(usize, char)> = about.char_indices().collect();
    for (i, (at, c)) in letters.iter().enumerate() {
        let digit =
            |i: Option<usize>| i.and_then(|i| letters.get(i)).is_some_and(|l| l.1.is_ascii_digit());
        let in_number = digit(i.checked_sub(1)) && digit(Some(i + 1));
        if *c == '\n' || *c == ';' || (matches!(c, ',' | '.' | ':') && !in_number) {
            clauses.push(about[from..*at].trim());
            from = at + c.len_utf8();
        }
    }
    clauses.push(about[from..].trim());
    clauses.retain(|c| !c.is_empty());
    clauses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_whole() {
        let text = "A lighthouse, 3.5 miles out: at 6:30. It is 1,200 feet; tall.";
        let parts = ["A lighthouse", "3.5 miles out", "at 6:30", "It is 1,200 feet", "tall"];
        assert_eq!(clauses_of(text), parts);
        assert!(clauses_of(" .,; ").is_empty());
    }

    #[test]
    fn the_same_seed_writes_the_same_and_another_differs() {
        let about = "Lisbon at dawn, tram 28 climbing a wet street";
        let text = write(about, "auto", 7);
        assert_eq!(text, write(about, "auto", 7));
        assert!((1..20).any(|seed| write(about, "auto", seed) != text));
        assert!(text.contains("Lisbon at dawn") && text.contains("Tram 28 climbing a wet street."));
        assert!(text.split_whitespace().count() > 20);
        let french = write("Un chat sur le toit, les tramways", "poem", 3);
        assert!(french.contains("chat") && french.lines().count() == 6);
        assert_eq!(write("The plan for a film about bees", "outline", 1).lines().count(), 10);
    }
}
