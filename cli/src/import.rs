//! `goproxy-edge import`: every module of a GOMODCACHE/cache/download tree, or of a goproxy cache folder.
//!
//! Both hold `<escaped module>/@v/<escaped version>.{info,mod,zip}`. Sent are zips, and go.mod files that stand
//! alone: `go` reads the go.mod of many versions that it never downloads. All else in a tree is a cache of
//! something: lists, queries (`@latest`, `@v/master.info`), locks, hashes, `cache/vcs`, `sumdb`.
//! An import can be stopped at any time and started again: what the server has already is asked for first.

mod there;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use goproxy_edge::module::{ModulePath, Version};
use indicatif::HumanBytes;
use serde_json::value::RawValue;

use crate::client::{Answer, Body, Client, ServerArgs};
use crate::past::{self, Upload};
use crate::progress::{Progress, What};
use crate::url::{path, query};
use crate::{Failure, output};

/// After so many refusals and nothing else, the trouble is not with the modules.
const ALL_REFUSED: usize = 25;
/// An .info file is a few hundred bytes; what is larger is something else.
const LONGEST_INFO: u64 = 1 << 20;

/// Send every module of a module cache to a server
///
/// Zips and go.mod files are sent with their time and origin. What the server has already is skipped, so an
/// import that was stopped goes on where it was. At the end stands what was refused, and why.
#[derive(clap::Args)]
pub struct Args {
    /// A GOMODCACHE/cache/download tree, or a goproxy/goproxy cache folder
    tree: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
    /// How many uploads run at once
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u8).range(1..))]
    jobs: u8,
}

pub fn run(args: Args) -> Result<ExitCode, Failure> {
    let tree = Tree::open(&args.tree)?;
    let mut total = 0;
    tree.walk(&mut |_| {
        total += 1;
        true
    })?;
    if total == 0 {
        return Err(format!(
            "{} holds no module: look for the folder with `cache/download` in it, `go env GOMODCACHE` names it",
            tree.root.display()
        )
        .into());
    }
    let client = Client::new(args.server)?;
    let work = Work {
        client,
        progress: Progress::new("importing", total, What::Things("versions")),
        stopped: AtomicBool::new(false),
        summary: Mutex::default(),
    };
    let walked = send_all(&tree, &work, args.jobs);
    let Work {
        client,
        progress,
        summary,
        ..
    } = work;
    drop(progress);
    let summary = summary
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let printed = if summary.fatal.is_none() || !summary.is_empty() {
        output::print(summary.text(client.address().as_str()))
    } else {
        Ok(())
    };
    walked?;
    match summary.fatal {
        Some(failure) => return Err(failure),
        None => printed?,
    }
    Ok(if summary.refused.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Hands what the tree holds to as many threads as there are jobs. The queue between is short, so a tree of any
/// size takes no memory.
fn send_all(tree: &Tree, work: &Work, jobs: u8) -> Result<(), Failure> {
    let (sender, receiver) = mpsc::sync_channel::<Found>(usize::from(jobs));
    let receiver = Mutex::new(receiver);
    let next = || receiver.lock().ok()?.recv().ok();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(found) = next() {
                    if !work.stopped.load(Ordering::Relaxed) {
                        work.import(&found);
                    }
                }
            });
        }
        let walked = tree
            .walk(&mut |found| !work.stopped.load(Ordering::Relaxed) && sender.send(found).is_ok());
        drop(sender);
        walked
    })
}

/// A module cache.
struct Tree {
    root: PathBuf,
}

/// A version in the tree: a zip, or a go.mod that stands alone.
struct Found {
    module: Arc<ModulePath>,
    version: Version,
    zip: bool,
    folder: Arc<Path>,
}

impl Found {
    fn extension(&self) -> &'static str {
        if self.zip { "zip" } else { "mod" }
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.folder
            .join(format!("{}.{extension}", self.version.escaped()))
    }
}

impl Tree {
    /// Takes `GOMODCACHE` itself for the `cache/download` in it.
    fn open(folder: &Path) -> Result<Self, Failure> {
        let download = folder.join("cache").join("download");
        let root = if download.is_dir() {
            download
        } else {
            folder.to_owned()
        };
        match fs::read_dir(&root) {
            Ok(_) => Ok(Self { root }),
            Err(error) => Err(format!("cannot read {}: {error}", root.display()).into()),
        }
    }

    /// Calls `visit` for every version, in the order of names, until it answers false.
    fn walk(&self, visit: &mut dyn FnMut(Found) -> bool) -> Result<(), Failure> {
        walk_folder(&self.root, "", visit).map(drop)
    }
}

/// Whether to go on.
fn walk_folder(
    folder: &Path,
    escaped: &str,
    visit: &mut dyn FnMut(Found) -> bool,
) -> Result<bool, Failure> {
    for (name, is_folder) in entries(folder)? {
        let inner = folder.join(&name);
        if !is_folder {
            continue;
        }
        let go_on = if name == "@v" {
            match ModulePath::from_escaped(escaped) {
                Ok(module) => walk_versions(&inner, module, visit)?,
                Err(_) => true,
            }
        } else if escaped.is_empty() {
            // The checksum database's cache, and goproxy's.
            name == "sumdb" || walk_folder(&inner, &name, visit)?
        } else {
            walk_folder(&inner, &format!("{escaped}/{name}"), visit)?
        };
        if !go_on {
            return Ok(false);
        }
    }
    Ok(true)
}

fn walk_versions(
    folder: &Path,
    module: ModulePath,
    visit: &mut dyn FnMut(Found) -> bool,
) -> Result<bool, Failure> {
    let (module, shared) = (Arc::new(module), Arc::<Path>::from(folder));
    let names = entries(folder)?;
    for (name, _) in &names {
        let (escaped, zip) = match name.rsplit_once('.') {
            Some((escaped, "zip")) => (escaped, true),
            Some((escaped, "mod")) => (escaped, false),
            _ => continue,
        };
        let Ok(version) = Version::from_escaped(escaped) else {
            continue;
        };
        let beside = format!("{escaped}.zip");
        if !zip
            && names
                .binary_search_by(|(name, _)| name.cmp(&beside))
                .is_ok()
        {
            continue;
        }
        let found = Found {
            module: Arc::clone(&module),
            version,
            zip,
            folder: Arc::clone(&shared),
        };
        if !visit(found) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The names in a folder, sorted, and whether each is a folder. A name that is not UTF-8 is no module's.
fn entries(folder: &Path) -> Result<Vec<(String, bool)>, Failure> {
    let failed = |error| format!("cannot read {}: {error}", folder.display());
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_folder = entry.file_type().map_err(failed)?.is_dir();
        if let Ok(name) = entry.file_name().into_string() {
            entries.push((name, is_folder));
        }
    }
    entries.sort();
    Ok(entries)
}

/// What the threads share.
struct Work {
    client: Client,
    progress: Progress,
    stopped: AtomicBool,
    summary: Mutex<Summary>,
}

#[derive(Default)]
struct Summary {
    zips: u64,
    mods: u64,
    bytes: u64,
    there: u64,
    /// `module@version` and the reason.
    refused: Vec<(String, String)>,
    fatal: Option<Failure>,
}

enum Outcome {
    Imported { bytes: u64 },
    AlreadyThere,
    Refused(String),
}

impl Work {
    fn import(&self, found: &Found) {
        let outcome = self.send(found);
        let Ok(mut summary) = self.summary.lock() else {
            return;
        };
        match outcome {
            Ok(Outcome::Imported { bytes }) => {
                summary.bytes += bytes;
                *if found.zip {
                    &mut summary.zips
                } else {
                    &mut summary.mods
                } += 1;
            }
            Ok(Outcome::AlreadyThere) => summary.there += 1,
            Ok(Outcome::Refused(reason)) => {
                let which = if found.zip { "" } else { " (go.mod)" };
                summary
                    .refused
                    .push((format!("{}@{}{which}", found.module, found.version), reason));
                if summary.refused.len() == ALL_REFUSED
                    && summary.zips + summary.mods + summary.there == 0
                {
                    self.stopped.store(true, Ordering::Relaxed);
                    summary
                        .fatal
                        .get_or_insert_with(|| "everything so far was refused".into());
                }
            }
            Err(failure) => {
                self.stopped.store(true, Ordering::Relaxed);
                summary.fatal.get_or_insert(failure);
            }
        }
        self.progress.advance();
    }

    /// # Errors
    /// When there is no use in going on with other versions either.
    fn send(&self, found: &Found) -> Result<Outcome, Failure> {
        let name = found.file(found.extension());
        let opened = File::open(&name).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                return Ok(Outcome::Refused(format!(
                    "cannot read {}: {error}",
                    name.display()
                )));
            }
        };
        let url = format!(
            "/{}/@v/{}.{}",
            path(&found.module.escaped()),
            path(&found.version.escaped()),
            found.extension()
        );
        let ask = |method: &str, range: Option<&str>| -> Result<Answer, Failure> {
            let answer = self.judge(self.client.ask_for(method, &url, range)?)?;
            Ok(self.client.follow(method, answer, range))
        };
        let there = if found.zip {
            there::has_zip(&file, length, ask)?
        } else {
            there::has_go_mod(&file, length, ask)?
        };
        if there {
            return Ok(Outcome::AlreadyThere);
        }
        let answer = if found.zip {
            let facts = facts(found);
            let upload = Upload {
                path: &url,
                through: &facts,
                facts: &facts,
                file: &file,
                module_zip: &|| Ok(file.try_clone()?),
                sent: &|_| (),
            };
            self.judge(past::send(&self.client, &upload)?)?
        } else {
            let body = Body::File {
                file: &file,
                content_type: "text/plain; charset=utf-8",
                sent: &|_| (),
            };
            self.judge(self.client.ask("PUT", &url, body)?)?
        };
        Ok(match answer.status {
            200 => Outcome::AlreadyThere,
            201 => Outcome::Imported { bytes: length },
            _ => Outcome::Refused(answer.reason()),
        })
    }

    /// # Errors
    /// An answer that all other versions would get too.
    fn judge(&self, answer: Answer) -> Result<Answer, Failure> {
        match answer.status {
            401 => Err(self.client.not_let_in(&answer)),
            503 => Err(format!("{}: {}", self.client.address(), answer.reason()).into()),
            _ => Ok(answer),
        }
    }
}

/// The query that keeps a version's time and origin: what its .info says, as far as it can be believed.
fn facts(found: &Found) -> String {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Info<'a> {
        version: String,
        time: Option<String>,
        #[serde(borrow)]
        origin: Option<&'a RawValue>,
    }
    let name = found.file("info");
    let readable = fs::metadata(&name).is_ok_and(|file| file.len() <= LONGEST_INFO);
    let text = if readable {
        fs::read(&name).unwrap_or_default()
    } else {
        Vec::new()
    };
    match serde_json::from_slice::<Info>(&text) {
        Ok(info) if info.version == found.version.as_str() => query(&[
            ("time", info.time.as_deref()),
            ("origin", info.origin.map(RawValue::get)),
        ]),
        _ => String::new(),
    }
}

impl Summary {
    fn is_empty(&self) -> bool {
        self.zips + self.mods + self.there == 0 && self.refused.is_empty()
    }

    /// What is said at the end.
    fn text(&self, to: &str) -> String {
        let mut text = format!(
            "{to}: {} zips and {} go.mod files imported ({}), {} already there, {} refused",
            self.zips,
            self.mods,
            HumanBytes(self.bytes),
            self.there,
            self.refused.len()
        );
        for (name, reason) in &self.refused {
            text += &format!("\nrefused {name}");
            for line in reason.lines() {
                text += &format!("\n    {line}");
            }
        }
        text
    }
}
