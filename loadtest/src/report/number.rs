//! Numbers as people read them: grouped, with their unit, with as many digits as they need.

use std::time::Duration;

/// A count, its thousands apart: `3 812`.
///
/// A plain space and no narrow one: terminals and CI logs disagree on the width of U+202F.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count and its noun: `1 request`, `3 812 requests`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// A measured time to three digits: `850 µs`, `1.23 ms`, `512 ms`, `4.06 s`, `125 s`.
pub(super) fn micros(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let number = micros as f64;
    match micros {
        0 => "0 ms".to_owned(),
        1..1_000 => format!("{micros} µs"),
        1_000..999_500 => format!("{} ms", three_digits(number / 1e3)),
        _ => format!("{} s", three_digits(number / 1e6)),
    }
}

/// A measured time to three digits.
pub(super) fn time(duration: Duration) -> String {
    micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// The length of a run or a phase: `0.5 s`, `45 s`, `9 min`, `9 min 30 s`, `1 h 12 min`.
pub(super) fn length(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    let seconds = (tenths + 5) / 10;
    match seconds {
        0..10 if !tenths.is_multiple_of(10) => format!("{}.{} s", tenths / 10, tenths % 10),
        0..60 => format!("{seconds} s"),
        60..3_600 => two_units(seconds / 60, "min", seconds % 60, "s"),
        _ => two_units(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
    }
}

/// A point of simulated time, as a stopwatch shows it: `2:03`, `1:02:03`.
pub(super) fn stopwatch(second: u64) -> String {
    let (hours, minutes, seconds) = (second / 3_600, second % 3_600 / 60, second % 60);
    if hours == 0 {
        return format!("{minutes}:{seconds:02}");
    }
    format!("{hours}:{minutes:02}:{seconds:02}")
}

fn two_units(large: u128, large_unit: &str, small: u128, small_unit: &str) -> String {
    if small == 0 {
        return format!("{large} {large_unit}");
    }
    format!("{large} {large_unit} {small} {small_unit}")
}

/// A rate or another measured number to three digits, its thousands apart: `0.5`, `12.3`, `1 204`.
pub(super) fn decimal(number: f64) -> String {
    if number.abs() < 99.95 {
        return three_digits(number);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a display of its magnitude; saturates"
    )]
    let whole = number.abs().round() as u64;
    format!("{}{}", if number < 0.0 { "-" } else { "" }, count(whole))
}

/// At most three digits, without zeroes that say nothing: `4.06`, `12.3`, `125`, `7`.
fn three_digits(number: f64) -> String {
    let decimals = match number.abs() {
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{number:.decimals$}");
    if decimals == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `part` of `whole` with one decimal: `41.2 %`; none of nothing.
pub(super) fn percent(part: u64, whole: u64) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let share = part as f64 / whole as f64;
    (whole > 0).then(|| format!("{:.1} %", share * 100.0))
}

/// Events per minute over `duration`; zero over no time.
pub(super) fn per_minute(events: u64, duration: Duration) -> f64 {
    let minutes = duration.as_secs_f64() / 60.0;
    if minutes == 0.0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^52")]
    let events = events as f64;
    // Three decimals: what is left is noise that only makes files differ in length.
    (events / minutes * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn grouping_loses_no_digit(number: u64) {
            let grouped = count(number);
            prop_assert_eq!(grouped.replace(' ', "").parse::<u64>(), Ok(number));
            prop_assert!(grouped.split(' ').skip(1).all(|group| group.len() == 3));
        }

        #[test]
        fn a_measured_time_never_needs_more_than_nine_columns(micros in 0u64..3_600_000_000) {
            prop_assert!(super::micros(micros).chars().count() <= 9);
        }
    }

    #[test]
    fn thousands_are_apart() {
        let grouped = [0, 999, 1_000, 3_812, 1_234_567].map(count);
        assert_eq!(grouped, ["0", "999", "1 000", "3 812", "1 234 567"]);
        assert_eq!(counted(1, "request"), "1 request");
        assert_eq!(counted(3_812, "request"), "3 812 requests");
    }

    #[test]
    fn measured_times_have_three_digits_and_a_unit() {
        let read = [
            0,
            850,
            1_000,
            1_234,
            512_400,
            999_499,
            999_500,
            4_060_000,
            125_400_000,
        ];
        let times = read.map(micros);
        let expected = [
            "0 ms", "850 µs", "1 ms", "1.23 ms", "512 ms", "999 ms", "1 s", "4.06 s", "125 s",
        ];
        assert_eq!(times, expected);
    }

    #[test]
    fn lengths_are_in_the_units_people_plan_in() {
        let lengths = [0, 440, 500, 9_960, 45_000, 540_000, 570_000, 4_320_000];
        let read = lengths.map(|millis| length(Duration::from_millis(millis)));
        let expected = [
            "0 s",
            "0.4 s",
            "0.5 s",
            "10 s",
            "45 s",
            "9 min",
            "9 min 30 s",
            "1 h 12 min",
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn points_of_time_look_like_a_stopwatch() {
        assert_eq!([0, 123, 3_723].map(stopwatch), ["0:00", "2:03", "1:02:03"]);
    }

    #[test]
    fn decimals_keep_no_idle_zero() {
        let read = [0.0, 0.5, 12.34, 120.0, 1_204.4].map(decimal);
        assert_eq!(read, ["0", "0.5", "12.3", "120", "1 204"]);
    }

    #[test]
    fn a_share_of_nothing_is_not_a_number() {
        assert_eq!(percent(1, 3).as_deref(), Some("33.3 %"));
        assert_eq!(percent(0, 0), None);
        assert_eq!(decimal(per_minute(90, Duration::from_mins(3))), "30");
        assert_eq!(decimal(per_minute(90, Duration::ZERO)), "0");
    }
}
