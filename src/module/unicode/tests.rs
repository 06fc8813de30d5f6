use super::*;
use crate::module::oracle::ask_text;

#[test]
fn every_code_point_is_what_go_takes_it_for() {
    let answer = ask_text("unicode", &[]);
    let [version, letters, printed, folds] = answer.as_slice() else {
        panic!("{answer:?}");
    };
    assert_eq!(
        version, "15.0.0",
        "run `go run . tables` in tests/oracle for new tables"
    );
    let numbers =
        |text: &str| -> Vec<u32> { text.split(' ').map(|n| n.parse().unwrap()).collect() };
    assert_eq!(edges(tables::LETTERS), numbers(letters));
    assert_eq!(edges(tables::PRINTED), numbers(printed));
    let mut folds = folds.split(' ').map(|pair| pair.split_once('=').unwrap());
    let mut next = folds.next();
    for c in '\u{80}'..=char::MAX {
        let mut expected = c;
        if let Some((_, least)) = next.filter(|(code, _)| *code == u32::from(c).to_string()) {
            let least = char::from_u32(least.parse().unwrap()).unwrap();
            expected = least.to_ascii_lowercase();
            next = folds.next();
        }
        assert_eq!(fold(c), expected, "{c:?}");
    }
    assert_eq!(next, None);
}

#[test]
fn ascii_is_as_in_go() {
    for c in '\0'..'\u{80}' {
        assert_eq!(is_letter(c), c.is_ascii_alphabetic(), "{c:?}");
        assert_eq!(is_printed(c), (' '..='~').contains(&c), "{c:?}");
        assert_eq!(fold(c), c.to_ascii_lowercase(), "{c:?}");
    }
    assert_eq!((fold('K'), fold('k'), fold('\u{212a}')), ('k', 'k', 'k'));
    assert_eq!((fold('S'), fold('\u{17f}')), ('s', 's'));
}
