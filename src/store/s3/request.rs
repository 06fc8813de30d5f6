//! One request to the object store: signed, sent, tried again where that can help, and what its answer
//! means in the words of whoever runs the store. No word of these holds an address that was signed.

use std::io;
use std::time::{Duration, Instant};

use super::sign::{self, Target};
use super::{S3, xml};
use crate::http::client::{Incoming, Outgoing, Payload, Unanswered};
use crate::http::{Method, Source};
use crate::module::Timestamp;
use crate::store::Error;

/// How often a request is sent at most.
const ATTEMPTS: u32 = 5;
/// Once attempts in vain have cost more than this, there is no other. Hosts give an answer some 30 seconds.
const LOST_AT_MOST: Duration = Duration::from_secs(10);
/// The longest wait before the second attempt; it doubles with each.
const FIRST_WAIT: u64 = 100;
/// How long the store may be silent. A host's own limit for a request may be 30 seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same where it may first have to copy, or to put together, 500 MB.
const PATIENCE_FOR_WORK: Duration = Duration::from_secs(25);
/// How long a signed request is good for, in seconds: a clock may be off by that much.
const SIGNED_FOR: u64 = 900;
/// For so many seconds a signed address is used again: it must be good for longer than clocks differ.
const KEPT_FOR: i64 = 60;
/// A clock that is off by more than this is to blame for a refusal, in seconds (S3 allows 900).
const SKEW: i64 = 600;
/// As many requests are under way at once.
#[cfg(feature = "admin")]
const AT_ONCE: usize = 32;
/// The most that is read of an answer that is text: a page of a list has 1,000 keys of 1,024 bytes.
const LARGEST_TEXT: usize = 8 << 20;

/// What is asked.
pub(super) struct Ask<'a> {
    pub method: Method,
    /// None: of the bucket.
    pub key: Option<&'a str>,
    /// Sorted by name.
    pub query: Vec<(&'a str, &'a str)>,
    pub headers: Vec<(&'a str, String)>,
    pub body: Option<&'a [u8]>,
    /// Whether the store has to copy bytes, or to put them together.
    is_work: bool,
    /// Whether the same may be asked soon again, so that its signed address is worth keeping.
    is_usual: bool,
}

impl<'a> Ask<'a> {
    pub fn new(method: Method, key: impl Into<Option<&'a str>>) -> Self {
        Ask {
            method,
            key: key.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            is_work: false,
            is_usual: false,
        }
    }

    /// The same, which has the store copy bytes or put them together. Some answer when they are done; others
    /// at once, and what failed then stands in the text of a 200.
    pub fn of_work(self) -> Self {
        Ask {
            is_work: true,
            ..self
        }
    }

    /// How long the store may be silent.
    fn patience(&self) -> Duration {
        match self.is_work {
            true => PATIENCE_FOR_WORK,
            false => PATIENCE,
        }
    }

    /// The same, which is asked often. Nothing of its fields may be signed.
    pub fn usual(self) -> Self {
        Ask {
            is_usual: true,
            ..self
        }
    }

    pub fn query(mut self, query: &[(&'a str, &'a str)]) -> Self {
        self.query = query.to_vec();
        self
    }

    pub fn header(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(mut self, body: &'a [u8]) -> Self {
        self.body = Some(body);
        self
    }
}

impl S3 {
    /// Sends a request, again where the store is busy or the connection broke. The answer may be any
    /// that another attempt would not change. What it has of an object is still to be read.
    pub(super) fn send(&self, ask: &Ask<'_>) -> Result<Incoming, Error> {
        self.send_and_read(ask, &|status| !matches!(status, 200 | 206))
    }

    /// The same, with the text of an answer of such a status: one that breaks off in it is no answer.
    pub(super) fn send_and_read(
        &self,
        ask: &Ask<'_>,
        is_text: &dyn Fn(u16) -> bool,
    ) -> Result<Incoming, Error> {
        let mut attempt = 0;
        loop {
            let begun = Instant::now();
            let why = match self.send_once(ask) {
                Ok(answer) => match self.read(answer, is_text, ask.is_work) {
                    Ok(answer) if !passes(answer.status) => return Ok(answer),
                    Ok(answer) => match self.refusal(ask, answer) {
                        Refusal::Final(error) => return Err(error),
                        Refusal::Passing(error) => error,
                    },
                    Err(Refusal::Final(error)) => return Err(error),
                    Err(Refusal::Passing(error)) => error,
                },
                Err(broken @ (Unanswered::Unreachable(_) | Unanswered::Nonsense(_))) => {
                    self.unanswered(&broken)
                }
                Err(other) => return Err(self.unanswered(&other)),
            };
            attempt += 1;
            let most = FIRST_WAIT << attempt.min(5);
            let wait = Duration::from_millis(self.entropy.random() % most);
            if attempt == ATTEMPTS || !self.can_lose(begun.elapsed() + wait) {
                return Err(why);
            }
            self.entropy.wait(wait);
        }
    }

    /// Reads an answer of such a status whole. One `of_work` may be a failure whatever its status.
    fn read(
        &self,
        answer: Incoming,
        is_text: &dyn Fn(u16) -> bool,
        of_work: bool,
    ) -> Result<Incoming, Refusal> {
        if !is_text(answer.status) {
            return Ok(answer);
        }
        let mut body = answer.body;
        let mut text = Vec::new();
        let broken = |error| match Error::from_io(error) {
            Error::TimedOut(why) => Refusal::Final(Error::TimedOut(self.words(&why))),
            Error::Unavailable(why) => {
                let what = format!("its answer broke off: {why}");
                Refusal::Passing(Error::Unavailable(self.words(&what)))
            }
            other => Refusal::Final(other),
        };
        while let Some(piece) = body.next().map_err(broken)? {
            text.extend_from_slice(&piece);
            if text.len() > LARGEST_TEXT {
                let endless = self.words("its answer has no end");
                return Err(Refusal::Final(Error::Unavailable(endless)));
            }
        }
        if of_work
            && answer.status == 200
            && let Some(why) = std::str::from_utf8(&text).ok().and_then(failure_in)
        {
            return Err(Refusal::Passing(Error::Unavailable(self.words(&why))));
        }
        Ok(Incoming {
            body: Box::new(Text(text)),
            ..answer
        })
    }

    /// Counts what an attempt in vain has cost, and tells whether there is time for another.
    fn can_lose(&self, time: Duration) -> bool {
        let lost = self.lost.get().saturating_add(time);
        self.lost.set(lost);
        lost <= LOST_AT_MOST
    }

    /// Whether a body that broke off is to be gone on with. One that was late has cost as long as we wait.
    pub(super) fn can_go_on(&self, why: &io::Error) -> bool {
        self.can_lose(match why.kind() {
            io::ErrorKind::TimedOut => PATIENCE,
            _ => Duration::ZERO,
        })
    }

    fn signed(&self, ask: &Ask<'_>, now: i64) -> Option<String> {
        let target = Target {
            method: ask.method.clone(),
            key: ask.key,
            query: &ask.query,
            headers: &ask.headers,
            seconds: SIGNED_FOR,
        };
        sign::address(&self.config, &target, now)
    }

    fn send_once(&self, ask: &Ask<'_>) -> Result<Incoming, Unanswered> {
        let now = self.entropy.unix_seconds();
        let usual = ask.key.filter(|_| ask.is_usual);
        let kept = usual.and_then(|key| self.config.signed_lately.find(key));
        let kept = kept.filter(|(at, _)| is_still_good(*at, now));
        let is_new = kept.is_none();
        let url = kept.map_or_else(|| self.signed(ask, now), |(_, url)| Some(url));
        let url = url.ok_or(Unanswered::BadAddress)?;
        let answer = self.client.send(Outgoing {
            method: ask.method.clone(),
            url: &url,
            headers: ask.headers.clone(),
            body: match ask.body {
                None => Payload::Nothing,
                Some(bytes) => Payload::Bytes(bytes),
            },
            patience: ask.patience(),
        })?;
        if let Some(key) = usual.filter(|_| is_new && answer.status == 200) {
            // Only of what is there: that of a version about to be published would lie in the midst of the
            // memory that its upload needs.
            self.config.signed_lately.keep(key.to_owned(), (now, url));
        }
        Ok(answer)
    }

    /// The objects under these keys, in their order: asked for all at once, so that many take no longer
    /// than one.
    #[cfg(feature = "admin")]
    pub(super) fn read_all(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let mut found = Vec::with_capacity(keys.len());
        let now = self.entropy.unix_seconds();
        for keys in keys.chunks(AT_ONCE) {
            let urls = keys
                .iter()
                .map(|key| self.signed(&Ask::new(Method::Get, key.as_str()), now));
            let urls: Option<Vec<String>> = urls.collect();
            let urls = urls.ok_or_else(|| self.unanswered(&Unanswered::BadAddress))?;
            let requests = urls
                .iter()
                .map(|url| Outgoing::new(Method::Get, url, PATIENCE));
            let answers = self.client.send_all(requests.collect());
            for (key, answer) in keys.iter().zip(answers) {
                let whole = match answer {
                    Ok(answer) if answer.status == 200 => {
                        self.knows_us.set(true);
                        answer.body.into_bytes().ok()
                    }
                    Ok(answer) if answer.status == 404 => match self.missing(answer) {
                        Ok(_) => {
                            found.push(None);
                            continue;
                        }
                        Err(_) => None,
                    },
                    _ => None,
                };
                // Where the store was busy or the connection broke it is asked as for any other.
                found.push(match whole {
                    Some(bytes) => Some(bytes),
                    None => self.read_whole(key)?,
                });
            }
        }
        Ok(found)
    }

    /// Sends a request whose answer is text.
    pub(super) fn ask_text(&self, ask: &Ask<'_>) -> Result<(u16, String), Error> {
        let answer = self.send_and_read(ask, &|_| true)?;
        self.said(ask, answer)
    }

    /// The text of an answer to a request.
    pub(super) fn said(&self, ask: &Ask<'_>, answer: Incoming) -> Result<(u16, String), Error> {
        match answer.status {
            404 => self.missing(answer).map(|text| (404, text)),
            status @ (200 | 204 | 412) => {
                let text = self.text_of(answer)?;
                self.knows_us.set(true);
                Ok((status, text))
            }
            _ => Err(self.refused(ask, answer)),
        }
    }

    /// Reads an answer that is text.
    pub(super) fn text_of(&self, answer: Incoming) -> Result<String, Error> {
        let answer = self.read(answer, &|_| true, false);
        let answer = answer.map_err(Refusal::into_error)?;
        let bytes = answer.body.into_bytes().map_err(Error::from_io)?;
        String::from_utf8(bytes)
            .map_err(|_| Error::Unavailable(self.words("its answer is no text")))
    }

    /// The text of a 404 that says that what was asked for is not there. Any other 404 is a failure
    /// of the store, and must not become one of ours.
    pub(super) fn missing(&self, answer: Incoming) -> Result<String, Error> {
        let status = answer.status;
        let text = self.text_of(answer)?;
        match code_of(&text).as_str() {
            "NoSuchKey" | "NoSuchVersion" | "NoSuchUpload" | "NotFound" => {
                self.knows_us.set(true);
                Ok(text)
            }
            _ => Err(self.refusal_of(status, &text, None).into_error()),
        }
    }

    /// What an answer means that nothing can be done with.
    pub(super) fn refused(&self, ask: &Ask<'_>, answer: Incoming) -> Error {
        self.refusal(ask, answer).into_error()
    }

    fn refusal(&self, ask: &Ask<'_>, answer: Incoming) -> Refusal {
        let status = answer.status;
        let skew = self.skew(&answer);
        let region = answer.headers.get("x-amz-bucket-region");
        let region = region.map(|region| word(&region));
        let text = match ask.method {
            Method::Head => String::new(),
            _ => self.text_of(answer).unwrap_or_default(),
        };
        if let Some(skew) = skew.filter(|_| status == 403) {
            return Refusal::Final(Error::Refused(self.words(&format!(
                "it refuses because this host's clock is {} minutes {}",
                (skew.abs() + 30) / 60,
                if skew > 0 { "behind" } else { "ahead" }
            ))));
        }
        self.refusal_of(status, &text, region)
    }

    fn refusal_of(&self, status: u16, text: &str, region: Option<String>) -> Refusal {
        let code = code_of(text);
        let region = region.or_else(|| xml::text(text, "Region").map(|it| word(&it)));
        let refused = |why: &str| Refusal::Final(Error::Refused(self.words(why)));
        match code.as_str() {
            "RequestTimeTooSkewed" => return refused("it refuses because of this host's clock"),
            "InvalidAccessKeyId" | "XAdminUserNotFound" => {
                return refused("it does not know the key (`s3_access_key`)");
            }
            "SignatureDoesNotMatch" => {
                return refused(
                    "the signature is wrong: `s3_secret_key` does not belong to `s3_access_key`",
                );
            }
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                return refused("the session has expired or is none (`s3_session_token`)");
            }
            "NoSuchBucket" => {
                let why = format!("it has no bucket `{}` (`s3_bucket`)", self.config.bucket);
                return refused(&why);
            }
            "OperationAborted" | "ConditionalRequestConflict" => {
                let why = "another writer is at the same object";
                return Refusal::Passing(Error::Unavailable(self.words(why)));
            }
            _ => {}
        }
        let elsewhere = ["AuthorizationHeaderMalformed", "IncorrectRegion"];
        // A refusal of rights may name a bucket or a key that has the word in it.
        let may_be_region = code != "AccessDenied" && matches!(status, 400 | 403);
        let names_region = may_be_region && text.contains("region");
        if matches!(status, 301 | 307) || elsewhere.contains(&code.as_str()) || names_region {
            return refused(&match region {
                Some(region) => format!("the bucket's region is {region} (`s3_region`)"),
                None => "the bucket is in another region (`s3_region`), or at another address \
                         (`s3_endpoint`)"
                    .to_owned(),
            });
        }
        let told = match code.as_str() {
            "" => format!("it answered {status}"),
            code => format!("it answered {status} {code}"),
        };
        match status {
            401 | 403 => refused(&format!(
                "{told}: these credentials may not do this (without the right to list, what is not \
                 there is refused too)"
            )),
            _ if passes(status) => Refusal::Passing(Error::Unavailable(self.words(&told))),
            // A store names what it misses; whatever else is at this address does not.
            404 if code.is_empty() => Refusal::Final(Error::Unavailable(self.words(&format!(
                "{told} without a word of what is missing: it may be no object store (`s3_endpoint`)"
            )))),
            400..=499 => refused(&told),
            _ => Refusal::Final(Error::Unavailable(self.words(&format!(
                "{told}, which no object store says (`s3_endpoint`)"
            )))),
        }
    }

    /// How many seconds our clock is behind that of the store, where it is far off.
    fn skew(&self, answer: &Incoming) -> Option<i64> {
        let date = http_date(&answer.headers.get("date")?)?;
        let behind = date - self.entropy.unix_seconds();
        (behind.abs() > SKEW).then_some(behind)
    }

    fn unanswered(&self, why: &Unanswered) -> Error {
        let text = self.words(&why.to_string());
        match why {
            Unanswered::TimedOut => Error::TimedOut(text),
            Unanswered::Denied | Unanswered::Untrusted(_) => Error::Refused(text),
            _ => Error::Unavailable(text),
        }
    }

    /// A sentence about the store, which says which it is.
    pub(super) fn words(&self, what: &str) -> String {
        format!("{}: {what}", self.config.server())
    }
}

/// The text of an answer, which has been read.
struct Text(Vec<u8>);

impl Source for Text {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let text = std::mem::take(&mut self.0);
        Ok((!text.is_empty()).then_some(text))
    }
}

enum Refusal {
    /// Another attempt may end otherwise.
    Passing(Error),
    Final(Error),
}

impl Refusal {
    fn into_error(self) -> Error {
        match self {
            Refusal::Passing(error) | Refusal::Final(error) => error,
        }
    }
}

/// Whether an address that was signed then is used now. (A clock may have been set back.)
fn is_still_good(at: i64, now: i64) -> bool {
    (0..KEPT_FOR).contains(&(now - at))
}

fn passes(status: u16) -> bool {
    matches!(status, 409 | 429 | 500 | 502 | 503 | 504)
}

/// The code of the failure that an answer is, whatever its status.
fn failure_in(text: &str) -> Option<String> {
    xml::text(text, "Error").map(|_| code_of(text))
}

fn code_of(text: &str) -> String {
    xml::text(text, "Code").map_or_else(String::new, |code| word(&code))
}

/// As much of what the store says as may stand in a message: one word.
fn word(text: &str) -> String {
    let fine = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    text.chars().take_while(fine).take(64).collect()
}

/// Seconds since 1970 of an `IMF-fixdate` (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_ascii_whitespace().skip(1);
    let day = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = (1..).zip(MONTHS).find(|(_, name)| *name == month)?.0;
    let year = words.next()?.parse().ok()?;
    let mut time = words.next()?.split(':').map(|part| part.parse().ok());
    let time = [time.next()??, time.next()??, time.next()??];
    Timestamp::from_utc([year, month, day], time).map(|time| time.unix_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        let seconds = http_date("Fri, 24 May 2013 00:00:01 GMT");
        assert_eq!(seconds, Some(1_369_353_601));
        for nonsense in [
            "",
            "Fri, 24 May",
            "Fri, 24 Foo 2013 00:00:01 GMT",
            "1 2 3 4 5",
        ] {
            assert_eq!(http_date(nonsense), None, "{nonsense}");
        }
    }
}
