//! Whether two texts are the same, for the paths that every request takes.

/// Whether these bytes are the same, compared eight at a time and from their end, where keys of one folder
/// differ. (WASI's `memcmp` goes byte by byte: a key took as long as to read its value.) Not for secrets: it
/// stops where they differ.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() || std::ptr::eq(one, other) {
        return one.len() == other.len();
    }
    let ((one_rest, one), (other_rest, other)) = (one.as_rchunks(), other.as_rchunks());
    let mut chunks = one.iter().zip(other).rev();
    chunks.all(|(one, other)| u64::from_ne_bytes(*one) == u64::from_ne_bytes(*other))
        && one_rest.iter().eq(other_rest)
}

/// The same of bytes that may be missing.
pub fn same_if_any<T: AsRef<[u8]>, U: AsRef<[u8]>>(one: Option<T>, other: Option<U>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same(one.as_ref(), other.as_ref()),
        (one, other) => one.is_none() && other.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_the_same_as_what_is_missing_alone() {
        assert!(same_if_any(Some("a"), Some(b"a")) && !same_if_any(Some("a"), Some("b")));
        assert!(same_if_any(None::<&str>, None::<&str>));
        assert!(!same_if_any(Some(""), None::<&str>) && !same_if_any(None::<&str>, Some("")));
    }

    #[test]
    fn bytes_are_the_same_where_none_differs_and_there_are_as_many() {
        let bytes: Vec<u8> = (0..40).collect();
        for length in 0..=bytes.len() {
            let own = &bytes[..length];
            let copy = own.to_vec();
            assert!(same(own, &copy) && same(own, own), "{length}");
            for at in 0..length {
                let mut other = own.to_vec();
                other[at] ^= 1;
                assert!(!same(own, &other), "{length}, {at}");
                assert!(!same(own, &bytes[..at]) && !same(&bytes[..at], own));
            }
        }
    }
}
