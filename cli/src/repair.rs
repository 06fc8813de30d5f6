//! `goproxy-edge repair`: rebuilds a server's indexes from its records, and removes leftovers.
//!
//! The server works in pages that fit its host's time limit; this asks until the last one.

use std::process::ExitCode;

use crate::Failure;
use crate::client::{Body, Client, ServerArgs};
use crate::progress::{Progress, What};
use crate::url::query;

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
    let client = Client::new(args.server)?.without_project();
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
        let answer = client.ask("POST", &url, Body::None)?;
        match answer.status {
            200 => {}
            401 => return Err(client.not_let_in(&answer)),
            _ => return Err(format!("{}: {}", client.address(), answer.reason()).into()),
        }
        let page: Page = serde_json::from_str(&answer.body).map_err(|error| {
            format!(
                "{} gave an answer that is none of ours: {error}",
                client.address()
            )
        })?;
        if !page.done && (page.cursor.is_none() || page.cursor == sum.cursor) {
            return Err(format!(
                "{} does not get on: it gave the same page twice",
                client.address()
            )
            .into());
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
    println!(
        "{}: {} modules with {} versions checked, {} index entries mended, {} leftovers removed, {} problems",
        client.address(),
        sum.modules,
        sum.versions,
        sum.indexed,
        sum.removed,
        sum.problems.len()
    );
    for problem in &sum.problems {
        println!("problem: {problem}");
    }
    Ok(if sum.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
