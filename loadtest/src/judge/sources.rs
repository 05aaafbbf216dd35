//! Which evidence a clause needs, and why it may be missing.
//!
//! Somebody else's gateway keeps no log that we can read, and a remote simulator may hide its
//! ledger. A gate that needs what is not there is not judged: neither passed nor failed.

use super::case::{Case, reads_ledger};
use super::usage::UsedTokens;
use crate::evidence::Source;
use crate::gate::{Assertion, Clause, Kind, Label, Metric, Records, Selection, Term};

impl Case<'_> {
    /// Why `clause` cannot be judged, if evidence is missing.
    pub(super) fn missing_for(&self, clause: &Clause) -> Option<String> {
        match &clause.assertion {
            Assertion::Compare(comparison) => {
                let mut terms = comparison.terms().into_iter();
                terms.find_map(|term| self.missing_for_term(term))
            }
            Assertion::Order { label, within, .. } => self
                .missing_for_selection(within, &[label])
                .or_else(|| self.missing_for_order(within)),
            Assertion::Each { of, .. } => self
                .missing_for_selection(of, &[])
                .or_else(|| self.missing_ledger(None)),
        }
    }

    fn missing_for_term(&self, term: &Term) -> Option<String> {
        let (asked, needs_order) = match term {
            Term::Total(_) | Term::Statistic(..) | Term::Window { .. } => (vec![], false),
            Term::Share { matching, .. } => (vec![&matching.label], false),
            Term::Fit { label, .. } => (vec![label], false),
            Term::Related(related) => (related.labels(), false),
            Term::Among { matching, .. } | Term::LongestRun { matching, .. } => {
                (vec![&matching.label], true)
            }
        };
        let selection = term.selection();
        let missing = self.missing_for_selection(selection, &asked);
        missing.or_else(|| {
            let order = needs_order.then(|| self.missing_for_order(selection));
            order.flatten()
        })
    }

    /// What `selection` needs, and the labels that are `asked` of its records.
    fn missing_for_selection(&self, selection: &Selection, asked: &[&Label]) -> Option<String> {
        let filters = selection.filters.iter().map(|filter| &filter.label);
        let labels: Vec<&Label> = filters.chain(asked.iter().copied()).collect();
        let kinds = selection.records();
        let by_kind = kinds.iter().find_map(|kind| match kind {
            Records::Gateway | Records::GatewayAttempts => self.missing_gateway(selection, &labels),
            Records::Ledgers => self.missing_ledger(Some(selection)),
            Records::Requests => self.missing_for_requests(selection.metric, &labels),
            Records::Events => self.missing_events(),
            Records::Metrics => self.missing_page(&labels),
            Records::ClientAttempts | Records::Gaps => None,
        });
        let counts_attempts = labels.contains(&&Label::Attempts);
        let is_logged = |kind: &Records| !matches!(kind, Records::Events | Records::Metrics);
        let needs_log = labels.contains(&&Label::Product) && kinds.iter().any(is_logged);
        by_kind
            .or_else(|| counts_attempts.then(|| self.missing_ledger(None)).flatten())
            .or_else(|| needs_log.then(|| self.missing_log()).flatten())
    }

    /// Why there are no usage events.
    pub(super) fn missing_events(&self) -> Option<String> {
        match &self.evidence.usage_events {
            Source::Missing(reason) => Some(format!("no usage events of the gateway: {reason}")),
            Source::Given(_) => None,
        }
    }

    /// Why there is no metrics page, or which of `labels` it does not tell.
    fn missing_page(&self, labels: &[&Label]) -> Option<String> {
        if let Source::Missing(reason) = &self.evidence.metrics {
            return Some(format!("no metrics page of the gateway: {reason}"));
        }
        let untold = labels.iter().find(|label| !self.page_tells(label));
        untold.map(|label| format!("the gateway's metrics do not tell `{}`", label.name()))
    }

    fn missing_for_requests(&self, metric: Metric, labels: &[&Label]) -> Option<String> {
        let is_compared = matches!(
            metric,
            Metric::ChangedRequests | Metric::ChangedAnswers | Metric::MovedRequests
        );
        let is_served =
            |label: &&Label| matches!(label, Label::Backend | Label::RefusedBy | Label::Reason);
        if is_compared || labels.iter().any(is_served) {
            let log = labels.contains(&&Label::Reason).then(|| self.missing_log());
            return self.missing_ledger(None).or(log.flatten());
        }
        None
    }

    fn missing_gateway(&self, selection: &Selection, labels: &[&Label]) -> Option<String> {
        let is_used = UsedTokens::of(selection.metric).is_some();
        if !is_used && selection.metric.row().kind == Kind::Sum {
            return Some("the gateway keeps no count of such tokens".to_owned());
        }
        let is_told = |label: &&Label| matches!(label, Label::Model | Label::Estimated);
        let needs_usage = is_used || labels.iter().any(is_told);
        let untold = needs_usage && !self.log_tells_usage();
        let untold = untold.then(|| "the gateway's access log tells no usage".to_owned());
        self.missing_log().or(untold)
    }

    /// Why there is no access log, where a gateway stands between.
    pub(super) fn missing_log(&self) -> Option<String> {
        match &self.evidence.gateway {
            Source::Missing(reason) if self.facts.has_gateway => {
                Some(format!("no access log of the gateway: {reason}"))
            }
            Source::Missing(_) | Source::Given(_) => None,
        }
    }

    /// Why a ledger that `selection` reads is missing; of all ledgers without a selection.
    pub(super) fn missing_ledger(&self, selection: Option<&Selection>) -> Option<String> {
        let simulators = self.facts.simulators.iter();
        let mut read = simulators.filter(|name| selection.is_none_or(|s| reads_ledger(s, name)));
        read.find_map(|name| match self.evidence.ledgers.get(name) {
            Some(Source::Given(_)) => None,
            Some(Source::Missing(reason)) => Some(format!("no ledger of {name}: {reason}")),
            None => Some(format!("no ledger of {name}")),
        })
    }

    /// Consecutive requests have an order only if somebody behind the clients numbered them.
    fn missing_for_order(&self, selection: &Selection) -> Option<String> {
        if selection.metric.row().records != Records::Requests {
            return None;
        }
        if self.evidence.gateway.given().is_some() {
            return None;
        }
        self.missing_ledger(None)
    }
}
