//! [`Priority`]: how much a call matters, as it says itself.

use http::{HeaderMap, HeaderValue};

use crate::headers::X_PRIORITY;

/// How much a call matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Priority {
    /// Is served as long as there is anything left.
    High,
    /// Yields.
    Low,
}

impl Priority {
    /// The priority of a call with these `headers` and `query`.
    ///
    /// Low has to be asked for, letter by letter and once: whoever writes `LOW` pays for high.
    pub(super) fn of(headers: &HeaderMap, query: Option<&str>) -> Self {
        let parameters = query.unwrap_or_default().split('&');
        let in_query = parameters.filter_map(|pair| pair.strip_prefix("priority="));
        let in_header = headers.get_all(X_PRIORITY).iter();
        if is_low(in_query.map(str::as_bytes)) || is_low(in_header.map(HeaderValue::as_bytes)) {
            Self::Low
        } else {
            Self::High
        }
    }

    /// The word for it in headers.
    pub(super) const fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::High => "high",
            Self::Low => "low",
        })
    }
}

/// Several values are joined by commas to one, which then is none that is known.
fn is_low<'v>(mut values: impl Iterator<Item = &'v [u8]>) -> bool {
    values.next() == Some(b"low") && values.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[&'static str], query: &str) -> HeaderValue {
        let pair = |value: &&'static str| (X_PRIORITY, HeaderValue::from_static(value));
        let headers = headers.iter().map(pair).collect();
        Priority::of(&headers, Some(query)).header()
    }

    #[test]
    fn low_is_said_by_query_or_header_letter_by_letter() {
        assert_eq!(of(&["low"], "api-version=1"), "low");
        assert_eq!(of(&[], "api-version=1&priority=low"), "low");
        assert_eq!(of(&["high"], "priority=low"), "low");
        for (headers, query) in [
            (&["LOW"][..], ""),
            (&["Low"], "priority=LOW"),
            (&["lower"], "priority="),
            (&["low", "low"], "priority=low&priority=high"),
            (&[], "xpriority=low&Priority=low"),
        ] {
            assert_eq!(of(headers, query), "high", "{headers:?} {query}");
        }
    }
}
