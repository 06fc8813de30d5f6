#![no_main]

use goproxy_edge::{access, http, module, settings};
use libfuzzer_sys::fuzz_target;

#[path = "../drive/authorization.rs"]
mod drive;

fuzz_target!(|data: &[u8]| drive::drive(data));
