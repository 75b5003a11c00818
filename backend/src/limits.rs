//! How much one address or account may ask in a minute. Bursts are counted in memory, each process
//! for itself; what a plan allows in a day is counted in the database.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use ipnet::IpNet;

use crate::config::Config;
use crate::error::Refusal;
use crate::state::AppState;

type Keyed =
    RateLimiter<String, DashMapStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// One rule.
#[derive(Clone)]
struct Policy {
    name: &'static str,
    per_minute: u32,
    limiter: Arc<Keyed>,
}

impl Policy {
    fn new(name: &'static str, per_minute: u32) -> Self {
        let n = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        let limiter = RateLimiter::keyed(Quota::per_minute(n))
            .with_middleware::<StateInformationMiddleware>();
        Self { name, per_minute, limiter: Arc::new(limiter) }
    }

    /// How many are left, or the seconds to wait.
    fn take(&self, key: &str) -> Result<u32, u64> {
        match self.limiter.check_key(&key.to_owned()) {
            Ok(left) => Ok(left.remaining_burst_capacity()),
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                Err(wait.as_secs() + 1)
            }
        }
    }
}

/// The rules of a server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Limits {
    reads: Policy,
    writes: Policy,
    sign_ins: Policy,
    codes: Policy,
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            reads: Policy::new("reads", config.reads_per_minute),
            writes: Policy::new("writes", config.writes_per_minute),
            sign_ins: Policy::new("sign-ins", config.sign_ins_per_minute),
            // Guessing codes of eight consonants (RFC 8628, 5.1).
            codes: Policy::new("codes", 5),
        }
    }

    /// Forgets those who have been quiet.
    pub(crate) fn tidy(&self) {
        for policy in [&self.reads, &self.writes, &self.sign_ins, &self.codes] {
            policy.limiter.retain_recent();
        }
    }

    /// A try to sign in as somebody, whatever address it comes from.
    pub(crate) fn sign_in_as(&self, email: &str) -> Result<(), Refusal> {
        let email = email.trim().to_lowercase();
        let key = format!("as:{}", &blake3::hash(email.as_bytes()).to_hex()[..32]);
        self.sign_ins.take(&key).map(drop).map_err(|wait| too_many("sign-ins", wait))
    }

    /// A code that was typed, right or wrong.
    pub(crate) fn typed_code(&self, ip: IpAddr) -> Result<(), Refusal> {
        self.codes.take(&place_of(ip)).map(drop).map_err(|wait| too_many("codes", wait))
    }
}

fn too_many(policy: &str, wait: u64) -> Refusal {
    Refusal::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        format!("That was asked too often ({policy}); try again in {wait} s."),
    )
    .after(wait)
}

/// Whoever is at the other end: the last address that is no proxy of the operator's.
pub(crate) fn ip_of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    // One that listens for both kinds of addresses sees the older ones inside newer ones.
    let mut ip = peer.to_canonical();
    if !is_trusted(&ip) {
        return ip;
    }
    let hops = headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|v| v.split(',')).map(str::trim).collect();
    for hop in hops.into_iter().rev() {
        let Ok(hop) = hop.parse::<IpAddr>() else { break };
        ip = hop.to_canonical();
        if !is_trusted(&ip) {
            break;
        }
    }
    ip
}

/// Where an address is counted: IPv6 gives a whole /64 to one line, as IPv4 gives an address.
pub(crate) fn place_of(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// The address a request came from, for handlers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From(pub(crate) IpAddr);

fn is_sign_in(path: &str) -> bool {
    let auth = [
        "/auth/login",
        "/auth/register",
        "/auth/password/",
        "/auth/email/",
        "/auth/device/decide",
        "/admin/login",
        "/admin/code",
    ];
    let pages = ["/login", "/register", "/forgot", "/reset", "/verify", "/device"];
    auth.iter().any(|p| path.contains(p)) || pages.contains(&path)
}

/// Counts every request, and tells how many are left (draft-ietf-httpapi-ratelimit-headers).
pub(crate) async fn limit(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(server) = state.server.as_ref() else { return next.run(request).await };
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::from([127, 0, 0, 1]), |c| c.0.ip());
    let ip = ip_of(peer, request.headers(), &server.config.trusted_proxies);
    request.extensions_mut().insert(From(ip));
    let path = request.uri().path();
    let limits = &server.limits;
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let policy = if is_sign_in(path) && !is_read {
        &limits.sign_ins
    } else if is_read {
        &limits.reads
    } else {
        &limits.writes
    };
    // Who signs writes is counted by who they are, so that an office shares no limit; what only
    // claims to be a signature counts for its address.
    let token = request.headers().get("authorization").filter(|_| !is_read && !is_sign_in(path));
    let token = token.and_then(|t| t.to_str().ok()?.strip_prefix("Bearer "));
    let key = match token.and_then(|t| server.tokens.read(t)) {
        Some(claims) => claims.sub,
        None => place_of(ip),
    };
    let (name, most) = (policy.name, policy.per_minute);
    let taken = policy.take(&key);
    let mut answer = match taken {
        Ok(_) => next.run(request).await,
        Err(wait) => too_many(name, wait).into_response(),
    };
    let left = match taken {
        Ok(left) => format!("\"{name}\";r={left};t=60"),
        Err(wait) => format!("\"{name}\";r=0;t={wait}"),
    };
    let headers = answer.headers_mut();
    for (header, text) in
        [("ratelimit-policy", format!("\"{name}\";q={most};w=60")), ("ratelimit", left)]
    {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(header, value);
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hops_of_ones_own_proxies_are_believed() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let of = |peer: &str, forwarded: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            ip_of(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        assert_eq!(of("203.0.113.9", "127.0.0.1"), "203.0.113.9");
        assert_eq!(of("10.0.0.1", "127.0.0.1, 198.51.100.7"), "198.51.100.7");
        assert_eq!(of("10.0.0.1", "198.51.100.7, 10.0.0.2"), "198.51.100.7");
        assert_eq!(of("10.0.0.1", "nonsense"), "10.0.0.1");
        // Addresses of the older kind inside newer ones are the same addresses.
        assert_eq!(of("::ffff:10.0.0.1", "::ffff:198.51.100.7"), "198.51.100.7");
        assert_eq!(of("::ffff:203.0.113.9", "127.0.0.1"), "203.0.113.9");
    }

    #[test]
    fn one_line_is_one_place() {
        let of = |ip: &str| place_of(ip.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("203.0.113.9"), of("203.0.113.10"));
    }

    #[test]
    fn a_policy_lets_through_what_it_says_and_no_more() {
        let policy = Policy::new("x", 3);
        let taken: Vec<bool> = (0..5).map(|_| policy.take("a").is_ok()).collect();
        assert_eq!(taken, [true, true, true, false, false]);
        assert!(policy.take("b").is_ok());
    }
}
