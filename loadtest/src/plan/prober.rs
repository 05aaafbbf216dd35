//! [`Prober`]: measures the backends from outside and tells the gateway which is fastest.

use std::sync::Arc;

use super::Class;

/// A client that goes straight to the backends and reports their order to the gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Prober {
    /// Its name, which is that of its observations' class.
    pub name: Arc<str>,
    /// The backends in the order of the file, in which equally fast ones stay.
    pub probes: Vec<Probe>,
    /// Requests to each backend; their median counts.
    pub samples: u32,
    /// How it reports.
    pub report: Class,
}

/// What a prober sends to one backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// What the report calls the backend.
    pub id: String,
    /// The request.
    pub class: Class,
}

impl Prober {
    /// All that it sends.
    pub fn classes(&self) -> impl Iterator<Item = &Class> {
        let backends = self.probes.iter().map(|probe| &probe.class);
        backends.chain([&self.report])
    }
}
