//! Every scheme with an own signer, and the published vector of Standard Webhooks.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair};
use secrecy::SecretString;

use super::*;

const NOW_S: i64 = 1_731_705_121;
const NOW_MS: i64 = NOW_S * 1_000;
const BODY: &[u8] =
    br#"{"event_type":"ping","data":{"success":true},"id":"evt_1","event_id":"e1"}"#;
const ALL: [Scheme; 6] = [
    Scheme::Standard,
    Scheme::Stripe,
    Scheme::ElevenLabs,
    Scheme::OpenRouter,
    Scheme::VastAccount,
    Scheme::Fal,
];

fn mac(secret: &[u8], text: &str, body: &[u8]) -> Vec<u8> {
    let signed = [text.as_bytes(), body].concat();
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &signed).as_ref().to_vec()
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn in_base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn headers(list: &[(&str, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in list {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, value.parse().unwrap());
    }
    map
}

fn key(scheme: Scheme) -> Vec<SecretString> {
    let text = match scheme {
        Scheme::Standard => format!("whsec_{}", in_base64(b"a secret")),
        Scheme::Fal => in_base64(pair().public_key().as_ref()),
        _ => "a secret".to_owned(),
    };
    vec![SecretString::from(text)]
}

/// What the sender would send at that second.
fn sign(scheme: Scheme, at_s: i64, body: &[u8]) -> HeaderMap {
    let hexed = |text: String| hex(&mac(b"a secret", &text, body));
    match scheme {
        Scheme::Standard => headers(&[
            ("webhook-id", "msg_1".to_owned()),
            ("webhook-timestamp", at_s.to_string()),
            (
                "webhook-signature",
                format!("v1,{}", in_base64(&mac(b"a secret", &format!("msg_1.{at_s}."), body))),
            ),
        ]),
        Scheme::Stripe => {
            headers(&[("stripe-signature", format!("t={at_s},v1={}", hexed(format!("{at_s}."))))])
        }
        Scheme::ElevenLabs => headers(&[(
            "elevenlabs-signature",
            format!("t={at_s},v0={}", hexed(format!("{at_s}."))),
        )]),
        Scheme::OpenRouter => headers(&[
            ("x-openrouter-signature", format!("t={at_s},v1={}", hexed(format!("{at_s},")))),
            ("x-openrouter-idempotency-key", "k1".to_owned()),
        ]),
        Scheme::VastAccount => headers(&[
            ("x-vast-timestamp", at_s.to_string()),
            ("x-vast-signature-256", format!("sha256={}", hexed(format!("{at_s}.")))),
            ("x-vast-event-id", "e1".to_owned()),
        ]),
        Scheme::Fal => {
            let signed = format!("r1\nu1\n{at_s}\n{}", sha256_hex(body));
            headers(&[
                ("x-fal-webhook-request-id", "r1".to_owned()),
                ("x-fal-webhook-user-id", "u1".to_owned()),
                ("x-fal-webhook-timestamp", at_s.to_string()),
                ("x-fal-webhook-signature", hex(pair().sign(signed.as_bytes()).as_ref())),
            ])
        }
    }
}

fn told(scheme: Scheme, headers: &HeaderMap, body: &[u8]) -> Result<Verified, Rejection> {
    verify(scheme, headers, body, &key(scheme), NOW_MS)
}

#[test]
fn the_published_vector_holds() {
    let sent = headers(&[
        ("webhook-id", "msg_loFOjxBNrRLzqYUf".to_owned()),
        ("webhook-timestamp", "1731705121".to_owned()),
        ("webhook-signature", "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=".to_owned()),
    ]);
    let keys = [SecretString::from("whsec_plJ3nmyCDGBKInavdOK15jsl".to_owned())];
    let body = br#"{"event_type":"ping","data":{"success":true}}"#;
    let call = verify(Scheme::Standard, &sent, body, &keys, NOW_MS).unwrap();
    assert_eq!(call.replay_ids, ["standard:msg_loFOjxBNrRLzqYUf"]);
    assert_eq!((call.sent_ms, call.event["event_type"].as_str()), (NOW_MS, Some("ping")));
}

#[test]
fn genuine_calls_are_read_and_their_replays_known() {
    for scheme in ALL {
        let mut seen = Seen::new(100);
        let call = told(scheme, &sign(scheme, NOW_S, BODY), BODY).unwrap();
        assert_eq!(call.event["data"]["success"], true, "{scheme:?}");
        assert!(seen.is_new(&call.replay_ids, NOW_MS), "{scheme:?}");
        let again = told(scheme, &sign(scheme, NOW_S, BODY), BODY).unwrap();
        assert!(!seen.is_new(&again.replay_ids, NOW_MS), "{scheme:?}");
    }
    // The same words under another name that nobody signed.
    let mut renamed = sign(Scheme::OpenRouter, NOW_S, BODY);
    let first = told(Scheme::OpenRouter, &renamed, BODY).unwrap();
    renamed.insert("x-openrouter-idempotency-key", HeaderValue::from_static("k2"));
    let second = told(Scheme::OpenRouter, &renamed, BODY).unwrap();
    let mut seen = Seen::new(100);
    assert!(seen.is_new(&first.replay_ids, 0) && !seen.is_new(&second.replay_ids, 0));
    // Sent once more, signed anew.
    let later = told(Scheme::Stripe, &sign(Scheme::Stripe, NOW_S - 9, BODY), BODY).unwrap();
    let now = told(Scheme::Stripe, &sign(Scheme::Stripe, NOW_S, BODY), BODY).unwrap();
    assert!(seen.is_new(&later.replay_ids, 0) && !seen.is_new(&now.replay_ids, 0));
}

#[test]
fn times_are_bounded() {
    for scheme in ALL {
        let old = if scheme == Scheme::ElevenLabs { 1_800 } else { 300 };
        let past = |s: i64| told(scheme, &sign(scheme, NOW_S - s, BODY), BODY).map(|_| ());
        assert_eq!(past(old), Ok(()), "{scheme:?}");
        assert_eq!(past(old + 1), Err(Rejection::TooOld), "{scheme:?}");
        let ahead_is_fine = matches!(scheme, Scheme::Stripe | Scheme::ElevenLabs);
        let expected = if ahead_is_fine { Ok(()) } else { Err(Rejection::TooNew) };
        assert_eq!(past(-301), expected, "{scheme:?}");
    }
}

#[test]
fn changed_calls_are_refused() {
    let spaced =
        br#"{"event_type": "ping", "data": {"success": true}, "id": "evt_1", "event_id": "e1"}"#;
    for scheme in ALL {
        let sent = sign(scheme, NOW_S, BODY);
        assert_eq!(told(scheme, &sent, spaced), Err(Rejection::BadSignature), "{scheme:?}");
        assert_eq!(told(scheme, &sent, b""), Err(Rejection::BadSignature), "{scheme:?}");
        let others =
            [SecretString::from("whsec_b3RoZXI=".to_owned()), SecretString::from(String::new())];
        for keys in [&others[..], &[]] {
            let answer = verify(scheme, &sent, BODY, keys, NOW_MS);
            assert_eq!(answer, Err(Rejection::BadSignature), "{scheme:?}");
        }
        let both = [others.to_vec(), key(scheme)].concat();
        assert!(verify(scheme, &sent, BODY, &both, NOW_MS).is_ok(), "{scheme:?}");
        let none = HeaderMap::new();
        assert_eq!(told(scheme, &none, BODY), Err(Rejection::Missing), "{scheme:?}");
        let huge = vec![b' '; MAX_BODY + 1];
        assert_eq!(told(scheme, &sent, &huge), Err(Rejection::Malformed), "{scheme:?}");
        let words = b"not json \xff\xfe";
        let signed = sign(scheme, NOW_S, words);
        assert_eq!(told(scheme, &signed, words), Err(Rejection::Malformed), "{scheme:?}");
        for name in sent.keys() {
            let optional = name.as_str().ends_with("-key") || name == "x-vast-event-id";
            let mut twice = sent.clone();
            twice.append(name, sent[name].clone());
            let mut empty = sent.clone();
            empty.insert(name, HeaderValue::from_static(" "));
            let mut foreign = sent.clone();
            foreign.insert(name, HeaderValue::from_bytes(b"\xff\xfe").unwrap());
            for (headers, expected) in [
                (twice, Rejection::Malformed),
                (empty, Rejection::Missing),
                (foreign, Rejection::Malformed),
            ] {
                let answer = told(scheme, &headers, BODY);
                assert!(
                    answer == Err(expected) || (optional && answer.is_ok()),
                    "{scheme:?} {name}"
                );
            }
        }
    }
}

#[test]
fn of_several_signatures_one_must_fit() {
    let wrong = "00".repeat(32);
    let fits = hex(&mac(b"a secret", &format!("{NOW_S}."), BODY));
    let stripe = |text: String| told(Scheme::Stripe, &headers(&[("stripe-signature", text)]), BODY);
    assert!(stripe(format!("t={NOW_S}, v1={wrong}, v1={fits}, v0=zz")).is_ok());
    assert_eq!(stripe(format!("t={NOW_S},v1={wrong}")), Err(Rejection::BadSignature));
    assert_eq!(stripe(format!("t={NOW_S},v1=nonsense")), Err(Rejection::BadSignature));
    assert_eq!(stripe(format!("t={NOW_S},v0={fits}")), Err(Rejection::Missing));
    assert_eq!(stripe(format!("v1={fits}")), Err(Rejection::Malformed));
    assert_eq!(stripe(format!("t=now,v1={fits}")), Err(Rejection::Malformed));
    assert_eq!(stripe(format!("t=1,t={NOW_S},v1={fits}")), Err(Rejection::Malformed));
    let flood = format!("t={NOW_S}{}", format!(",v1={wrong}").repeat(1_000));
    assert_eq!(stripe(flood), Err(Rejection::BadSignature));

    let text = format!("msg_1.{NOW_S}.");
    let v1 = in_base64(&mac(b"a secret", &text, BODY));
    let v1a = in_base64(pair().sign(&[text.as_bytes(), BODY].concat()).as_ref());
    let public = format!("whpk_{}", in_base64(pair().public_key().as_ref()));
    let mut sent = sign(Scheme::Standard, NOW_S, BODY);
    for (signatures, keys) in [
        (format!("v1,AAAA v1,{v1}"), key(Scheme::Standard)),
        (format!("v2,{v1} v1a,{v1a}"), vec![SecretString::from(public.clone())]),
        (format!("v1,!!! v1a,{v1a} v1,{v1}"), key(Scheme::Standard)),
    ] {
        sent.insert("webhook-signature", signatures.parse().unwrap());
        assert!(verify(Scheme::Standard, &sent, BODY, &keys, NOW_MS).is_ok(), "{signatures}");
    }
    // A public key is no secret.
    let forged = in_base64(&mac(pair().public_key().as_ref(), &text, BODY));
    sent.insert("webhook-signature", format!("v1,{forged}").parse().unwrap());
    let answer = verify(Scheme::Standard, &sent, BODY, &[SecretString::from(public)], NOW_MS);
    assert_eq!(answer, Err(Rejection::BadSignature));
}

#[test]
fn a_tag_belongs_to_one_job_and_one_server() {
    let server = SecretString::from("server key".to_owned());
    let tag = job_tag(&server, "job-1");
    assert!(is_job_tag(&server, "job-1", &tag) && tag.len() == 64);
    assert!(!is_job_tag(&server, "job-2", &tag));
    assert!(!is_job_tag(&SecretString::from("other".to_owned()), "job-1", &tag));
    let none = SecretString::from(String::new());
    assert!(!is_job_tag(&none, "job-1", &job_tag(&none, "job-1")));
    for wrong in ["", "zz", "0", "é", &tag[..62], &"0".repeat(100_000)] {
        assert!(!is_job_tag(&server, "job-1", wrong));
    }
}
