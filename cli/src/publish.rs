//! `goproxy-edge publish`: one version of a module, from a git tag.
//!
//! Everything is read from the tagged commit, as the `go` command reads it from a repository, and never from the
//! work tree: module path, go.mod, files. Where the module lies and which tag belongs to which version follows
//! golang.org/ref/mod#vcs-version: a module in a sub-folder has tags `sub/v1.2.3`, and a major version from v2 on
//! may have a folder `v2` of its own, which no tag names.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use goproxy_edge::module::version::{INCOMPATIBLE, check_path_major};
use goproxy_edge::module::zip::{self, Limits, SourceOptions};
use goproxy_edge::module::{ModulePath, ModuleVersion, Version, gomod};

use crate::client::{Answer, Client, ServerArgs};
use crate::git::{Commit, Repository, public_url};
use crate::past::{self, Upload};
use crate::progress::{Progress, What};
use crate::url::{path, query};
use crate::{Failure, output};

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
    let release = find(&repository, args.version, args.module)?;
    if repository.has_uncommitted_changes()? {
        output::note(format_args!(
            "note: there are uncommitted changes; they are not part of {}",
            release.version
        ));
    }
    let client = Client::new(args.server)?;
    let archive = archive(&repository, &release)?;
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

/// What to publish: the version that is asked for, or the tag at HEAD.
fn find(
    repository: &Repository,
    version: Option<Version>,
    module: Option<ModulePath>,
) -> Result<Release, Failure> {
    let head = repository
        .commit("HEAD")?
        .ok_or("this repository has no commit yet")?;
    let root = module_root(repository, &head)?;
    let prefix = if root.is_empty() {
        String::new()
    } else {
        format!("{root}/")
    };
    match version {
        Some(version) if version.is_pseudo() => {
            check_pseudo(repository, &version, &head, &prefix)?;
            let reference = repository.branch()?;
            locate(repository, head, &root, version, module, reference)
        }
        Some(version) => {
            let tag = format!("{prefix}{}", without_incompatible(&version));
            let reference = format!("refs/tags/{tag}");
            let commit = repository.commit(&reference)?.ok_or_else(|| {
                format!("there is no tag {tag} here: make it with `git tag {tag}`, or fetch it with `git fetch --tags`")
            })?;
            locate(repository, commit, &root, version, module, Some(reference))
        }
        None => at_head(repository, &head, &root, &prefix, module.as_ref()),
    }
}

/// The highest version that a tag gives to HEAD.
fn at_head(
    repository: &Repository,
    head: &Commit,
    root: &str,
    prefix: &str,
    module: Option<&ModulePath>,
) -> Result<Release, Failure> {
    let mut versions: Vec<Version> = repository
        .tags_at(head)?
        .iter()
        .filter_map(|tag| Version::parse(tag.strip_prefix(prefix)?).ok())
        .filter(|version| !version.is_pseudo() && !version.is_incompatible())
        .collect();
    versions.sort();
    let mut problem = None;
    let mut release = None;
    for version in versions.into_iter().rev() {
        let reference = Some(format!("refs/tags/{prefix}{version}"));
        match (
            &release,
            locate(
                repository,
                head.clone(),
                root,
                version.clone(),
                module.cloned(),
                reference,
            ),
        ) {
            (None, Ok(found)) => release = Some(found),
            (Some(chosen), Ok(_)) => {
                output::note(format_args!(
                    "note: HEAD is {version} too; publishing {}, --version {version} publishes the other",
                    chosen.version
                ));
            }
            (_, Err(failure)) => problem = problem.or(Some(failure)),
        }
    }
    match (release, problem) {
        (Some(release), _) => Ok(release),
        (None, Some(problem)) => Err(problem),
        (None, None) => Err(format!(
            "HEAD has no version tag such as {prefix}v1.2.3: tag it, name a tag's version with --version, \
             or give HEAD's pseudo-version there (v0.0.0-{})",
            pseudo_suffix(head)
        )
        .into()),
    }
}

/// The folder whose tags are the module's: that of the nearest go.mod, less a folder for the major version.
fn module_root(repository: &Repository, head: &Commit) -> Result<String, Failure> {
    let start = repository.prefix()?;
    let mut folder = start.as_str();
    loop {
        if let Some(text) = repository.file(head, &join(folder, "go.mod"))? {
            let (parent, last) = folder.rsplit_once('/').unwrap_or(("", folder));
            let is_major =
                gomod::module_path(&text).is_some_and(|path| path.ends_with(&format!("/{last}")));
            return Ok(if is_major && is_major_folder(last) {
                parent
            } else {
                folder
            }
            .to_owned());
        }
        if folder.is_empty() {
            return Ok(String::new());
        }
        folder = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
}

/// `v2`, `v3` …: what may stand at the end of a module path.
fn is_major_folder(name: &str) -> bool {
    name.strip_prefix('v').is_some_and(|digits| {
        !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0')
            && digits != "1"
    })
}

/// The module that this version is of: in the folder for its major version if there is a go.mod that fits, else in
/// the root folder (cmd/go/internal/modfetch/coderepo.go, `findDir`).
fn locate(
    repository: &Repository,
    commit: Commit,
    root: &str,
    version: Version,
    wanted: Option<ModulePath>,
    reference: Option<String>,
) -> Result<Release, Failure> {
    let mut found = None;
    for subdir in [join(root, version.major()), root.to_owned()] {
        let Some(text) = repository.file(&commit, &join(&subdir, "go.mod"))? else {
            continue;
        };
        let name = join(&subdir, "go.mod");
        let path = gomod::module_path(&text)
            .ok_or_else(|| format!("{name} in commit {} has no module line", commit.hash))?;
        let module = ModulePath::parse(&path).map_err(|error| format!("{name}: {error}"))?;
        if fits(&version, &module) {
            found = Some((module, subdir));
            break;
        }
        if subdir == root {
            return Err(format!(
                "{version} is no version of {module}, which {name} in commit {} declares: \
                 from v2 on, the path in go.mod ends in the major version",
                commit.hash
            )
            .into());
        }
    }
    let (module, subdir, version) = match (found, wanted) {
        (Some((module, _)), Some(wanted)) if module != wanted => {
            return Err(format!(
                "--module names {wanted}, but go.mod in commit {} declares {module}",
                commit.hash
            )
            .into());
        }
        (Some((module, subdir)), _) => (module, subdir, version),
        (None, Some(wanted)) if root.is_empty() => {
            let version = version_without_go_mod(version, &wanted)?;
            (wanted, String::new(), version)
        }
        (None, _) => {
            return Err(format!(
                "commit {} has no {}: name the module with --module if it is at the repository's top and has none",
                commit.hash,
                join(root, "go.mod")
            )
            .into());
        }
    };
    Ok(Release {
        module,
        version,
        commit,
        subdir,
        reference,
    })
}

/// Whether a module with a go.mod can have this version.
fn fits(version: &Version, module: &ModulePath) -> bool {
    !version.is_incompatible() && check_path_major(version.as_str(), module.major_suffix()).is_ok()
}

/// A module without go.mod has v2 and later under the path of v1, marked `+incompatible`.
fn version_without_go_mod(version: Version, module: &ModulePath) -> Result<Version, Failure> {
    if check_path_major(version.as_str(), module.major_suffix()).is_ok() {
        return Ok(version);
    }
    let marked = Version::parse(&format!("{version}{INCOMPATIBLE}"))?;
    check_path_major(marked.as_str(), module.major_suffix())?;
    Ok(marked)
}

/// The version as tags have it.
fn without_incompatible(version: &Version) -> &str {
    version
        .as_str()
        .strip_suffix(INCOMPATIBLE)
        .unwrap_or(version.as_str())
}

/// Checks that a pseudo-version is one of this commit: time, hash, and a base that is tagged before it.
fn check_pseudo(
    repository: &Repository,
    version: &Version,
    head: &Commit,
    prefix: &str,
) -> Result<(), Failure> {
    let suffix = pseudo_suffix(head);
    let plain = without_incompatible(version);
    if !plain.ends_with(&suffix) {
        let before = plain.len().saturating_sub(suffix.len());
        let fitting = plain.get(..before).unwrap_or_default();
        return Err(format!("{version} is not HEAD's, which would be {fitting}{suffix}").into());
    }
    let Some(base) = version.pseudo_base() else {
        return Ok(());
    };
    let tag = format!("{prefix}{}", without_incompatible(&base));
    match repository.commit(&format!("refs/tags/{tag}"))? {
        Some(tagged) if repository.is_ancestor(&tagged, head)? => Ok(()),
        Some(_) => Err(format!(
            "{version} comes after {base}, but HEAD does not come after tag {tag}"
        )
        .into()),
        None => Err(format!("{version} comes after {base}, but there is no tag {tag} here").into()),
    }
}

/// `yyyymmddhhmmss-abcdefabcdef`, in UTC.
fn pseudo_suffix(commit: &Commit) -> String {
    format!(
        "{}-{}",
        commit.time.to_pseudo(),
        commit.hash.get(..12).unwrap_or(&commit.hash)
    )
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
        module_zip: &|| module_zip(release, archive),
        sent: &sent,
    };
    past::send(client, &upload)
}

/// The canonical module zip that the server would make of the archive, in a temporary file without a name.
fn module_zip(release: &Release, archive: &File) -> Result<File, Failure> {
    let mut zip =
        tempfile::tempfile().map_err(|error| format!("cannot make a temporary file: {error}"))?;
    let version = ModuleVersion::new(release.module.clone(), release.version.clone())?;
    let options = SourceOptions {
        strip: true,
        subdir: Some(release.subdir.as_str()).filter(|subdir| !subdir.is_empty()),
    };
    zip::create(
        &mut &*archive,
        &mut zip,
        &version,
        &options,
        &Limits::default(),
    )
    .map_err(|error| format!("{version} cannot be published:\n{error}"))?;
    Ok(zip)
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

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}
