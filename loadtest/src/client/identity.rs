//! What a request is called on the wire, so that its traces can be found again.

use std::sync::Arc;

use sha2::{Digest, Sha256};

/// The name of a run in the correlations it sends.
#[derive(Clone, Debug)]
pub struct RunName {
    id: Arc<str>,
    /// In trace ids; never zero.
    hash: u64,
}

impl RunName {
    /// The name of the run called `id`, which must be visible ASCII.
    pub fn new(id: Arc<str>) -> Self {
        let digest = Sha256::digest(&*id);
        let first = digest.iter().take(8);
        let hash = first.fold(0, |hash, byte| hash << 8 | u64::from(*byte));
        Self {
            id,
            hash: hash.max(1),
        }
    }

    /// `x-request-id` of a client attempt: `<run>-<request>-<attempt>`.
    pub fn request_id(&self, request: u64, attempt: u32) -> String {
        format!("{}-{request}-{attempt}", self.id)
    }

    /// The trace id of a logical request: 16 hex digits of the run, then 16 of its number.
    pub fn trace_id(&self, request: u64) -> String {
        format!("{:016x}{request:016x}", self.hash)
    }

    /// `traceparent` of a client attempt: the trace is the logical request, the span the attempt.
    ///
    /// Gateways may put a span of their own in the third place; the trace id stays.
    // Source: https://www.w3.org/TR/trace-context/#traceparent-header (read 2026-08): version,
    // trace id of 32 and parent id of 16 lower case hex digits, neither all zeros, flags.
    pub fn traceparent(&self, request: u64, attempt: u32) -> String {
        // One above the attempt, because a span id of zeros is invalid.
        let span = u64::from(attempt) + 1;
        format!("00-{}-{span:016x}-01", self.trace_id(request))
    }
}

/// First 16 hex digits of the SHA-256 of `bytes`, as ledgers book bodies.
pub fn body_hash(bytes: &[u8]) -> String {
    short_hex(Sha256::new_with_prefix(bytes))
}

/// First 16 hex digits of what `digest` has taken in.
pub(super) fn short_hex(digest: Sha256) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = digest.finalize();
    digest[..8]
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> RunName {
        RunName::new(Arc::from(id))
    }

    #[test]
    fn a_request_id_names_run_request_and_attempt() {
        assert_eq!(run("k3").request_id(17, 2), "k3-17-2");
    }

    #[test]
    fn attempts_share_their_trace_and_differ_in_their_span() {
        // printf k3 | sha256sum
        let trace = "00-2f5052c9fd15b19a00000000000000ff";
        assert_eq!(
            run("k3").traceparent(255, 0),
            format!("{trace}-0000000000000001-01")
        );
        assert_eq!(
            run("k3").traceparent(255, 1),
            format!("{trace}-0000000000000002-01")
        );
    }

    #[test]
    fn other_runs_have_other_traces() {
        assert_ne!(run("a").trace_id(0), run("b").trace_id(0));
    }

    #[test]
    fn bodies_are_named_by_the_start_of_their_sha_256() {
        // printf abc | sha256sum
        assert_eq!(body_hash(b"abc"), "ba7816bf8f01cfea");
    }
}
