//! [`virtual_time()`]: the driver without sockets, on tokio's paused clock.
//!
//! Everything runs in one thread, and time moves only when every task waits for it. What happens
//! at one moment happens in the order of the runtime's queue, so one seed gives one run.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use tokio::task::JoinSet;

use super::stage::Stage;
use super::user::{Role, cast};
use super::{ClientEvidence, DriverError, Endpoint, Run};
use crate::client::Routers;

/// Plays a run in virtual time.
///
/// The caller has set up a current-thread runtime with paused time and made the run's clock with
/// [`Clock::paused`](clock::Clock::paused) in it. Two runs of one plan with one seed give equal
/// evidence.
///
/// # Errors
/// [`DriverError`] if a class calls somebody who is no service in this process, or has a header
/// that cannot be sent.
pub async fn virtual_time(run: Run) -> Result<ClientEvidence, DriverError> {
    run.check_endpoints(|endpoint| matches!(endpoint, Endpoint::Service(_)))?;
    let stage = Arc::new(Stage::new(&run)?);
    let routers = routers(&run);
    let cast = cast(&run.plan);
    let users = u32::try_from(cast.len()).unwrap_or(u32::MAX);
    let play = play(stage.clone(), cast, routers.clone());
    let ((), evidence) = run.lead(&stage, users, routers, play).await?;
    Ok(evidence)
}

async fn play(stage: Arc<Stage>, cast: Vec<Role>, routers: Routers) -> Result<(), DriverError> {
    let mut users = JoinSet::new();
    for role in cast {
        let (stage, mut transport) = (stage.clone(), routers.clone());
        users.spawn(async move { role.play(&stage, &mut transport).await });
    }
    while let Some(ended) = users.join_next().await {
        if ended.is_err() {
            stage.user_broke_down();
        }
    }
    Ok(())
}

fn routers(run: &Run) -> Routers {
    let service = |endpoint: &Endpoint| -> Option<Router> {
        match endpoint {
            Endpoint::Service(service) => Some(service.clone()),
            Endpoint::Url(_) => None,
        }
    };
    let simulators: BTreeMap<String, Router> = run
        .endpoints
        .simulators
        .iter()
        .filter_map(|(name, endpoint)| Some((name.clone(), service(endpoint)?)))
        .collect();
    let gateway = run.endpoints.gateway.as_ref().and_then(service);
    Routers::new(gateway, simulators, run.clock.clone())
}
