//! Projects and tokens over HTTP, for administrators: `/-/admin/projects` and `/-/admin/tokens`. Each
//! change leaves a line in the log when it begins and one when it is done, whatever the setting `log`
//! says: who, what, when.

use std::io::Read as _;
use std::time::Duration;

use crate::access::kept::{Broken, Documents, Done, Kept, Mended, Outcome, in_words};
use crate::access::{Project, Token};
use crate::http::{Failure, Kind, Method, Request, Response};
use crate::json::{Json, NotJson, Writer};
use crate::store::{Brought, Error, Repaired};

use super::admin::{KEPT_LAST, cursor, page_time, write_cursor};
use super::{Edge, allow};

/// The largest body of a request, in bytes.
const MOST: u64 = 64 << 10;

/// What a path and a method ask for.
enum Verb<'a> {
    ListProjects,
    PutProject,
    RemoveProject(&'a str),
    SwitchProject(&'a str, bool),
    ListTokens,
    PutToken,
    RevokeToken(&'a str),
}

impl<'a> Verb<'a> {
    fn of(words: &[&'a str], request: &Request) -> Result<Self, Failure> {
        let puts = request.method == Method::Put;
        let reads_or_puts = || {
            let fits = puts || request.method.is_read();
            allow(request, fits, "GET, HEAD, PUT")
        };
        let deletes = || allow(request, request.method == Method::Delete, "DELETE");
        let posts = || allow(request, request.method == Method::Post, "POST");
        Ok(match words {
            ["projects"] => {
                reads_or_puts()?;
                if puts {
                    Verb::PutProject
                } else {
                    Verb::ListProjects
                }
            }
            ["projects", name] => {
                deletes()?;
                Verb::RemoveProject(name)
            }
            ["projects", name, "enable"] => {
                posts()?;
                Verb::SwitchProject(name, true)
            }
            ["projects", name, "disable"] => {
                posts()?;
                Verb::SwitchProject(name, false)
            }
            ["tokens"] => {
                reads_or_puts()?;
                if puts {
                    Verb::PutToken
                } else {
                    Verb::ListTokens
                }
            }
            ["tokens", name] => {
                deletes()?;
                Verb::RevokeToken(name)
            }
            _ => {
                let text = "projects have `enable` and `disable` behind their name, and nothing else; \
                            a slash in a name is written %2F";
                return Err(Failure::new(Kind::NotFound, text));
            }
        })
    }
}

impl Edge<'_> {
    pub(super) fn kept(&self) -> Kept<'_> {
        Kept {
            documents: self,
            projects: &self.settings.projects,
            tokens: &self.settings.tokens,
            remembered: &self.settings.remembered,
            begun: &|_| (),
        }
    }

    /// Answers what stands behind `/-/admin/`. No cache keeps the answer, whatever it is.
    pub(super) fn administer_kept(
        &self,
        words: &[&str],
        request: &mut Request,
    ) -> Result<Response, Failure> {
        match self.carry_out(words, request) {
            Err(failure) if !failure.kind.is_operators() => Ok(failure.response(None)),
            answer => answer,
        }
    }

    fn carry_out(&self, words: &[&str], request: &mut Request) -> Result<Response, Failure> {
        let caller = self.identify(request)?;
        let verb = Verb::of(words, request)?;
        let who = &caller.may_administer()?.name;
        if !self.settings.admin {
            let text = "projects and tokens are not kept in the store: the setting `admin` is off, and \
                        the operator turns it on";
            return Err(Failure::new(Kind::Forbidden, text));
        }
        let lists = matches!(verb, Verb::ListProjects | Verb::ListTokens);
        let cursor = cursor(request).filter(|cursor| lists || cursor.is_none());
        let cursor = cursor.ok_or_else(|| {
            malformed("the one parameter is `cursor`, and only a list has it".to_owned())
        })?;
        let begun = |what: &str| self.note(who, &format!("{what} begun"));
        let kept = Kept {
            begun: &begun,
            ..self.kept()
        };
        let change = match verb {
            Verb::ListProjects => return self.list_projects(cursor.as_deref()),
            Verb::ListTokens => return self.list_tokens(cursor.as_deref()),
            Verb::PutProject => {
                let project = Project::parse(&body(request)?);
                let project = project.map_err(|what| malformed(format!("the project: {what}")))?;
                kept.put_project(&project)
            }
            Verb::RemoveProject(name) => kept.remove_project(name),
            Verb::SwitchProject(name, enabled) => kept.switch_project(name, enabled),
            Verb::PutToken => {
                let token = token_of(body(request)?, &kept)?;
                kept.put_token(&token)
            }
            Verb::RevokeToken(name) => kept.revoke_token(name),
        };
        self.changed(who, change)
    }

    /// Brings to an end what is kept and no list shows: see [`Kept::repair`].
    pub(super) fn repair_kept(
        &self,
        cursor: Option<&str>,
        who: &str,
        go_on: &dyn Fn() -> bool,
        page: &mut Repaired,
    ) -> Result<(), Failure> {
        let begun = |what: &str| self.note(who, &format!("{what} begun"));
        let kept = Kept {
            begun: &begun,
            ..self.kept()
        };
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        let mut mended = Mended::default();
        let done = kept.repair(cursor, go_on, &mut mended);
        for what in &mended.removed {
            self.note(who, what);
        }
        done.map_err(|broken| self.broke_off(who, broken))?;
        page.removed += mended.removed.len() as u64;
        page.problems.extend(mended.problems);
        page.cursor = mended.cursor.map(|cursor| format!("{KEPT_LAST}{cursor}"));
        Ok(())
    }

    fn broke_off(&self, who: &str, broken: Broken) -> Failure {
        if let Some(what) = broken.midway {
            self.note(who, &format!("{what} failed midway: run it again"));
        }
        broken.failure
    }

    /// Answers a change, and notes it for the log.
    fn changed(&self, who: &str, change: Result<Done, Broken>) -> Result<Response, Failure> {
        let done = change.map_err(|broken| self.broke_off(who, broken))?;
        let (status, name, is_change) = match done.outcome {
            Outcome::Created => (201, "created", true),
            Outcome::Changed => (200, "changed", true),
            Outcome::Unchanged => (200, "unchanged", false),
            Outcome::Removed => (200, "removed", true),
            Outcome::Absent => (200, "absent", false),
        };
        if is_change {
            self.note(who, &done.what);
        }
        let mut json = Writer::new();
        json.text("outcome", name);
        Ok(Response::json(status, json))
    }

    fn note(&self, who: &str, what: &str) {
        let line = format!("audit {} {} {what}", self.now(), in_words(who));
        self.host.audit(&line);
    }

    fn list_projects(&self, cursor: Option<&str>) -> Result<Response, Failure> {
        let page = self.kept().list_projects(cursor, &page_time())?;
        let mut entries = Vec::new();
        if cursor.is_none() {
            let own = self.settings.projects.all().iter();
            entries
                .extend(own.map(|project| entry(project.to_json(), "configuration", false, &[])));
        }
        let kept = page.entries.iter();
        let kept = kept.map(|it| (it.project.to_json(), it.hidden, &*it.hidden_modules));
        entries.extend(kept.map(|(json, hidden, modules)| entry(json, "store", hidden, modules)));
        Ok(list(
            "projects",
            &entries,
            &page.unreadable,
            page.cursor.as_deref(),
        ))
    }

    fn list_tokens(&self, cursor: Option<&str>) -> Result<Response, Failure> {
        let page = self.kept().list_tokens(cursor, &page_time())?;
        let mut entries = Vec::new();
        if cursor.is_none() {
            let own = self.settings.tokens.iter();
            entries
                .extend(own.map(|token| entry(token.public_json(), "configuration", false, &[])));
        }
        let kept = page.entries.iter();
        entries.extend(kept.map(|it| entry(it.token.public_json(), "store", it.hidden, &[])));
        Ok(list(
            "tokens",
            &entries,
            &page.unreadable,
            page.cursor.as_deref(),
        ))
    }
}

/// An entry of a list: where it is from, and whether the configuration hides it, or prefixes of it.
fn entry(mut json: Writer, source: &str, hidden: bool, hidden_modules: &[String]) -> String {
    json.text("source", source);
    if hidden {
        json.json("hidden", "true");
    } else if !hidden_modules.is_empty() {
        json.texts("hidden_modules", hidden_modules);
    }
    json.end()
}

fn list(name: &str, entries: &[String], unreadable: &[String], cursor: Option<&str>) -> Response {
    let mut json = Writer::new();
    json.json(name, &format!("[{}]", entries.join(",")));
    if !unreadable.is_empty() {
        json.texts("unreadable", unreadable);
    }
    write_cursor(&mut json, cursor);
    Response::json(200, json)
}

/// The body of a request, which is JSON.
fn body(request: &mut Request) -> Result<Json, Failure> {
    let too_large = || {
        let text = format!("the body has more than {MOST} bytes");
        Failure::new(Kind::TooLarge, text)
    };
    if request.content_length().is_some_and(|length| length > MOST) {
        return Err(too_large());
    }
    let mut text = Vec::new();
    let mut body = (&mut request.body).take(MOST + 1);
    body.read_to_end(&mut text)
        .map_err(|error| malformed(format!("the body broke off: {error}")))?;
    if text.len() as u64 > MOST {
        return Err(too_large());
    }
    Json::parse(&text).map_err(|NotJson { line, column }| {
        malformed(format!(
            "the body is not JSON (line {line}, column {column})"
        ))
    })
}

/// A token, of which the secret stays that the one of its name has where its entry says none.
fn token_of(mut entry: Json, kept: &Kept) -> Result<Token, Failure> {
    let says_none = entry.get("sha256").is_none();
    if says_none && let Json::Object(members) = &mut entry {
        members.push(("sha256".to_owned(), Json::Text("0".repeat(64))));
    }
    let token = Token::parse(&entry).map_err(malformed)?;
    if !says_none {
        return Ok(token);
    }
    kept.with_own_secret(token)?.ok_or_else(|| {
        let text = "the store has no token of this name whose secret could stay: give `sha256`";
        Failure::new(Kind::NotFound, text)
    })
}

fn malformed(text: String) -> Failure {
    Failure::new(Kind::Malformed, text)
}

impl Documents for Edge<'_> {
    fn get(&self, names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.store()?.documents(names)
    }

    fn one(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.store()?.document(name)
    }

    fn bring_along(&self, name: &str, expected: Option<&[u8]>) -> bool {
        self.store()
            .is_ok_and(|store| store.bring_along(name, expected))
    }

    fn brought(&self) -> Brought {
        self.store()
            .map_or(Brought::Nothing, |store| store.brought())
    }

    fn set(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.store()?.set_document(name, value)
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.store()?.remove_document(name)
    }

    fn names(&self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<String>, Error> {
        self.store()?.document_names(prefix, after, most)
    }

    fn wait(&self, time: Duration) {
        self.host.entropy().wait(time);
    }

    fn random(&self) -> u64 {
        self.host.entropy().random()
    }
}
