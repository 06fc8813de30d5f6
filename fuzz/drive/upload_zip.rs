//! Takes bytes for an upload: nothing may panic, and what is made of them must be acceptable.

use std::io::Cursor;

use crate::module::{ModulePath, ModuleVersion, Version, zip};

/// Checks the bytes as a module zip, and makes module zips of them as a source archive.
pub fn drive(data: &[u8]) {
    let limits = zip::Limits {
        max_unpacked: 8 << 20,
        max_files: 5000,
        ..zip::Limits::default()
    };
    let archive = || Cursor::new(data);
    let _ = zip::kind(&mut archive());
    let _ = zip::newest_entry_time(&mut archive());
    for (path, version) in [
        ("example.com/m", "v1.0.0"),
        ("example.com/m/v2", "v2.0.0"),
        ("example.com/m", "v2.0.0+incompatible"),
    ] {
        let (Ok(path), Ok(version)) = (ModulePath::parse(path), Version::parse(version)) else {
            return;
        };
        let Ok(target) = ModuleVersion::new(path, version) else {
            return;
        };
        if let Err(zip::ZipError::Io(error)) = zip::check(&mut archive(), &target, &limits) {
            panic!("a bad zip was taken for a failure to read: {error}");
        }
        for (strip, subdir) in [(false, None), (true, None), (false, Some("sub"))] {
            let options = zip::SourceOptions { strip, subdir };
            let mut out = Vec::new();
            match zip::create(&mut archive(), &mut out, &target, &options, &limits) {
                Ok(made) => {
                    let checked = zip::check(&mut Cursor::new(&out), &target, &limits);
                    assert_eq!(checked.map(|checked| checked.h1).ok(), Some(made.h1));
                }
                Err(zip::ZipError::Io(error)) => {
                    panic!("a bad zip was taken for a failure to read: {error}");
                }
                Err(_) => {}
            }
        }
    }
}
