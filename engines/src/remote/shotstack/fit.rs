//! How a picture fills the frame, and how large the frame is. The words are the provider's, and
//! two of them mean what others call otherwise: `cover` stretches, and `crop` fills and cuts.

use serde_json::{Map, Value};

use crate::remote::common::number;

/// How a picture fills the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fit {
    /// Fills the frame, keeps its shape, and is cut. Used when nothing is said.
    #[default]
    Crop,
    /// Fills the frame and is stretched.
    Cover,
    /// Is seen whole.
    Contain,
    /// Keeps its size.
    None,
}

impl Fit {
    /// From the word; words oTo does not know are the usual one.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "cover" => Self::Cover,
            "contain" => Self::Contain,
            "none" => Self::None,
            _ => Self::Crop,
        }
    }

    /// Left, top, width and height of a picture in a frame, in pixels of the frame. Parts outside
    /// of the frame are not seen.
    #[must_use]
    pub fn placed(self, picture: [f64; 2], frame: [f64; 2]) -> [f64; 4] {
        if picture.iter().chain(&frame).any(|side| !side.is_finite() || *side <= 0.0) {
            return [0.0, 0.0, frame[0], frame[1]];
        }
        let [across, down] = [frame[0] / picture[0], frame[1] / picture[1]];
        let [x, y] = match self {
            Self::Cover => [across, down],
            Self::Crop => [across.max(down); 2],
            Self::Contain => [across.min(down); 2],
            Self::None => [1.0; 2],
        };
        let size = [picture[0] * x, picture[1] * y];
        [(frame[0] - size[0]) / 2.0, (frame[1] - size[1]) / 2.0, size[0], size[1]]
    }
}

/// Largest side of a film.
const MOST: f64 = 4_096.0;

/// The size of the film in pixels, always even: no encoder takes another.
#[must_use]
pub fn size_of(output: &Map<String, Value>) -> [u32; 2] {
    let even = |side: f64| (side.clamp(16.0, MOST) as u32) & !1;
    let own = output.get("size").map(|size| [number(&size["width"]), number(&size["height"])]);
    if let Some([Some(width), Some(height)]) = own {
        return [even(width), even(height)];
    }
    let word = |name: &str| output.get(name).and_then(Value::as_str).unwrap_or_default();
    let [long, short]: [f64; 2] = match word("resolution") {
        "preview" => [512.0, 288.0],
        "mobile" => [640.0, 360.0],
        "sd" => [1024.0, 576.0],
        "1080" => [1920.0, 1080.0],
        "4k" => [3840.0, 2160.0],
        _ => [1280.0, 720.0],
    };
    match word("aspectRatio") {
        "9:16" => [even(short), even(long)],
        "1:1" => [even(short), even(short)],
        "4:5" => [even(short * 0.8), even(short)],
        "4:3" => [even(short * 4.0 / 3.0), even(short)],
        _ => [even(long), even(short)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cover_stretches_and_crop_cuts() {
        let (wide, frame) = ([400.0, 100.0], [200.0, 200.0]);
        for (word, expected) in [
            ("cover", [0.0, 0.0, 200.0, 200.0]),
            ("crop", [-300.0, 0.0, 800.0, 200.0]),
            ("", [-300.0, 0.0, 800.0, 200.0]),
            ("contain", [0.0, 75.0, 200.0, 50.0]),
            ("none", [-100.0, 50.0, 400.0, 100.0]),
        ] {
            assert_eq!(Fit::parse(word).placed(wide, frame), expected, "{word}");
        }
        assert_eq!(Fit::Crop.placed([0.0, 5.0], frame), [0.0, 0.0, 200.0, 200.0]);
    }

    #[test]
    fn sizes_are_even() {
        for (json, size) in [
            (r#"{"size":{"width":853,"height":"481"}}"#, [852, 480]),
            (r#"{"size":{"width":-3,"height":1e12}}"#, [16, 4096]),
            (r#"{"resolution":"hd","aspectRatio":"9:16"}"#, [720, 1280]),
            (r#"{"resolution":"sd","aspectRatio":"4:5"}"#, [460, 576]),
            (r#"{"resolution":"1080"}"#, [1920, 1080]),
            ("{}", [1280, 720]),
        ] {
            assert_eq!(size_of(&serde_json::from_str(json).unwrap()), size, "{json}");
        }
    }
}
