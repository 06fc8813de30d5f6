//! Documents that can't be read, or that are there without the one that they are copies of.

use super::super::names::{hash_document, id_document};
use super::*;

/// What was written down of a project, and the same cut off behind each of its lines, or with a line more.
fn damaged(whole: &[u8]) -> Vec<Vec<u8>> {
    let ends = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let mut all: Vec<Vec<u8>> = ends.map(|(at, _)| whole[..at].to_vec()).collect();
    all.extend([&b""[..], b"\0", b"\xff", b"{}", b"end\n"].map(<[u8]>::to_vec));
    all.push([whole, b"end\n"].concat());
    all.push([b" ", whole].concat());
    all
}

#[test]
fn what_can_not_be_read_lets_nobody_in_and_is_mended_by_writing_it_again() {
    let configuration = Configuration::new(OPEN_REST);
    let names = [
        path_document("7"),
        path_document("team/one"),
        prefix_document("example.com/a/b"),
        // No request reads it but one that meets two states.
        id_document("7"),
    ];
    let whole = after(&configuration, &[Change::Put(PRIVATE)]).take();
    for name in &names {
        let mut values = damaged(&whole[name]);
        values.push(ProjectRecord::new(project(NEIGHBOUR)).to_value());
        if *name != id_document("7") {
            // The truth in the place of a copy: of no state.
            values.push(whole[&id_document("7")].clone());
        }
        for damage in values {
            let at = format!("{name} {:?}", String::from_utf8_lossy(&damage));
            let map: Map = Rc::new(RefCell::new(whole.clone()));
            map.borrow_mut().insert(name.clone(), damage);
            let memory = Memory::new(&map);
            let kept = configuration.kept(&memory);
            let module = Some("example.com/a/b/m");
            let asked = [(Some("7"), None), (Some("team/one"), None), (None, module)];
            for (own, (named, module)) in names.iter().zip(asked) {
                let asked = Asked {
                    named,
                    module,
                    reach: Some(0),
                };
                let found = kept
                    .ask(&asked, None, false)
                    .and_then(|it| it.projects(&|_| true));
                let kind = found.err().map(|failure| failure.kind);
                assert_eq!(kind, (own == name).then_some(Kind::Internal), "{at}");
            }
            assert!(kept.put_project(&project(PRIVATE)).is_ok(), "{at}");
            assert_eq!(*map.borrow(), whole, "{at}");
        }
    }
    let now = Timestamp::ZERO;
    let ci = token("ci", "one", "");
    let other = token("other", "two", "");
    let whole = with_tokens(&[&ci]).take();
    for name in [token_document("ci"), hash_document(&ci.hash_text())] {
        for damage in damaged(&whole[&name]) {
            let at = format!("{name} {:?}", String::from_utf8_lossy(&damage));
            let map: Map = Rc::new(RefCell::new(whole.clone()));
            let memory = Memory::new(&map);
            let kept = configuration.kept(&memory);
            map.borrow_mut().insert(name.clone(), damage);
            if name.starts_with(HASHES) {
                let failure = granted(&kept, b"one", now).unwrap_err();
                assert_eq!(failure.kind, Kind::Internal, "{at}");
            } else {
                kept.revoke_token("ci").unwrap();
                assert!(map.borrow().keys().eq([GENERATION]), "{at}");
            }
            assert!(kept.put_token(&ci).is_ok(), "{at}");
            assert_eq!(*map.borrow(), whole, "{at}");
            // Another's token under a hash is nobody's.
            let value = map.borrow()[&hash_document(&ci.hash_text())].clone();
            map.borrow_mut()
                .insert(hash_document(&other.hash_text()), value);
            let failure = granted(&kept, b"two", now).unwrap_err();
            assert_eq!(failure.kind, Kind::Internal, "{at}");
        }
    }
}

#[test]
fn a_copy_that_can_not_be_read_is_told_to_who_would_see_the_project_and_to_others_as_none() {
    let configuration = Configuration::new("[]");
    let map = after(&configuration, &[Change::Put(PRIVATE)]);
    let of_name = ["7", "team/one"].map(path_document);
    let of_prefix = prefix_document("example.com/a/b");
    let whole = map.borrow().clone();
    for damaged in [&of_name[0], &of_name[1], &of_prefix] {
        map.replace(whole.clone());
        damage(&map, damaged.clone());
        let memory = Memory::new(&map);
        let kept = configuration.kept(&memory);
        for (name, document) in ["7", "team/one"].into_iter().zip(&of_name) {
            let asked = Asked {
                named: Some(name),
                module: Some("example.com/a/b/m"),
                reach: None,
            };
            let answers = kept.ask(&asked, None, false).unwrap();
            let to_stranger = answers.projects(&|_| false).unwrap();
            let there = document != damaged;
            assert_eq!(to_stranger.named.is_some(), there, "{damaged} {name}");
            let to_own = answers.projects(&|it| it.is_named(name));
            let told = document == damaged || *damaged == of_prefix;
            assert_eq!(to_own.is_err(), told, "{damaged} {name}");
        }
        // Below the plain base nothing hides that a prefix is somebody's.
        let asked = Asked {
            module: Some("example.com/a/b/m"),
            ..Asked::default()
        };
        let answers = kept.ask(&asked, None, false).unwrap();
        let found = answers.projects(&|_| false);
        assert_eq!(found.is_err(), *damaged == of_prefix, "{damaged}");
    }
}

#[test]
fn no_other_project_takes_what_a_copy_that_can_not_be_read_stands_for() {
    let configuration = Configuration::new("[]");
    let whole = after(&configuration, &[Change::Put(PRIVATE)]).take();
    let own = project(PRIVATE);
    let other = |path: &str, module: &str| Project {
        id: "8".to_owned(),
        path: path.to_owned(),
        modules: vec![module.to_owned()],
        ..own.clone()
    };
    let [module, elsewhere] = ["example.com/a/b", "example.com/else"];
    for (name, wants) in [
        (path_document("team/one"), other("team/one", elsewhere)),
        (prefix_document(module), other("team/other", module)),
    ] {
        let map: Map = Rc::new(RefCell::new(whole.clone()));
        damage(&map, name.clone());
        let memory = Memory::new(&map);
        let kept = configuration.kept(&memory);
        let taken = kept.put_project(&wants).unwrap_err().failure;
        assert_eq!(taken.kind, Kind::Conflict, "{name}");
        // Where the truth can't be read either, what another copy says counts.
        let truth = id_document("7");
        damage(&map, truth.clone());
        if name == path_document("team/one") {
            let both = other("team/one", module);
            assert!(kept.put_project(&both).is_err(), "{name}");
        }
        map.borrow_mut()
            .insert(truth.clone(), whole[&truth].clone());
        let unlike = other("team/other", elsewhere);
        assert!(kept.put_project(&unlike).is_ok(), "{name}");
        kept.remove_project("8").unwrap();
        assert!(kept.put_project(&own).is_ok(), "{name}");
    }
}

#[test]
fn what_a_request_reads_of_a_project_does_not_tell_how_many_prefixes_it_has() {
    let configuration = Configuration::new("[]");
    let lengths = |text: &str| {
        let map = Map::default();
        let memory = Memory::new(&map);
        let kept = configuration.kept(&memory);
        kept.put_project(&project(text)).unwrap();
        let names = ["7", "team/one"].map(path_document);
        let prefix = prefix_document("example.com/a/b");
        let names = names.into_iter().chain([prefix]);
        names
            .map(|name| map.borrow()[&name].len())
            .collect::<Vec<_>>()
    };
    let more: Vec<String> = (0..99).map(|at| format!("\"a.b/{at}\",")).collect();
    let many = PRIVATE.replace('[', &format!("[{}", more.concat()));
    assert_eq!(lengths(PRIVATE), lengths(&many));
}

#[test]
fn a_project_that_the_configuration_hides_is_none_below_gitlabs_base() {
    let map = after(&Configuration::new("[]"), &[Change::Put(OPEN)]);
    let hiding = Configuration::new(r#"[{"id":7,"path":"conf/seven","modules":["x.y"]}]"#);
    let memory = Memory::new(&map);
    let found = |module: &'static str| {
        let asked = Asked {
            named: Some("7"),
            module: Some(module),
            reach: None,
        };
        let answers = hiding.kept(&memory).ask(&asked, None, false).unwrap();
        answers.projects(&|_| true).unwrap()
    };
    assert_eq!(found("x.y/z").named, None);
    let found = found(MODULES[1]);
    assert_eq!(found.named, None);
    assert!(found.owner.is_some_and(|owner| !owner.enabled));
}

#[test]
fn repair_ends_each_secret_that_no_list_shows_and_names_what_it_can_not_read() {
    let configuration = Configuration::new("[]");
    let (one, two) = (token("ci", "one", ""), token("ci", "two", ""));
    let (other, gone) = (token("other", "three", ""), token("gone", "four", ""));
    let whole = with_tokens(&[&two, &other]);
    at_every_step(|step, fault| {
        // As whoever is overtaken and stopped leaves it: the name has another hash, or is gone.
        let map = with_tokens(&[&two, &other]);
        for token in [&one, &gone] {
            let left = with_tokens(&[token]).take();
            let left = left
                .into_iter()
                .filter(|(name, _)| name.starts_with(HASHES));
            map.borrow_mut().extend(left);
        }
        let memory = Memory::faulty(&map, Faults::at(step, fault));
        let mut page = Mended::default();
        let done = configuration
            .kept(&memory)
            .repair(None, &|| true, &mut page);
        let at = format!("{fault:?} at step {step}");
        assert_eq!(done.is_err(), memory.faults.struck(), "{at}");
        let mut again = Mended::default();
        let kept = Memory::new(&map);
        let kept = configuration.kept(&kept);
        kept.repair(None, &|| true, &mut again).unwrap();
        assert_eq!(*map.borrow(), *whole.borrow(), "{at}");
        if !memory.faults.struck() {
            page.removed.sort();
            let words = |name: &str| format!("token {name} ended where no list showed it");
            assert_eq!(page.removed, [words("ci"), words("gone")]);
            assert_eq!(again, Mended::default());
        }
        memory.faults.struck()
    });
    let hash = hash_document(&other.hash_text());
    for name in [token_document("ci"), hash] {
        damage(&whole, name);
    }
    let before = whole.borrow().clone();
    let (memory, mut page) = (Memory::new(&whole), Mended::default());
    let done = configuration
        .kept(&memory)
        .repair(None, &|| true, &mut page);
    assert_eq!(done, Ok(()));
    page.problems.sort();
    let named = |name: &str| format!("what the store keeps as {name} can't be read");
    let expected = [
        named("admin/token/name/ci"),
        named(&hash_document(&other.hash_text())),
    ];
    assert_eq!((page.problems, page.removed), (expected.to_vec(), vec![]));
    assert_eq!(*whole.borrow(), before);
}

#[test]
fn repair_goes_through_the_tokens_in_pages_each_of_which_gets_further() {
    let configuration = Configuration::new("[]");
    let map = Map::default();
    for number in 0..2 * AT_ONCE {
        let left = token(&format!("t{number}"), &number.to_string(), "");
        let value = TokenRecord::new(left.clone()).to_value();
        map.borrow_mut()
            .insert(hash_document(&left.hash_text()), value);
    }
    let memory = Memory::new(&map);
    let mut cursor = None;
    for left in [AT_ONCE, 0] {
        let mut page = Mended::default();
        let kept = configuration.kept(&memory);
        kept.repair(cursor.as_deref(), &|| false, &mut page)
            .unwrap();
        assert_eq!(page.removed.len(), AT_ONCE);
        let map = map.borrow();
        let hashes = map.keys().filter(|name| name.starts_with(HASHES));
        assert_eq!(hashes.count(), left);
        cursor = page.cursor;
        assert_eq!(cursor.is_none(), left == 0);
    }
}

/// What is kept after these tokens were added.
fn with_tokens(tokens: &[&Token]) -> Map {
    let configuration = Configuration::new("[]");
    let map = Map::default();
    for token in tokens {
        let memory = Memory::new(&map);
        configuration.kept(&memory).put_token(token).unwrap();
    }
    map
}

fn damage(map: &Map, name: String) {
    let before = map.borrow_mut().insert(name, b"{}".to_vec());
    assert!(before.is_some());
}

#[test]
fn a_token_that_is_written_over_one_that_can_not_be_read_ends_the_secret_before_it() {
    let configuration = Configuration::new("[]");
    let (one, two) = (token("ci", "one", ""), token("ci", "two", ""));
    let other = token("other", "three", "");
    let expected = with_tokens(&[&other, &two]);
    at_every_step(|step, fault| {
        let map = with_tokens(&[&other, &one]);
        damage(&map, token_document("ci"));
        let memory = Memory::faulty(&map, Faults::at(step, fault));
        let _ = configuration.kept(&memory).put_token(&two);
        let again = Memory::new(&map);
        configuration.kept(&again).put_token(&two).unwrap();
        assert_eq!(
            *map.borrow(),
            *expected.borrow(),
            "{fault:?} at step {step}"
        );
        memory.faults.struck()
    });
}

#[test]
fn to_revoke_a_token_ends_what_no_list_shows_of_it() {
    let configuration = Configuration::new("[]");
    let other = token("other", "three", "");
    let map = with_tokens(&[&other, &token("ci", "one", "")]);
    let memory = Memory::new(&map);
    let kept = configuration.kept(&memory);
    map.borrow_mut().remove(&token_document("ci"));
    for outcome in [Outcome::Removed, Outcome::Absent] {
        let done = kept.revoke_token("ci");
        assert_eq!(done.map(|done| done.outcome), Ok(outcome));
        assert_eq!(*map.borrow(), *with_tokens(&[&other]).borrow());
    }
}

#[test]
fn a_project_that_is_written_over_one_that_can_not_be_read_leaves_no_copy_of_it() {
    use Change::Put;
    let configuration = Configuration::new("[]");
    for (text, path) in [
        (PRIVATE, None),
        (ELSEWHERE, None),
        (PRIVATE, Some("team/one")),
    ] {
        let expected = after(&configuration, &[Put(NEIGHBOUR), Put(text)]);
        at_every_step(|step, fault| {
            let map = after(&configuration, &[Put(NEIGHBOUR), Put(OPEN)]);
            damage(&map, format!("{IDS}7"));
            if let Some(path) = path {
                damage(&map, path_document(path));
            }
            let memory = Memory::faulty(&map, Faults::at(step, fault));
            let _ = configuration.kept(&memory).put_project(&project(text));
            let again = Memory::new(&map);
            configuration
                .kept(&again)
                .put_project(&project(text))
                .unwrap();
            let at = format!("{text} {fault:?} at step {step}");
            assert_eq!(*map.borrow(), *expected.borrow(), "{at}");
            memory.faults.struck()
        });
    }
}

#[test]
fn a_project_that_can_not_be_read_is_removed_by_its_id_and_by_its_path() {
    use Change::{Put, Remove};
    let configuration = Configuration::new("[]");
    let expected = after(&configuration, &[Put(NEIGHBOUR)]);
    let (id, path) = (id_document("7"), path_document("team/one"));
    for broken in [vec![&id], vec![&path], vec![&id, &path]] {
        for names in [["7", "team/one"], ["team/one", "7"]] {
            at_every_step(|step, fault| {
                let at = format!("{broken:?} {names:?} {fault:?} at step {step}");
                let map = after(&configuration, &[Put(NEIGHBOUR), Put(OPEN)]);
                for name in &broken {
                    damage(&map, (*name).clone());
                }
                let memory = Memory::faulty(&map, Faults::at(step, fault));
                let [first, second] = names;
                let _ = configuration.kept(&memory).remove_project(first);
                let again = Memory::new(&map);
                let kept = configuration.kept(&again);
                kept.remove_project(first).unwrap();
                // Each copy tells its path.
                assert_eq!(*map.borrow(), *expected.borrow(), "{at}");
                let done = kept.remove_project(second).map(|done| done.outcome);
                assert_eq!(done, Ok(Outcome::Absent), "{at}");
                memory.faults.struck()
            });
        }
    }
    let map = after(&configuration, &[Put(PRIVATE)]);
    damage(&map, id);
    let done = Remove("7").run(&configuration.kept(&Memory::new(&map)));
    let done = done.map(|done| (done.outcome, done.what));
    let what = "project 7 team/one removed".to_owned();
    assert_eq!(done, Ok((Outcome::Removed, what)));
}
