//! `[books]`: what a scenario allows, and what it leaves out with a reason.

use super::Resolver;
use crate::plan::BooksPlan;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::hints;
use crate::scenario::reading::Entry;
use crate::scenario::sections::{BOOKS, BooksSection};

impl Resolver<'_, '_> {
    /// The books: closed by default, with only 200 allowed.
    pub(super) fn books(&mut self) -> BooksPlan {
        let value = self.document.get("books").cloned();
        let entry = value.as_ref().map(|value| Entry {
            path: vec!["books"],
            place: self.section_place("books"),
            value,
            own: None,
        });
        let section = entry.filter(|_| !self.is_broken("books"));
        let section = section.and_then(|entry| self.read::<BooksSection>(&entry));
        let section = section.unwrap_or_default();
        for (check, reason) in &section.opt_out {
            self.check_opt_out(check, reason);
        }
        BooksPlan {
            allowed_statuses: section.statuses.unwrap_or_else(|| vec![200]),
            opted_out: section
                .opt_out
                .into_iter()
                .map(|(check, reason)| (format!("books.{check}"), reason))
                .collect(),
        }
    }

    fn check_opt_out(&mut self, check: &str, reason: &str) {
        let books = self.document.get("books");
        let opt_out = books.and_then(|books| books.get_ref().get("opt_out"));
        let entry = opt_out.and_then(|out| out.get_ref().as_table()?.get_key_value(check));
        let (key, value) = entry.map_or((0..0, 0..0), |(key, value)| (key.span(), value.span()));
        if !BOOKS.contains(&check) {
            let unknown = Diagnostic::at(key, format!("the books have no check `{check}`"));
            self.note(hints::did_you_mean(unknown, check, BOOKS));
        } else if reason.trim().is_empty() {
            let message = format!("leaving out `{check}` needs a reason");
            let example = format!("{check} = \"this scenario provokes them\"");
            self.note(Diagnostic::at(value, message).help(example));
        }
    }
}
