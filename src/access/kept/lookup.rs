//! Finds what is kept of a project for who changes it; of one whose document under its id can't be read,
//! by its copies among all.

use super::Kept;
use super::names::{IDS, PATHS, PREFIXES, id_document, named_document};
use super::record::ProjectRecord as Record;
use crate::access::{Project, Visibility};
use crate::http::Failure;

/// What is kept under a name that a client gives a project.
pub(super) enum LookUp {
    /// Nothing.
    None,
    /// A project, and the document under its id.
    Found(Record, Vec<u8>),
    /// A copy that a removal which was stopped has left alone.
    Left,
    /// A document that can't be right.
    Unreadable,
}

impl Kept<'_> {
    /// What is kept of a project by the name that a client gives it.
    pub(super) fn look_up(&self, name: &str) -> Result<LookUp, Failure> {
        if Project::is_id(name)
            && let Some(value) = self.one(&id_document(name))?
        {
            return Ok(match Record::parse(&value) {
                Some(truth) if truth.project.id == name => LookUp::Found(truth, value),
                _ => LookUp::Unreadable,
            });
        }
        let document = named_document(name);
        let Some(value) = document.map_or(Ok(None), |it| self.one(&it))? else {
            return Ok(LookUp::None);
        };
        let Some(copy) = Record::parse(&value).filter(|copy| copy.project.is_named(name)) else {
            return Ok(LookUp::Unreadable);
        };
        let Some(value) = self.one(&id_document(&copy.project.id))? else {
            return Ok(LookUp::Left);
        };
        Ok(match Record::parse(&value) {
            None => LookUp::Unreadable,
            Some(truth) if truth.claims_path(name) => LookUp::Found(truth, value),
            Some(_) => LookUp::None,
        })
    }

    /// The same where a document can't be read, or is gone: what to remove of the project. It takes long.
    pub(super) fn look_up_among_all(
        &self,
        name: &str,
    ) -> Result<(Record, Option<Vec<u8>>), Failure> {
        let by_path = !Project::is_id(name);
        let mut id = (!by_path).then(|| name.to_owned());
        if by_path {
            let of = |_: &str, value: &[u8]| {
                let record = Record::parse(value)?;
                record.claims_path(name).then_some(record)
            };
            if let Some(truth) = self.all(IDS, &of)?.pop() {
                let value = self.one(&id_document(&truth.project.id))?;
                return Ok((truth, value));
            }
            for folder in [PATHS, PREFIXES] {
                let copies = self.all(folder, &of)?;
                id = id.or(copies.into_iter().next().map(|copy| copy.project.id));
            }
        }
        let value = match &id {
            Some(id) => self.one(&id_document(id))?,
            None => None,
        };
        // Of a project that has moved since, the document is all that is left under this path.
        let moved = by_path && value.as_deref().and_then(Record::parse).is_some();
        let id = id.filter(|_| !moved);
        let (paths, modules) = match &id {
            Some(id) => self.copies_of(id)?,
            None => Default::default(),
        };
        let first = paths.first().cloned().unwrap_or_default();
        let project = Project {
            id: id.clone().unwrap_or_default(),
            path: if by_path { name.to_owned() } else { first },
            modules,
            visibility: Visibility::Private,
            enabled: false,
        };
        let record = Record {
            former_paths: paths,
            ..Record::new(project)
        };
        Ok((record, value.filter(|_| id.is_some())))
    }

    /// The paths and prefixes under which there are copies of a project, looked for among all.
    pub(super) fn copies_of(&self, id: &str) -> Result<(Vec<String>, Vec<String>), Failure> {
        let copy = |_: &str, value: &[u8]| {
            let copy = Record::parse(value).map(|it| it.project);
            copy.filter(|it| it.id == id)
        };
        let (mut paths, mut modules) = (Vec::new(), Vec::new());
        for folder in [PATHS, PREFIXES] {
            for copy in self.all(folder, &copy)? {
                // Every copy knows the path of its state.
                if !paths.contains(&copy.path) {
                    paths.push(copy.path);
                }
                modules.extend(copy.modules);
            }
        }
        Ok((paths, modules))
    }
}
