use super::*;
use crate::module::oracle::Numbers;
use sha2::{Digest, Sha256};

#[test]
fn files_of_every_length_side_by_side_have_the_hash_that_each_has_alone() {
    let mut numbers = Numbers(9);
    let bytes: Vec<u8> = (0..5000).map(|_| numbers.below(256) as u8).collect();
    let lengths = (0..260).chain([0, 4096, 1, 5000, 64, 63, 4999]);
    let files: Vec<&[u8]> = lengths
        .map(|length| &bytes[bytes.len() - length..])
        .collect();
    for count in [0, 1, 2, 3, 4, 5, 7, files.len()] {
        let mut hashes = vec![None; count];
        let content = |number: usize| files[number];
        lanes::hash_each(count, &content, &mut |number, hash| {
            assert_eq!(hashes[number].replace(hash), None, "hashed twice");
        });
        for (file, hash) in files.iter().zip(hashes) {
            assert_eq!(
                hash,
                Some(Sha256::digest(file).into()),
                "{} bytes",
                file.len()
            );
        }
    }
}
