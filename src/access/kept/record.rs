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
//! state <16 hex digits>                      end
//! end
//! ```
//!
//! The `former` lines tell under which names copies of an earlier state may still be: they stand only
//! in the truth, and only until the change that wrote them is done. A copy of a project has a `state`
//! instead, by which copies of one state are known, and none of the prefixes but the one under which it
//! stands: so what a request reads has a length that does not tell how many there are.

use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::fields::{Fields, Lines};
use super::names::{id_document, path_document, prefix_document};
use crate::access::{Grant, Project, Scope, Token, Visibility};
use crate::hex;
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
    /// In a copy, of which state of the project it is.
    pub state: Option<String>,
}

impl ProjectRecord {
    /// Of one that has nothing to give up.
    pub fn new(project: Project) -> Self {
        ProjectRecord {
            project,
            former_paths: Vec::new(),
            former_modules: Vec::new(),
            state: None,
        }
    }

    /// Reads what was written down; none for anything else.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(value)?;
        let record = ProjectRecord {
            project: Project {
                id: fields.next("project")?.to_owned(),
                path: fields.next("path")?.to_owned(),
                visibility: Visibility::parse(fields.next("visibility")?)?,
                enabled: fields.flag("enabled")?,
                modules: fields.all("module"),
            },
            former_paths: fields.all("former-path"),
            former_modules: fields.all("former-module"),
            state: fields.next("state").map(str::to_owned),
        };
        fields.ended().then_some(record)
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
        lines.add_all("state", self.state.as_slice());
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

/// A copy of a project, as a request reads it.
#[derive(Debug)]
pub(super) struct ProjectCopy {
    pub project: Rc<Project>,
    /// Of which state of the project it is.
    pub state: String,
}

impl ProjectCopy {
    /// Reads what was written down; none for anything else.
    pub fn parse(value: &[u8]) -> Option<Rc<Self>> {
        let record = ProjectRecord::parse(value)?;
        Some(Rc::new(ProjectCopy {
            state: record.state?,
            project: Rc::new(record.project),
        }))
    }
}

/// Which of the documents of a project is the one under its path, and which the first under a prefix.
pub(super) const PATH: usize = 1;
pub(super) const FIRST_PREFIX: usize = 3;

/// The documents of a project: under its id the truth; copies under its path, under its id as clients name
/// it, and under each prefix.
pub(super) fn documents_of(project: &Project) -> Vec<(String, Vec<u8>)> {
    let whole = ProjectRecord::new(project.clone()).to_value();
    let hash = Sha256::digest(&whole);
    let state = hex::encode(hash.get(..8).unwrap_or_default());
    let copy = |modules: Vec<String>| {
        let copy = ProjectRecord {
            state: Some(state.clone()),
            ..ProjectRecord::new(Project {
                modules,
                ..project.clone()
            })
        };
        copy.to_value()
    };
    let named = copy(Vec::new());
    let mut all = vec![
        (id_document(&project.id), whole),
        (path_document(&project.path), named.clone()),
        (path_document(&project.id), named),
    ];
    all.extend(
        project
            .modules
            .iter()
            .map(|prefix| (prefix_document(prefix), copy(vec![prefix.clone()]))),
    );
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
            alone: false,
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
