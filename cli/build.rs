//! Builds the component that the command serves.

use std::path::Path;

fn main() {
    let workspace = component_build::workspace();
    for watched in [
        "src",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain.toml",
    ] {
        println!(
            "cargo::rerun-if-changed={}",
            workspace.join(watched).display()
        );
    }
    let out = std::env::var_os("OUT_DIR").expect("cargo tells a build script where to build");
    // <target>/<profile>/build/<package>/out
    let target = Path::new(&out)
        .ancestors()
        .nth(4)
        .expect("cargo's own folders");
    match component_build::build("goproxy-edge", target) {
        Ok(component) => println!(
            "cargo::rustc-env=GOPROXY_EDGE_COMPONENT={}",
            component.display()
        ),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
