//! `goproxy-edge withdraw`: takes a version back.
//!
//! The server says the same whether it was there until now or was withdrawn before, so nothing here tells the two apart.

use std::process::ExitCode;

use goproxy_edge::module::{ModulePath, ModuleVersion, Version};

use crate::client::{Body, Client, ServerArgs};
use crate::url::path;
use crate::{Failure, output};

/// Withdraw a version: nobody can download it any more
///
/// It is answered with 410 from then on, is in no list, and can never be published again. Its go.mod stays, for modules
/// that require it. Doing it twice is the same as doing it once.
#[derive(clap::Args)]
pub struct Args {
    /// Which, such as example.com/my/module@v1.2.3
    #[arg(value_name = "MODULE@VERSION", value_parser = parse)]
    version: ModuleVersion,
    #[command(flatten)]
    server: ServerArgs,
}

fn parse(text: &str) -> Result<ModuleVersion, String> {
    let (module, version) = text
        .rsplit_once('@')
        .ok_or("it has the form MODULE@VERSION, such as example.com/my/module@v1.2.3")?;
    let module = ModulePath::parse(module).map_err(|error| error.to_string())?;
    let version = Version::parse(version).map_err(|error| error.to_string())?;
    ModuleVersion::new(module, version).map_err(|error| error.to_string())
}

pub fn run(args: Args) -> Result<ExitCode, Failure> {
    let version = args.version;
    let client = Client::new(args.server)?;
    let url = format!(
        "/{}/@v/{}",
        path(&version.path().escaped()),
        path(&version.version().escaped())
    );
    let answer = client.ask("DELETE", &url, Body::None)?;
    let address = client.address();
    match answer.status {
        200 | 204 => {
            output::print(format_args!(
                "{version} is withdrawn from {address}: its go.mod stays, all else is answered with 410"
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        401 => Err(client.not_let_in(&answer)),
        _ => Err(format!(
            "{version} is not withdrawn from {address}: {}",
            answer.reason()
        )
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_module_path_and_a_canonical_version() {
        let version = parse("github.com/Azure/x/v2@v2.0.0-rc.1").unwrap();
        assert_eq!(version.to_string(), "github.com/Azure/x/v2@v2.0.0-rc.1");
        for (text, reason) in [
            (
                "example.com/m",
                "it has the form MODULE@VERSION, such as example.com/my/module@v1.2.3",
            ),
            (
                "nodot@v1.0.0",
                "malformed module path \"nodot\": missing dot in first path element",
            ),
            (
                "example.com/m@v1.0",
                "version \"v1.0\" is not canonical (should be \"v1.0.0\")",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), reason);
        }
        for text in ["example.com/m@latest", "example.com/m@v2.0.0", "@v1.0.0"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
