//! Whoever looks after a server: a second factor, decisions that can be taken out of a row of them,
//! money that is booked once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Home, answer, both, code_of, text, young_half_minute};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_and_each_code_is_good_once() {
    both(|home: Home| async move {
        home.person("ada").await;
        home.person("bob").await;
        home.sql("UPDATE account SET role = 'admin' WHERE handle = 'ada'").await;
        let look = async |cookie: &str, path: &str| {
            let page = home.client.get(format!("{}{path}", home.base)).header("cookie", cookie);
            let got = page.send().await.unwrap();
            let to = got.headers().get("location").map(|l| l.to_str().unwrap().to_owned());
            (got.status().as_u16(), to.unwrap_or_default())
        };
        let first = home.page_login("ada").await;
        let enrol = (303, "/admin/second-factor".to_owned());
        for path in ["/admin", "/admin/people", "/admin/payments"] {
            assert_eq!(look(&first, path).await, enrol, "{path}");
        }
        young_half_minute().await;
        let secret = home.enrol_secret(&first).await;
        let set = async |cookie: &str, secret: &str, code: String| {
            let form = [("secret", secret.to_owned()), ("code", code)];
            home.form("/admin/second-factor", cookie, &form).await.status().as_u16()
        };
        assert_eq!(set(&first, &secret, "000000".to_owned()).await, 422);
        assert_eq!(set(&first, "AAAA", "123456".to_owned()).await, 422, "too short a secret");
        assert_eq!(set(&first, &secret, code_of(&secret, -1)).await, 303);
        assert_eq!(look(&first, "/admin").await.0, 200);
        // Another sign-in is asked for the code. The one that was used is good no more.
        let second = home.page_login("ada").await;
        assert_eq!(look(&second, "/admin").await, (303, "/admin/code".to_owned()));
        assert_eq!(look(&second, "/admin/second-factor").await, (303, "/admin/code".to_owned()));
        let give = async |cookie: &str, code: String| {
            home.form("/admin/code", cookie, &[("code", code)]).await.status().as_u16()
        };
        assert_eq!(give(&second, code_of(&secret, -1)).await, 200, "used before: asked again");
        assert_eq!(give(&second, code_of(&secret, 0)).await, 303);
        assert_eq!(look(&second, "/admin").await.0, 200);
        let third = home.page_login("ada").await;
        assert_eq!(give(&third, code_of(&secret, 0)).await, 200);
        let bob = home.page_login("bob").await;
        for path in ["/admin", "/admin/second-factor"] {
            assert_eq!(look(&bob, path).await.0, 404, "{path}");
        }
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_is_lifted_lifts_no_other() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        for handle in ["mia", "max", "moe"] {
            home.person(handle).await;
        }
        home.sql("UPDATE account SET role = 'moderator' WHERE handle IN ('mia', 'max', 'moe')")
            .await;
        let (mia, max, moe) =
            (home.operator("mia").await, home.operator("max").await, home.operator("moe").await);
        let work = home.text(&ada, "A tram", json!({})).await;
        let path = format!("/works/{}", text(&work["id"]));
        let decide = async |cookie: &str, what: &str| {
            let form = [
                ("do", what.to_owned()),
                ("kind", "work".to_owned()),
                ("target", text(&work["id"])),
                ("reason", what.to_owned()),
            ];
            assert_eq!(home.form("/admin/moderation", cookie, &form).await.status(), 303);
        };
        decide(&mia, "unpublish").await;
        decide(&max, "remove").await;
        let state = async || text(&answer(home.by(&ada, Method::GET, &path)).await.1["state"]);
        assert_eq!(state().await, "removed");
        let (_, all) = answer(home.by(&ada, Method::GET, "/me/decisions")).await;
        let [removed, held] = [0, 1].map(|i| text(&all["items"][i]["id"]));
        for id in [&held, &removed] {
            let appeal = json!({"decision": id, "text": "why?"});
            assert_eq!(answer(home.by(&ada, Method::POST, "/appeals").json(&appeal)).await.0, 204);
        }
        let overturn = async |id: &str| {
            let form = [
                ("do", "overturn".to_owned()),
                ("decision", id.to_owned()),
                ("reason", "right".to_owned()),
            ];
            home.form("/admin/appeals", &moe, &form).await.status().as_u16()
        };
        assert_eq!(overturn(&held).await, 303);
        assert_eq!(state().await, "removed", "what the other one decided holds");
        assert_eq!(overturn(&removed).await, 303);
        assert_eq!(state().await, "shown");
        assert_eq!(overturn(&removed).await, 404, "once");
        assert_eq!(answer(home.call(Method::GET, &path)).await.0, 200);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_suspended_reads_why_in_a_letter_and_can_object() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        home.person("mia").await;
        home.person("max").await;
        home.sql("UPDATE account SET role = 'admin' WHERE handle IN ('mia', 'max')").await;
        let (mia, max) = (home.operator("mia").await, home.operator("max").await);
        let work = home.text(&ada, "A tram", json!({})).await;
        let form = [("do", "suspend".to_owned()), ("reason", "too loud".to_owned())];
        let suspended = home.form(&format!("/admin/people/{}", ada.id), &mia, &form).await;
        assert_eq!(suspended.status(), 303);
        let path = format!("/works/{}", text(&work["id"]));
        assert_eq!(answer(home.call(Method::GET, &path)).await.0, 404);
        let login = || {
            home.call(Method::POST, "/auth/login")
                .json(&json!({"email": "ada@example.org", "password": crate::common::PASSWORD}))
        };
        assert_eq!(answer(login()).await.1["code"], "account_suspended");
        let letter = home
            .until("a letter", async || home.letters().into_iter().find(|l| l.contains("too loud")))
            .await;
        let token = letter.split("token=3D").nth(1).or(letter.split("token=").nth(1)).unwrap();
        let token: String = token.chars().take_while(char::is_ascii_alphanumeric).collect();
        let object = async |words: &str| {
            let form = [("token", token.clone()), ("text", words.to_owned())];
            home.form("/appeal", "", &form).await.status().as_u16()
        };
        assert_eq!(object("").await, 422, "the link stays good");
        assert_eq!(object("I whispered").await, 200);
        assert_eq!(object("once more").await, 422);
        let decision = home.number("SELECT COUNT(*) FROM decision WHERE appeal = 'open'").await;
        assert_eq!(decision, 1);
        let page =
            home.client.get(format!("{}/admin/moderation", home.base)).header("cookie", &max);
        let page = page.send().await.unwrap().text().await.unwrap();
        let id = page
            .split("name=\"decision\" value=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned();
        let form =
            [("do", "overturn".to_owned()), ("decision", id), ("reason", "indeed".to_owned())];
        assert_eq!(home.form("/admin/appeals", &max, &form).await.status(), 303);
        assert_eq!(answer(login()).await.0, 200);
        assert_eq!(answer(home.call(Method::GET, &path)).await.0, 200);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_is_sent_twice_is_booked_once_and_plans_are_made_and_changed() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        home.person("root").await;
        home.sql("UPDATE account SET role = 'admin' WHERE handle = 'root'").await;
        let root = home.operator("root").await;
        let place = format!("/admin/people/{}", ada.id);
        let page = home.client.get(format!("{}{place}", home.base)).header("cookie", &root);
        let page = page.send().await.unwrap().text().await.unwrap();
        let once = page
            .split("name=\"once\" value=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned();
        let book = async |once: &str| {
            let form = [
                ("do", "tokens".to_owned()),
                ("value", "50".to_owned()),
                ("reason", "sorry".to_owned()),
                ("once", once.to_owned()),
            ];
            home.form(&place, &root, &form).await.status().as_u16()
        };
        let before = home
            .number(&format!(
                "SELECT balance FROM ledger_account WHERE id = 'available:{}'",
                ada.id
            ))
            .await;
        assert_eq!((book(&once).await, book(&once).await, book("").await), (303, 422, 422));
        let after = home
            .number(&format!(
                "SELECT balance FROM ledger_account WHERE id = 'available:{}'",
                ada.id
            ))
            .await;
        assert_eq!(after - before, 50_000_000);
        let set = async |id: &str, cents: &str| {
            let words = [
                ("id", id),
                ("name", "Studio"),
                ("price_cents", cents),
                ("monthly_tokens", "2000"),
                ("concurrent_jobs", "8"),
                ("jobs_per_day", "900"),
                ("storage_mb", "1000"),
                ("upload_mb", "500"),
            ];
            home.form("/admin/plans", &root, &words.map(|(k, v)| (k, v.to_owned())))
                .await
                .status()
                .as_u16()
        };
        assert_eq!((set("studio", "1900").await, set("studio", "2100").await), (303, 303));
        assert_eq!((set("Bad id", "1").await, set("x", "-1").await), (422, 422));
        let (_, plans) = answer(home.call(Method::GET, "/plans")).await;
        let of =
            |plans: &Value| plans.as_array().unwrap().iter().find(|p| p["id"] == "studio").cloned();
        let studio = of(&plans).unwrap();
        assert_eq!(
            (&studio["price_cents"], &studio["monthly_micro"]),
            (&json!(2_100), &json!(2_000_000_000))
        );
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moderators_decide_about_works_alone_and_a_browser_reads_a_page_of_what_was_refused() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        home.person("mia").await;
        home.sql("UPDATE account SET role = 'moderator' WHERE handle = 'mia'").await;
        let mia = home.operator("mia").await;
        let hidden = home.text(&ada, "A diary", json!({"visibility": "private"})).await;
        let report = |kind: &str, target: &str| {
            let body =
                json!({"target_kind": kind, "target": target, "reason": "spam", "text": "look"});
            home.by(&bob, Method::POST, "/reports").json(&body)
        };
        let id = text(&hidden["id"]);
        assert_eq!(answer(report("work", &id)).await.0, 404, "nobody else's to know of");
        assert_eq!(answer(report("account", &ada.id)).await.0, 201);
        let browser = |path: &str| {
            let call = home.client.get(format!("{}{path}", home.base));
            call.header("cookie", &mia).header("accept", "text/html,*/*;q=0.8")
        };
        let page = browser("/admin/moderation").send().await.unwrap().text().await.unwrap();
        assert!(
            page.contains("An admin decides about people") && !page.contains("value=\"suspend\"")
        );
        assert_eq!(
            browser(&format!("/admin/works/{id}/picture")).send().await.unwrap().status(),
            404
        );
        let refused = browser("/admin/people").send().await.unwrap();
        assert_eq!(refused.status(), 403);
        let page = refused.text().await.unwrap();
        assert!(page.contains("Only an admin does this") && page.contains("<html"), "{page}");
        // A form that lacks a field, and the same without a browser.
        let incomplete = home
            .client
            .post(format!("{}/login", home.base))
            .header("sec-fetch-site", "same-origin");
        let incomplete =
            incomplete.header("content-type", "application/x-www-form-urlencoded").body("email=x");
        let page = incomplete.header("accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), 422);
        assert!(page.text().await.unwrap().contains("is not complete"));
        // What was typed stays, but the password.
        let form = [
            ("email", "ada@example.org".to_owned()),
            ("password", "not this one at all".to_owned()),
        ];
        let page = home.form("/login", "", &form).await.text().await.unwrap();
        assert!(page.contains("value=\"ada@example.org\"") && !page.contains("not this one"));
        home.stop().await;
    })
    .await;
}
