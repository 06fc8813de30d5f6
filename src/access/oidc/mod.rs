//! OpenID Connect: a token that an issuer signed, as GitLab CI (`id_tokens`) and GitHub Actions hand
//! to their jobs, so that CI publishes without a stored secret.
//!
//! In this order: the token is taken apart (`jwt`); its `iss` must be that of a rule (`rule`) before
//! anything is asked of anyone; its signature must be by a key of that issuer (`keys`, `jwks`); then
//! its time, its audience and its claims are compared. What is wrong with a token is told only from the
//! signature on, to one that the issuer made: nobody can try out the rules with made-up tokens.
//!
//! An issuer that is down gives 503, since the token may be right and whoever presents it can do
//! nothing but come back. It touches no other credential. No such token ever has the administrator
//! flag.

mod jwks;
mod jwt;
mod keys;
mod rule;

#[cfg(test)]
mod tests;

use super::Grant;
use super::outside::{Outside, store_failed};
use crate::http::{Failure, Kind};

use jwks::Key;
use jwt::Jwt;
use keys::{Keys, Missing};
pub use rule::Rule;

/// What a secret allows if it is a token of an issuer that a rule names. `None`: it is not.
///
/// # Errors
/// 401 for one that is refused, 503 when the issuer's keys can't be had.
pub fn judge(
    secret: &[u8],
    trust: &[Rule],
    outside: &Outside<'_>,
) -> Result<Option<Grant>, Failure> {
    if trust.is_empty() || !Jwt::has_form(secret) {
        return Ok(None);
    }
    let token = Jwt::parse(secret).map_err(refused)?;
    let issuer = token.text("iss").unwrap_or_default();
    let rules = || trust.iter().filter(|rule| rule.issuer == issuer);
    let Some(first) = rules().next() else {
        return Ok(None);
    };
    check_signature(&token, first, outside)?;
    token
        .check_time(outside.now.unix_seconds())
        .map_err(refused)?;
    let mut addressed = rules()
        .filter(|rule| rule.is_addressed_by(&token))
        .peekable();
    if addressed.peek().is_none() {
        return Err(refused("its audience is none that `trust` names"));
    }
    match addressed.find(|rule| rule.matches(&token)) {
        Some(rule) => Ok(Some(rule.grant(&token))),
        None => Err(refused("no rule of `trust` has its claims")),
    }
}

fn check_signature(token: &Jwt<'_>, rule: &Rule, outside: &Outside<'_>) -> Result<(), Failure> {
    let keys = Keys::new(&rule.issuer, rule.jwks.as_deref(), outside);
    let found = keys.for_token(token).map_err(|missing| match missing {
        Missing::Unknown => refused(
            "its issuer names no key that can have signed it; keys are fetched at most once a minute",
        ),
        Missing::Down(why) => {
            let issuer = &rule.issuer;
            let text = format!("the keys of {issuer} can't be had, which sign this token: {why}");
            Failure::new(Kind::NoVerdict, text)
        }
        Missing::Store(error) => store_failed(&error),
    })?;
    // Without a key id it is known which key is meant only where there is one.
    if token.key_id.is_none() && found.len() > 1 {
        return Err(refused("it has no `kid`, and its issuer has several keys"));
    }
    match found.iter().any(|key: &Key| key.signed(token)) {
        true => Ok(()),
        false => Err(refused("its signature is not its issuer's")),
    }
}

/// Whether a secret has the form of such a token, whoever made it.
pub(super) fn has_form(secret: &[u8]) -> bool {
    Jwt::has_form(secret)
}

pub(super) fn refused(why: &str) -> Failure {
    let text = format!("the OpenID Connect token presented is refused: {why}");
    Failure::new(Kind::Unauthorized, text)
}
