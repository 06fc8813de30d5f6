//! An issuer's keys, fetched and kept for an hour.
//!
//! They come over https only: from the rule's `jwks`, or from where the issuer's discovery document
//! says, which must be on the issuer's own host (OpenID Connect Discovery 1.0, 4). An issuer is asked at
//! most once a minute, whether it answers or not: that it is being asked is written down first, and
//! where that can't be written, it is not asked. (No store compares and swaps, so two instances that
//! look within the same few milliseconds may both ask.)
//!
//! Who comes while another asks waits for what that brings, since CI opens many connections at once.
//! In their last minutes keys are fetched anew while they still count, so that an issuer that is down
//! for a moment is not noticed.

use std::fmt::Write;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::jwks::Key;
use super::jwt::Jwt;
use crate::access::outside::Outside;
use crate::hex;
use crate::http::client::Address;
use crate::json::Json;
use crate::store;

/// How long keys count, in seconds.
const KEPT: i64 = 60 * 60;
/// From this age on they are fetched anew.
const AGEING: i64 = 55 * 60;
/// The time between two fetches, in seconds.
const BETWEEN: i64 = 60;
/// Nobody waits for a fetch that has not ended after this many seconds: its instance may be gone.
const LONGEST_FETCH: i64 = 20;
/// How often and how long to look whether another's fetch has ended; and how often where there are keys that count:
/// most often it is then the token that is wrong.
const LOOKS: u32 = 40;
const LOOKS_WITH_KEYS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);
/// The largest set of keys or discovery document that is read, in bytes.
const MOST: usize = 64 * 1024;

const HEAD: &str = "goproxy-edge keys";

/// Why there is no key for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// The issuer has no such key, as far as is known.
    Unknown,
    /// The issuer's keys can't be had; why.
    Down(String),
    /// The store failed.
    Store(store::Error),
}

/// How the last fetch went.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fetch {
    Pending,
    Done,
    Failed(String),
}

/// What is kept of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    /// When it was last asked, in seconds since the Unix epoch.
    asked: i64,
    fetch: Fetch,
    /// When the keys came.
    got: i64,
    keys: Vec<Key>,
}

/// The keys of one issuer.
pub struct Keys<'a> {
    issuer: &'a str,
    jwks: Option<&'a str>,
    outside: &'a Outside<'a>,
    now: i64,
}

impl<'a> Keys<'a> {
    /// The keys of `issuer`, which come from `jwks` if that is given.
    pub fn new(issuer: &'a str, jwks: Option<&'a str>, outside: &'a Outside<'a>) -> Self {
        Keys {
            issuer,
            jwks,
            outside,
            now: outside.now.unix_seconds(),
        }
    }

    /// The keys that can have signed a token: of its algorithm, and with its key id if it has one.
    ///
    /// # Errors
    /// Why there is none.
    pub fn for_token(&self, token: &Jwt<'_>) -> Result<Vec<Key>, Missing> {
        let mut kept = self.kept()?;
        let found = self.fitting(&kept, token);
        if !found.is_empty() && self.age(kept.got) < AGEING {
            return Ok(found);
        }
        if self.age(kept.asked) >= BETWEEN {
            kept = match self.fetch(kept) {
                // That a fetch begins can't be noted: so there is none, and those that age still count.
                Err(_) if !found.is_empty() => return Ok(found),
                fetched => fetched?,
            };
        } else if found.is_empty() {
            kept = self.fetched_by_another(kept)?;
        }
        let found = self.fitting(&kept, token);
        if !found.is_empty() {
            return Ok(found);
        }
        if self.age(kept.got) < KEPT {
            return Err(Missing::Unknown);
        }
        Err(Missing::Down(match kept.fetch {
            Fetch::Failed(why) => why,
            Fetch::Pending | Fetch::Done => "another request is fetching them".to_owned(),
        }))
    }

    fn fitting(&self, kept: &Kept, token: &Jwt<'_>) -> Vec<Key> {
        if self.age(kept.got) >= KEPT {
            return Vec::new();
        }
        let keys = kept.keys.iter().filter(|key| key.can_have_signed(token));
        keys.cloned().collect()
    }

    /// Seconds since a moment; a moment that is yet to come, by more than clocks differ, is long ago.
    fn age(&self, moment: i64) -> i64 {
        match self.now.saturating_sub(moment) {
            age if age < -BETWEEN => i64::MAX,
            age => age.max(0),
        }
    }

    fn fetched_by_another(&self, mut kept: Kept) -> Result<Kept, Missing> {
        let has_keys = self.age(kept.got) < KEPT;
        for _ in 0..if has_keys { LOOKS_WITH_KEYS } else { LOOKS } {
            if kept.fetch != Fetch::Pending || self.age(kept.asked) >= LONGEST_FETCH {
                break;
            }
            self.outside.keeper.wait(PAUSE);
            kept = self.kept()?;
        }
        Ok(kept)
    }

    fn fetch(&self, before: Kept) -> Result<Kept, Missing> {
        let mut kept = Kept {
            asked: self.now,
            fetch: Fetch::Pending,
            ..before
        };
        self.keep(&kept)?;
        match self.ask() {
            Ok(keys) => {
                kept.keys = keys;
                kept.got = self.now;
                kept.fetch = Fetch::Done;
            }
            Err(why) => kept.fetch = Fetch::Failed(why),
        }
        // This token can be judged even so, and the next fetch is a minute away as it is.
        let _ = self.keep(&kept);
        Ok(kept)
    }

    fn ask(&self) -> Result<Vec<Key>, String> {
        let url = match self.jwks {
            Some(url) => url.to_owned(),
            None => self.discover()?,
        };
        let set = self.get(&url)?;
        let keys =
            Key::parse_set(&set).ok_or_else(|| format!("{url}: its answer is no key set"))?;
        if keys.is_empty() {
            return Err(format!("{url}: it has no key for RS256 or ES256"));
        }
        Ok(keys)
    }

    /// Where the issuer itself says that its keys are.
    fn discover(&self) -> Result<String, String> {
        let base = self.issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let document = Json::parse(&self.get(&url)?);
        let document = document.map_err(|_| format!("{url}: its answer is no JSON"))?;
        let text = |name| document.get(name).and_then(Json::text);
        if text("issuer") != Some(self.issuer) {
            return Err(format!("{url}: it is the document of another issuer"));
        }
        let jwks = text("jwks_uri").unwrap_or_default();
        let own = Address::parse(&url);
        let own_host = own.is_some_and(|own| {
            Address::parse(jwks).is_some_and(|address| {
                address.secure && own.authority.eq_ignore_ascii_case(address.authority)
            })
        });
        match own_host {
            true => Ok(jwks.to_owned()),
            false => Err(format!(
                "{url}: its `jwks_uri` is not on the issuer's own host: name it in the rule's `jwks`"
            )),
        }
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        match self.outside.get(url, Vec::new(), MOST)? {
            (200, body) => Ok(body),
            (status @ 300..=399, _) => Err(format!(
                "{url}: it answered {status}, and no redirect is followed"
            )),
            (status, _) => Err(format!("{url}: it answered {status}")),
        }
    }

    /// The name of what is kept: other addresses for the same issuer are other keys.
    fn name(&self) -> String {
        let source = format!("{}\n{}", self.issuer, self.jwks.unwrap_or_default());
        format!("keys-{}", hex::encode(&Sha256::digest(source)))
    }

    fn kept(&self) -> Result<Kept, Missing> {
        let value = self.outside.keeper.get(&self.name());
        let value = value.map_err(Missing::Store)?;
        // What can't be read is as if it were not there: it is fetched again.
        let kept = value.and_then(|value| Kept::parse(std::str::from_utf8(&value).ok()?));
        Ok(kept.unwrap_or(Kept {
            asked: i64::MIN,
            fetch: Fetch::Done,
            got: i64::MIN,
            keys: Vec::new(),
        }))
    }

    fn keep(&self, kept: &Kept) -> Result<(), Missing> {
        let text = kept.to_text();
        let kept = self.outside.keeper.set(&self.name(), text.as_bytes());
        kept.map_err(Missing::Store)
    }
}

impl Kept {
    /// Lines, as records have them, since they are read with every token.
    fn to_text(&self) -> String {
        let fetch = match &self.fetch {
            Fetch::Pending => "pending".to_owned(),
            Fetch::Done => "done".to_owned(),
            Fetch::Failed(why) => {
                let printable = why.chars().filter(|char| !char.is_control());
                format!("failed {}", printable.take(300).collect::<String>())
            }
        };
        let (asked, got) = (self.asked, self.got);
        let mut text = format!("{HEAD}\nasked {asked}\nfetch {fetch}\ngot {got}\n");
        for key in &self.keys {
            // Writing to a String can't fail.
            let _ = writeln!(text, "key {}", key.to_line());
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        lines.next().filter(|line| *line == HEAD)?;
        let mut value = |name| {
            let line = lines.next()?;
            line.strip_prefix(name)?.strip_prefix(' ')
        };
        let asked = value("asked")?.parse().ok()?;
        let fetch = match value("fetch")? {
            "pending" => Fetch::Pending,
            "done" => Fetch::Done,
            failed => Fetch::Failed(failed.strip_prefix("failed ")?.to_owned()),
        };
        let got = value("got")?.parse().ok()?;
        let keys = lines.map(|line| Key::from_line(line.strip_prefix("key ")?));
        Some(Kept {
            asked,
            fetch,
            got,
            keys: keys.collect::<Option<_>>()?,
        })
    }
}
