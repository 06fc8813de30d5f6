//! The seeds of the fuzzers for what this room reads, run as tests.

#[path = "../../fuzz/drive/authorization.rs"]
mod authorization;
#[cfg(feature = "admin")]
#[path = "../../fuzz/drive/project.rs"]
mod project;
#[cfg(feature = "admin")]
#[path = "../../fuzz/drive/token.rs"]
mod token;

fn drive_all(name: &str, drive: fn(&[u8])) {
    let seeds = format!("{}/fuzz/corpus-seeds/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for seed in std::fs::read_dir(seeds).unwrap() {
        drive(&std::fs::read(seed.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 10, "{count} seeds");
}

#[test]
fn the_seeds_for_headers_are_read_without_a_panic() {
    drive_all("authorization", authorization::drive);
}

#[cfg(feature = "admin")]
#[test]
fn the_seeds_for_projects_are_read_without_a_panic() {
    drive_all("project", project::drive);
}

#[cfg(feature = "admin")]
#[test]
fn the_seeds_for_tokens_are_read_without_a_panic() {
    drive_all("token", token::drive);
}
