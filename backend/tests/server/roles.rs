//! Every address of the OpenAPI document with every kind of caller: nobody reads or changes what is
//! not theirs, nothing breaks, and every answer is one that the document names.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Home, Person, answer, both, text};

/// Things of one person, by the names that paths use.
struct Things {
    work: String,
    comment: String,
    job: String,
    key: String,
    endpoint: String,
    upload: String,
    asset: String,
    person: String,
}

async fn things(home: &Home, who: &Person) -> Things {
    let work = home.text(who, "Private", json!({"visibility": "private"})).await;
    let open = home.text(who, "Open", json!({})).await;
    let path = format!("/works/{}/comments", text(&open["id"]));
    let (_, comment) =
        answer(home.by(who, Method::POST, &path).json(&json!({"text": "mine"}))).await;
    let job = uuid::Uuid::now_v7().to_string();
    let asked = json!({"kind": "text", "engine": "local-text", "prompt": "a tram", "seed": 1});
    home.by(who, Method::POST, "/jobs")
        .header("idempotency-key", &job)
        .json(&asked)
        .send()
        .await
        .unwrap();
    let (_, key) = answer(
        home.by(who, Method::POST, "/api-keys")
            .json(&json!({"name": "x", "scopes": ["jobs:read"]})),
    )
    .await;
    let (_, endpoint) = answer(
        home.by(who, Method::POST, "/webhook-endpoints")
            .json(&json!({"url": "https://example.com/x", "kinds": ["job.failed"]})),
    )
    .await;
    let (_, asset) = home.upload(who, b"a text of mine".to_vec()).await;
    let upload = home
        .by(who, Method::POST, "/uploads")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", "10")
        .send()
        .await
        .unwrap();
    let upload =
        upload.headers()["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    Things {
        work: text(&work["id"]),
        comment: text(&comment["id"]),
        job,
        key: text(&key["id"]),
        endpoint: text(&endpoint["id"]),
        upload,
        asset: text(&asset["hash"]),
        person: who.id.clone(),
    }
}

/// A path with the ids of somebody else in it, and whether it names something that is theirs alone.
fn filled(path: &str, t: &Things) -> (String, bool) {
    let (id, owned) = match path.split('/').nth(3).unwrap_or_default() {
        "works" => (&t.work, true),
        "comments" => (&t.comment, true),
        "jobs" => (&t.job, true),
        "api-keys" => (&t.key, true),
        "webhook-endpoints" => (&t.endpoint, true),
        "uploads" => (&t.upload, true),
        "people" => (&t.person, false),
        _ => (&t.work, false),
    };
    let full = path
        .replace("{id}", id)
        .replace("{delivery}", "msg_1")
        .replace("{hash}", &t.asset)
        .replace("{name}", "ada")
        .replace("{z}", "0")
        .replace("{x}", "0")
        .replace("{y}", "0");
    (
        full,
        owned && path.contains("{id}")
            || path.contains("/assets/{hash}/content")
            || path.contains("/shared/media/"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_with_every_caller() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let theirs = things(&home, &ada).await;
        let bob = home.person("bob").await;
        let frozen = home.person("frozen").await;
        let mia = home.person("mia").await;
        home.sql("UPDATE account SET state = 'frozen', state_reason = 'a reason' WHERE handle = 'frozen'").await;
        home.sql("UPDATE account SET role = 'moderator' WHERE handle = 'mia'").await;
        let (_, key) = answer(home.by(&bob, Method::POST, "/api-keys").json(&json!({"name": "x", "scopes": ["wallet:read"]}))).await;
        let program = Person { token: text(&key["secret"]), ..bob.clone() };
        let forged = Person { token: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.".to_owned(), ..bob.clone() };
        let document: Value = home.client.get(format!("{}/openapi.json", home.base)).send().await.unwrap().json().await.unwrap();
        let mut n = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, told) in methods.as_object().unwrap().iter().filter(|(m, _)| *m != "parameters") {
                if path.ends_with("/events") && method == "get" {
                    continue;
                }
                let (full, owned) = filled(path, &theirs);
                let needs_someone = told["security"].is_array();
                let method: Method = method.to_uppercase().parse().unwrap();
                // A moderator may take away what anybody said.
                let moderates = path.contains("/comments/");
                let callers = [("nobody", None), ("forged", Some(&forged)), ("bob", Some(&bob)), ("program", Some(&program)), ("frozen", Some(&frozen)), ("mia", Some(&mia))];
                for (name, who) in callers {
                    if moderates && name == "mia" {
                        continue;
                    }
                    let mut request = home.client.request(method.clone(), format!("{}{full}", home.base))
                        .header("idempotency-key", uuid::Uuid::now_v7().to_string())
                        .header("tus-resumable", "1.0.0").header("if-match", "\"1\"").header("upload-offset", "0");
                    if let Some(who) = who {
                        request = request.bearer_auth(&who.token);
                    }
                    request = match full.ends_with("/uploads") || full.contains("/uploads/") {
                        true => request.header("content-type", "application/offset+octet-stream").body("0123456789"),
                        false if method != Method::GET && method != Method::HEAD => request.json(&json!({})),
                        false => request,
                    };
                    let status = request.send().await.unwrap().status().as_u16();
                    n += 1;
                    let label = format!("{method} {path} by {name}: {status}");
                    assert!(status < 500, "{label}");
                    if needs_someone && matches!(name, "nobody" | "forged") {
                        assert_eq!(status, 401, "{label}");
                    }
                    let of_moderators = name == "mia" && path.contains("/works/{id}");
                    if owned && !of_moderators {
                        assert!((400..500).contains(&status), "{label}");
                    }
                    let is_told = told["responses"].get(status.to_string()).is_some()
                        || (400..500).contains(&status) && told["responses"].get("4XX").is_some();
                    assert!(is_told, "{label} is not in the document");
                }
            }
        }
        assert!(n > 400, "{n}");
        // Nothing of Ada's changed.
        for (sql, want) in [
            ("SELECT COUNT(*) FROM work WHERE state = 'deleted'", 0),
            ("SELECT COUNT(*) FROM comment WHERE state <> 'shown'", 0),
            ("SELECT COUNT(*) FROM api_key WHERE revoked = 1", 0),
            ("SELECT COUNT(*) FROM webhook_endpoint", 1),
            ("SELECT COUNT(*) FROM upload WHERE received > 0", 0),
            ("SELECT COUNT(*) FROM job WHERE status IN ('canceled', 'canceling')", 0),
        ] {
            assert_eq!(home.number(sql).await, want, "{sql}");
        }
        // A frozen account reads and can object.
        assert_eq!(answer(home.by(&frozen, Method::GET, "/me")).await.1["state_reason"], "a reason");
        let own = json!({"id": uuid::Uuid::now_v7(), "kind": "text", "title": "x", "text": "y", "visibility": "private"});
        assert_eq!(answer(home.by(&frozen, Method::POST, "/works").json(&own)).await.0, 423);
        // The operator's pages are not there for others.
        for path in ["/admin", "/admin/people", "/admin/audit"] {
            let page = format!("{}{path}", home.base);
            // Passed on by somebody the operator did not name: whose request it is nobody can say.
            let got = home.client.get(&page).header("x-forwarded-for", "203.0.113.9").send().await.unwrap();
            assert_eq!(got.status(), 404);
            let got = home.client.get(&page).send().await.unwrap();
            assert!(got.status() == 303 && got.headers()["location"].to_str().unwrap().starts_with("/login"));
        }
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administration_is_not_there_for_other_networks() {
    crate::common::both_with(
        |c| c.admin_allow = vec!["10.0.0.0/8".parse().unwrap()],
        |home: Home| async move {
            for path in ["/admin/", "/admin", "/metrics"] {
                assert_eq!(
                    home.client.get(format!("{}{path}", home.base)).send().await.unwrap().status(),
                    404
                );
            }
            for path in ["/healthz", "/readyz", "/openapi.json", "/docs/"] {
                assert_eq!(
                    home.client.get(format!("{}{path}", home.base)).send().await.unwrap().status(),
                    200,
                    "{path}"
                );
            }
            home.stop().await;
        },
    )
    .await;
}
