//! `goproxy-edge publish`: one version of a module, from a git tag.

use std::path::PathBuf;
use std::process::ExitCode;

/// Publish a version of a module from its git tag
#[derive(clap::Args)]
pub struct Args {
    /// The module's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The version [default: the tag at HEAD]
    #[arg(long)]
    version: Option<String>,
    /// The module's path [default: the one in go.mod]
    #[arg(long, value_name = "PATH")]
    module: Option<String>,
    /// The server's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    to: String,
    /// A token that may publish; shows in the list of processes, so prefer GOPROXY_EDGE_TOKEN
    #[arg(long)]
    token: Option<String>,
}

pub fn run(args: Args) -> Result<ExitCode, crate::Failure> {
    let Args {
        dir,
        version,
        module,
        to,
        token,
    } = args;
    drop((dir, version, module, to, token));
    Err("publish is not built yet".into())
}
