//! Coming, signing in, refresh tokens, letting a program in, passwords, keys, going.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Home, PASSWORD, answer, both, both_with, refused, text};

#[tokio::test(flavor = "multi_thread")]
async fn people_come_and_have_a_place_of_their_own() {
    both(|home: Home| async move {
        let mut homes = Vec::new();
        for handle in ["ada", "bob", "eve"] {
            let who = home.person(handle).await;
            let (_, me) = answer(home.by(&who, Method::GET, "/me")).await;
            homes.push((me["home"]["x"].as_f64().unwrap(), me["home"]["y"].as_f64().unwrap()));
            assert_eq!(me["email_verified"], false);
            let (_, purse) = answer(home.by(&who, Method::GET, "/wallet")).await;
            assert_eq!(purse["available_micro"], 100_000_000);
        }
        assert_eq!(homes, [(0.0, 0.0), (8192.0, 0.0), (8192.0, 8192.0)]);
        for (change, status) in [
            (json!({"handle": "ada"}), 409),
            (json!({"email": "ADA@example.org"}), 409),
            (json!({"email": "no address"}), 422),
            (json!({"password": "1234567890"}), 422),
            (json!({"password": "short"}), 422),
            (json!({"handle": "x"}), 422),
            (json!({"name": "\u{200b}"}), 422),
            (json!({"name": null}), 422),
        ] {
            let mut body = json!({"email": "new@example.org", "password": PASSWORD, "handle": "newcomer", "name": "New"});
            for (key, value) in change.as_object().unwrap() {
                body[key] = value.clone();
            }
            let (got, said) = answer(home.call(Method::POST, "/auth/register").json(&body)).await;
            assert_eq!(got, status, "{change} {said}");
        }
        // A refused registration leaves no hole in the wall.
        let late = home.person("late").await;
        let (_, me) = answer(home.by(&late, Method::GET, "/me")).await;
        assert_eq!(me["home"]["y"], 8192.0);
        let letter = home.until("the letter", async || home.letters().first().cloned()).await;
        let token = letter.split("token=3D").nth(1).or_else(|| letter.split("token=").nth(1));
        let token: String = token.unwrap().chars().take_while(char::is_ascii_hexdigit).collect();
        let verify = json!({"token": token});
        let (status, _) = answer(home.call(Method::POST, "/auth/email/verify").json(&verify)).await;
        assert_eq!(status, 204);
        assert_eq!(answer(home.call(Method::POST, "/auth/email/verify").json(&verify)).await.0, 422);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_good_once_and_its_second_use_ends_the_family() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let refresh = async |token: &str| {
            answer(home.call(Method::POST, "/auth/refresh").json(&json!({"refresh_token": token}))).await
        };
        // A lost answer: asked again at once, while the successor is unused.
        let (_, first) = refresh(&ada.refresh).await;
        let (status, again) = refresh(&ada.refresh).await;
        assert_eq!(status, 200);
        assert_eq!(refresh(&text(&first["refresh_token"])).await.0, 401, "replaced by the second answer");
        let (status, _) = refresh(&text(&again["refresh_token"])).await;
        assert_eq!(status, 401, "the family ended with the use of a replaced token");

        let login = json!({"email": "ada@example.org", "password": PASSWORD});
        let (_, tokens) = answer(home.call(Method::POST, "/auth/login").json(&login)).await;
        let old = text(&tokens["refresh_token"]);
        let (_, second) = refresh(&old).await;
        let (_, third) = refresh(&text(&second["refresh_token"])).await;
        // Somebody stole the first one.
        assert_eq!(refresh(&old).await.0, 401);
        assert_eq!(refresh(&text(&third["refresh_token"])).await.0, 401);
        // Many at once: one successor is good in the end.
        let (_, tokens) = answer(home.call(Method::POST, "/auth/login").json(&login)).await;
        let token = text(&tokens["refresh_token"]);
        let all = (0..8).map(|_| refresh(&token));
        let answers = futures_util::future::join_all(all).await;
        assert!(answers.iter().any(|(status, _)| *status == 200));
        let sql = "SELECT COUNT(*) FROM refresh_token t WHERE revoked = 0 AND used_at_ms IS NULL AND family = (SELECT family FROM refresh_token ORDER BY created_at_ms DESC LIMIT 1)";
        assert!(home.number(sql).await <= 1);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_let_in_once_by_whoever_types_its_code() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let start = async || {
            answer(
                home.call(Method::POST, "/auth/device/code")
                    .json(&json!({"client": "oTo on a desk"})),
            )
            .await
            .1
        };
        let ask = async |code: &Value| {
            refused(
                home.call(Method::POST, "/auth/device/token").json(&json!({"device_code": code})),
            )
            .await
        };
        let decide = async |code: &str, allow: bool| {
            let body = json!({"user_code": code, "allow": allow});
            refused(home.by(&ada, Method::POST, "/auth/device/decide").json(&body)).await
        };
        let code = start().await;
        let device = &code["device_code"];
        assert_eq!(ask(device).await, (400, "authorization_pending".to_owned()));
        assert_eq!(ask(device).await, (400, "slow_down".to_owned()));
        let typed = text(&code["user_code"]).to_lowercase().replace('-', " ");
        assert_eq!(decide(&typed, true).await.0, 204);
        let redeemed = futures_util::future::join_all((0..6).map(|_| ask(device))).await;
        assert_eq!(redeemed.iter().filter(|(s, _)| *s == 200).count(), 1, "{redeemed:?}");
        assert_eq!(ask(device).await, (400, "expired_token".to_owned()));
        let code = start().await;
        assert_eq!(decide(&text(&code["user_code"]), false).await.0, 204);
        assert_eq!(ask(&code["device_code"]).await, (400, "access_denied".to_owned()));
        let code = start().await;
        home.sql("UPDATE device_code SET expires_at_ms = 1").await;
        assert_eq!(decide(&text(&code["user_code"]), true).await.0, 404);
        assert_eq!(ask(&code["device_code"]).await, (400, "expired_token".to_owned()));
        assert_eq!(ask(&json!("guessed")).await, (400, "expired_token".to_owned()));
        // Guessing is soon told to wait.
        let guesses =
            futures_util::future::join_all((0..12).map(|_| decide("BBBB-BBBB", true))).await;
        assert!(guesses.iter().any(|(s, _)| *s == 429), "{guesses:?}");
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_replaced_by_letter_and_every_sign_in_ends() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        for email in ["ada@example.org", "nobody@example.org"] {
            let (status, _) = answer(
                home.call(Method::POST, "/auth/password/forgot").json(&json!({"email": email})),
            )
            .await;
            assert_eq!(status, 204, "the answer tells nothing");
        }
        let letter = home
            .until("the letter", async || {
                home.letters().into_iter().find(|l| l.contains("/reset?"))
            })
            .await;
        let token = letter.split("token=3D").nth(1).or_else(|| letter.split("token=").nth(1));
        let token: String = token.unwrap().chars().take_while(char::is_ascii_hexdigit).collect();
        // A program that whoever knows the old password let in, and that has not come yet.
        let (_, code) =
            answer(home.call(Method::POST, "/auth/device/code").json(&json!({"client": "a desk"})))
                .await;
        let allow = json!({"user_code": code["user_code"], "allow": true});
        let allowed = home.by(&ada, Method::POST, "/auth/device/decide").json(&allow);
        assert_eq!(answer(allowed).await.0, 204);
        let reset = json!({"token": token, "password": "another set of boats"});
        assert_eq!(
            answer(home.call(Method::POST, "/auth/password/reset").json(&reset)).await.0,
            204
        );
        assert_eq!(
            answer(home.call(Method::POST, "/auth/password/reset").json(&reset)).await.0,
            422
        );
        let old = json!({"refresh_token": ada.refresh});
        assert_eq!(answer(home.call(Method::POST, "/auth/refresh").json(&old)).await.0, 401);
        let come = json!({"device_code": code["device_code"]});
        assert_eq!(
            refused(home.call(Method::POST, "/auth/device/token").json(&come)).await,
            (400, "access_denied".to_owned())
        );
        for (password, status) in [(PASSWORD, 401), ("another set of boats", 200)] {
            let login = json!({"email": "Ada@example.org", "password": password});
            assert_eq!(answer(home.call(Method::POST, "/auth/login").json(&login)).await.0, status);
        }
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_do_what_it_was_made_for() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let new = json!({"name": "n8n", "scopes": ["works:read", "wallet:read"]});
        let (status, key) = answer(home.by(&ada, Method::POST, "/api-keys").json(&new)).await;
        assert_eq!(status, 201);
        let secret = text(&key["secret"]);
        let with = |method: Method, path: &str| home.call(method, path).bearer_auth(&secret);
        assert_eq!(answer(with(Method::GET, "/wallet")).await.0, 200);
        assert_eq!(answer(with(Method::GET, "/works?author=me")).await.0, 200);
        assert_eq!(answer(with(Method::GET, "/jobs")).await.0, 403);
        // What only its author is shown is shown to a key that may read, and to no other.
        let work = home
            .text(&ada, "A tram", json!({"shows_recipe": false, "recipe": {"prompt": "hidden"}}))
            .await;
        let path = format!("/works/{}", text(&work["id"]));
        assert_eq!(answer(with(Method::GET, &path)).await.1["recipe"]["prompt"], "hidden");
        let other = json!({"name": "x", "scopes": ["social:write"]});
        let (_, other) = answer(home.by(&ada, Method::POST, "/api-keys").json(&other)).await;
        let seen = home.call(Method::GET, &path).bearer_auth(text(&other["secret"]));
        assert!(answer(seen).await.1["recipe"].is_null());
        assert_eq!(answer(with(Method::POST, "/api-keys").json(&new)).await.0, 403);
        assert_eq!(
            answer(with(Method::DELETE, "/me").json(&json!({"password": PASSWORD}))).await.0,
            403
        );
        let (_, listed) = answer(home.by(&ada, Method::GET, "/api-keys")).await;
        assert!(listed[0]["secret"].is_null() && listed[0]["last_used_at_ms"].is_i64());
        for scopes in [json!([]), json!(["admin:all"]), json!(["works:read", "x"])] {
            let wrong = json!({"name": "x", "scopes": scopes});
            assert_eq!(answer(home.by(&ada, Method::POST, "/api-keys").json(&wrong)).await.0, 422);
        }
        let bob = home.person("bob").await;
        let path = format!("/api-keys/{}", text(&key["id"]));
        assert_eq!(answer(home.by(&bob, Method::DELETE, &path)).await.0, 404);
        assert_eq!(answer(home.by(&ada, Method::DELETE, &path)).await.0, 204);
        assert_eq!(answer(with(Method::GET, "/wallet")).await.0, 401);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_takes_their_works_along_and_counters_stay_right() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let work = home.text(&ada, "A tram", json!({})).await;
        let path = format!("/works/{}", text(&work["id"]));
        let own = home.text(&bob, "Bob's", json!({})).await;
        let own_path = format!("/works/{}", text(&own["id"]));
        home.by(&ada, Method::PUT, &format!("{own_path}/like")).send().await.unwrap();
        home.by(&ada, Method::PUT, &format!("/people/{}/follow", bob.id)).send().await.unwrap();
        home.by(&ada, Method::POST, &format!("{own_path}/comments"))
            .json(&json!({"text": "fine"}))
            .send()
            .await
            .unwrap();
        let export = home.by(&ada, Method::POST, "/me/export").send().await.unwrap();
        assert_eq!(export.status(), 200);
        let bytes = export.bytes().await.unwrap();
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let mut rows = |name: &str| -> Vec<Value> {
            serde_json::from_reader(zip.by_name(name).unwrap()).unwrap()
        };
        assert_eq!(text(&rows("account.json")[0]["handle"]), "ada");
        assert_eq!(text(&rows("works.json")[0]["author"]), ada.id);
        assert_eq!((rows("likes.json").len(), rows("comments.json").len()), (1, 1));
        assert!(rows("orders.json").is_empty());
        let wrong = json!({"password": "not my password"});
        assert_eq!(answer(home.by(&ada, Method::DELETE, "/me").json(&wrong)).await.0, 403);
        let (status, me) =
            answer(home.by(&ada, Method::DELETE, "/me").json(&json!({"password": PASSWORD}))).await;
        assert!(status == 200 && me["leaves_at_ms"].is_i64());
        assert_eq!(
            answer(home.call(Method::GET, &path)).await.0,
            200,
            "fourteen days to come back"
        );
        home.sql(&format!("UPDATE account SET leaves_at_ms = 1 WHERE id = '{}'", ada.id)).await;
        // The chore runs once a minute; a second server would do it as well.
        home.until("the end of the account", async || {
            (home.number("SELECT COUNT(*) FROM account WHERE state = 'gone'").await == 1)
                .then_some(())
        })
        .await;
        assert_eq!(answer(home.call(Method::GET, &path)).await.0, 404);
        assert_eq!(answer(home.by(&ada, Method::GET, "/me")).await.0, 401);
        let (_, left) = answer(home.call(Method::GET, &own_path)).await;
        assert_eq!((&left["likes"], &left["comments"]), (&json!(0), &json!(0)));
        let (_, bob_now) = answer(home.by(&bob, Method::GET, "/me")).await;
        assert_eq!(bob_now["followers"], 0);
        let login = json!({"email": "ada@example.org", "password": PASSWORD});
        assert_eq!(answer(home.call(Method::POST, "/auth/login").json(&login)).await.0, 401);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_too_often_is_told_when_to_come_back() {
    let few = |c: &mut oto_backend::Config| c.sign_ins_per_minute = 3;
    both_with(few, |home: Home| async move {
        let login = json!({"email": "x@example.org", "password": "whatever it was"});
        let mut seen = Vec::new();
        for _ in 0..5 {
            let answer = home.call(Method::POST, "/auth/login").json(&login).send().await.unwrap();
            let headers = answer.headers();
            assert!(
                headers["ratelimit-policy"].to_str().unwrap().starts_with("\"sign-ins\";q=3;w=60")
            );
            if answer.status() == 429 {
                assert!(headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
            }
            seen.push(answer.status().as_u16());
        }
        assert_eq!(seen, [401, 401, 401, 429, 429]);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_ended_is_over_for_its_access_token_and_a_key_has_its_scopes_alone() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let key = json!({"name": "n8n", "scopes": ["works:read"]});
        let (status, made) = answer(home.by(&ada, Method::POST, "/api-keys").json(&key)).await;
        assert_eq!(status, 201, "{made}");
        let program = text(&made["secret"]);
        let with_key = |path: &str| home.call(Method::GET, path).bearer_auth(&program);
        let (_, me) = answer(with_key("/me")).await;
        assert_eq!((&me["handle"], &me["email"]), (&json!("ada"), &json!("")));
        assert_eq!(answer(with_key("/notifications")).await.0, 403);
        let past = json!({"name": "late", "scopes": ["works:read"], "expires_at_ms": 1});
        assert_eq!(answer(home.by(&ada, Method::POST, "/api-keys").json(&past)).await.0, 422);
        let login = json!({"email": "ada@example.org", "password": PASSWORD});
        let (_, other) = answer(home.call(Method::POST, "/auth/login").json(&login)).await;
        let other = text(&other["access_token"]);
        let leave = json!({"refresh_token": ada.refresh});
        assert_eq!(answer(home.call(Method::POST, "/auth/logout").json(&leave)).await.0, 204);
        for (method, path) in
            [(Method::GET, "/me"), (Method::POST, "/api-keys"), (Method::POST, "/me/export")]
        {
            assert_eq!(answer(home.by(&ada, method, path).json(&key)).await.0, 401, "{path}");
        }
        let me = |token: &str| home.call(Method::GET, "/me").bearer_auth(token.to_owned());
        assert_eq!(answer(me(&other)).await.0, 200, "another sign-in goes on");
        // A new password ends all of them.
        let forgot = json!({"email": "ada@example.org"});
        answer(home.call(Method::POST, "/auth/password/forgot").json(&forgot)).await;
        let letter = home
            .until("the letter", async || home.letters().into_iter().find(|l| l.contains("/reset")))
            .await;
        let token = letter.split("token=3D").nth(1).or_else(|| letter.split("token=").nth(1));
        let token: String = token.unwrap().chars().take_while(char::is_ascii_hexdigit).collect();
        let reset = json!({"token": token, "password": "five loud paper boats"});
        assert_eq!(
            answer(home.call(Method::POST, "/auth/password/reset").json(&reset)).await.0,
            204
        );
        assert_eq!(answer(me(&other)).await.0, 401);
        assert_eq!(answer(with_key("/me")).await.0, 401);
        home.stop().await;
    })
    .await;
}
