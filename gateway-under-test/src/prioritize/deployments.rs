//! [`Deployments`]: the rules of each deployment, and what is kept of it over a reload.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::refused::{Because, Refused};
use crate::config::ConfigError;
use crate::limit::{Place, State, kept};

/// What is kept of the deployments that a configuration names.
type Kept<T> = BTreeMap<String, Arc<Mutex<T>>>;

/// Rules and what is kept, by the name of a deployment.
#[derive(Debug)]
pub(super) struct Deployments<R, T> {
    rules: BTreeMap<String, R>,
    kept: Arc<Kept<T>>,
}

/// One deployment.
#[derive(Debug)]
pub(super) struct Deployment<'a, R, T> {
    pub(super) rules: &'a R,
    pub(super) kept: &'a Arc<Mutex<T>>,
}

impl<R: Copy, T: Default + Send + 'static> Deployments<R, T> {
    /// Those with these `rules`; what `previous` knew of them stays known.
    pub(super) fn new(
        rules: &BTreeMap<String, R>,
        previous: Option<State>,
        place: Place<'_>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        if rules.is_empty() {
            let error = place.error("deployments", "expected at least one deployment");
            errors.push(error.help("name the deployments behind the API with their thresholds"));
        }
        let previous = kept::<Kept<T>>(previous);
        let keep = |name: &String| {
            let known = previous.get(name).cloned();
            (name.clone(), known.unwrap_or_default())
        };
        Self {
            kept: Arc::new(rules.keys().map(keep).collect()),
            rules: rules.clone(),
        }
    }

    /// The deployment `name`.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn find(&self, name: Option<&str>) -> Result<Deployment<'_, R, T>, Refused> {
        let found = name.and_then(|name| {
            let (rules, kept) = (self.rules.get(name)?, self.kept.get(name)?);
            Some(Deployment { rules, kept })
        });
        found.ok_or(Refused::for_good(Because::UnknownDeployment))
    }

    /// What a successor gets.
    pub(super) fn state(&self) -> State {
        self.kept.clone()
    }
}

pub(super) fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
