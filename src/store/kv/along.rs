//! A value that comes along with the next one that is read, so that to know it takes no call of its own.

use std::cell::RefCell;
use std::rc::Rc;

use super::KeyValue;
use crate::store::{Brought, Error};

/// A port whose next read brings another value along.
pub(super) struct Along {
    port: Rc<dyn KeyValue>,
    state: RefCell<State>,
}

enum State {
    /// Nothing is asked for.
    Idle,
    /// Under this key this value is expected.
    Wanted(String, Option<Vec<u8>>),
    /// It came.
    AsExpected,
    /// Another came, with what is told to who reads the same once more.
    Other(Option<Vec<u8>>, Option<Again>),
    Again(Again),
}

/// A key that was read, and what stood under it.
struct Again(String, Option<Vec<u8>>);

impl Along {
    pub fn new(port: Rc<dyn KeyValue>) -> Self {
        Along {
            port,
            state: RefCell::new(State::Idle),
        }
    }

    /// Has the next read bring along what stands under this key.
    pub fn bring(&self, key: String, expected: Option<&[u8]>) {
        self.state
            .replace(State::Wanted(key, expected.map(<[u8]>::to_vec)));
    }

    /// What was read of these keys is not to be told again: it is being written.
    fn forget(&self, keys: &[&str]) {
        let is_of = |again: &Again| keys.contains(&again.0.as_str());
        let state = match self.state.replace(State::Idle) {
            State::Other(value, Some(again)) if is_of(&again) => State::Other(value, None),
            State::Again(again) if is_of(&again) => State::Idle,
            other => other,
        };
        self.state.replace(state);
    }

    /// What came along. Afterwards nothing is asked for.
    pub fn brought(&self) -> Brought {
        match self.state.replace(State::Idle) {
            State::AsExpected => Brought::AsExpected,
            State::Other(value, again) => {
                self.state.replace(again.map_or(State::Idle, State::Again));
                Brought::Other(value)
            }
            State::Idle | State::Wanted(..) | State::Again(_) => Brought::Nothing,
        }
    }
}

impl KeyValue for Along {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.state.replace(State::Idle) {
            State::Wanted(along, expected) => {
                let mut values = self.port.get_many(&[key.to_owned(), along])?;
                let came = values.pop().flatten();
                let value = values.pop().flatten();
                self.state.replace(match came == expected {
                    true => State::AsExpected,
                    false => State::Other(came, Some(Again(key.to_owned(), value.clone()))),
                });
                Ok(value)
            }
            State::Again(Again(own, value)) if own == key => Ok(value),
            State::Again(_) | State::Idle => self.port.get(key),
            other => {
                self.state.replace(other);
                self.port.get(key)
            }
        }
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.forget(&[key]);
        self.port.set(key, value)
    }

    fn delete(&self, keys: &[String]) -> Result<(), Error> {
        let keys_of: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.forget(&keys_of);
        self.port.delete(keys)
    }

    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.port.get_many(keys)
    }

    fn keys(&self) -> Result<Vec<String>, Error> {
        self.port.keys()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::{Map, Port};
    use super::*;
    use crate::store::testing::{Fault, Faults};

    fn along(map: &Map, faults: &Rc<Faults>) -> Along {
        let port = Port {
            map: Arc::clone(map),
            faults: Rc::clone(faults),
            turns: None,
        };
        Along::new(Rc::new(port))
    }

    fn value(text: &str) -> Option<Vec<u8>> {
        Some(text.as_bytes().to_vec())
    }

    #[test]
    fn the_next_value_that_is_read_brings_another_along_and_what_was_read_with_a_wrong_one_stays() {
        let map = Map::default();
        for key in ["a", "b", "c"] {
            map.lock().unwrap().insert(key.to_owned(), key.into());
        }
        let faults = Rc::new(Faults::none());
        let along = along(&map, &faults);
        assert_eq!(along.get("a"), Ok(value("a")));
        assert_eq!(along.brought(), Brought::Nothing);

        along.bring("c".to_owned(), Some(b"c"));
        assert_eq!(along.get("a"), Ok(value("a")));
        assert_eq!(along.get("b"), Ok(value("b")));
        assert_eq!(along.brought(), Brought::AsExpected);
        assert_eq!(along.brought(), Brought::Nothing);

        along.bring("nothing".to_owned(), None);
        assert_eq!(along.get("nothing"), Ok(None));
        assert_eq!(along.brought(), Brought::AsExpected);

        for (expected, then) in [(Some(&b"x"[..]), "a"), (None, "b")] {
            along.bring("c".to_owned(), expected);
            assert_eq!(along.get("a"), Ok(value("a")));
            map.lock().unwrap().insert("a".to_owned(), b"new".to_vec());
            assert_eq!(along.brought(), Brought::Other(value("c")));
            assert_eq!(along.get(then), Ok(value(then)), "as it was, or another");
            assert_eq!(along.get("a"), Ok(value("new")));
            map.lock().unwrap().insert("a".to_owned(), b"a".to_vec());
        }
    }

    #[test]
    fn what_is_written_meanwhile_is_not_told_again_as_it_was() {
        let map = Map::default();
        map.lock().unwrap().insert("a".to_owned(), b"a".to_vec());
        let along = along(&map, &Rc::new(Faults::none()));
        for before in [true, false] {
            along.bring("c".to_owned(), Some(b"x"));
            let _ = along.get("a");
            let write = || along.set("a", b"new").unwrap();
            before.then(write);
            assert_eq!(along.brought(), Brought::Other(None));
            (!before).then(write);
            assert_eq!(along.get("a"), Ok(value("new")));
            along.bring("c".to_owned(), Some(b"x"));
            let _ = along.get("a");
            assert_eq!(along.brought(), Brought::Other(None));
            along.delete(&["a".to_owned()]).unwrap();
            assert_eq!(along.get("a"), Ok(None));
            along.set("a", b"a").unwrap();
        }
    }

    #[test]
    fn a_read_that_fails_brings_nothing() {
        let map = Map::default();
        let along = along(&map, &Rc::new(Faults::at(0, Fault::Fails)));
        along.bring("c".to_owned(), None);
        assert!(along.get("a").is_err());
        assert_eq!(along.brought(), Brought::Nothing);
    }
}
