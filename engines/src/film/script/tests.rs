//! Answers as models give them, and worse; and texts without a model.

use oto_media::maths::Rng;
use oto_media::timeline::Style;

use super::*;

/// Two scenes, as every answer below tells them.
const GOOD: &str = r#"{"title": "The Cat", "scenes": [
  {"narration": "A cat wakes up.", "visual": "A grey cat on a red roof", "seconds": 6},
  {"narration": "It counts the trams.", "visual": "A yellow tram in a steep street", "seconds": 5.5}
]}"#;

/// All of these say the same two scenes.
const SAME: &[(&str, &str)] = &[
    ("plain", GOOD),
    (
        "fence",
        "Here is your script:\n```json\n{\"title\":\"The Cat\",\"scenes\":[{\"narration\":\"A cat wakes up.\",\"visual\":\"A grey cat on a red roof\",\"seconds\":6},{\"narration\":\"It counts the trams.\",\"visual\":\"A yellow tram in a steep street\",\"seconds\":5.5}]}\n```\nI hope you like {it}!",
    ),
    (
        "open fence",
        "```\n{\"title\":\"The Cat\",\"scenes\":[{\"narration\":\"A cat wakes up.\",\"visual\":\"A grey cat on a red roof\"},{\"narration\":\"It counts the trams.\",\"visual\":\"A yellow tram in a steep street\"}]}",
    ),
    (
        "trailing commas",
        r#"{"title": "The Cat", "scenes": [{"narration": "A cat wakes up.", "visual": "A grey cat on a red roof",}, {"narration": "It counts the trams.", "visual": "A yellow tram in a steep street",},],}"#,
    ),
    (
        "single quotes",
        "{'title': 'The Cat', 'scenes': [{'narration': 'A cat wakes up.', 'visual': 'A grey cat on a red roof'}, {'narration': 'It counts the trams.', 'visual': 'A yellow tram in a steep street'}]}",
    ),
    (
        "smart quotes",
        "{“title”: “The Cat”, “scenes”: [{“narration”: “A cat wakes up.”, “visual”: “A grey cat on a red roof”}, {“narration”: “It counts the trams.”, “visual”: “A yellow tram in a steep street”}]}",
    ),
    (
        "no quotes around keys",
        r#"{title: "The Cat", scenes: [{narration: "A cat wakes up.", visual: "A grey cat on a red roof"}, {narration: "It counts the trams.", visual: "A yellow tram in a steep street"}]}"#,
    ),
    (
        "comments",
        "{\"title\": \"The Cat\", // six words\n \"scenes\": [ /* two */ {\"narration\": \"A cat wakes up.\", \"visual\": \"A grey cat on a red roof\"}, // next\n {\"narration\": \"It counts the trams.\", \"visual\": \"A yellow tram in a steep street\"}]}",
    ),
    (
        "raw line breaks",
        "{\"title\": \"The Cat\", \"scenes\": [{\"narration\": \"A cat\nwakes up.\", \"visual\": \"A grey cat\r\n on a red roof\"}, {\"narration\": \"It counts\tthe trams.\", \"visual\": \"A yellow tram in a steep street\"}]}",
    ),
    (
        "no commas",
        "{\"title\": \"The Cat\"\n\"scenes\": [{\"narration\": \"A cat wakes up.\"\n\"visual\": \"A grey cat on a red roof\"}\n{\"narration\": \"It counts the trams.\"\n\"visual\": \"A yellow tram in a steep street\"}]}",
    ),
    (
        "forgotten quote",
        "{\"title\": \"The Cat\", \"scenes\": [{\"narration\": \"A cat wakes up.\n \"visual\": \"A grey cat on a red roof\"}, {\"narration\": \"It counts the trams.\", \"visual\": \"A yellow tram in a steep street\"}]}",
    ),
    (
        "forgotten brackets",
        r#"{"title": "The Cat", "scenes": [{"narration": "A cat wakes up.", "visual": "A grey cat on a red roof", {"narration": "It counts the trams.", "visual": "A yellow tram in a steep street"]"#,
    ),
    (
        "cut in the third",
        r#"{"title": "The Cat", "scenes": [{"narration": "A cat wakes up.", "visual": "A grey cat on a red roof"}, {"narration": "It counts the trams.", "visual": "A yellow tram in a steep street"}, {"narration": "Then the sun comes"#,
    ),
    (
        "cut in a key",
        r#"{"title": "The Cat", "scenes": [{"narration": "A cat wakes up.", "visual": "A grey cat on a red roof"}, {"narration": "It counts the trams.", "visual": "A yellow tram in a steep street"}, {"narr"#,
    ),
    (
        "cut after the last word",
        r#"{"title": "The Cat", "scenes": [{"narration": "A cat wakes up.", "visual": "A grey cat on a red roof"}, {"narration": "It counts the trams.", "visual": "A yellow tram in a steep street""#,
    ),
    (
        "other names",
        r#"{"Film_Title": "The Cat", "shots": [{"voice-over": "A cat wakes up.", "image_prompt": "A grey cat on a red roof"}, {"Voiceover": "It counts the trams.", "Image Prompt": "A yellow tram in a steep street"}]}"#,
    ),
    (
        "segments",
        r#"{"name": "The Cat", "segments": [{"text": "A cat wakes up.", "visual_description": "A grey cat on a red roof", "duration": "0:05"}, {"script": "It counts the trams.", "description": "A yellow tram in a steep street", "time": "00:05-00:11"}]}"#,
    ),
    (
        "thoughts",
        "<think>Maybe {\"scenes\": [{\"narration\": \"no\"}, {\"narration\": \"no\"}, {\"narration\": \"no\"}]}?</think>{\"title\": \"The Cat\", \"scenes\": [{\"narration\": \"A cat wakes up.\", \"visual\": \"A grey cat on a red roof\"}, {\"narration\": \"It counts the trams.\", \"visual\": \"A yellow tram in a steep street\"}]}",
    ),
    (
        "end of thoughts",
        "so three scenes [1, 2].\n</think>\n{\"title\": \"The Cat\", \"scenes\": [{\"narration\": \"A cat wakes up.\", \"visual\": \"A grey cat on a red roof\"}, {\"narration\": \"It counts the trams.\", \"visual\": \"A yellow tram in a steep street\"}]}",
    ),
    (
        "deep",
        r#"{"result": {"film": {"title": "The Cat", "storyboard": {"scenes": [{"id": 1, "narration": {"text": "A cat wakes up."}, "visual": ["A grey cat", "on a red roof"]}, {"id": 2, "narration": "It counts the trams.", "visual": "A yellow tram in a steep street"}]}}}}"#,
    ),
    (
        "named scenes",
        r#"{"title": "The Cat", "scenes": {"scene_1": {"narration": "A cat wakes up.", "visual": "A grey cat on a red roof"}, "scene_2": {"narration": "It counts the trams.", "visual": "A yellow tram in a steep street"}}}"#,
    ),
    (
        "numbered keys",
        r#"{"title": "The Cat", "Scene 1": {"narration": "A cat wakes up.", "visual": "A grey cat on a red roof"}, "Scene 2": {"narration": "It counts the trams.", "visual": "A yellow tram in a steep street"}}"#,
    ),
    (
        "string",
        r#""{\"title\": \"The Cat\", \"scenes\": [{\"narration\": \"A cat wakes up.\", \"visual\": \"A grey cat on a red roof\"}, {\"narration\": \"It counts the trams.\", \"visual\": \"A yellow tram in a steep street\"}]}""#,
    ),
    (
        "form first",
        "I will use {\"title\": \"…\", \"scenes\": [{\"narration\": \"…\", \"visual\": \"…\"}]}:\n{\"title\": \"The Cat\", \"scenes\": [{\"narration\": \"A cat wakes up.\", \"visual\": \"A grey cat on a red roof\"}, {\"narration\": \"It counts the trams.\", \"visual\": \"A yellow tram in a steep street\"}]}",
    ),
    (
        "prose with brackets",
        "Sure [as asked] (see {below):\n{\"title\": \"The Cat\", \"scenes\": [{\"narration\": \"A cat wakes up.\", \"visual\": \"A grey cat on a red roof\"}, {\"narration\": \"It counts the trams.\", \"visual\": \"A yellow tram in a steep street\"}]}",
    ),
    (
        "labels inside",
        r#"{"title": "**The Cat**", "scenes": [{"narration": "Narrator: \"A cat wakes up.\"", "visual": "Visual: A grey cat on a red roof"}, {"narration": "*It counts the trams.*", "visual": "A yellow\u200b tram in a steep street\u0007"}]}"#,
    ),
    (
        "byte order mark",
        "\u{feff}{\"title\": \"The Cat\", \"scenes\": [{\"narration\": \"A cat wakes up.\", \"visual\": \"A grey cat on a red roof\"}, {\"narration\": \"It counts the trams.\", \"visual\": \"A yellow tram in a steep street\"}]}",
    ),
    (
        "screenplay",
        "# The Cat\n\nScene 1: Morning\nNarrator: A cat wakes up.\nVisual: A grey cat on a red roof\n\n**Scene 2** (6 seconds)\n**Visual:** A yellow tram in a steep street\n**Narrator (V.O.):** It counts the trams.\n",
    ),
    (
        "speaker on a line",
        "Title: The Cat\n\nSCENE 1\nVisual: A grey cat on a red roof\nNARRATOR (V.O.)\nA cat wakes up.\n\nSCENE 2\nVisual: A yellow tram in a steep street\nNARRATOR\nIt counts\nthe trams.\n",
    ),
    (
        "labels only",
        "Title: The Cat\nVoice-over: A cat wakes up.\nImage: A grey cat on a red roof\nVoice-over: It counts the trams.\nImage: A yellow tram in a steep street",
    ),
    (
        "table",
        "Title: The Cat\n| # | Narration | Visual | Duration |\n|---|---|---|---|\n| 1 | A cat wakes up. | A grey cat on a red roof | 6s |\n| 2 | It counts the trams. | A yellow tram in a steep street | 5 s |",
    ),
];

#[test]
fn what_a_person_would_understand_is_read() {
    assert!(SAME.len() >= 25);
    for (name, answer) in SAME {
        let script = read(answer).unwrap_or_else(|e| panic!("{name}: {e}"));
        let said: Vec<&str> = script.scenes.iter().map(|s| s.narration.as_str()).collect();
        let shown: Vec<&str> = script.scenes.iter().map(|s| s.visual.as_str()).collect();
        assert_eq!(said, ["A cat wakes up.", "It counts the trams."], "{name}");
        assert_eq!(
            shown,
            ["A grey cat on a red roof", "A yellow tram in a steep street"],
            "{name}"
        );
        if *name != "table" {
            assert_eq!(script.title, "The Cat", "{name}");
        }
    }
}

/// Answers with scenes of their own: what is said in each, `/` between.
const OTHERS: &[(&str, &str, &str)] = &[
    (
        "list",
        r#"[{"narration": "One.", "visual": "a"}, {"narration": "Two.", "visual": "b"}]"#,
        "One./Two.",
    ),
    (
        "list of texts",
        r#"{"scenes": ["One is here.", "Two is there."]}"#,
        "One is here./Two is there.",
    ),
    (
        "lines",
        "{\"narration\": \"One.\", \"visual\": \"a\"}\n{\"narration\": \"Two.\", \"visual\": \"b\"}\n{\"narration\": \"Three.\"}",
        "One./Two./Three.",
    ),
    ("pairs", r#"{"scenes": [["One.", "a cat"], ["Two.", "a dog"]]}"#, "One./Two."),
    (
        "quotes inside",
        r#"{"scenes": [{"narration": "He said "hello" to me, and "bye", too.", "visual": "a "sign""}]}"#,
        r#"He said "hello" to me, and "bye", too."#,
    ),
    (
        "apostrophes",
        "{'scenes': [{'narration': 'It's the cat's roof.', 'visual': 'it'}]}",
        "It's the cat's roof.",
    ),
    (
        "escapes",
        r#"{"scenes": [{"narration": "Caf\u00e9 \ud83d\ude00 \"oui\" \/ a\nb \q \ud800 x", "visual": "v"}]}"#,
        "Café 😀 \"oui\" / a b q x",
    ),
    (
        "numbered",
        "Here you go:\n1. The sun comes up.\n2. Nobody is awake.\n3) Only the cat.",
        "The sun comes up./Nobody is awake./Only the cat.",
    ),
    (
        "french",
        r#"{"titre": "Le chat", "scènes": [{"texte": "Le chat dort.", "visuel": "a cat"}]}"#,
        "Le chat dort.",
    ),
    (
        "revised",
        r#"Draft: {"scenes": [{"narration": "Old."}]} Better: {"scenes": [{"narration": "New one."}, {"narration": "And two."}]}"#,
        "New one./And two.",
    ),
    (
        "cut early",
        r#"{"scenes": [{"narration": "Whole.", "visual": "v"}, {"visual": "only this", "narration": "Half of"#,
        "Whole.",
    ),
    (
        "shots in a scene",
        r#"{"scenes": [{"narration": "One.", "shots": [{"visual": "a cat"}, {"visual": "a dog"}]}]}"#,
        "One.",
    ),
    (
        "numbers of scenes",
        r#"{"scenes": [{"scene": 1, "narration": "One."}, {"scene": 2, "narration": "Two."}]}"#,
        "One./Two.",
    ),
    (
        "arabic",
        "{\"scenes\": [{\"narration\": \"\u{202b}القط نائم.\u{202c}\", \"visual\": \"cat\"}]}",
        "القط نائم.",
    ),
];

#[test]
fn other_forms_are_read() {
    for (name, answer, expected) in OTHERS {
        let script = read(answer).unwrap_or_else(|e| panic!("{name}: {e}"));
        let said: Vec<&str> = script.scenes.iter().map(|s| s.narration.as_str()).collect();
        assert_eq!(said.join("/"), *expected, "{name}");
        assert!(script.scenes.iter().all(|s| !s.visual.is_empty()), "{name}");
    }
    let shots = read(OTHERS[11].1).unwrap();
    assert_eq!(shots.scenes[0].visual, "a cat a dog");
}

#[test]
fn what_is_no_script_says_why() {
    for (answer, why) in [
        ("", "empty"),
        ("   \n```\n```", "empty"),
        ("<think>hm", "empty"),
        ("I’m sorry, I cannot help with that.", "no JSON"),
        ("{}", "empty"),
        ("{\"error\": \"overloaded\"}", "no list"),
        ("{\"title\": \"x\", \"scenes\": []}", "no list"),
        ("{\"title\": \"x\", \"scenes\": [{\"narration\": \"Half a sent", "cut off"),
        ("{\"scenes\": [{\"visual\": \"only pictures\"}]}", "no list"),
        ("1. Only one thing.", "no JSON"),
    ] {
        let wrong = read(answer).expect_err(answer);
        assert!(wrong.contains(why), "{answer}: {wrong}");
    }
    let long = "x".repeat(20_000);
    let again = repair(&long, "It was cut off.");
    assert!(again.contains("It was cut off.") && again.len() < 9_000);
}

#[test]
fn seconds_are_understood() {
    for (text, seconds) in [
        ("6", Some(6.0)),
        ("\"7.5\"", Some(7.5)),
        ("\"6s\"", Some(6.0)),
        ("\"about 8 seconds\"", Some(8.0)),
        ("\"0:05\"", Some(5.0)),
        ("\"00:00:09\"", Some(9.0)),
        ("\"0:05 – 0:11\"", Some(6.0)),
        ("\"5-8\"", Some(6.5)),
        ("\"4 to 6 s\"", Some(5.0)),
        ("\"2 min\"", Some(60.0)),
        ("1e99", Some(1.0)),
        ("0", None),
        ("null", None),
        ("\"soon\"", None),
        ("99999999999999999999999", Some(60.0)),
        ("\"0:11-0:05\"", None),
    ] {
        let answer = format!("{{\"scenes\": [{{\"narration\": \"Yes.\", \"seconds\": {text}}}]}}");
        assert_eq!(read(&answer).unwrap().scenes[0].seconds, seconds, "{text}");
    }
    let ms = r#"{"scenes": [{"narration": "Yes.", "duration_ms": 4500}]}"#;
    assert_eq!(read(ms).unwrap().scenes[0].seconds, Some(4.5));
}

fn check(script: &Script, name: &str) {
    let n = |t: &str| t.chars().count();
    assert!((1..=MAX_SCENES).contains(&script.scenes.len()), "{name}");
    assert!(n(&script.title) <= MAX_TITLE, "{name}");
    for scene in &script.scenes {
        assert!(n(&scene.narration) <= MAX_NARRATION && n(&scene.visual) <= MAX_VISUAL, "{name}");
        assert!(!scene.narration.chars().any(char::is_control), "{name}");
        assert!(!scene.visual.chars().any(char::is_control) && has_words(&scene.visual), "{name}");
        assert!(scene.seconds.is_none_or(|s| (1.0..=60.0).contains(&s)), "{name}");
    }
}

#[test]
fn broken_answers_never_do_harm() {
    let valid: Vec<&str> = SAME.iter().map(|s| s.1).chain(OTHERS.iter().map(|o| o.1)).collect();
    let mut n_read = 0;
    let mut try_one = |answer: &str| {
        if let Ok(script) = read(answer) {
            check(&script, answer);
            n_read += 1;
        }
    };
    for answer in [GOOD, SAME[27].1, SAME[17].1] {
        for cut in 0..answer.len() {
            try_one(&String::from_utf8_lossy(&answer.as_bytes()[..cut]));
            try_one(&String::from_utf8_lossy(&answer.as_bytes()[cut..]));
        }
    }
    let mut rng = Rng::new(7);
    let odd: Vec<char> = "{}[]\"'“”:,\\/*\n`|#.-0u\u{0}\u{202e}😀é".chars().collect();
    for _ in 0..5_000 {
        let mut letters: Vec<char> = rng.pick(&valid).unwrap().chars().collect();
        for _ in 0..=rng.below(6) {
            let at = rng.below(letters.len() as u32) as usize;
            let len = (rng.below(9) as usize).min(letters.len() - at);
            match rng.below(5) {
                0 => drop(letters.drain(at..at + len)),
                1 => letters.insert(at, *rng.pick(&odd).unwrap()),
                2 => {
                    let copy: Vec<char> = letters[at..at + len].to_vec();
                    letters.splice(at..at, copy);
                }
                3 => letters[at] = *rng.pick(&odd).unwrap(),
                _ => letters.truncate(at + 1),
            }
            if letters.is_empty() {
                letters.push('{');
            }
        }
        try_one(&letters.iter().collect::<String>());
    }
    println!("{n_read} broken answers were still read");
    assert!(n_read > 3_000);
}

#[test]
fn huge_answers_are_bounded_and_quick() {
    let scene = r#"{"narration": "Again and again.", "visual": "a cat", "seconds": 5},"#;
    let many = format!("[{}]", scene.repeat(1_000));
    assert_eq!(read(&many).unwrap().scenes.len(), MAX_SCENES);
    let long = format!("{{\"scenes\": [{{\"narration\": \"{}\"}}]}}", "word ".repeat(5_000));
    check(&read(&long).unwrap(), "long");
    for unit in [
        "{",
        "[",
        "\"",
        "{\"a\":",
        "\\",
        "\" ",
        "/*",
        "//",
        "{\"a\":\"",
        "\n\"a",
        "<think>",
        "</think>",
        "<think></think>",
        "| a ",
        "1. a\n",
        "'a, ",
        "```\n",
    ] {
        let start = std::time::Instant::now();
        let made = read(&unit.repeat(150_000 / unit.len()));
        assert!(made.as_ref().is_err() || made.is_ok_and(|s| s.scenes.len() <= MAX_SCENES));
        assert!(start.elapsed().as_secs() < 5, "{unit}: {:?}", start.elapsed());
    }
}

#[test]
fn a_request_says_how_much_fits() {
    let asked = ask("Bees in the city", Style::Comic, 60, "fr", &["Bees like lime trees.", ""]);
    for part in [
        "Bees in the city",
        "9 scenes",
        "127 spoken words",
        "French",
        "halftone",
        "<source 1>",
        "\"scenes\"",
    ] {
        assert!(asked.contains(part), "{part} is missing:\n{asked}");
    }
    assert!(!asked.contains("<source 2>"));
    assert!(ask("x", Style::Modern, 0, "auto", &[]).contains("1 scenes"));
    assert!(
        ask(&"x".repeat(90_000), Style::Modern, u32::MAX, "", &["y".repeat(90_000).as_str(); 9])
            .len()
            < 20_000
    );
}

#[test]
fn a_text_becomes_scenes_of_whole_sentences() {
    let text = "# The Cat\n\nA grey cat wakes on the red roof. Mr. Silva’s tram No. 28 climbs the hill at 6.30 in the morning! Is anybody awake?\n\n## Later\n\n- The baker opens the window, and the smell of bread fills the whole street below.\n- Then the sun is high, and the cat sleeps.";
    let script = of_text(text, "A film about Lisbon.", None);
    assert_eq!(script.title, "The Cat");
    let said: Vec<&str> = script.scenes.iter().map(|s| s.narration.as_str()).collect();
    assert_eq!(
        said,
        [
            "A grey cat wakes on the red roof. Mr. Silva’s tram No. 28 climbs the hill at 6.30 in the morning!",
            "Is anybody awake? The baker opens the window, and the smell of bread fills the whole street below.",
            "Then the sun is high, and the cat sleeps.",
        ]
    );
    assert!(script.scenes.iter().all(|s| seconds_of(&s.narration) <= LONGEST_SCENE));
    assert_eq!(script.scenes[2].visual, "sun high cat sleeps, A film about Lisbon");
    assert!(script.scenes.iter().all(|s| s.seconds.is_none()));
    let slow = of_text(text, "", Some(60));
    let total: f32 = slow.scenes.iter().filter_map(|s| s.seconds).sum();
    assert!((total - 60.0).abs() < 0.5, "{total}");
    assert!(of_text(text, "", Some(5)).scenes.iter().all(|s| s.seconds.is_none()));
    assert_eq!(of_text("", "Only this.", None).scenes[0].narration, "Only this.");
    assert!(of_text(" \n# \n", "", None).scenes.is_empty());
}

#[test]
fn any_text_becomes_bounded_scenes() {
    let texts = [
        "word ".repeat(20_000),
        "x".repeat(70_000),
        "Short. ".repeat(5_000),
        "猫は屋根の上で目を覚ます。".repeat(400),
        "one, two, three, four, five, six, ".repeat(300),
        "\u{0}\u{7}\u{202e} a".repeat(50),
        "- \n* \n# \n".repeat(100),
    ];
    for text in &texts {
        let script = of_text(text, "prompt", Some(90));
        assert!(script.scenes.len() <= MAX_SCENES);
        if !script.scenes.is_empty() {
            check(&script, "text");
        }
        let long = script.scenes.iter().find(|s| seconds_of(&s.narration) > LONGEST_SCENE + 0.01);
        assert_eq!(long, None);
    }
    let words = of_text(&texts[0], "", None);
    assert_eq!(words.scenes.len(), MAX_SCENES);
}

#[test]
fn a_picture_is_asked_for_in_the_style_of_the_film() {
    let scene = ScriptScene { visual: "A cat on a roof.".into(), ..ScriptScene::default() };
    for style in Style::ALL {
        let (positive, negative) = visual_prompt(&scene, "Lisbon", style);
        assert_eq!(positive, format!("A cat on a roof, {}", style.sheet().words));
        assert_eq!(negative, style.sheet().without);
    }
    let empty = ScriptScene::default();
    assert!(visual_prompt(&empty, "Lisbon", Style::Comic).0.starts_with("Lisbon, comic"));
    assert!(visual_prompt(&empty, "", Style::Comic).0.starts_with("comic"));
}

#[test]
fn a_script_that_is_written_out_is_read_again() {
    let scene = |narration: &str, visual: &str, seconds| ScriptScene {
        narration: narration.to_owned(),
        visual: visual.to_owned(),
        seconds,
    };
    let script = Script {
        title: "The Last Ferry".to_owned(),
        scenes: vec![
            scene("Every evening at nine: the ferry leaves.", "an old white ferry", Some(6.0)),
            scene("Nobody knows why.", "a captain, 2 dogs and a cat", None),
        ],
    };
    assert_eq!(read(&script.to_text()).unwrap(), script);
    assert_eq!(of_any_text(&script.to_text(), "x"), script);
    // Prose stays prose, whatever it counts.
    let prose = "Scene 1 of my life was short. Scene 2 was long.";
    assert_eq!(of_any_text(prose, "x"), of_text(prose, "x", None));
}
