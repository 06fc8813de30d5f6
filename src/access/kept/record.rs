//! What is kept of a project, and under which names.

use super::{IDS, path_document, prefix_document};
use crate::access::Project;
use crate::json::{Json, Writer};

/// What is kept of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub project: Project,
    /// Paths and prefixes under which copies of an earlier state may be.
    pub former_paths: Vec<String>,
    pub former_modules: Vec<String>,
}

impl Record {
    pub fn new(project: Project) -> Self {
        Record {
            project,
            former_paths: Vec::new(),
            former_modules: Vec::new(),
        }
    }

    pub fn parse(value: &[u8]) -> Option<Self> {
        let json = Json::parse(value).ok()?;
        let list = |name| match json.get(name) {
            None => Some(Vec::new()),
            Some(list) => Some(list.texts()?.into_iter().map(str::to_owned).collect()),
        };
        Some(Record {
            project: Project::parse(json.get("project")?).ok()?,
            former_paths: list("former_paths")?,
            former_modules: list("former_modules")?,
        })
    }

    pub fn to_value(&self) -> Vec<u8> {
        let mut json = Writer::new();
        json.json("project", &self.project.to_json().end());
        for (name, list) in [
            ("former_paths", &self.former_paths),
            ("former_modules", &self.former_modules),
        ] {
            if !list.is_empty() {
                json.texts(name, list);
            }
        }
        json.end().into_bytes()
    }

    /// Whether this is its path or one that it has to give up.
    pub fn claims_path(&self, path: &str) -> bool {
        self.project.path == path || self.former_paths.iter().any(|own| own == path)
    }

    /// Whether this is a prefix of its, or one that it has to give up.
    pub fn claims_prefix(&self, prefix: &str) -> bool {
        let own = self.project.modules.iter().chain(&self.former_modules);
        own.into_iter().any(|own| own == prefix)
    }
}

/// The documents of a project: under its id, its path, and each prefix. A copy under a prefix names
/// no other, so that what a request reads does not grow with their number.
pub(super) fn documents_of(project: &Project) -> Vec<(String, Vec<u8>)> {
    let whole = Record::new(project.clone()).to_value();
    let mut all = vec![
        (format!("{IDS}{}", project.id), whole.clone()),
        (path_document(&project.path), whole),
    ];
    all.extend(project.modules.iter().map(|prefix| {
        let copy = Record::new(Project {
            modules: vec![prefix.clone()],
            ..project.clone()
        });
        (prefix_document(prefix), copy.to_value())
    }));
    all
}
