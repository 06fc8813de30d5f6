//! What every back end has to stand: a fault at any step of a write, and two writers that take turns in
//! every order. A back end's tests say on what ground its stores stand, and what may lie there.

use std::rc::Rc;

use super::contract::{bytes, listed, module_zip, publish, published, release, version};
use super::testing::{Fault, Faults, Turns, at_every_step, both, in_every_order};
use super::{Error, File, Outcome, Repaired, Store};
use crate::module::ModuleVersion;

pub const NOW: i64 = 1_700_000_000;
pub const DAY: i64 = 24 * 60 * 60;
pub const PATH: &str = "example.com/m";

/// What stores stand on, which outlives each of them: a map, a folder, a bucket.
pub trait Ground {
    type Store: Store;

    /// A store on it, at this time, with these faults, that takes its steps in this seat's turns.
    fn open(
        &self,
        now: i64,
        faults: &Rc<Faults>,
        turns: Option<(&'static Turns, usize)>,
    ) -> Self::Store;

    /// Panics where there is more than these large files, and what belongs to them.
    fn holds_only(&self, files: &[&[u8]], at: &str);
}

/// A store that nothing befalls.
pub fn sound<G: Ground>(ground: &G) -> G::Store {
    faulty(ground, NOW, &Rc::new(Faults::none()))
}

/// A store with faults.
pub fn faulty<G: Ground>(ground: &G, now: i64, faults: &Rc<Faults>) -> G::Store {
    ground.open(now, faults, None)
}

/// A store for one of two writers.
pub fn writer<G: Ground>(ground: &G, turns: &Turns, seat: usize) -> G::Store {
    // Both threads end before the turns do. (The store keeps them in a trait object that may not borrow.)
    let turns: &'static Turns = unsafe { std::mem::transmute(turns) };
    ground.open(NOW, &Rc::new(Faults::none()), Some((turns, seat)))
}

/// All pages of a repair.
pub fn every_page(store: &dyn Store) -> Repaired {
    let mut whole = Repaired::default();
    let mut cursor = None;
    loop {
        let page = store.repair(cursor.as_deref(), &|| false).unwrap();
        whole.modules += page.modules;
        whole.versions += page.versions;
        whole.indexed += page.indexed;
        whole.removed += page.removed;
        whole.problems.extend(page.problems);
        cursor = page.cursor;
        if cursor.is_none() {
            return whole;
        }
    }
}

/// What a repair finds after this many seconds.
pub fn repaired<G: Ground>(ground: &G, after: i64) -> Repaired {
    every_page(&faulty(ground, NOW + after, &Rc::new(Faults::none())))
}

/// Repairs two days later, and looks at what lies there then.
fn repaired_to<G: Ground>(ground: &G, files: &[&[u8]], at: &str) {
    let report = repaired(ground, 2 * DAY);
    assert_eq!(report.problems, [""; 0], "{at}");
    ground.holds_only(files, at);
}

/// Each file is as published or not there.
pub fn whole_or_absent(store: &dyn Store, version: &ModuleVersion, zip: &[u8], at: &str) {
    let expected = release(version, zip);
    for (file, whole) in [
        (File::Info, expected.info.to_json()),
        (File::Mod, expected.go_mod),
        (File::Zip, zip.to_vec()),
    ] {
        match bytes(store, version, file) {
            Ok(found) => assert!(found == whole, "{file:?} of {version} is another: {at}"),
            Err(error) => assert_eq!(error, Error::NotFound, "{file:?} of {version}: {at}"),
        }
    }
}

fn is_there(store: &dyn Store, version: &ModuleVersion, zip: &[u8]) -> bool {
    bytes(store, version, File::Zip).is_ok_and(|found| found == zip)
}

/// A version is published whole or not at all, its neighbour stays, and publishing can be tried again.
pub fn publishing<G: Ground>(fresh: impl Fn() -> G, text: &[u8]) {
    let (first, second) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    let zip = module_zip(&second, text);
    let release = release(&second, &zip);
    at_every_step(|step, fault| {
        let ground = fresh();
        let before = published(&sound(&ground), &first, b"first");
        let faults = Rc::new(Faults::at(step, fault));
        let outcome = publish(&faulty(&ground, NOW, &faults), &release, &zip);

        let store = sound(&ground);
        let at = format!("{fault:?} at step {step}");
        assert!(is_there(&store, &first, &before), "{at}");
        whole_or_absent(&store, &second, &zip, &at);
        let list = listed(&store, PATH).unwrap();
        let complete = [File::Info, File::Mod, File::Zip]
            .iter()
            .all(|file| bytes(&store, &second, *file).is_ok());
        assert!(complete || outcome.is_err(), "{at}");
        assert!(complete || list == "v1.0.0\n", "{list:?} {at}");
        if fault == Fault::Fails && !complete {
            repaired_to(&ground, &[&before], &at);
        }
        let again = publish(&store, &release, &zip);
        assert!(again.is_ok(), "{at}: {again:?}");
        assert!(is_there(&store, &second, &zip), "{at}");
        // Where it is not yet known that the index is right, a read looks when its answer is out.
        let object = store.read(&second, File::Info).unwrap();
        object.afterwards.into_iter().for_each(|work| work());
        let info = bytes(&store, &second, File::Info);
        assert_eq!(info, Ok(release.info.to_json()), "{at}");
        let list = listed(&store, PATH);
        assert_eq!(list.as_deref(), Some("v1.0.0\nv1.1.0\n"), "{at}");
        repaired_to(&ground, &[&before, &zip], &at);
        assert!(is_there(&store, &second, &zip), "{at}");
        faults.struck()
    });
}

/// A version is withdrawn or stands whole, and withdrawing can be tried again.
pub fn withdrawing<G: Ground>(fresh: impl Fn() -> G) {
    let gone = version(PATH, "v1.0.0");
    at_every_step(|step, fault| {
        let ground = fresh();
        let zip = published(&sound(&ground), &gone, b"text");
        let faults = Rc::new(Faults::at(step, fault));
        let _ = faulty(&ground, NOW, &faults).withdraw(&gone);
        let store = sound(&ground);
        let at = format!("{fault:?} at step {step}");
        match bytes(&store, &gone, File::Zip) {
            Ok(whole) => assert_eq!(whole, zip, "{at}"),
            Err(error) => assert_eq!(error, Error::Withdrawn, "{at}"),
        }
        assert!(store.withdraw(&gone).is_ok(), "{at}");
        repaired_to(&ground, &[], &at);
        for file in [File::Info, File::Zip] {
            assert_eq!(bytes(&store, &gone, file), Err(Error::Withdrawn), "{at}");
        }
        assert!(bytes(&store, &gone, File::Mod).is_ok(), "{at}");
        assert_eq!(listed(&store, PATH).as_deref(), Some(""), "{at}");
        faults.struck()
    });
}

/// A go.mod alone is there whole or not at all, is not listed, and can be tried again.
pub fn go_mod_alone<G: Ground>(fresh: impl Fn() -> G) {
    let alone = version(PATH, "v1.0.0");
    // Larger than the chunks of the tests.
    let go_mod = format!("module {PATH}\n{}", "// text\n".repeat(400)).into_bytes();
    at_every_step(|step, fault| {
        let ground = fresh();
        let faults = Rc::new(Faults::at(step, fault));
        let _ = faulty(&ground, NOW, &faults).put_mod(&alone, &go_mod);
        let store = sound(&ground);
        let at = format!("{fault:?} at step {step}");
        match bytes(&store, &alone, File::Mod) {
            Ok(whole) => assert!(whole == go_mod, "{at}"),
            Err(error) => assert_eq!(error, Error::NotFound, "{at}"),
        }
        assert!(store.put_mod(&alone, &go_mod).is_ok(), "{at}");
        repaired_to(&ground, &[&go_mod], &at);
        let found = bytes(&store, &alone, File::Mod);
        assert!(found.as_ref() == Ok(&go_mod), "{at}");
        let list = listed(&store, PATH);
        assert!(list.is_none_or(|list| list.is_empty()), "{at}");
        faults.struck()
    });
}

/// Of two publishers of other content one is told so, its bytes stand, and nothing of the other stays.
/// Gives the number of orders, as all that follow.
pub fn publishers_of_other_content<G: Ground + Sync>(
    switches: usize,
    fresh: impl Fn() -> G,
) -> usize {
    publishers_of(switches, [b"one", b"two"], fresh)
}

/// The same with these bytes in a file of each.
pub fn publishers_of<G: Ground + Sync>(
    switches: usize,
    texts: [&[u8]; 2],
    fresh: impl Fn() -> G,
) -> usize {
    let version = version(PATH, "v1.0.0");
    let zips = texts.map(|text| module_zip(&version, text));
    in_every_order(switches, |turns| {
        let ground = fresh();
        let act = |seat: usize| {
            let (ground, version, zip) = (&ground, &version, &zips[seat]);
            move || publish(&writer(ground, turns, seat), &release(version, zip), zip)
        };
        let (one, two) = both(turns, act(0), act(1));
        assert!(one.is_ok() != two.is_ok(), "{one:?} and {two:?}");
        let (won, lost) = if one.is_ok() { (0, two) } else { (1, one) };
        assert!(matches!(lost, Err(Error::Conflict(_))), "{lost:?}");
        let store = sound(&ground);
        whole_or_absent(&store, &version, &zips[won], "after both");
        assert!(is_there(&store, &version, &zips[won]));
        assert_eq!(listed(&store, PATH).as_deref(), Some("v1.0.0\n"));
        repaired_to(&ground, &[&zips[won]], "after both");
    })
}

/// Two publishers of the same content both succeed.
pub fn publishers_of_the_same_content<G: Ground + Sync>(
    switches: usize,
    fresh: impl Fn() -> G,
) -> usize {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"one");
    in_every_order(switches, |turns| {
        let ground = fresh();
        let act = |seat: usize| {
            let (ground, version, zip) = (&ground, &version, &zip);
            move || publish(&writer(ground, turns, seat), &release(version, zip), zip)
        };
        let (one, two) = both(turns, act(0), act(1));
        assert!(one.is_ok() && two.is_ok(), "{one:?} and {two:?}");
        let store = sound(&ground);
        assert!(is_there(&store, &version, &zip));
        assert_eq!(listed(&store, PATH).as_deref(), Some("v1.0.0\n"));
        repaired_to(&ground, &[&zip], "after both");
    })
}

/// Two versions that are published at once are both listed.
pub fn publishers_of_two_versions<G: Ground + Sync>(
    switches: usize,
    fresh: impl Fn() -> G,
) -> usize {
    let versions = [version(PATH, "v1.0.0"), version(PATH, "v1.1.0")];
    in_every_order(switches, |turns| {
        let ground = fresh();
        let act = |seat: usize| {
            let (ground, version) = (&ground, &versions[seat]);
            move || {
                let zip = module_zip(version, b"text");
                publish(&writer(ground, turns, seat), &release(version, &zip), &zip)
            }
        };
        let (one, two) = both(turns, act(0), act(1));
        assert_eq!((one, two), (Ok(Outcome::Created), Ok(Outcome::Created)));
        let list = listed(&sound(&ground), PATH);
        assert_eq!(list.as_deref(), Some("v1.0.0\nv1.1.0\n"));
    })
}

/// A go.mod and a zip that disagree never stand together.
pub fn go_mod_against_zip<G: Ground + Sync>(switches: usize, fresh: impl Fn() -> G) -> usize {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"text");
    let other = b"module example.com/m\n\ngo 1.17\n";
    in_every_order(switches, |turns| {
        let ground = fresh();
        let publisher = || publish(&writer(&ground, turns, 0), &release(&version, &zip), &zip);
        let mod_writer = || writer(&ground, turns, 1).put_mod(&version, other);
        let (zip_outcome, mod_outcome) = both(turns, publisher, mod_writer);
        let store = sound(&ground);
        let of = |file| bytes(&store, &version, file);
        match (zip_outcome, mod_outcome) {
            (Ok(_), Err(Error::Conflict(_))) => {
                assert_eq!(of(File::Mod), Ok(release(&version, &zip).go_mod));
                assert!(is_there(&store, &version, &zip));
            }
            (Err(Error::Conflict(_)), Ok(_)) => {
                assert_eq!(of(File::Mod), Ok(other.to_vec()));
                assert_eq!(of(File::Zip), Err(Error::NotFound));
                assert_eq!(of(File::Info), Err(Error::NotFound));
            }
            // Where each file is an object of its own: the go.mod came while the zip stood without its
            // own and saw that they disagree; the zip's writer saw it come. Then there is no zip.
            (Err(Error::Conflict(_)), Err(Error::Conflict(_))) => {
                assert_eq!(of(File::Zip), Err(Error::NotFound));
            }
            both => panic!("{both:?}"),
        }
    })
}

/// What is withdrawn stays so, whoever publishes it meanwhile.
pub fn withdrawal_against_publisher<G: Ground + Sync>(
    switches: usize,
    fresh: impl Fn() -> G,
) -> usize {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"text");
    in_every_order(switches, |turns| {
        let ground = fresh();
        published(&sound(&ground), &version, b"text");
        let withdraw = || writer(&ground, turns, 0).withdraw(&version).map(|_| ());
        let publisher = || {
            let outcome = publish(&writer(&ground, turns, 1), &release(&version, &zip), &zip);
            outcome.map(|_| ())
        };
        let (withdrawn, _) = both(turns, withdraw, publisher);
        assert_eq!(withdrawn, Ok(()));
        let store = sound(&ground);
        assert_eq!(listed(&store, PATH).as_deref(), Some(""));
        for file in [File::Info, File::Zip] {
            assert_eq!(bytes(&store, &version, file), Err(Error::Withdrawn));
        }
    })
}
