//! Archives that lie.

use std::io;

use super::*;

const PREFIX: &str = "example.com/m@v1.0.0/";

fn item(name: &str) -> Item {
    Item::file(format!("{PREFIX}{name}"), format!("content of {name}\n"))
}

fn outcome(archive: &Archive) -> Vec<String> {
    let outcome = check_bytes(&archive.bytes(), &module("example.com/m", "v1.0.0"));
    problems(outcome)
}

/// What is wrong with an archive of one sound file and this one.
fn beside_a_sound_one(item_: Item) -> Vec<String> {
    outcome(&Archive::of([item("sound"), item_]))
}

fn of(name: &str, reason: &str) -> Vec<String> {
    vec![format!("{PREFIX}{name}: {reason}")]
}

#[test]
fn what_is_no_zip_is_refused() {
    let target = module("example.com/m", "v1.0.0");
    let whole = Archive::of([item("a"), item("b")]).bytes();
    for bytes in [
        &b""[..],
        b"PK",
        b"not a zip file at all, but a text",
        &[0; 4096],
    ] {
        let text = "not a zip file, or cut off: it has no end record";
        assert_eq!(problems(check_bytes(bytes, &target)), [text]);
    }
    for end in 0..whole.len() {
        let refused = check_bytes(&whole[..end], &target);
        assert!(
            matches!(refused, Err(ZipError::Invalid(_))),
            "cut to {end} bytes"
        );
        let refused = kind(&mut Cursor::new(&whole[..end]));
        assert!(
            matches!(refused, Err(ZipError::Invalid(_))),
            "cut to {end} bytes"
        );
    }
}

#[test]
fn every_changed_byte_is_noticed_or_means_nothing() {
    let target = module("example.com/m", "v1.0.0");
    let whole = Archive::of([item("a"), item("b")]).bytes();
    let h1 = check_bytes(&whole, &target).unwrap().h1;
    for at in 0..whole.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            match check_bytes(&bytes, &target) {
                Ok(checked) => assert_eq!(checked.h1, h1, "byte {at} changed the content"),
                Err(ZipError::Invalid(_) | ZipError::TooLarge(_)) => {}
                Err(ZipError::Io(error)) => panic!("byte {at}: {error}"),
            }
        }
    }
}

#[test]
fn ends_that_lie_are_refused() {
    let sound = Archive::of([item("a"), item("b")]);
    let damaged = ["end of the zip file is damaged"];
    let directory = ["central directory is damaged"];
    let with = |change: fn(&mut Archive)| {
        let mut archive = sound.clone();
        change(&mut archive);
        outcome(&archive)
    };
    assert_eq!(with(|a| a.count = Some(1)), directory);
    assert_eq!(with(|a| a.count = Some(3)), directory);
    assert_eq!(with(|a| a.count = Some(60_000)), directory);
    assert_eq!(with(|a| a.directory = Some(0)).len(), 1);
    assert_eq!(with(|a| a.directory = Some(u32::MAX)), damaged);
    assert_eq!(with(|a| a.directory_bytes = Some(1 << 30)), damaged);
    assert_eq!(with(|a| a.trailing = b"x".to_vec()), damaged);
    assert_eq!(
        with(|a| a.after_directory = b"x".to_vec()),
        ["1 bytes belong to no entry"]
    );
    let stray = of("b", "1 bytes belong to no entry");
    assert_eq!(with(|a| a.before_directory = b"x".to_vec()), stray);
    let short_comment = with(|a| {
        a.comment = b"PK\x05\x06 in the comment, and what follows it is too short".to_vec();
    });
    assert_eq!(short_comment, damaged);
}

#[test]
fn bytes_that_no_entry_claims_are_refused() {
    let mut first = item("a");
    first.before = b"#!/bin/sh\n".to_vec();
    assert_eq!(
        outcome(&Archive::of([first])),
        ["10 bytes belong to no entry"]
    );
    let mut hidden = item("b");
    // A whole entry that only a reader of local headers sees.
    hidden.before = Archive::of([item("hidden")]).bytes()[..80].to_vec();
    let expected = of("a", "80 bytes belong to no entry");
    assert_eq!(outcome(&Archive::of([item("a"), hidden])), expected);
}

#[test]
fn entries_that_overlap_are_refused() {
    let mut same = item("b");
    same.header = Some(0);
    let found = outcome(&Archive::of([item("a"), same]));
    let expected = [
        format!("{PREFIX}a: entry overlaps what follows it"),
        format!("{PREFIX}b: local header contradicts the central directory: name"),
    ];
    assert_eq!(found, expected);
    let longer = item("a").both(|fields| fields.compressed += 1);
    let found = outcome(&Archive::of([longer, item("b")]));
    assert_eq!(found, of("a", "entry overlaps what follows it"));
    let far = |name: &str, header| Item {
        header: Some(header),
        ..item(name)
    };
    let found = outcome(&Archive::of([far("b", 1 << 30), far("c", 1 << 31)]));
    let expected = ["b", "c"]
        .map(|name| format!("{PREFIX}{name}: no local header where the central directory points"));
    assert_eq!(found[1..], expected);
}

#[test]
fn a_local_header_that_contradicts_the_directory_is_refused() {
    let contradicts = |field: &str| {
        of(
            "x",
            &format!("local header contradicts the central directory: {field}"),
        )
    };
    let with = |change: fn(&mut Item)| {
        let mut item = item("x");
        change(&mut item);
        beside_a_sound_one(item)
    };
    let name = with(|i| i.local.name = format!("{PREFIX}y").into_bytes());
    assert_eq!(name, contradicts("name"));
    assert_eq!(
        with(|i| i.local.method = 0),
        contradicts("compression method")
    );
    assert_eq!(with(|i| i.local.flags = 1 << 11), contradicts("flags"));
    assert_eq!(with(|i| i.local.flags = 8), contradicts("flags"));
    assert_eq!(with(|i| i.local.flags = 1), contradicts("flags"));
    assert_eq!(with(|i| i.local.crc ^= 1), contradicts("checksum"));
    assert_eq!(with(|i| i.local.size += 1), contradicts("sizes"));
    assert_eq!(with(|i| i.local.size = u32::MAX), contradicts("sizes"));
    assert_eq!(with(|i| i.local.compressed -= 1), contradicts("sizes"));
    let other = [&[1, 0, 0, 0, 0], PREFIX.as_bytes(), b"y"].concat();
    let renamed = item("x").with_extra(0x7075, &other);
    let found = beside_a_sound_one(renamed.clone());
    assert_eq!(found, of("x", "an extra field gives another name"));
    let mut local_only = renamed;
    local_only.central.extra.clear();
    let found = beside_a_sound_one(local_only);
    assert_eq!(found, of("x", "an extra field gives another name"));
}

#[test]
fn a_data_descriptor_that_contradicts_the_directory_is_refused() {
    let expected = of("x", "data descriptor contradicts the central directory");
    for at in 0..16 {
        let mut lying = item("x").with_descriptor(b"PK\x07\x08");
        lying.after[at] ^= 1;
        assert_eq!(beside_a_sound_one(lying), expected, "byte {at}");
    }
    let missing = item("x").both(|fields| fields.flags = 8);
    assert_eq!(beside_a_sound_one(missing), expected);
    let contradicts = of("x", "local header contradicts the central directory: sizes");
    let mut half_open = item("x").with_descriptor(b"");
    half_open.local.size = 7;
    assert_eq!(beside_a_sound_one(half_open), contradicts);
}

#[test]
fn content_that_cannot_be_read_is_refused() {
    for flag in [1, 1 << 6, 1 << 13] {
        let encrypted = item("x").both(|fields| fields.flags = flag);
        assert_eq!(beside_a_sound_one(encrypted), of("x", "entry is encrypted"));
    }
    let unknown = item("x").both(|fields| fields.method = 12);
    assert_eq!(
        beside_a_sound_one(unknown),
        of("x", "unsupported compression method 12")
    );
    let wrong = item("x").both(|fields| fields.crc ^= 1);
    assert_eq!(beside_a_sound_one(wrong), of("x", "checksum mismatch"));
    let mut damaged = item("x");
    damaged.data[0] = 0xff;
    assert_eq!(
        beside_a_sound_one(damaged),
        of("x", "compressed data is damaged")
    );
    let mut longer = item("x").both(|fields| fields.compressed += 1);
    longer.data.push(0);
    assert_eq!(
        beside_a_sound_one(longer),
        of("x", "compressed data is damaged")
    );
    let mut cut = item("x").both(|fields| fields.compressed -= 1);
    cut.data.pop();
    assert_eq!(
        beside_a_sound_one(cut),
        of("x", "compressed data is damaged")
    );
    let mut nothing = item("x").both(|fields| fields.compressed = 0);
    nothing.data.clear();
    assert_eq!(
        beside_a_sound_one(nothing),
        of("x", "compressed data is damaged")
    );
    let folder = Item::stored(format!("{PREFIX}x/"), "content");
    assert_eq!(
        beside_a_sound_one(folder),
        of("x/", "directory has content")
    );
}

#[test]
fn a_declared_size_that_lies_is_refused() {
    for large in [false, true] {
        let content = vec![b'a'; if large { 1 << 20 } else { 100 }];
        let size = content.len();
        for stored in [false, true] {
            let item = |declared: usize| {
                let name = format!("{PREFIX}x");
                let item = if stored {
                    Item::stored(name, &content)
                } else {
                    Item::file(name, &content)
                };
                item.both(|fields| fields.size = declared as u32)
            };
            let smaller = format!(
                "uncompressed size is larger than declared size ({} bytes)",
                size - 1
            );
            assert_eq!(beside_a_sound_one(item(size - 1)), of("x", &smaller));
            let larger = format!(
                "uncompressed size is smaller than declared size ({} bytes)",
                size + 1
            );
            assert_eq!(beside_a_sound_one(item(size + 1)), of("x", &larger));
        }
    }
}

#[test]
fn all_that_is_wrong_is_reported_in_the_order_of_the_archive() {
    let found = outcome(&Archive::of([
        item("z").both(|fields| fields.crc ^= 1),
        Item::file("elsewhere", ""),
        item("sound"),
        item("a").both(|fields| fields.method = 99),
        item("SOUND"),
        item("b/go.mod"),
    ]));
    let expected = [
        format!("{PREFIX}z: checksum mismatch"),
        format!("elsewhere: path does not have prefix {PREFIX:?}"),
        format!("{PREFIX}a: unsupported compression method 99"),
        format!("{PREFIX}SOUND: case-insensitive file name collision: \"sound\" and \"SOUND\""),
        format!("{PREFIX}b/go.mod: go.mod file not in module root directory"),
    ];
    assert_eq!(found, expected);
}

/// Fails to read from a position on.
struct Failing {
    inner: Cursor<Vec<u8>>,
    from: u64,
}

impl Read for Failing {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.inner.position() + target.len() as u64 > self.from {
            return Err(io::Error::other("the store is unavailable"));
        }
        self.inner.read(target)
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// Fails to write.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failure_to_read_or_write_is_never_taken_for_a_bad_archive() {
    let target = module("example.com/m", "v1.0.0");
    let bytes = Archive::of([item("a"), item("b")]).bytes();
    let mut failing = Failing {
        from: 100,
        inner: Cursor::new(bytes),
    };
    match check(&mut failing, &target, &Limits::default()) {
        Err(ZipError::Io(error)) => assert_eq!(error.to_string(), "the store is unavailable"),
        other => panic!("{other:?}"),
    }
    let source = Archive::of([Item::file("a", "")]).bytes();
    let options = SourceOptions::default();
    let outcome = create(
        &mut Cursor::new(source),
        &mut Full,
        &target,
        &options,
        &Limits::default(),
    );
    match outcome {
        Err(ZipError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::StorageFull),
        other => panic!("{other:?}"),
    }
}
