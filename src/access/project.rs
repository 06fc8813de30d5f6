//! Projects: what GitLab's API addresses, which module paths each owns, and who sees it.
//!
//! A project owns the module paths below its prefixes, in whole path elements; of several prefixes over
//! a path the longest decides, whichever project has it. A project of the settings that names no
//! prefix owns whatever no other project does; there is at most one. Without the setting there is just
//! such a one, public.

use std::rc::Rc;

use crate::json::Json;
#[cfg(feature = "admin")]
use crate::json::Writer;
use crate::module::path::check_import_path;
use crate::order::sorted;

use super::list_of;

/// Who sees a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Whoever has a valid token.
    Internal,
    /// Whoever has a token for this project.
    Private,
}

impl Visibility {
    const NAMES: [(Visibility, &str); 3] = [
        (Visibility::Public, "public"),
        (Visibility::Internal, "internal"),
        (Visibility::Private, "private"),
    ];

    /// The visibility of this name.
    pub fn parse(name: &str) -> Option<Self> {
        let found = Visibility::NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(visibility, _)| *visibility)
    }

    /// Its name in the settings, which is GitLab's.
    pub fn name(self) -> &'static str {
        let found = Visibility::NAMES.iter().find(|(known, _)| *known == self);
        found.map_or("", |(_, name)| name)
    }
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its number, in digits.
    pub id: String,
    /// Its full path.
    pub path: String,
    /// The module path prefixes that it owns.
    pub modules: Vec<String>,
    /// Who sees it.
    pub visibility: Visibility,
    /// Whether it is there at all: GitLab's switch for the whole API of a project.
    pub enabled: bool,
}

/// The fields of a project as it is written down.
const FIELDS: [&str; 5] = ["id", "path", "modules", "visibility", "enabled"];

/// As many prefixes as one project may have: each is a document of its own in the store.
const MOST_PREFIXES: usize = 100;

impl Project {
    /// Reads a project.
    ///
    /// # Errors
    /// What is wrong, without any value in it.
    pub fn parse(fields: &Json) -> Result<Self, &'static str> {
        let members = fields.members().ok_or("it is not a JSON object")?;
        let known = |(name, _): &(String, Json)| FIELDS.contains(&name.as_str());
        if !members.iter().all(known) {
            return Err(
                "it has an unknown field: `id`, `path`, `modules`, `visibility` and `enabled` are \
                 known",
            );
        }
        let id = match fields.get("id") {
            Some(Json::Number(text) | Json::Text(text)) if is_id(text) => text.clone(),
            _ => return Err("`id` is not a positive number"),
        };
        let path = fields.get("path").and_then(Json::text);
        let path = path.filter(|path| is_full_path(path)).ok_or(
            "`path` is not a full path such as `group/project`, of letters, digits and -._",
        )?;
        let modules = match fields.get("modules") {
            None => Vec::new(),
            Some(list) => list
                .texts()
                .filter(|list| list.len() <= MOST_PREFIXES && list.iter().all(|it| is_prefix(it)))
                .ok_or(
                    "`modules` is not a list of at most 100 module path prefixes in whole elements \
                     and without wildcards, such as `example.com/team`",
                )?,
        };
        let visibility = match fields.get("visibility") {
            None => Visibility::Private,
            Some(name) => name
                .text()
                .and_then(Visibility::parse)
                .ok_or("`visibility` is not `public`, `internal` or `private`")?,
        };
        let enabled = match fields.get("enabled") {
            None => true,
            Some(Json::Bool(flag)) => *flag,
            Some(_) => return Err("`enabled` is not true or false"),
        };
        Ok(Project {
            id,
            path: path.to_owned(),
            modules: modules.into_iter().map(str::to_owned).collect(),
            visibility,
            enabled,
        })
    }

    /// A private one of which nothing is known but the name by which a client has it, its number or its path.
    #[cfg(feature = "admin")]
    pub(super) fn unknown(name: &str) -> Self {
        let (id, path) = match is_id(name) {
            true => (name, ""),
            false => ("", name),
        };
        Project {
            id: id.to_owned(),
            path: path.to_owned(),
            modules: Vec::new(),
            visibility: Visibility::Private,
            enabled: true,
        }
    }

    /// The project as it is written down.
    #[cfg(feature = "admin")]
    pub fn to_json(&self) -> Writer {
        let mut json = Writer::new();
        json.json("id", &self.id);
        json.text("path", &self.path);
        json.texts("modules", &self.modules);
        json.text("visibility", self.visibility.name());
        json.flag("enabled", self.enabled);
        json
    }

    /// Whether this can be a project's number.
    #[cfg(feature = "admin")]
    pub fn is_id(text: &str) -> bool {
        is_id(text)
    }

    /// Whether this can be a project's full path.
    #[cfg(feature = "admin")]
    pub fn is_full_path(text: &str) -> bool {
        is_full_path(text)
    }

    /// Whether a client names it so, by its number or its full path.
    pub fn is_named(&self, name: &str) -> bool {
        name == self.id || name == self.path
    }

    /// Whether this is a group that it is in, at any depth.
    pub fn is_in_group(&self, group: &str) -> bool {
        is_below(&self.path, group)
    }

    /// Whether anybody gets from it what anybody else gets.
    pub fn is_open(&self) -> bool {
        self.enabled && self.visibility == Visibility::Public
    }

    /// The length of its longest prefix over a module path; zero for a project that names none.
    pub fn reach(&self, module: &str) -> Option<usize> {
        if self.modules.is_empty() {
            return Some(0);
        }
        let over = |prefix: &&String| **prefix == module || is_below(module, prefix);
        let mut reach = None;
        for prefix in self.modules.iter().filter(over) {
            reach = reach.max(Some(prefix.len()));
        }
        reach
    }
}

/// Whether a path lies below another, in whole elements.
fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn is_id(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (1..=18).contains(&text.len()) && !text.starts_with('0')
}

/// Letters, digits and `-._`; neither it nor a group above it could be taken for a project's number.
fn is_full_path(path: &str) -> bool {
    let fine = |element: &str| {
        let mut bytes = element.bytes();
        !element.is_empty()
            && element.bytes().any(|byte| byte != b'.')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let first = path.split('/').next().unwrap_or_default();
    path.len() <= 255
        && path.split('/').all(fine)
        && !first.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_prefix(prefix: &str) -> bool {
    let host = prefix.split('/').next().unwrap_or_default();
    host.contains('.')
        && !host.bytes().any(|byte| byte.is_ascii_uppercase())
        && check_import_path(prefix).is_ok()
}

/// The projects of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projects {
    all: Vec<Rc<Project>>,
    /// Whether they are there only because the setting is not.
    implied: bool,
}

impl Default for Projects {
    fn default() -> Self {
        Projects {
            all: vec![Rc::new(Project {
                id: "1".to_owned(),
                path: "default/modules".to_owned(),
                modules: Vec::new(),
                visibility: Visibility::Public,
                enabled: true,
            })],
            implied: true,
        }
    }
}

impl Projects {
    /// Reads the `projects` setting, a JSON list.
    ///
    /// # Errors
    /// What is wrong, without any value in it.
    pub fn parse_list(json: &str) -> Result<Self, String> {
        let mut projects = Vec::new();
        for (at, fields) in list_of(json)?.iter().enumerate() {
            let project = Project::parse(fields).map(Rc::new);
            projects.push(project.map_err(|what| format!("project {}: {what}", at + 1))?);
        }
        let projects = Projects {
            all: projects,
            implied: false,
        };
        for (what, of) in [
            ("same id", ids as fn(&Project) -> Vec<&str>),
            ("same path", paths),
            ("same module path prefix, or name none", prefixes),
        ] {
            projects.refuse_shared(what, of)?;
        }
        Ok(projects)
    }

    /// Refuses two projects that have in common what must be one's own.
    fn refuse_shared(&self, what: &str, of: fn(&Project) -> Vec<&str>) -> Result<(), String> {
        let mut all = Vec::new();
        for (at, project) in self.all.iter().enumerate() {
            all.extend(of(project).into_iter().map(|name| (name, at + 1)));
        }
        let all = sorted(all, |a, b| a.0.cmp(b.0));
        for pair in all.windows(2) {
            if let [(name, first), (same, second)] = pair
                && name == same
            {
                return Err(format!("projects {first} and {second} have the {what}"));
            }
        }
        Ok(())
    }

    /// All of them.
    pub fn all(&self) -> &[Rc<Project>] {
        &self.all
    }

    /// Those that the operator has configured.
    pub fn configured(&self) -> &[Rc<Project>] {
        match self.implied {
            true => &[],
            false => &self.all,
        }
    }

    /// The project that a client names by its number or its full path.
    pub fn named(&self, name: &str) -> Option<&Rc<Project>> {
        self.all.iter().find(|project| project.is_named(name))
    }

    /// The project that owns a module path, and the length of the prefix by which it does.
    pub fn owner(&self, module: &str) -> Option<(&Rc<Project>, usize)> {
        let mut owner: Option<(&Rc<Project>, usize)> = None;
        for project in &self.all {
            if let Some(reach) = project.reach(module)
                && owner.is_none_or(|(_, longest)| reach > longest)
            {
                owner = Some((project, reach));
            }
        }
        owner
    }
}

fn ids(project: &Project) -> Vec<&str> {
    vec![&project.id]
}

fn paths(project: &Project) -> Vec<&str> {
    vec![&project.path]
}

fn prefixes(project: &Project) -> Vec<&str> {
    match project.modules.as_slice() {
        [] => vec![""],
        some => some.iter().map(String::as_str).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_private_and_enabled_unless_told() {
        let list = r#"[{"id":7,"path":"team/lib"},
            {"id":"8","path":"team/open","modules":["example.com/open"],"visibility":"public","enabled":false}]"#;
        let expected = [
            Project {
                id: "7".to_owned(),
                path: "team/lib".to_owned(),
                modules: Vec::new(),
                visibility: Visibility::Private,
                enabled: true,
            },
            Project {
                id: "8".to_owned(),
                path: "team/open".to_owned(),
                modules: vec!["example.com/open".to_owned()],
                visibility: Visibility::Public,
                enabled: false,
            },
        ]
        .map(Rc::new);
        let projects = Projects::parse_list(list).unwrap();
        assert_eq!(projects.all(), expected);
        assert_eq!(projects.configured(), expected);
    }

    #[test]
    fn the_project_that_is_there_without_a_setting_is_not_configured() {
        let implied = Projects::default();
        assert_eq!((implied.all().len(), implied.configured().len()), (1, 0));
        let none = Projects::parse_list("[]").unwrap();
        assert_eq!((none.all().len(), none.configured().len()), (0, 0));
    }

    #[cfg(feature = "admin")]
    #[test]
    fn a_project_is_read_back_as_it_is_written() {
        let list = r#"[{"id":123456789012345678,"path":"a/B-c.d_e"},
            {"id":2,"path":"a/b","modules":["a.b","c.d/E"],"visibility":"internal","enabled":false}]"#;
        for project in Projects::parse_list(list).unwrap().all() {
            let text = project.to_json().end();
            let json = Json::parse(text.as_bytes()).unwrap();
            assert_eq!(Project::parse(&json).as_ref(), Ok(&**project), "{text}");
        }
    }

    #[test]
    fn a_wrong_list_says_which_project_and_what_and_shows_no_value() {
        let field = "it has an unknown field: `id`, `path`, `modules`, `visibility` and `enabled` are known";
        let id = "`id` is not a positive number";
        let path = "`path` is not a full path such as `group/project`, of letters, digits and -._";
        let modules = "`modules` is not a list of at most 100 module path prefixes in whole elements and without wildcards, such as `example.com/team`";
        for (fields, problem) in [
            (r#""id":1,"path":"a/b","hunter2":1"#, field),
            (r#""path":"a/b""#, id),
            (r#""id":0,"path":"a/b""#, id),
            (r#""id":-1,"path":"a/b""#, id),
            (r#""id":1.5,"path":"a/b""#, id),
            (r#""id":"hunter2","path":"a/b""#, id),
            (
                r#""id":01,"path":"a/b""#,
                "it is not JSON (line 1, column 9)",
            ),
            (r#""id":1"#, path),
            (r#""id":1,"path":"""#, path),
            (r#""id":1,"path":"12""#, path),
            (r#""id":1,"path":"12/a""#, path),
            (r#""id":1,"path":"a//b""#, path),
            (r#""id":1,"path":"a/../b""#, path),
            (r#""id":1,"path":"hunter 2""#, path),
            (r#""id":1,"path":"a/b","modules":"example.com""#, modules),
            (r#""id":1,"path":"a/b","modules":["hunter2"]"#, modules),
            (
                r#""id":1,"path":"a/b","modules":["example.com/*"]"#,
                modules,
            ),
            (r#""id":1,"path":"a/b","modules":["example.com/"]"#, modules),
            (
                r#""id":1,"path":"a/b","modules":["Example.com/x"]"#,
                modules,
            ),
            (r#""id":1,"path":"a/b","modules":[""]"#, modules),
            (
                r#""id":1,"path":"a/b","visibility":"hunter2""#,
                "`visibility` is not `public`, `internal` or `private`",
            ),
            (
                r#""id":1,"path":"a/b","enabled":"hunter2""#,
                "`enabled` is not true or false",
            ),
        ] {
            let found = Projects::parse_list(&format!("[{{{fields}}}]"));
            let expected = match problem.starts_with("it is not JSON") {
                true => problem.to_owned(),
                false => format!("project 1: {problem}"),
            };
            assert_eq!(found, Err(expected), "{fields}");
        }
        assert_eq!(
            Projects::parse_list("{}"),
            Err("it is not a JSON list".to_owned())
        );
    }

    #[test]
    fn what_must_be_ones_own_is_refused_in_two_projects() {
        for (first, second, what) in [
            (
                r#""id":1,"path":"a/b""#,
                r#""id":"1","path":"c/d","modules":["a.b"]"#,
                "same id",
            ),
            (
                r#""id":1,"path":"a/b""#,
                r#""id":2,"path":"a/b","modules":["a.b"]"#,
                "same path",
            ),
            (
                r#""id":1,"path":"a/b","modules":["x.y","example.com/m"]"#,
                r#""id":2,"path":"c/d","modules":["example.com/m"]"#,
                "same module path prefix, or name none",
            ),
            (
                r#""id":1,"path":"a/b""#,
                r#""id":2,"path":"c/d""#,
                "same module path prefix, or name none",
            ),
        ] {
            let list = format!("[{{{first}}},{{{second}}}]");
            let problem = format!("projects 1 and 2 have the {what}");
            assert_eq!(Projects::parse_list(&list), Err(problem), "{list}");
        }
    }

    #[test]
    fn the_longest_prefix_in_whole_elements_owns_a_module() {
        let list = r#"[
            {"id":1,"path":"all/rest"},
            {"id":2,"path":"a/team","modules":["example.com/team","other.example.com"]},
            {"id":3,"path":"a/lib","modules":["example.com/team/lib"]}]"#;
        let projects = Projects::parse_list(list).unwrap();
        for (module, owner) in [
            ("example.com/team", "2"),
            ("example.com/team/x/v2", "2"),
            ("example.com/teams", "1"),
            ("example.com/team/lib", "3"),
            ("example.com/team/lib/v3", "3"),
            ("example.com/team/library", "2"),
            ("other.example.com", "2"),
            ("other.example.com/x", "2"),
            ("other.example.comx/x", "1"),
            ("example.com", "1"),
        ] {
            let found = projects.owner(module).map(|(project, _)| &*project.id);
            assert_eq!(found, Some(owner), "{module}");
        }
    }
}
