//! `goproxy-edge import`: every module of a GOMODCACHE/cache/download tree, or of a goproxy cache folder.
//!
//! Both hold `<escaped module>/@v/<escaped version>.{info,mod,zip}`. Sent are zips, and go.mod files that stand
//! alone: `go` reads the go.mod of many versions that it never downloads. All else in a tree is a cache of
//! something: lists, queries (`@latest`, `@v/master.info`), locks, `cache/vcs`, `sumdb`. What lies beside a zip must
//! agree with it.
//! An import can be stopped at any time and started again: what the server has already is asked for first.

mod beside;
mod lists;
mod there;
mod tree;

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::PathBuf;
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
use crate::{Failure, asked_to_stop, output};
use tree::{Found, Tree};

/// After so many refusals and nothing else, the trouble is not with the modules.
const ALL_REFUSED: usize = 25;
/// An .info file is a few hundred bytes; what is larger is something else.
const LONGEST_INFO: u64 = 1 << 20;

/// Send every module of a module cache to a server
///
/// Zips and go.mod files are sent with their time and origin. What the server has already is skipped, so an
/// import that was stopped goes on where it was. At the end, also of one that is stopped, stands what was refused, and
/// why: by the server, or because a zip is not what its .ziphash and its .mod say.
#[derive(clap::Args)]
pub struct Args {
    /// A GOMODCACHE/cache/download tree, or a goproxy/goproxy cache folder
    tree: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
    /// How many uploads run at once
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u8).range(1..))]
    jobs: u8,
    /// Send nothing, and say what would be sent; what the server would refuse of it shows only when it is sent
    #[arg(long)]
    dry_run: bool,
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
    let work = Arc::new(Work {
        client: Client::new(args.server)?,
        dry_run: args.dry_run,
        progress: Mutex::new(Some(Progress::new(
            "importing",
            total,
            What::Things("versions"),
        ))),
        stopped: AtomicBool::new(false),
        summary: Mutex::default(),
    });
    end_at_ctrl_c(&work)?;
    let walked = send_all(&tree, &work, args.jobs);
    work.fill_lists(args.jobs);
    let (printed, fatal, any_refused) = work.end(false);
    walked?;
    match fatal {
        Some(failure) => return Err(failure),
        None => printed?,
    }
    Ok(if any_refused {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// At Ctrl-C says what was done so far, and ends the process: the server leaves nothing of an upload that breaks off,
/// and a large one would have the person at the terminal wait.
fn end_at_ctrl_c(work: &Arc<Work>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let work = Arc::clone(work);
    std::thread::spawn(move || {
        runtime.block_on(asked_to_stop());
        let _ = work.end(true);
        output::note("stopped before the end: started again, it skips what is there already");
        std::process::exit(1);
    });
    Ok(())
}

/// Hands what the tree holds to as many threads as there are jobs. The queue between is short, so a tree of any
/// size takes little memory: the names of what was sent.
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

/// What the threads share.
struct Work {
    client: Client,
    dry_run: bool,
    /// Gone at the end.
    progress: Mutex<Option<Progress>>,
    stopped: AtomicBool,
    summary: Mutex<Summary>,
}

/// What was done.
#[derive(Default)]
struct Summary {
    zips: u64,
    mods: u64,
    bytes: u64,
    there: u64,
    /// The zips that were sent, by module.
    sent: HashMap<Arc<ModulePath>, Vec<Version>>,
    /// What a dry run would send.
    wanted: Vec<String>,
    /// How many of `refused` were not sent.
    not_sent: usize,
    /// `module@version` and the reason.
    refused: Vec<(String, String)>,
    fatal: Option<Failure>,
    /// Nobody counts any more.
    is_over: bool,
}

enum Outcome {
    Imported {
        bytes: u64,
    },
    AlreadyThere,
    Refused(String),
    /// By us, before anything was sent.
    NotSent(String),
}

impl Work {
    fn import(&self, found: &Found) {
        let outcome = self.send(found);
        let Ok(mut summary) = self.summary.lock() else {
            return;
        };
        // A stop has been answered already: it must not be said twice.
        if summary.is_over {
            return;
        }
        match outcome {
            Ok(Outcome::Imported { bytes }) => {
                summary.bytes += bytes;
                if self.dry_run {
                    summary.wanted.push(found.to_string());
                } else if found.zip {
                    let sent = summary.sent.entry(Arc::clone(&found.module)).or_default();
                    sent.push(found.version.clone());
                }
                *if found.zip {
                    &mut summary.zips
                } else {
                    &mut summary.mods
                } += 1;
            }
            Ok(Outcome::AlreadyThere) => summary.there += 1,
            Ok(Outcome::Refused(reason)) => {
                summary.refused.push((found.to_string(), reason));
                if summary.refused.len() - summary.not_sent == ALL_REFUSED
                    && summary.zips + summary.mods + summary.there == 0
                {
                    self.stopped.store(true, Ordering::Relaxed);
                    summary
                        .fatal
                        .get_or_insert_with(|| "everything so far was refused".into());
                }
            }
            // That is the matter with this version alone.
            Ok(Outcome::NotSent(reason)) => {
                summary.refused.push((found.to_string(), reason));
                summary.not_sent += 1;
            }
            Err(failure) => {
                self.stopped.store(true, Ordering::Relaxed);
                summary.fatal.get_or_insert(failure);
            }
        }
        drop(summary);
        if let Ok(progress) = self.progress.lock()
            && let Some(progress) = &*progress
        {
            progress.advance();
        }
    }

    /// Has the lists of modules of which several versions were sent name all of them. What fails here is no failure
    /// of the import.
    fn fill_lists(&self, jobs: u8) {
        let sent = match self.summary.lock() {
            Ok(mut summary) => std::mem::take(&mut summary.sent),
            Err(_) => return,
        };
        let several = sent.iter().filter(|(_, versions)| versions.len() > 1);
        let several = Mutex::new(several);
        let next = || several.lock().ok()?.next();
        let get = |path: &str| self.client.ask_for("GET", path, None);
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while let Some((module, versions)) = next() {
                        if self.stopped.load(Ordering::Relaxed)
                            || lists::fill(module, versions, get).is_err()
                        {
                            break;
                        }
                    }
                });
            }
        });
    }

    /// Ends the count and prints it, once: gives how that went, what ended the import, and whether anything was refused.
    /// `always`: also when nothing was counted.
    fn end(&self, always: bool) -> (Result<(), Failure>, Option<Failure>, bool) {
        // The bar is to be gone before anything is printed.
        drop(self.progress.lock().map(|mut progress| progress.take()));
        let mut summary = self
            .summary
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let fatal = summary.fatal.take();
        let prints = always || fatal.is_none() || !summary.is_empty();
        let printed = if prints && !summary.is_over {
            let text = summary.text(self.client.address().as_str(), self.dry_run);
            output::print(text)
        } else {
            Ok(())
        };
        summary.is_over = true;
        (printed, fatal, !summary.refused.is_empty())
    }

    /// # Errors
    /// When there is no use in going on with other versions either.
    fn send(&self, found: &Found) -> Result<Outcome, Failure> {
        let name = found.file(found.extension());
        let opened = File::open(&name).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                return Ok(Outcome::NotSent(format!(
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
        if found.zip
            && let Some(why) = beside::contradiction(found, &file)
        {
            return Ok(Outcome::NotSent(why));
        }
        if self.dry_run {
            return Ok(Outcome::Imported { bytes: length });
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
    fn text(&self, to: &str, dry_run: bool) -> String {
        let mut text = format!(
            "{to}: {} zips and {} go.mod files {} ({}), {} already there, {} refused",
            self.zips,
            self.mods,
            if dry_run { "would be sent" } else { "imported" },
            HumanBytes(self.bytes),
            self.there,
            self.refused.len()
        );
        // In the order of names, whichever of the threads was the first.
        let mut wanted: Vec<_> = self.wanted.iter().collect();
        wanted.sort();
        for name in wanted {
            text += &format!("\nwould send {name}");
        }
        for (name, reason) in &self.refused {
            text += &format!("\nrefused {name}");
            for line in reason.lines() {
                text += &format!("\n    {line}");
            }
        }
        text
    }
}
