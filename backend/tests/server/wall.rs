//! The wall in tiles: no hole, no overlap, the same from near and from afar, told as it changes.

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Home, answer, both, text};

#[tokio::test(flavor = "multi_thread")]
async fn works_of_one_person_grow_evenly_and_a_free_place_is_used_first() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let titles: Vec<String> = (0..12).map(|i| format!("Work {i}")).collect();
        let all = titles.iter().map(|title| home.text(&ada, title, json!({})));
        let made = futures_util::future::join_all(all).await;
        let mut at: Vec<(i64, i64)> = made
            .iter()
            .map(|w| (w["at"][0].as_f64().unwrap() as i64, w["at"][1].as_f64().unwrap() as i64))
            .collect();
        at.sort_unstable();
        at.dedup();
        assert_eq!(at.len(), 12, "no two in one place");
        assert_eq!(home.number("SELECT MAX(cell) FROM work").await, 11, "no hole");
        home.by(&ada, Method::DELETE, &format!("/works/{}", text(&made[3]["id"])))
            .send()
            .await
            .unwrap();
        let again = home.text(&ada, "Again", json!({})).await;
        assert_eq!(again["at"], made[3]["at"]);
        // The plot is nearly full: the next plot is the next on the spiral.
        home.sql("UPDATE plot SET taken = 1000").await;
        let far = home.text(&ada, "Far", json!({})).await;
        assert!(far["at"][0].as_f64().unwrap() > 8192.0, "{far}");
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_level_counts_the_same_works() {
    both(|home: Home| async move {
        let mut n = 0;
        for (i, handle) in ["ada", "bob", "eve", "kim", "lee", "moe", "nan"].iter().enumerate() {
            let who = home.person(handle).await;
            for j in 0..=i {
                home.text(&who, &format!("{handle} {j}"), json!({})).await;
                n += 1;
            }
        }
        home.until("the sums", async || {
            let (_, extent) = answer(home.call(Method::GET, "/shared/extent")).await;
            (extent["works"] == n && extent["plots"] == 7).then_some(())
        })
        .await;
        for z in 0..=20u32 {
            // The middle four tiles and, near, all around the seven plots.
            let side = 1024.0 * f64::from(1u32 << z);
            let reach = (3.0 * 8192.0 / side).ceil().max(1.0) as i64;
            let mut all = Vec::new();
            for x in -reach..reach {
                for y in -reach..reach {
                    all.push((x, y));
                }
            }
            let mut seen = 0;
            for chunk in all.chunks(64) {
                let tiles = chunk.iter().map(|(x, y)| {
                    answer(home.call(Method::GET, &format!("/shared/tiles/{z}/{x}/{y}")))
                });
                for (status, tile) in futures_util::future::join_all(tiles).await {
                    assert_eq!(status, 200);
                    seen += tile["items"].as_array().map_or(0, Vec::len) as i64
                        + tile["more"].as_i64().unwrap();
                    seen += tile["cells"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|c| c["count"].as_i64().unwrap())
                        .sum::<i64>();
                }
            }
            assert_eq!(seen, n, "level {z}");
        }
        for wrong in
            ["21/0/0", "0/x/0", "-1/0/0", "0/99999999999/0", "0/0/9223372036854775807", "1.5/0/0"]
        {
            assert_eq!(
                answer(home.call(Method::GET, &format!("/shared/tiles/{wrong}"))).await.0,
                404,
                "{wrong}"
            );
        }
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_are_kept_by_others_until_they_change_and_changes_are_told() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let first = home.text(&ada, "First", json!({})).await;
        let [x, y] = [0, 1].map(|i| (first["at"][i].as_f64().unwrap() / 1024.0).floor() as i64);
        let path = format!("/shared/tiles/0/{x}/{y}");
        let got = home.call(Method::GET, &path).send().await.unwrap();
        let etag = got.headers()["etag"].clone();
        assert!(got.headers()["cache-control"].to_str().unwrap().contains("max-age=30"));
        let again =
            home.call(Method::GET, &path).header("if-none-match", &etag).send().await.unwrap();
        assert_eq!(again.status(), 304);
        let events = home.call(Method::GET, "/shared/events").send().await.unwrap();
        let mut events = events.bytes_stream();
        let source = json!([{"work": first["id"], "kind": "text"}]);
        let second = home.text(&ada, "Second", json!({"sources": source})).await;
        let mut heard = String::new();
        while !heard.contains("event: tile") {
            heard.push_str(&String::from_utf8_lossy(&events.next().await.unwrap().unwrap()));
        }
        let item = home
            .until("the new work in its tile", async || {
                let [x, y] =
                    [0, 1].map(|i| (second["at"][i].as_f64().unwrap() / 1024.0).floor() as i64);
                let (_, tile) =
                    answer(home.call(Method::GET, &format!("/shared/tiles/0/{x}/{y}"))).await;
                tile["items"].as_array()?.iter().find(|i| i["id"] == second["id"]).cloned()
            })
            .await;
        assert_eq!(
            item["sources"],
            json!([{"id": first["id"], "x": first["at"][0], "y": first["at"][1]}])
        );
        assert!(item["words"].as_str().unwrap().starts_with("Second") && item["author"] == "ada");
        let html = home
            .client
            .get(format!("{}/sitemap.xml", home.base))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(html.matches("<loc>").count() == 4, "{html}");
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_of_the_same_database_shows_the_same() {
    both(|home: Home| async move {
        if !home.is_postgres() {
            // SQLite is for one process.
            return home.stop().await;
        }
        let other = home.another().await;
        let ada = home.person("ada").await;
        let there = |path: &str| home.client.get(format!("http://{}/api/v1{path}", other.address));
        // Both have looked at the empty tile before.
        for z in [0, 20] {
            assert!(answer(there(&format!("/shared/tiles/{z}/3/3"))).await.1["items"].is_null());
        }
        let work: Value = home.text(&ada, "Seen from both", json!({})).await;
        let [x, y] = [0, 1].map(|i| (work["at"][i].as_f64().unwrap() / 1024.0).floor() as i64);
        home.until("the work at the other server", async || {
            let (_, tile) = answer(there(&format!("/shared/tiles/0/{x}/{y}"))).await;
            tile["items"].is_array().then_some(())
        })
        .await;
        // A token of one is a token of the other: they share their keys.
        assert_eq!(answer(there("/me").bearer_auth(&ada.token)).await.0, 200);
        other.stop().await;
        home.stop().await;
    })
    .await;
}
