//! `[prices]`: what tokens cost, for gates on `cost`.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use super::rig::Rig;
use crate::plan::Price;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::hints;
use crate::scenario::reading::Entry;

impl Resolver<'_, '_> {
    /// The prices by model; each of a model that some deployment has.
    pub(super) fn prices(&mut self, rig: &Rig<'_>) -> BTreeMap<String, Price> {
        let models = models(rig);
        let mut prices = BTreeMap::new();
        for (key, value) in &self.section("prices") {
            let name = key.get_ref().as_ref();
            let entry = Entry::of_section("prices", key, value);
            let Some(price) = self.read::<Price>(&entry) else {
                continue;
            };
            self.check_price(&entry, price);
            if rig.is_whole && !models.contains(name) {
                let message = format!("no deployment has the model `{name}`");
                let unknown = Diagnostic::at(key.span(), message);
                self.note(hints::did_you_mean(unknown, name, models.iter().copied()));
            }
            prices.insert(name.to_owned(), price);
        }
        prices
    }

    fn check_price(&mut self, entry: &Entry<'_, '_>, price: Price) {
        let fields = [
            ("prompt_per_million", price.prompt_per_million),
            ("completion_per_million", price.completion_per_million),
        ];
        for (field, value) in fields {
            if !value.is_finite() || value < 0.0 {
                let message = format!("expected a price of at least 0, found `{value}`");
                self.note(Diagnostic::at(entry.field(field), message));
            }
        }
    }
}

/// The models of all deployments, in order.
pub(super) fn models(rig: &Rig<'_>) -> BTreeSet<&'static str> {
    let deployments = rig.simulators.values().flat_map(|s| s.deployments.values());
    deployments
        .map(|deployment| deployment.model.name)
        .collect()
}
