//! The guard: which addresses may be called, how long, and how much may come back.

mod answer;
mod call;
mod download;
mod events;
mod provider;
mod upload;
mod veil;
mod wait;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Once};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url};

pub(crate) use answer::{invalid, nonsense, refusal};
pub(crate) use call::Sends;
pub(crate) use download::{fetch_public, read_capped, too_large};
pub(crate) use events::Events;
pub(crate) use provider::{Auth, Provider};
pub(crate) use veil::Veil;
pub use wait::retry_after_ms;

use crate::{EngineError, ErrorClass};

/// Largest JSON answer, which may bring media in base64.
pub const MAX_JSON: u64 = 64 << 20;
/// Largest JSON answer about how something stands.
pub const MAX_STATUS: u64 = 4 << 20;
/// Largest picture.
pub const MAX_IMAGE: u64 = 64 << 20;
/// Largest sound.
pub const MAX_SOUND: u64 = 256 << 20;
/// Largest film.
pub const MAX_FILM: u64 = 4 << 30;

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
    let mut builder = builder(first_byte);
    if base.scheme() == "http" {
        builder = builder.no_proxy().tls_certs_only(std::iter::empty::<reqwest::Certificate>());
    } else {
        builder = builder.https_only(true);
    }
    built(builder)
}

/// A client for files that lie elsewhere: https only, and no name leads to a private address,
/// whatever it resolved to a moment ago.
fn public_client(first_byte: Duration) -> Result<Client, EngineError> {
    built(builder(first_byte).https_only(true).dns_resolver(Arc::new(PublicOnly)))
}

fn builder(read: Duration) -> reqwest::ClientBuilder {
    init_tls();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(read)
        .user_agent(concat!("oTo/", env!("CARGO_PKG_VERSION")))
}

fn built(builder: reqwest::ClientBuilder) -> Result<Client, EngineError> {
    builder.build().map_err(|error| {
        EngineError::new(
            ErrorClass::Internal,
            "no_client",
            format!("No secure connection is possible on this computer: {}", error.without_url()),
        )
    })
}

/// Resolves names, and refuses those that lead to a private address.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> = found.collect();
            if addresses.iter().any(|a| is_private(a.ip())) {
                return Err("the name leads to a private address".into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
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
}
