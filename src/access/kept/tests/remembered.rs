//! What an instance remembers of those it let in: what it spares, and that no change goes unnoticed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::super::names::{GENERATION, hash_document};
use super::*;
use crate::store::testing::Fault;

/// Documents whose next generation is another than any before.
fn documents(map: &Map, faults: Faults) -> Memory {
    thread_local!(static NEXT: Cell<u64> = const { Cell::new(100) });
    NEXT.set(NEXT.get() + 1);
    Memory {
        number: NEXT.get(),
        ..Memory::faulty(map, faults)
    }
}

/// An instance, which remembers, over documents that others have too.
struct Instance<'a> {
    configuration: Configuration,
    map: &'a Map,
    /// Whether what a request reads of a module can bring a document along.
    brings: bool,
    asked: RefCell<Vec<Vec<String>>>,
    now: Cell<Instant>,
}

const MODULE: &str = "example.com/a/b/m";
/// Modules below the same prefix.
const OTHERS: [&str; 5] = [
    "example.com/a/b/o/1",
    "example.com/a/b/o/2",
    "example.com/a/b/o/3",
    "example.com/a/b/o/4",
    "example.com/a/b/o/5",
];

/// Someone who asks for a module.
#[derive(Clone, Copy)]
struct Asks {
    named: Option<&'static str>,
    module: &'static str,
    secret: Option<&'static str>,
    /// Whether that is the secret of a token of the settings.
    configured: bool,
    reads: bool,
}

const ANYBODY: Asks = Asks {
    named: None,
    module: MODULE,
    secret: None,
    configured: false,
    reads: true,
};
const CI: Asks = Asks {
    secret: Some("one"),
    ..ANYBODY
};
const CI_BY_ID: Asks = Asks {
    named: Some("7"),
    ..CI
};

impl Asks {
    /// The same, or of the other module with this number.
    fn about(self, number: usize, each_another: bool) -> Self {
        match each_another {
            true => Asks {
                module: OTHERS[number],
                ..self
            },
            false => self,
        }
    }
}

/// Whether a read of a module can bring documents along, and whether each time another module is asked for.
fn in_both_ways() -> [(bool, bool); 4] {
    [(false, false), (false, true), (true, false), (true, true)]
}

impl<'a> Instance<'a> {
    fn new(map: &'a Map) -> Self {
        Instance {
            configuration: Configuration::new("[]"),
            map,
            brings: false,
            asked: RefCell::default(),
            now: Cell::new(Instant::now()),
        }
    }

    /// One over a store that reads several values by one call, or over one that does not.
    fn of(map: &'a Map, brings: bool) -> Self {
        Instance {
            brings,
            ..Instance::new(map)
        }
    }

    fn run<R>(&self, act: impl FnOnce(Kept) -> R) -> R {
        let documents = Memory {
            along: Along::new(self.brings),
            ..documents(self.map, Faults::none())
        };
        let done = act(self.configuration.kept(&documents));
        self.asked.replace(documents.asked.into_inner());
        done
    }

    /// Whether they are let in, and the names of the documents that were asked for.
    fn lets_in(&self, who: Asks) -> (bool, Vec<Vec<String>>) {
        let lets_in = self.run(|kept| lets_in(kept, who, self.now.get()).unwrap());
        (lets_in, self.asked.take())
    }

    fn change(&self, change: &Change) {
        self.run(|kept| change.run(&kept)).unwrap();
    }
}

fn lets_in(kept: Kept, who: Asks, now: Instant) -> Result<bool, Failure> {
    let asked = Asked {
        named: who.named,
        module: Some(who.module),
        reach: None,
    };
    loop {
        let look = Look::new(kept, asked, who.reads, now);
        let is_let_in = is_let_in(&look, who)?;
        if look.stands()? {
            return Ok(is_let_in);
        }
    }
}

fn is_let_in(look: &Look, who: Asks) -> Result<bool, Failure> {
    let grant = match who.secret {
        Some(secret) if who.configured => {
            let token = token("settings'", secret, "");
            Some(Rc::clone(&token.grant))
        }
        Some(secret) => {
            let hash = Sha256::digest(secret).into();
            let grant = look.grant(&hash, &|| Timestamp::ZERO)?;
            if grant.is_none() {
                look.even_out();
                return Ok(false);
            }
            grant
        }
        None => None,
    };
    let caller = Caller::with(grant.as_deref());
    let found = look.projects(&caller)?;
    let place = Place {
        named: who.named.map(|name| (name, found.named.as_deref())),
        module: Some(who.module),
        owner: found.owner.as_deref(),
    };
    let may = caller.may(&place, !who.reads);
    match may {
        Ok(()) => look.remember(),
        Err(_) => look.even_out(),
    }
    Ok(may.is_ok())
}

fn prefixes_of(module: &str) -> Vec<String> {
    let prefixes = [module, "example.com/a/b", "example.com/a", "example.com"];
    prefixes.map(prefix_document).to_vec()
}

fn prefixes() -> Vec<String> {
    prefixes_of(MODULE)
}

fn by_secret_of(module: &str) -> Vec<String> {
    let hash = hex::encode(&Sha256::digest("one"));
    [prefixes_of(module), vec![hash_document(&hash)]].concat()
}

fn by_secret() -> Vec<String> {
    by_secret_of(MODULE)
}

fn and_generation(mut names: Vec<String>) -> Vec<String> {
    names.push(GENERATION.to_owned());
    names
}

fn generation_alone() -> Vec<String> {
    vec![GENERATION.to_owned()]
}

#[test]
fn where_the_configuration_says_all_nothing_is_read_however_often_it_is_asked() {
    let map = Map::default();
    let instance = Instance::of(&map, true);
    let asked = Asked {
        named: None,
        module: Some(MODULE),
        reach: Some(MODULE.len()),
    };
    for _ in 0..4 {
        instance.run(|kept| {
            let look = Look::new(kept, asked, true, instance.now.get());
            let found = look.projects(&Caller::with(None)).unwrap();
            assert!(found.owner.is_none());
            look.remember();
            assert!(look.stands().unwrap());
        });
        assert_eq!(instance.asked.take(), [[""; 0]; 0]);
    }
}

#[test]
fn from_the_fourth_time_on_one_short_read_or_none_lets_in_who_was_let_in() {
    let map = after(
        &Configuration::new("[]"),
        &[Change::Put(OPEN), Change::Token("one")],
    );
    for (who, names, brings) in [
        (ANYBODY, prefixes(), false),
        (ANYBODY, prefixes(), true),
        (CI, by_secret(), false),
        (CI, by_secret(), true),
    ] {
        let instance = Instance::of(&map, brings);
        let spared = match brings {
            true => Vec::new(),
            false => vec![generation_alone()],
        };
        let expected = [
            vec![names.clone()],
            // It is asked for again. Seen, and by the next one known to have stood before the rest was read.
            vec![and_generation(names.clone())],
            vec![and_generation(names.clone())],
            spared.clone(),
        ];
        for names in expected {
            assert_eq!(instance.lets_in(who), (true, names));
        }
        // What is kept may be changed by other hands.
        instance
            .now
            .set(instance.now.get() + Duration::from_secs(10));
        let expected = vec![and_generation(names.clone())];
        assert_eq!(instance.lets_in(who), (true, expected));
        assert_eq!(instance.lets_in(who), (true, spared.clone()));
        // A change costs as many calls as it takes to see it, and what came along is none.
        Instance::new(&map).change(&Change::Put(NEIGHBOUR));
        let expected = match brings {
            true => vec![and_generation(names)],
            false => vec![generation_alone(), and_generation(names)],
        };
        assert_eq!(instance.lets_in(who), (true, expected));
    }
}

#[test]
fn who_writes_and_who_is_refused_is_looked_up_each_time() {
    let map = after(
        &Configuration::new("[]"),
        &[Change::Put(PRIVATE), Change::Token("one")],
    );
    let instance = Instance::new(&map);
    let writes = Asks { reads: false, ..CI };
    let by_id = Asks {
        named: Some("7"),
        ..ANYBODY
    };
    let unknown = Asks {
        secret: Some("two"),
        ..CI
    };
    let configured = Asks {
        secret: Some("three"),
        configured: true,
        ..CI
    };
    let other = Asks {
        module: "example.com/a/b/other",
        ..CI
    };
    for _ in 0..4 {
        assert!(instance.lets_in(CI).0);
        assert!(instance.lets_in(CI_BY_ID).0);
    }
    for (who, may, calls) in [
        (writes, true, 1),
        (configured, true, 1),
        (ANYBODY, false, 1),
        // And once more, so that it tells nothing.
        (by_id, false, 2),
        (unknown, false, 1),
    ] {
        for _ in 0..4 {
            let (is_let_in, asked) = instance.lets_in(who);
            assert_eq!((is_let_in, asked.len()), (may, calls));
            assert!(
                !asked.concat().contains(&GENERATION.to_owned()),
                "{asked:?}"
            );
        }
    }
    assert_eq!(instance.lets_in(CI), (true, vec![generation_alone()]));
    // Of another module of the project it is known then that no other has it, and at last that too.
    let beyond = [
        prefix_document("example.com/a/b/other"),
        GENERATION.to_owned(),
    ];
    for names in [beyond.to_vec(), beyond.to_vec(), generation_alone()] {
        assert_eq!(instance.lets_in(other), (true, vec![names]));
    }
}

#[test]
fn a_token_that_was_let_in_to_one_module_is_let_in_to_the_others_of_its_project_and_to_no_more() {
    let start = [
        Change::Put(OPEN),
        Change::Put(NEIGHBOUR),
        Change::Token("one"),
    ];
    let map = after(&Configuration::new("[]"), &start);
    for brings in [false, true] {
        let instance = Instance::of(&map, brings);
        let asks = |who: Asks, module| instance.lets_in(Asks { module, ..who });
        for module in &OTHERS[..3] {
            assert!(asks(CI, module).0 && asks(ANYBODY, module).0);
        }
        for module in &OTHERS[3..] {
            let longer = [module, "example.com/a/b/o"].map(prefix_document);
            let read = and_generation(longer.to_vec());
            assert_eq!(asks(CI, module), (true, vec![read]));
            // Who has none is not to cost a second call, where that is not enough.
            let (may, asked) = asks(ANYBODY, module);
            assert_eq!((may, asked.len()), (true, 1));
            assert!(asked.concat().contains(&prefix_document("example.com")));
        }
        // What another has is seen to be its own, by whoever may have it and who may not.
        let of_another = "example.com/a/b/c/m";
        for at in 0..5 {
            let (may, asked) = asks(CI, of_another);
            let most = if at == 0 { 2 } else { 1 };
            assert!(may && asked.len() <= most, "{asked:?}");
            assert!(!asks(ANYBODY, of_another).0);
        }
        // Nothing of this is known of another token, nor by another name of a project.
        for other in [
            Asks {
                secret: Some("two"),
                ..CI
            },
            CI_BY_ID,
            Asks {
                named: Some("8"),
                ..CI
            },
        ] {
            let (_, asked) = asks(other, "example.com/a/b/x");
            assert!(asked.concat().contains(&prefix_document("example.com/a/b")));
        }
    }
}

#[test]
fn that_nobody_owns_a_module_is_remembered_too_and_not_of_those_that_are_owned() {
    let map = after(
        &Configuration::new("[]"),
        &[Change::Put(NEIGHBOUR), Change::Token("one")],
    );
    for brings in [false, true] {
        let instance = Instance::of(&map, brings);
        let finds = |module| {
            instance.run(|kept| {
                let asked = Asked {
                    module: Some(module),
                    ..Asked::default()
                };
                let look = Look::new(kept, asked, true, instance.now.get());
                let hash = Sha256::digest("one").into();
                let grant = look.grant(&hash, &|| Timestamp::ZERO).unwrap();
                let found = look.projects(&Caller::with(grant.as_deref())).unwrap();
                look.remember();
                assert_eq!(look.stands(), Ok(true));
                found.owner.map(|owner| owner.id.clone())
            })
        };
        for module in ["example.com/x/1", "example.com/x/2", "example.com/x/3"] {
            assert_eq!(finds(module), None);
        }
        assert_eq!(finds("example.com/x/4"), None);
        let read = instance.asked.take();
        assert!(
            !read.concat().contains(&prefix_document("example.com")),
            "{read:?}"
        );
        let owned = finds("example.com/a/b/c/m");
        assert_eq!(owned.as_deref(), Some("8"));
    }
}

#[test]
fn what_repair_ends_is_heeded_by_the_next_request_even_where_it_was_stopped_at_its_end() {
    let whole = after(
        &Configuration::new("[]"),
        &[Change::Put(PRIVATE), Change::Token("one")],
    );
    for brings in [false, true] {
        at_every_step(|step, fault| {
            let map: Map = Rc::new(RefCell::new(whole.borrow().clone()));
            map.borrow_mut().remove(&token_document("ci"));
            let warm = Instance::of(&map, brings);
            for _ in 0..4 {
                assert!(warm.lets_in(CI).0);
            }
            let documents = documents(&map, Faults::at(step, fault));
            let configuration = Configuration::new("[]");
            let kept = configuration.kept(&documents);
            let repair = |kept: Kept| kept.repair(None, &|| true, &mut Mended::default());
            let struck = repair(kept).is_err();
            if struck {
                Instance::new(&map).run(repair).unwrap();
            }
            assert!(!warm.lets_in(CI).0, "{fault:?} at step {step}");
            struck
        });
    }
}

#[test]
fn a_change_by_another_instance_is_heeded_by_the_next_request() {
    use Change::{Put, Remove, Revoke, Switch, Token};
    for who in [ANYBODY, CI, CI_BY_ID] {
        let anybody = who.secret.is_none();
        for (change, is_let_in_then) in [
            (Put(PRIVATE), !anybody),
            (Put(SHORTER), !anybody),
            (Put(NEIGHBOUR), true),
            (Switch("7", false), false),
            (Remove("7"), false),
            (Revoke, anybody),
            (Token("two"), anybody),
        ] {
            for (brings, each_another) in in_both_ways() {
                let map = after(&Configuration::new("[]"), &[Put(OPEN), Token("one")]);
                let instance = Instance::of(&map, brings);
                for at in 0..4 {
                    let who = who.about(at, each_another);
                    assert!(instance.lets_in(who).0, "{change:?}");
                }
                Instance::new(&map).change(&change);
                for at in (1..5).rev() {
                    let who = who.about(at, each_another);
                    assert_eq!(instance.lets_in(who).0, is_let_in_then, "{change:?}");
                }
            }
        }
    }
}

#[test]
fn a_change_that_fails_is_heeded_too_and_the_same_again_ends_it() {
    let start = after(
        &Configuration::new("[]"),
        &[Change::Put(OPEN), Change::Token("one")],
    );
    for change in [
        Change::Put(PRIVATE),
        Change::Switch("7", false),
        Change::Revoke,
    ] {
        for brings in [false, true] {
            at_every_step(|step, fault| {
                let map: Map = Rc::new(RefCell::new(start.borrow().clone()));
                let warm = Instance::of(&map, brings);
                for _ in 0..4 {
                    assert!(warm.lets_in(ANYBODY).0 && warm.lets_in(CI).0);
                }
                let other = Instance::new(&map);
                let documents = documents(&map, Faults::at(step, fault));
                let ran = change.run(&other.configuration.kept(&documents));
                let at = format!("{change:?} {fault:?} at step {step}");
                let struck = documents.faults.struck();
                assert_eq!(ran.is_err(), struck, "{at}");
                let heeds = || {
                    for who in [ANYBODY, CI] {
                        let fresh = Instance::new(&map).lets_in(who).0;
                        assert_eq!(warm.lets_in(who).0, fresh, "{at}");
                    }
                };
                let unnoticed = "go unnoticed for ten seconds: run it again";
                let unsaid = match ran {
                    Err(broken) if broken.failure.text.contains(unnoticed) => true,
                    Err(_) => matches!(fault, Fault::Killed | Fault::KilledDone),
                    Ok(_) => false,
                };
                if unsaid {
                    warm.now.set(warm.now.get() + Duration::from_secs(10));
                }
                heeds();
                if struck {
                    other.change(&change);
                }
                heeds();
                struck
            });
        }
    }
}

#[test]
fn in_whatever_order_a_change_and_requests_come_nobody_is_let_in_by_what_was_before_it() {
    for (who, change) in [
        (ANYBODY, Change::Switch("7", false)),
        (ANYBODY, Change::Put(PRIVATE)),
        (ANYBODY, Change::Put(ANOTHERS)),
        (CI, Change::Revoke),
    ] {
        for order in [Order::Forwards, Order::Backwards] {
            for way in in_both_ways() {
                changed_while_asked(who, &change, order, way);
            }
        }
    }
}

/// What was the other project's before.
const ANOTHERS: &str =
    r#"{"id":8,"path":"other/eight","modules":["example.com/a/b/m","example.com/a/b/o"]}"#;

fn changed_while_asked(who: Asks, change: &Change, order: Order, way: (bool, bool)) {
    let (brings, each_another) = way;
    let start = [Change::Put(OPEN), Change::Token("one")];
    let mut before = after(&Configuration::new("[]"), &start).take();
    // Another than the change will write.
    before.insert(GENERATION.to_owned(), b"before".to_vec());
    let (refused, spared) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let orders = in_every_order(2, |turns| {
        let map = Mutex::new(before.clone());
        let is_done = AtomicBool::new(false);
        let slow = |seat| Shared {
            order,
            along: Along::new(brings),
            ..Shared::new(&map, turns, seat)
        };
        let requests = || {
            let configuration = Configuration::new("[]");
            for at in 0..5 {
                let who = who.about(at, each_another);
                let was_done = is_done.load(Ordering::SeqCst);
                let documents = slow(0);
                let kept = configuration.kept(&documents);
                let is_let_in = lets_in(kept, who, Instant::now()).unwrap();
                assert!(!was_done || !is_let_in, "let in by what was before");
                refused.fetch_add(usize::from(!is_let_in), Ordering::SeqCst);
                let is_spared = documents.reads.get() == if each_another { 3 } else { 1 };
                let is_spared = is_spared || each_another && who.secret.is_none();
                spared.fetch_add(usize::from(is_spared), Ordering::SeqCst);
            }
        };
        let changes = || {
            let configuration = Configuration::new("[]");
            change.run(&configuration.kept(&slow(1))).unwrap();
            is_done.store(true, Ordering::SeqCst);
        };
        both(turns, requests, changes);
    });
    let (refused, spared) = (refused.into_inner(), spared.into_inner());
    let all_came = orders > 100 && refused > 0 && spared > 0;
    assert!(all_came, "{change:?}: {orders} {refused} {spared}");
}
