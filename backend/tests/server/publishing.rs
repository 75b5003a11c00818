//! A work leaves the desk, is seen, changed, and taken away so that nothing of it is left.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::{Home, answer, both, refused, text};

const PICTURE: &[u8] = include_bytes!("../home/picture.png");

#[tokio::test(flavor = "multi_thread")]
async fn the_same_work_twice_is_one_and_another_with_its_id_is_refused() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let id = uuid::Uuid::now_v7();
        let mut work = json!({"id": id, "kind": "text", "title": "A tram", "text": "It was empty.", "visibility": "public"});
        let all = (0..20).map(|_| answer(home.by(&ada, Method::POST, "/works").json(&work)));
        let answers = futures_util::future::join_all(all).await;
        assert!(answers.iter().all(|(s, _)| [200, 201].contains(s)), "{answers:?}");
        assert_eq!(answers.iter().filter(|(s, _)| *s == 201).count(), 1, "{answers:?}");
        assert_eq!(home.number("SELECT COUNT(*) FROM work").await, 1);
        assert_eq!(answer(home.by(&ada, Method::POST, "/works").json(&work)).await.0, 200);
        work["title"] = json!("Another");
        assert_eq!(refused(home.by(&ada, Method::POST, "/works").json(&work)).await, (409, "version_conflict".to_owned()));
        assert_eq!(refused(home.by(&bob, Method::POST, "/works").json(&work)).await.0, 409);
        assert_eq!(refused(home.call(Method::POST, "/works").json(&work)).await.0, 401);
        for (change, status) in [
            (json!({"id": "7"}), 422),
            (json!({"title": " \u{200b} "}), 422),
            (json!({"title": "x".repeat(201)}), 422),
            (json!({"kind": "song"}), 422),
            (json!({"visibility": "secret"}), 422),
            (json!({"licence": "mine"}), 422),
            (json!({"text": ""}), 422),
            (json!({"text": "x".repeat(100_001)}), 422),
            (json!({"text": "x".repeat(10_000_000)}), 413),
            (json!({"asset": "a".repeat(64)}), 422),
            (json!({"kind": "image"}), 422),
            (json!({"kind": "image", "asset": "../../etc/passwd"}), 422),
            (json!({"tags": ["a","b","c","d","e","f","g","h","i","j","k"]}), 422),
        ] {
            let mut wrong = work.clone();
            wrong["id"] = json!(uuid::Uuid::now_v7());
            for (key, value) in change.as_object().unwrap() {
                wrong[key] = value.clone();
            }
            // A server that has heard enough may hang up before the rest was sent.
            let request = home.by(&ada, Method::POST, "/works").json(&wrong);
            let Ok(sent) = request.send().await else {
                assert_eq!(status, 413);
                continue;
            };
            let got = sent.status().as_u16();
            let said = sent.text().await.unwrap_or_default();
            assert_eq!(got, status, "{:.80} {said}", change.to_string());
        }
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_author_took_away_hangs_again_when_it_is_published_again() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let id = uuid::Uuid::now_v7();
        let mut work = json!({"id": id, "kind": "text", "title": "A tram", "text": "It was empty.", "visibility": "public", "may_reuse": true});
        let publish = async |who, work: &Value| answer(home.by(who, Method::POST, "/works").json(work)).await;
        assert_eq!(publish(&ada, &work).await.0, 201);
        let path = format!("/works/{id}");
        home.by(&bob, Method::PUT, &format!("{path}/like")).send().await.unwrap();
        let sources = json!([{"work": id, "title": "A tram", "kind": "text"}]);
        home.text(&bob, "Made of it", json!({"sources": sources})).await;
        assert_eq!(home.by(&ada, Method::DELETE, &path).send().await.unwrap().status(), 204);
        assert_eq!(answer(home.call(Method::GET, &path)).await.0, 404);
        assert_eq!(publish(&bob, &work).await.0, 409, "the name is not theirs");
        work["title"] = json!("A tram, later");
        let all = (0..10).map(|_| publish(&ada, &work));
        let answers = futures_util::future::join_all(all).await;
        assert_eq!(answers.iter().filter(|(s, _)| *s == 201).count(), 1, "{answers:?}");
        assert!(answers.iter().all(|(s, w)| [200, 201].contains(s) && w["state"] == "shown"));
        let (status, now) = answer(home.call(Method::GET, &path)).await;
        assert_eq!((status, &now["title"], &now["likes"], &now["reuses"]), (200, &json!("A tram, later"), &json!(0), &json!(1)));
        let (_, found) = answer(home.call(Method::GET, "/works?q=later")).await;
        assert_eq!(found["items"].as_array().unwrap().len(), 1);
        let (_, me) = answer(home.call(Method::GET, "/people/ada")).await;
        assert_eq!(me["works"], 1);
        // What a moderator took down does not come back so.
        home.sql(&format!("INSERT INTO decision (id, moderator, owner, target_kind, target, action, reason, before_state, at_ms) VALUES ('d', '{}', '{}', 'work', '{id}', 'remove', 'rude', 'shown', 1)", bob.id, ada.id)).await;
        home.sql(&format!("INSERT INTO decision (id, moderator, owner, target_kind, target, action, reason, before_state, at_ms) VALUES ('e', '{}', '{}', 'work', '{id}', 'keep', 'seen', 'removed', 2)", bob.id, ada.id)).await;
        home.sql(&format!("UPDATE work SET state = 'removed' WHERE id = '{id}'")).await;
        assert_eq!(home.by(&ada, Method::DELETE, &path).send().await.unwrap().status(), 204);
        let again = home.by(&ada, Method::POST, "/works").json(&work);
        assert_eq!(refused(again).await, (409, "taken_down".to_owned()));
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_nobody_is_shown_has_no_name() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let hidden = home.text(&ada, "A secret", json!({"visibility": "private"})).await;
        let linked = home.text(&ada, "For friends", json!({})).await;
        let sources = json!([{"work": hidden["id"], "title": "A secret", "kind": "text"}, {"work": linked["id"], "title": "For friends", "kind": "text"}]);
        let made = home.text(&bob, "Made of them", json!({"sources": sources})).await;
        let path = format!("/works/{}", text(&linked["id"]));
        let (_, now) = answer(home.by(&ada, Method::GET, &path)).await;
        let hide = home.by(&ada, Method::PATCH, &path).header("if-match", format!("\"{}\"", now["version"]));
        let (status, said) = answer(hide.json(&json!({"visibility": "link"}))).await;
        assert_eq!(status, 200, "{said}");
        let (_, seen) = answer(home.by(&bob, Method::GET, &format!("/works/{}", text(&made["id"])))).await;
        let titles: Vec<_> = seen["sources"].as_array().unwrap().iter().map(|s| text(&s["title"])).collect();
        assert_eq!(titles, ["a private work", "a private work"]);
        let page = home.client.get(text(&seen["link"])).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("a private work") && !page.contains("A secret") && !page.contains("For friends"));
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_looked_at_here_and_loses_its_traces() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        // A note of a program in the picture, as image generators leave them.
        let end = PICTURE.len() - 12;
        let note = [&b"\0\0\0\x10tEXtprompt\0top secret"[..], b"\0\0\0\0"].concat();
        let marked = [&PICTURE[..end], &{
            let mut chunk = note;
            let data = chunk[8..chunk.len() - 4].to_vec();
            chunk[..4].copy_from_slice(&(data.len() as u32).to_be_bytes());
            let crc = crc(&chunk[4..chunk.len() - 4]);
            let at = chunk.len() - 4;
            chunk[at..].copy_from_slice(&crc.to_be_bytes());
            chunk
        }, &PICTURE[end..]].concat();
        let (status, asset) = home.upload(&ada, marked).await;
        assert_eq!(status, 201, "{asset}");
        let publish = async |who, more: Value| {
            let mut work = json!({"id": uuid::Uuid::now_v7(), "kind": "image", "title": "A picture", "asset": asset["hash"], "visibility": "public", "recipe": {"prompt": "hidden words"}});
            for (key, value) in more.as_object().unwrap() {
                work[key] = value.clone();
            }
            answer(home.by(who, Method::POST, "/works").json(&work)).await
        };
        assert_eq!(publish(&bob, json!({})).await.0, 422, "knowing a hash is no right to it");
        assert_eq!(publish(&ada, json!({"kind": "video"})).await.0, 422);
        let (status, work) = publish(&ada, json!({})).await;
        assert_eq!(status, 201, "{work}");
        assert!(work["size_px"][0].as_u64().unwrap() > 0 && work["poster"].is_string());
        let served = text(&work["asset"]);
        assert_ne!(served, text(&asset["hash"]));
        let media = home.call(Method::GET, &format!("/shared/media/{served}")).send().await.unwrap();
        assert_eq!(media.headers()["content-type"], "image/png");
        assert!(media.headers()["content-security-policy"].to_str().unwrap().contains("sandbox"));
        let bytes = media.bytes().await.unwrap();
        assert!(!bytes.windows(10).any(|w| w == b"top secret"));
        let part = home.call(Method::GET, &format!("/shared/media/{served}")).header("range", "bytes=1-3").send().await.unwrap();
        assert_eq!((part.status(), part.bytes().await.unwrap().as_ref()), (StatusCode::PARTIAL_CONTENT, &b"PNG"[..]));
        let poster = home.call(Method::GET, &format!("/shared/media/{}", text(&work["poster"]))).send().await.unwrap();
        assert!(poster.bytes().await.unwrap().starts_with(b"\xff\xd8\xff"));
        // The original, with its traces, is the uploader's alone.
        let path = format!("/assets/{}/content", text(&asset["hash"]));
        assert_eq!(home.by(&ada, Method::GET, &path).send().await.unwrap().status(), 200);
        assert_eq!(home.by(&bob, Method::GET, &path).send().await.unwrap().status(), 404);
        // What others see: no recipe; what the author sees: all of it.
        let path = format!("/works/{}", text(&work["id"]));
        assert!(answer(home.by(&bob, Method::GET, &path)).await.1["recipe"].is_null());
        assert_eq!(answer(home.by(&ada, Method::GET, &path)).await.1["recipe"]["prompt"], "hidden words");
        home.stop().await;
    })
    .await;
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |mut crc, b| {
        crc ^= u32::from(*b);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
        crc
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_something_else_are_refused_and_not_kept() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let truncated = &PICTURE[..PICTURE.len() / 2];
        let bomb = {
            // A picture that says it is 60,000 pixels wide and high.
            let mut bytes = PICTURE.to_vec();
            bytes[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
            let sum = crc(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&sum.to_be_bytes());
            bytes
        };
        for (bytes, status) in [
            (b"\0\x01\x02 nothing at all \0".to_vec(), 415),
            (Vec::new(), 415),
            (b"\x89PNG\r\n\x1a\n<script>alert(1)</script>".to_vec(), 422),
            (truncated.to_vec(), 422),
            (bomb, 422),
            (b"RIFF\x10\0\0\0WAVEjunkjunk".to_vec(), 422),
            ([&b"\0\0\0\x18ftypisom"[..], &[7; 600]].concat(), 422),
        ] {
            let n = bytes.len();
            let (got, said) = home.upload(&ada, bytes).await;
            assert_eq!(got, status, "{n} bytes: {said}");
        }
        // A page is only ever text.
        let (status, asset) = home.upload(&ada, b"<svg onload='alert(1)'><html>".to_vec()).await;
        assert_eq!(
            (status, text(&asset["content_type"]).as_str()),
            (201, "text/plain; charset=utf-8")
        );
        let files = std::fs::read_dir(home.folder.path().join("media")).unwrap().count();
        assert_eq!(files, 1, "what was refused is not kept");
        home.stop().await;
    })
    .await;
}

/// Width and height in the frame header of a JPEG (ITU-T T.81, B.2.2).
fn image_size(jpeg: &[u8]) -> [u64; 2] {
    let at = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap() + 5;
    let side = |i: usize| u64::from(jpeg[i]) << 8 | u64::from(jpeg[i + 1]);
    [side(at + 2), side(at)]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_down_is_gone_from_tiles_search_media_and_pages() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let (_, asset) = home.upload(&ada, PICTURE.to_vec()).await;
        let body = json!({"id": uuid::Uuid::now_v7(), "kind": "image", "title": "Zanzibar quay", "asset": asset["hash"], "visibility": "public"});
        let (_, work) = answer(home.by(&ada, Method::POST, "/works").json(&body)).await;
        let path = format!("/works/{}", text(&work["id"]));
        let page = text(&work["link"]);
        let media = format!("/shared/media/{}", text(&work["asset"]));
        let [x, y] = [0, 1].map(|i| work["at"][i].as_f64().unwrap());
        let tile = format!("/shared/tiles/0/{}/{}", (x / 1024.0).floor(), (y / 1024.0).floor());
        let there = async || -> [bool; 5] {
            let (_, tile) = answer(home.call(Method::GET, &tile)).await;
            let (_, far) = answer(home.call(Method::GET, "/shared/tiles/20/0/0")).await;
            let (_, found) = answer(home.call(Method::GET, "/works?q=zanzibar")).await;
            [
                !tile["items"].is_null(),
                !far["cells"].is_null(),
                !found["items"].as_array().unwrap().is_empty(),
                home.call(Method::GET, &media).send().await.unwrap().status() == 200,
                home.client.get(&page).send().await.unwrap().status() == 200,
            ]
        };
        home.until("the work everywhere", async || (there().await == [true; 5]).then_some(())).await;
        // What other sites embed is as large as it says, and no larger than they want.
        let oembed = format!("{}/oembed?url={page}", home.base);
        let (_, whole) = answer(home.client.get(&oembed)).await;
        assert_eq!((&whole["type"], &whole["url"]), (&json!("photo"), &json!(format!("{page}/media"))), "{whole}");
        let poster = home.client.get(text(&whole["thumbnail_url"])).send().await.unwrap();
        let poster = image_size(&poster.bytes().await.unwrap());
        assert_eq!(poster, ["thumbnail_width", "thumbnail_height"].map(|side| whole[side].as_u64().unwrap()));
        let (_, small) = answer(home.client.get(format!("{oembed}&maxwidth=1"))).await;
        assert_eq!((&small["type"], &small["thumbnail_url"]), (&json!("link"), &Value::Null), "{small}");
        // Private, then public again: at the author's hand, with the version that was seen.
        let change = |version: &Value, to: &str| {
            home.by(&ada, Method::PATCH, &path).header("if-match", format!("\"{version}\"")).json(&json!({"visibility": to}))
        };
        let (_, now) = answer(home.by(&ada, Method::GET, &path)).await;
        assert_eq!(refused(change(&json!(999), "private")).await, (412, "version_conflict".to_owned()));
        assert_eq!(answer(home.by(&ada, Method::PATCH, &path).json(&json!({"title": "x"}))).await.0, 428);
        assert_eq!(answer(home.by(&bob, Method::PATCH, &path).header("if-match", "\"1\"").json(&json!({"title": "x"}))).await.0, 404);
        let (status, hidden) = answer(change(&now["version"], "private")).await;
        assert_eq!(status, 200, "{hidden}");
        home.until("the work nowhere", async || (there().await == [false; 5]).then_some(())).await;
        assert_eq!(answer(home.by(&bob, Method::GET, &path)).await.0, 404);
        assert_eq!(answer(change(&hidden["version"], "link")).await.0, 200);
        assert_eq!(home.client.get(&page).send().await.unwrap().status(), 200, "with the link");
        assert_eq!(answer(home.by(&bob, Method::GET, &path)).await.0, 404, "not by its id");
        let (_, now) = answer(home.by(&ada, Method::GET, &path)).await;
        assert_eq!(answer(change(&now["version"], "public")).await.0, 200);
        home.until("the work again", async || (there().await == [true; 5]).then_some(())).await;
        assert_eq!(answer(home.by(&bob, Method::DELETE, &path)).await.0, 404);
        assert_eq!(answer(home.by(&ada, Method::DELETE, &path)).await.0, 204);
        home.until("the end", async || (there().await == [false; 5]).then_some(())).await;
        let files = std::fs::read_dir(home.folder.path().join("media")).unwrap().count();
        assert_eq!(files, 0, "no byte of it is left");
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_words_as_words() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let evil = "<script>alert('x')</script>\"><img src=x onerror=1>";
        let work = home.text(&ada, evil, json!({"text": evil, "shows_recipe": true, "recipe": {"prompt": evil, "agent": evil}})).await;
        home.by(&ada, Method::POST, &format!("/works/{}/comments", text(&work["id"]))).json(&json!({"text": evil})).send().await.unwrap();
        for page in [text(&work["link"]), format!("{}/u/ada", home.base), format!("{}/", home.base), format!("{}/fr", home.base)] {
            let answer = home.client.get(&page).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{page}");
            let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
            assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
            let html = answer.text().await.unwrap();
            assert!(!html.contains("<script>alert") && !html.contains("<img src=x"), "{page}");
            assert!(html.contains("alert("), "{page}");
        }
        let html = home.client.get(text(&work["link"])).send().await.unwrap().text().await.unwrap();
        assert!(html.contains("og:title") && html.contains("oembed") && html.contains("oto://work/"));
        let oembed = format!("{}/oembed?url={}", home.base, text(&work["link"]));
        assert_eq!(answer(home.client.get(&oembed)).await.1["author_name"], "ada");
        for missing in ["/s/00000000000000000000000000000000", "/s/..%2f..", "/u/nobody", "/nothing"] {
            let got = home.client.get(format!("{}{missing}", home.base)).header("accept", "text/html").send().await.unwrap();
            assert_eq!(got.status(), 404, "{missing}");
        }
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_work_at_the_same_moment_is_published_once() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let work = json!({"id": uuid::Uuid::now_v7(), "kind": "text", "title": "A tram", "text": "climbs", "visibility": "public"});
        let all = (0..24).map(|_| answer(home.by(&ada, Method::POST, "/works").json(&work)));
        let statuses: Vec<u16> = futures_util::future::join_all(all).await.into_iter().map(|a| a.0).collect();
        assert_eq!(statuses.iter().filter(|s| **s == 201).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|s| *s == 200 || *s == 201), "{statuses:?}");
        assert_eq!(home.number("SELECT works FROM account WHERE handle = 'ada'").await, 1);
        home.stop().await;
    })
    .await;
}
