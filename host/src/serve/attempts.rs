//! Failed attempts to log in, by address. Nothing at the edge counts them across its instances; here one
//! process sees all of them.
//!
//! What counts is an answer of 401 to a request that carried a credential, once for each credential: the
//! `go` command repeats each refused request over https, and a tool with an old token may ask all day.
//! Credentials are kept as hashes with a key that this process alone knows and forgets.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use http::HeaderMap;

use crate::Limits;

/// Where a credential may stand.
const HEADERS: [&str; 4] = [
    "authorization",
    "private-token",
    "job-token",
    "deploy-token",
];
/// Addresses remembered at once. Whoever has more of them is not stopped by a limit for each.
const MOST_ADDRESSES: usize = 10_000;

/// A credential that a request carries, told from others and from nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presented(u64);

#[derive(Debug)]
struct Failed {
    /// When the first one came, in the clock's milliseconds.
    since: u64,
    credentials: Vec<Presented>,
}

/// The failed attempts of the last while.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    key: RandomState,
    by_address: Mutex<HashMap<IpAddr, Failed>>,
}

impl Attempts {
    /// What a request presents, if it does.
    pub fn presented(&self, headers: &HeaderMap) -> Option<Presented> {
        let mut hasher = self.key.build_hasher();
        let mut any = false;
        for (number, name) in HEADERS.into_iter().enumerate() {
            for value in headers.get_all(name) {
                any |= !value.is_empty();
                hasher.write_usize(number);
                hasher.write(value.as_bytes());
            }
        }
        any.then(|| Presented(hasher.finish()))
    }

    /// How long an address has to wait before its next attempt, if it has to.
    pub fn wait(&self, address: IpAddr, now: u64, limits: &Limits) -> Option<Duration> {
        let by_address = self.lock();
        let failed = by_address.get(&network(address))?;
        let rest = rest(failed, now, limits)?;
        (failed.credentials.len() >= limits.failed_logins).then_some(rest)
    }

    /// Notes that an attempt has failed. For the one that reaches the limit, tells how long the address
    /// has to wait from now on.
    pub fn note(
        &self,
        address: IpAddr,
        presented: Presented,
        now: u64,
        limits: &Limits,
    ) -> Option<Duration> {
        let mut by_address = self.lock();
        let address = network(address);
        if by_address.len() >= MOST_ADDRESSES && !by_address.contains_key(&address) {
            by_address.retain(|_, failed| rest(failed, now, limits).is_some());
            if by_address.len() >= MOST_ADDRESSES {
                by_address.clear();
            }
        }
        let fresh = || Failed {
            since: now,
            credentials: Vec::new(),
        };
        let failed = by_address.entry(address).or_insert_with(fresh);
        if rest(failed, now, limits).is_none() {
            *failed = fresh();
        }
        let room = failed.credentials.len() < limits.failed_logins;
        if !room || failed.credentials.contains(&presented) {
            return None;
        }
        failed.credentials.push(presented);
        if failed.credentials.len() < limits.failed_logins {
            return None;
        }
        rest(failed, now, limits)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Failed>> {
        self.by_address
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }
}

/// What is left of the time that attempts are remembered for.
fn rest(failed: &Failed, now: u64, limits: &Limits) -> Option<Duration> {
    let age = Duration::from_millis(now.saturating_sub(failed.since));
    limits.failed_logins_time.checked_sub(age)
}

/// The address, or the network of 64 bits that one client of IPv6 can choose its addresses from.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: u64 = 60_000;

    fn limits() -> Limits {
        Limits {
            failed_logins: 2,
            failed_logins_time: Duration::from_millis(TIME),
            ..Limits::default()
        }
    }

    fn with(attempts: &Attempts, value: &str) -> Presented {
        let mut headers = HeaderMap::new();
        headers.insert("private-token", value.parse().unwrap());
        attempts.presented(&headers).unwrap()
    }

    #[test]
    fn the_same_credential_counts_once_and_others_until_the_time_is_over() {
        let (attempts, limits) = (Attempts::default(), limits());
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        for now in [1, 2, 3] {
            attempts.note(client, with(&attempts, "one"), now, &limits);
        }
        assert_eq!(attempts.wait(client, 4, &limits), None);
        attempts.note(client, with(&attempts, "two"), 5, &limits);
        let rest = Duration::from_millis(TIME - 10);
        assert_eq!(attempts.wait(client, 11, &limits), Some(rest));
        let other = "192.0.2.2".parse().unwrap();
        assert_eq!(attempts.wait(other, 11, &limits), None);
        assert_eq!(attempts.wait(client, TIME + 2, &limits), None);
        attempts.note(client, with(&attempts, "three"), TIME + 2, &limits);
        assert_eq!(attempts.wait(client, TIME + 3, &limits), None);
    }

    #[test]
    fn the_attempt_that_reaches_the_limit_is_told_once_for_each_span_of_time() {
        let (attempts, limits) = (Attempts::default(), limits());
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        let note =
            |value: &str, now: u64| attempts.note(client, with(&attempts, value), now, &limits);
        assert_eq!(note("one", 1), None);
        assert_eq!(note("one", 2), None);
        assert_eq!(note("two", 3), Some(Duration::from_millis(TIME - 2)));
        assert_eq!(note("two", 4), None);
        assert_eq!(note("three", 4), None);
        assert_eq!(note("one", TIME + 2), None);
        assert_eq!(note("two", TIME + 2), Some(Duration::from_millis(TIME)));
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let (attempts, limits) = (Attempts::default(), limits());
        for (number, address) in ["2001:db8::1", "2001:db8::2"].into_iter().enumerate() {
            let presented = with(&attempts, &number.to_string());
            attempts.note(address.parse().unwrap(), presented, 1, &limits);
        }
        let same = "2001:db8::3".parse().unwrap();
        let other = "2001:db8:0:1::1".parse().unwrap();
        let rest = Duration::from_millis(TIME);
        assert_eq!(attempts.wait(same, 1, &limits), Some(rest));
        assert_eq!(attempts.wait(other, 1, &limits), None);
    }

    #[test]
    fn memory_is_bounded_however_many_addresses_there_are() {
        let (attempts, limits) = (Attempts::default(), limits());
        for number in 0..3 * MOST_ADDRESSES as u32 {
            let presented = Presented(u64::from(number));
            attempts.note(IpAddr::V4(number.into()), presented, 1, &limits);
        }
        assert!(attempts.lock().len() <= MOST_ADDRESSES);
    }

    #[test]
    fn a_request_without_a_credential_presents_none() {
        let attempts = Attempts::default();
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "".parse().unwrap());
        headers.insert("cookie", "x".parse().unwrap());
        assert_eq!(attempts.presented(&headers), None);
    }
}
