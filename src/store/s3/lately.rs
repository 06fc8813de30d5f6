//! Addresses of objects that were signed lately, to be read: what is asked for again and again, such as the
//! `.info` of a module that many use, need not be signed each time. (Measured with 16 connections: a tenth
//! of what such a hit takes of the processor.)

use std::cell::RefCell;
use std::fmt;

/// As many addresses are kept.
const KEPT: usize = 64;
/// For so many seconds one is used again: it must be good for longer than clocks differ.
const KEPT_FOR: i64 = 60;

/// The addresses. No part of what is configured: all are equal, and a clone is empty.
#[derive(Default)]
pub struct Lately(RefCell<Vec<Kept>>);

struct Kept {
    key: String,
    at: i64,
    address: String,
}

impl Lately {
    /// The address of an object, if one was signed a moment ago.
    pub(super) fn find(&self, key: &str, now: i64) -> Option<String> {
        let kept = self.0.borrow();
        let mut fresh = kept
            .iter()
            .filter(|one| (0..KEPT_FOR).contains(&(now - one.at)));
        fresh
            .find(|one| one.key == key)
            .map(|one| one.address.clone())
    }

    /// Keeps one that was signed now, of an object that is there: of what is not, such as the version that is
    /// about to be published, it would lie in the midst of the memory that the upload needs.
    pub(super) fn keep(&self, key: &str, now: i64, address: String) {
        let mut kept = self.0.borrow_mut();
        let mut place = kept.iter().position(|one| one.key == key);
        if place.is_none() && kept.len() >= KEPT {
            let oldest = kept.iter().enumerate().min_by_key(|(_, one)| one.at);
            place = oldest.map(|(at, _)| at);
        }
        let new = Kept {
            key: key.to_owned(),
            at: now,
            address,
        };
        match place.and_then(|at| kept.get_mut(at)) {
            Some(old) => *old = new,
            None => kept.push(new),
        }
    }
}

impl Clone for Lately {
    fn clone(&self) -> Self {
        Lately::default()
    }
}

impl PartialEq for Lately {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Lately {}

impl fmt::Debug for Lately {
    /// Nothing of an address: it is as good as a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lately")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_used_again_for_a_minute_and_the_oldest_gives_way() {
        let lately = Lately::default();
        let signed = |key: &str, now: i64| {
            lately.find(key, now).unwrap_or_else(|| {
                let address = format!("{key} at {now}");
                lately.keep(key, now, address.clone());
                address
            })
        };
        assert_eq!(signed("a", 100), "a at 100");
        assert_eq!(signed("b", 101), "b at 101");
        assert_eq!(signed("a", 159), "a at 100");
        assert_eq!(signed("a", 160), "a at 160");
        // A clock that was set back.
        assert_eq!(signed("a", 90), "a at 90");
        for number in 0..KEPT {
            signed(&format!("other {number}"), 130);
        }
        assert_eq!(lately.0.borrow().len(), KEPT);
        assert_eq!(signed("other 0", 131), "other 0 at 130");
        assert_eq!(signed("b", 131), "b at 131");
        assert_eq!(lately.find("none", 131), None);
        assert_eq!(format!("{lately:?}"), "Lately");
    }
}
