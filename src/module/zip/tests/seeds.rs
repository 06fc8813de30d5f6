//! The archives that the fuzzer starts from.

#[path = "../../../../fuzz/drive/upload_zip.rs"]
mod drive;

#[test]
fn the_seeds_of_the_fuzzer_are_taken_without_a_panic() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus-seeds/upload_zip");
    let mut count = 0;
    for seed in std::fs::read_dir(seeds).unwrap() {
        drive::drive(&std::fs::read(seed.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 5, "{count} seeds");
}
