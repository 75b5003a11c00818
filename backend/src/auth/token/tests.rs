//! Tokens that are ours and good, and every way in which they are not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::db::now_ms;

fn keys(issuer: &str) -> (Vec<u8>, TokenKeys) {
    let key = new_key().unwrap();
    let keys = TokenKeys::new(std::slice::from_ref(&key), issuer).unwrap();
    (key, keys)
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token with any header and claims, signed with a key of ours.
fn forged(pkcs8: &[u8], header: &Value, claims: &Value) -> String {
    let said = format!("{}.{}", part(header), part(claims));
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).unwrap();
    format!("{said}.{}", URL_SAFE_NO_PAD.encode(pair.sign(said.as_bytes())))
}

/// Project Wycheproof's vectors for Ed25519, at the level of the signature: their messages are no
/// tokens.
#[test]
fn signatures_are_judged_as_wycheproof_says() {
    use wycheproof::TestResult;
    use wycheproof::eddsa::{TestName, TestSet};
    let mut n = 0;
    for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let verifier = Ed25519Verifier(group.key.pk.to_vec());
        for test in group.tests {
            let judged = verifier.verify(&test.msg, &test.sig.to_vec()).is_ok();
            assert_eq!(
                judged,
                test.result == TestResult::Valid,
                "{}: {}",
                test.tc_id,
                test.comment
            );
            n += 1;
        }
    }
    assert!(n > 100, "{n}");
}

/// The ways in which Wycheproof breaks tokens (`json_web_signature_test.json`, whose 401 cases are of
/// algorithms that are not taken here at all), done to one of ours.
#[test]
fn a_token_that_lacks_or_has_a_part_too_many_is_refused() {
    let (key, ours) = keys("x");
    let now = now_ms() / 1000;
    let token = ours.sign("ada", "f", "", now).unwrap();
    let [header, claims, signature] =
        <[&str; 3]>::try_from(token.split('.').collect::<Vec<_>>()).unwrap();
    let other = part(&json!({"sub": "bob"}));
    for broken in [
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("{header}.{other}.{signature}"),
        format!("{header}..{signature}"),
        format!("{header}.{signature}"),
        format!("{}.{claims}.{signature}", part(&json!({"alg": "EdDSA", "kid": "other"}))),
        format!(".{claims}.{signature}"),
        format!("{claims}.{signature}"),
        format!(".{claims}."),
        claims.to_owned(),
        String::new(),
        format!("{token}."),
        format!("{token}.foo"),
        format!("{}.{claims}.", part(&json!({"alg": "none", "kid": ours.kid}))),
        json!({"payload": claims, "signatures": [{"protected": header, "signature": signature}]})
            .to_string(),
        format!(" {token}"),
        format!("{token}="),
    ] {
        assert!(ours.read(&broken).is_none(), "{broken}");
    }
    // A key that comes with the token is nobody's, even when it fits.
    let stranger = new_key().unwrap();
    let public = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&stranger).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(public.public_key().as_ref())});
    let header = json!({"alg": "EdDSA", "kid": ours.kid, "jwk": jwk});
    let claims = json!({"iss": "x", "aud": "x", "sub": "ada", "sid": "f", "scope": "", "iat": now, "nbf": now, "exp": now + 600});
    assert!(ours.read(&forged(&stranger, &header, &claims)).is_none());
    assert!(ours.read(&forged(&key, &json!({"alg": "EdDSA", "kid": ours.kid}), &claims)).is_some());
}

#[test]
fn a_token_is_read_by_its_server_alone() {
    let now = now_ms() / 1000;
    let (_, ours) = keys("https://wall.example");
    let token = ours.sign("ada", "family", "works:read", now).unwrap();
    assert_eq!(ours.read(&token).unwrap().sub, "ada");
    let (_, other) = keys("https://wall.example");
    assert!(other.read(&token).is_none());
    for broken in [&token[1..], &token[..token.len() - 2], "", "..", "a.b.c", "é.é.é"] {
        assert!(ours.read(broken).is_none(), "{broken}");
    }
}

#[test]
fn an_old_key_is_believed_and_a_new_one_signs() {
    let now = now_ms() / 1000;
    let (old_key, old) = keys("x");
    let token = old.sign("ada", "f", "", now).unwrap();
    let new = TokenKeys::new(&[new_key().unwrap(), old_key], "x").unwrap();
    assert!(new.read(&token).is_some());
    assert!(old.read(&new.sign("ada", "f", "", now).unwrap()).is_none());
}

#[test]
fn every_other_algorithm_key_time_and_audience_is_refused() {
    let now = now_ms() / 1000;
    let (key, ours) = keys("x");
    let kid = ours.kid.clone();
    let good = json!({"alg": "EdDSA", "typ": "JWT", "kid": kid});
    let claims = |change: &[(&str, Value)]| {
        let mut claims = json!({"iss": "x", "aud": "x", "sub": "ada", "sid": "f", "scope": "", "iat": now, "nbf": now, "exp": now + 600});
        for (name, value) in change {
            claims[*name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(*name);
            }
        }
        claims
    };
    assert!(ours.read(&forged(&key, &good, &claims(&[]))).is_some());
    for header in [
        json!({"alg": "none", "kid": kid}),
        json!({"alg": "None", "kid": kid}),
        json!({"alg": "HS256", "kid": kid}),
        json!({"alg": "RS256", "kid": kid}),
        json!({"alg": "ES256", "kid": kid}),
        json!({"alg": "PS512", "kid": kid}),
        json!({"alg": "EdDSA"}),
        json!({"alg": "EdDSA", "kid": "../../dev/null"}),
        json!({"alg": "EdDSA", "kid": "' OR 1=1 --"}),
        json!({"alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}}),
        json!({"kid": kid}),
        json!([]),
    ] {
        assert!(ours.read(&forged(&key, &header, &claims(&[]))).is_none(), "{header}");
    }
    for change in [
        ("exp", json!(now - 31)),
        ("exp", Value::Null),
        ("exp", json!("soon")),
        ("nbf", json!(now + 90)),
        ("nbf", Value::Null),
        ("aud", json!("y")),
        ("aud", Value::Null),
        ("iss", json!("y")),
        ("iss", Value::Null),
        ("sub", Value::Null),
    ] {
        let token = forged(&key, &good, &claims(std::slice::from_ref(&change)));
        assert!(ours.read(&token).is_none(), "{change:?}");
    }
    // The public key taken as the secret of an HMAC, as in the oldest attack of all.
    let public = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&key).unwrap();
    let said = format!("{}.{}", part(&json!({"alg": "HS256", "kid": kid})), part(&claims(&[])));
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, public.public_key().as_ref());
    let tag = ring::hmac::sign(&secret, said.as_bytes());
    assert!(ours.read(&format!("{said}.{}", URL_SAFE_NO_PAD.encode(tag))).is_none());
    // No signature at all.
    let said = format!("{}.{}.", part(&good), part(&claims(&[])));
    assert!(ours.read(&said).is_none());
}
