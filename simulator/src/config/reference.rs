//! The configuration of microsoft/aoai-api-simulator, for those who come from there.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use super::{
    ConfigError, DeploymentList, DeploymentSection, Distribution, LatencySection, LimiterKind,
    OperationLatencySections, SimulatorSection,
};
use crate::model::{Kind, Model};

/// A file that is no configuration of microsoft/aoai-api-simulator.
#[derive(Debug, Error)]
pub enum InvalidReferenceFile {
    /// Not JSON, or not an object of deployments.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Deployments with mistakes.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Deployments(Vec<ConfigError>),
}

/// One deployment in its words; what it does not know it ignores.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReferenceDeployment {
    model: String,
    #[serde(default)]
    tokens_per_minute: u64,
    #[serde(default)]
    requests_per_minute: u64,
    #[serde(default = "embedding_size")]
    embedding_size: NonZeroU32,
}

/// The reference's default, for every model.
fn embedding_size() -> NonZeroU32 {
    const { NonZeroU32::new(1_536).expect("not zero") }
}

impl SimulatorSection {
    /// Reads the JSON file that `OPENAI_DEPLOYMENT_CONFIG_PATH` names.
    ///
    /// # Errors
    /// [`InvalidReferenceFile`] with every deployment that cannot be simulated.
    pub fn from_reference(json: &str) -> Result<Self, InvalidReferenceFile> {
        let deployments: BTreeMap<String, ReferenceDeployment> = serde_json::from_str(json)?;
        let mut errors = Vec::new();
        let table = deployments.into_iter().map(|(name, deployment)| {
            let section = deployment.section().unwrap_or_else(|error| {
                errors.push(error.under([name.clone()]));
                DeploymentSection::default()
            });
            (name, section)
        });
        let section = Self::of_reference(table.collect());
        if errors.is_empty() {
            Ok(section)
        } else {
            Err(InvalidReferenceFile::Deployments(errors))
        }
    }

    /// The deployments of the reference where nothing is configured; unknown names are served.
    pub fn reference_default() -> Self {
        let chats = ["1k", "2k", "5k", "10k", "20k", "50k", "100k", "100m"];
        let tokens = [
            1_000,
            2_000,
            5_000,
            10_000,
            20_000,
            50_000,
            100_000,
            100_000_000,
        ];
        let chats = chats.into_iter().zip(tokens).map(|(size, tokens)| {
            let deployment = ReferenceDeployment::new("gpt-3.5-turbo", tokens, 0);
            (format!("gpt-35-turbo-{size}-token"), deployment)
        });
        let others = [
            (
                "embedding".to_owned(),
                ReferenceDeployment::new("text-embedding-ada-002", 20_000, 0),
            ),
            (
                "whisper".to_owned(),
                ReferenceDeployment::new("whisper", 0, 3),
            ),
        ];
        let all = chats.chain(others);
        let table = all.filter_map(|(name, deployment)| Some((name, deployment.section().ok()?)));
        Self {
            allow_undefined_deployments: Some(true),
            ..Self::of_reference(table.collect())
        }
    }

    /// A simulator with these deployments and the latencies the reference documents.
    fn of_reference(deployments: BTreeMap<String, DeploymentSection>) -> Self {
        let normal = |mean, std_dev| {
            Some(Distribution::Normal {
                mean: Duration::from_millis(mean).into(),
                std_dev: Duration::from_millis(std_dev).into(),
            })
        };
        let per_token = |mean, std_dev| LatencySection {
            per_token: normal(mean, std_dev),
            ..LatencySection::default()
        };
        let per_request = |mean, std_dev| LatencySection {
            per_request: normal(mean, std_dev),
            ..LatencySection::default()
        };
        Self {
            latency: Some(OperationLatencySections {
                chat_completions: Some(per_token(19, 6)),
                completions: Some(per_token(15, 2)),
                embeddings: Some(per_request(100, 30)),
            }),
            deployments: DeploymentList::Table(deployments),
            ..Self::default()
        }
    }
}

impl ReferenceDeployment {
    fn new(model: &str, tokens_per_minute: u64, requests_per_minute: u64) -> Self {
        Self {
            model: model.to_owned(),
            tokens_per_minute,
            requests_per_minute,
            embedding_size: embedding_size(),
        }
    }

    fn section(&self) -> Result<DeploymentSection, ConfigError> {
        let Some(model) = Model::find(&self.model) else {
            let message = format!("expected a known model, found `{}`", self.model);
            let names: Vec<_> = Model::names().collect();
            let help = format!("known models are {}", names.join(", "));
            return Err(ConfigError::new(["model"], message).with_help(help));
        };
        let section = DeploymentSection {
            model: Some(self.model.clone()),
            embedding_size: Some(self.embedding_size),
            ..DeploymentSection::default()
        };
        // Speech is limited by requests alone; no operation serves it yet.
        if model.kind == Kind::Audio {
            return Ok(DeploymentSection {
                limiter: Some(LimiterKind::None),
                ..section
            });
        }
        let Some(tokens_per_minute) = NonZeroU64::new(self.tokens_per_minute) else {
            let message = "expected `tokensPerMinute` above 0; without it nothing fits";
            return Err(ConfigError::new(["tokensPerMinute"], message));
        };
        // The reference ignores `requestsPerMinute` for models limited by tokens.
        let _ = self.requests_per_minute;
        Ok(DeploymentSection {
            limiter: Some(LimiterKind::Legacy),
            tokens_per_minute: Some(tokens_per_minute),
            ..section
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limiter;

    #[test]
    fn the_defaults_of_the_reference_can_be_run() {
        let config = SimulatorSection::reference_default()
            .resolve("sim", &BTreeMap::new())
            .unwrap();
        let names: Vec<_> = config.deployments.keys().map(String::as_str).collect();
        insta::assert_snapshot!(names.join(" "), @"embedding gpt-35-turbo-100k-token gpt-35-turbo-100m-token gpt-35-turbo-10k-token gpt-35-turbo-1k-token gpt-35-turbo-20k-token gpt-35-turbo-2k-token gpt-35-turbo-50k-token gpt-35-turbo-5k-token whisper");
        assert!(config.allow_undefined_deployments);
        let rate = config.deployments["gpt-35-turbo-2k-token"].limiter.rate();
        assert_eq!(rate.unwrap().tokens_per_minute.get(), 2_000);
    }

    #[test]
    fn a_file_of_the_reference_is_read_as_it_is_meant() {
        let json = r#"{
            "deployment1": { "model": "gpt-3.5-turbo", "tokensPerMinute": 60000 },
            "small": { "model": "text-embedding-3-small", "tokensPerMinute": 10000, "embeddingSize": 512 },
            "whisper": { "model": "whisper", "requestsPerMinute": 3 }
        }"#;
        let section = SimulatorSection::from_reference(json).unwrap();
        let config = section.resolve("sim", &BTreeMap::new()).unwrap();
        assert!(!config.allow_undefined_deployments);
        assert_eq!(config.deployments["small"].embedding_size.get(), 512);
        assert_eq!(config.deployments["whisper"].limiter, Limiter::None);
    }

    #[test]
    fn every_deployment_that_cannot_be_simulated_is_named() {
        let json = r#"{ "a": { "model": "gpt-9" }, "b": { "model": "gpt-3.5-turbo" } }"#;
        let error = SimulatorSection::from_reference(json)
            .unwrap_err()
            .to_string();
        let without_list = error.split("; help").next().unwrap();
        assert_eq!(
            without_list,
            "a.model: expected a known model, found `gpt-9`"
        );
        assert!(error.ends_with(
            "b.tokensPerMinute: expected `tokensPerMinute` above 0; without it nothing fits"
        ));
        let error = SimulatorSection::from_reference("{")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "EOF while parsing an object at line 1 column 1");
    }
}
