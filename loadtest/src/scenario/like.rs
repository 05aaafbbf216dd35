//! `like = "name"`: an entry of a section that starts from another one.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::DeValue;

use super::diagnostic::Diagnostic;
use super::document::lay_table_over;
use super::hints;
use super::source::{Table, Value};

/// The entries of a section with every `like` followed.
#[derive(Debug, Default)]
pub(super) struct Likes<'t> {
    /// The entries: the liked one first, an entry's own keys over it.
    pub(super) entries: Table<'t>,
    /// Entries whose `like` leads nowhere: what they lack may have stood there.
    pub(super) broken: BTreeSet<String>,
    /// What is wrong, each circle once.
    pub(super) diagnostics: Vec<Diagnostic>,
    circles: BTreeSet<BTreeSet<String>>,
}

impl<'t> Likes<'t> {
    /// Follows every `like` in `section`, whose entries are each a `kind`. Chains work.
    pub(super) fn follow(section: &Table<'t>, kind: &str) -> Self {
        let mut likes = Self::default();
        for (key, value) in section {
            let mut chain = vec![key.get_ref().to_string()];
            let value = likes.followed(section, value, kind, &mut chain);
            likes.entries.insert(key.clone(), value);
        }
        likes
    }

    fn followed(
        &mut self,
        section: &Table<'t>,
        value: &Value<'t>,
        kind: &str,
        chain: &mut Vec<String>,
    ) -> Value<'t> {
        let like = value.get_ref().get("like");
        let Some((like, name)) = like.and_then(|like| Some((like, like.get_ref().as_str()?)))
        else {
            return value.clone();
        };
        if let Some(start) = chain.iter().position(|seen| seen == name) {
            self.circle(like, &chain[start..], chain);
            return without_like(value.clone());
        }
        let Some(base) = section.get(name) else {
            self.unknown(section, like, name, kind, chain);
            return without_like(value.clone());
        };
        chain.push(name.to_owned());
        let base = self.followed(section, base, kind, chain);
        self.laid_over(base, without_like(value.clone()))
    }

    fn laid_over(&mut self, mut base: Value<'t>, mut own: Value<'t>) -> Value<'t> {
        let span = own.span();
        if let (DeValue::Table(lower), DeValue::Table(upper)) = (base.get_mut(), own.get_mut()) {
            lay_table_over(lower, std::mem::take(upper), &mut self.diagnostics);
        }
        Spanned::new(span, base.into_inner())
    }

    fn circle(&mut self, like: &Value<'t>, circle: &[String], chain: &[String]) {
        self.broken.extend(chain.iter().cloned());
        if !self.circles.insert(circle.iter().cloned().collect()) {
            return;
        }
        let way: Vec<String> = circle
            .iter()
            .chain(circle.first())
            .map(|name| format!("`{name}`"))
            .collect();
        let message = format!("`like` goes in a circle: {}", way.join(" → "));
        self.diagnostics.push(Diagnostic::at(like.span(), message));
    }

    fn unknown(
        &mut self,
        section: &Table<'t>,
        like: &Value<'t>,
        name: &str,
        kind: &str,
        chain: &[String],
    ) {
        self.broken.extend(chain.iter().cloned());
        let itself = chain.last();
        let known = section.keys().map(|key| key.get_ref().as_ref());
        let known = known.filter(|known| itself.is_none_or(|itself| itself != known));
        let missing = Diagnostic::at(like.span(), format!("there is no {kind} `{name}`"));
        let missing = hints::did_you_mean(missing, name, known);
        if !self.diagnostics.contains(&missing) {
            self.diagnostics.push(missing);
        }
    }
}

fn without_like(mut value: Value<'_>) -> Value<'_> {
    if let DeValue::Table(table) = value.get_mut() {
        table.remove("like");
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::source::Sources;

    fn follow(text: &str) -> Vec<String> {
        let section = Sources::default().parse("a.toml", text).unwrap();
        let likes = Likes::follow(&section, "client class");
        likes
            .diagnostics
            .into_iter()
            .map(|diagnostic| diagnostic.message)
            .collect()
    }

    #[test]
    fn chains_are_followed_and_own_keys_win() {
        let text = "a = { x = 1, y = 1, z = 1 }\nb = { like = \"a\", y = 2, z = 2 }\nc = { like = \"b\", z = 3 }";
        let section = Sources::default().parse("a.toml", text).unwrap();
        let likes = Likes::follow(&section, "client class");
        let c = likes.entries.get("c").unwrap().get_ref();
        let field = |name| {
            c.get(name)
                .unwrap()
                .get_ref()
                .as_integer()
                .unwrap()
                .as_str()
        };
        assert_eq!(["x", "y", "z"].map(field), ["1", "2", "3"]);
        assert!(c.get("like").is_none());
    }

    #[test]
    fn a_circle_is_told_once_however_many_lead_into_it() {
        let told = follow("a = { like = \"b\" }\nb = { like = \"a\" }\nc = { like = \"a\" }");
        assert_eq!(told, ["`like` goes in a circle: `a` → `b` → `a`"]);
    }

    #[test]
    fn an_unknown_base_is_told_once_although_others_are_like_the_entry() {
        let told = follow("a = { like = \"x\" }\nb = { like = \"a\" }");
        assert_eq!(told, ["there is no client class `x`"]);
    }
}
