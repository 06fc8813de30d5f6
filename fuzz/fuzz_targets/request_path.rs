#![no_main]

use goproxy_edge::{http, proxy};
use libfuzzer_sys::fuzz_target;

#[path = "../drive/request_path.rs"]
mod drive;

fuzz_target!(|data: &[u8]| drive::drive(data));
