//! The gateway's metrics page: the series that it tells, read as text.
//!
//! Source: <https://prometheus.io/docs/instrumenting/exposition_formats/> (read 2026-08), the text
//! format; of it only what a counter needs: a name, labels, a value.

use std::collections::BTreeMap;

/// One series: a name, its labels and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// The series of `page`, in its order; a line that is none is left out.
pub(crate) fn series(page: &str) -> Vec<Series> {
    let lines = page.lines().map(str::trim);
    let told = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    told.filter_map(one).collect()
}

fn one(line: &str) -> Option<Series> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.insert(label.trim().to_owned(), value);
            rest = after.trim_start_matches([',', ' ']);
        }
        rest = &rest[1..];
    }
    Some(Series {
        name: name.to_owned(),
        labels,
        value: rest.split_whitespace().next()?.parse().ok()?,
    })
}

/// The value up to its closing quote, unescaped, and what follows that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, next)) = chars.next() {
        match next {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_a_name_labels_and_a_value() {
        let page = "# TYPE used counter\nused{by=\"a \\\"b\\\", {c}\", kind=\"prompt\"} 12\nup 1 1700\nbroken{x=\"y} 3\n";
        let found = series(page);
        let told: Vec<_> = found
            .iter()
            .map(|s| (s.name.as_str(), s.labels.len(), s.value))
            .collect();
        assert_eq!(told, [("used", 2, 12.0), ("up", 0, 1.0)]);
        assert_eq!(found[0].labels["by"], "a \"b\", {c}");
    }
}
