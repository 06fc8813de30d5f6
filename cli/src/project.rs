//! `goproxy-edge project`: the projects of a running edge, added, listed and removed without a redeploy.

use std::process::ExitCode;

use clap::builder::NonEmptyStringValueParser;

use crate::admin::{Admin, ListArgs, Outcome, Place, print_list};
use crate::client::{Body, ServerArgs};
use crate::url::element;
use crate::{Failure, output};

/// As many digits as an id may have.
const LARGEST_ID: u64 = 999_999_999_999_999_999;

/// Add, list, remove, enable and disable the projects of a running server
///
/// The server keeps them in its store, so nothing is deployed again; it does so where its setting `admin` is on, as
/// `goproxy-edge serve` has it. All of this needs a token with scope `api` and the administrator flag. Doing a thing
/// twice is the same as doing it once.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    Add(Add),
    /// List the projects, those of the configuration first
    List(ListArgs),
    Remove(Remove),
    Enable(Enable),
    Disable(Disable),
}

/// Add a project, or make one that is there already what this says
///
/// Its id and its path are those under which GitLab's API addresses it. It owns the modules below its prefixes, and
/// of several prefixes over a module the longest decides. What was published stays, whichever project owns it.
#[derive(clap::Args)]
struct Add {
    /// Its full path, such as group/project
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    path: String,
    /// Its number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=LARGEST_ID))]
    id: u64,
    /// A module path prefix that it owns, in whole elements, such as example.com/team; once for each
    #[arg(long = "module", value_name = "PREFIX", required = true)]
    modules: Vec<String>,
    /// Who may download its modules
    #[arg(long, value_enum, default_value_t = Visibility::Private)]
    visibility: Visibility,
    /// Keep it as if it were not there, until `enable`
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Visibility {
    /// Everybody
    Public,
    /// Whoever has a valid token
    Internal,
    /// Whoever has a token for this project
    Private,
}

impl Visibility {
    fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Private => "private",
        }
    }
}

/// Remove a project; its modules stay in the store
#[derive(clap::Args)]
struct Remove {
    #[command(flatten)]
    project: Named,
}

/// Switch a project on
#[derive(clap::Args)]
struct Enable {
    #[command(flatten)]
    project: Named,
}

/// Switch a project off: it answers as if it were not there, and keeps everything
#[derive(clap::Args)]
struct Disable {
    #[command(flatten)]
    project: Named,
}

#[derive(clap::Args)]
struct Named {
    /// Its number or its full path
    #[arg(value_name = "ID_OR_PATH", value_parser = NonEmptyStringValueParser::new())]
    project: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub fn run(args: Args) -> Result<ExitCode, Failure> {
    match args.verb {
        Verb::Add(add) => run_add(add)?,
        Verb::List(list) => run_list(list)?,
        Verb::Remove(Remove { project }) => named(project, "DELETE", "")?,
        Verb::Enable(Enable { project }) => named(project, "POST", "/enable")?,
        Verb::Disable(Disable { project }) => named(project, "POST", "/disable")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A project as the server takes it.
#[derive(serde::Serialize)]
struct Written<'a> {
    id: u64,
    path: &'a str,
    modules: &'a [String],
    visibility: &'a str,
    enabled: bool,
}

fn run_add(args: Add) -> Result<(), Failure> {
    let json = serde_json::to_string(&Written {
        id: args.id,
        path: &args.path,
        modules: &args.modules,
        visibility: args.visibility.name(),
        enabled: !args.disabled,
    })?;
    let admin = Admin::new(args.server)?;
    let outcome = admin.change("PUT", "/-/admin/projects", Body::Json(&json))?;
    let did = match outcome {
        Outcome::Created => "added",
        Outcome::Unchanged => "is there already, just so",
        _ => "changed",
    };
    output::print(format_args!(
        "project {} {} {did}: {}",
        args.id,
        args.path,
        admin.address()
    ))
}

/// A change of one project that is there.
fn named(args: Named, method: &str, verb: &str) -> Result<(), Failure> {
    let admin = Admin::new(args.server)?;
    let path = format!("/-/admin/projects/{}{verb}", element(&args.project));
    let outcome = admin.change(method, &path, Body::None)?;
    let did = match (outcome, verb) {
        (Outcome::Removed, _) => "removed",
        (Outcome::Absent, _) => "is not there",
        (Outcome::Unchanged, "/enable") => "was enabled already",
        (Outcome::Unchanged, _) => "was disabled already",
        (_, "/enable") => "enabled",
        (_, _) => "disabled",
    };
    let address = admin.address();
    output::print(format_args!("project {} {did}: {address}", args.project))
}

/// A project as a list shows it.
#[derive(serde::Deserialize)]
struct Listed {
    id: serde_json::Value,
    path: String,
    #[serde(default)]
    modules: Vec<String>,
    visibility: String,
    enabled: bool,
    #[serde(flatten)]
    place: Place,
}

fn run_list(args: ListArgs) -> Result<(), Failure> {
    let projects = Admin::new(args.server)?.list("/-/admin/projects")?;
    let row = |project: &Listed| {
        vec![
            project
                .id
                .as_str()
                .map_or_else(|| project.id.to_string(), str::to_owned),
            project.path.clone(),
            project.visibility.clone(),
            if project.enabled {
                "enabled"
            } else {
                "disabled"
            }
            .to_owned(),
            project.place.words(),
            if project.modules.is_empty() {
                "all others".to_owned()
            } else {
                project.modules.join(", ")
            },
        ]
    };
    let columns = ["ID", "PATH", "VISIBILITY", "STATE", "SOURCE", "MODULES"];
    print_list(&projects, args.json, &columns, row, |project| {
        &project.place
    })
}
