//! `goproxy-edge repair`: rebuilds a server's indexes from its records, and removes leftovers.
//!
//! The server works in pages that fit its host's time limit; this asks until the last one.

use std::process::ExitCode;

use crate::admin::Admin;
use crate::client::{Body, ServerArgs};
use crate::progress::{Progress, What};
use crate::url::query;
use crate::{Failure, output};

/// Rebuild a server's indexes from its records and remove what crashes left behind
///
/// Needs a token with scope `api` and the administrator flag. Nothing that is published changes.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
}

/// One page's answer; the sums are of that page.
#[derive(serde::Deserialize)]
struct Page {
    done: bool,
    cursor: Option<String>,
    #[serde(default)]
    modules: u64,
    #[serde(default)]
    versions: u64,
    #[serde(default)]
    indexed: u64,
    #[serde(default)]
    removed: u64,
    #[serde(default)]
    problems: Vec<String>,
}

pub fn run(args: Args) -> Result<ExitCode, Failure> {
    let admin = Admin::new(args.server)?;
    let progress = Progress::new("repairing", 0, What::Things("pages"));
    let mut sum = Page {
        done: false,
        cursor: None,
        modules: 0,
        versions: 0,
        indexed: 0,
        removed: 0,
        problems: Vec::new(),
    };
    while !sum.done {
        let url = format!(
            "/-/admin/repair{}",
            query(&[("cursor", sum.cursor.as_deref())])
        );
        let page: Page = admin.read(&admin.ask("POST", &url, Body::None)?)?;
        if !page.done {
            admin.check_progress(sum.cursor.as_deref(), page.cursor.as_deref())?;
        }
        sum = Page {
            done: page.done,
            cursor: page.cursor,
            modules: sum.modules + page.modules,
            versions: sum.versions + page.versions,
            indexed: sum.indexed + page.indexed,
            removed: sum.removed + page.removed,
            problems: [sum.problems, page.problems].concat(),
        };
        progress.advance();
    }
    drop(progress);
    // A folder has no index that could be wrong, so nothing in it is looked at, or counted.
    let checked = match (sum.modules, sum.versions) {
        (0, 0) if sum.indexed == 0 => "no index to check".to_owned(),
        (modules, versions) => format!(
            "{modules} modules with {versions} versions checked, {} index entries mended",
            sum.indexed
        ),
    };
    let mut lines = vec![format!(
        "{}: {checked}, {} leftovers removed, {} problems",
        admin.address(),
        sum.removed,
        sum.problems.len()
    )];
    let problems = sum.problems.iter();
    lines.extend(problems.map(|problem| format!("problem: {problem}")));
    output::print(lines.join("\n"))?;
    Ok(if sum.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
