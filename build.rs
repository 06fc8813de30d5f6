//! The component's link: without this the linker leaves every call and address in the room that the
//! largest would need, 40 to 80 KB of a component of 500.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo::rustc-link-arg-cdylib=--compress-relocations");
    }
}
