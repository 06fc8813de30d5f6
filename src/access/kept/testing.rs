//! For tests: documents in memory, with a fault at any step.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::{Documents, Kept, Remembered};
use crate::access::{Projects, Token};
use crate::store::testing::Faults;
use crate::store::{Brought, Error};

/// What is kept, by name.
pub type Map = Rc<RefCell<BTreeMap<String, Vec<u8>>>>;

/// What a read of a module is to bring along, where it can bring anything.
#[derive(Default)]
pub struct Along {
    can: bool,
    wanted: RefCell<Option<(String, Option<Vec<u8>>)>>,
}

impl Along {
    pub fn new(can: bool) -> Self {
        Along {
            can,
            ..Along::default()
        }
    }

    pub fn bring(&self, name: &str, expected: Option<&[u8]>) -> bool {
        if self.can {
            let expected = expected.map(<[u8]>::to_vec);
            self.wanted.replace(Some((name.to_owned(), expected)));
        }
        self.can
    }

    /// What came, as if a module were read now; nothing where `read` fails.
    pub fn brought(&self, read: impl FnOnce(&str) -> Option<Option<Vec<u8>>>) -> Brought {
        let Some((name, expected)) = self.wanted.take() else {
            return Brought::Nothing;
        };
        match read(&name) {
            Some(now) if now == expected => Brought::AsExpected,
            Some(now) => Brought::Other(now),
            None => Brought::Nothing,
        }
    }
}

/// Documents in memory.
pub struct Memory {
    pub map: Map,
    pub faults: Faults,
    /// The names that were asked for, call by call.
    pub asked: RefCell<Vec<Vec<String>>>,
    /// The one number by chance: where it is the same, so is the generation, and what is kept can be compared.
    pub number: u64,
    pub along: Along,
}

impl Memory {
    pub fn new(map: &Map) -> Self {
        Memory::faulty(map, Faults::none())
    }

    pub fn faulty(map: &Map, faults: Faults) -> Self {
        Memory {
            map: Rc::clone(map),
            faults,
            asked: RefCell::default(),
            number: 7,
            along: Along::default(),
        }
    }

    fn step<T>(
        &self,
        action: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T,
    ) -> Result<T, Error> {
        let failure = || Error::Unavailable("a fault".to_owned());
        self.faults
            .step(failure, || Ok(action(&mut self.map.borrow_mut())))
    }
}

impl Documents for Memory {
    fn get(&self, names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.asked
            .borrow_mut()
            .push(names.iter().map(|name| (*name).to_owned()).collect());
        self.step(|map| names.iter().map(|name| map.get(*name).cloned()).collect())
    }

    fn bring_along(&self, name: &str, expected: Option<&[u8]>) -> bool {
        self.along.bring(name, expected)
    }

    fn brought(&self) -> Brought {
        let read = |name: &str| self.step(|map| map.get(name).cloned()).ok();
        self.along.brought(read)
    }

    fn set(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        assert!(value.len() <= 64 << 10, "{name}");
        let fine = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/-_.".contains(&byte)
        };
        let is_name = name.bytes().all(fine) && !name.ends_with('.') && name.len() <= 150;
        assert!(is_name, "{name}");
        self.step(|map| {
            map.insert(name.to_owned(), value.to_vec());
        })
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.step(|map| {
            map.remove(name);
        })
    }

    fn names(&self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<String>, Error> {
        self.step(|map| {
            let names = map.keys().filter(|name| name.starts_with(prefix));
            let names = names.filter(|name| after.is_none_or(|after| name.as_str() > after));
            names.take(most).cloned().collect()
        })
    }

    fn wait(&self, _: Duration) {}

    fn random(&self) -> u64 {
        self.number
    }
}

/// A configuration, over which something is kept.
pub struct Configuration {
    pub projects: Projects,
    pub tokens: Vec<Token>,
    pub remembered: Remembered,
}

impl Configuration {
    pub fn new(projects: &str) -> Self {
        Configuration {
            projects: Projects::parse_list(projects).unwrap(),
            tokens: Vec::new(),
            remembered: Remembered::default(),
        }
    }

    pub fn kept<'a>(&'a self, documents: &'a dyn Documents) -> Kept<'a> {
        Kept {
            documents,
            projects: &self.projects,
            tokens: &self.tokens,
            remembered: &self.remembered,
            begun: &|_| (),
        }
    }
}
