//! What an instance of the component remembers of the requests before, where its host uses it again: so
//! much and no more. What an answer depends on is to be remembered with what tells whether it still stands.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher as _};

use rustc_hash::FxHasher;

/// Values by their keys, which give way in the order of their places. No part of what it stands in: all are
/// equal, and a clone is empty.
pub struct Lately<K, V, const MOST: usize> {
    /// Behind the hash of each key: to compare the keys themselves, sixty of one length, took seven
    /// microseconds.
    kept: RefCell<Vec<(u64, K, V)>>,
    /// Where the next one goes when there is no more room.
    next: Cell<usize>,
}

impl<K, V: Clone, const MOST: usize> Lately<K, V, MOST> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Lately {
            kept: RefCell::new(Vec::new()),
            next: Cell::new(0),
        }
    }

    /// The value under a key. What is looked for must have the hash of the key that it equals.
    pub fn find<Q: Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: PartialEq<Q>,
    {
        let hash = hash_of(key);
        let kept = self.kept.borrow();
        let found = kept
            .iter()
            .find(|(own_hash, own, _)| *own_hash == hash && own == key);
        found.map(|(.., value)| value.clone())
    }

    /// Keeps a value, in place of any other under its key.
    pub fn keep(&self, key: K, value: V)
    where
        K: Hash + PartialEq,
    {
        let hash = hash_of(&key);
        let mut kept = self.kept.borrow_mut();
        let mut place = kept
            .iter()
            .position(|(own_hash, own, _)| *own_hash == hash && *own == key);
        if place.is_none() && kept.len() >= MOST {
            let next = self.next.get();
            self.next.set((next + 1) % MOST);
            place = Some(next);
        }
        match place.and_then(|at| kept.get_mut(at)) {
            Some(old) => *old = (hash, key, value),
            None => kept.push((hash, key, value)),
        }
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
