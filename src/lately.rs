//! What an instance of the component remembers of the requests before, where its host uses it again: so
//! much and no more. What an answer depends on is to be remembered with what tells whether it still stands.

use std::cell::RefCell;
use std::fmt;
use std::hash::{Hash, Hasher as _};
use std::ops::Range;

use rustc_hash::FxHasher;

/// So many places one key may be in.
const WAYS: usize = 8;

/// Values by their keys. Each key has a few places, of which the oldest value gives way when there is no more room.
/// No part of what it stands in: all are equal, and a clone is empty.
pub struct Lately<K, V, const MOST: usize> {
    /// Behind the hash of each key: to compare the keys themselves, sixty of one length, took seven
    /// microseconds. The places of one key stand together, the newest value first.
    kept: RefCell<Vec<Option<(u64, K, V)>>>,
}

impl<K, V: Clone, const MOST: usize> Lately<K, V, MOST> {
    /// Nothing yet.
    pub const fn new() -> Self {
        const { assert!(MOST <= WAYS || MOST.is_multiple_of(WAYS), "whole sets") };
        Lately {
            kept: RefCell::new(Vec::new()),
        }
    }

    /// The value under a key. What is looked for must have the hash of the key that it equals.
    pub fn find<Q: Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: PartialEq<Q>,
    {
        self.tell(key, V::clone)
    }

    /// Whether there is a value under a key, and such a one.
    #[cfg(feature = "admin")]
    pub fn is<Q: Hash + ?Sized>(&self, key: &Q, such: impl FnOnce(&V) -> bool) -> bool
    where
        K: PartialEq<Q>,
    {
        self.tell(key, such) == Some(true)
    }

    fn tell<Q: Hash + ?Sized, T>(&self, key: &Q, of: impl FnOnce(&V) -> T) -> Option<T>
    where
        K: PartialEq<Q>,
    {
        let hash = hash_of(key);
        let kept = self.kept.borrow();
        let mut places = kept.get(Self::places(hash))?.iter().flatten();
        let found = places.find(|(own_hash, own, _)| *own_hash == hash && own == key);
        found.map(|(.., value)| of(value))
    }

    /// Keeps a value, in place of any other under its key.
    pub fn keep(&self, key: K, value: V)
    where
        K: Hash + PartialEq,
    {
        let hash = hash_of(&key);
        let mut kept = self.kept.borrow_mut();
        if kept.is_empty() {
            kept.extend((0..MOST).map(|_| None));
        }
        let places = kept.get_mut(Self::places(hash)).unwrap_or_default();
        let is_its = |place: &Option<(u64, K, V)>| {
            let own = place.as_ref();
            own.is_some_and(|(own_hash, own, _)| *own_hash == hash && *own == key)
        };
        let own = places.iter().position(is_its);
        if own.is_none() {
            places.rotate_right(1);
        }
        if let Some(place) = places.get_mut(own.unwrap_or_default()) {
            *place = Some((hash, key, value));
        }
    }

    /// In which places the key with this hash may be.
    fn places(hash: u64) -> Range<usize> {
        let sets = (MOST / WAYS).max(1);
        let start = usize::try_from(hash % sets as u64).unwrap_or_default() * WAYS;
        start..(start + WAYS).min(MOST)
    }
}

/// The same for the same key, in one instance.
pub fn hash_of(key: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = FxHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}

impl<K, V: Clone, const MOST: usize> Default for Lately<K, V, MOST> {
    fn default() -> Self {
        Lately::new()
    }
}

impl<K, V: Clone, const MOST: usize> Clone for Lately<K, V, MOST> {
    fn clone(&self) -> Self {
        Lately::new()
    }
}

impl<K, V, const MOST: usize> PartialEq for Lately<K, V, MOST> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<K, V, const MOST: usize> Eq for Lately<K, V, MOST> {}

impl<K, V, const MOST: usize> fmt::Debug for Lately<K, V, MOST> {
    /// Nothing of what it holds: that may be as good as a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lately")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_that_share_their_places_the_newest_are_found() {
        let lately = Lately::<String, u32, 64>::new();
        let mut all: Vec<Vec<u32>> = vec![Vec::new(); 64];
        for number in 0..2_000 {
            let key = number.to_string();
            all[Lately::<String, u32, 64>::places(hash_of(&key)).start].push(number);
            lately.keep(key, number);
            let found = |number: &&u32| lately.find(&number.to_string()) == Some(**number);
            for sharing in &all {
                let newest = sharing.len().min(WAYS);
                assert_eq!(sharing.iter().rev().take_while(found).count(), newest);
            }
            assert!(lately.is(&number.to_string(), |it| *it == number));
            assert!(!lately.is(&number.to_string(), |it| *it != number));
        }
        let found = |number: &u32| lately.find(&number.to_string()).is_some();
        assert_eq!((0..2_000).filter(found).count(), 64);
    }

    #[test]
    fn the_newest_values_are_found_and_the_oldest_give_way() {
        let lately = Lately::<String, u32, 3>::new();
        for (key, value) in [("a", 1), ("b", 2), ("c", 3), ("b", 4), ("d", 5)] {
            lately.keep(key.to_owned(), value);
        }
        let found = |key: &str| lately.find(key);
        assert_eq!(
            ["a", "b", "c", "d"].map(found),
            [None, Some(4), Some(3), Some(5)]
        );
        lately.keep("e".to_owned(), 6);
        lately.keep("f".to_owned(), 7);
        assert_eq!(
            ["b", "c", "d", "e", "f"].map(found),
            [None, None, Some(5), Some(6), Some(7)]
        );
        assert_eq!(format!("{lately:?}"), "Lately");
        assert_eq!(lately.clone().find("d"), None);
    }
}
