//! Credentials that others judge: a token that an issuer signed (`oidc`), the token of a CI job that
//! its GitLab knows (`gitlab`). Here is what both need of the world, as ports.
//!
//! Whoever is asked may be down, slow or hostile: an answer has a time and a size that it may take, no
//! redirect is followed, and a failure is one of this credential alone.

use std::time::{Duration, Instant};

use super::credential::Credential;
use super::{Grant, gitlab, oidc};
use crate::http::client::{Client, Outgoing};
use crate::http::{Failure, Method};
use crate::module::Timestamp;
use crate::settings::Settings;
use crate::store;

/// How long to wait for a connection, for the head of an answer, or between two of its pieces.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long a body may take, however steadily it drips.
const BODY_TIME: Duration = Duration::from_secs(4);

/// Keeps what was learnt from others, for the next request.
pub trait Keeper {
    /// What is kept under a name.
    ///
    /// # Errors
    /// The store's.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, store::Error>;
    /// Keeps something under a name, over what is there.
    ///
    /// # Errors
    /// The store's.
    fn set(&self, name: &str, value: &[u8]) -> Result<(), store::Error>;
    /// Waits until another request may have kept something.
    fn wait(&self, time: Duration);
}

/// The world as those who judge need it.
pub struct Outside<'a> {
    /// The way to other servers.
    pub client: &'a dyn Client,
    /// What is kept.
    pub keeper: &'a dyn Keeper,
    /// The time.
    pub now: Timestamp,
}

impl Outside<'_> {
    /// Asks a server for something small.
    ///
    /// # Errors
    /// Why there is no whole answer; never anything of the request but its address.
    pub(super) fn get(
        &self,
        url: &str,
        headers: Vec<(&str, String)>,
        most: usize,
    ) -> Result<(u16, Vec<u8>), String> {
        let mut request = Outgoing::new(Method::Get, url, PATIENCE);
        request.headers = headers;
        request
            .headers
            .push(("accept", "application/json".to_owned()));
        let sent = self.client.send(request);
        let mut answer = sent.map_err(|why| format!("{url}: {why}"))?;
        let begun = Instant::now();
        let mut body = Vec::new();
        loop {
            match answer.body.next() {
                Ok(None) => return Ok((answer.status, body)),
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Err(error) => return Err(format!("{url}: its answer broke off: {error}")),
            }
            if body.len() > most {
                return Err(format!("{url}: its answer is longer than {most} bytes"));
            }
            if begun.elapsed() > BODY_TIME {
                return Err(format!("{url}: its answer did not end in time"));
            }
        }
    }
}

/// What a credential allows that is none of our own tokens. `None`: nobody else can know it either. Whether
/// there is a project of some full path, `is_here` knows: for the project that is there only because none
/// was configured the answer is no.
///
/// # Errors
/// 401 for one that is refused, 503 where whoever must judge it does not answer, and those of `is_here`.
pub fn judge(
    credential: &Credential,
    settings: &Settings,
    outside: &Outside<'_>,
    is_here: &dyn Fn(&str) -> Result<bool, Failure>,
) -> Result<Option<Grant>, Failure> {
    let secret = credential.secret();
    let of_job = credential.is_of_job() && !settings.gitlab.is_empty();
    let signed = oidc::judge(secret, &settings.trust, outside);
    match &signed {
        // The token of a job may be signed too, and be none of those that `trust` is about.
        Ok(None) => {}
        Err(_) if of_job => {}
        _ => return signed,
    }
    if of_job {
        let judged = gitlab::judge(secret, &settings.gitlab, outside);
        // Where neither takes it, who could have is whom its form tells.
        let mut grant = judged.map_err(|failure| signed.err().unwrap_or(failure))?;
        for path in &grant.projects {
            grant.guest |= !is_here(path)?;
        }
        if grant.guest {
            grant.projects.clear();
        }
        return Ok(Some(grant));
    }
    match oidc::has_form(secret) {
        true => Err(oidc::refused("no rule of `trust` names its issuer")),
        false => Ok(None),
    }
}

/// A failure of the store while judging.
pub(super) fn store_failed(error: &store::Error) -> Failure {
    let text = format!("the credential can't be judged: {error}");
    Failure::new(error.kind_of_own(), text)
}
