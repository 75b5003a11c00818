//! What people are told, what they do not want to hear, and what leaves as a letter.

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::json;

use crate::common::{Home, answer, both, refused, text};

#[tokio::test(flavor = "multi_thread")]
async fn people_choose_what_they_hear_and_never_miss_what_matters() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let set = |body: serde_json::Value| {
            home.by(&ada, Method::PUT, "/notifications/settings").json(&body)
        };
        let (_, now) = answer(home.by(&ada, Method::GET, "/notifications/settings")).await;
        assert_eq!(now, json!({"off": [], "digest": false}));
        for kind in ["decision", "payment", "webhook", "everything"] {
            assert_eq!(refused(set(json!({"off": [kind]}))).await.0, 422, "{kind}");
        }
        let (_, now) =
            answer(set(json!({"off": ["follow", "like", "like"], "digest": true}))).await;
        assert_eq!(now, json!({"off": ["like", "follow"], "digest": true}));
        let work = home.text(&ada, "A tram", json!({})).await;
        let path = format!("/works/{}", text(&work["id"]));
        home.by(&bob, Method::PUT, &format!("{path}/like")).send().await.unwrap();
        home.by(&bob, Method::PUT, &format!("/people/{}/follow", ada.id)).send().await.unwrap();
        // Each is told over the stream as it comes, with what has not been read.
        let stream = home.by(&ada, Method::GET, "/notifications/events").send().await.unwrap();
        assert_eq!(stream.status(), 200);
        let mut stream = stream.bytes_stream();
        let mut heard = String::new();
        let mut wait_for = async |wanted: &str| {
            while !heard.contains(wanted) {
                let next = tokio::time::timeout(std::time::Duration::from_secs(15), stream.next());
                let bytes = next.await.unwrap_or_else(|_| panic!("{heard}")).unwrap().unwrap();
                heard.push_str(&String::from_utf8_lossy(&bytes));
            }
        };
        wait_for("{\"unread\":0}").await;
        let comment = json!({"text": "lovely"});
        home.by(&bob, Method::POST, &format!("{path}/comments"))
            .json(&comment)
            .send()
            .await
            .unwrap();
        wait_for("{\"unread\":1}").await;
        let (_, told) = answer(home.by(&ada, Method::GET, "/notifications")).await;
        assert_eq!(told["items"].as_array().unwrap().len(), 1, "{told}");
        // A day later a letter says so, once.
        home.sql("UPDATE account SET email_verified = 1, digest_at_ms = 1 WHERE handle = 'ada'")
            .await;
        let digest = |l: &String| l.contains("One thing happened on oTo") && l.contains("lovely");
        home.until("a digest", async || home.letters().iter().any(digest).then_some(())).await;
        tokio::time::sleep(std::time::Duration::from_secs(7)).await;
        assert_eq!(home.letters().iter().filter(|l| digest(l)).count(), 1);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_opens_more_streams_than_their_share() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let mut open = Vec::new();
        for n in 0..33 {
            let got = home.by(&ada, Method::GET, "/events").send().await.unwrap();
            assert_eq!(got.status().as_u16(), if n < 32 { 200 } else { 429 }, "{n}");
            open.push(got);
        }
        let other = home.by(&bob, Method::GET, "/events").send().await.unwrap();
        assert_eq!(other.status(), 200);
        drop(open);
        home.until("room again", async || {
            let got = home.by(&ada, Method::GET, "/events").send().await.unwrap();
            (got.status() == 200).then_some(())
        })
        .await;
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_were_taken_away_are_not_told_any_more() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let eve = home.person("eve").await;
        let work = home.text(&ada, "A tram", json!({})).await;
        let path = format!("/works/{}", text(&work["id"]));
        let say = async |words: &str| {
            let said = home.by(&eve, Method::POST, &format!("{path}/comments"));
            text(&answer(said.json(&json!({"text": words}))).await.1["id"])
        };
        let told = async |who| {
            let (_, told) = answer(home.by(who, Method::GET, "/notifications")).await;
            told["items"].as_array().unwrap().iter().map(|n| text(&n["text"])).collect::<Vec<_>>()
        };
        let comment = say("@bob is a fool").await;
        say("@bob look").await;
        assert_eq!((told(&ada).await.len(), told(&bob).await.len()), (2, 2));
        let gone = home.by(&eve, Method::DELETE, &format!("/comments/{comment}"));
        assert_eq!(answer(gone).await.0, 204);
        for who in [&ada, &bob] {
            assert_eq!(told(who).await, ["on “A tram”: @bob look"]);
        }
        // A work that is private again is named to nobody but its author.
        let (_, now) = answer(home.by(&ada, Method::GET, &path)).await;
        let hide = home.by(&ada, Method::PATCH, &path);
        let hide = hide.header("if-match", format!("\"{}\"", now["version"]));
        assert_eq!(answer(hide.json(&json!({"visibility": "private"}))).await.0, 200);
        assert_eq!((told(&ada).await.len(), told(&bob).await.len()), (1, 0));
        home.stop().await;
    })
    .await;
}
