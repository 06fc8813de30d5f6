//! The `goproxy-edge` command: what it can be asked to do, and its exit codes.
//!
//! One file a subcommand; each has an `Args` for clap and a `run`. Nothing here knows Wasmtime: `serve`
//! hands everything to the `goproxy-edge-host` library, and the other subcommands speak HTTP to a server
//! (`client`, with what `credential` finds). All print by way of `output`.

mod admin;
mod client;
mod credential;
mod data;
mod git;
mod import;
mod output;
mod past;
mod progress;
mod project;
mod publish;
mod repair;
mod serve;
mod token;
mod url;
mod withdraw;

use std::fmt::Display;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

/// Of what the system's allocator (glibc's) lets through, small answers from a bucket are 105 percent with this
/// one, and from the key-value store 102.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A Go module proxy: serve modules, publish them, import them from a module cache.
#[derive(Parser)]
#[command(
    name = "goproxy-edge",
    version,
    after_help = "Exit status: 0 all done, 1 something was refused or failed, 2 wrong usage."
)]
struct Command {
    #[command(subcommand)]
    subcommand: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    Serve(serve::Args),
    Import(import::Args),
    Publish(publish::Args),
    Withdraw(withdraw::Args),
    Repair(repair::Args),
    Project(project::Args),
    Token(token::Args),
}

/// What went wrong, in words for the person at the terminal: the sentence that follows `error: `.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    // clap itself prints usage errors and exits with 2.
    let result = match Command::parse().subcommand {
        Subcommands::Serve(args) => serve::run(args),
        Subcommands::Import(args) => import::run(args),
        Subcommands::Publish(args) => publish::run(args),
        Subcommands::Withdraw(args) => withdraw::run(args),
        Subcommands::Repair(args) => repair::run(args),
        Subcommands::Project(args) => project::run(args),
        Subcommands::Token(args) => token::run(args),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            output::note(format_args!("error: {failure}"));
            ExitCode::FAILURE
        }
    }
}

/// Ends as clap does for a wrong value, but without showing the value: it may hold a secret.
fn wrong_usage(why: impl Display) -> ! {
    clap::Error::raw(ErrorKind::ValueValidation, format_args!("{why}\n")).exit()
}

/// Ready at Ctrl-C, or when the process is asked to end.
#[cfg(unix)]
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Ready at Ctrl-C.
#[cfg(not(unix))]
async fn asked_to_stop() {
    let _ = tokio::signal::ctrl_c().await;
}
