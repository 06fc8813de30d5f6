//! Hosts that are not ours, with the component of their flavour on them, and the servers behind them.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::archive::{module_zip, noise, small_module};
use super::http::Request;
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

/// Publishes a zip that goes to an object store at once, and one that goes there in parts, and reads both back, whole
/// and a part, and their list. The names of the modules' files.
#[track_caller]
pub fn publishes_and_serves(address: &str) -> [String; 2] {
    let files: [(&str, &[u8]); 2] = [
        ("go.mod", b"module example.com/m\n"),
        ("noise", &noise(6 << 20)),
    ];
    let zips = [
        ("v1.0.0", small_module("example.com/m", "v1.0.0")),
        ("v1.1.0", module_zip("example.com/m", "v1.1.0", &files)),
    ];
    let get = |file: &str| Request::new("GET", format!("/example.com/m/@v/{file}"));
    for (version, zip) in &zips {
        let at = format!("/example.com/m/@v/{version}.zip");
        let request = Request::new("PUT", at).token(TOKEN).body(zip.clone());
        let published = request.send(address);
        assert_eq!(published.status, 201, "{published}");
    }
    assert_eq!(get("list").send(address).text(), "v1.0.0\nv1.1.0\n");
    for (version, zip) in &zips {
        let read = get(&format!("{version}.zip")).send(address);
        assert_eq!(read.status, 200, "{version}");
        assert!(read.body == *zip, "{version} has other bytes");
        let go_mod = get(&format!("{version}.mod")).send(address);
        assert_eq!(go_mod.text(), "module example.com/m\n", "{version}");
    }
    let zip = &zips[1].1;
    let range = get("v1.1.0.zip").header("Range", "bytes=1000000-1999999");
    let part = range.send(address);
    assert_eq!(part.status, 206);
    assert!(part.body == zip[1_000_000..2_000_000], "other bytes");
    let absent = get("v1.2.0.zip").send(address);
    let text = "not found: example.com/m@v1.2.0: no such version\n";
    assert_eq!((absent.status, absent.text().as_str()), (404, text));
    zips.map(|(version, _)| format!("example.com/m/@v/{version}"))
}

/// wasmCloud, by `wash dev`, on a free port.
pub struct Wash {
    _process: Process,
    project: TempDir,
    address: String,
}

impl Wash {
    /// Starts one. `dev` are members of the section of that name in its configuration, and `settings` the component's,
    /// which may ask no other server but the object store that they name.
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
        let servers: Vec<_> = workload.get("s3_endpoint").into_iter().collect();
        let servers = json!(servers);
        let mut configuration = json!({
            "version": "2.0.0",
            "build": { "command": "true", "component_path": component },
            "dev": dev,
            "workload": { "config": workload, "allowedHosts": servers },
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

/// `wasmtime serve` with a folder of the disk at `/data`, and a component of no host's flavour, which can reach an
/// object store.
pub struct Wasmtime {
    _process: Process,
    _data: TempDir,
    address: String,
}

impl Wasmtime {
    #[track_caller]
    pub fn start(settings: &[(&str, &str)]) -> Self {
        static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
        let component = COMPONENT.get_or_init(|| component("any-host", &["s3"]));
        let data = tempfile::tempdir().expect("a temporary folder");
        let mut command = tool("wasmtime");
        command
            .args(["serve", "-S", "cli", "--addr", "127.0.0.1:0", "--dir"])
            .arg(format!("{}::/data", data.path().display()))
            .args(["--env", &format!("GOPROXY_EDGE_TOKENS={}", tokens())]);
        for (name, value) in settings {
            let name = name.to_uppercase();
            command.args(["--env", &format!("GOPROXY_EDGE_{name}={value}")]);
        }
        command.arg(component);
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
