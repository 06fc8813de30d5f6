//! Who may do what: projects, tokens, how they arrive, and what they allow. Knows headers and settings, and
//! what is kept by a port (`kept`, `outside`); no route.
//!
//! The rules, which a table in the tests of `edge` holds for every combination:
//!
//! * A credential that is presented and wrong is refused (401) even where none is needed, so that a
//!   mistyped one is noticed.
//! * A project that is public is read by everybody, one that is internal with any valid token, one that
//!   is private with a token for it. (The job of a project that is not here has no token that counts.)
//!   One that is not enabled is there for nobody.
//! * Below GitLab's base a project that one may not see is as one that is not there: 401 without a
//!   token, 404 with one. A module that another project owns, or none, is a 404.
//! * Below the plain base the module's path finds the project. A path that none owns is a 404, so that
//!   the `go` command asks its next proxy; one of a project that one may not see is a 401 or, with a
//!   token, a 403, since a 404 would send the name on to that next proxy.
//! * Publishing takes a token for the project with a scope that includes it, else 403; the care of the
//!   store an administrator's.

mod credential;
pub mod format;
#[cfg(feature = "oidc")]
mod gitlab;
mod grant;
#[cfg(feature = "admin")]
pub mod kept;
#[cfg(feature = "oidc")]
pub mod oidc;
#[cfg(feature = "oidc")]
pub mod outside;
mod project;
#[cfg(test)]
mod seeds;
#[cfg(all(test, feature = "oidc"))]
mod testing;
mod token;

use std::rc::Rc;

use crate::http::{Failure, Headers, Kind};
use crate::json::{Json, NotJson};
use crate::settings::Settings;

pub use credential::{Credential, HEADERS, Malformed};
pub use grant::{Grant, Scope};
pub use project::{Project, Projects, Visibility};
pub use token::{Now, Token};

/// What a request is about, as far as access is concerned.
pub struct Place<'a> {
    /// Below GitLab's base: how it names the project, and the project of that name.
    pub named: Option<(&'a str, Option<&'a Project>)>,
    /// The path of the module; none for an upload that has not said which it is.
    pub module: Option<&'a str>,
    /// The project that owns the module.
    pub owner: Option<&'a Project>,
}

impl Place<'_> {
    /// Whether everybody gets the same answer here.
    pub fn is_open(&self) -> bool {
        match self.named {
            Some((_, project)) => {
                project.is_some_and(Project::is_open)
                    && self.other_state().is_none_or(Project::is_open)
            }
            None => self.owner.is_none_or(Project::is_open),
        }
    }

    /// Another state of the project that is named, by which it owns the module: one that is being
    /// changed in the store is met in two. Both have to allow what is asked.
    #[cfg(feature = "admin")]
    fn other_state(&self) -> Option<&Project> {
        let (_, named) = self.named?;
        let named = named?;
        let other = |owner: &&Project| owner.id == named.id && !std::ptr::eq(*owner, named);
        self.owner.filter(other)
    }

    #[cfg(not(feature = "admin"))]
    fn other_state(&self) -> Option<&Project> {
        None
    }
}

/// Looks outside the settings for what a secret allows.
pub type Elsewhere<'a> = dyn Fn(&Credential) -> Result<Option<Rc<Grant>>, Failure> + 'a;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    grant: Option<Rc<Grant>>,
    any_token_configured: bool,
}

impl Caller {
    /// Finds out who asks, from what the request presents. A token that the settings do not know is
    /// looked for `elsewhere`.
    ///
    /// # Errors
    /// 401 for a credential that is not valid now, or what `elsewhere` fails with.
    pub fn identify(
        headers: &Headers,
        settings: &Settings,
        now: Now,
        elsewhere: &Elsewhere,
    ) -> Result<Self, Failure> {
        let any_token_configured = !settings.tokens.is_empty();
        #[cfg(feature = "oidc")]
        let any_token_configured =
            any_token_configured || !settings.trust.is_empty() || !settings.gitlab.is_empty();
        #[cfg(feature = "admin")]
        let any_token_configured = any_token_configured || settings.admin;
        let mut grant = None;
        if let Some(credential) = Credential::presented(headers) {
            let credential = credential.map_err(|Malformed| unknown())?;
            let is_mistyped = format::is_mistyped(credential.secret());
            if !is_mistyped {
                grant = match Token::find(&settings.tokens, credential.sha256(), now) {
                    Some(token) => Some(Rc::clone(&token.grant)),
                    None => elsewhere(&credential)?,
                };
            }
            if grant.is_none() {
                return Err(match credential.is_of_job() && !is_mistyped {
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

    /// Who was given this, where tokens are configured.
    #[cfg(all(test, feature = "admin"))]
    fn with(grant: Option<&Grant>) -> Self {
        Caller {
            grant: grant.cloned().map(Rc::new),
            any_token_configured: true,
        }
    }

    /// Whether no credential was presented.
    #[cfg(feature = "admin")]
    pub fn is_anonymous(&self) -> bool {
        self.grant.is_none()
    }

    /// Whether they may read in this place, or write.
    ///
    /// # Errors
    /// As the rules above say; 403 too for a write where no tokens are configured.
    pub fn may(&self, place: &Place, writes: bool) -> Result<(), Failure> {
        if writes {
            self.require_grant()?;
        }
        let Some((name, named)) = place.named else {
            return self.may_by_path(place, writes);
        };
        let other = place.other_state();
        let sees =
            |project: &&Project| self.sees(project) && other.is_none_or(|state| self.sees(state));
        let Some(project) = named.filter(sees) else {
            self.require_token()?;
            let text = format!("there is no project {name:?} here");
            return Err(Failure::new(Kind::NotFound, text));
        };
        if writes {
            self.may_write(project)?;
            other.map_or(Ok(()), |state| self.may_write(state))?;
        }
        match place.module {
            Some(module) if place.owner.is_none_or(|owner| owner.id != project.id) => {
                let text = format!("{module}: not a module of the project {name:?}");
                Err(Failure::new(Kind::NotFound, text))
            }
            _ => Ok(()),
        }
    }

    fn may_by_path(&self, place: &Place, writes: bool) -> Result<(), Failure> {
        let Some(module) = place.module else {
            return self.may_write_somewhere();
        };
        let Some(owner) = place.owner else {
            let text = format!("{module}: no project here has this path");
            return Err(Failure::new(Kind::NotFound, text));
        };
        if !self.sees(owner) {
            let grant = self.require_token()?;
            return Err(forbidden(grant, &format!("{module} is not for it")));
        }
        match writes {
            true => self.may_write(owner),
            false => Ok(()),
        }
    }

    /// Whether a project is there for them.
    pub fn sees(&self, project: &Project) -> bool {
        let grant = self.grant.as_deref();
        project.enabled
            && match project.visibility {
                Visibility::Public => true,
                Visibility::Internal => grant.is_some_and(|grant| !grant.guest),
                Visibility::Private => grant.is_some_and(|grant| grant.names_project(project)),
            }
    }

    fn may_write_somewhere(&self) -> Result<(), Failure> {
        let grant = self.require_grant()?;
        match grant.scopes.iter().any(|scope| scope.may_write()) {
            true => Ok(()),
            false => Err(forbidden(
                grant,
                "it has no scope to publish: that takes `write_package_registry` or `api`",
            )),
        }
    }

    fn may_write(&self, project: &Project) -> Result<(), Failure> {
        self.may_write_somewhere()?;
        let grant = self.require_grant()?;
        if !grant.names_project(project) {
            let text = format!("it is not for the project {}", project.path);
            return Err(forbidden(grant, &text));
        }
        Ok(())
    }

    /// Whether they may care for the store.
    ///
    /// # Errors
    /// 401 without a token, 403 with one that does not give the right, or when none is configured.
    pub fn may_administer(&self) -> Result<&Grant, Failure> {
        let grant = self.require_grant()?;
        if !grant.admin || !grant.scopes.contains(&Scope::Api) {
            return Err(forbidden(
                grant,
                "this takes the scope `api` and the administrator flag",
            ));
        }
        Ok(grant)
    }

    fn require_grant(&self) -> Result<&Grant, Failure> {
        if self.grant.is_none() && !self.any_token_configured {
            let text = "no tokens are configured, so nothing can be published: the operator sets \
                        `tokens`";
            return Err(Failure::new(Kind::Forbidden, text));
        }
        self.require_token()
    }

    fn require_token(&self) -> Result<&Grant, Failure> {
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

/// The JSON list of a setting.
fn list_of(json: &str) -> Result<Vec<Json>, String> {
    if json == "[]" {
        return Ok(Vec::new());
    }
    match Json::parse(json.as_bytes()) {
        Ok(Json::List(list)) => Ok(list),
        Ok(_) => Err("it is not a JSON list".to_owned()),
        Err(NotJson { line, column }) => {
            Err(format!("it is not JSON (line {line}, column {column})"))
        }
    }
}
