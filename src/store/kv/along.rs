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
    Other(Option<Vec<u8>>, Again),
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

    /// The port itself, whose reads bring nothing.
    pub fn itself(&self) -> &dyn KeyValue {
        &*self.port
    }

    /// What came along. Afterwards nothing is asked for.
    pub fn brought(&self) -> Brought {
        match self.state.replace(State::Idle) {
            State::AsExpected => Brought::AsExpected,
            State::Other(value, again) => {
                self.state.replace(State::Again(again));
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
                let mut values = self.port.get_many(&[key, &along])?;
                let came = values.pop().flatten();
                let value = values.pop().flatten();
                self.state.replace(match came == expected {
                    true => State::AsExpected,
                    false => State::Other(came, Again(key.to_owned(), value.clone())),
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
        self.port.set(key, value)
    }

    fn delete(&self, keys: &[String]) -> Result<(), Error> {
        self.port.delete(keys)
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
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
    fn a_read_that_fails_brings_nothing() {
        let map = Map::default();
        let along = along(&map, &Rc::new(Faults::at(0, Fault::Fails)));
        along.bring("c".to_owned(), None);
        assert!(along.get("a").is_err());
        assert_eq!(along.brought(), Brought::Nothing);
    }
}
