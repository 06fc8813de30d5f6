//! Records and indexes in one map, zips as objects in another: the contract, a fault at every step of
//! both stores, two writers in every order, and what each store alone may have lost.

use std::io::{self, SeekFrom, Write};
use std::ops::Range;

use super::super::{Blobs, Names, NewBlob};
use super::*;
use crate::http::Body;
use crate::store::testing::at_every_step;
use crate::store::{Content, Object, Repaired};

/// What the two writers share: values and objects.
#[derive(Clone, Default)]
struct Maps {
    values: Map,
    objects: Map,
}

/// The objects. Steps and faults are those of the key-value port beside it.
struct Objects(Rc<Port<'static>>);

impl Blobs for Objects {
    fn create(&self, name: &str) -> Result<Box<dyn NewBlob>, Error> {
        Ok(Box::new(Writing {
            port: Rc::clone(&self.0),
            name: name.to_owned(),
            bytes: Vec::new(),
        }))
    }

    fn open(&self, name: &str, _: u64, range: Range<u64>) -> Result<Body, Error> {
        let object = self.get(name)?;
        let (start, end) = (range.start as usize, range.end as usize);
        // Short where the object is: whoever reads it has to see to that.
        let end = end.min(object.len());
        Ok(Body::Stream(
            range.end - range.start,
            Box::new(Pieces(object[start.min(end)..end].to_vec())),
        ))
    }

    fn size(&self, name: &str) -> Result<u64, Error> {
        Ok(self.get(name)?.len() as u64)
    }

    fn delete(&self, names: &[String]) -> Result<(), Error> {
        self.0.delete(names)
    }

    fn list(&self, prefix: &str, after: &str) -> Result<Names, Error> {
        let mut names = self.0.keys()?;
        names.retain(|name| name.starts_with(prefix) && name.as_str() > after);
        Ok(Names { names, more: false })
    }

    fn ready(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl Objects {
    fn get(&self, name: &str) -> Result<Vec<u8>, Error> {
        self.0.get(name)?.ok_or(Error::NotFound)
    }
}

/// Sends three bytes fewer than a thousand at a time.
struct Pieces(Vec<u8>);

impl crate::http::Source for Pieces {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let rest = self.0.split_off(self.0.len().min(997));
        let piece = std::mem::replace(&mut self.0, rest);
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

struct Writing {
    port: Rc<Port<'static>>,
    name: String,
    bytes: Vec<u8>,
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Nothing is there yet, so nothing but a failure can come of it.
        let step = self.port.step(Step::Wait, |_| ());
        step.map_err(Error::into_io)?;
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewBlob for Writing {
    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.port.step(Step::Write, |map| {
            map.lock()
                .unwrap()
                .insert(self.name.clone(), self.bytes.clone());
        })
    }
}

impl Ground for Maps {
    type Store = Kv;

    fn open(&self, now: i64, faults: &Rc<Faults>, turns: Option<(&'static Turns, usize)>) -> Kv {
        let objects = Port {
            map: Arc::clone(&self.objects),
            faults: Rc::clone(faults),
            turns,
        };
        let store = self.values.open(now, faults, turns);
        store.with_blobs(Rc::new(Objects(Rc::new(objects))))
    }

    fn holds_only(&self, zips: &[&[u8]], at: &str) {
        assert_eq!(object_names(self).len(), zips.len(), "{at}");
        assert_eq!(chunk_keys(&self.values), 0, "{at}");
    }
}

fn object_names(maps: &Maps) -> Vec<String> {
    maps.objects.lock().unwrap().keys().cloned().collect()
}

#[test]
fn the_contract_holds() {
    let maps = Maps::default();
    contract::check_all(&sound(&maps));
    assert_eq!(chunk_keys(&maps.values), 0);
}

#[test]
fn a_fault_at_any_step_of_publishing_leaves_all_or_nothing_and_can_be_tried_again() {
    trials::publishing(Maps::default, &[7; 150_000]);
}

#[test]
fn a_fault_at_any_step_of_withdrawing_can_be_tried_again() {
    trials::withdrawing(Maps::default);
}

#[test]
fn two_publishers_of_other_content_end_with_one_of_the_two_in_any_order() {
    let orders = trials::publishers_of_other_content(4, Maps::default);
    assert!(orders > 500, "{orders}");
}

#[test]
fn a_fault_at_any_step_of_repair_loses_nothing_and_the_next_repair_ends_it() {
    let (kept, left) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    at_every_step(|step, fault| {
        let maps = Maps::default();
        let zip = published(&sound(&maps), &kept, b"kept");
        let mut staging = sound(&maps).stage(&left).unwrap();
        staging.write_all(&zip).unwrap();
        // As if killed before the record was written.
        std::mem::forget(staging.finish().unwrap());
        assert_eq!(object_names(&maps).len(), 2);
        let faults = Rc::new(Faults::at(step, fault));
        let store = faulty(&maps, NOW + 2 * DAY, &faults);
        let _ = store.repair(None, &|| true);
        trials::repaired(&maps, 2 * DAY);
        let at = format!("{fault:?} at step {step}");
        assert_eq!(object_names(&maps).len(), 1, "{at}");
        let read = bytes(&sound(&maps), &kept, File::Zip);
        assert_eq!(read, Ok(zip), "{at}");
        faults.struck()
    });
}

#[test]
fn repair_removes_an_object_without_a_record_after_a_day_and_leaves_what_is_not_ours() {
    let maps = Maps::default();
    let store = sound(&maps);
    let kept = version(PATH, "v1.0.0");
    let zip = published(&store, &kept, b"text");
    let mut staging = store.stage(&version(PATH, "v1.1.0")).unwrap();
    staging.write_all(b"of an upload that was killed").unwrap();
    std::mem::forget(staging.finish().unwrap());
    for name in ["readme.txt", "zips/not ours.zip", "zips/a.1.2.tar"] {
        let mut objects = maps.objects.lock().unwrap();
        objects.insert(name.to_owned(), vec![0]);
    }
    assert_eq!(trials::repaired(&maps, DAY - 1).removed, 0);
    assert_eq!(object_names(&maps).len(), 5);
    let report = trials::repaired(&maps, DAY);
    assert_eq!(
        report,
        Repaired {
            modules: 1,
            versions: 1,
            removed: 1,
            ..Repaired::default()
        }
    );
    assert_eq!(object_names(&maps).len(), 4);
    assert_eq!(bytes(&store, &kept, File::Zip), Ok(zip));
}

#[test]
fn a_hit_reads_one_value_and_opens_one_object_for_a_zip() {
    let maps = Maps::default();
    let version = version(PATH, "v1.0.0");
    published(&sound(&maps), &version, &[1; 5000]);
    for (file, steps) in [(File::Info, 1), (File::Mod, 1), (File::Zip, 2)] {
        // The step after the last is never reached.
        let count = |at| {
            let faults = Rc::new(Faults::at(at, Fault::Fails));
            let object = faulty(&maps, NOW, &faults).read(&version, file);
            let object = object.map(Object::into_bytes);
            (faults.struck(), matches!(object, Ok(Ok(_))))
        };
        assert_eq!(count(steps - 1), (true, false), "{file:?}");
        assert_eq!(count(steps), (false, true), "{file:?}");
    }
}

#[test]
fn an_object_that_is_gone_is_corrupt_and_one_cut_short_is_never_taken_for_whole() {
    let maps = Maps::default();
    let store = sound(&maps);
    let version = version(PATH, "v1.0.0");
    let zip = published(&store, &version, &[1; 5000]);
    let name = object_names(&maps).remove(0);
    let cut = zip[..4000].to_vec();
    maps.objects.lock().unwrap().insert(name.clone(), cut);
    let object = store.read(&version, File::Zip).unwrap();
    assert_eq!(object.size, zip.len() as u64);
    let Content::Stored(open) = object.content else {
        panic!("it is not in the record");
    };
    let Ok(Body::Stream(length, mut source)) = open(0..object.size) else {
        panic!("it can be opened");
    };
    // As long as the record says: who sends it sees that it ends early, and breaks the connection.
    assert_eq!(length, zip.len() as u64);
    let mut sent = 0;
    while let Some(piece) = source.next().unwrap() {
        sent += piece.len();
    }
    assert_eq!(sent, 4000);
    maps.objects.lock().unwrap().remove(&name);
    let gone = bytes(&store, &version, File::Zip);
    assert_eq!(
        gone,
        Err(Error::Corrupt(format!("the object {name} is gone")))
    );
}

#[test]
fn an_object_store_that_keeps_less_than_it_was_given_is_found_out_before_the_commit() {
    let maps = Maps::default();
    let store = sound(&maps);
    let version = version(PATH, "v1.0.0");
    let mut staging = store.stage(&version).unwrap();
    staging.write_all(&[1; 5000]).unwrap();
    drop(staging);
    for (kept, words) in [(Ok(4999), "4999"), (Err(Error::NotFound), "0")] {
        let lossy = Rc::new(Lossy(Rc::clone(store.blobs.as_ref().unwrap()), kept));
        let mut staging = store.clone().with_blobs(lossy).stage(&version).unwrap();
        staging.write_all(&[1; 5000]).unwrap();
        let finished = staging.finish().map(|_| ());
        let text = format!("the object store kept {words} of 5000 bytes");
        assert_eq!(finished, Err(Error::Unavailable(text)));
        assert_eq!(object_names(&maps), [""; 0]);
    }
}

/// Says that it has something else than it was given.
struct Lossy(Rc<dyn Blobs>, Result<u64, Error>);

impl Blobs for Lossy {
    fn create(&self, name: &str) -> Result<Box<dyn NewBlob>, Error> {
        self.0.create(name)
    }
    fn open(&self, name: &str, size: u64, range: Range<u64>) -> Result<Body, Error> {
        self.0.open(name, size, range)
    }
    fn size(&self, _: &str) -> Result<u64, Error> {
        self.1.clone()
    }
    fn delete(&self, names: &[String]) -> Result<(), Error> {
        self.0.delete(names)
    }
    fn list(&self, prefix: &str, after: &str) -> Result<Names, Error> {
        self.0.list(prefix, after)
    }
    fn ready(&self) -> Result<(), Error> {
        self.0.ready()
    }
}

#[test]
fn an_upload_is_read_back_and_forth_before_its_commit() {
    let text: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
    let store = sound(&Maps::default());
    let mut staging = store.stage(&version(PATH, "v1.0.0")).unwrap();
    staging.write_all(&text).unwrap();
    let staged = staging.finish().unwrap();
    let mut reader = staged.reader().unwrap();
    let size = text.len() as u64;
    assert_eq!(reader.seek(SeekFrom::End(0)).unwrap(), size);
    assert_eq!(reader.read(&mut [0; 10]).unwrap(), 0);
    // Backwards, on within a piece, past some pieces, far ahead, and over the start again.
    let mut buffer = [0; 3000];
    for start in [size - 3000, 0, 1500, 40_000, 39_999, 700_000, 699_000, 3] {
        reader.seek(SeekFrom::Start(start)).unwrap();
        reader.read_exact(&mut buffer).unwrap();
        let start = start as usize;
        assert!(buffer[..] == text[start..start + 3000], "from {start}");
    }
    assert_eq!(reader.stream_position().unwrap(), 3003);
}

#[test]
fn zips_in_chunks_from_before_are_served_and_without_the_object_store_its_zips_are_refused() {
    let maps = Maps::default();
    let (old, new) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    let without = sound(&maps.values);
    let old_zip = published(&without, &old, b"old");
    let with = sound(&maps);
    let new_zip = published(&with, &new, b"new");
    assert_eq!(bytes(&with, &old, File::Zip), Ok(old_zip));
    assert_eq!(bytes(&with, &new, File::Zip), Ok(new_zip));
    assert_eq!(listed(&with, PATH).as_deref(), Some("v1.0.0\nv1.1.0\n"));
    assert!(bytes(&without, &new, File::Info).is_ok());
    let text = "the zip lies in an object store, and the setting `store` names none";
    assert_eq!(
        bytes(&without, &new, File::Zip),
        Err(Error::Refused(text.to_owned()))
    );
    // Neither store takes the other's for left over.
    assert_eq!(trials::repaired(&maps.values, 2 * DAY).removed, 0);
    assert_eq!(trials::repaired(&maps, 2 * DAY).removed, 0);
}
