//! Hosts that are not ours, with the component of their flavour on them, and the servers behind them.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Process, tool};
use super::server::TOKEN;
use super::sha256_hex;

/// The component of a flavour, built once for a run of the tests.
pub fn component(name: &str, features: &[&str]) -> PathBuf {
    static ONE_BUILD: Mutex<()> = Mutex::new(());
    let _one = ONE_BUILD
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    component_build::build_flavour(name, features, &target)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The list of the one token that may do everything.
pub fn tokens() -> String {
    let sha256 = sha256_hex(TOKEN);
    json!([{"name": "tests", "sha256": sha256, "scopes": ["api"], "projects": ["*"], "admin": true}]).to_string()
}

/// wasmCloud, by `wash dev`, on a free port.
pub struct Wash {
    _process: Process,
    project: TempDir,
    address: String,
}

impl Wash {
    /// Starts one. `dev` are members of the section of that name in its configuration, and `settings` the component's.
    #[track_caller]
    pub fn start(dev: Value, settings: &[(&str, &str)]) -> Self {
        static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
        let component =
            COMPONENT.get_or_init(|| component("wasmcloud", &["wasmcloud", "s3", "oidc", "admin"]));
        let project = tempfile::tempdir().expect("a temporary folder");
        let mut workload = json!({ "tokens": tokens() });
        for (name, value) in settings {
            workload[*name] = json!(value);
        }
        let mut configuration = json!({
            "version": "2.0.0",
            "build": { "command": "true", "component_path": component },
            "dev": dev,
            "workload": { "config": workload },
        });
        configuration["dev"]["address"] = json!("127.0.0.1:0");
        let folder = project.path().join(".wash");
        std::fs::create_dir(&folder).expect("a folder");
        // JSON is YAML.
        std::fs::write(folder.join("config.yaml"), configuration.to_string()).expect("a file");
        let mut wash = tool("wash");
        wash.args(["--non-interactive", "dev"])
            .current_dir(project.path())
            .env("HOME", project.path());
        // The address is bound first; the component answers from the second line on.
        let listening = ["HTTP server listening addr=", "listening for HTTP requests"];
        let (process, found) = Process::start(&mut wash, &listening);
        let address = found[0].split(' ').next().unwrap_or_default().to_owned();
        Self {
            _process: process,
            project,
            address,
        }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The folder that its configuration's relative paths start from.
    pub fn project(&self) -> &std::path::Path {
        self.project.path()
    }
}

/// A NATS server with JetStream, on a free port and with a folder of its own.
pub struct Nats {
    _process: Process,
    _folder: TempDir,
    /// `nats://host:port`.
    pub url: String,
}

impl Nats {
    #[track_caller]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = tool("nats-server");
        server
            .args(["-js", "-a", "127.0.0.1", "-p", "-1", "-sd"])
            .arg(folder.path());
        let awaited = ["Listening for client connections on ", "Server is ready"];
        let (process, found) = Process::start(&mut server, &awaited);
        Self {
            _process: process,
            _folder: folder,
            url: format!("nats://{}", found[0]),
        }
    }
}

/// A Redis server, in memory, on a port that was free.
pub struct Redis {
    _process: Process,
    /// `redis://host:port`.
    pub url: String,
}

impl Redis {
    #[track_caller]
    pub fn start() -> Self {
        // It takes no port 0.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("its address").port().to_string();
        drop(free);
        let mut server = tool("redis-server");
        server.args(["--bind", "127.0.0.1", "--port", &port]);
        server.args(["--save", "", "--appendonly", "no"]);
        let (process, _) = Process::start(&mut server, &["Ready to accept connections"]);
        Self {
            _process: process,
            url: format!("redis://127.0.0.1:{port}"),
        }
    }
}

/// `wasmtime serve` with a folder of the disk at `/data`.
pub struct Wasmtime {
    _process: Process,
    _data: TempDir,
    address: String,
}

impl Wasmtime {
    #[track_caller]
    pub fn start() -> Self {
        let component = component("any-host", &[]);
        let data = tempfile::tempdir().expect("a temporary folder");
        let mut command = tool("wasmtime");
        command
            .args(["serve", "-S", "cli", "--addr", "127.0.0.1:0", "--dir"])
            .arg(format!("{}::/data", data.path().display()))
            .args(["--env", &format!("GOPROXY_EDGE_TOKENS={}", tokens())])
            .arg(component);
        let (process, found) = Process::start(&mut command, &["Serving HTTP on http://"]);
        Self {
            _process: process,
            _data: data,
            address: found[0].trim_end_matches('/').to_owned(),
        }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }
}
