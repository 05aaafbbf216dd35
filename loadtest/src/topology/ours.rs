//! [`Ours`]: a gateway of ours in this process, and what it tells of a run.
//!
//! Whatever path a preset or a scenario names for a sink, here its file is in a folder that the
//! rig makes and takes away. Refusing files would refuse the presets that have one. The working
//! directory is the user's; and in the folder of a run a dry run, a repeat or a parallel job would
//! add to the same file, and lines of another run would be judged. What was written stays in the
//! run's folder as evidence, as everything else does.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use clock::Clock;
use gateway_under_test::{Gateway, GatewayConfig};
use http::{Request, Response};
use tempfile::TempDir;
use tower::{BoxError, Service};

use super::actor::sentence;
use super::{AccessEntry, UsageEvent, foreign};
use crate::evidence::Source;

/// Longer than a gateway that stops waits for its sinks, which is ten seconds, before it counts
/// what is left as dropped.
const STOPS_WITHIN: Duration = Duration::from_secs(15);

/// A gateway that runs in this process.
#[derive(Clone, Debug)]
pub(super) struct Ours {
    pub(super) gateway: Gateway,
    /// What it ran at first.
    pub(super) config: GatewayConfig,
    clock: Clock,
    folder: Arc<TempDir>,
}

impl Ours {
    /// A gateway with `config` before `upstream`.
    ///
    /// # Errors
    /// Everything that is wrong with `config`, in one sentence.
    pub(super) fn new<U>(config: GatewayConfig, clock: Clock, upstream: U) -> Result<Self, String>
    where
        U: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
        U::Error: Into<BoxError>,
        U::Future: Send + 'static,
    {
        let folder = TempDir::new().map_err(|error| format!("no folder for sinks: {error}"))?;
        let config = placed(&folder, config);
        let gateway = Gateway::new(config.clone(), clock.clone(), upstream);
        Ok(Self {
            gateway: gateway.map_err(|errors| sentence(&errors))?,
            config,
            clock,
            folder: Arc::new(folder),
        })
    }

    /// Has it run `config` from now on; gives what that became.
    ///
    /// # Errors
    /// Everything that is wrong with `config`, in one sentence.
    pub(super) fn reload(&self, config: GatewayConfig) -> Result<GatewayConfig, String> {
        let config = placed(&self.folder, config);
        let reloaded = self.gateway.reload(config.clone());
        reloaded.map_err(|errors| sentence(&errors))?;
        Ok(config)
    }

    /// Its access log.
    pub(super) fn log(&self) -> Source<Vec<AccessEntry>> {
        Source::Given(self.gateway.access_log().entries())
    }

    /// What it told of usage when it has stopped: what its first file says, which is what somebody
    /// would bill, or else what it knows itself. Its metrics page is whole only after this.
    pub(super) async fn usage_events(&self) -> Source<Vec<UsageEvent>> {
        if self.config.usage.is_none() {
            return Source::Missing("the gateway has no [usage]".to_owned());
        }
        let deadline = self.clock.now() + STOPS_WITHIN;
        // What is not written by then is not there: that is for the judge to find.
        let _ = (self.clock)
            .timeout_at(deadline, self.gateway.drain())
            .await;
        let told = match self.files().next() {
            Some((_, file)) => foreign::read(&file, 0),
            None => self.known(),
        };
        match told {
            Ok(mut events) => {
                events.sort_by_key(|event| event.at);
                Source::Given(events)
            }
            Err(error) => Source::Missing(format!("the usage events: {error:#}")),
        }
    }

    /// Its metrics page.
    pub(super) fn metrics(&self) -> Source<String> {
        Source::Given(self.gateway.metrics_text())
    }

    /// The files of its sinks, by the sink's name.
    pub(super) fn files(&self) -> impl Iterator<Item = (String, PathBuf)> {
        let sinks = self.config.usage.iter().flat_map(|usage| &usage.sinks);
        sinks.filter_map(|(name, sink)| Some((name.clone(), sink.file.clone()?)))
    }

    fn known(&self) -> anyhow::Result<Vec<UsageEvent>> {
        let events = serde_json::to_value(self.gateway.usage_events())?;
        Ok(serde_json::from_value(events)?)
    }
}

/// `config` with the file of each sink in `folder`, called as the sink is.
fn placed(folder: &TempDir, mut config: GatewayConfig) -> GatewayConfig {
    let sinks = config.usage.iter_mut().flat_map(|usage| &mut usage.sinks);
    for (name, sink) in sinks {
        if let Some(file) = &mut sink.file {
            let name = name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
            *file = folder.path().join(format!("{name}.jsonl"));
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use clock::DEFAULT_ANCHOR;
    use tower::{ServiceExt, service_fn};

    use super::*;

    const ANSWER: &str = r#"{"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}}"#;

    /// What is told of one chat by a gateway with these sinks, how many files it has, and its page.
    async fn told(sinks: &str) -> (Source<Vec<UsageEvent>>, usize, String) {
        let text = format!(
            "subscriptions.one.key = \"k\"\nbackends.b.url = \"http://b\"\n\
             apis.x = {{ prefix = \"/\", balance = {{ single = \"b\" }} }}\n{sinks}"
        );
        let config = GatewayConfig::parse("test", &text).unwrap();
        let upstream = service_fn(async |request: Request<Body>| {
            let status = if request.uri().path() == "/usage" {
                503
            } else {
                200
            };
            let answer = Response::builder().status(status);
            let answer = answer.header("content-type", "application/json");
            Ok::<_, Infallible>(answer.body(Body::from(ANSWER)).unwrap())
        });
        let ours = Ours::new(config, Clock::paused(DEFAULT_ANCHOR), upstream).unwrap();
        let request = Request::post("/openai/deployments/gpt/chat/completions");
        let request = request.header("api-key", "k").body(Body::from("{}"));
        let answer = ours.gateway.router().oneshot(request.unwrap()).await;
        let body = answer.unwrap().into_body();
        axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let files: Vec<_> = ours.files().collect();
        assert!(
            files
                .iter()
                .all(|(_, file)| file.starts_with(ours.folder.path()))
        );
        let events = ours.usage_events().await;
        (events, files.len(), ours.gateway.metrics_text())
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_says_what_the_gateway_knows_and_is_not_where_it_says() {
        let file = "[usage.sinks]\n\"the/bills\".file = \"/nowhere/usage.jsonl\"\n";
        let (written, files, _) = told(file).await;
        assert_eq!(files, 1);
        let (known, files, _) = told("[usage]\n").await;
        assert_eq!((&written, files), (&known, 0));
        let tokens: Vec<_> = known
            .given()
            .unwrap()
            .iter()
            .map(|event| event.total_tokens)
            .collect();
        assert_eq!(tokens, [12]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_sink_does_not_take_is_known_all_the_same_and_counted() {
        let url = "[usage.sinks.nobody]\nurl = \"http://b/usage\"\n";
        let (known, _, page) = told(url).await;
        assert_eq!(known.given().unwrap().len(), 1);
        let dropped = "gateway_usage_events_dropped_total{sink=\"nobody\"} 1";
        assert!(page.contains(dropped), "{page}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_usage_there_are_no_events_and_the_reason_is_told() {
        let why = "the gateway has no [usage]".to_owned();
        assert_eq!(told("").await.0, Source::Missing(why));
    }
}
