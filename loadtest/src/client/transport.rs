//! [`Transport`]: how a request leaves and an answer comes back.
//!
//! One trait over sockets and over services in this process, so that both drivers run the same
//! loops. A transport tells failures in the same words on both sides ([`TransportError`]).

use std::error::Error;
use std::io;

use axum::body::BodyDataStream;
use bytes::Bytes;
use clock::{Clock, Moment};
use futures::StreamExt;
use http::{HeaderMap, Method};

use crate::observation::TransportError;
use crate::plan::Target;

/// A request on its way out.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Whom it is for.
    pub target: &'a Target,
    /// Its method.
    pub method: Method,
    /// Path and query as sent, with the gateway's prefix.
    pub path_and_query: &'a str,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// When the client gives up waiting for the end of the answer.
    pub deadline: Moment,
}

/// Sends requests; each user owns one.
///
/// Not `async_trait`: nobody needs it as an object, and a box per request costs.
pub trait Transport: Send {
    /// Sends a request and waits for the response headers, not past its deadline.
    ///
    /// The deadline holds for the body too. It is the transport's to keep, because whoever counts
    /// requests must see those that time out.
    ///
    /// # Errors
    /// [`TransportError`] if none arrive.
    fn send(
        &mut self,
        outgoing: Outgoing<'_>,
    ) -> impl Future<Output = Result<Incoming, TransportError>> + Send;
}

/// An answer whose headers have arrived.
#[derive(Debug)]
pub struct Incoming {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// What follows.
    pub body: Body,
}

/// The body of an answer, read chunk by chunk; dropping it hangs up.
#[derive(Debug)]
pub enum Body {
    /// From a socket; the HTTP client keeps the deadline.
    Socket(Box<reqwest::Response>),
    /// From a service in this process.
    Service {
        /// The chunks.
        chunks: BodyDataStream,
        /// Until when they are waited for.
        deadline: Moment,
        /// On this clock.
        clock: Clock,
    },
}

impl Incoming {
    /// The next bytes of the body as they arrived, or none after its end.
    ///
    /// # Errors
    /// [`TransportError::Cut`] if the body ends before it is complete, and
    /// [`TransportError::TimedOut`] at the request's deadline.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let cut = TransportError::Cut {
            status: self.status,
        };
        match &mut self.body {
            Body::Socket(response) => match response.chunk().await {
                Ok(chunk) => Ok(chunk),
                Err(error) if error.is_timeout() => Err(TransportError::TimedOut),
                Err(_) => Err(cut),
            },
            Body::Service {
                chunks,
                deadline,
                clock,
            } => match clock.timeout_at(*deadline, chunks.next()).await {
                Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
                Ok(Some(Err(_))) => Err(cut),
                Ok(None) => Ok(None),
                Err(_) => Err(TransportError::TimedOut),
            },
        }
    }
}

impl From<reqwest::Response> for Incoming {
    fn from(mut response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: Body::Socket(Box::new(response)),
        }
    }
}

/// Why a request got no response headers from a socket.
pub(crate) fn socket_error(error: &reqwest::Error) -> TransportError {
    if error.is_timeout() {
        return TransportError::TimedOut;
    }
    for cause in causes(error) {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::ConnectionRefused => return TransportError::Refused,
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof => return TransportError::Reset,
                _ => {}
            }
        }
        if let Some(http) = cause.downcast_ref::<hyper::Error>()
            && (http.is_incomplete_message() || http.is_canceled() || http.is_closed())
        {
            return TransportError::Reset;
        }
    }
    // The outer errors only say that something failed; the innermost says what.
    let innermost = causes(error).last().map(ToString::to_string);
    TransportError::Other(innermost.unwrap_or_default())
}

/// An error and what caused it, outermost first.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| {
        error.source()
    })
}
