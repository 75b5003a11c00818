//! Tokens are credited once for what was paid, whatever order events come in and however often.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};

use crate::common::{Home, Person, answer, both_with, text};

const SECRET: &str = "whsec_of_a_test";

/// A payment service in the test: what is paid there, and what it was asked.
#[derive(Clone, Default)]
struct Fake {
    paid: Arc<Mutex<Value>>,
    refunded: Arc<Mutex<i64>>,
    dispute: Arc<Mutex<String>>,
    sessions: Arc<Mutex<Vec<String>>>,
    /// How many more questions find it away.
    away: Arc<Mutex<u32>>,
    /// The subscription, its invoice, and what was asked of them.
    subscription: Arc<Mutex<Value>>,
    invoice: Arc<Mutex<Value>>,
    ended: Arc<Mutex<u32>>,
}

impl Fake {
    async fn start(&self) -> String {
        let app = Router::new()
            .route("/v1/checkout/sessions", post(|State(fake): State<Fake>, body: String| async move {
                let form: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                let of = |name: &str| form.iter().find(|(k, _)| k == name).unwrap().1.clone();
                let order = of("metadata[order_id]");
                fake.sessions.lock().unwrap().push(order.clone());
                if of("mode") == "subscription" {
                    let sold = |name: &str| of(&format!("subscription_data[metadata][{name}]"));
                    assert_eq!(of("line_items[0][price_data][recurring][interval]"), "month");
                    *fake.subscription.lock().unwrap() = json!({"id": "sub_1", "customer": "cus_1", "status": "active", "cancel_at_period_end": false, "current_period_end": 4_000_000_000_i64,
                        "metadata": {"order_id": sold("order_id"), "account": sold("account"), "plan": sold("plan"), "tokens": sold("tokens")}});
                    return Json(json!({"id": "cs_2", "url": "https://pay.example/cs_2"}));
                }
                *fake.paid.lock().unwrap() = json!({"id": "cs_1", "payment_status": "unpaid", "payment_intent": "pi_1", "metadata": {"order_id": order}, "amount_total": of("line_items[0][price_data][unit_amount]").parse::<i64>().unwrap()});
                Json(json!({"id": "cs_1", "url": "https://pay.example/cs_1"}))
            }))
            .route("/v1/checkout/sessions/{id}", get(|State(fake): State<Fake>| async move {
                let mut away = fake.away.lock().unwrap();
                if *away > 0 {
                    *away -= 1;
                    return Err(axum::http::StatusCode::SERVICE_UNAVAILABLE);
                }
                Ok(Json(fake.paid.lock().unwrap().clone()))
            }))
            .route("/v1/charges/{id}", get(|State(fake): State<Fake>, Path(id): Path<String>| async move {
                Json(json!({"id": id, "payment_intent": "pi_1", "amount_refunded": *fake.refunded.lock().unwrap()}))
            }))
            .route("/v1/disputes/{id}", get(|State(fake): State<Fake>, Path(id): Path<String>| async move {
                Json(json!({"id": id, "payment_intent": "pi_1", "amount": 50, "status": fake.dispute.lock().unwrap().clone()}))
            }))
            .route("/v1/invoices/{id}", get(|State(fake): State<Fake>| async move { Json(fake.invoice.lock().unwrap().clone()) }))
            .route("/v1/subscriptions/{id}", get(|State(fake): State<Fake>| async move { Json(fake.subscription.lock().unwrap().clone()) }).delete(|State(fake): State<Fake>| async move {
                *fake.ended.lock().unwrap() += 1;
                Json(json!({"id": "sub_1", "status": "canceled"}))
            }))
            .route("/v1/billing_portal/sessions", post(|body: String| async move {
                assert!(body.contains("customer=cus_1"), "{body}");
                Json(json!({"url": "https://pay.example/portal"}))
            }))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }
}

fn signature(body: &str, at_s: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("{at_s}.{body}").as_bytes());
    tag.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

async fn send(home: &Home, id: &str, kind: &str, object: &str) -> u16 {
    let body = json!({"id": id, "type": kind, "data": {"object": {"id": object}}}).to_string();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
        as i64;
    let header = format!("t={now},v1={},v1={}", "0".repeat(64), signature(&body, now));
    let request = home.call(Method::POST, "/webhooks/stripe").header("stripe-signature", header);
    answer(request.body(body)).await.0
}

async fn purse(home: &Home, who: &Person) -> (i64, i64) {
    let (_, purse) = answer(home.by(who, Method::GET, "/wallet")).await;
    (purse["available_micro"].as_i64().unwrap(), purse["debt_micro"].as_i64().unwrap())
}

/// Settings of a server that sells through the fake service.
fn selling(base: &str, welcome_tokens: i64) -> impl Fn(&mut oto_backend::Config) {
    move |c| {
        c.welcome_tokens = welcome_tokens;
        c.stripe = Some(oto_backend::config::Stripe {
            secret_key: "sk_test_canary".into(),
            webhook_secret: SECRET.into(),
            base_url: base.to_owned(),
            cents_per_token: 1,
        });
    }
}

async fn handled(home: &Home) {
    home.until("all events handled", async || {
        (home.number("SELECT COUNT(*) FROM payment_event WHERE handled = 0").await == 0)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_in_any_number_and_order_credit_once_and_refunds_become_debts() {
    let fake = Fake::default();
    let base = fake.start().await;
    both_with(selling(&base, 0), |home: Home| {
        let fake = fake.clone();
        async move {
            *fake.refunded.lock().unwrap() = 0;
            let ada = home.person("ada").await;
            let order = uuid::Uuid::now_v7().to_string();
            let buy = |tokens: i64| home.by(&ada, Method::POST, "/wallet/checkout").header("idempotency-key", &order).json(&json!({"tokens": tokens}));
            let (status, page) = answer(buy(100)).await;
            assert_eq!((status, text(&page["url"]).as_str()), (201, "https://pay.example/cs_1"), "{page}");
            assert_eq!(answer(buy(100)).await.0, 201);
            assert_eq!(answer(buy(7)).await.0, 422);
            for tokens in [0, -1, 100_001] {
                assert_eq!(answer(home.by(&ada, Method::POST, "/wallet/checkout").header("idempotency-key", uuid::Uuid::now_v7().to_string()).json(&json!({"tokens": tokens}))).await.0, 422);
            }
            // Heard before it was paid: nothing. Paid, and heard five times and by another event: once.
            assert_eq!(send(&home, "evt_0", "checkout.session.completed", "cs_1").await, 204);
            handled(&home).await;
            assert_eq!(purse(&home, &ada).await, (0, 0));
            fake.paid.lock().unwrap()["payment_status"] = json!("paid");
            // The service is away for a moment: what was told is asked about again, later each time.
            *fake.away.lock().unwrap() = 2;
            for i in 0..5 {
                assert_eq!(send(&home, "evt_1", "checkout.session.completed", "cs_1").await, 204);
                assert_eq!(send(&home, &format!("evt_a{i}"), "checkout.session.async_payment_succeeded", "cs_1").await, 204);
            }
            handled(&home).await;
            assert_eq!(purse(&home, &ada).await, (100_000_000, 0));
            assert!(home.number("SELECT CAST(SUM(attempts) AS BIGINT) FROM payment_event").await >= 9);
            // An order that is paid is begun no second time.
            assert_eq!(answer(buy(100)).await.0, 422);
            // Half is spent, then all is given back: the rest is owed.
            home.sql(&format!("UPDATE ledger_account SET balance = balance - 50000000 WHERE id = 'available:{}'", ada.id)).await;
            home.sql("INSERT INTO ledger_account (id, balance) VALUES ('revenue', 0) ON CONFLICT DO NOTHING").await;
            home.sql("UPDATE ledger_account SET balance = balance + 50000000 WHERE id = 'revenue'").await;
            for (i, cents) in [(0, 30), (1, 30), (2, 100)] {
                *fake.refunded.lock().unwrap() = cents;
                send(&home, &format!("evt_r{i}"), "charge.refunded", "ch_1").await;
                handled(&home).await;
            }
            assert_eq!(purse(&home, &ada).await, (0, 50_000_000));
            // A dispute that was won, heard from its end: taken and given back.
            *fake.dispute.lock().unwrap() = "won".to_owned();
            send(&home, "evt_d2", "charge.dispute.closed", "dp_1").await;
            send(&home, "evt_d1", "charge.dispute.created", "dp_1").await;
            handled(&home).await;
            assert_eq!(purse(&home, &ada).await, (0, 50_000_000));
            assert_eq!(home.number("SELECT CAST(SUM(balance) AS BIGINT) FROM ledger_account").await, 0);
            // Forged, old, changed, without a signature.
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
            let body = r#"{"id":"evt_x","type":"x"}"#;
            for header in [
                format!("t={now},v1={}", "0".repeat(64)),
                format!("t={},v1={}", now - 400, signature(body, now - 400)),
                format!("t={now},v1={}", signature("{}", now)),
                "nonsense".to_owned(),
            ] {
                let request = home.call(Method::POST, "/webhooks/stripe").header("stripe-signature", header);
                assert_eq!(answer(request.body(body)).await.0, 400);
            }
            assert_eq!(answer(home.call(Method::POST, "/webhooks/stripe").body(body)).await.0, 400);
            home.stop().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_granted_by_the_month_ends_unspent_and_stops_when_it_is_ended() {
    let fake = Fake::default();
    let base = fake.start().await;
    both_with(selling(&base, 10), |home: Home| {
        let fake = fake.clone();
        async move {
            *fake.ended.lock().unwrap() = 0;
            let ada = home.person("ada").await;
            let order = uuid::Uuid::now_v7().to_string();
            let buy = |plan: &str| home.by(&ada, Method::POST, "/wallet/checkout").header("idempotency-key", &order).json(&json!({"plan": plan}));
            assert_eq!(answer(buy("free")).await.0, 422);
            assert_eq!(answer(buy("nothing")).await.0, 422);
            let portal = || home.by(&ada, Method::POST, "/wallet/portal");
            assert_eq!(answer(portal()).await.0, 422, "nothing is paid yet");
            let (status, page) = answer(buy("maker")).await;
            assert_eq!((status, text(&page["url"]).as_str()), (201, "https://pay.example/cs_2"), "{page}");
            // The operator changes the plan meanwhile: what was sold is what is granted.
            home.sql("UPDATE plan SET monthly_micro = 1 WHERE id = 'maker'").await;
            let month = |id: &str, end_s: i64| json!({"id": id, "status": "paid", "billing_reason": "subscription_cycle", "subscription": "sub_1", "payment_intent": format!("pi_{id}"), "amount_paid": 900, "lines": {"data": [{"period": {"end": end_s}}]}});
            *fake.invoice.lock().unwrap() = month("in_1", 4_000_000_000);
            for i in 0..4 {
                assert_eq!(send(&home, &format!("evt_p{i}"), "invoice.paid", "in_1").await, 204);
            }
            handled(&home).await;
            let wallet = async || answer(home.by(&ada, Method::GET, "/wallet")).await.1;
            let now = wallet().await;
            assert_eq!((&now["available_micro"], &now["plan"]), (&json!(1_010_000_000), &json!("maker")), "{now}");
            assert_eq!((&now["ending_micro"], &now["renews_at_ms"]), (&json!(1_000_000_000), &json!(4_000_000_000_000_i64)));
            assert_eq!(answer(portal()).await.1["url"], "https://pay.example/portal");
            assert_eq!(answer(buy("maker")).await.0, 422, "one plan at a time");
            // A job spends of the month first; what is left of it ends, what was given stays.
            let job = uuid::Uuid::now_v7().to_string();
            let asked = json!({"kind": "text", "engine": "local-text", "prompt": "a tram", "seed": 1});
            answer(home.by(&ada, Method::POST, "/jobs").header("idempotency-key", &job).json(&asked)).await;
            home.until("the job", async || (answer(home.by(&ada, Method::GET, &format!("/jobs/{job}"))).await.1["status"] == "succeeded").then_some(())).await;
            assert_eq!(wallet().await["ending_micro"], 999_000_000);
            home.sql("UPDATE token_lot SET expires_at_ms = 1").await;
            home.until("the end of the month", async || (wallet().await["available_micro"] == 10_000_000).then_some(())).await;
            // The next month, and its refund: nothing of it is left to end.
            *fake.invoice.lock().unwrap() = month("in_2", 4_100_000_000);
            send(&home, "evt_q", "invoice.paid", "in_2").await;
            handled(&home).await;
            assert_eq!(wallet().await["available_micro"], 1_010_000_000);
            home.sql("UPDATE payment_order SET intent = 'pi_1' WHERE id = 'invoice:in_2'").await;
            *fake.refunded.lock().unwrap() = 900;
            send(&home, "evt_r", "charge.refunded", "ch_9").await;
            handled(&home).await;
            home.sql("UPDATE token_lot SET expires_at_ms = 1").await;
            tokio::time::sleep(std::time::Duration::from_secs(6)).await;
            assert_eq!(wallet().await["available_micro"], 10_000_000, "what was bought otherwise stays");
            // A month that ended and is given back afterwards takes nothing more.
            *fake.invoice.lock().unwrap() = month("in_3", 4_200_000_000);
            send(&home, "evt_s", "invoice.paid", "in_3").await;
            handled(&home).await;
            home.sql("UPDATE token_lot SET expires_at_ms = 1").await;
            home.until("the end of that month", async || (wallet().await["available_micro"] == 10_000_000).then_some(())).await;
            home.sql("UPDATE payment_order SET intent = NULL WHERE id = 'invoice:in_2'").await;
            home.sql("UPDATE payment_order SET intent = 'pi_1' WHERE id = 'invoice:in_3'").await;
            send(&home, "evt_t", "charge.refunded", "ch_9").await;
            handled(&home).await;
            let now = wallet().await;
            assert_eq!((&now["available_micro"], &now["debt_micro"]), (&json!(10_000_000), &json!(0)));
            // A second subscription of the same person is ended: nobody would find it again.
            fake.subscription.lock().unwrap()["id"] = json!("sub_2");
            *fake.invoice.lock().unwrap() = month("in_4", 4_300_000_000);
            send(&home, "evt_v", "invoice.paid", "in_4").await;
            handled(&home).await;
            assert_eq!(*fake.ended.lock().unwrap(), 1);
            assert_eq!(wallet().await["plan"], "maker");
            *fake.ended.lock().unwrap() = 0;
            fake.subscription.lock().unwrap()["id"] = json!("sub_1");
            // Its last month is no renewal; then it ends.
            fake.subscription.lock().unwrap()["cancel_at_period_end"] = json!(true);
            send(&home, "evt_u", "customer.subscription.updated", "sub_1").await;
            handled(&home).await;
            assert!(wallet().await["renews_at_ms"].is_null());
            fake.subscription.lock().unwrap()["status"] = json!("canceled");
            send(&home, "evt_d", "customer.subscription.deleted", "sub_1").await;
            handled(&home).await;
            assert_eq!(wallet().await["plan"], "free");
            // Whoever goes pays no more.
            fake.subscription.lock().unwrap()["status"] = json!("active");
            home.sql("UPDATE account SET subscription = 'sub_1', leaves_at_ms = 1 WHERE handle = 'ada'").await;
            home.until("the end of an account", async || (*fake.ended.lock().unwrap() > 0).then_some(())).await;
            home.until("the erasing", async || (home.number("SELECT COUNT(*) FROM account WHERE handle = 'ada'").await == 0).then_some(())).await;
            assert_eq!(home.number("SELECT CAST(SUM(balance) AS BIGINT) FROM ledger_account").await, 0);
            home.stop().await;
        }
    })
    .await;
}
