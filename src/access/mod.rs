//! Who may do what: tokens, how they arrive, and what they allow. Knows headers and settings, no
//! store and no route.
//!
//! Reading is open. Writing takes a token with a scope that includes it and a project that it names;
//! the care of the store an administrator's. A credential that is presented and wrong is refused even
//! where none is needed, so that a mistyped one is noticed.

mod credential;
#[cfg(feature = "oidc")]
mod gitlab;
mod grant;
#[cfg(feature = "oidc")]
pub mod oidc;
#[cfg(feature = "oidc")]
pub mod outside;
#[cfg(all(test, feature = "oidc"))]
mod testing;
mod token;

use std::borrow::Cow;

use crate::http::{Failure, Headers, Kind};
use crate::module::Timestamp;
use crate::settings::Settings;

pub use credential::{Credential, Malformed};
pub use grant::{Grant, Scope};
pub use token::Token;

/// A project: what GitLab's API addresses. There is one, public, that serves whatever is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its number.
    pub id: &'static str,
    /// Its full path.
    pub path: &'static str,
}

/// The one project.
pub const DEFAULT_PROJECT: Project = Project {
    id: "1",
    path: "default/modules",
};

impl Project {
    /// Whether a client names it so, by its number or its full path.
    pub fn is_named(&self, name: &str) -> bool {
        name == self.id || name == self.path
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller<'a> {
    grant: Option<Cow<'a, Grant>>,
    any_token_configured: bool,
}

impl<'a> Caller<'a> {
    /// Finds out who asks, from what the request presents.
    ///
    /// # Errors
    /// 401 for a credential that is not valid now; 503 where whoever must judge it does not answer.
    pub fn identify(
        headers: &Headers,
        settings: &'a Settings,
        now: Timestamp,
        #[cfg(feature = "oidc")] outside: &outside::Outside<'_>,
    ) -> Result<Self, Failure> {
        let any_token_configured = !settings.tokens.is_empty();
        #[cfg(feature = "oidc")]
        let any_token_configured =
            any_token_configured || !settings.trust.is_empty() || !settings.gitlab.is_empty();
        let mut grant = None;
        if let Some(credential) = Credential::presented(headers) {
            let credential = credential.map_err(|Malformed| unknown())?;
            grant = Token::find(&settings.tokens, credential.secret(), now)
                .map(|token| Cow::Borrowed(&token.grant));
            #[cfg(feature = "oidc")]
            if grant.is_none() {
                grant = outside::judge(&credential, settings, outside)?.map(Cow::Owned);
            }
            if grant.is_none() {
                return Err(match credential.is_of_job() {
                    true => unknown_job(),
                    false => unknown(),
                });
            }
        }
        Ok(Caller {
            grant,
            any_token_configured,
        })
    }

    /// Whether they may publish to a project.
    ///
    /// # Errors
    /// 401 without a token, 403 with one that does not give the right, or when none is configured.
    pub fn may_write(&self, project: &Project) -> Result<(), Failure> {
        let grant = self.require_grant()?;
        if !grant.scopes.iter().any(|scope| scope.may_write()) {
            return Err(forbidden(
                grant,
                "it has no scope to publish: that takes `write_package_registry` or `api`",
            ));
        }
        if !grant.names_project(project) {
            let text = format!("it is not for the project {}", project.path);
            return Err(forbidden(grant, &text));
        }
        Ok(())
    }

    /// Whether they may care for the store.
    ///
    /// # Errors
    /// As [`Caller::may_write`].
    pub fn may_administer(&self) -> Result<(), Failure> {
        let grant = self.require_grant()?;
        if !grant.admin || !grant.scopes.contains(&Scope::Api) {
            return Err(forbidden(
                grant,
                "this takes the scope `api` and the administrator flag",
            ));
        }
        Ok(())
    }

    fn require_grant(&self) -> Result<&Grant, Failure> {
        if !self.any_token_configured {
            let text = "no tokens are configured, so nothing can be published: the operator sets \
                        `tokens`";
            return Err(Failure::new(Kind::Forbidden, text));
        }
        self.grant.as_deref().ok_or_else(|| {
            let text = "this takes a token: as the password of HTTP Basic, as `Authorization: \
                        Bearer`, or as `Private-Token`, `Job-Token` or `Deploy-Token`";
            Failure::new(Kind::Unauthorized, text)
        })
    }
}

fn unknown() -> Failure {
    let text = "the token presented is unknown, expired or malformed: check .netrc, the address in \
                GOPROXY, or the header that carries it";
    Failure::new(Kind::Unauthorized, text)
}

fn unknown_job() -> Failure {
    let text = "the job token presented is unknown: only its GitLab can judge the token of a CI job, \
                and the setting `gitlab` names none; let the job present an OpenID Connect token \
                (`id_tokens` in .gitlab-ci.yml), which the setting `trust` admits";
    Failure::new(Kind::Unauthorized, text)
}

fn forbidden(grant: &Grant, why: &str) -> Failure {
    Failure::new(
        Kind::Forbidden,
        format!("the token `{}`: {why}", grant.name),
    )
}
