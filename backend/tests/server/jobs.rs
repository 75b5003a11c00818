//! Generation on a server: paid once, for whoever has the tokens, by any of several processes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Home, Person, answer, both, both_with, refused, text};

fn ask(home: &Home, who: &Person, id: &str, prompt: &str) -> reqwest::RequestBuilder {
    let job = json!({"kind": "text", "engine": "local-text", "prompt": prompt, "seed": 7});
    home.by(who, Method::POST, "/jobs").header("idempotency-key", id).json(&job)
}

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

async fn ended(home: &Home, who: &Person, id: &str) -> Value {
    home.until("the end of a job", async || {
        let (_, job) = answer(home.by(who, Method::GET, &format!("/jobs/{id}"))).await;
        ["succeeded", "failed", "canceled", "expired"]
            .contains(&job["status"].as_str()?)
            .then_some(job)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once_with_tokens_for_three_are_three() {
    both_with(
        |c| c.welcome_tokens = 3,
        |home: Home| async move {
            let ada = home.person("ada").await;
            let all = (0..200).map(|i| {
                let home = &home;
                let ada = &ada;
                async move { answer(ask(home, ada, &new_id(), &format!("prompt {i}"))).await }
            });
            let answers = futures_util::future::join_all(all).await;
            let taken: Vec<_> = answers.iter().filter(|(s, _)| *s == 202).collect();
            assert_eq!(taken.len(), 3, "{:?}", answers.iter().map(|a| a.0).collect::<Vec<_>>());
            assert!(answers.iter().all(|(s, b)| *s == 202 || b["code"] == "insufficient_tokens"));
            for (_, job) in taken {
                assert_eq!(ended(&home, &ada, &text(&job["id"])).await["status"], "succeeded");
            }
            let (_, purse) = answer(home.by(&ada, Method::GET, "/wallet")).await;
            assert_eq!((&purse["available_micro"], &purse["held_micro"]), (&json!(0), &json!(0)));
            assert_eq!(purse["spent_30d_micro"], 3_000_000);
            assert_eq!(
                home.number("SELECT CAST(SUM(balance) AS BIGINT) FROM ledger_account").await,
                0
            );
            home.stop().await;
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_a_hundred_times_is_one_job_and_one_hold() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let id = new_id();
        let all = (0..100).map(|_| answer(ask(&home, &ada, &id, "a tram")));
        let answers = futures_util::future::join_all(all).await;
        assert!(
            answers.iter().all(|(s, b)| (*s == 202 || *s == 200) && b["id"] == id),
            "{:?}",
            answers.iter().map(|a| a.0).collect::<Vec<_>>()
        );
        assert_eq!(answers.iter().filter(|(s, _)| *s == 202).count(), 1);
        assert_eq!(
            home.number("SELECT COUNT(*) FROM ledger_transfer WHERE kind = 'hold'").await,
            1
        );
        assert_eq!(
            refused(ask(&home, &ada, &id, "another")).await,
            (422, "idempotency_key_reuse".to_owned())
        );
        assert_eq!(
            refused(ask(&home, &bob, &id, "a tram")).await,
            (422, "idempotency_key_reuse".to_owned())
        );
        let path = format!("/jobs/{id}");
        for (method, path) in [
            (Method::GET, path.clone()),
            (Method::POST, format!("{path}/cancel")),
            (Method::POST, format!("{path}/release")),
            (Method::GET, format!("{path}/status")),
        ] {
            assert_eq!(answer(home.by(&bob, method, &path)).await.0, 404, "{path}");
        }
        let job = ended(&home, &ada, &id).await;
        assert_eq!(job["status"], "succeeded", "{job}");
        let hash = text(&job["outputs"][0]["hash"]);
        let content = format!("/assets/{hash}/content");
        assert_eq!(home.by(&ada, Method::GET, &content).send().await.unwrap().status(), 200);
        assert_eq!(home.by(&bob, Method::GET, &content).send().await.unwrap().status(), 404);
        let (_, status) = answer(home.by(&ada, Method::GET, &format!("{path}/status"))).await;
        assert_eq!(status["status"], "COMPLETED");
        let (_, tokens) = answer(home.by(&ada, Method::GET, "/get_tokens")).await;
        assert_eq!(tokens["tokens"], 99);
        let (_, lines) = answer(home.by(&ada, Method::GET, "/wallet/ledger")).await;
        let kinds: Vec<_> =
            lines["items"].as_array().unwrap().iter().map(|l| text(&l["kind"])).collect();
        assert_eq!(kinds, ["capture", "hold", "grant"]);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_gives_back_what_was_held_and_keys_have_limits() {
    both_with(|c| c.works = false, |home: Home| async move {
        let ada = home.person("ada").await;
        let id = new_id();
        assert_eq!(answer(ask(&home, &ada, &id, "a tram")).await.0, 202);
        let (_, purse) = answer(home.by(&ada, Method::GET, "/wallet")).await;
        assert_eq!((&purse["available_micro"], &purse["held_micro"]), (&json!(99_000_000), &json!(1_000_000)));
        let stop = || home.by(&ada, Method::POST, &format!("/jobs/{id}/cancel"));
        let all = futures_util::future::join_all((0..10).map(|_| answer(stop()))).await;
        assert!(all.iter().all(|(s, job)| *s == 200 && job["status"] == "canceled"));
        let (_, purse) = answer(home.by(&ada, Method::GET, "/wallet")).await;
        assert_eq!((&purse["available_micro"], &purse["held_micro"]), (&json!(100_000_000), &json!(0)));
        // What an engine was asked for before it was stopped, and of which nobody knows what it cost,
        // costs what was held.
        let id = new_id();
        assert_eq!(answer(ask(&home, &ada, &id, "a tram")).await.0, 202);
        home.sql(&format!("UPDATE job SET submit_state = 'submitted' WHERE id = '{id}'")).await;
        assert_eq!(answer(home.by(&ada, Method::POST, &format!("/jobs/{id}/cancel"))).await.0, 200);
        let (_, purse) = answer(home.by(&ada, Method::GET, "/wallet")).await;
        assert_eq!((&purse["available_micro"], &purse["held_micro"]), (&json!(99_000_000), &json!(0)));
        // A graph of nodes would run what it likes on the machine of its engine.
        let graph = json!({"kind": "text", "engine": "local-text", "prompt": "x", "seed": 1, "params": {"workflow": "{}"}});
        assert_eq!(refused(home.by(&ada, Method::POST, "/jobs").header("idempotency-key", new_id()).json(&graph)).await.0, 403);
        // A key that may spend two tokens in a day.
        let new = json!({"name": "n8n", "scopes": ["jobs:write", "jobs:read"], "day_limit_micro": 2_000_000});
        let (_, key) = answer(home.by(&ada, Method::POST, "/api-keys").json(&new)).await;
        let program = Person { token: text(&key["secret"]), ..ada.clone() };
        let all = (0..20).map(|_| { let (home, program) = (&home, &program); async move { answer(ask(home, program, &new_id(), "x")).await } });
        let answers = futures_util::future::join_all(all).await;
        assert_eq!(answers.iter().filter(|(s, _)| *s == 202).count(), 2, "{:?}", answers.iter().map(|a| a.0).collect::<Vec<_>>());
        // What was refused holds nothing.
        let (_, purse) = answer(home.by(&ada, Method::GET, "/wallet")).await;
        assert_eq!(purse["held_micro"], 2_000_000);
        // The plan of a day.
        home.sql("UPDATE plan SET jobs_per_day = 5").await;
        assert_eq!(answer(ask(&home, &ada, &new_id(), "x")).await.0, 202);
        assert_eq!(refused(ask(&home, &ada, &new_id(), "x")).await, (429, "quota-exceeded".to_owned()));
        // Whoever owes begins nothing.
        home.sql("UPDATE plan SET jobs_per_day = 1000").await;
        home.sql(&format!("UPDATE ledger_account SET balance = -5 WHERE id = 'debt:{}'", ada.id)).await;
        assert_eq!(refused(ask(&home, &ada, &new_id(), "x")).await.0, 402);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_at_the_moment_of_a_beginning_is_one_or_the_other_and_paid_so() {
    both_with(
        |c| c.welcome_tokens = 1_000,
        |home: Home| async move {
            let ada = home.person("ada").await;
            home.sql("UPDATE plan SET concurrent_jobs = 50, jobs_per_day = 10000").await;
            let other = home.another().await;
            let ids: Vec<String> = (0..300).map(|_| new_id()).collect();
            for (round, ids) in ids.chunks(30).enumerate() {
                let all = ids.iter().enumerate().map(|(i, id)| {
                    let (home, ada) = (&home, &ada);
                    async move {
                        assert_eq!(answer(ask(home, ada, id, "a tram")).await.0, 202);
                        tokio::time::sleep(std::time::Duration::from_millis(
                            (i * 7 + round) as u64 % 60,
                        ))
                        .await;
                        let stop = home.by(ada, Method::POST, &format!("/jobs/{id}/cancel"));
                        assert_eq!(answer(stop).await.0, 200);
                    }
                });
                futures_util::future::join_all(all).await;
            }
            let open =
                "SELECT COUNT(*) FROM job WHERE status IN ('queued', 'running', 'canceling')";
            home.until("the end of all", async || (home.number(open).await == 0).then_some(()))
                .await;
            let made = home.number("SELECT COUNT(*) FROM job WHERE status = 'succeeded'").await;
            let paid =
                home.number("SELECT COUNT(*) FROM ledger_transfer WHERE kind = 'capture'").await;
            assert_eq!(made, paid);
            let (_, purse) = answer(home.by(&ada, Method::GET, "/wallet")).await;
            assert_eq!(
                (&purse["available_micro"], &purse["held_micro"]),
                (&json!((1_000 - made) * 1_000_000), &json!(0))
            );
            other.stop().await;
            home.stop().await;
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_programs_ask_once_and_look_at_one_word() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        for prefix in ["/api/v1", ""] {
            let got = home
                .client
                .post(format!("{}{prefix}/generate_text", home.base))
                .bearer_auth(&ada.token)
                .json(&json!({"prompt": "a tram"}));
            let (status, begun) = answer(got).await;
            assert_eq!((status, &begun["status"]), (202, &json!("PENDING")), "{begun}");
            let url = text(&begun["status_url"]);
            let done = home
                .until("the end", async || {
                    let (_, now) = answer(home.client.get(&url).bearer_auth(&ada.token)).await;
                    (now["status"] == "COMPLETED").then_some(now)
                })
                .await;
            assert!(!text(&done["text"]).is_empty());
            let result = home.client.get(text(&done["result_urls"][0])).bearer_auth(&ada.token);
            assert_eq!(result.send().await.unwrap().status(), 200);
        }
        for (body, status) in
            [(json!({}), 422), (json!({"prompt": "x", "engine": "nobody"}), 422), (json!([1]), 422)]
        {
            assert_eq!(
                answer(home.by(&ada, Method::POST, "/generate_image").json(&body)).await.0,
                status
            );
        }
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_that_died_left_is_done_by_another_and_paid_once() {
    both(|home: Home| async move {
        if !home.is_postgres() {
            return home.stop().await;
        }
        let ada = home.person("ada").await;
        home.sql("UPDATE plan SET concurrent_jobs = 50").await;
        let other = home.another().await;
        let ids: Vec<String> = (0..30).map(|_| new_id()).collect();
        for (i, id) in ids.iter().enumerate() {
            assert_eq!(answer(ask(&home, &ada, id, &format!("prompt {i}"))).await.0, 202);
        }
        // Jobs that a process took and then died over: their lease runs out.
        home.sql("UPDATE job SET status = 'running', lease_owner = 'dead', lease_seq = lease_seq + 1, lease_until_ms = 1 WHERE id IN (SELECT id FROM job WHERE status = 'queued' LIMIT 5)").await;
        let third = home.another().await;
        for id in &ids {
            assert_eq!(ended(&home, &ada, id).await["status"], "succeeded");
        }
        assert_eq!(home.number("SELECT COUNT(*) FROM ledger_transfer WHERE kind = 'capture'").await, 30);
        assert_eq!(home.number("SELECT CAST(SUM(balance) AS BIGINT) FROM ledger_account").await, 0);
        other.stop().await;
        third.stop().await;
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_clients_are_answered_in_their_words() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let ask = |path: &str, body: Value| {
            home.client.post(format!("{}/v1{path}", home.base)).bearer_auth(&ada.token).json(&body)
        };
        let (_, models) =
            answer(home.client.get(format!("{}/v1/models", home.base)).bearer_auth(&ada.token))
                .await;
        assert!(models["data"].as_array().unwrap().iter().any(|m| m["id"] == "local-text"));
        let message = json!([{"role": "user", "content": "a tram"}]);
        let (status, said) =
            answer(ask("/chat/completions", json!({"model": "local-text", "messages": message})))
                .await;
        assert!(
            status == 200 && !text(&said["choices"][0]["message"]["content"]).is_empty(),
            "{said}"
        );
        let stream = ask(
            "/chat/completions",
            json!({"model": "local-text", "messages": message, "stream": true}),
        );
        let stream = stream.send().await.unwrap().text().await.unwrap();
        assert!(stream.ends_with("data: [DONE]\n\n") && stream.contains("chat.completion.chunk"));
        let (status, picture) = answer(ask(
            "/images/generations",
            json!({"model": "local-image", "prompt": "a tram", "size": "64x64"}),
        ))
        .await;
        assert!(
            status == 200 && text(&picture["data"][0]["b64_json"]).starts_with("iVBOR"),
            "{status}"
        );
        for (path, body, status) in [
            ("/chat/completions", json!({"model": "nobody", "messages": message}), 422),
            ("/chat/completions", json!({"model": "local-text", "messages": []}), 422),
            ("/images/generations", json!({"model": "local-image", "prompt": "x", "n": 9}), 422),
        ] {
            let (got, fault) = answer(ask(path, body)).await;
            assert!(
                got == status && fault["error"]["message"].is_string(),
                "{path}: {got} {fault}"
            );
        }
        let (_, tokens) = answer(home.by(&ada, Method::GET, "/get_tokens")).await;
        assert_eq!(tokens["tokens"], 96, "a text twice, a picture once");
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_a_job_ends_its_owner_is_told_once() {
    both_with(
        |c| c.works = false,
        |home: Home| async move {
            let ada = home.person("ada").await;
            let hook = json!({"url": "https://example.com/x", "kinds": ["job.canceled", "job.expired"]});
            home.by(&ada, Method::POST, "/webhook-endpoints").json(&hook).send().await.unwrap();
            // Nobody works here: one is stopped while it waits, one waits too long.
            let (stopped, late) = (new_id(), new_id());
            for id in [&stopped, &late] {
                assert_eq!(answer(ask(&home, &ada, id, "a tram")).await.0, 202);
            }
            answer(home.by(&ada, Method::POST, &format!("/jobs/{stopped}/cancel"))).await;
            home.sql(&format!("UPDATE job SET deadline_at_ms = 1 WHERE id = '{late}'")).await;
            let worker = home.another_that_works().await;
            home.until("both ends told", async || {
                let sql = "SELECT COUNT(*) FROM webhook_delivery WHERE kind IN ('job.canceled', 'job.expired')";
                (home.number(sql).await == 2).then_some(())
            })
            .await;
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            assert_eq!(home.number("SELECT COUNT(*) FROM webhook_delivery").await, 2);
            let (_, page) = answer(home.by(&ada, Method::GET, "/jobs?limit=1")).await;
            assert_eq!((&page["items"][0]["id"], page["items"].as_array().unwrap().len()), (&json!(late), 1));
            let next = format!("/jobs?limit=1&cursor={}", text(&page["next_cursor"]));
            let (_, page) = answer(home.by(&ada, Method::GET, &next)).await;
            assert_eq!((&page["items"][0]["id"], &page["next_cursor"]), (&json!(stopped), &Value::Null));
            let (_, page) = answer(home.by(&ada, Method::GET, "/jobs?status=expired&kind=text")).await;
            assert_eq!(page["items"].as_array().unwrap().len(), 1);
            worker.stop().await;
            home.stop().await;
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simple_call_with_the_same_key_is_the_same_job() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let key = new_id();
        let ask = |prompt: &str| {
            let body = json!({"prompt": prompt});
            let call = home.by(&ada, Method::POST, "/generate_text").json(&body);
            call.header("idempotency-key", &key)
        };
        let (status, first) = answer(ask("a tram")).await;
        assert_eq!(status, 202, "{first}");
        let (status, again) = answer(ask("a tram")).await;
        assert_eq!((status, &again["job_id"]), (202, &first["job_id"]));
        assert_eq!(refused(ask("a ship")).await, (422, "idempotency_key_reuse".to_owned()));
        assert_eq!(home.number("SELECT COUNT(*) FROM job").await, 1);
        home.stop().await;
    })
    .await;
}
