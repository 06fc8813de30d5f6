//! What lies below `/-/admin/`: the care of the store, and, where the settings want it, the projects and
//! tokens that are kept in it (`kept`).

use std::time::{Duration, Instant};

use crate::http::{Failure, Kind, Method, Request, Response, query_pairs};
use crate::json::Writer;
use crate::store::{Repaired, failure};

use super::{Edge, allow};

/// How long a page may take: well below the 30 seconds of the tightest host.
const PAGE_TIME: Duration = Duration::from_secs(8);

/// What a cursor starts with behind the last page of the store: no module path has a colon.
#[cfg(feature = "admin")]
pub(super) const KEPT_LAST: &str = "kept:";

#[cfg(feature = "admin")]
const KNOWN: &str = "`repair`, `projects` and `tokens` are known";
#[cfg(not(feature = "admin"))]
const KNOWN: &str = "`repair` is known, and more with the cargo feature `admin`";

impl Edge<'_> {
    pub(super) fn administer(
        &self,
        words: &[String],
        request: &mut Request,
    ) -> Result<Response, Failure> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["repair"] => self.repair(request),
            #[cfg(feature = "admin")]
            ["projects" | "tokens", ..] => self.administer_kept(&words, request),
            words => {
                self.identify(request)?;
                let verb = words.first().copied().unwrap_or_default();
                let text = format!("there is no verb {verb:?} in /-/admin/: {KNOWN}");
                Err(Failure::new(Kind::NotFound, text))
            }
        }
    }

    fn repair(&self, request: &Request) -> Result<Response, Failure> {
        let caller = self.identify(request)?;
        allow(request, request.method == Method::Post, "POST")?;
        let who = &caller.may_administer()?.name;
        let text = "the one parameter of repair is `cursor`";
        let cursor = cursor(request).ok_or_else(|| Failure::new(Kind::Invalid, text))?;
        let page = self.repair_page(cursor.as_deref(), who)?;
        Ok(Response::json(200, repaired(&page)))
    }

    #[cfg(feature = "admin")]
    fn repair_page(&self, cursor: Option<&str>, who: &str) -> Result<Repaired, Failure> {
        let go_on = page_time();
        if let Some(cursor) = cursor.and_then(|cursor| cursor.strip_prefix(KEPT_LAST)) {
            let mut page = Repaired::default();
            self.repair_kept(Some(cursor), who, &go_on, &mut page)?;
            return Ok(page);
        }
        let mut page = self.repair_store(cursor, &go_on)?;
        if self.settings.admin && page.cursor.is_none() {
            match go_on() {
                true => self.repair_kept(None, who, &go_on, &mut page)?,
                false => page.cursor = Some(KEPT_LAST.to_owned()),
            }
        }
        Ok(page)
    }

    #[cfg(not(feature = "admin"))]
    fn repair_page(&self, cursor: Option<&str>, _: &str) -> Result<Repaired, Failure> {
        self.repair_store(cursor, &page_time())
    }

    fn repair_store(
        &self,
        cursor: Option<&str>,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Repaired, Failure> {
        let store = self.store();
        let page = store.and_then(|store| store.repair(cursor, go_on));
        page.map_err(|error| failure(&"repair", error))
    }
}

/// Where a page starts. `None` for a query that asks for anything else.
pub(super) fn cursor(request: &Request) -> Option<Option<String>> {
    let mut cursor = None;
    for pair in query_pairs(request.query()) {
        let (name, value) = pair?;
        if name != "cursor" {
            return None;
        }
        cursor = Some(value);
    }
    Some(cursor)
}

/// Says whether there is time left for more of a page.
pub(super) fn page_time() -> impl Fn() -> bool {
    let begun = Instant::now();
    move || begun.elapsed() < PAGE_TIME
}

/// Writes where the next page starts.
pub(super) fn write_cursor(json: &mut Writer, cursor: Option<&str>) {
    match cursor {
        Some(cursor) => json.text("cursor", cursor),
        None => json.json("cursor", "null"),
    }
}

/// What a page of repair answers.
fn repaired(page: &Repaired) -> Writer {
    let mut json = Writer::new();
    json.flag("done", page.cursor.is_none());
    write_cursor(&mut json, page.cursor.as_deref());
    for (name, number) in [
        ("modules", page.modules),
        ("versions", page.versions),
        ("indexed", page.indexed),
        ("removed", page.removed),
    ] {
        json.json(name, &number.to_string());
    }
    json.texts("problems", &page.problems);
    json
}
