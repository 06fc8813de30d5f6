//! Documents that can't be read, or that are there without the one that they are copies of.

use super::*;

#[test]
fn what_can_not_be_read_lets_nobody_in_and_is_mended_by_writing_it_again() {
    let configuration = Configuration::new(OPEN_REST);
    let names = [
        format!("{IDS}7"),
        path_document("team/one"),
        prefix_document("example.com/a/b"),
    ];
    for name in &names {
        for damage in [
            "",
            "{}",
            "[]",
            "\u{0}",
            r#"{"project":{"id":7}}"#,
            NEIGHBOUR,
        ] {
            let map = after(&configuration, &[Change::Put(PRIVATE)]);
            let whole = map.borrow().clone();
            map.borrow_mut()
                .insert(name.clone(), damage.as_bytes().to_vec());
            let memory = Memory::new(&map);
            let kept = configuration.kept(&memory);
            let asked = [
                kept.find(Some("7"), None, None),
                kept.find(Some("team/one"), None, None),
                kept.find(None, Some("example.com/a/b/m"), Some(0)),
            ];
            for (own, found) in names.iter().zip(asked) {
                let kind = found.err().map(|failure| failure.kind);
                assert_eq!(
                    kind,
                    (own == name).then_some(Kind::Internal),
                    "{name} {damage}"
                );
            }
            assert!(
                kept.put_project(&project(PRIVATE)).is_ok(),
                "{name} {damage}"
            );
            assert_eq!(*map.borrow(), whole, "{name} {damage}");
        }
    }
    let now = Timestamp::ZERO;
    let ci = token("ci", "one", "");
    let other = token("other", "two", "");
    for name in [token_document("ci"), hash_document(&ci.hash_text())] {
        for damage in ["", "{}", r#"{"token":1}"#] {
            let map = Map::default();
            let memory = Memory::new(&map);
            let kept = configuration.kept(&memory);
            kept.put_token(&ci).unwrap();
            let whole = map.borrow().clone();
            map.borrow_mut()
                .insert(name.clone(), damage.as_bytes().to_vec());
            if name.starts_with(HASHES) {
                let failure = kept.token(b"one", now).unwrap_err();
                assert_eq!(failure.kind, Kind::Internal, "{damage}");
            } else {
                kept.revoke_token("ci").unwrap();
                assert_eq!(map.borrow().len(), 0, "{damage}");
            }
            assert!(kept.put_token(&ci).is_ok(), "{name} {damage}");
            assert_eq!(*map.borrow(), whole, "{name} {damage}");
            // Another's token under a hash is nobody's.
            let value = map.borrow()[&hash_document(&ci.hash_text())].clone();
            map.borrow_mut()
                .insert(hash_document(&other.hash_text()), value);
            assert_eq!(kept.token(b"two", now).unwrap_err().kind, Kind::Internal);
        }
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
