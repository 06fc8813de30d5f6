//! Changes to projects that are kept.
//!
//! The order of the writes: the document under the id first, with what of the earlier state is still
//! to be removed; then the copies; then the removals; then the id's once more, without a rest. So at
//! each moment a module belongs to its project as before or as afterwards, never to whoever has a
//! shorter prefix. To remove a project its prefixes go first, then the truth, and last the copies under
//! its names, that of the command behind the other: so the same command finds what it left.

use super::find::NOBODYS_PROJECT;
use super::lookup::LookUp;
use super::names::{IDS, NOBODYS, id_document, path_document, prefix_document};
use super::record::{FIRST_PREFIX, PATH, ProjectRecord as Record, documents_of};
use super::writing::{Writing, conflict, refused};
use super::{AT_ONCE, Broken, DEEPEST, Done, Kept, Outcome, Page, failed, strs, unreadable};
use crate::access::Project;
use crate::http::{Failure, Kind};

/// The longest prefix that is kept, in bytes.
const LONGEST_PREFIX: usize = 255;

/// A project that is kept, and whether the configuration hides it.
pub struct Listed {
    /// The project.
    pub project: Project,
    /// Whether another stands in its place.
    pub hidden: bool,
    /// Its prefixes that one of the configuration has.
    pub hidden_modules: Vec<String>,
}

/// What is in `old` and not in `new`, once.
fn gone(old: Vec<String>, new: &[String]) -> Vec<String> {
    let mut gone: Vec<String> = Vec::new();
    for name in old {
        if !new.contains(&name) && !gone.contains(&name) {
            gone.push(name);
        }
    }
    gone
}

fn words(project: &Project, verb: &str) -> String {
    // Of one that can't be read not both are known.
    let known = [&*project.id, &*project.path];
    let known = known.into_iter().filter(|name| !name.is_empty());
    let all: Vec<&str> = ["project"].into_iter().chain(known).chain([verb]).collect();
    all.join(" ")
}

/// What a project is now, in words for the log.
fn in_short(project: &Project) -> String {
    let state = if project.enabled { "" } else { ", disabled" };
    let count = project.modules.len();
    let prefixes = if count == 1 { "prefix" } else { "prefixes" };
    let visibility = project.visibility.name();
    format!("{visibility}{state}, {count} {prefixes}")
}

impl Kept<'_> {
    /// Keeps a project, over the one of the same id.
    ///
    /// # Errors
    /// 400 for one that can't be kept, 409 where another has what must be its own, the store's.
    pub fn put_project(&self, project: &Project) -> Result<Done, Broken> {
        check(project)?;
        self.refuse_configured(project)?;
        self.ended(self.write_project(project, None))
    }

    /// Switches a project on or off.
    ///
    /// # Errors
    /// 404, 409 for one of the configuration, the store's.
    pub fn switch_project(&self, name: &str, enabled: bool) -> Result<Done, Broken> {
        if let Some(own) = self.projects.named(name) {
            return Err(conflict(self.of_configuration(own)));
        }
        let record = match self.look_up(name)? {
            LookUp::Found(record, _) => record,
            LookUp::Unreadable => return Err(unreadable(&format!("the project {name:?}")).into()),
            LookUp::Left | LookUp::None => {
                let text = format!("there is no project {name:?} in the store");
                return Err(Failure::new(Kind::NotFound, text).into());
            }
        };
        let project = Project {
            enabled,
            ..record.project
        };
        let verb = if enabled { "enabled" } else { "disabled" };
        self.ended(self.write_project(&project, Some(verb)))
    }

    /// Removes a project, even one that can't be read. Its modules stay.
    ///
    /// # Errors
    /// 409 for one of the configuration alone, the store's.
    pub fn remove_project(&self, name: &str) -> Result<Done, Broken> {
        self.ended(self.take_project(name))
    }

    fn take_project(&self, name: &str) -> Result<Done, Broken> {
        let (record, truth) = match self.look_up(name)? {
            LookUp::Found(record, truth) => (record, Some(truth)),
            LookUp::Left | LookUp::Unreadable => self.look_up_among_all(name)?,
            LookUp::None => {
                return match self.projects.named(name) {
                    Some(own) => Err(conflict(self.of_configuration(own))),
                    None => Ok(Done {
                        outcome: Outcome::Absent,
                        what: String::new(),
                    }),
                };
            }
        };
        let what = words(&record.project, "removed");
        let writing = Writing::begin(self, what);
        let id = [id_document(&record.project.id)];
        let prefixes = record.project.modules.iter().chain(&record.former_modules);
        let mut copies: Vec<String> = prefixes.map(|prefix| prefix_document(prefix)).collect();
        let own = [&*record.project.path, &*record.project.id];
        let former = record.former_paths.iter().map(String::as_str);
        let former = former.filter(|path| *path != name && !own.contains(path));
        copies.extend(former.map(path_document));
        // By its own name, at last, the command finds what it left.
        let named = own
            .into_iter()
            .filter(|own| *own != name && !own.is_empty());
        let named = named.chain([name]).map(path_document);
        let named: Vec<String> = named.collect();
        let ours = is_of(&record.project.id);
        writing.remove_ours(&copies, &ours)?;
        writing.expect(&id, &[truth.as_deref()])?;
        for own in &id {
            writing.remove(own)?;
        }
        writing.remove_ours(&named, &ours)?;
        writing.settle(&id, &[None])?;
        // What another wrote while we removed would be nobody's.
        copies.extend(named);
        writing.remove_ours(&copies, &ours)?;
        Ok(Done {
            outcome: Outcome::Removed,
            what: writing.what,
        })
    }

    /// One page of the projects that are kept.
    ///
    /// # Errors
    /// The store's.
    pub fn list_projects(
        &self,
        cursor: Option<&str>,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Page<Listed>, Failure> {
        self.page(IDS, cursor, go_on, &|id, value| {
            let record = Record::parse(value).filter(|record| record.project.id == id);
            let project = record?.project;
            let is_shadowed = |prefix: &&String| {
                let mut own = self.projects.configured().iter();
                own.any(|own| own.modules.contains(prefix))
            };
            let shadowed = project.modules.iter().filter(is_shadowed);
            let shadowed: Vec<String> = shadowed.cloned().collect();
            Some(Listed {
                hidden: self.is_hidden(&project) || shadowed.len() == project.modules.len(),
                hidden_modules: shadowed,
                project,
            })
        })
    }

    fn write_project(&self, project: &Project, verb: Option<&str>) -> Result<Done, Broken> {
        let documents = documents_of(project);
        let mut names: Vec<String> = documents.iter().map(|(name, _)| name.clone()).collect();
        names.push(NOBODYS.to_owned());
        let mut standing = self.get(&strs(&names))?;
        names.pop();
        let nobodys = standing.pop().flatten();
        self.refuse_taken(project, &standing)?;
        let first = standing.first().and_then(Option::as_deref);
        let record = self.after(first, project)?;
        let expected: Vec<Option<&[u8]>> =
            documents.iter().map(|(_, value)| Some(&**value)).collect();
        let as_expected = standing
            .iter()
            .map(Option::as_deref)
            .eq(expected.iter().copied());
        let outcome = match first {
            Some(_) if as_expected => Outcome::Unchanged,
            Some(_) => Outcome::Changed,
            None => Outcome::Created,
        };
        let verb = verb.unwrap_or(match outcome {
            Outcome::Created => "added",
            _ => "changed",
        });
        let what = format!("{} ({})", words(project, verb), in_short(project));
        if outcome == Outcome::Unchanged {
            // A store that was filled before there was one gets it so.
            if nobodys.as_deref() != Some(NOBODYS_PROJECT) {
                let written = self.documents.set(NOBODYS, NOBODYS_PROJECT);
                written.map_err(|error| failed("nobody's project can't be kept", &error))?;
            }
            return Ok(Done { outcome, what });
        }
        let former = record.former_paths.len() + record.former_modules.len();
        // One change can leave as many prefixes as a project has, and its path.
        if former > AT_ONCE + 1 {
            let text = "earlier changes of this project did not get to their end: run the last of \
                        them again, or remove the project";
            return Err(conflict(text.to_owned()));
        }
        let writing = Writing::begin(self, what);
        if nobodys.as_deref() != Some(NOBODYS_PROJECT) {
            writing.set(NOBODYS, NOBODYS_PROJECT)?;
        }
        self.carry_out(&writing, &record, &documents, &standing)?;
        writing.settle(&names, &expected)?;
        Ok(Done {
            outcome,
            what: writing.what,
        })
    }

    /// What to keep of a project, with what is still to be removed of an earlier state. Where that one
    /// can't be read, its copies are looked for among all.
    fn after(&self, first: Option<&[u8]>, project: &Project) -> Result<Record, Failure> {
        let mut record = Record::new(project.clone());
        let Some(first) = first else {
            return Ok(record);
        };
        let is_own = |it: &Project| it.id == project.id;
        let (paths, modules) = match Record::parse(first).filter(|it| is_own(&it.project)) {
            Some(old) => {
                let (mut paths, mut modules) = (old.former_paths, old.former_modules);
                paths.push(old.project.path);
                modules.extend(old.project.modules);
                (paths, modules)
            }
            None => self.copies_of(&project.id)?,
        };
        record.former_paths = gone(paths, std::slice::from_ref(&project.path));
        record.former_modules = gone(modules, &project.modules);
        Ok(record)
    }

    fn carry_out(
        &self,
        writing: &Writing,
        record: &Record,
        documents: &[(String, Vec<u8>)],
        standing: &[Option<Vec<u8>>],
    ) -> Result<(), Broken> {
        let first = record.to_value();
        for (at, ((name, value), there)) in documents.iter().zip(standing).enumerate() {
            let value = if at == 0 { &first } else { value };
            if there.as_ref() == Some(value) {
                continue;
            }
            if at > 0 {
                // Another may have taken it since we looked.
                writing.expect(std::slice::from_ref(name), &[there.as_deref()])?;
            }
            writing.set(name, value)?;
        }
        let paths = record.former_paths.iter().map(|path| path_document(path));
        let modules = record.former_modules.iter();
        let modules = modules.map(|prefix| prefix_document(prefix));
        let left: Vec<String> = paths.chain(modules).collect();
        if left.is_empty() {
            return Ok(());
        }
        writing.remove_ours(&left, &is_of(&record.project.id))?;
        let Some((id, value)) = documents.first() else {
            return Ok(());
        };
        writing.expect(std::slice::from_ref(id), &[Some(&first)])?;
        writing.set(id, value)
    }

    /// Refuses what the configuration has already.
    fn refuse_configured(&self, project: &Project) -> Result<(), Broken> {
        for own in self.projects.all() {
            let prefix = own.modules.iter().find(|it| project.modules.contains(it));
            let same = match prefix {
                _ if own.id == project.id => format!("the id {}", own.id),
                _ if own.path == project.path => format!("the path {}", own.path),
                Some(prefix) => format!("the prefix {prefix}"),
                None => continue,
            };
            let text = format!("{same}: {}", self.of_configuration(own));
            return Err(conflict(text));
        }
        Ok(())
    }

    fn of_configuration(&self, own: &Project) -> String {
        let (id, path) = (&own.id, &own.path);
        match self.projects.configured().is_empty() {
            true => format!(
                "it is of the project {id} ({path}) that is there as long as the setting `projects` \
                 is not set"
            ),
            false => format!(
                "it is of the project {id} ({path}) of the configuration, which wins: it is changed \
                 in the setting `projects`"
            ),
        }
    }

    /// Refuses a path or a prefix of another project that is kept. What no project claims was left
    /// behind, and is taken over.
    fn refuse_taken(&self, project: &Project, standing: &[Option<Vec<u8>>]) -> Result<(), Broken> {
        let mut others = Vec::new();
        let mut unread = false;
        for (at, value) in standing.iter().enumerate() {
            let prefix = match at {
                PATH => None,
                // The others are the project's own.
                at => match at.checked_sub(FIRST_PREFIX) {
                    Some(prefix) => Some(prefix),
                    None => continue,
                },
            };
            let record = value.as_deref().map(Record::parse);
            unread |= matches!(record, Some(None));
            let other = record.flatten().map(|record| record.project);
            if let Some(other) = other.filter(|other| other.id != project.id) {
                others.push((prefix, other.id));
            }
        }
        if unread {
            // Whose it is, only all of them can tell.
            let is_other = |_: &str, value: &[u8]| {
                Record::parse(value).filter(|truth| truth.project.id != project.id)
            };
            for truth in self.all(IDS, &is_other)? {
                refuse_claimed(project, &truth, None)?;
                for prefix in &project.modules {
                    refuse_claimed(project, &truth, Some(prefix))?;
                }
            }
        }
        let ids: Vec<String> = others.iter().map(|(_, id)| id_document(id)).collect();
        if ids.is_empty() {
            return Ok(());
        }
        for ((at, id), value) in others.iter().zip(self.get(&strs(&ids))?) {
            let Some(value) = value else {
                continue;
            };
            let truth = Record::parse(&value);
            let truth = truth.ok_or_else(|| unreadable(&format!("the project {id}")))?;
            let prefix = at.and_then(|at| project.modules.get(at));
            refuse_claimed(project, &truth, prefix)?;
        }
        Ok(())
    }
}

/// Refuses a project its path, or this prefix, where another one has it.
fn refuse_claimed(
    project: &Project,
    other: &Record,
    prefix: Option<&String>,
) -> Result<(), Broken> {
    let claims = match prefix {
        None => other.claims_path(&project.path),
        Some(prefix) => other.claims_prefix(prefix),
    };
    if !claims {
        return Ok(());
    }
    let same = match prefix {
        None => format!("the path {}", project.path),
        Some(prefix) => format!("the prefix {prefix}"),
    };
    let Project { id, path, .. } = &other.project;
    let text = format!("{same}: it is of the project {id} ({path})");
    Err(conflict(text))
}

/// Whether a copy is of the project with this id; what can't be read is whoever's name it has.
fn is_of(id: &str) -> impl Fn(&[u8]) -> bool + '_ {
    move |value| Record::parse(value).is_none_or(|record| record.project.id == id)
}

/// What a project must be beyond what the setting asks.
fn check(project: &Project) -> Result<(), Broken> {
    if project.modules.is_empty() {
        let text = "a project in the store names at least one module path prefix in `modules`: what \
                    no other owns belongs to a project of the configuration, or to none";
        return Err(refused(text));
    }
    for prefix in &project.modules {
        if prefix.len() > LONGEST_PREFIX || prefix.split('/').count() > DEEPEST {
            let text = format!(
                "a module path prefix in the store has at most {LONGEST_PREFIX} bytes and {DEEPEST} \
                 elements"
            );
            return Err(refused(text));
        }
    }
    for (at, prefix) in project.modules.iter().enumerate() {
        if project
            .modules
            .iter()
            .skip(at + 1)
            .any(|other| other == prefix)
        {
            return Err(refused(format!("`modules` names {prefix} twice")));
        }
    }
    Ok(())
}
