//! The guard: which addresses may be called, how long, and how much may come back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Once;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, Url};

use crate::{EngineError, ErrorClass};

/// Largest JSON answer.
pub const MAX_JSON: u64 = 64 << 20;
/// Largest picture.
pub const MAX_IMAGE: u64 = 64 << 20;
/// Largest sound.
pub const MAX_SOUND: u64 = 256 << 20;

/// Installs the one TLS provider of the process; safe to call often.
pub fn init_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that somebody installed one before, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
    });
}

/// True for addresses that are not on the public internet.
#[must_use]
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_unspecified()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
}

fn is_private_v6(ip: Ipv6Addr) -> bool {
    if let Some(v4) = ip.to_ipv4() {
        return is_private_v4(v4);
    }
    let s = ip.segments();
    ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || s[0] & 0xfe00 == 0xfc00
        || s[0] & 0xffc0 == 0xfe80
        || s[0] == 0x2002
        || (s[0] == 0x64 && s[1] == 0xff9b)
        || (s[0] == 0x2001 && s[1] == 0xdb8)
}

/// An address typed by the user: https anywhere, http only on this machine or network.
///
/// # Errors
/// With a sentence that says what is wrong.
pub fn check_base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim())
        .or(Err(format!("“{text}” is not an address such as https://api.example.com/v1")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "Leave name and password out of the address; a key is entered on its own.".to_owned()
        );
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_local_name(&url) => Ok(url),
        "http" => Err("Over the internet the address must begin with https://".to_owned()),
        _ => Err("An address begins with https:// (or http:// on this machine).".to_owned()),
    }
}

/// True when the address names this machine or network by a literal address or "localhost".
#[must_use]
pub fn is_local_name(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => is_private_v4(ip),
        Some(url::Host::Ipv6(ip)) => is_private_v6(ip),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// A client for one provider: no redirects, bounded waits, no proxy on this machine.
///
/// # Errors
/// When the system has no certificates or the settings do not fit.
pub fn client_for(base: &Url, first_byte: Duration) -> Result<Client, EngineError> {
    init_tls();
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(first_byte)
        .user_agent(concat!("oTo/", env!("CARGO_PKG_VERSION")));
    if base.scheme() == "http" {
        builder = builder.no_proxy().tls_certs_only(std::iter::empty::<reqwest::Certificate>());
    } else {
        builder = builder.https_only(true);
    }
    builder.build().map_err(|error| {
        EngineError::new(
            ErrorClass::Internal,
            "no_client",
            format!("No secure connection is possible on this computer: {}", error.without_url()),
        )
    })
}

/// What a failed call means. `sent` tells whether the request may have reached the provider.
pub(crate) fn from_transport(error: &reqwest::Error, sent: bool) -> EngineError {
    if error.is_connect() || error.is_builder() {
        return EngineError::new(
            ErrorClass::Network,
            "unreachable",
            "The engine does not answer at its address. Check that it is running and that the network works.",
        );
    }
    if error.is_decode() || error.is_body() {
        return EngineError::new(
            ErrorClass::BadResponse,
            "cut_off",
            "The engine’s answer was cut off. Try again; a paid engine may charge twice.",
        );
    }
    if sent {
        return EngineError::new(
            ErrorClass::UnknownOutcome,
            "no_answer",
            "The engine took the request and gave no answer. Try again; a paid engine may charge twice.",
        );
    }
    EngineError::new(
        ErrorClass::Network,
        "network",
        "The connection to the engine was lost. Try again.",
    )
}

/// How long an answer asks to wait: `retry-after-ms`, or `retry-after` in seconds.
#[must_use]
pub fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let bounded = |ms: f64| (ms.is_finite() && ms >= 0.0).then(|| ms.min(86_400_000.0) as u64);
    if let Some(ms) = text("retry-after-ms").and_then(|t| t.parse().ok()).and_then(bounded) {
        return Some(ms);
    }
    text(RETRY_AFTER.as_str()).and_then(|t| t.parse::<f64>().ok()).and_then(|s| bounded(s * 1000.0))
}

/// Reads a body up to `cap` bytes, whatever its length says.
///
/// # Errors
/// When it is longer or cut off.
pub async fn read_capped(mut response: Response, cap: u64) -> Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if (bytes.len() + chunk.len()) as u64 <= cap => {
                bytes.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => {
                return Err(EngineError::new(
                    ErrorClass::BadResponse,
                    "too_large",
                    "The engine’s answer is larger than oTo accepts.",
                ));
            }
            Ok(None) => return Ok(bytes),
            Err(error) => return Err(from_transport(&error, true)),
        }
    }
}

/// Fetches a result an engine points to: from the engine's own origin as it is, else only over
/// https from the public internet, without credentials.
///
/// # Errors
/// When the link leads somewhere else, or the result cannot be read.
pub async fn download(link: &str, engine: &Url, cap: u64) -> Result<Vec<u8>, EngineError> {
    let refused = || {
        EngineError::new(
            ErrorClass::BadResponse,
            "bad_link",
            "The engine’s result lies at an address oTo does not open.",
        )
    };
    let mut url = engine.join(link).or(Err(refused()))?;
    for _ in 0..4 {
        let same_origin = url.origin() == engine.origin();
        if !same_origin {
            if url.scheme() != "https" || !url.username().is_empty() || is_local_name(&url) {
                return Err(refused());
            }
            let (host, port) = (
                url.host_str().unwrap_or_default().to_owned(),
                url.port_or_known_default().unwrap_or(443),
            );
            let found = tokio::net::lookup_host((host.as_str(), port)).await.or(Err(refused()))?;
            let addresses: Vec<std::net::SocketAddr> = found.collect();
            if addresses.is_empty() || addresses.iter().any(|a| is_private(a.ip())) {
                return Err(refused());
            }
        }
        let client = client_for(&url, Duration::from_secs(60))?;
        let response =
            client.get(url.clone()).send().await.map_err(|e| from_transport(&e, false))?;
        if response.status().is_redirection() {
            let next = response
                .headers()
                .get("location")
                .and_then(|v| v.to_str().ok())
                .ok_or_else(refused)?;
            let target = url.join(next).or(Err(refused()))?;
            if url.scheme() == "https" && target.scheme() != "https" {
                return Err(refused());
            }
            url = target;
            continue;
        }
        if !response.status().is_success() {
            return Err(EngineError::new(
                ErrorClass::BadResponse,
                "result_gone",
                "The engine’s result is no longer there. Run it again.",
            ));
        }
        return read_capped(response, cap).await;
    }
    Err(refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_addresses_are_told_apart() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "93.184.216.34", "2606:4700::1111"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
        for good in [
            "https://api.example.com/v1",
            "http://127.0.0.1:11434/v1",
            "http://localhost:1234/v1",
            "http://192.168.1.7:8080/v1",
        ] {
            assert!(check_base_url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.example.com/v1",
            "ftp://x",
            "nonsense",
            "https://me:secret@example.com",
            "file:///etc/passwd",
        ] {
            assert!(check_base_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn waits_are_read_and_bounded() {
        let with = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            retry_after_ms(&headers)
        };
        assert_eq!(with("retry-after", "2"), Some(2_000));
        assert_eq!(with("retry-after-ms", "150"), Some(150));
        assert_eq!(with("retry-after", "-5"), None);
        assert_eq!(with("retry-after", "99999999999"), Some(86_400_000));
        assert_eq!(with("retry-after", "soon"), None);
    }
}
