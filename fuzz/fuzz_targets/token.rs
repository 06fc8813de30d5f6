#![no_main]

use goproxy_edge::access;
use libfuzzer_sys::fuzz_target;

#[path = "../drive/token.rs"]
mod drive;

fuzz_target!(|data: &[u8]| drive::drive(data));
