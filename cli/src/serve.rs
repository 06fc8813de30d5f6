//! `goproxy-edge serve`: the component on the embedded host, until Ctrl-C or SIGTERM.

mod log;
mod settings;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use goproxy_edge::access::Token;
use goproxy_edge_host::{Host, HostConfig, Preopen, Tls};
use serde_json::json;
use tokio::net::TcpListener;

use crate::data::{self, TokenFile};
use crate::{Failure, asked_to_stop, output, token, wrong_usage};
use settings::{Setting, Settings};

/// The component that this command was built with.
static COMPONENT: &[u8] = include_bytes!(env!("GOPROXY_EDGE_COMPONENT"));

/// Serve modules from this machine
#[derive(clap::Args)]
pub struct Args {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:3000")]
    addr: SocketAddr,
    /// Where the store and the first token are kept [default: the platform's data folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A setting of the proxy, such as store=dir:/srv/modules; also read from GOPROXY_EDGE_<NAME>
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// The certificate chain for https, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Another build of the component
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
}

pub fn run(args: Args) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(args))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads each `--set`. Clap would show the whole of a wrong one, and its value may be a secret.
fn read_settings(given: &[String]) -> Vec<Setting> {
    let read = |text: &String| {
        settings::parse(text).unwrap_or_else(|why| wrong_usage(format_args!("--set: {why}")))
    };
    given.iter().map(read).collect()
}

async fn serve(args: Args) -> Result<(), Failure> {
    let given = read_settings(&args.settings);
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::from_pem(certificate, key)?),
        _ => None,
    };
    let component = match &args.component {
        Some(file) => std::fs::read(file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?,
        None => COMPONENT.to_vec(),
    };
    let mut settings = Settings::gather(given)?;
    // A build without it refuses everything then: with `off` it would open what the store keeps closed.
    settings.administer_by_default();
    let unknown = settings::unknown_variables(std::env::vars_os().map(|(name, _)| name));
    if !unknown.is_empty() {
        output::note(format_args!(
            "warning: no setting has these names, so correct them in the environment or take them out: {}",
            unknown.join(", ")
        ));
    }
    // The proxy would answer every request with this sentence.
    let read = settings.read().unwrap_or_else(|bad| wrong_usage(bad));
    let data = match args.data {
        Some(folder) => folder,
        None => data::default_folder()?,
    };
    let listener = listen(args.addr).await?;
    let address = listener.local_addr()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}");
    let own = format!("{scheme}://{}{}", reachable(address), read.base_path);

    let mut config = HostConfig::new(component, data.join("store.redb"));
    let first = match settings.has_tokens() {
        true => None,
        false => Some(TokenFile::for_server(&data, &own)?),
    };
    if let Some(first) = &first {
        settings.set("tokens", tokens_setting(&first.token));
    }
    if let Some(folder) = settings.folder() {
        let guest = folder
            .to_str()
            .ok_or("the folder's name is not UTF-8")?
            .to_owned();
        config.preopens.push(Preopen {
            host: folder,
            guest,
            writable: true,
        });
    }
    config.store_labels.extend(settings.bucket());
    config.allowed_outbound_hosts = read.outbound();
    config.settings = settings.into_map();
    config.code_cache = data::code_cache();
    config.log = log::start()?;

    let host = Host::new(config)?;
    // Not before: the folder's store is ours now, and no other server's.
    match first {
        Some(first) => first.keep(&data)?,
        None => settle_token_file(&data, &own, &read.tokens)?,
    }
    output::print(format_args!("listening on {url}"))?;
    host.serve(listener, tls, stop_signal()).await;
    log::finish();
    Ok(())
}

/// Beside tokens that are configured, the file of an earlier start must not say what is wrong.
fn settle_token_file(data: &Path, own: &str, tokens: &[Token]) -> Result<(), Failure> {
    let now = token::now()?;
    let takes = |token: &str| Token::find(tokens, &token::sha256(token), &|| now).is_some();
    if TokenFile::settle(data, own, takes)? {
        output::note(format_args!(
            "note: the setting `tokens` does not have the first token, so its file in {} is called token.unused now; \
             a start without that setting takes it again",
            data.display()
        ));
    }
    Ok(())
}

async fn listen(addr: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(addr).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{addr} is in use by another program; choose another with --addr, such as --addr 127.0.0.1:0").into()
        }
        io::ErrorKind::PermissionDenied => {
            format!("this user may not listen on {addr}; ports below 1024 need a privilege").into()
        }
        _ => format!("cannot listen on {addr}: {error}").into(),
    })
}

/// The address at which this machine reaches a server that listens here.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        match address {
            SocketAddr::V4(_) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            SocketAddr::V6(_) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        }
    }
    address
}

/// The `tokens` setting that lets this token do everything.
fn tokens_setting(token: &str) -> String {
    json!([{
        "name": "first token",
        "sha256": token::sha256_hex(token),
        "scopes": ["api"],
        "projects": ["*"],
        "admin": true,
    }])
    .to_string()
}

/// Ready at Ctrl-C or SIGTERM. A second one ends the process at once.
async fn stop_signal() {
    asked_to_stop().await;
    output::note("stopping: finishing the requests under way; once more to stop at once");
    tokio::spawn(async {
        asked_to_stop().await;
        std::process::exit(1);
    });
}
