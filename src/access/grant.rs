//! What a credential allows, wherever it comes from: a token of the settings or of the store, or one
//! that an issuer signed.

use super::Project;

/// What a token allows, by GitLab's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Reads everything.
    ReadApi,
    /// Reads and writes everything.
    Api,
    /// Reads modules.
    ReadPackageRegistry,
    /// Reads and publishes modules.
    WritePackageRegistry,
}

impl Scope {
    /// The scope of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "read_api" => Scope::ReadApi,
            "api" => Scope::Api,
            "read_package_registry" => Scope::ReadPackageRegistry,
            "write_package_registry" => Scope::WritePackageRegistry,
            _ => return None,
        })
    }

    /// Its name.
    #[cfg(feature = "admin")]
    pub fn name(self) -> &'static str {
        match self {
            Scope::ReadApi => "read_api",
            Scope::Api => "api",
            Scope::ReadPackageRegistry => "read_package_registry",
            Scope::WritePackageRegistry => "write_package_registry",
        }
    }

    /// Whether it includes publishing.
    pub fn may_write(self) -> bool {
        matches!(self, Scope::Api | Scope::WritePackageRegistry)
    }
}

/// What who presents a valid credential may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What its owner calls it. Shown in logs and refusals.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The projects it is for: ids, full paths, groups' paths, or `*`.
    pub projects: Vec<String>,
    /// Whether it may care for the store.
    pub admin: bool,
    /// Whether who has it is none of ours, such as the job of a project that is not here: on a GitLab that
    /// others use too everybody has jobs. It opens nothing then, but is no wrong credential.
    pub guest: bool,
    /// Whether it names projects alone, and opens none below their paths, as one that names a group does.
    pub alone: bool,
}

impl Grant {
    /// Whether it is for this project: one that it names, or one in a group that it names.
    pub fn names_project(&self, project: &Project) -> bool {
        let mut named = self.projects.iter();
        named.any(|name| {
            let is_it = name == "*" || project.is_named(name);
            is_it || !self.alone && project.is_in_group(name)
        })
    }
}
