//! Whose counter a request falls on.

use super::Caller;
use crate::config::KeyDimension;

/// What of a key is kept: a caller who makes keys up costs no more memory than this each.
const LONGEST_BYTES: usize = 256;

impl KeyDimension {
    /// The key of `caller`; who has none shares the empty one with all others who have none.
    pub(crate) fn of(&self, caller: &Caller<'_>) -> String {
        let key = match self {
            Self::Subscription => caller.subscription,
            Self::Product => caller.product.unwrap_or_default(),
            Self::Api => caller.api,
            Self::Deployment => caller.deployment.as_deref().unwrap_or_default(),
            Self::ClientIp => return caller.client_ip.to_string(),
            Self::Everyone => "",
            Self::Header(name) => {
                let value = caller.headers.get(name).map(http::HeaderValue::as_bytes);
                return String::from_utf8_lossy(clipped(value.unwrap_or_default())).into_owned();
            }
        };
        key[..key.floor_char_boundary(LONGEST_BYTES)].to_owned()
    }
}

fn clipped(value: &[u8]) -> &[u8] {
    &value[..value.len().min(LONGEST_BYTES)]
}
