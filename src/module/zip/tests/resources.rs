//! Limits, and what an archive may cost.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use super::*;

const PREFIX: &str = "example.com/m@v1.0.0/";

fn check_within(bytes: &[u8], limits: Limits) -> Result<Checked, ZipError> {
    check(
        &mut Cursor::new(bytes),
        &module("example.com/m", "v1.0.0"),
        &limits,
    )
}

#[test]
fn every_limit_holds_to_the_byte() {
    let names = ["go.mod", "LICENSE", "other"];
    let zip = Archive::of(names.map(|name| Item::file(format!("{PREFIX}{name}"), [b'a'; 100])));
    let bytes = zip.bytes();
    let directory: u64 = names
        .iter()
        .map(|name| 46 + (PREFIX.len() + name.len()) as u64)
        .sum();
    let exact = Limits {
        max_zip_bytes: bytes.len() as u64,
        max_unpacked: 300,
        max_go_mod: 100,
        max_license: 100,
        max_files: 3,
        max_directory_bytes: directory,
    };
    assert_eq!(check_within(&bytes, exact).unwrap().unpacked, 300);
    for (limits, expected) in [
        (
            Limits {
                max_zip_bytes: exact.max_zip_bytes - 1,
                ..exact
            },
            Excess::Archive {
                bytes: exact.max_zip_bytes,
                limit: exact.max_zip_bytes - 1,
            },
        ),
        (
            Limits {
                max_unpacked: 299,
                ..exact
            },
            Excess::Unpacked { limit: 299 },
        ),
        (
            Limits {
                max_files: 2,
                ..exact
            },
            Excess::Files { count: 3, limit: 2 },
        ),
        (
            Limits {
                max_directory_bytes: directory - 1,
                ..exact
            },
            Excess::Directory {
                bytes: directory,
                limit: directory - 1,
            },
        ),
    ] {
        match check_within(&bytes, limits) {
            Err(ZipError::TooLarge(excess)) => assert_eq!(excess, expected),
            other => panic!("{other:?}"),
        }
    }
    let small = Limits {
        max_go_mod: 99,
        max_license: 98,
        ..exact
    };
    let expected = [
        format!("{PREFIX}go.mod: go.mod file too large (max size is 99 bytes)"),
        format!("{PREFIX}LICENSE: LICENSE file too large (max size is 98 bytes)"),
    ];
    assert_eq!(problems(check_within(&bytes, small)), expected);
}

/// Counts steps back.
struct Forward<'a> {
    bytes: Cursor<&'a [u8]>,
    steps_back: usize,
}

impl std::io::Read for Forward<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.bytes.read(buffer)
    }
}

impl std::io::Seek for Forward<'_> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        let before = self.bytes.position();
        let now = self.bytes.seek(to)?;
        self.steps_back += usize::from(now < before);
        Ok(now)
    }
}

#[test]
fn an_archive_whose_sizes_follow_the_data_as_go_writes_them_is_read_forwards() {
    let content: Vec<u8> = (0..200_000u32)
        .map(|number| (number.wrapping_mul(number) >> 7) as u8)
        .collect();
    let steps_back = |describe: fn(Item) -> Item| {
        let items =
            (0..20).map(|number| describe(Item::stored(format!("{PREFIX}{number}.bin"), &content)));
        let go_mod = Item::file(format!("{PREFIX}go.mod"), "module example.com/m\n");
        let bytes = Archive::of(items.chain([go_mod])).bytes();
        let mut reader = Forward {
            bytes: Cursor::new(&bytes),
            steps_back: 0,
        };
        let target = module("example.com/m", "v1.0.0");
        let checked = check(&mut reader, &target, &Limits::default());
        assert_eq!(checked.unwrap().files, 21);
        reader.steps_back
    };
    // To the directory, and from there to the beginning.
    let without = steps_back(|item| item);
    assert!(without <= 4, "{without}");
    assert_eq!(
        steps_back(|item| item.with_descriptor(b"PK\x07\x08")),
        without
    );
}

#[test]
fn a_name_that_fits_a_zip_only_without_the_module_in_front_is_refused() {
    let target = module("example.com/m", "v1.0.0");
    let room = usize::from(u16::MAX) - PREFIX.len();
    for (length, fits) in [(room, true), (room + 1, false)] {
        let zip = Archive::of([
            Item::file("go.mod", "module example.com/m\n"),
            Item::file("a".repeat(length), "x"),
        ]);
        let mut made = Vec::new();
        let outcome = create(
            &mut Cursor::new(zip.bytes()),
            &mut made,
            &target,
            &SourceOptions::default(),
            &Limits::default(),
        );
        match fits {
            true => {
                let created = outcome.unwrap();
                assert_eq!(
                    check_within(&made, Limits::default()).unwrap().h1,
                    created.h1
                );
            }
            false => {
                let problems = problems(outcome);
                assert_eq!(problems.len(), 1, "{problems:?}");
                let text = ": file path is longer than a zip file can have it";
                assert!(problems[0].ends_with(text), "{problems:?}");
            }
        }
    }
}

#[test]
fn a_small_zip_that_would_inflate_past_the_limit_is_refused_unread() {
    let huge = Item::file(format!("{PREFIX}huge"), "").both(|fields| fields.size = 500 << 20);
    let zip = Archive::of([huge, Item::file(format!("{PREFIX}more"), "x")]);
    let limit = 500 << 20;
    match check_within(&zip.bytes(), Limits::default()) {
        Err(ZipError::TooLarge(excess)) => assert_eq!(excess, Excess::Unpacked { limit }),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_left_out_of_a_source_archive_counts_for_no_limit() {
    let target = module("example.com/m", "v1.0.0");
    let limits = Limits {
        max_unpacked: 3,
        ..Limits::default()
    };
    let zip = Archive::of([
        Item::file("a", "abc"),
        Item::file("vendor/x/y", "far too much"),
    ]);
    let outcome = create(
        &mut Cursor::new(zip.bytes()),
        &mut Vec::new(),
        &target,
        &SourceOptions::default(),
        &limits,
    );
    assert_eq!(outcome.unwrap().unpacked, 3);
}

/// Counts what this thread has allocated, and the most that it had at once.
struct Counting;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that is ending has no counters any more.
    let _ = NOW.try_with(|now| {
        now.set(now.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(now.get())));
    });
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps the promises of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a piece of work needs at most, in bytes.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let start = NOW.get();
    PEAK.set(start);
    let done = work();
    (done, (PEAK.get() - start) as usize)
}

/// An archive of stored files, made by another writer of zips, with zip64 where it is needed.
fn archive_of(names: impl Iterator<Item = String>) -> Vec<u8> {
    let mut zip = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default()
        .compression_method(::zip::CompressionMethod::Stored);
    for name in names {
        zip.start_file(name, options).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What checking promises to stay below: buffers, 256 bytes an entry, and twice the names.
fn promised(entries: usize, name_bytes: usize) -> usize {
    (3 << 20) + 256 * entries + 2 * name_bytes
}

#[test]
fn two_hundred_thousand_files_are_accepted_and_one_more_is_not() {
    let name = |number| format!("{PREFIX}some/folder/with/{number:06}.go");
    let bytes = archive_of((0..200_001).map(name));
    match check_within(&bytes, Limits::default()) {
        Err(ZipError::TooLarge(excess)) => {
            let (count, limit) = (200_001, 200_000);
            assert_eq!(excess, Excess::Files { count, limit });
        }
        other => panic!("{other:?}"),
    }
    let bytes = archive_of((0..200_000).map(name));
    let (checked, peak) = peak_of(|| check_within(&bytes, Limits::default()));
    assert_eq!(checked.unwrap().files, 200_000);
    let promised = promised(200_000, 200_000 * name(100_000).len());
    assert!(
        peak < promised,
        "{peak} bytes were needed, {promised} promised"
    );
}

#[test]
fn more_entries_than_sixteen_bits_can_count_are_written_and_read() {
    let bytes = archive_of((0..66_000).map(|number| format!("{number:05}")));
    let target = module("example.com/m", "v1.0.0");
    let (made, out) = create_bytes(&bytes, &target, &SourceOptions::default()).unwrap();
    assert_eq!(made.files, 66_000);
    assert_eq!(names(&out).len(), 66_000);
}

#[test]
fn entries_with_sizes_in_a_zip64_field_are_read() {
    let mut zip = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default().large_file(true);
    zip.start_file(format!("{PREFIX}a"), options).unwrap();
    zip.write_all(b"content").unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    assert_eq!(check_within(&bytes, Limits::default()).unwrap().unpacked, 7);
    // The same with another size in the field of the local header.
    let at = bytes
        .windows(4)
        .position(|window| window == [1, 0, 16, 0])
        .unwrap();
    let mut lying = bytes;
    lying[at + 4] += 1;
    let expected = format!("{PREFIX}a: local header contradicts the central directory: sizes");
    assert_eq!(
        problems(check_within(&lying, Limits::default())),
        [expected]
    );
}

#[test]
fn names_of_sixty_four_kilobytes_cost_time_and_memory_only_by_their_length() {
    // Each has 32,000 parent folders; every other one collides by case in the last of them.
    let deep = "a/".repeat(32_000);
    let count = 100;
    let name = |number: usize| {
        let last = if number.is_multiple_of(2) { "x" } else { "X" };
        format!("{PREFIX}{deep}{last}/{number}")
    };
    let bytes = archive_of((0..count).map(name));
    let start = std::time::Instant::now();
    let (outcome, peak) = peak_of(|| check_within(&bytes, Limits::default()));
    assert!(matches!(outcome, Err(ZipError::Invalid(_))));
    // The report has a limit of its own.
    let promised = promised(count, count * name(0).len()) + (2 << 20);
    assert!(
        peak < promised,
        "{peak} bytes were needed, {promised} promised"
    );
    let elapsed = start.elapsed();
    assert!(elapsed.as_secs() < 10, "{elapsed:?}");
}

#[test]
fn a_report_of_very_many_problems_ends_with_their_number() {
    let bytes = archive_of((0..20_000).map(|number| format!("elsewhere/{number}")));
    let found = problems(check_within(&bytes, Limits::default()));
    let listed = found.len() - 1;
    assert_eq!(
        found.last().unwrap(),
        &format!("and {} more problems", 20_000 - listed)
    );
    let size: usize = found.iter().map(String::len).sum();
    assert!(
        (100 << 10..1 << 20).contains(&size),
        "{size} bytes of problems"
    );
}

#[test]
fn a_source_archive_of_many_modules_costs_no_more_than_its_names() {
    let name = |number: usize| format!("{}{number}/go.mod", "nested/".repeat(40));
    let bytes = archive_of((0..20_000).map(name).chain(["root".to_owned()]));
    let target = module("example.com/m", "v1.0.0");
    let (made, peak) = peak_of(|| {
        let options = SourceOptions::default();
        let out = &mut std::io::sink();
        create(
            &mut Cursor::new(&bytes),
            out,
            &target,
            &options,
            &Limits::default(),
        )
    });
    assert_eq!(made.unwrap().files, 1);
    let promised = promised(20_000, 20_000 * name(10_000).len());
    assert!(
        peak < promised,
        "{peak} bytes were needed, {promised} promised"
    );
}
