//! A fault at every step of every change: what it leaves never gives more than what was before or what
//! was to come, and the same change again ends it. Two administrators at once. What is left behind.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Instant;

use sha2::{Digest as _, Sha256};

use super::find::beginnings;
use super::names::{
    GENERATION, HASHES, IDS, NOBODYS, path_document, prefix_document, token_document,
};
use super::testing::{Along, Configuration, Map, Memory};
use super::*;
use crate::access::{Caller, Grant, Place};
use crate::hex;
use crate::json::Json;
use crate::module::{ModulePath, Timestamp};
use crate::store::Brought;
use crate::store::testing::{Faults, Step, Turns, at_every_step, both, in_every_order};

mod damage;
mod remembered;

/// A catch-all that everybody reads: what loses its owner is open.
const OPEN_REST: &str = r#"[{"id":1,"path":"all/rest","visibility":"public"},
    {"id":2,"path":"conf/two","modules":["example.com/conf"],"visibility":"private"}]"#;

const MODULES: [&str; 7] = [
    "example.com/a/m",
    "example.com/a/b/m",
    "example.com/a/b/c/m",
    "example.com/conf/a",
    "example.com/conf/a/b",
    "example.org/m",
    "example.com/x",
];

fn project(text: &str) -> Project {
    Project::parse(&Json::parse(text.as_bytes()).unwrap()).unwrap()
}

fn token(name: &str, secret: &str, more: &str) -> Token {
    let hash = hex::encode(&Sha256::digest(secret));
    let text =
        format!(r#"{{"name":"{name}","sha256":"{hash}","scopes":["api"],"projects":["*"]{more}}}"#);
    Token::parse(&Json::parse(text.as_bytes()).unwrap()).unwrap()
}

/// What a secret allows now.
fn granted(kept: &Kept, secret: &[u8], now: Timestamp) -> Result<Option<Grant>, Failure> {
    let hash = Sha256::digest(secret).into();
    let grant = Look::new(*kept, Asked::default(), true, Instant::now()).grant(&hash, &|| now)?;
    Ok(grant.map(|grant| (*grant).clone()))
}

/// Who may be given access: nobody, and tokens for a project by its id and by groups.
fn grants() -> Vec<(&'static str, Option<Grant>)> {
    let grant = |name: &'static str| {
        let grant = Grant {
            name: name.to_owned(),
            scopes: vec![crate::access::Scope::Api],
            projects: vec![name.to_owned()],
            admin: false,
            guest: false,
            alone: false,
        };
        (name, Some(grant))
    };
    vec![
        ("nobody", None),
        grant("none"),
        grant("7"),
        grant("8"),
        grant("team"),
        grant("other"),
    ]
}

/// All that anybody may do: who, by which name of a project, whether writing, and the module.
fn allowed(configuration: &Configuration, map: &Map) -> BTreeSet<String> {
    let memory = Memory::new(map);
    let kept = configuration.kept(&memory);
    let mut allowed = BTreeSet::new();
    for name in [
        None,
        Some("7"),
        Some("8"),
        Some("team/one"),
        Some("other/one"),
    ] {
        for module in MODULES {
            let path = ModulePath::parse(module).unwrap();
            let own = configuration.projects.owner(module);
            let asked = Asked {
                named: name,
                module: Some(module),
                reach: own.map(|(_, reach)| reach),
            };
            let found = kept
                .ask(&asked, None, false)
                .and_then(|it| it.projects(&|_| true))
                .unwrap();
            let owner = found
                .owner
                .as_deref()
                .or(own.map(|(project, _)| &**project));
            let place = Place {
                named: name.map(|name| (name, found.named.as_deref())),
                module: Some(path.as_str()),
                owner,
            };
            for (who, grant) in grants() {
                let caller = Caller::with(grant.as_ref());
                for writes in [false, true] {
                    if caller.may(&place, writes).is_ok() {
                        let base = name.unwrap_or("plain");
                        allowed.insert(format!("{who} {base} {module} writes {writes}"));
                    }
                }
                assert!(
                    !place.is_open()
                        || who != "nobody"
                        || caller.may(&place, false).is_ok()
                        || owner.is_none()
                        || place.named.is_some(),
                    "open to caches and to nobody: {module}"
                );
            }
        }
    }
    allowed
}

/// A change of projects.
#[derive(Debug)]
enum Change {
    Put(&'static str),
    Remove(&'static str),
    Switch(&'static str, bool),
    /// The token `ci`, with this secret.
    Token(&'static str),
    Revoke,
}

impl Change {
    fn run(&self, kept: &Kept) -> Result<Done, Broken> {
        match self {
            Change::Put(text) => kept.put_project(&project(text)),
            Change::Remove(name) => kept.remove_project(name),
            Change::Switch(name, on) => kept.switch_project(name, *on),
            Change::Token(secret) => kept.put_token(&token("ci", secret, "")),
            Change::Revoke => kept.revoke_token("ci"),
        }
    }
}

const PRIVATE: &str = r#"{"id":7,"path":"team/one","modules":["example.com/a/b"]}"#;
const SHORTER: &str = r#"{"id":7,"path":"team/one","modules":["example.com/a"]}"#;
const ELSEWHERE: &str = r#"{"id":7,"path":"other/one","modules":["example.org","example.com/conf/a"],"visibility":"public"}"#;
const OPEN: &str = r#"{"id":7,"path":"team/one","modules":["example.com/a","example.com/a/b"],"visibility":"public"}"#;
const NEIGHBOUR: &str =
    r#"{"id":8,"path":"other/eight","modules":["example.com/a/b/c"],"visibility":"internal"}"#;

fn after(configuration: &Configuration, changes: &[Change]) -> Map {
    let map = Map::default();
    for change in changes {
        change.run(&configuration.kept(&Memory::new(&map))).unwrap();
    }
    map
}

#[test]
fn a_fault_at_any_step_of_a_change_of_projects_never_gives_more_and_the_same_again_ends_it() {
    use Change::{Put, Remove, Switch};
    let configuration = Configuration::new(OPEN_REST);
    let cases: &[(&[Change], Change)] = &[
        (&[], Put(PRIVATE)),
        (&[Put(NEIGHBOUR)], Put(OPEN)),
        (&[Put(PRIVATE)], Put(SHORTER)),
        (&[Put(SHORTER), Put(NEIGHBOUR)], Put(PRIVATE)),
        (&[Put(PRIVATE), Put(NEIGHBOUR)], Put(ELSEWHERE)),
        (&[Put(ELSEWHERE)], Put(PRIVATE)),
        (&[Put(OPEN), Put(NEIGHBOUR)], Put(PRIVATE)),
        (&[Put(PRIVATE)], Put(OPEN)),
        (&[Put(OPEN)], Switch("7", false)),
        (&[Put(ELSEWHERE)], Switch("other/one", false)),
        (&[Put(OPEN), Switch("7", false)], Switch("team/one", true)),
        (&[Put(OPEN), Put(NEIGHBOUR)], Remove("7")),
        (&[Put(ELSEWHERE)], Remove("other/one")),
    ];
    for (before, change) in cases {
        let start = after(&configuration, before);
        let was = allowed(&configuration, &start);
        let end: Map = Map::default();
        end.replace(start.borrow().clone());
        let plain = change.run(&configuration.kept(&Memory::new(&end))).unwrap();
        let will = allowed(&configuration, &end);
        at_every_step(|step, fault| {
            let map = Map::default();
            map.replace(start.borrow().clone());
            let memory = Memory::faulty(&map, Faults::at(step, fault));
            let ran = change.run(&configuration.kept(&memory));
            let at = format!("{before:?} {change:?} {fault:?} at step {step}");
            let is = allowed(&configuration, &map);
            let known = |right: &str| was.contains(right) || will.contains(right);
            for right in &is {
                // By the one name or the other, what each may do anyhow.
                let anyhow = ["7", "team/one", "other/one"].map(|name| {
                    let plain = right.replace(&format!(" {name} "), " plain ");
                    is.contains(&plain) && known(&plain)
                });
                let known = known(right) || anyhow.contains(&true);
                assert!(known, "{at}: {right} at the one moment alone");
            }
            if memory.faults.struck() {
                // What nobody could see yet was begun all the same.
                let broken = ran.unwrap_err();
                let untouched = *map.borrow() == *start.borrow();
                assert!(
                    untouched || broken.midway.as_ref() == Some(&plain.what),
                    "{at}"
                );
                let again = change.run(&configuration.kept(&Memory::new(&map))).unwrap();
                assert!(
                    matches!(again.what.as_str(), "") || again.what.starts_with("project 7"),
                    "{at}"
                );
            }
            assert_eq!(*map.borrow(), *end.borrow(), "{at}");
            memory.faults.struck()
        });
    }
}

#[test]
fn a_removal_that_was_stopped_is_finished_by_either_name_and_at_its_end_by_its_own() {
    use Change::{Put, Remove};
    let configuration = Configuration::new(OPEN_REST);
    let end = after(&configuration, &[Put(OPEN), Remove("7")]);
    for [first, then] in [["7", "team/one"], ["team/one", "7"]] {
        at_every_step(|step, fault| {
            let map = after(&configuration, &[Put(OPEN)]);
            let memory = Memory::faulty(&map, Faults::at(step, fault));
            let _ = configuration.kept(&memory).remove_project(first);
            let kept = Memory::new(&map);
            let kept = configuration.kept(&kept);
            kept.remove_project(then).unwrap();
            let at = format!("{first} {fault:?} at step {step}");
            if *map.borrow() != *end.borrow() {
                // All but the copy under the first name was gone, and that one it finds.
                assert_eq!(map.borrow().len(), end.borrow().len() + 1, "{at}");
                kept.remove_project(first).unwrap();
            }
            assert_eq!(*map.borrow(), *end.borrow(), "{at}");
            memory.faults.struck()
        });
    }
}

#[test]
fn of_a_project_that_is_just_being_changed_both_states_must_allow_what_is_asked() {
    let configuration = Configuration::new("[]");
    let [before, then] = [PRIVATE, OPEN].map(|project| {
        let map = after(&configuration, &[Change::Put(project)]);
        map.take()
    });
    let documents = |names: [&str; 2]| names.map(path_document);
    for (states, may) in [
        ([&before, &then], [false, false, true, true]),
        ([&then, &before], [false, false, true, true]),
        ([&before, &before], [false, false, true, true]),
        ([&then, &then], [true, false, true, true]),
    ] {
        // The copies under the names, and those under the prefixes.
        let map = Map::new(states[1].clone().into());
        for name in documents(["7", "team/one"]) {
            map.borrow_mut()
                .insert(name.clone(), states[0][&name].clone());
        }
        let is_allowed = allowed(&configuration, &map);
        for name in ["7", "team/one"] {
            let is_allowed = |who: &str, writes: bool| {
                is_allowed.contains(&format!("{who} {name} {} writes {writes}", MODULES[1]))
            };
            let found =
                ["nobody", "7"].map(|who| [false, true].map(|writes| is_allowed(who, writes)));
            assert_eq!(found.concat(), may, "{name}");
        }
    }
}

#[test]
fn another_change_after_one_that_was_stopped_leaves_nothing_of_either() {
    use Change::{Put, Remove};
    let configuration = Configuration::new(OPEN_REST);
    for (stopped, then) in [
        (Put(ELSEWHERE), Put(OPEN)),
        (Put(SHORTER), Put(ELSEWHERE)),
        (Put(ELSEWHERE), Remove("7")),
        (Put(SHORTER), Remove("team/one")),
    ] {
        let end = after(&configuration, &[Put(PRIVATE)]);
        let _ = then.run(&configuration.kept(&Memory::new(&end)));
        at_every_step(|step, fault| {
            let map = after(&configuration, &[Put(PRIVATE)]);
            let memory = Memory::faulty(&map, Faults::at(step, fault));
            let _ = stopped.run(&configuration.kept(&memory));
            let at = format!("{stopped:?}, {then:?}, {fault:?} at step {step}");
            if memory.faults.struck() {
                then.run(&configuration.kept(&Memory::new(&map))).unwrap();
                match then {
                    Remove(_) => assert!(map.borrow().keys().eq([GENERATION, NOBODYS]), "{at}"),
                    _ => assert_eq!(*map.borrow(), *end.borrow(), "{at}"),
                }
            }
            memory.faults.struck()
        });
    }
}

#[test]
fn a_fault_at_any_step_of_a_change_of_a_token_never_lets_two_secrets_in_and_the_same_again_ends_it()
{
    let configuration = Configuration::new("[]");
    let now = Timestamp::from_unix(1_700_000_000, 0).unwrap();
    let (one, two) = (token("ci", "one", ""), token("ci", "two", ""));
    let admin = token("ci", "one", r#","admin":true"#);
    let works = |map: &Map| -> Vec<Grant> {
        let memory = Memory::new(map);
        let kept = configuration.kept(&memory);
        let found = ["one", "two"].map(|secret| granted(&kept, secret.as_bytes(), now).unwrap());
        found.into_iter().flatten().collect()
    };
    type Step<'a> = Box<dyn Fn(&Kept) -> Result<Done, Broken> + 'a>;
    let put = |token: &'static str, of: &Token| -> Step<'_> {
        let _ = token;
        let of = of.clone();
        Box::new(move |kept: &Kept| kept.put_token(&of))
    };
    let revoke: Step = Box::new(|kept: &Kept| kept.revoke_token("ci"));
    for (before, change) in [
        (None, put("one", &one)),
        (Some(&one), put("two", &two)),
        (Some(&two), put("one", &one)),
        (Some(&one), put("admin", &admin)),
        (Some(&admin), put("one", &one)),
        (Some(&one), revoke),
    ] {
        let start = Map::default();
        if let Some(token) = before {
            configuration
                .kept(&Memory::new(&start))
                .put_token(token)
                .unwrap();
        }
        let end = Map::default();
        end.replace(start.borrow().clone());
        change(&configuration.kept(&Memory::new(&end))).unwrap();
        let (was, will) = (works(&start), works(&end));
        at_every_step(|step, fault| {
            let map = Map::default();
            map.replace(start.borrow().clone());
            let memory = Memory::faulty(&map, Faults::at(step, fault));
            let ran = change(&configuration.kept(&memory));
            let is = works(&map);
            let at = format!("{before:?} {fault:?} at step {step}: {is:?}");
            assert!(is.is_empty() || is == was || is == will, "{at}");
            if memory.faults.struck() {
                let untouched = *map.borrow() == *start.borrow();
                assert!(untouched || ran.unwrap_err().midway.is_some(), "{at}");
                change(&configuration.kept(&Memory::new(&map))).unwrap();
            }
            assert_eq!(*map.borrow(), *end.borrow(), "{at}");
            memory.faults.struck()
        });
    }
}

/// In which order documents that are asked for at once are read.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// In one step.
    AtOnce,
    /// One by one, from the first.
    Forwards,
    /// One by one, from the last.
    Backwards,
}

/// Documents that two share who take turns.
struct Shared<'a> {
    map: &'a Mutex<BTreeMap<String, Vec<u8>>>,
    turns: &'a Turns,
    seat: usize,
    order: Order,
    /// How many documents were read one by one.
    reads: Cell<usize>,
    along: Along,
}

impl<'a> Shared<'a> {
    fn new(map: &'a Mutex<BTreeMap<String, Vec<u8>>>, turns: &'a Turns, seat: usize) -> Self {
        Shared {
            map,
            turns,
            seat,
            order: Order::AtOnce,
            reads: Cell::new(0),
            along: Along::default(),
        }
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.reads.set(self.reads.get() + 1);
        self.step(Step::Read, |map| map.get(name).cloned())
    }

    fn step<T>(&self, step: Step, action: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> T {
        self.turns.take(self.seat, step);
        action(&mut self.map.lock().unwrap())
    }
}

impl Documents for Shared<'_> {
    fn get(&self, names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, store::Error> {
        Ok(match self.order {
            Order::AtOnce => self.step(Step::Read, |map| {
                names.iter().map(|name| map.get(*name).cloned()).collect()
            }),
            Order::Forwards => names.iter().map(|name| self.read(name)).collect(),
            Order::Backwards => {
                let mut values: Vec<_> = names.iter().rev().map(|name| self.read(name)).collect();
                values.reverse();
                values
            }
        })
    }
    fn bring_along(&self, name: &str, expected: Option<&[u8]>) -> bool {
        self.along.bring(name, expected)
    }
    fn brought(&self) -> Brought {
        self.along.brought(|name| Some(self.read(name)))
    }
    fn set(&self, name: &str, value: &[u8]) -> Result<(), store::Error> {
        self.step(Step::Write, |map| {
            map.insert(name.to_owned(), value.to_vec())
        });
        Ok(())
    }
    fn remove(&self, name: &str) -> Result<(), store::Error> {
        self.step(Step::Write, |map| map.remove(name));
        Ok(())
    }
    fn names(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, store::Error> {
        Ok(self.step(Step::Read, |map| {
            let map = Rc::new(RefCell::new(map.clone()));
            Memory::new(&map).names(prefix, after, most).unwrap()
        }))
    }
    fn wait(&self, _: Duration) {
        // One by one are read where one of the two only asks: for that one nobody waits.
        if self.order == Order::AtOnce {
            self.step(Step::Wait, |_| ());
        }
    }
    fn random(&self) -> u64 {
        7
    }
}

/// Runs two changes in every order of their steps, and gives how many orders there were and how often
/// somebody was told to look again.
fn in_turns(
    start: &[Change],
    changes: [&Change; 2],
    run: impl Fn(&Change, &Kept) -> Result<Done, Broken> + Sync,
) -> (usize, usize) {
    let kept_after = |changes: &[&Change]| {
        let configuration = Configuration::new("[]");
        let map = Map::default();
        for change in start.iter().chain(changes.iter().copied()) {
            let _ = run(change, &configuration.kept(&Memory::new(&map)));
        }
        map.take()
    };
    let [one, two] = changes;
    let before = kept_after(&[]);
    let serial = [kept_after(&[one, two]), kept_after(&[two, one])];
    let mut told = 0;
    let orders = in_every_order(3, |turns| {
        let map = Mutex::new(before.clone());
        let change = |seat: usize, change: &Change| {
            let map = &map;
            run(
                change,
                &Configuration::new("[]").kept(&Shared::new(map, turns, seat)),
            )
        };
        let (first, second) = both(turns, || change(0, one), || change(1, two));
        let end = map.into_inner().unwrap();
        if first.is_ok() && second.is_ok() {
            assert!(serial.contains(&end), "{changes:?}: {:?}", end.keys());
        } else {
            told += 1;
        }
        nothing_works_that_is_not_listed(&format!("{changes:?}"), end);
    });
    (orders, told)
}

/// Whoever looks at the list sees each secret that works, and who revokes the token ends it.
fn nothing_works_that_is_not_listed(at: &str, end: BTreeMap<String, Vec<u8>>) {
    let map: Map = Rc::new(RefCell::new(end));
    let working = || -> Vec<String> {
        let map = map.borrow();
        let hashes = map.keys().filter_map(|name| name.strip_prefix(HASHES));
        hashes.map(str::to_owned).collect()
    };
    let memory = Memory::new(&map);
    let configuration = Configuration::new("[]");
    let kept = configuration.kept(&memory);
    let listed = kept.list_tokens(None, &|| true).unwrap().entries;
    let listed: Vec<String> = listed.iter().map(|it| it.token.hash_text()).collect();
    for hash in working() {
        assert!(listed.contains(&hash), "{at}: {hash} works, of {listed:?}");
    }
    kept.revoke_token("ci").unwrap();
    assert_eq!(working(), [""; 0], "{at}");
}

#[test]
fn of_two_administrators_at_once_who_are_both_told_that_it_is_done_one_came_after_the_other() {
    use Change::{Put, Remove, Revoke, Token};
    const TAKES: &str = r#"{"id":9,"path":"team/nine","modules":["example.com/a"]}"#;
    for (start, one, two) in [
        (&[Put(PRIVATE)][..], Put(SHORTER), Put(ELSEWHERE)),
        (&[Put(PRIVATE)], Put(OPEN), Put(TAKES)),
        (&[Put(PRIVATE)], Put(SHORTER), Remove("7")),
        (&[Put(PRIVATE)], Put(PRIVATE), Remove("team/one")),
        (&[Token("one")], Token("two"), Token("three")),
        (&[Token("one")], Token("two"), Revoke),
        (&[], Token("two"), Token("three")),
        (&[], Token("two"), Revoke),
    ] {
        let (orders, told) = in_turns(start, [&one, &two], Change::run);
        assert!(orders > 10 && told > 0, "{one:?} {two:?}: {orders} {told}");
    }
}

#[test]
fn what_no_project_and_no_token_claims_is_taken_over() {
    let configuration = Configuration::new("[]");
    let map = after(&configuration, &[Change::Put(PRIVATE)]);
    let memory = Memory::new(&map);
    let kept = configuration.kept(&memory);
    kept.put_token(&token("a", "one", "")).unwrap();
    // As a change that another wrote over would leave it.
    map.borrow_mut().remove(&format!("{IDS}7"));
    map.borrow_mut().remove(&token_document("a"));
    let nine = r#"{"id":9,"path":"team/one","modules":["example.com/a/b"]}"#;
    assert_eq!(
        kept.put_project(&project(nine)).map(|done| done.outcome),
        Ok(Outcome::Created)
    );
    let b = token("b", "one", "");
    assert_eq!(
        kept.put_token(&b).map(|done| done.outcome),
        Ok(Outcome::Created)
    );
    // The copy under the name that the id is, is removed by it.
    for outcome in [Outcome::Removed, Outcome::Absent] {
        let done = kept.remove_project("7").map(|done| done.outcome);
        assert_eq!(done, Ok(outcome));
    }
    let expected = after(&configuration, &[]);
    let memory = Memory::new(&expected);
    let kept = configuration.kept(&memory);
    kept.put_project(&project(nine)).unwrap();
    kept.put_token(&b).unwrap();
    assert_eq!(*map.borrow(), *expected.borrow());
}

#[test]
fn what_a_change_does_is_told_once_before_its_first_write() {
    use Change::{Put, Remove, Revoke, Switch, Token};
    let configuration = Configuration::new("[]");
    let map = Map::default();
    for change in [
        Put(PRIVATE),
        Put(PRIVATE),
        Put(OPEN),
        Switch("7", false),
        Remove("7"),
        Remove("7"),
        Token("one"),
        Token("two"),
        Token("two"),
        Revoke,
        Revoke,
    ] {
        let before = map.borrow().clone();
        let told = RefCell::new(Vec::new());
        let begun = |what: &str| {
            assert_eq!(*map.borrow(), before, "{change:?}");
            told.borrow_mut().push(what.to_owned());
        };
        let memory = Memory::new(&map);
        let kept = Kept {
            begun: &begun,
            ..configuration.kept(&memory)
        };
        let done = change.run(&kept).unwrap();
        let expected: &[String] = match done.outcome {
            Outcome::Unchanged | Outcome::Absent => &[],
            _ => &[done.what],
        };
        assert_eq!(*told.borrow(), expected, "{change:?}");
    }
}

#[test]
fn a_prefix_of_a_project_that_the_configuration_hides_is_not_taken() {
    let map = after(&Configuration::new("[]"), &[Change::Put(PRIVATE)]);
    let before = map.borrow().clone();
    let hiding = Configuration::new(r#"[{"id":7,"path":"conf/x","modules":["x.y"]}]"#);
    let memory = Memory::new(&map);
    let kept = hiding.kept(&memory);
    let nine = project(r#"{"id":9,"path":"team/nine","modules":["example.com/a/b"]}"#);
    let refused = kept.put_project(&nine).map_err(|broken| broken.failure);
    let text = "the prefix example.com/a/b: it is of the project 7 (team/one)";
    assert_eq!(refused, Err(Failure::new(Kind::Conflict, text)));
    assert_eq!(*map.borrow(), before);
    kept.remove_project("7").unwrap();
    let done = kept.put_project(&nine).map(|done| done.outcome);
    assert_eq!(done, Ok(Outcome::Created));
}

#[test]
fn a_copy_that_was_left_behind_opens_nothing_of_a_later_project_of_the_same_id() {
    use Change::Put;
    let configuration = Configuration::new("[]");
    let left = after(&configuration, &[Put(OPEN)]);
    let later = r#"{"id":7,"path":"other/one","modules":["example.com/a/b"]}"#;
    let map = after(&configuration, &[Put(later)]);
    let right = allowed(&configuration, &map);
    let path = path_document("team/one");
    let copy = left.borrow()[&path].clone();
    map.borrow_mut().insert(path, copy);
    let more = allowed(&configuration, &map);
    // By another name, what each may do anyhow.
    let strangers: Vec<&String> = more
        .difference(&right)
        .filter(|right| !more.contains(&right.replace(" team/one ", " plain ")))
        .collect();
    assert_eq!(strangers, [""; 0]);
}

#[test]
fn a_large_project_is_kept_changed_and_removed_whole() {
    let configuration = Configuration::new("[]");
    let large = |letter: &str| {
        let tail = letter.repeat(240);
        let prefixes: Vec<String> = (0..100).map(|at| format!("\"a.b/{at}{tail}\"")).collect();
        format!(
            r#"{{"id":7,"path":"team/{letter}","modules":[{}]}}"#,
            prefixes.join(",")
        )
    };
    let map = Map::default();
    let memory = Memory::new(&map);
    let kept = configuration.kept(&memory);
    for (text, outcome) in [
        (large("x"), Outcome::Created),
        (large("y"), Outcome::Changed),
        (large("y"), Outcome::Unchanged),
    ] {
        // As in a store that was filled before there was one.
        map.borrow_mut()
            .insert(NOBODYS.to_owned(), b"another".to_vec());
        let done = kept.put_project(&project(&text));
        assert_eq!(done.map(|done| done.outcome), Ok(outcome));
        assert_eq!(map.borrow().len(), 103 + 2);
    }
    kept.remove_project("7").unwrap();
    let left: Vec<String> = map.borrow().keys().cloned().collect();
    assert_eq!(left, [GENERATION, NOBODYS]);
}

#[test]
fn the_beginnings_of_a_path_are_its_whole_elements_and_not_too_many() {
    let deep = format!("a.b{}", "/c".repeat(40));
    assert_eq!(beginnings("a.b/c/d", None), ["a.b/c/d", "a.b/c", "a.b"]);
    assert_eq!(beginnings("a.b/c/d", Some(3)), ["a.b/c/d", "a.b/c"]);
    assert_eq!(beginnings("a.b/c/d", Some(7)), [""; 0]);
    let found = beginnings(&deep, None);
    assert_eq!((found.len(), found.last()), (DEEPEST, Some(&"a.b")));
}

#[test]
fn a_list_comes_in_pages_each_of_which_gets_further() {
    let configuration = Configuration::new("[]");
    let map = Map::default();
    let memory = Memory::new(&map);
    let kept = configuration.kept(&memory);
    let count = 2 * MOST_LISTED + 1;
    for id in 1..=count {
        let text = format!(r#"{{"id":{id},"path":"a/p{id}","modules":["a.b/{id}"]}}"#);
        let value = ProjectRecord::new(project(&text)).to_value();
        map.borrow_mut().insert(format!("{IDS}{id}"), value);
    }
    for (patient, most) in [(true, MOST_LISTED), (false, AT_ONCE)] {
        let mut cursor: Option<String> = None;
        let mut ids = BTreeSet::new();
        loop {
            let page = kept.list_projects(cursor.as_deref(), &|| patient).unwrap();
            assert!(page.entries.len() <= most, "{}", page.entries.len());
            ids.extend(page.entries.into_iter().map(|it| it.project.id));
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(ids.len(), count);
    }
    // What goes while the list is read is left out.
    let first = kept.list_projects(None, &|| true).unwrap();
    let last = first.cursor.unwrap();
    kept.remove_project(&last).unwrap();
    let rest = kept.list_projects(Some(&last), &|| true).unwrap();
    assert_eq!(rest.entries.len(), MOST_LISTED);
}
