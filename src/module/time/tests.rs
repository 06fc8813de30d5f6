use super::*;
use crate::module::oracle::{Numbers, ask_text};

#[test]
fn a_time_is_read_and_written_in_every_form() {
    let time = Timestamp::parse_rfc3339("2006-01-02T15:04:05.120000000+07:00").unwrap();
    assert_eq!(time.to_string(), "2006-01-02T08:04:05.12Z");
    assert_eq!(time.to_pseudo(), "20060102080405");
    assert_eq!(
        (time.unix_seconds(), time.nanos()),
        (1_136_189_045, 120_000_000)
    );
    assert_eq!(Timestamp::from_unix(1_136_189_045, 120_000_000), Some(time));
    let whole = time.to_whole_seconds();
    assert_eq!(Timestamp::parse_pseudo("20060102080405"), Some(whole));
    assert_eq!(Timestamp::ZERO.to_string(), "0001-01-01T00:00:00Z");
}

#[test]
fn times_that_do_not_exist_are_refused() {
    for digits in [
        "",
        "2006010215040",
        "200601021504055",
        "20061302150405",
        "20060132150405",
        "20060229150405",
        "20060102240405",
        "20060102156005",
        "20060102150460",
        "2006010215040x",
    ] {
        assert_eq!(Timestamp::parse_pseudo(digits), None, "{digits}");
    }
    assert_eq!(Timestamp::from_unix(253_402_300_800, 0), None);
    assert_eq!(Timestamp::from_unix(0, 1_000_000_000), None);
}

#[test]
fn every_day_of_ten_thousand_years_has_its_own_number() {
    let mut expected = Timestamp::FIRST;
    for year in 0..=9999 {
        for month in 1..=12 {
            for day in 1..=days_in_month(year, month) {
                let time = Timestamp::from_utc([year, month, day], [0; 3]).unwrap();
                assert_eq!(time.seconds, expected);
                assert_eq!(time.parts().0, [year, month, day]);
                expected += SECONDS_A_DAY;
            }
        }
    }
    assert_eq!(expected, Timestamp::LAST + 1);
}

#[test]
fn made_up_times_are_read_as_by_go() {
    const PARTS: &[&[&str]] = &[
        &["2006", "0000", "9999", "2000", "1900", "206", "2024"],
        &["-"],
        &["01", "02", "12", "13", "00", "1"],
        &["-"],
        &["01", "28", "29", "30", "31", "32", "00"],
        &["T", "T", "T", "t", " "],
        &["00", "15", "23", "24", "5"],
        &[":"],
        &["00", "59", "60"],
        &[":"],
        &["00", "59", "60"],
        &[
            "",
            "",
            ".5",
            ".000000001",
            ".1234567891",
            ",5",
            ".",
            ".x",
            ".0",
        ],
        &[
            "Z", "Z", "z", "", "+00:00", "+01:30", "-23:59", "+24:00", "+24:59", "+25:00", "+1:00",
            "-01:60", "+0100",
        ],
    ];
    let mut numbers = Numbers(4);
    let mut valid = 0;
    for _ in 0..4000 {
        let text: String = PARTS.iter().map(|list| *numbers.one_of(list)).collect();
        let answer = ask_text("time", &[&text]);
        let own = Timestamp::parse_rfc3339(&text);
        valid += usize::from(own.is_some());
        let own = own.map(|time| time.to_string());
        assert_eq!(own.unwrap_or_default(), answer[1], "{text:?}");
    }
    assert!(valid > 100, "too few of the times are valid: {valid}");
}
