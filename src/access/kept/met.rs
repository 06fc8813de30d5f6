//! What an instance has met lately, in less room than to remember it takes.

use std::cell::Cell;
use std::fmt;

/// Of which keys the hashes came lately: now and then it has one that did not come, or forgets one. As
/// [`crate::lately::Lately`] it is no part of what it stands in.
pub struct Met<const MOST: usize>([Cell<u64>; MOST]);

impl<const MOST: usize> Met<MOST> {
    /// None yet.
    pub const fn new() -> Self {
        Met([const { Cell::new(0) }; MOST])
    }

    /// Whether the key with this hash came lately.
    pub fn has(&self, hash: u64) -> bool {
        let place = self.place(hash);
        place.is_some_and(|place| place.get() == Self::noted(hash))
    }

    /// Takes note of a key.
    pub fn add(&self, hash: u64) {
        if let Some(place) = self.place(hash) {
            place.set(Self::noted(hash));
        }
    }

    /// Another than stands where none came.
    fn noted(hash: u64) -> u64 {
        hash.max(1)
    }

    fn place(&self, hash: u64) -> Option<&Cell<u64>> {
        self.0.get(usize::try_from(hash % MOST as u64).ok()?)
    }
}

impl<const MOST: usize> Default for Met<MOST> {
    fn default() -> Self {
        Met::new()
    }
}

impl<const MOST: usize> Clone for Met<MOST> {
    fn clone(&self) -> Self {
        Met::new()
    }
}

impl<const MOST: usize> PartialEq for Met<MOST> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<const MOST: usize> Eq for Met<MOST> {}

impl<const MOST: usize> fmt::Debug for Met<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Met")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lately::hash_of;

    #[test]
    fn a_key_that_came_is_known_until_others_take_its_place() {
        let met = Met::<2>::new();
        assert!(!met.has(hash_of(&"a")));
        met.add(hash_of(&"a"));
        assert!(met.has(hash_of(&"a")) && !met.has(hash_of(&"b")));
        assert!(!met.clone().has(hash_of(&"a")));
        assert!(!met.has(0));
        met.add(0);
        assert!(met.has(0));
        for number in 0..64 {
            met.add(hash_of(&number.to_string()));
        }
        assert!(!met.has(hash_of(&"a")));
        assert_eq!(format!("{met:?}"), "Met");
    }
}
