//! Lets a request in: finds its project and who asks, has `access` decide, and sees to it that no cache
//! gives to others what only some may have.

use std::borrow::Cow;

#[cfg(feature = "oidc")]
use crate::access::outside::{self, Outside};
use crate::access::{Caller, Credential, Grant, HEADERS, Place, Project};
use crate::http::{Failure, Request, Response};
use crate::module::ModulePath;
use crate::proxy::route::Resource;

use super::{Edge, allow_method};

/// A request that was let in.
pub(super) struct Admitted<'a> {
    caller: &'a Caller<'a>,
    /// The project's name in GitLab's base.
    named: Option<&'a str>,
    /// Below GitLab's base, whether the project names prefixes: a path below one may be no module.
    pub has_prefixes: bool,
}

impl Admitted<'_> {
    /// Whether they may publish a module of which nothing was known before.
    pub fn upload(&self, edge: &Edge, module: &ModulePath) -> Result<(), Failure> {
        let found = edge.projects(self.named, Some(module))?;
        let place = found.place(self.named, Some(module));
        self.caller.may(&place, true)
    }
}

/// The projects that a request is about, from the settings and the store.
pub(super) struct Found<'a> {
    pub named: Option<Cow<'a, Project>>,
    pub owner: Option<Cow<'a, Project>>,
}

impl Found<'_> {
    fn place<'a>(&'a self, named: Option<&'a str>, module: Option<&'a ModulePath>) -> Place<'a> {
        Place {
            named: named.map(|name| (name, self.named.as_deref())),
            module,
            owner: self.owner.as_deref(),
        }
    }
}

impl Edge<'_> {
    /// Answers a request below one of the two bases.
    pub(super) fn in_project(
        &self,
        named: Option<&str>,
        resource: &Resource,
        request: &mut Request,
    ) -> Result<Response, Failure> {
        allow_method(resource, request, self.settings.presigns())?;
        let caller = self.identify(request)?;
        let found = self.projects(named, resource.module())?;
        let place = found.place(named, resource.module());
        let admitted = Admitted {
            caller: &caller,
            named,
            has_prefixes: found
                .named
                .as_ref()
                .is_some_and(|project| !project.modules.is_empty()),
        };
        let answer = caller
            .may(&place, !request.method.is_read())
            .and_then(|()| self.serve(resource, request, &admitted));
        match answer {
            answer if place.is_open() => answer,
            Ok(response) => Ok(for_one_only(response)),
            // What the operator must mend no cache keeps anyway, and the log is to name it.
            Err(failure) if failure.kind.status().0 >= 500 => Err(failure),
            Err(failure) => Ok(failure.response(None)),
        }
    }

    pub(super) fn identify(&self, request: &Request) -> Result<Caller<'_>, Failure> {
        let elsewhere = |credential: &Credential| self.judge(credential);
        Caller::identify(&request.headers, self.settings, &|| self.now(), &elsewhere)
    }

    /// What a credential that the settings do not know allows: as the store has it, or by those who
    /// can judge it.
    fn judge(&self, credential: &Credential) -> Result<Option<Grant>, Failure> {
        #[cfg(feature = "admin")]
        if self.settings.admin
            && let Some(grant) = self.kept().token(credential.secret(), self.now())?
        {
            return Ok(Some(grant));
        }
        self.judge_elsewhere(credential)
    }

    #[cfg(feature = "oidc")]
    fn judge_elsewhere(&self, credential: &Credential) -> Result<Option<Grant>, Failure> {
        let client = self.host.client();
        let outside = Outside {
            client: &*client,
            keeper: self,
            now: self.now(),
        };
        outside::judge(credential, self.settings, &outside)
    }

    #[cfg(not(feature = "oidc"))]
    fn judge_elsewhere(&self, _: &Credential) -> Result<Option<Grant>, Failure> {
        Ok(None)
    }

    fn projects(
        &self,
        named: Option<&str>,
        module: Option<&ModulePath>,
    ) -> Result<Found<'_>, Failure> {
        let projects = &self.settings.projects;
        let owner = module.and_then(|module| projects.owner(module.as_str()));
        let found = Found {
            named: named
                .and_then(|name| projects.named(name))
                .map(Cow::Borrowed),
            owner: owner.map(|(project, _)| Cow::Borrowed(project)),
        };
        #[cfg(feature = "admin")]
        if self.settings.admin {
            // Of a project that everybody sees it may be known that the store was not asked for it.
            let ask = |_: &&str| !found.named.as_deref().is_some_and(Project::is_open);
            let reach = owner.map(|(_, reach)| reach);
            let module = module.map(ModulePath::as_str);
            let kept = self.kept().find(named.filter(ask), module, reach)?;
            return Ok(Found {
                named: found.named.or(kept.named.map(Cow::Owned)),
                owner: kept.owner.or(found.owner),
            });
        }
        Ok(found)
    }
}

/// Keeps an answer from whoever presents another credential, or none.
fn for_one_only(mut response: Response) -> Response {
    for (name, value) in &mut response.headers {
        if *name == "cache-control"
            && let Some(rest) = value.strip_prefix("public")
        {
            *value = format!("private{rest}");
        }
    }
    response.with("vary", HEADERS)
}
