//! `goproxy-edge import`: every module of a GOMODCACHE/cache/download tree, or of a goproxy cache folder.

use std::path::PathBuf;
use std::process::ExitCode;

/// Send every module of a module cache to a server
#[derive(clap::Args)]
pub struct Args {
    /// A GOMODCACHE/cache/download tree, or a goproxy/goproxy cache folder
    tree: PathBuf,
    /// The server's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    to: String,
    /// A token that may publish; shows in the list of processes, so prefer GOPROXY_EDGE_TOKEN
    #[arg(long)]
    token: Option<String>,
}

pub fn run(args: Args) -> Result<ExitCode, crate::Failure> {
    let Args { tree, to, token } = args;
    drop((tree, to, token));
    Err("import is not built yet".into())
}
