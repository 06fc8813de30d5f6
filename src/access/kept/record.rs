//! What is kept of a project and of a token, and how it is written down.
//!
//! ```text
//! project 7                                  token ci
//! path team/lib                              sha256 <64 hex digits>
//! visibility private                         expires 2030-01-03T00:00:00Z (or `never`)
//! enabled yes                                admin no
//! module example.com/lib (each)              scopes read_api,write_package_registry
//! former-path team/old (each)                project team (each)
//! former-module example.com/old (each)       former <64 hex digits> (each)
//! end                                        end
//! ```
//!
//! The `former` lines tell under which names copies of an earlier state may still be: they stand only
//! in the truth, and only until the change that wrote them is done.

use super::fields::{Fields, Lines};
use super::names::{id_document, path_document, prefix_document};
use crate::access::{Grant, Project, Scope, Token, Visibility};
use crate::module::Timestamp;

/// What is kept of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRecord {
    /// The project.
    pub project: Project,
    /// Paths under which copies of an earlier state may be.
    pub former_paths: Vec<String>,
    /// Prefixes under which there may be such.
    pub former_modules: Vec<String>,
}

impl ProjectRecord {
    /// Of one that has nothing to give up.
    pub fn new(project: Project) -> Self {
        ProjectRecord {
            project,
            former_paths: Vec::new(),
            former_modules: Vec::new(),
        }
    }

    /// Reads what was written down; none for anything else.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(value)?;
        let project = head(&mut fields)?;
        let record = ProjectRecord {
            project: Project {
                modules: fields.all("module"),
                ..project
            },
            former_paths: fields.all("former-path"),
            former_modules: fields.all("former-module"),
        };
        fields.ended().then_some(record)
    }

    /// Reads the project without its prefixes: of one with many, that takes no longer than of any other.
    pub(super) fn parse_head(value: &[u8]) -> Option<Project> {
        head(&mut Fields::beginning(value))
    }

    /// Writes it down.
    pub fn to_value(&self) -> Vec<u8> {
        let project = &self.project;
        let mut lines = Lines::new();
        lines.add("project", &project.id);
        lines.add("path", &project.path);
        lines.add("visibility", project.visibility.name());
        lines.add_flag("enabled", project.enabled);
        lines.add_all("module", &project.modules);
        lines.add_all("former-path", &self.former_paths);
        lines.add_all("former-module", &self.former_modules);
        lines.end()
    }

    /// Whether this is its path or one that it has to give up.
    pub(super) fn claims_path(&self, path: &str) -> bool {
        self.project.path == path || self.former_paths.iter().any(|own| own == path)
    }

    /// Whether this is a prefix of its, or one that it has to give up.
    pub(super) fn claims_prefix(&self, prefix: &str) -> bool {
        let own = self.project.modules.iter().chain(&self.former_modules);
        own.into_iter().any(|own| own == prefix)
    }
}

fn head(fields: &mut Fields) -> Option<Project> {
    Some(Project {
        id: fields.next("project")?.to_owned(),
        path: fields.next("path")?.to_owned(),
        visibility: Visibility::parse(fields.next("visibility")?)?,
        enabled: fields.flag("enabled")?,
        modules: Vec::new(),
    })
}

/// The documents of a project: under its id, its path, and each prefix. A copy under a prefix names
/// no other, so that what a request reads does not grow with their number.
pub(super) fn documents_of(project: &Project) -> Vec<(String, Vec<u8>)> {
    let whole = ProjectRecord::new(project.clone()).to_value();
    let mut all = vec![
        (id_document(&project.id), whole.clone()),
        (path_document(&project.path), whole),
    ];
    all.extend(project.modules.iter().map(|prefix| {
        let copy = ProjectRecord::new(Project {
            modules: vec![prefix.clone()],
            ..project.clone()
        });
        (prefix_document(prefix), copy.to_value())
    }));
    all
}

/// What is kept of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// The token.
    pub token: Token,
    /// Hashes under which copies of an earlier state may be.
    pub former: Vec<String>,
}

/// The end of a token that has none.
const NEVER: &str = "never";

impl TokenRecord {
    /// Of one that has nothing to give up.
    pub fn new(token: Token) -> Self {
        TokenRecord {
            token,
            former: Vec::new(),
        }
    }

    /// Reads what was written down; none for anything else.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(value)?;
        let name = fields.next("token")?.to_owned();
        let hash = fields.next("sha256")?;
        let expires_at = match fields.next("expires")? {
            NEVER => None,
            time => Some(Timestamp::parse_rfc3339(time)?),
        };
        let admin = fields.flag("admin")?;
        let scopes = fields.next("scopes")?.split(',').map(Scope::parse);
        let grant = Grant {
            name,
            scopes: scopes.collect::<Option<_>>()?,
            projects: fields.all("project"),
            admin,
            guest: false,
        };
        let record = TokenRecord {
            token: Token::new(grant, hash, expires_at)?,
            former: fields.all("former"),
        };
        fields.ended().then_some(record)
    }

    /// Writes it down.
    pub fn to_value(&self) -> Vec<u8> {
        let grant = &self.token.grant;
        let mut lines = Lines::new();
        lines.add("token", &grant.name);
        lines.add("sha256", &self.token.hash_text());
        let end = self.token.expires_at().map(|end| end.to_string());
        lines.add("expires", end.as_deref().unwrap_or(NEVER));
        lines.add_flag("admin", grant.admin);
        let scopes: Vec<&str> = grant.scopes.iter().map(|scope| scope.name()).collect();
        lines.add("scopes", &scopes.join(","));
        lines.add_all("project", &grant.projects);
        lines.add_all("former", &self.former);
        lines.end()
    }

    /// The hashes under which copies may be, its own last.
    pub(super) fn hashes(self) -> Vec<String> {
        let mut all = self.former;
        all.push(self.token.hash_text());
        all
    }

    pub(super) fn claims(&self, hash: &str) -> bool {
        self.token.hash_text() == hash || self.former.iter().any(|own| own == hash)
    }
}
