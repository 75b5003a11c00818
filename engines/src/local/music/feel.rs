//! Moods, and what each means for a composer: tempo, chords, who plays, how much.

use super::instrument::Kind;

/// How a piece feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Slow and warm; the usual one.
    Calm,
    /// Forward, light.
    Bright,
    /// Minor, tender.
    Wistful,
    /// Dark, a pulse.
    Tense,
    /// Short plucked notes.
    Playful,
}

/// What a mood means.
#[derive(Debug)]
pub(super) struct Feel {
    /// About how long a chord lasts.
    pub(super) chord_secs: f32,
    /// Semitones of the seven degrees above the key note.
    pub(super) scale: [i32; 7],
    /// The five degrees a melody uses.
    pub(super) melody: [usize; 5],
    /// Four chords each, by degree.
    pub(super) progressions: &'static [[usize; 4]],
    /// Lowest and highest key note, MIDI.
    pub(super) key: [i32; 2],
    /// Who plays the melody, and where it lies.
    pub(super) lead: Kind,
    /// Middle of the melody, MIDI.
    pub(super) lead_at: i32,
    /// Chance of a note on a step of the melody: on the beats, between them.
    pub(super) density: [f32; 2],
    /// Loudness of the melody.
    pub(super) lead_level: f32,
    /// Chance that a broken chord is plucked under a chord.
    pub(super) arpeggio: f32,
    /// Bass notes in eighths of a chord, with their loudness.
    pub(super) bass: &'static [(u32, f32)],
    /// Loudness of the pads.
    pub(super) pad_level: f32,
    /// How bright the pads are, 0..=1.
    pub(super) brightness: f32,
    /// How much of the room is heard.
    pub(super) room: f32,
}

const MAJOR: [i32; 7] = [0, 2, 4, 5, 7, 9, 11];
const MINOR: [i32; 7] = [0, 2, 3, 5, 7, 8, 10];
const MAJOR_FIVE: [usize; 5] = [0, 1, 2, 4, 5];
const MINOR_FIVE: [usize; 5] = [0, 2, 3, 4, 6];

static CALM: Feel = Feel {
    chord_secs: 4.6,
    scale: MAJOR,
    melody: MAJOR_FIVE,
    progressions: &[[0, 5, 3, 4], [0, 2, 3, 0], [3, 0, 5, 4], [0, 3, 5, 3]],
    key: [48, 53],
    lead: Kind::Bell,
    lead_at: 76,
    density: [0.42, 0.10],
    lead_level: 0.25,
    arpeggio: 0.15,
    bass: &[(0, 0.8)],
    pad_level: 0.30,
    brightness: 0.25,
    room: 0.34,
};

static BRIGHT: Feel = Feel {
    chord_secs: 2.8,
    scale: MAJOR,
    melody: MAJOR_FIVE,
    progressions: &[[0, 4, 5, 3], [0, 3, 5, 4], [3, 4, 0, 5], [0, 5, 3, 4]],
    key: [50, 56],
    lead: Kind::Pluck,
    lead_at: 76,
    density: [0.55, 0.25],
    lead_level: 0.29,
    arpeggio: 0.6,
    bass: &[(0, 0.75), (4, 0.45), (7, 0.3)],
    pad_level: 0.26,
    brightness: 0.6,
    room: 0.26,
};

static WISTFUL: Feel = Feel {
    chord_secs: 4.2,
    scale: MINOR,
    melody: MINOR_FIVE,
    progressions: &[[0, 5, 2, 6], [0, 3, 5, 6], [5, 2, 6, 0], [0, 2, 3, 5]],
    key: [45, 51],
    lead: Kind::Bell,
    lead_at: 73,
    density: [0.5, 0.14],
    lead_level: 0.28,
    arpeggio: 0.35,
    bass: &[(0, 0.8), (6, 0.3)],
    pad_level: 0.28,
    brightness: 0.2,
    room: 0.38,
};

static TENSE: Feel = Feel {
    chord_secs: 3.8,
    scale: MINOR,
    melody: MINOR_FIVE,
    progressions: &[[0, 0, 5, 3], [0, 3, 5, 4], [0, 5, 0, 4]],
    key: [40, 45],
    lead: Kind::Bell,
    lead_at: 64,
    density: [0.2, 0.04],
    lead_level: 0.22,
    arpeggio: 0.0,
    bass: &[(0, 0.85), (1, 0.35), (2, 0.5), (3, 0.35), (4, 0.65), (5, 0.35), (6, 0.5), (7, 0.35)],
    pad_level: 0.30,
    brightness: 0.1,
    room: 0.32,
};

static PLAYFUL: Feel = Feel {
    chord_secs: 2.2,
    scale: MAJOR,
    melody: MAJOR_FIVE,
    progressions: &[[0, 3, 0, 4], [0, 1, 4, 0], [0, 5, 1, 4], [3, 0, 3, 4]],
    key: [48, 54],
    lead: Kind::Pluck,
    lead_at: 79,
    density: [0.62, 0.42],
    lead_level: 0.35,
    arpeggio: 0.45,
    bass: &[(0, 0.8), (3, 0.4), (4, 0.6)],
    pad_level: 0.15,
    brightness: 0.45,
    room: 0.20,
};

impl Mood {
    /// The words of the parameter.
    pub(super) const CHOICES: &'static [&'static str] =
        &["auto", "calm", "bright", "wistful", "tense", "playful"];
    /// All.
    pub const ALL: [Self; 5] =
        [Self::Calm, Self::Bright, Self::Wistful, Self::Tense, Self::Playful];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Bright => "bright",
            Self::Wistful => "wistful",
            Self::Tense => "tense",
            Self::Playful => "playful",
        }
    }

    /// From its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.word() == word)
    }

    /// The mood most words of a text speak for; calm when none does.
    #[must_use]
    pub fn of_words(text: &str) -> Self {
        let text = text.to_lowercase();
        let words: Vec<&str> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
        // Beginnings of words, so that a plural or a French ending does no harm.
        let count = |of: &[&str]| {
            words.iter().filter(|w| of.iter().any(|start| w.starts_with(start))).count()
        };
        let votes = [
            (Self::Tense, count(TENSE_WORDS)),
            (Self::Playful, count(PLAYFUL_WORDS)),
            (Self::Wistful, count(WISTFUL_WORDS)),
            (Self::Bright, count(BRIGHT_WORDS)),
            (Self::Calm, count(CALM_WORDS)),
        ];
        let most = votes.iter().map(|v| v.1).max().unwrap_or_default();
        votes.into_iter().find(|v| v.1 == most && most > 0).map_or(Self::Calm, |v| v.0)
    }

    pub(super) fn feel(self) -> &'static Feel {
        match self {
            Self::Calm => &CALM,
            Self::Bright => &BRIGHT,
            Self::Wistful => &WISTFUL,
            Self::Tense => &TENSE,
            Self::Playful => &PLAYFUL,
        }
    }
}

const CALM_WORDS: &[&str] = &[
    "calm", "quiet", "peace", "still", "slow", "soft", "gentl", "sleep", "dawn", "sea", "lake",
    "breath", "tranquil", "paisib", "doux", "douce", "lent", "aube", "mer", "ruhig", "sanft",
];
const BRIGHT_WORDS: &[&str] = &[
    "bright",
    "happy",
    "sun",
    "joy",
    "hope",
    "spring",
    "summer",
    "light",
    "launch",
    "success",
    "energ",
    "heureu",
    "soleil",
    "joie",
    "espoir",
    "printemps",
    "été",
    "fröhlich",
    "hell",
];
const WISTFUL_WORDS: &[&str] = &[
    "wistful",
    "sad",
    "melanchol",
    "mélancol",
    "nostalg",
    "memor",
    "rain",
    "autumn",
    "lost",
    "farewell",
    "alone",
    "old",
    "triste",
    "pluie",
    "automne",
    "souvenir",
    "adieu",
    "seul",
    "traurig",
    "regen",
];
const TENSE_WORDS: &[&str] = &[
    "tense", "tension", "dark", "danger", "suspense", "thrill", "storm", "fear", "war", "chase",
    "urgent", "mystery", "tendu", "sombre", "orage", "peur", "guerre", "mystère", "dunkel",
];
const PLAYFUL_WORDS: &[&str] = &[
    "playful", "fun", "funny", "child", "kid", "toy", "game", "cat", "dog", "puppy", "kitten",
    "dance", "silly", "comic", "drôle", "enfant", "jeu", "jouet", "chat", "chien", "lustig",
];
