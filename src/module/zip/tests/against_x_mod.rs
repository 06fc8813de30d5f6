//! Made-up archives, judged by this room and by golang.org/x/mod.

use super::*;
use crate::module::oracle::{Numbers, ask};

/// Elements of names, sound and unsound, that collide with each other in many ways.
const ELEMENTS: &[&str] = &[
    "a",
    "a",
    "A",
    "b",
    "b",
    "c.go",
    "C.go",
    "d",
    "k",
    "K",
    "\u{212a}",
    "go.mod",
    "GO.MOD",
    "vendor",
    "Vendor",
    "LICENSE",
    "license",
    "modules.txt",
    "x",
    "y",
    "z",
    "\u{e9}",
    "\u{c9}",
    "\u{3b1}",
    "\u{391}",
    ".",
    "..",
    "",
    "aux",
    "q'",
    "~1",
    ".hg_archival.txt",
    "\u{263a}",
    "e.",
    "sub",
    "sub",
    "@",
];

fn made_up_name(numbers: &mut Numbers) -> String {
    // Most names are sound: the elements up to "z".
    let sound = &ELEMENTS[..21];
    let count = 1 + numbers.below(4);
    let mut elements: Vec<&str> = Vec::new();
    for _ in 0..count {
        let list = if numbers.below(24) == 0 {
            ELEMENTS
        } else {
            sound
        };
        elements.push(*numbers.one_of(list));
    }
    if numbers.below(8) == 0 {
        elements.push("");
    }
    elements.join("/")
}

fn is_collision(problem: &str) -> bool {
    ["collision", "multiple entries", "both a file"]
        .iter()
        .any(|text| problem.contains(text))
}

/// The problems without those of names that collide, of which x/mod blames others in odd cases.
fn without_collisions(problems: &[String]) -> Vec<&String> {
    problems
        .iter()
        .filter(|problem| !is_collision(problem))
        .collect()
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Compares an outcome with what x/mod says, and tells whether the archive was accepted.
fn compare(own: Result<Checked, ZipError>, answer: &[String], list: &[String]) -> bool {
    let expected = lines(&answer[2]);
    match own {
        Ok(checked) => {
            assert_eq!(answer[0], "yes", "{list:?}: {answer:?}");
            assert_eq!(checked.h1, answer[1], "{list:?}");
            true
        }
        Err(ZipError::Invalid(problems)) => {
            let own: Vec<String> = problems.iter().map(Problem::to_string).collect();
            assert_eq!(answer[0], "no", "{list:?}: {own:?}");
            assert_eq!(
                without_collisions(&own),
                without_collisions(&expected),
                "{list:?}"
            );
            let collide =
                |problems: &[String]| problems.iter().any(|problem| is_collision(problem));
            assert_eq!(
                collide(&own),
                collide(&expected),
                "{list:?}: {own:?} {expected:?}"
            );
            false
        }
        Err(error) => panic!("{list:?}: {error}"),
    }
}

/// No folder twice: this room refuses that, x/mod does not.
fn without_double_folders(mut list: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    list.retain(|name| !name.ends_with('/') || seen.insert(name.clone()));
    list
}

#[test]
fn made_up_module_zips_are_judged_as_by_x_mod() {
    let target = module("example.com/m", "v1.0.0");
    let mut numbers = Numbers(6);
    let mut accepted = 0;
    for _ in 0..1200 {
        let count = numbers.below(7);
        let list = (0..count).map(|_| match numbers.below(60) {
            0 => "example.com/m@v1.0.0".to_owned(),
            1 => "example.com/m@v1.0.0/".to_owned(),
            _ => format!("example.com/m@v1.0.0/{}", made_up_name(&mut numbers)),
        });
        let list = without_double_folders(list.collect());
        let items = list.iter().map(|name| match name.ends_with('/') {
            true => Item::folder(name),
            false => Item::file(name, format!("{name}\n")),
        });
        let bytes = Archive::of(items).bytes();
        let answer = ask("zip", &[b"example.com/m", b"v1.0.0", &bytes]);
        accepted += usize::from(compare(check_bytes(&bytes, &target), &answer, &list));
    }
    assert!((300..1000).contains(&accepted), "{accepted} were accepted");
}

#[test]
fn made_up_source_archives_become_what_x_mod_makes_of_them() {
    let mut numbers = Numbers(7);
    let mut accepted = 0;
    for round in 0..1200 {
        let go_mod = *numbers.one_of(&["", "go 1.23\n", "go 1.24\n", "go 1.24.1\nrequire x\n"]);
        let subdir = *numbers.one_of(&["", "", "sub/"]);
        let top = *numbers.one_of(&["", "", "t-1/"]);
        let path = format!("example.com/r/{}", subdir.trim_end_matches('/'));
        let path = path.trim_end_matches('/');
        let target = module(path, "v1.0.0");
        let folder = format!("{top}{subdir}");
        let mut items = vec![Item::file(
            format!("{folder}go.mod"),
            format!("module {path}\n{go_mod}"),
        )];
        let count = numbers.below(8);
        let list = (0..count).map(|_| format!("{top}{}", made_up_name(&mut numbers)));
        let list: Vec<String> = without_double_folders(list.collect())
            .into_iter()
            .filter(|name| !name.eq_ignore_ascii_case(&format!("{folder}go.mod")))
            .collect();
        for name in &list {
            let item = Item::file(name, if name.ends_with('/') { "" } else { name });
            items.push(item.with_mode(0o100644));
            // A link has its name to itself: of two entries x/mod overlooks one that is a link.
            if numbers.below(12) == 0 {
                let mode = *numbers.one_of(&[0o120777, 0o010644]);
                let link = format!("{}.link{}", name.trim_end_matches('/'), items.len());
                items.push(Item::stored(link, "").with_mode(mode));
            }
        }
        let bytes = Archive::of(items).bytes();
        let args: [&[u8]; 5] = [
            path.as_bytes(),
            b"v1.0.0",
            folder.as_bytes(),
            top.as_bytes(),
            &bytes,
        ];
        let mut answer = ask("create", &args);
        // This room gives an entry's whole name.
        answer[2] = lines(&answer[2])
            .iter()
            .map(|line| format!("{folder}{line}\n"))
            .collect();
        let options = SourceOptions {
            strip: !top.is_empty(),
            subdir: Some(subdir),
        };
        let own = create_bytes(&bytes, &target, &options).map(|(made, _)| made);
        accepted += usize::from(compare(own, &answer, &list));
        assert!(round < 100 || accepted > 0);
    }
    assert!((300..1150).contains(&accepted), "{accepted} were accepted");
}

#[test]
fn lying_zips_that_x_mod_refuses_are_refused() {
    let target = module("example.com/m", "v1.0.0");
    let item = |name: &str| Item::file(format!("example.com/m@v1.0.0/{name}"), "package a\n");
    let mut numbers = Numbers(8);
    let mut refused = 0;
    for _ in 0..800 {
        let mut bytes =
            Archive::of([item("a.go"), item("b.go").with_descriptor(b"PK\x07\x08")]).bytes();
        for _ in 0..1 + numbers.below(3) {
            let at = numbers.below(bytes.len());
            bytes[at] = *numbers.one_of(b"\x00\x01\x08\xffPK/");
        }
        let answer = ask("zip", &[b"example.com/m", b"v1.0.0", &bytes]);
        refused += usize::from(answer[0] == "no");
        if let Ok(checked) = check_bytes(&bytes, &target) {
            assert_eq!(&answer[..2], ["yes", &checked.h1], "{bytes:x?}");
        }
    }
    assert!(refused > 100, "x/mod refused only {refused}");
}
