#![no_main]

use goproxy_edge::{access, http, module, store};
use libfuzzer_sys::fuzz_target;

#[path = "../drive/jwt.rs"]
mod drive;

fuzz_target!(|data: &[u8]| drive::drive(data));
