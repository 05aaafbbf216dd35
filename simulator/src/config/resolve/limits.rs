//! From the keys of a deployment to its limiter, and where its requests spill over to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Place, stranger};
use crate::config::{
    ConfigError, Deployment, DeploymentSection, Limiter, LimiterKind, Provisioned, Rate,
    RateLimitHeader, Throughput,
};
use crate::model::Model;

/// The kinds that limit tokens per minute.
const RATES: &[LimiterKind] = &[
    LimiterKind::Legacy,
    LimiterKind::Modern,
    LimiterKind::OpenAi,
];

/// What the service's own metric of utilization covers.
const UTILIZATION_WINDOW: Duration = Duration::from_mins(1);

/// The limiter of a deployment of `model`, which is absent if it could not be told.
pub(super) fn limiter(
    place: Place<'_>,
    section: &DeploymentSection,
    model: Option<&Model>,
) -> Result<Limiter, ConfigError> {
    let has_limit = section.tokens_per_minute.is_some() || section.requests_per_minute.is_some();
    let kind = match section.limiter {
        None if has_limit => LimiterKind::Legacy,
        None => LimiterKind::None,
        Some(LimiterKind::None) if has_limit => {
            return Err(place
                .error("limiter", "expected no limit beside limiter `none`")
                .with_help("remove the limit, or write limiter = \"legacy\""));
        }
        Some(kind) => kind,
    };
    check_keys(place, section, kind)?;
    match kind {
        LimiterKind::None => Ok(Limiter::None),
        LimiterKind::Legacy => Ok(Limiter::Legacy(rate(place, section, kind)?)),
        LimiterKind::Modern => Ok(Limiter::Modern {
            rate: rate(place, section, kind)?,
            refused_are_charged: section.refused_are_charged.unwrap_or(true),
        }),
        LimiterKind::OpenAi => Ok(Limiter::OpenAi {
            rate: rate(place, section, kind)?,
            requests_per_day: section.requests_per_day,
        }),
        LimiterKind::Provisioned => provisioned(place, section, model),
    }
}

/// Refuses what another kind of limiter would go by: it would silently do nothing.
fn check_keys(
    place: Place<'_>,
    section: &DeploymentSection,
    kind: LimiterKind,
) -> Result<(), ConfigError> {
    let provisioned: &[_] = &[LimiterKind::Provisioned];
    let keys = [
        (
            "tokens_per_minute",
            section.tokens_per_minute.is_some(),
            RATES,
        ),
        (
            "requests_per_minute",
            section.requests_per_minute.is_some(),
            RATES,
        ),
        ("requests_window", section.requests_window.is_some(), RATES),
        (
            "requests_per_day",
            section.requests_per_day.is_some(),
            &[LimiterKind::OpenAi],
        ),
        (
            "refused_are_charged",
            section.refused_are_charged.is_some(),
            &[LimiterKind::Modern],
        ),
        ("ptus", section.ptus.is_some(), provisioned),
        ("throughput", section.throughput.is_some(), provisioned),
        (
            "utilization_window",
            section.utilization_window.is_some(),
            provisioned,
        ),
        ("spillover", section.spillover.is_some(), provisioned),
    ];
    let mut foreign = keys
        .iter()
        .filter(|(_, is_given, kinds)| *is_given && !kinds.contains(&kind));
    let Some((key, _, kinds)) = foreign.next() else {
        return Ok(());
    };
    let kinds: Vec<_> = kinds
        .iter()
        .map(|kind| format!("\"{}\"", kind.as_str()))
        .collect();
    let message = format!("expected no `{key}` beside limiter `{}`", kind.as_str());
    Err(place.error(key, message).with_help(format!(
        "`{key}` goes with limiter = {}",
        kinds.join(" or ")
    )))
}

fn rate(
    place: Place<'_>,
    section: &DeploymentSection,
    kind: LimiterKind,
) -> Result<Rate, ConfigError> {
    let Some(tokens_per_minute) = section.tokens_per_minute else {
        let message = format!(
            "expected `tokens_per_minute` for limiter `{}`",
            kind.as_str()
        );
        return Err(place
            .error("tokens_per_minute", message)
            .with_help("tokens_per_minute = 100_000"));
    };
    Ok(Rate {
        tokens_per_minute,
        requests_per_minute: section.requests_per_minute,
        requests_window: section.requests_window,
    })
}

fn provisioned(
    place: Place<'_>,
    section: &DeploymentSection,
    model: Option<&Model>,
) -> Result<Limiter, ConfigError> {
    let Some(ptus) = section.ptus else {
        let message = "expected `ptus` for limiter `provisioned`";
        return Err(place.error("ptus", message).with_help("ptus = 50"));
    };
    let window = section
        .utilization_window
        .unwrap_or(UTILIZATION_WINDOW.into());
    if window.get().is_zero() {
        let message = format!("expected a time above zero, found `{window}`");
        return Err(place.error("utilization_window", message));
    }
    // Without a model there is a mistake already.
    let Some(model) = model else {
        return Ok(Limiter::None);
    };
    let Some(throughput) = section.throughput.or_else(|| Throughput::of(model)) else {
        let message = format!(
            "expected `throughput`: none is published for `{}`",
            model.name
        );
        let help = "throughput = { input_tokens_per_minute_per_ptu = 2_500, output_ratio = 4 }";
        return Err(place.error("throughput", message).with_help(help));
    };
    Ok(Limiter::Provisioned(Provisioned {
        ptus,
        throughput,
        utilization_window: window,
        longest_prompt: Throughput::longest_prompt(model),
    }))
}

/// Which headers answers carry.
pub(super) fn rate_limit_headers(
    place: Place<'_>,
    section: &DeploymentSection,
    limiter: &Limiter,
) -> Result<Vec<RateLimitHeader>, ConfigError> {
    let Some(headers) = &section.rate_limit_headers else {
        return Ok(limiter.kind().rate_limit_headers().to_vec());
    };
    for (one, other, names) in [
        (
            RateLimitHeader::RetryAfter,
            RateLimitHeader::RetryAfterDate,
            ["retry-after", "retry-after-date"],
        ),
        (
            RateLimitHeader::Reset,
            RateLimitHeader::ResetMs,
            ["reset", "reset-ms"],
        ),
    ] {
        if headers.contains(&one) && headers.contains(&other) {
            let [one, other] = names;
            let message =
                format!("expected either `{one}` or `{other}`, found both: they are one header");
            return Err(place.error("rate_limit_headers", message));
        }
    }
    Ok(headers.clone())
}

/// Checks where requests of `place` spill over to, in the simulator `name`.
pub(super) fn check_spillover(
    name: &str,
    place: Place<'_>,
    deployments: &BTreeMap<String, Deployment>,
) -> Option<ConfigError> {
    let from = deployments.get(place.key)?;
    let to = from.spillover.as_ref()?;
    match deployments.get(to) {
        None => {
            let unknown = stranger(name, to);
            Some(place.error("spillover", unknown.message))
        }
        Some(deployment) if matches!(deployment.limiter, Limiter::Provisioned(_)) => {
            let message =
                format!("expected a standard deployment, found `{to}`, which is provisioned");
            Some(place.error("spillover", message))
        }
        Some(_) => None,
    }
}
