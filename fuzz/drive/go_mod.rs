//! Takes bytes for a go.mod file: nothing may panic, and a path that is found can be written.

use crate::module::{ModulePath, gomod};

/// Reads the bytes as a go.mod file.
pub fn drive(data: &[u8]) {
    let _ = gomod::go_version(data);
    let path = gomod::module_path(data).and_then(|path| ModulePath::parse(&path).ok());
    if let Some(path) = path {
        let text = gomod::legacy_go_mod(&path);
        assert_eq!(
            gomod::module_path(text.as_bytes()).as_deref(),
            Some(path.as_str())
        );
    }
}
