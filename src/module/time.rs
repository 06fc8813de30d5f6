//! Points in time, in the three forms that the GOPROXY protocol needs: RFC 3339 text as Go's
//! `time.RFC3339` reads and writes it, the 14 digits of a pseudo-version, and Unix seconds.
//!
//! Years run from 0 to 9999, always UTC when written. No calendar crate: what is needed is two
//! conversions between days and dates (proleptic Gregorian), and the ready-made crates are larger
//! in the component than this whole room's rules for paths and versions.

use std::fmt;

const SECONDS_A_DAY: i64 = 86_400;

/// A point in time, to the nanosecond, between the years 0 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    seconds: i64,
    /// 0 to 999,999,999.
    nanos: u32,
}

impl Timestamp {
    /// Go's zero time, 0001-01-01T00:00:00Z: what the `go` command takes for "unknown".
    pub const ZERO: Timestamp = Timestamp {
        seconds: -62_135_596_800,
        nanos: 0,
    };

    const FIRST: i64 = -62_167_219_200;
    const LAST: i64 = 253_402_300_799;

    /// From seconds since 1970 and nanoseconds; `None` outside the years 0 to 9999.
    pub fn from_unix(seconds: i64, nanos: u32) -> Option<Self> {
        let valid = (Self::FIRST..=Self::LAST).contains(&seconds) && nanos < 1_000_000_000;
        valid.then_some(Timestamp { seconds, nanos })
    }

    /// Whole seconds since 1970, rounded down.
    pub fn unix_seconds(&self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`Timestamp::unix_seconds`].
    pub fn nanos(&self) -> u32 {
        self.nanos
    }

    /// The same time without its fraction of a second.
    pub fn to_whole_seconds(self) -> Self {
        Timestamp { nanos: 0, ..self }
    }

    /// From a date and a time of day in UTC; `None` where there is no such time.
    pub fn from_utc(date: [u32; 3], time: [u32; 3]) -> Option<Self> {
        let ([year, month, day], [hour, minute, second]) = (date, time);
        let valid = year <= 9999
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        let of_day = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        valid
            .then(|| days_from_date(year, month, day) * SECONDS_A_DAY + of_day)
            .and_then(|seconds| Self::from_unix(seconds, 0))
    }

    /// Reads RFC 3339 as Go's `time.Parse(time.RFC3339, text)` does: any number of decimals
    /// (beyond nine they are cut), `Z` or an offset, and, as Go has it, an hour of one digit.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let mut rest = text;
        let year = digits(&mut rest, 4)?;
        let month = part(&mut rest, '-')?;
        let day = part(&mut rest, '-')?;
        rest = rest.strip_prefix('T')?;
        let hour = digits(&mut rest, 2).or_else(|| digits(&mut rest, 1))?;
        let minute = part(&mut rest, ':')?;
        let second = part(&mut rest, ':')?;
        let nanos = fraction(&mut rest)?;
        let offset = offset(rest)?;
        let local = Self::from_utc([year, month, day], [hour, minute, second])?;
        Self::from_unix(local.seconds - offset, nanos)
    }

    /// Reads the `yyyymmddhhmmss` of a pseudo-version.
    pub fn parse_pseudo(text: &str) -> Option<Self> {
        let mut rest = text;
        let year = digits(&mut rest, 4)?;
        let mut pair = || digits(&mut rest, 2);
        let time = Self::from_utc([year, pair()?, pair()?], [pair()?, pair()?, pair()?])?;
        rest.is_empty().then_some(time)
    }

    /// The `yyyymmddhhmmss` of a pseudo-version.
    pub fn to_pseudo(self) -> String {
        let ([year, month, day], [hour, minute, second]) = self.parts();
        format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
    }

    /// The date and the time of day in UTC.
    fn parts(&self) -> ([u32; 3], [u32; 3]) {
        let days = self.seconds.div_euclid(SECONDS_A_DAY);
        let of_day = self.seconds.rem_euclid(SECONDS_A_DAY);
        let small = |n: i64| u32::try_from(n).unwrap_or_default();
        let time = [of_day / 3600, of_day / 60 % 60, of_day % 60].map(small);
        (date_from_days(days).map(small), time)
    }
}

/// RFC 3339 in UTC with as many decimals as there are, as Go's `time.RFC3339Nano` writes it.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([year, month, day], [hour, minute, second]) = self.parts();
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if self.nanos != 0 {
            let decimals = format!("{:09}", self.nanos);
            write!(f, ".{}", decimals.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// Takes exactly `count` digits off the front.
fn digits(rest: &mut &str, count: usize) -> Option<u32> {
    let (digits, after) = rest.split_at_checked(count)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    *rest = after;
    digits.parse().ok()
}

/// Takes a separator and two digits off the front.
fn part(rest: &mut &str, separator: char) -> Option<u32> {
    *rest = rest.strip_prefix(separator)?;
    digits(rest, 2)
}

/// Takes `.5` off the front, or nothing.
fn fraction(rest: &mut &str) -> Option<u32> {
    let Some(after) = rest.strip_prefix(['.', ',']) else {
        return Some(0);
    };
    let end = after.find(|c: char| !c.is_ascii_digit())?;
    let (decimals, after) = after.split_at(end);
    *rest = after;
    let nine: String = decimals
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    if decimals.is_empty() {
        None
    } else {
        nine.parse().ok()
    }
}

/// Seconds east of UTC, from `Z` or `+01:00`.
fn offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut rest = text.strip_prefix(['+', '-'])?;
    let hours = digits(&mut rest, 2)?;
    let minutes = part(&mut rest, ':')?;
    // The bounds are those of Go, which takes +24:60 too.
    let valid = rest.is_empty() && hours <= 24 && minutes <= 60;
    valid.then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years are counted from March, so that a leap day is a year's last; the
/// months from March then have 153 days in each five.
fn days_from_date(year: u32, month: u32, day: u32) -> i64 {
    let (year, month) = if month > 2 {
        (i64::from(year), i64::from(month) - 3)
    } else {
        (i64::from(year) - 1, i64::from(month) + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    year * 365 + leap_days + of_year - 719_468
}

/// The year, month and day of a day since 1970-01-01.
fn date_from_days(days: i64) -> [i64; 3] {
    // 146,097 days make 400 years, the longest period of the calendar.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    [year, month, day]
}

#[cfg(test)]
mod tests;
