//! A key-value store in memory, behind the port, with faults and turns.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use super::KeyValue;
use crate::store::Error;
use crate::store::testing::{Faults, Step, Turns};

/// What the two writers share.
pub type Map = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A key-value store in a map.
pub struct Port<'a> {
    pub map: Map,
    pub faults: Rc<Faults>,
    pub turns: Option<(&'a Turns, usize)>,
}

impl Port<'_> {
    /// Does something with the map, as a step.
    pub fn step<T>(&self, step: Step, action: impl FnOnce(&Map) -> T) -> Result<T, Error> {
        if let Some((turns, seat)) = self.turns {
            turns.take(seat, step);
        }
        let failure = || Error::Unavailable("a fault".to_owned());
        self.faults.step(failure, || Ok(action(&self.map)))
    }
}

impl KeyValue for Port<'_> {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.step(Step::Read, |map| map.lock().unwrap().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        portable(key);
        self.step(Step::Write, |map| {
            map.lock().unwrap().insert(key.to_owned(), value.to_vec());
        })
    }

    fn delete(&self, keys: &[String]) -> Result<(), Error> {
        self.step(Step::Write, |map| {
            let mut map = map.lock().unwrap();
            map.retain(|key, _| !keys.contains(key));
        })
    }

    fn keys(&self) -> Result<Vec<String>, Error> {
        self.step(Step::Read, |map| {
            map.lock().unwrap().keys().cloned().collect()
        })
    }
}

fn portable(key: &str) {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_=.".contains(c);
    assert!(key.chars().all(fine) && key.len() <= 240, "{key}");
    assert!(!key.starts_with('.') && !key.ends_with('.'), "{key}");
}
