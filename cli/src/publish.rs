//! `goproxy-edge publish`: one version of a module, from a git tag.
//!
//! Everything is read from the tagged commit, as the `go` command reads it from a repository, and never from the
//! work tree: module path, go.mod, files. Which commit that is and where the module lies there follows
//! golang.org/ref/mod#vcs-version: `find` looks for tags, `place` for the module, `pseudo` judges pseudo-versions.
//! Here it is packed and sent, or with `--dry-run` shown.

mod find;
mod place;
mod pseudo;

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use goproxy_edge::module::version::INCOMPATIBLE;
use goproxy_edge::module::zip::{self, Checked, Limits, SourceOptions};
use goproxy_edge::module::{ModulePath, ModuleVersion, Version, gomod, hash};

use crate::client::{Answer, Client, ServerArgs};
use crate::git::{Commit, Repository, public_url};
use crate::past::{self, Upload};
use crate::progress::{Progress, What};
use crate::url::{path, query};
use crate::{Failure, output};

use place::join;

/// Publish a version of a module from its git tag
///
/// The archive is the one that the `go` command would make of the tag, so its checksum is the one in everybody's
/// go.sum. Publishing the same again changes nothing.
#[derive(clap::Args)]
pub struct Args {
    /// The module's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The version: one that has a tag, or the pseudo-version of HEAD [default: the tag at HEAD]
    #[arg(long, value_parser = parse_version)]
    version: Option<Version>,
    /// The module's path [default: the one in go.mod]
    #[arg(long, value_name = "PATH", value_parser = parse_module)]
    module: Option<ModulePath>,
    /// Send nothing: find the module, pack and check it, and say what would be published
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerArgs,
}

fn parse_version(text: &str) -> Result<Version, String> {
    Version::parse(text).map_err(|error| error.to_string())
}

fn parse_module(text: &str) -> Result<ModulePath, String> {
    ModulePath::parse(text).map_err(|error| error.to_string())
}

/// What is to be published.
struct Release {
    module: ModulePath,
    version: Version,
    commit: Commit,
    /// Below the repository's top; empty for the top itself.
    subdir: String,
    /// The tag, or the branch of a pseudo-version.
    reference: Option<String>,
}

pub fn run(args: Args) -> Result<ExitCode, Failure> {
    let repository = Repository::around(&args.dir)?;
    let release = find::find(&repository, args.version, args.module)?;
    if repository.has_uncommitted_changes()? {
        output::note(format_args!(
            "note: there are uncommitted changes; they are not part of {}",
            release.version
        ));
    }
    let client = Client::new(args.server)?;
    let archive = archive(&repository, &release)?;
    if args.dry_run {
        return show(&client, &release, &archive);
    }
    let answer = send(&client, &repository, &release, &archive)?;
    let name = format!("{}@{}", release.module, release.version);
    match answer.status {
        200 | 201 => {
            let done = if answer.status == 201 { "published" } else { "already there, with the same content:" };
            let mut lines = vec![format!("{done} {name} at {} from commit {}", client.address(), release.commit.hash)];
            lines.extend(go_sum(&answer));
            output::print(lines.join("\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        401 => Err(client.not_let_in(&answer)),
        409 => Err(format!(
            "{}\nA version that is out stays as it is, in everybody's go.sum: give the change a new tag.",
            answer.reason()
        )
        .into()),
        _ => Err(format!("{name} is refused by {}: {}", client.address(), answer.reason()).into()),
    }
}

/// The version as tags have it.
fn without_incompatible(version: &Version) -> &str {
    version
        .as_str()
        .strip_suffix(INCOMPATIBLE)
        .unwrap_or(version.as_str())
}

/// The repository's archive, in a temporary file without a name.
fn archive(repository: &Repository, release: &Release) -> Result<File, Failure> {
    let archive =
        tempfile::tempfile().map_err(|error| format!("cannot make a temporary file: {error}"))?;
    let mut paths = Vec::new();
    if !release.subdir.is_empty() {
        paths.push(release.subdir.as_str());
        // The repository's licence is that of a module without one, as for the go command.
        let own = repository.file(&release.commit, &join(&release.subdir, "LICENSE"))?;
        if own.is_none() && repository.file(&release.commit, "LICENSE")?.is_some() {
            paths.push("LICENSE");
        }
    }
    repository.archive(&release.commit, &paths, &archive)?;
    Ok(archive)
}

fn send(
    client: &Client,
    repository: &Repository,
    release: &Release,
    archive: &File,
) -> Result<Answer, Failure> {
    /// As the `go` command writes it (cmd/go/internal/modfetch/codehost, `Origin`).
    #[derive(serde::Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Origin<'a> {
        #[serde(rename = "VCS")]
        vcs: &'a str,
        #[serde(rename = "URL", skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        #[serde(skip_serializing_if = "str::is_empty")]
        subdir: &'a str,
        hash: &'a str,
        #[serde(rename = "Ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
    }
    let reference = release.reference.as_deref();
    let origin = serde_json::to_string(&Origin {
        vcs: "git",
        url: repository.remote()?.as_deref().and_then(public_url),
        subdir: &release.subdir,
        hash: &release.commit.hash,
        reference,
    })?;
    let url = format!(
        "/{}/@v/{}.zip",
        path(&release.module.escaped()),
        path(&release.version.escaped()),
    );
    let time = release.commit.time.to_string();
    let facts = [
        ("ref", reference),
        ("time", Some(time.as_str())),
        ("origin", Some(origin.as_str())),
    ];
    let subdir = Some(release.subdir.as_str()).filter(|subdir| !subdir.is_empty());
    let archived = [("subdir", subdir), ("strip", Some("1"))];
    let progress = Progress::new("publishing", archive.metadata()?.len(), What::Bytes);
    let sent = |bytes| progress.set(bytes);
    let upload = Upload {
        path: &url,
        through: &query(&[&archived[..], &facts[..]].concat()),
        facts: &query(&facts),
        file: archive,
        module_zip: &|| Ok(module_zip(release, archive)?.0),
        sent: &sent,
    };
    past::send(client, &upload)
}

/// The canonical module zip that the server would make of the archive, in a temporary file without a name.
fn module_zip(release: &Release, archive: &File) -> Result<(File, Checked), Failure> {
    let mut zip =
        tempfile::tempfile().map_err(|error| format!("cannot make a temporary file: {error}"))?;
    let version = ModuleVersion::new(release.module.clone(), release.version.clone())?;
    let options = SourceOptions {
        strip: true,
        subdir: Some(release.subdir.as_str()).filter(|subdir| !subdir.is_empty()),
    };
    let checked = zip::create(
        &mut &*archive,
        &mut zip,
        &version,
        &options,
        &Limits::default(),
    )
    .map_err(|error| format!("{version} cannot be published:\n{error}"))?;
    Ok((zip, checked))
}

/// Says what would be published, after the checks that need no server: it may know of the version, and of limits of
/// its own.
fn show(client: &Client, release: &Release, archive: &File) -> Result<ExitCode, Failure> {
    let (zip, checked) = module_zip(release, archive)?;
    let version = ModuleVersion::new(release.module.clone(), release.version.clone())?;
    let synthesised = || gomod::legacy_go_mod(version.path()).into_bytes();
    let go_mod = checked.go_mod.unwrap_or_else(synthesised);
    let lines = [
        format!(
            "would publish {version} at {} from commit {}",
            client.address(),
            release.commit.hash
        ),
        format!(
            "files: {}, of {} bytes; zip: {} bytes",
            checked.files,
            checked.unpacked,
            zip.metadata()?.len()
        ),
        hash::go_sum_line(&version, &checked.h1),
        hash::go_mod_sum_line(&version, &go_mod),
    ];
    output::print(lines.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// The lines for go.sum that the server answers.
fn go_sum(answer: &Answer) -> Vec<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Published {
        #[serde(default)]
        go_sum: Vec<String>,
    }
    serde_json::from_slice::<Published>(&answer.body)
        .map_or_else(|_| Vec::new(), |published| published.go_sum)
}
