//! [`Target`]: where a sink's lines go, a file or an address.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use clock::Clock;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode, Uri};
use http_body_util::BodyExt;
use thiserror::Error;
use tower::{BoxError, ServiceExt};
use tracing::warn;

use crate::config::{SinkConfig, address};
use crate::upstream::Upstream;

/// How long is waited before lines are posted again: at first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Where lines go.
#[derive(Clone, Debug)]
pub(super) enum Target {
    File(Arc<File>),
    Http {
        uri: Uri,
        timeout: Duration,
        upstream: Upstream,
        clock: Clock,
    },
}

/// Why lines are given up.
#[derive(Debug, Error)]
pub(super) enum Lost {
    /// The disk is full, or something like it.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// The address will not have them, now or later.
    #[error("it answers {0}")]
    Refused(StatusCode),
}

/// Why lines are posted again.
#[derive(Debug, Error)]
enum Again {
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error(transparent)]
    Failed(#[from] BoxError),
    #[error("it does not answer in time")]
    Late,
}

impl Target {
    /// The target of a configuration that was checked.
    ///
    /// # Errors
    /// Why its file cannot be written to.
    pub(super) fn open(
        config: &SinkConfig,
        upstream: &Upstream,
        clock: &Clock,
    ) -> io::Result<Self> {
        if let Some(path) = &config.file {
            let file = File::options().append(true).create(true).open(path)?;
            return Ok(Self::File(Arc::new(file)));
        }
        let uri = address(config.url.as_deref().unwrap_or_default());
        Ok(Self::Http {
            uri: uri.map_err(io::Error::other)?,
            timeout: config.timeout.get(),
            upstream: upstream.clone(),
            clock: clock.clone(),
        })
    }

    /// Writes `lines`; an address is asked until it takes them.
    pub(super) async fn write(&self, lines: Bytes) -> Result<(), Lost> {
        match self {
            Self::File(file) => {
                let file = file.clone();
                let written = tokio::task::spawn_blocking(move || (&*file).write_all(&lines));
                Ok(written.await.map_err(io::Error::other)??)
            }
            Self::Http { clock, uri, .. } => {
                let mut wait = BACKOFF.0;
                let mut is_told = false;
                loop {
                    let Err(why) = self.post(lines.clone()).await? else {
                        return Ok(());
                    };
                    if !std::mem::replace(&mut is_told, true) {
                        warn!(%uri, %why, "usage events are posted again until they are taken");
                    }
                    clock.sleep_until(clock.now() + wait).await;
                    wait = (wait * 2).min(BACKOFF.1);
                }
            }
        }
    }

    /// Posts `lines` once.
    async fn post(&self, lines: Bytes) -> Result<Result<(), Again>, Lost> {
        let Self::Http {
            uri,
            timeout,
            upstream,
            clock,
        } = self
        else {
            return Ok(Ok(()));
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let request = Request::post(uri)
            .header(HOST, authority)
            .header(CONTENT_TYPE, "application/x-ndjson")
            .body(Body::from(lines));
        let request = request.map_err(io::Error::other)?;
        let answer = async {
            let response = upstream.clone().oneshot(request).await?;
            let status = response.status();
            // Read to its end, so that the connection can be used again.
            response.into_body().collect().await?;
            Ok::<_, BoxError>(status)
        };
        let answer = clock.timeout_at(clock.now() + *timeout, answer).await;
        let is_passing = |status: StatusCode| {
            let may_change = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
            status.is_server_error() || may_change.contains(&status)
        };
        match answer {
            Err(_) => Ok(Err(Again::Late)),
            Ok(Err(error)) => Ok(Err(Again::Failed(error))),
            Ok(Ok(status)) if status.is_success() => Ok(Ok(())),
            Ok(Ok(status)) if is_passing(status) => Ok(Err(Again::Status(status))),
            Ok(Ok(status)) => Err(Lost::Refused(status)),
        }
    }
}
