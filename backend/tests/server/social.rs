//! Likes, votes, comments, follows, notices, lists, reports and decisions; counters are their rows.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Home, answer, both, text};

#[tokio::test(flavor = "multi_thread")]
async fn storms_of_likes_and_votes_leave_counters_that_are_their_rows() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let work = home.text(&ada, "A tram", json!({})).await;
        let path = format!("/works/{}", text(&work["id"]));
        let mut people = Vec::new();
        for i in 0..8 {
            people.push(home.person(&format!("fan_{i}")).await);
        }
        let mut all = Vec::new();
        for (i, who) in people.iter().enumerate() {
            for round in 0..6 {
                let like = if (i + round) % 3 == 0 { Method::DELETE } else { Method::PUT };
                all.push(answer(home.by(who, like, &format!("{path}/like"))));
                let vote = json!({"value": (i + round) as i64 % 3 - 1});
                all.push(answer(home.by(who, Method::PUT, &format!("{path}/vote")).json(&vote)));
            }
        }
        let answers = futures_util::future::join_all(all).await;
        assert!(answers.iter().all(|(s, _)| *s == 200), "{answers:?}");
        let (_, now) = answer(home.call(Method::GET, &path)).await;
        assert_eq!(now["likes"], home.number("SELECT COUNT(*) FROM work_like").await);
        assert_eq!(
            now["votes"],
            home.number("SELECT CAST(COALESCE(SUM(value), 0) AS BIGINT) FROM work_vote").await
        );
        for value in [-2, 2, 100] {
            let vote = json!({"value": value});
            assert_eq!(
                answer(home.by(&ada, Method::PUT, &format!("{path}/vote")).json(&vote)).await.0,
                422
            );
        }
        // Twice is once, both ways.
        for (method, liked) in [
            (Method::PUT, true),
            (Method::PUT, true),
            (Method::DELETE, false),
            (Method::DELETE, false),
        ] {
            let (_, counters) = answer(home.by(&people[0], method, &format!("{path}/like"))).await;
            assert_eq!(counters["is_liked"], liked);
        }
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_answered_changed_and_taken_back_and_people_are_told_once() {
    both(|home: Home| async move {
        let (ada, bob, eve) = (home.person("ada").await, home.person("bob").await, home.person("eve").await);
        let work = home.text(&ada, "A tram", json!({})).await;
        let path = format!("/works/{}/comments", text(&work["id"]));
        let say = async |who, body: Value| answer(home.by(who, Method::POST, &path).json(&body)).await;
        let (status, first) = say(&bob, json!({"text": "fine, @eve and @ada and @nobody_here"})).await;
        assert_eq!(status, 201, "{first}");
        let (_, second) = say(&eve, json!({"text": "yes", "reply_to": first["id"]})).await;
        for (body, status) in [
            (json!({"text": ""}), 422),
            (json!({"text": "\u{200b}\u{200b}"}), 422),
            (json!({"text": "x".repeat(4_001)}), 422),
            (json!({"text": "y", "reply_to": uuid::Uuid::now_v7()}), 422),
            (json!({"no": "text"}), 422),
        ] {
            assert_eq!(say(&bob, body).await.0, status);
        }
        let huge = json!({"text": "x".repeat(10_000_000)});
        // A server that has heard enough may hang up before the rest was sent.
        if let Ok(got) = home.by(&bob, Method::POST, &path).json(&huge).send().await {
            assert_eq!(got.status(), 413);
        }
        let kinds = async |who| -> Vec<String> {
            let (_, told) = answer(home.by(who, Method::GET, "/notifications")).await;
            told["items"].as_array().unwrap().iter().map(|n| text(&n["kind"])).collect()
        };
        assert_eq!(kinds(&ada).await, ["comment", "comment"], "once for each, though she was called, too");
        assert_eq!(kinds(&eve).await, ["mention"]);
        assert_eq!(kinds(&bob).await, ["comment"]);
        home.by(&ada, Method::POST, "/notifications/read").send().await.unwrap();
        assert_eq!(answer(home.by(&ada, Method::GET, "/notifications")).await.1["unread"], 0);
        let own = format!("/comments/{}", text(&first["id"]));
        assert_eq!(answer(home.by(&eve, Method::PATCH, &own).json(&json!({"text": "mine"}))).await.0, 404);
        let (_, edited) = answer(home.by(&bob, Method::PATCH, &own).json(&json!({"text": "better"}))).await;
        assert!(edited["edited_at_ms"].is_i64());
        assert_eq!(answer(home.by(&eve, Method::DELETE, &own)).await.0, 404);
        assert_eq!(answer(home.by(&ada, Method::DELETE, &own)).await.0, 204, "under a work of one's own");
        let (_, page) = answer(home.call(Method::GET, &path)).await;
        assert_eq!((&page["items"][0]["deleted"], &page["items"][0]["text"]), (&json!(true), &json!("")));
        assert_eq!(page["items"][1]["id"], second["id"]);
        assert_eq!(answer(home.call(Method::GET, &format!("/works/{}", text(&work["id"])))).await.1["comments"], 1);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_on_where_they_ended_whatever_comes_and_goes() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let mut made = Vec::new();
        for i in 0..9 {
            made.push(text(
                &home.text(&ada, &format!("Work {i}"), json!({"tags": ["tram"]})).await["id"],
            ));
        }
        let mut seen = Vec::new();
        let mut cursor = String::new();
        for round in 0.. {
            let (_, page) =
                answer(home.call(Method::GET, &format!("/works?sort=new&limit=2{cursor}"))).await;
            seen.extend(page["items"].as_array().unwrap().iter().map(|w| text(&w["id"])));
            // In between one comes and one goes.
            home.text(&bob, &format!("New {round}"), json!({})).await;
            if round == 1 {
                home.by(&ada, Method::DELETE, &format!("/works/{}", made[2])).send().await.unwrap();
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let mut want: Vec<String> = made.iter().rev().cloned().collect();
        want.retain(|id| *id != made[2]);
        assert_eq!(seen, want);
        for (query, n) in [
            ("q=tram", 8),
            ("q=TRAM%20work", 8),
            ("q=tr", 8),
            ("q=wor%204", 0),
            ("q=work%204", 1),
            ("q=%22%20OR%20%22", 0),
            ("q=*", 0),
            ("q=tram%00%27%3B--", 8),
            ("q=ada", 8),
            ("author=ada", 8),
            ("kind=image", 0),
            ("kind=text&author=bob", 4),
        ] {
            let (status, page) =
                answer(home.call(Method::GET, &format!("/works?limit=100&{query}"))).await;
            assert_eq!(
                (status, page["items"].as_array().map_or(99, Vec::len)),
                (200, n),
                "{query}"
            );
        }
        for (query, status) in [
            ("sort=best", 422),
            ("cursor=xyz", 422),
            ("limit=minus", 422),
            ("author=nobody", 404),
            ("followed=true", 401),
            ("author=me", 401),
        ] {
            assert_eq!(
                answer(home.call(Method::GET, &format!("/works?{query}"))).await.0,
                status,
                "{query}"
            );
        }
        home.by(&bob, Method::PUT, &format!("/people/{}/follow", ada.id)).send().await.unwrap();
        let (_, page) = answer(home.by(&bob, Method::GET, "/works?followed=true&limit=100")).await;
        assert_eq!(page["items"].as_array().unwrap().len(), 8);
        let (_, people) = answer(home.by(&bob, Method::GET, "/people?q=ad")).await;
        assert_eq!(
            (&people["items"][0]["handle"], &people["items"][0]["is_followed"]),
            (&json!("ada"), &json!(true))
        );
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_made_from_anothers_is_tied_to_it_and_its_author_is_told() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let source = home.text(&ada, "A tram", json!({})).await;
        let closed = home.text(&ada, "Closed", json!({"may_reuse": false})).await;
        let hidden = home.text(&ada, "Hidden", json!({"visibility": "private"})).await;
        let from = |ids: &[&Value]| -> Value {
            json!({"sources": ids.iter().map(|id| json!({"work": id, "kind": "text", "title": "told"})).collect::<Vec<_>>()})
        };
        let mut body = json!({"id": uuid::Uuid::now_v7(), "kind": "text", "title": "x", "text": "y", "visibility": "public", "shows_sources": true});
        body["sources"] = from(&[&closed["id"]])["sources"].clone();
        assert_eq!(answer(home.by(&bob, Method::POST, "/works").json(&body)).await.0, 403);
        let made = home.text(&bob, "Made of it", from(&[&source["id"], &hidden["id"], &json!("no id")])).await;
        assert_eq!(made["sources"][0]["work"], source["id"]);
        assert!(made["sources"][1]["work"].is_null(), "what one may not see leads nowhere");
        let (_, now) = answer(home.call(Method::GET, &format!("/works/{}", text(&source["id"])))).await;
        assert_eq!(now["reuses"], 1);
        let (_, told) = answer(home.by(&ada, Method::GET, "/notifications")).await;
        assert_eq!(told["items"][0]["kind"], "reuse");
        let (_, thread) = answer(home.call(Method::GET, &format!("/works/{}/lineage", text(&source["id"])))).await;
        assert_eq!(thread["edges"], json!([{"from": source["id"], "to": made["id"]}]));
        let (_, reuses) = answer(home.call(Method::GET, &format!("/works?made_from={}", text(&source["id"])))).await;
        assert_eq!(reuses["items"][0]["id"], made["id"]);
        // The source becomes private: its place stays, its name does not.
        let path = format!("/works/{}", text(&source["id"]));
        let (_, own) = answer(home.by(&ada, Method::GET, &path)).await;
        home.by(&ada, Method::PATCH, &path).header("if-match", format!("\"{}\"", own["version"])).json(&json!({"visibility": "private"})).send().await.unwrap();
        let (_, thread) = answer(home.call(Method::GET, &format!("/works/{}/lineage", text(&made["id"])))).await;
        let node = thread["nodes"].as_array().unwrap().iter().find(|n| n["id"] == source["id"]).unwrap();
        assert!(node["title"] == "" && node["author"].is_null());
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_bring_before_a_person_and_decisions_can_be_undone() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let (mia, max) = (home.person("mia").await, home.person("max").await);
        home.sql("UPDATE account SET role = 'moderator' WHERE handle IN ('mia', 'max')").await;
        let work = home.text(&ada, "A tram", json!({})).await;
        let path = format!("/works/{}", text(&work["id"]));
        home.by(&bob, Method::PUT, &format!("{path}/like")).send().await.unwrap();
        let report = json!({"target_kind": "work", "target": work["id"], "reason": "spam", "text": "<b>!</b>"});
        let all = (0..5).map(|_| answer(home.by(&bob, Method::POST, "/reports").json(&report)));
        let ids: Vec<_> = futures_util::future::join_all(all).await.into_iter().map(|(_, r)| r["id"].clone()).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "one open report of one person");
        assert_eq!(answer(home.call(Method::GET, &path)).await.0, 200, "reports alone take nothing down");
        let decide = async |cookie: &str, path: &str, form: &[(&str, String)], site: &str| {
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            home.client.post(format!("{}/admin{path}", home.base)).header("cookie", cookie).header("content-type", "application/x-www-form-urlencoded").header("sec-fetch-site", site).body(body).send().await.unwrap().status().as_u16()
        };
        let (mia_in, max_in) = (home.operator("mia").await, home.operator("max").await);
        let bob_in = home.page_login("bob").await;
        let page = home.client.get(format!("{}/admin/moderation", home.base)).header("cookie", &mia_in).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("A tram") && page.contains("&#60;b&#62;"), "{page}");
        let form = |what: &str| vec![("do", what.to_owned()), ("kind", "work".to_owned()), ("target", text(&work["id"])), ("reason", "against the rules".to_owned())];
        assert_eq!(decide(&bob_in, "/moderation", &form("remove"), "same-origin").await, 404, "not for everybody");
        assert_eq!(decide(&mia_in, "/moderation", &form("remove"), "cross-site").await, 403, "not from elsewhere");
        assert_eq!(decide(&mia_in, "/moderation", &form("remove"), "same-origin").await, 303);
        assert_eq!(answer(home.call(Method::GET, &path)).await.0, 404);
        assert_eq!(home.client.get(text(&work["link"])).send().await.unwrap().status(), 404);
        let (_, own) = answer(home.by(&ada, Method::GET, &path)).await;
        assert_eq!((&own["state"], &own["state_reason"]), (&json!("removed"), &json!("against the rules")));
        let (_, decisions) = answer(home.by(&ada, Method::GET, "/me/decisions")).await;
        let decision = text(&decisions["items"][0]["id"]);
        let appeal = json!({"decision": decision, "text": "it is only a tram"});
        assert_eq!(answer(home.by(&bob, Method::POST, "/appeals").json(&appeal)).await.0, 409);
        assert_eq!(answer(home.by(&ada, Method::POST, "/appeals").json(&appeal)).await.0, 204);
        assert_eq!(answer(home.by(&ada, Method::POST, "/appeals").json(&appeal)).await.0, 409);
        let end = vec![("do", "overturn".to_owned()), ("decision", decision), ("reason", "a fair point".to_owned())];
        assert_eq!(decide(&mia_in, "/appeals", &end, "same-origin").await, 403, "not by whoever decided");
        assert_eq!(decide(&max_in, "/appeals", &end, "same-origin").await, 303);
        let (status, back) = answer(home.call(Method::GET, &path)).await;
        assert_eq!((status, &back["likes"]), (200, &json!(1)), "everything comes back");
        drop((mia, max));
        home.stop().await;
    })
    .await;
}
