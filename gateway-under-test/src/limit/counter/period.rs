//! [`Period`]: hours, days, weeks, months and years of the calendar, all of them in UTC.
//!
//! A period begins where its date, cut off behind its unit, does: the hour at minute 0, the day
//! at midnight, the month on its first day, the year on 1 January.
// Assumed: weeks begin on Monday, as in ISO 8601; API Management does not tell.

use std::time::Duration;

use clock::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::config::QuotaPeriod;

/// One hour, day, week, month or year.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Period {
    /// Its first instant.
    pub(crate) begins: Timestamp,
    /// The first instant of the next one.
    pub(crate) ends: Timestamp,
}

impl Period {
    /// The period that `date` lies in, of those of this `length` of which one begins at `start`.
    pub(crate) fn aligned(start: Timestamp, length: Duration, date: Timestamp) -> Self {
        let length = i64::try_from(length.as_micros()).unwrap_or(i64::MAX).max(1);
        let into = (date.as_microsecond() - start.as_microsecond()).rem_euclid(length);
        let begins = date.as_microsecond() - into;
        Self {
            begins: Timestamp::from_microsecond(begins).unwrap_or(Timestamp::MIN),
            ends: Timestamp::from_microsecond(begins.saturating_add(length))
                .unwrap_or(Timestamp::MAX),
        }
    }

    /// The period of this `kind` that `date` lies in; the last that can be written has no end.
    pub(crate) fn of(kind: QuotaPeriod, date: Timestamp) -> Self {
        let day = date.to_zoned(TimeZone::UTC).date();
        let (begins, length) = match kind {
            QuotaPeriod::Hourly => {
                let into = date.as_second().rem_euclid(3_600);
                let begins = Timestamp::from_second(date.as_second() - into);
                let ends = Timestamp::from_second(date.as_second() - into + 3_600);
                return Self {
                    begins: begins.unwrap_or(Timestamp::MIN),
                    ends: ends.unwrap_or(Timestamp::MAX),
                };
            }
            QuotaPeriod::Daily => (day, 1.day()),
            QuotaPeriod::Weekly => {
                let since_monday = i64::from(day.weekday().to_monday_zero_offset());
                (day.saturating_sub(since_monday.days()), 1.week())
            }
            QuotaPeriod::Monthly => (day.first_of_month(), 1.month()),
            QuotaPeriod::Yearly => (day.first_of_year(), 1.year()),
        };
        Self {
            begins: midnight(begins).unwrap_or(Timestamp::MIN),
            ends: begins
                .checked_add(length)
                .ok()
                .and_then(midnight)
                .unwrap_or(Timestamp::MAX),
        }
    }
}

fn midnight(day: Date) -> Option<Timestamp> {
    let zoned = day.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}
