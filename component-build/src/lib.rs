//! Builds a package of this workspace as a WebAssembly component, from a build script or a test.
//!
//! The build goes into a target folder of its own, so that it never waits for the lock of the build
//! that it is a part of, and is the same build whatever that one is.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of every component.
pub const TARGET: &str = "wasm32-wasip2";

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Builds the library of `package` for a machine that has room for it (profile `served`), under
/// `target_folder`, and returns where the component is.
///
/// # Errors
/// What to tell the person who builds.
pub fn build(package: &str, target_folder: &Path) -> Result<PathBuf, String> {
    rustc(package, "served", &[], &target_folder.join("component"))
}

/// Builds the proxy's component as it is shipped to an edge (profile `edge`), with these features alone,
/// under `target_folder`, and returns where it is: `name` is what the file is called. Two builds at once
/// would take each other's file.
///
/// # Errors
/// What to tell the person who builds.
pub fn build_flavour(
    name: &str,
    features: &[&str],
    target_folder: &Path,
) -> Result<PathBuf, String> {
    let features = features.join(",");
    let arguments = ["--no-default-features", "--features", &features];
    // Not the folder of `build`, whose component is the default flavour.
    let folder = target_folder.join("flavours");
    let built = rustc("goproxy-edge", "edge", &arguments, &folder)?;
    let kept = folder.join(name).with_extension("wasm");
    let copied = std::fs::copy(&built, &kept);
    copied.map_err(|error| format!("cannot write {}: {error}", kept.display()))?;
    Ok(kept)
}

fn rustc(
    package: &str,
    profile: &str,
    arguments: &[&str],
    target_folder: &Path,
) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    forget_outer_build(&mut command);
    // With `build`, a package that is a library for Rust too gets no link-time optimisation.
    command
        .current_dir(workspace())
        .args([
            "rustc",
            "--locked",
            "--lib",
            "--crate-type",
            "cdylib",
            "--profile",
            profile,
        ])
        .args(["--package", package, "--target", TARGET, "--target-dir"])
        .arg(target_folder)
        .args(arguments);
    let output = command
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        // rustc's own advice comes after pages of errors about `core`.
        if errors.contains("target may not be installed") {
            return Err(format!(
                "Rust's {TARGET} target is missing; install it with: rustup target add {TARGET}"
            ));
        }
        return Err(format!("cannot build {package} for {TARGET}:\n{errors}"));
    }
    let file = format!("{}.wasm", package.replace('-', "_"));
    Ok(target_folder.join(TARGET).join(profile).join(file))
}

/// Cargo tells a build script about the build that it is in, clippy puts its own compiler in, and
/// flags for this machine's code are wrong for a component's. Only what says where packages come
/// from is kept.
fn forget_outer_build(command: &mut Command) {
    const KEPT: [&str; 6] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
    ];
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let kept = KEPT.iter().any(|prefix| text.starts_with(prefix));
        let of_a_build = ["CARGO_", "RUSTC", "RUSTDOC", "DEP_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
            || matches!(
                text,
                "RUSTFLAGS" | "MAKEFLAGS" | "TARGET" | "HOST" | "PROFILE" | "OPT_LEVEL" | "DEBUG"
            );
        if of_a_build && !kept {
            command.env_remove(&name);
        }
    }
}
