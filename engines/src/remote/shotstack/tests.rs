//! Films become edits and films again; what oTo does not know stays.

use oto_media::caption::Cue;
use serde_json::{Value, json};

use super::edit::{Edit, When};
use super::fit::Fit;
use super::flat::{DISSOLVE_FRAMES, FlatFilm, FlatShot, Shows};
use super::{Sources, export, guard, import};

fn film() -> FlatFilm {
    let shot = |start_frame, frames, visual| FlatShot { start_frame, frames, visual };
    let cue = |start_ms, end_ms, text: &str| Cue {
        start_ms,
        end_ms,
        text: text.to_owned(),
        ..Cue::default()
    };
    FlatFilm {
        size: [1280, 720],
        frames: 301,
        shots: vec![
            shot(0, 61 + DISSOLVE_FRAMES, Shows::Card("Trams".to_owned())),
            shot(61, 100 + DISSOLVE_FRAMES, Shows::Still(0)),
            shot(161, 70 + DISSOLVE_FRAMES, Shows::Still(1)),
            shot(231, 70, Shows::Film(2, 1_500)),
        ],
        cues: vec![cue(2_133, 4_001, "One tram."), cue(4_100, 9_000, "Two\ntrams.")],
    }
}

fn sources() -> Sources {
    Sources {
        pictures: ["0.png", "1.png", "2.mp4"].map(|name| format!("https://a.org/{name}")).to_vec(),
        sound: Some("https://a.org/voice.mp3".to_owned()),
        captions: None,
    }
}

fn edit(value: Value) -> Edit {
    Edit::parse(&value.to_string()).unwrap()
}

#[test]
fn a_film_comes_back_as_it_went() {
    let edit = export(&film(), &sources(), None).unwrap();
    guard::check(&edit).unwrap();
    let text = serde_json::to_string(&edit).unwrap();
    let back = import(&Edit::parse(&text).unwrap());
    assert_eq!((back.film, back.sources), (film(), sources()));
    assert_eq!((back.fits, back.hidden), (vec![Fit::Crop; 3], Vec::<String>::new()));
    // Clips of one track never overlap.
    for track in &edit.timeline.tracks {
        for pair in track.clips.windows(2) {
            let end = pair[0].start.seconds().unwrap() + pair[0].length.seconds().unwrap();
            assert!(end <= pair[1].start.seconds().unwrap() + 1e-3);
        }
    }
    let mut cut = sources();
    cut.pictures.pop();
    assert!(export(&film(), &cut, None).unwrap_err().message.contains("address"));
}

#[test]
fn captions_may_be_a_file() {
    let with = Sources { captions: Some("https://a.org/c.vtt".to_owned()), ..sources() };
    let back = import(&export(&film(), &with, None).unwrap());
    assert_eq!((back.sources, back.film.cues.len()), (with, 0));
}

fn foreign() -> Value {
    json!({
        "timeline": {
            "background": "#000000",
            "fonts": [{ "src": "https://a.org/f.ttf" }],
            "soundtrack": { "src": "https://a.org/m.mp3", "effect": "fadeOut", "volume": 0.5 },
            "tracks": [
                { "clips": [
                    { "asset": { "type": "html", "html": "<p>Hi</p>" }, "start": 0, "length": 2.5 },
                    { "asset": { "type": "image", "src": "https://a.org/logo.png" }, "start": "auto",
                      "length": "end", "fit": "none", "filter": "greyscale", "opacity": 0.5 }
                ] },
                { "clips": [
                    { "asset": { "type": "image", "src": "{{ PICTURE }}" }, "start": 0, "length": 5,
                      "fit": "cover", "effect": "slideLeftFast", "transition": { "out": "wipeLeftSlow" } },
                    { "asset": { "type": "audio", "src": "https://a.org/x.mp3" }, "start": 0, "length": 5 }
                ], "name": "main" },
                { "clips": [
                    { "asset": { "type": "video", "src": "https://a.org/v.mp4", "trim": 2, "volume": 1 },
                      "start": 0, "length": 6 }
                ] }
            ]
        },
        "output": { "format": "mp4", "resolution": "sd", "quality": "high" },
        "merge": [{ "find": "PICTURE", "replace": "https://a.org/p.png" }],
        "callback": "https://a.org/done"
    })
}

#[test]
fn what_is_not_shown_is_listed_and_kept() {
    let read = edit(foreign());
    assert_eq!(serde_json::to_value(&read).unwrap(), foreign(), "nothing is lost by reading");
    let mut back = import(&read);
    assert_eq!((back.film.size, back.film.frames), ([1024, 576], 180));
    assert_eq!(back.sources.pictures, ["https://a.org/p.png", "https://a.org/logo.png"]);
    assert_eq!(back.sources.sound.as_deref(), Some("https://a.org/m.mp3"));
    assert_eq!(back.fits, [Fit::Cover, Fit::None]);
    let starts: Vec<u32> = back.film.shots.iter().map(|s| s.start_frame).collect();
    assert_eq!(starts, [0, 75], "the first track lies on top");
    for word in [
        "html",
        "greyscale",
        "filter",
        "opacity",
        "cover",
        "none",
        "wipeLeftSlow",
        "audio",
        "video",
    ] {
        let listed = back.hidden.iter().any(|line| line.contains(word));
        assert_eq!(listed, word != "greyscale", "{word}: {:?}", back.hidden);
    }
    let same = export(&back.film, &back.sources, Some(&read)).unwrap();
    assert_eq!(same, read, "a film that was not changed");
    back.film.cues.push(Cue {
        start_ms: 500,
        end_ms: 900,
        text: "A new caption.".to_owned(),
        ..Cue::default()
    });
    let again = export(&back.film, &back.sources, Some(&read)).unwrap();
    let out = serde_json::to_value(&again).unwrap();
    let text = out.to_string();
    for kept in [
        "A new caption.",
        "<p>Hi</p>",
        "v.mp4",
        "x.mp3",
        "fadeOut",
        "greyscale",
        "f.ttf",
        "done",
        "PICTURE }}",
        "high",
        "wipeLeftSlow",
        "slideLeftFast",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert_eq!(out["timeline"]["background"], "#000000");
    assert_eq!(out["output"]["size"], json!({ "width": 1024, "height": 576 }));
    assert!(out["output"].get("resolution").is_none());
    let kind = |track: usize| out["timeline"]["tracks"][track]["clips"][0]["asset"]["type"].clone();
    assert_eq!(
        (kind(0), kind(out["timeline"]["tracks"].as_array().unwrap().len() - 1)),
        (json!("html"), json!("video"))
    );
}

#[test]
fn hostile_edits_do_no_harm() {
    for text in
        ["", "[]", "{", "{\"timeline\":3}", "{\"timeline\":{\"tracks\":[{\"clips\":[{}]}]}}"]
    {
        assert!(Edit::parse(text).unwrap_err().message.len() > 20, "{text}");
    }
    let clip = |start: Value, length: Value| {
        let asset = json!({ "type": "image", "src": "https://a.org/p.png" });
        edit(
            json!({ "timeline": { "tracks": [{ "clips": [{ "asset": asset, "start": start, "length": length }] }] } }),
        )
    };
    for (start, length) in [
        (json!(-5), json!(1e300)),
        (json!("auto"), json!("auto")),
        (json!("alias://x"), json!(2)),
        (json!(86_399), json!(86_399)),
        (json!(0), json!(0)),
    ] {
        let back = import(&clip(start.clone(), length));
        assert!(back.film.frames <= 108_000 && back.film.frames > 0, "{start}");
    }
    let empty = import(&edit(json!({ "timeline": { "tracks": [] } })));
    assert_eq!((empty.film.shots.len(), empty.film.size), (0, [1280, 720]));
    assert_eq!(When::from_seconds(2.0), When::Seconds(2.into()));
}
