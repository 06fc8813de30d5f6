//! `wasmtime serve` and the component that needs nothing but stable WASI 0.2, with a folder as its store, and with a
//! bucket of a real object store.

use crate::support::archive::module_zip;
use crate::support::go::Go;
use crate::support::hosts::{Wasmtime, publishes_and_serves};
use crate::support::http::Request;
use crate::support::s3::{ObjectStore, settings};
use crate::support::server::TOKEN;

#[test]
fn wasmtime_serve_keeps_a_published_module_in_a_folder_and_the_go_command_downloads_it() {
    let host = Wasmtime::start(&[]);
    let go_mod = "module example.com/m\n";
    let files = [("go.mod", go_mod.as_bytes()), ("m.go", b"package m\n")];
    let zip = module_zip("example.com/m", "v1.0.0", &files);
    let published = Request::new("PUT", "/example.com/m/@v/v1.0.0.zip")
        .token(TOKEN)
        .body(zip.clone())
        .send(host.address());
    assert_eq!(published.status, 201, "{published}");
    let read = Request::new("GET", "/example.com/m/@v/v1.0.0.zip").send(host.address());
    assert_eq!(read.status, 200, "{read}");
    assert!(read.body == zip);

    let go = Go::at(&format!("http://{}", host.address()));
    let told = go.anywhere(&["mod", "download", "-json", "example.com/m@latest"]);
    let told: serde_json::Value = serde_json::from_str(&told.expect_success()).expect("JSON");
    assert_eq!(told["Version"], "v1.0.0");
    let sums: serde_json::Value = serde_json::from_slice(&published.body).expect("JSON");
    let lines = [
        format!(
            "example.com/m v1.0.0 {}",
            told["Sum"].as_str().expect("a sum")
        ),
        format!(
            "example.com/m v1.0.0/go.mod {}",
            told["GoModSum"].as_str().expect("a sum")
        ),
    ];
    assert_eq!(sums["GoSum"], serde_json::json!(lines));
}

#[test]
fn wasmtime_serve_keeps_published_modules_in_a_bucket() {
    let store = ObjectStore::new();
    let endpoint = format!("http://{}", store.address());
    let host = Wasmtime::start(&settings("s3", &endpoint));
    for name in publishes_and_serves(host.address()) {
        for extension in ["info", "mod", "zip"] {
            let file = store.bucket().join(format!("{name}.{extension}"));
            assert!(file.is_file(), "{name}.{extension} is not in the bucket");
        }
    }
    assert_eq!(store.uploads(), 0);
}
