//! Values that come along with the next one that is read, so that to know them takes no call of its own.

use std::cell::RefCell;
use std::rc::Rc;

use super::KeyValue;
use crate::store::{Brought, Error};

/// A port whose next read brings others along.
pub(super) struct Along {
    port: Rc<dyn KeyValue>,
    state: RefCell<State>,
}

enum State {
    /// Nothing is asked for.
    Idle,
    /// Under these keys these values are expected.
    Wanted(Vec<String>, Vec<Option<Vec<u8>>>),
    /// They came.
    AsExpected,
    /// Others came, with what is told to who reads the same once more.
    Other(Vec<Option<Vec<u8>>>, Again),
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

    /// Has the next read bring along what stands under these keys.
    pub fn bring(&self, keys: Vec<String>, expected: Vec<Option<Vec<u8>>>) {
        self.state.replace(State::Wanted(keys, expected));
    }

    /// The port itself, whose reads bring nothing.
    pub fn itself(&self) -> &dyn KeyValue {
        &*self.port
    }

    /// What came along. Afterwards nothing is asked for.
    pub fn brought(&self) -> Brought {
        match self.state.replace(State::Idle) {
            State::AsExpected => Brought::AsExpected,
            State::Other(values, again) => {
                self.state.replace(State::Again(again));
                Brought::Other(values)
            }
            State::Idle | State::Wanted(..) | State::Again(_) => Brought::Nothing,
        }
    }
}

impl KeyValue for Along {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.state.replace(State::Idle) {
            State::Wanted(mut keys, expected) => {
                keys.push(key.to_owned());
                let mut came = self.port.get_many(&keys)?;
                let value = came.pop().flatten();
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

        let bring = |keys: &[&str], values: &[Option<Vec<u8>>]| {
            let keys = keys.iter().map(|key| (*key).to_owned()).collect();
            along.bring(keys, values.to_vec());
        };
        bring(&["c", "nothing", "b"], &[value("c"), None, value("b")]);
        assert_eq!(along.get("a"), Ok(value("a")));
        assert_eq!(along.get("b"), Ok(value("b")));
        assert_eq!(along.brought(), Brought::AsExpected);
        assert_eq!(along.brought(), Brought::Nothing);

        bring(&["nothing"], &[None]);
        assert_eq!(along.get("nothing"), Ok(None));
        assert_eq!(along.brought(), Brought::AsExpected);

        for (expected, then) in [
            ([value("x"), None], "a"),
            ([None, None], "b"),
            ([value("c"), value("x")], "a"),
        ] {
            bring(&["c", "nothing"], &expected);
            assert_eq!(along.get("a"), Ok(value("a")));
            map.lock().unwrap().insert("a".to_owned(), b"new".to_vec());
            assert_eq!(along.brought(), Brought::Other(vec![value("c"), None]));
            assert_eq!(along.get(then), Ok(value(then)), "as it was, or another");
            assert_eq!(along.get("a"), Ok(value("new")));
            map.lock().unwrap().insert("a".to_owned(), b"a".to_vec());
        }
    }

    #[test]
    fn a_read_that_fails_brings_nothing() {
        let map = Map::default();
        let along = along(&map, &Rc::new(Faults::at(0, Fault::Fails)));
        along.bring(vec!["c".to_owned()], vec![None]);
        assert!(along.get("a").is_err());
        assert_eq!(along.brought(), Brought::Nothing);
    }
}
