#![no_main]

use goproxy_edge::module;
use libfuzzer_sys::fuzz_target;

#[path = "../drive/upload_zip.rs"]
mod drive;

fuzz_target!(|data: &[u8]| drive::drive(data));
