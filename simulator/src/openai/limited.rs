//! [`Limited`]: the refusal of a limiter, in the words of each cloud and time.
//!
//! Clients read these texts: some for the seconds after which to retry, some for "call" or
//! "token". Azure has changed them twice; which of them a deployment speaks is configuration.

use super::error::{coded, error};
use super::{Dialect, Operation};
use crate::config::RefusalText;
use crate::limit::{self, Reason, Wait, go_duration};

/// A request that has to wait, and what its refusal quotes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Limited {
    pub(crate) operation: Operation,
    pub(crate) deployment: String,
    pub(crate) model: &'static str,
    pub(crate) region: String,
    pub(crate) text: RefusalText,
    pub(crate) refusal: limit::Refusal,
}

/// Assumed: no text of a real organization would be of use.
const ORGANIZATION: &str = "org-simulator";

impl Limited {
    /// The body on Azure's paths.
    pub(super) fn azure(&self, api_version: &str) -> String {
        let seconds = self.refusal.wait.seconds();
        match self.text {
            RefusalText::Classic => coded("429", &self.classic(api_version, seconds)),
            RefusalText::Gateway => gateway(Some(self.refusal.wait)),
            RefusalText::Deployment => coded("429", &self.of_deployment(api_version, seconds)),
            // Source: pollinations#6260; type and code only known through proxies.
            RefusalText::Capacity => coded(
                "429",
                &format!(
                    "The system is currently experiencing high demand and cannot process your request. Your request exceeds the maximum usage size allowed during peak load. Please retry after {seconds} seconds. For improved latency reliability, consider switching to Provisioned Throughput."
                ),
            ),
        }
    }

    /// Source: dbchatprov2#2, langchain#12986; the form most clients match on.
    fn classic(&self, api_version: &str, seconds: u64) -> String {
        let (operation, limit) = (self.operation(), self.limit());
        format!(
            "Requests to the {operation} Operation under Azure OpenAI API version {api_version} have exceeded {limit} rate limit of your current OpenAI S0 pricing tier. Please retry after {seconds} seconds. Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit."
        )
    }

    /// Source: dyad#1849.
    fn of_deployment(&self, api_version: &str, seconds: u64) -> String {
        let (operation, limit) = (self.operation(), self.limit());
        let Self {
            deployment,
            model,
            region,
            ..
        } = self;
        format!(
            "Your requests to {deployment} for {model} in {region} have exceeded the {limit} rate limit for your current AIServices S0 pricing tier. This request was for {operation} under Azure OpenAI API version {api_version}. Please retry after {seconds} seconds. To increase your default rate limit, visit: https://aka.ms/oai/quotaincrease."
        )
    }

    /// The body on OpenAI's paths. Sources: codel#72, climb#1.
    pub(super) fn openai(&self) -> String {
        let limit::Refusal {
            reason,
            said,
            limit,
            used,
            requested,
            ..
        } = self.refusal;
        let what = match reason {
            // Assumed: OpenAI sells no provisioned throughput that refuses like this.
            Reason::Tokens | Reason::Utilization => "tokens per min (TPM)",
            Reason::Requests => "requests per min (RPM)",
            Reason::RequestsOfDay => "requests per day (RPD)",
        };
        let of = format!(
            "for {} in organization {ORGANIZATION} on {what}",
            self.model
        );
        let visit = "Visit https://platform.openai.com/account/rate-limits to learn more.";
        let message = match said {
            Wait::Never => format!(
                "Request too large {of}: Limit {limit}, Requested {requested}. The input or output tokens must be reduced in order to run successfully. {visit}"
            ),
            Wait::For(_) => {
                let wait = go_duration(std::time::Duration::from_millis(said.millis()));
                format!(
                    "Rate limit reached {of}: Limit {limit}, Used {used}, Requested {requested}. Please try again in {wait}. {visit}"
                )
            }
        };
        let kind = match reason {
            Reason::Utilization => Reason::Tokens.as_str(),
            _ => reason.as_str(),
        };
        let code = Some("rate_limit_exceeded");
        error(Dialect::OpenAi, &message, kind, None, code)
    }

    fn operation(&self) -> &'static str {
        match self.operation {
            Operation::ChatCompletions => "ChatCompletions_Create",
            Operation::Completions => "Completions_Create",
            Operation::Embeddings => "Embeddings_Create",
        }
    }

    fn limit(&self) -> &'static str {
        match self.refusal.reason {
            Reason::Tokens | Reason::Utilization => "token",
            Reason::Requests | Reason::RequestsOfDay => "call",
        }
    }
}

/// The newer gateway's body. Source: graphrag-accelerator#129; the space is on the wire.
///
/// Assumed: without a wait the second sentence is missing.
pub(super) fn gateway(wait: Option<Wait>) -> String {
    let again = wait.map(|wait| format!(" Try again in {} seconds.", wait.seconds()));
    let again = again.unwrap_or_default();
    format!(r#"{{"error":{{"code":"429","message": "Rate limit is exceeded.{again}"}}}}"#)
}
