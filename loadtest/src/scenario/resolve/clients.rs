//! `[clients]`: the classes, with their targets, keys and prompts looked up.

use std::collections::BTreeSet;

use super::Resolver;
use super::class::{class, direct_key};
use super::rig::Rig;
use crate::plan::{Class, Target};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::hints;
use crate::scenario::like::Likes;
use crate::scenario::reading::{Entry, read};
use crate::scenario::sections::{ClientSection, OperationName};
use crate::scenario::source::{Key, Value};
use crate::topology::{GatewayPlan, SimulatorConfig};

/// The client classes.
#[derive(Debug, Default)]
pub(super) struct Clients {
    /// Those that were understood, in the order of the file.
    pub(super) classes: Vec<Class>,
    /// Names of all that are written.
    pub(super) written: Vec<String>,
}

/// A class as written and as read.
struct Draft<'e, 't> {
    entry: Entry<'e, 't>,
    /// The class before its `like` was followed.
    own: Option<&'e Value<'t>>,
    section: ClientSection,
}

impl Clients {
    /// Whether a class of this name is written.
    pub(super) fn has(&self, name: &str) -> bool {
        self.written.iter().any(|written| written == name)
    }

    /// Index of the class in the plan.
    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.classes.iter().position(|class| *class.name == *name)
    }
}

impl Draft<'_, '_> {
    /// The place of the first of `names` that the class itself writes, or else inherits.
    fn field(&self, names: &[&str]) -> std::ops::Range<usize> {
        let own = self.own.into_iter();
        let place = own
            .chain([self.entry.value])
            .flat_map(|value| names.iter().filter_map(|name| value.get_ref().get(*name)))
            .next();
        place.map_or_else(|| self.entry.place.clone(), toml::Spanned::span)
    }
}

impl<'t> Resolver<'_, 't> {
    /// The classes in the order of the file.
    pub(super) fn clients(&mut self, rig: &Rig<'t>) -> Clients {
        let section = self.required_section(
            "clients",
            "who sends requests",
            "[clients.user] with operation = \"chat_completions\" and deployment = \"NAME\"",
        );
        let mut likes = Likes::follow(&section, "client class");
        self.diagnostics.append(&mut likes.diagnostics);
        let unread = unread_classes(&likes);
        let mut clients = Clients::default();
        for (key, value) in &likes.entries {
            clients.written.push(key.get_ref().to_string());
            let entry = Entry::of_section("clients", key, value);
            let own = section.get(key.get_ref().as_ref());
            let like = own.and_then(|own| own.get_ref().get("like")?.get_ref().as_str());
            let is_orphan = likes.broken.contains(key.get_ref().as_ref())
                || like.is_some_and(|like| unread.contains(like));
            let Some(section) = self.client_section(&entry, is_orphan) else {
                continue;
            };
            let draft = Draft {
                entry,
                own,
                section,
            };
            clients.classes.extend(self.class(key, draft, rig));
        }
        clients
    }

    /// Reads a class; what an orphan, whose `like` is wrong, only lacks for that is not told.
    fn client_section(&mut self, entry: &Entry<'_, 't>, is_orphan: bool) -> Option<ClientSection> {
        let mut found = Vec::new();
        let read = read::<ClientSection>(entry, &mut found);
        if is_orphan {
            found.retain(|diagnostic| diagnostic.span.as_ref() != Some(&entry.place));
        }
        self.diagnostics.append(&mut found);
        read
    }

    fn class(&mut self, key: &Key<'t>, draft: Draft<'_, 't>, rig: &Rig<'t>) -> Option<Class> {
        let before = self.diagnostics.len();
        self.check_choices(&draft);
        self.check_options(&draft);
        self.check_patience(&draft);
        self.check_target(&draft, rig);
        self.check_deployment(&draft, rig);
        let gateway = rig.gateway.as_ref();
        let target = self.target(&draft, gateway);
        let subscription = self.subscription(&draft, gateway);
        let key_of = subscription.as_ref().zip(gateway);
        let key_of = key_of.and_then(|(name, gateway)| gateway.key(name));
        let value = (draft.section.key.clone())
            .or(key_of)
            .unwrap_or_else(|| direct_key(&draft.section, &rig.simulators));
        (self.diagnostics.len() == before).then(|| {
            let header = backend_header(rig.gateway.as_ref());
            class(
                key.get_ref(),
                draft.section,
                target,
                subscription,
                value,
                header,
            )
        })
    }

    /// One prompt and one key at most.
    fn check_choices(&mut self, draft: &Draft<'_, 't>) {
        const PROMPTS: [&str; 4] = ["prompt", "prompt_tokens", "input_characters", "body"];
        let written = draft.entry.value.get_ref();
        let mut prompts = PROMPTS.to_vec();
        prompts.retain(|prompt| written.get(*prompt).is_some());
        if prompts.len() > 1 {
            let message = format!("a class has one prompt, found {}", hints::list(&prompts));
            prompts.reverse();
            self.at(draft, &prompts, message, "remove all but one");
        }
        if draft.section.key.is_some() && draft.section.subscription.is_some() {
            let message = "`key` replaces the key of a subscription, found both";
            self.at(
                draft,
                &["key", "subscription"],
                message,
                "remove one of them",
            );
        }
    }

    /// Options that its operation does not have.
    fn check_options(&mut self, draft: &Draft<'_, 't>) {
        let client = &draft.section;
        let is_embeddings = matches!(client.operation, OperationName::Embeddings);
        if client.stream && is_embeddings {
            let message = "embeddings cannot be streamed";
            let help = "remove it, or write operation = \"chat_completions\"";
            self.at(draft, &["stream", "operation"], message, help);
        }
        if client.max_tokens.is_some() && is_embeddings {
            let message = "embeddings have no `max_tokens`";
            self.at(draft, &["max_tokens", "operation"], message, "remove it");
        }
        if client.query.contains_key("api-version") {
            let message = "`api-version` would be there twice";
            self.at(draft, &["query"], message, "api_version = \"2024-10-21\"");
        }
        if client.include_usage && !client.stream {
            let message = "`include_usage` is for streams: other answers always carry usage";
            self.at(
                draft,
                &["include_usage", "stream"],
                message,
                "add stream = true",
            );
        }
    }

    /// Retries and hanging up, as far as they fit the rest.
    fn check_patience(&mut self, draft: &Draft<'_, 't>) {
        let client = &draft.section;
        if client.paced && client.think_time.is_none() {
            let message = "`paced` changes nothing without `think_time`";
            self.at(draft, &["paced"], message, "think_time = \"1s\"");
        }
        if client.max_retries.is_some() && client.retries.is_none() {
            let message = "`max_retries` changes nothing without `retries`";
            self.at(
                draft,
                &["max_retries"],
                message,
                "retries = \"openai-python\"",
            );
        }
        if client.hangs_up_after_tokens.is_some() && client.hangs_up_after.is_some() {
            let message =
                "a client hangs up once, found `hangs_up_after_tokens` and `hangs_up_after`";
            let fields = ["hangs_up_after", "hangs_up_after_tokens"];
            self.at(draft, &fields, message, "remove one of them");
        }
        if client.hangs_up_after_tokens.is_some() && !client.stream {
            let message = "only a stream can be hung up on after so many tokens";
            let fields = ["hangs_up_after_tokens", "stream"];
            self.at(
                draft,
                &fields,
                message,
                "add stream = true, or write hangs_up_after = \"3s\"",
            );
        }
        if client.hangs_up_after_tokens == Some(0) {
            let message = "a client hangs up after at least one token";
            self.at(
                draft,
                &["hangs_up_after_tokens"],
                message,
                "hangs_up_after = \"0.1s\"",
            );
        }
        for name in &client.watches_headers {
            if http::HeaderName::try_from(name.as_str()).is_err() {
                let message = format!("`{name}` is no name of a header");
                self.at(
                    draft,
                    &["watches_headers"],
                    message,
                    "watches_headers = [\"x-ms-region\"]",
                );
            }
        }
    }

    /// A class calls a simulator that exists; without a gateway it must say which.
    fn check_target(&mut self, draft: &Draft<'_, 't>, rig: &Rig<'t>) {
        if let Some(simulator) = &draft.section.to {
            if !rig.has_simulator(simulator) && !rig.names.is_empty() {
                let message = format!("there is no simulator `{simulator}`");
                let missing = Diagnostic::at(draft.field(&["to"]), message);
                self.note(rig.which_simulator(missing, simulator));
            }
            return;
        }
        if rig.has_gateway {
            return;
        }
        let name = draft.entry.path.last().copied().unwrap_or_default();
        let message =
            format!("there is no [gateway], so `{name}` must say which simulator it calls");
        let missing = Diagnostic::at(draft.entry.place.clone(), message);
        let known = rig.names.first().map_or("NAME", String::as_str);
        self.note(missing.help(format!("to = \"{known}\"")));
    }

    fn check_deployment(&mut self, draft: &Draft<'_, 't>, rig: &Rig<'t>) {
        let wanted = &draft.section.deployment;
        let reachable: Vec<&SimulatorConfig> = match &draft.section.to {
            Some(name) => rig.simulators.get(name).into_iter().collect(),
            None => rig.simulators.values().collect(),
        };
        let serves = |config: &&SimulatorConfig| {
            config.allow_undefined_deployments || config.deployments.contains_key(wanted)
        };
        if !rig.is_whole || reachable.is_empty() || reachable.iter().any(serves) {
            return;
        }
        let known: BTreeSet<&str> = reachable
            .iter()
            .flat_map(|config| config.deployments.keys())
            .map(String::as_str)
            .collect();
        let message = match &draft.section.to {
            Some(name) => format!("the simulator `{name}` has no deployment `{wanted}`"),
            None => format!("no simulator has a deployment `{wanted}`"),
        };
        let missing = Diagnostic::at(draft.field(&["deployment"]), message);
        self.note(hints::did_you_mean(missing, wanted, known));
    }

    fn target(&mut self, draft: &Draft<'_, 't>, gateway: Option<&GatewayPlan>) -> Target {
        if let Some(simulator) = &draft.section.to {
            return Target::Simulator(simulator.clone());
        }
        let api = draft.section.gateway_api.as_deref();
        let prefix = gateway.map(|gateway| gateway.prefix(api)).transpose();
        let prefix = prefix.unwrap_or_else(|message| {
            let place = draft.field(&["gateway_api"]);
            self.note(Diagnostic::at(place, message));
            None
        });
        Target::Gateway {
            prefix: prefix.unwrap_or_default(),
        }
    }

    /// The subscription whose key the class presents, if it does.
    fn subscription(
        &mut self,
        draft: &Draft<'_, 't>,
        gateway: Option<&GatewayPlan>,
    ) -> Option<String> {
        let client = &draft.section;
        let gateway = gateway.filter(|_| client.key.is_none() && client.to.is_none())?;
        let Some(name) = &client.subscription else {
            return gateway.first_subscription();
        };
        if gateway.key(name).is_none() {
            let message = format!("the gateway has no subscription `{name}`");
            let missing = Diagnostic::at(draft.field(&["subscription"]), message);
            let known = gateway.subscriptions();
            self.note(hints::did_you_mean(
                missing,
                name,
                known.iter().map(String::as_str),
            ));
        }
        Some(name.clone())
    }

    fn at(
        &mut self,
        draft: &Draft<'_, 't>,
        fields: &[&str],
        message: impl Into<String>,
        help: &str,
    ) {
        self.note(Diagnostic::at(draft.field(fields), message).help(help));
    }
}

/// Where answers claim a backend: as our gateway does, or as its profile says.
pub(super) fn backend_header(gateway: Option<&GatewayPlan>) -> &str {
    let profile = gateway.and_then(|gateway| gateway.profile.as_ref());
    let own = profile.and_then(|profile| profile.backend_header.as_deref());
    own.unwrap_or("x-gw-backend")
}

/// Names of classes that cannot be read.
fn unread_classes(likes: &Likes<'_>) -> BTreeSet<String> {
    let entries = likes.entries.iter();
    let unread = entries.filter(|(key, value)| {
        let entry = Entry::of_section("clients", key, value);
        read::<ClientSection>(&entry, &mut Vec::new()).is_none()
    });
    unread.map(|(key, _)| key.get_ref().to_string()).collect()
}
