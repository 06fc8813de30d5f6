//! Lets a request in: finds its project and who asks, has `access` decide, and sees to it that no cache
//! gives to others what only some may have.

use std::rc::Rc;

#[cfg(feature = "admin")]
use crate::access::kept::{self, Asked};
#[cfg(feature = "oidc")]
use crate::access::outside::{self, Outside};
use crate::access::{Caller, Credential, Grant, HEADERS, Place, Project};
use crate::http::{Failure, Request, Response};
use crate::module::ModulePath;
use crate::proxy::route::{Nothing, Resource};

use super::{Edge, allow_method, names_nothing};

/// A request that was let in.
pub(super) struct Admitted<'a> {
    caller: &'a Caller,
    /// The project's name in GitLab's base.
    named: Option<&'a str>,
    /// Below GitLab's base, whether the project names prefixes: a path below one may be no module. (Of one
    /// that is kept it is known with the module that it owns.)
    pub has_prefixes: bool,
}

impl Admitted<'_> {
    /// Whether they may publish a module of which nothing was known before.
    pub fn upload(&self, edge: &Edge, module: &ModulePath) -> Result<(), Failure> {
        let look = Look::new(edge, self.named, Some(module.as_str()), false);
        let found = look.projects(self.caller)?;
        let place = found.place(self.named, Some(module.as_str()));
        self.caller.may(&place, true)
    }
}

/// The projects that a request is about, from the settings and the store.
struct Found {
    named: Option<Rc<Project>>,
    owner: Option<Rc<Project>>,
}

impl Found {
    /// Whether the project that is named has prefixes, as far as it is known: by the copy under its name, or by
    /// the one by which it owns the module, which may be of another state.
    fn named_has_prefixes(&self) -> bool {
        let Some(named) = &self.named else {
            return false;
        };
        let owner = self.owner.iter().filter(|owner| owner.id == named.id);
        owner.chain([named]).any(|it| !it.modules.is_empty())
    }

    fn place<'a>(&'a self, named: Option<&'a str>, module: Option<&'a str>) -> Place<'a> {
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
        resource: &Result<Resource, Nothing>,
        request: &mut Request,
    ) -> Result<Response, Failure> {
        let reads = request.method.is_read();
        let module = match resource {
            Ok(resource) => {
                if let Err(failure) = allow_method(resource, request, self.settings.presigns()) {
                    // A credential that is wrong is told so first, here too.
                    self.identify(request)?;
                    return Err(failure);
                }
                resource.module().map(ModulePath::as_str)
            }
            // Below GitLab's base the project alone says who is told that a path names nothing.
            Err(nothing) => {
                Some(nothing.path.as_str()).filter(|path| named.is_none() && !path.is_empty())
            }
        };
        loop {
            let look = Look::new(self, named, module, reads && resource.is_ok());
            let answer = self.admit(&look, named, module, resource, request);
            // What the store can't do it says best itself, and nobody is let in by it.
            let has_failed = matches!(&answer, Err(failure) if failure.kind.is_operators());
            if has_failed || look.stands()? {
                return answer;
            }
        }
    }

    /// Answers a request as a look at the projects has it.
    fn admit(
        &self,
        look: &Look,
        named: Option<&str>,
        module: Option<&str>,
        resource: &Result<Resource, Nothing>,
        request: &mut Request,
    ) -> Result<Response, Failure> {
        let reads = request.method.is_read();
        let refused = |_: &Failure| look.even_out();
        let caller = look.identify(request).inspect_err(refused)?;
        let found = look.projects(&caller).inspect_err(refused)?;
        // Below no project's prefix, whoever might publish is told what is wrong with the path.
        let unowned = resource.is_err() && named.is_none() && found.owner.is_none();
        let place = found.place(named, module.filter(|_| !unowned));
        let admitted = Admitted {
            caller: &caller,
            named,
            has_prefixes: found.named_has_prefixes(),
        };
        let may = match unowned && reads {
            true => Ok(()),
            false => caller.may(&place, !reads).inspect_err(refused),
        };
        let answer = may.and_then(|()| match resource {
            Ok(resource) => {
                look.remember();
                self.serve(resource, request, &admitted)
            }
            Err(nothing) => Err(names_nothing(&request.method, &nothing.why)),
        });
        match answer {
            answer if place.is_open() => answer,
            Ok(response) => Ok(for_one_only(response)),
            // What the operator must mend no cache keeps anyway, and the log is to name it.
            Err(failure) if failure.kind.is_operators() => Err(failure),
            Err(failure) => Ok(failure.response(None)),
        }
    }

    /// Who asks, where no project counts.
    pub(super) fn identify(&self, request: &Request) -> Result<Caller, Failure> {
        Look::new(self, None, None, false).identify(request)
    }

    /// What those allow who judge credentials that are none of ours. Whether a project is here, `is_here` may know
    /// without the store.
    #[cfg(feature = "oidc")]
    fn judge_elsewhere(
        &self,
        credential: &Credential,
        is_here: &dyn Fn(&str) -> bool,
    ) -> Result<Option<Rc<Grant>>, Failure> {
        let client = self.host.client();
        let outside = Outside {
            client: &*client,
            keeper: self,
            now: self.now(),
        };
        let judged = outside::judge(
            credential,
            self.settings,
            &outside,
            &|path| match is_here(path) {
                true => Ok(true),
                false => self.has_project(path),
            },
        );
        judged.map(|grant| grant.map(Rc::new))
    }

    /// Whether somebody has made a project of this full path, in the settings or in the store.
    #[cfg(feature = "oidc")]
    fn has_project(&self, path: &str) -> Result<bool, Failure> {
        let mut configured = self.settings.projects.configured().iter();
        if configured.any(|project| project.path == path) {
            return Ok(true);
        }
        #[cfg(feature = "admin")]
        if self.settings.admin {
            let asked = Asked {
                named: Some(path),
                ..Asked::default()
            };
            // One that can't be read is told: a job must not be taken for that of a project which is not here.
            let found = self.kept().ask(&asked, None, false)?.projects(&|_| true)?;
            return Ok(found.named.is_some());
        }
        Ok(false)
    }

    #[cfg(not(feature = "oidc"))]
    fn judge_elsewhere(
        &self,
        _: &Credential,
        _: &dyn Fn(&str) -> bool,
    ) -> Result<Option<Rc<Grant>>, Failure> {
        Ok(None)
    }
}

/// What a request is about, as the settings have it and, where they say so, the store.
struct Look<'a> {
    edge: &'a Edge<'a>,
    /// The project of the settings that the request names.
    named: Option<&'a Rc<Project>>,
    /// The one that owns the module.
    owner: Option<&'a Rc<Project>>,
    #[cfg(feature = "admin")]
    kept: Option<kept::Look<'a>>,
}

impl<'a> Look<'a> {
    /// Whether it may be remembered that this is let in: who only reads.
    #[cfg_attr(not(feature = "admin"), expect(unused_variables))]
    fn new(
        edge: &'a Edge<'a>,
        named: Option<&'a str>,
        module: Option<&'a str>,
        memorable: bool,
    ) -> Self {
        let projects = &edge.settings.projects;
        let own = named.and_then(|name| projects.named(name));
        let owner = module.and_then(|module| projects.owner(module));
        #[cfg(feature = "admin")]
        let kept = edge.settings.admin.then(|| {
            let asked = Asked {
                // Of a project that everybody sees it may be known that the store was not asked for it.
                named: named.filter(|_| !own.is_some_and(|own| own.is_open())),
                module,
                reach: owner.map(|(_, reach)| reach),
            };
            kept::Look::new(edge.kept(), asked, memorable, edge.host.begun())
        });
        Look {
            edge,
            named: own,
            owner: owner.map(|(project, _)| project),
            #[cfg(feature = "admin")]
            kept,
        }
    }

    fn identify(&self, request: &Request) -> Result<Caller, Failure> {
        let edge = self.edge;
        let elsewhere = |credential: &Credential| self.judge(credential);
        Caller::identify(&request.headers, edge.settings, &|| edge.now(), &elsewhere)
    }

    /// What a credential that the settings do not know allows: as the store has it, or by those who
    /// can judge it.
    fn judge(&self, credential: &Credential) -> Result<Option<Rc<Grant>>, Failure> {
        #[cfg(feature = "admin")]
        if let Some(kept) = &self.kept {
            let grant = kept.grant(credential.sha256(), &|| self.edge.now())?;
            if grant.is_some() {
                return Ok(grant);
            }
        }
        let is_here = |path: &str| self.has_met(path);
        self.edge.judge_elsewhere(credential, &is_here)
    }

    /// Whether a project of this full path is among what was looked up.
    #[cfg_attr(not(feature = "admin"), expect(unused_variables))]
    fn has_met(&self, path: &str) -> bool {
        #[cfg(feature = "admin")]
        if let Some(kept) = &self.kept {
            return kept.has_met(path);
        }
        false
    }

    #[cfg_attr(not(feature = "admin"), expect(unused_variables))]
    fn projects(&self, caller: &Caller) -> Result<Found, Failure> {
        let (named, owner) = (self.named.cloned(), self.owner.cloned());
        #[cfg(feature = "admin")]
        if let Some(kept) = &self.kept {
            let kept = kept.projects(caller)?;
            return Ok(Found {
                named: named.or(kept.named),
                owner: kept.owner.or(owner),
            });
        }
        Ok(Found { named, owner })
    }

    /// Whether the answer may go out; else all is to be looked at anew.
    #[cfg_attr(not(feature = "admin"), expect(clippy::unused_self))]
    fn stands(&self) -> Result<bool, Failure> {
        #[cfg(feature = "admin")]
        if let Some(kept) = &self.kept {
            return kept.stands();
        }
        Ok(true)
    }

    /// Remembers that the request was let in.
    fn remember(&self) {
        #[cfg(feature = "admin")]
        if let Some(kept) = &self.kept {
            kept.remember();
        }
    }

    /// Called before a refusal, lest the time it takes tells what nobody is told.
    fn even_out(&self) {
        #[cfg(feature = "admin")]
        if let Some(kept) = &self.kept {
            kept.even_out();
        }
    }
}

/// Keeps an answer from whoever presents another credential, or none.
fn for_one_only(mut response: Response) -> Response {
    for (name, value) in &mut response.headers {
        if *name == "cache-control"
            && let Some(rest) = value.strip_prefix("public")
        {
            *value = ["private", rest].concat();
        }
    }
    response.with("vary", HEADERS)
}
