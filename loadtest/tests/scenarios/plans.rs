//! What a scenario file becomes: everything applied, looked up and fixed in time.

use std::time::Duration;

use clock::{Moment, Span, Speed};
use loadtest::plan::{Api, Crowd, Load, Operation, Plan, Prompt, Quantity, Ramp, Target};
use loadtest::topology::{BackendProfile, Profile};

use super::support::{File, STEADY, class, scenario};

fn at(seconds: u64) -> Moment {
    Moment::ZERO + Duration::from_secs(seconds)
}

fn ramp(from: u32, to: u32, over: &str) -> Ramp {
    Ramp {
        from,
        to,
        over: over.parse::<Span>().unwrap().get(),
    }
}

fn ramps(plan: &Plan) -> Vec<Vec<Ramp>> {
    let closed = plan.phases.iter().map(|phase| match &phase.load {
        Load::Closed(ramps) => ramps.clone(),
        _ => Vec::new(),
    });
    closed.collect()
}

fn names(plans: &[Plan]) -> Vec<&str> {
    plans
        .iter()
        .map(|plan| plan.name.rsplit('/').next().unwrap())
        .collect()
}

// Gateway and classes.

#[test]
fn a_preset_says_where_classes_call_and_with_which_key() {
    let plan = scenario(STEADY).plan();
    let user = class(&plan, "user");
    assert_eq!(
        user.target,
        Target::Gateway {
            prefix: "/round-robin-simple".to_owned()
        }
    );
    assert_eq!(user.subscription.as_deref(), Some("one"));
    let credential = user.credential.as_ref().unwrap();
    assert_eq!(
        (credential.header.as_str(), credential.value.as_str()),
        ("api-key", "subscription-key-one")
    );
}

#[test]
fn keys_of_the_gateway_are_laid_over_its_preset() {
    let plan = scenario(STEADY)
        .set("gateway.apis.round-robin-simple.forward_timeout", "7s")
        .plan();
    let gateway = plan.gateway.unwrap();
    let api = &gateway.config.apis["round-robin-simple"];
    assert_eq!(api.forward_timeout.get(), Duration::from_secs(7));
    assert_eq!(api.prefix, "/round-robin-simple");
}

#[test]
fn what_a_class_does_not_say_has_its_default() {
    let plan = scenario(&format!(
        "{STEADY}\n[clients.bare]\noperation = \"embeddings\"\ndeployment = \"chat\"\n"
    ))
    .plan();
    let bare = class(&plan, "bare");
    assert_eq!(
        bare.api,
        Api::AzureDated {
            api_version: Some("2024-10-21".to_owned())
        }
    );
    assert_eq!(bare.prompt, Prompt::Tokens(Quantity::Constant(16.0)));
    assert_eq!(bare.think_time_s, Quantity::Constant(0.0));
    assert_eq!(bare.timeout, Duration::from_mins(2));
    assert_eq!(bare.max_tokens, None);
    assert!(bare.marks_prompts);
    assert!(!bare.streams);
}

#[test]
fn a_class_that_is_like_another_changes_only_what_it_says() {
    let plan = scenario(&format!(
        "{STEADY}\n[clients.stream]\nlike = \"user\"\nstream = true\n\
         [clients.text]\nlike = \"stream\"\noperation = \"completions\"\nthink_time = \"2s\"\n"
    ))
    .plan();
    let text = class(&plan, "text");
    assert_eq!(text.operation, Operation::Completions);
    assert_eq!(text.think_time_s, Quantity::Constant(2.0));
    assert_eq!(text.max_tokens, Some(Quantity::Constant(10.0)));
    assert!(text.streams);
    assert!(!class(&plan, "user").streams);
}

#[test]
fn classes_present_the_key_they_name_or_none() {
    let plan = scenario(&format!(
        "{STEADY}\n[clients.second]\nlike = \"user\"\nsubscription = \"two\"\nkey_header = \"authorization\"\n\
         [clients.stranger]\nlike = \"user\"\nkey = \"stolen\"\n\
         [clients.nobody]\nlike = \"user\"\nkey = \"\"\n"
    ))
    .plan();
    let key = |name| {
        let class = class(&plan, name);
        let value = class
            .credential
            .as_ref()
            .map(|credential| credential.value.as_str());
        (class.subscription.as_deref(), value)
    };
    assert_eq!(
        key("second"),
        (Some("two"), Some("Bearer subscription-key-two"))
    );
    assert_eq!(key("stranger"), (None, Some("stolen")));
    assert_eq!(key("nobody"), (None, None));
}

#[test]
fn a_class_that_calls_a_simulator_presents_that_simulators_key() {
    let plan = scenario(&format!(
        "{STEADY}\n[clients.first]\nlike = \"user\"\nto = \"payg-1\"\n\
         [clients.second]\nlike = \"user\"\nto = \"payg-2\"\n"
    ))
    .plan();
    let key = |name| {
        class(&plan, name)
            .credential
            .as_ref()
            .map(|c| c.value.clone())
    };
    assert_eq!(
        class(&plan, "first").target,
        Target::Simulator("payg-1".to_owned())
    );
    assert_eq!(key("first").as_deref(), Some("any-key"));
    assert_eq!(key("second").as_deref(), Some("own-key"));
}

#[test]
fn the_books_allow_200_and_nothing_is_left_out_by_default() {
    let books = scenario(STEADY).plan().books;
    assert_eq!(books.allowed_statuses, [200]);
    assert!(books.opted_out.is_empty());
}

#[test]
fn what_is_left_out_of_the_books_keeps_its_reason() {
    let more = "[books]\nstatuses = [200, 429]\nopt_out = { server_errors = \"provoked\" }\n";
    let books = scenario(&format!("{STEADY}\n{more}")).plan().books;
    assert_eq!(books.allowed_statuses, [200, 429]);
    assert_eq!(books.opted_out["books.server_errors"], "provoked");
}

// Phases.

#[test]
fn each_phase_starts_when_the_one_before_ends() {
    let plan = scenario(
        "[phases]\nplay = [\n\
         { name = \"a\", run_for = \"60s\", users = { user = 2 } },\n\
         { name = \"pause\", run_for = \"1.5m\" },\n\
         { name = \"b\", run_for = \"30s\", users = { user = 1 }, say = \"Once more.\" },\n]\n",
    )
    .plan();
    let times: Vec<_> = plan
        .phases
        .iter()
        .map(|phase| (&*phase.name, phase.start, phase.end))
        .collect();
    assert_eq!(
        times,
        [
            ("a", at(0), at(60)),
            ("pause", at(60), at(150)),
            ("b", at(150), at(180))
        ]
    );
    assert_eq!(plan.phases[1].load, Load::Idle);
    assert_eq!(plan.phases[2].say.as_deref(), Some("Once more."));
}

#[test]
fn users_join_and_leave_at_the_rate_of_the_ramp() {
    let plan = scenario(
        "[clients.guest]\nlike = \"user\"\n[phases]\nramp_users_per_second = 2\nplay = [\n\
         { name = \"up\", run_for = \"60s\", users = { user = 4 } },\n\
         { name = \"change\", run_for = \"60s\", users = { user = 1, guest = 3 } },\n]\n",
    )
    .plan();
    assert_eq!(
        ramps(&plan),
        [
            [ramp(0, 4, "2s"), ramp(0, 0, "0s")],
            [ramp(4, 1, "1.5s"), ramp(0, 3, "1.5s")],
        ]
    );
}

#[test]
fn without_a_ramp_all_users_are_there_at_once() {
    let plan = scenario(STEADY).plan();
    assert_eq!(ramps(&plan), [[ramp(0, 2, "0s")]]);
}

#[test]
fn after_an_open_phase_users_start_from_none() {
    let plan = scenario(
        "[phases]\nramp_users_per_second = 1\nplay = [\n\
         { name = \"a\", run_for = \"60s\", users = { user = 5 } },\n\
         { name = \"open\", run_for = \"10s\", requests_per_second = { user = 2 } },\n\
         { name = \"b\", run_for = \"60s\", users = { user = 5 } },\n]\n",
    )
    .plan();
    assert_eq!(ramps(&plan)[2], [ramp(0, 5, "5s")]);
    // Two a second for ten seconds.
    assert_eq!(plan.planned_open(), 20);
}

#[test]
fn actions_come_in_order_of_time_whatever_their_order_in_the_file() {
    let plan = scenario(
        "[phases]\nplay = [\n\
         { name = \"a\", run_for = \"60s\", users = { user = 2 }, do = { \"30s\" = \"slow\", \"0s\" = \"fast\" } },\n\
         { name = \"b\", run_for = \"60s\", users = { user = 2 }, do = { \"500ms\" = \"fast\" } },\n]\n\
         [actions.slow.simulators.payg-1.deployments.chat]\nlatency.per_token = \"100ms\"\n\
         [actions.fast.simulators.payg-2.deployments.chat]\nlatency.per_token = \"1ms\"\n",
    )
    .plan();
    let cues: Vec<_> = plan
        .actions
        .iter()
        .map(|action| (action.at, &*action.phase, action.name.as_str()))
        .collect();
    let later = at(60) + Duration::from_millis(500);
    assert_eq!(
        cues,
        [
            (at(0), "a", "fast"),
            (at(30), "a", "slow"),
            (later, "b", "fast")
        ]
    );
    let (simulator, patch) = &plan.actions[1].simulators[0];
    assert_eq!(simulator, "payg-1");
    assert_eq!(
        patch["deployments"]["chat"]["latency"]["per_token"],
        "100ms"
    );
}

// Traces.

const TRACE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n\
    2026-01-01 00:00:00,100,20\n2026-01-01 00:00:04,200,30\n";

const REPLAY: &str = "[phases]\nplay = [{ name = \"replay\", trace = { file = \"trace.csv\", class = \"user\" } }]\n";

#[test]
fn a_trace_lies_beside_its_scenario_and_sets_the_length_of_its_phase() {
    let file = scenario(REPLAY);
    file.beside("trace.csv", TRACE);
    let plan = file.plan();
    let Load::Open { arrivals, .. } = &plan.phases[0].load else {
        panic!("a trace is an open load");
    };
    let seen: Vec<_> = arrivals
        .iter()
        .map(|a| (a.at, a.prompt_tokens, a.max_tokens))
        .collect();
    assert_eq!(
        seen,
        [(at(0), Some(100), Some(20)), (at(4), Some(200), Some(30))]
    );
    // The last request at 4 s has a second to be sent.
    assert_eq!(plan.end(), at(5));
}

#[test]
fn a_trace_of_the_command_line_replaces_the_one_of_the_file() {
    let mut file = scenario(REPLAY);
    file.options.trace = Some(file.beside("other.csv", TRACE));
    assert_eq!(file.plan().planned_open(), 2);
}

// The command line.

#[test]
fn set_values_are_typed_as_in_the_file_and_anything_else_is_text() {
    let plan = scenario(STEADY)
        .set("seed", "11")
        .set("about", "Two take turns, still")
        .set("tags", "[\"a\", \"b\"]")
        .set("clients.user.stream", "true")
        .set("clients.user.think_time", "250ms")
        .set("gateway.preset", "load-balancing/weighted")
        .plan();
    assert_eq!(plan.seed, 11);
    assert_eq!(plan.about, "Two take turns, still");
    assert_eq!(plan.tags, ["a", "b"]);
    assert_eq!(class(&plan, "user").think_time_s, Quantity::Constant(0.25));
    assert!(class(&plan, "user").streams);
    assert_eq!(plan.gateway.unwrap().name, "load-balancing/weighted");
}

#[test]
fn set_reaches_elements_of_lists_and_quoted_names() {
    let file = scenario(&format!(
        "{STEADY}\n[deployments.\"gpt-4.1-mini\"]\nmodel = \"gpt-4.1-mini\"\n"
    ));
    let plan = file
        .set("phases.play.0.run_for", "90s")
        .set(
            "simulators.payg-1.deployments",
            "[\"chat\", \"gpt-4.1-mini\"]",
        )
        .set("deployments.\"gpt-4.1-mini\".tokens_per_minute", "5_000")
        .plan();
    assert_eq!(plan.end(), at(90));
    let deployments = &plan.simulators["payg-1"].deployments;
    assert!(format!("{:?}", deployments["gpt-4.1-mini"].limiter).contains("5000"));
}

#[test]
fn what_is_set_is_kept_for_the_report() {
    let plan = scenario(STEADY).set("seed", "11").plan();
    assert_eq!(plan.overrides, [("seed".to_owned(), "11".to_owned())]);
}

#[test]
fn a_mistake_in_a_set_is_shown_there() {
    let file = scenario(STEADY)
        .set("clients.user.think_time", "soon")
        .set("clients.user.thinktime", "1s");
    insta::assert_snapshot!(file.errors(), @r#"
    error: expected a duration with its unit, such as `500ms`, `1.5s` or `2m`, found `soon`
     --> --set:1:27
      |
    1 | clients.user.think_time = "soon"
      |                           ^^^^^^

    error: unknown key `thinktime`
     --> --set:1:14
      |
    1 | clients.user.thinktime = "1s"
      |              ^^^^^^^^^
      |
      = help: did you mean `think_time`?
    "#);
}

#[test]
fn an_element_that_is_not_there_cannot_be_set() {
    let file = scenario(STEADY).set("phases.play.1.run_for", "10s");
    insta::assert_snapshot!(file.errors(), @r#"
    error: there is no element 1 in a list of 1
     --> --set:1:13
      |
    1 | phases.play.1.run_for = "10s"
      |             ^
      |
      = help: elements count from 0, the last is 0
    "#);
}

#[test]
fn the_seed_of_the_command_line_rules_and_is_everybodys_who_has_none() {
    let mut file = scenario(STEADY);
    file.options.seed = Some(3);
    let plan = file.plan();
    assert_eq!(plan.seed, 3);
    assert_eq!(plan.simulators["payg-1"].seed, 3);
    assert_eq!(plan.simulators["payg-2"].seed, 99);
    assert_eq!(plan.gateway.unwrap().config.seed, 3);
}

#[test]
fn the_speed_of_the_command_line_rules() {
    let mut file = scenario(STEADY);
    assert_eq!(file.plan().speed, "10".parse::<Speed>().unwrap());
    file.options.speed = Some(Speed::REAL_TIME);
    assert_eq!(file.plan().speed, Speed::REAL_TIME);
}

// Variants.

const VARIANTS: &str = r#"
[variants.weighted]
gateway.preset = "load-balancing/weighted"
gates.RR-2     = "requests >= 10"

[variants.long]
phases.play.0.run_for = "600s"
gates.RR-1            = "off: it takes too long to ask"
"#;

#[test]
fn a_variant_is_a_plan_of_its_own_and_changes_only_what_it_says() {
    let plans = scenario(&format!("{STEADY}{VARIANTS}")).load().unwrap();
    assert_eq!(names(&plans), ["turns", "turns#weighted", "turns#long"]);
    let gates = |plan: &Plan| {
        plan.gates
            .iter()
            .map(|gate| gate.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        plans[1].gateway.as_ref().unwrap().name,
        "load-balancing/weighted"
    );
    assert_eq!(gates(&plans[1]), ["RR-1", "RR-2"]);
    assert_eq!(plans[1].end(), at(60));
    assert_eq!(plans[2].end(), at(600));
    assert!(plans[2].gates[0].clauses().is_empty());
}

#[test]
fn one_variant_or_none_can_be_asked_for() {
    let mut file = scenario(&format!("{STEADY}{VARIANTS}"));
    file.options.variant = Some("long".to_owned());
    assert_eq!(names(&file.load().unwrap()), ["turns#long"]);
    file.options.variant = Some(String::new());
    assert_eq!(names(&file.load().unwrap()), ["turns"]);
}

#[test]
fn a_variant_that_does_not_exist_is_told() {
    let mut file = scenario(&format!("{STEADY}{VARIANTS}"));
    file.options.variant = Some("wieghted".to_owned());
    insta::assert_snapshot!(file.errors(), @r#"
    error: there is no variant `wieghted`
    --> [FOLDER]/turns.toml
     = help: did you mean `weighted`?
    "#);
}

#[test]
fn what_is_set_is_set_in_every_variant() {
    let file = scenario(&format!("{STEADY}{VARIANTS}")).set("clients.user.max_tokens", "3");
    for plan in file.load().unwrap() {
        assert_eq!(
            class(&plan, "user").max_tokens,
            Some(Quantity::Constant(3.0)),
            "{}",
            plan.name
        );
    }
}

#[test]
fn what_is_set_counts_more_than_what_a_variant_says() {
    let file = scenario(&format!("{STEADY}{VARIANTS}")).set("phases.play.0.run_for", "90s");
    for plan in file.load().unwrap() {
        assert_eq!(plan.end(), at(90), "{}", plan.name);
    }
}

// Clients and actions beyond waiting for an answer.

#[test]
fn a_notebook_says_how_long_it_takes_or_takes_a_second_for_each_request() {
    let notebook = |more: &str| {
        let phases = format!(
            "[phases]\nplay = [{{ name = \"lab\", iterations = 20, gap = \"100ms\", users = {{ user = 2 }}{more} }}]"
        );
        scenario(&phases).plan()
    };
    let plan = notebook("");
    assert_eq!(
        (plan.end(), plan.phases[0].load.exact(0)),
        (at(22), Some(40))
    );
    assert_eq!(notebook(", run_for = \"60s\"").end(), at(60));
}

#[test]
fn a_mix_has_users_of_no_class_and_a_weight_for_each() {
    let phases = "[phases]\nramp_users_per_second = 2\n\
        play = [{ name = \"mixed\", run_for = \"60s\", mix = { users = 6, weights = { user = 3 } } }]";
    let load = scenario(phases).plan().phases[0].load.clone();
    let users = Ramp {
        from: 0,
        to: 6,
        over: Duration::from_secs(3),
    };
    assert_eq!(load.most_users(Crowd::Class(0)), 0);
    assert_eq!((load.exact(0), load.exact(1)), (None, Some(0)));
    let weights = vec![3.0];
    assert_eq!(load, Load::Mixed { users, weights });
}

#[test]
fn a_prober_sends_what_the_toolkit_sends_unless_it_says_otherwise() {
    let prober = "[probers.outside]\noperation = \"completions\"\ndeployment = \"chat\"\n\
        backends = [\"payg-2\", \"payg-1\"]\nnames = { payg-2 = \"payg-backend-2\" }\n";
    let plan = scenario(&format!("{STEADY}{prober}")).plan();
    let prober = &plan.probers[0];
    let ids: Vec<_> = prober
        .probes
        .iter()
        .map(|probe| probe.id.as_str())
        .collect();
    assert_eq!(ids, ["payg-backend-2", "payg-1"]);
    let first = &prober.probes[0].class;
    assert_eq!(first.target, Target::Simulator("payg-2".to_owned()));
    assert_eq!(first.prompt, Prompt::Text("Once upon a time".to_owned()));
    assert_eq!(first.timeout, Duration::from_secs(30));
    // The simulator's own key for a probe, the subscription's for the report.
    assert_eq!(first.credential.as_ref().unwrap().value, "own-key");
    let report = &prober.report;
    assert_eq!(report.path_and_query(), "/helpers/set-preferred-backends");
    assert_eq!(
        report.credential.as_ref().unwrap().value,
        "subscription-key-one"
    );
}

/// The small scenario before somebody else's gateway and a `payg-1` that runs elsewhere.
fn elsewhere(more: &str) -> File {
    let mut file = scenario(&format!("{STEADY}{more}"));
    let simulator = BackendProfile {
        url: Some("http://127.0.0.1:8001".to_owned()),
        listen: None,
        key: None,
    };
    file.options.gateway = Some(Profile {
        name: "theirs".to_owned(),
        url: Some("http://127.0.0.1:4000".to_owned()),
        backends: [("payg-1".to_owned(), simulator)].into(),
        ..Profile::default()
    });
    file
}

#[test]
fn an_action_that_somebody_elses_gateway_or_simulator_cannot_play_is_refused() {
    let errors = elsewhere(
        r#"
[actions.leave]
drain = true
[actions.stop.simulators]
payg-1.stopped = true
[actions.refuse.simulators]
payg-1.faults = [{ play = "refused" }]
"#,
    )
    .errors();
    insta::assert_snapshot!(errors, @r#"
    error: the gateway theirs is not ours: no action changes it while it runs
      --> [FOLDER]/turns.toml:32:1
       |
    32 | drain = true
       | ^^^^^

    error: the simulator `payg-1` runs elsewhere: it cannot be stopped from here
      --> [FOLDER]/turns.toml:34:18
       |
    34 | payg-1.stopped = true
       |                  ^^^^

    error: the simulator `payg-1` runs elsewhere: it cannot refuse connections without `until` or `flap` from here
      --> [FOLDER]/turns.toml:36:17
       |
    36 | payg-1.faults = [{ play = "refused" }]
       |                 ^^^^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn connections_may_be_refused_for_a_while_wherever_the_simulator_runs() {
    let passing = "payg-1.faults = [{ when = { until = \"5s\" }, play = \"refused\" }]";
    let file = elsewhere(&format!("[actions.refuse.simulators]\n{passing}\n"));
    assert!(file.plan().gateway.is_some());
}

#[test]
fn a_profile_says_where_its_gateway_names_the_backend() {
    let mut file = scenario(STEADY);
    assert_eq!(class(&file.plan(), "user").backend_header, "x-gw-backend");
    let profile = file.beside(
        "theirs.toml",
        "url = \"http://127.0.0.1:4000\"\nbackend_header = \"X-Served-By\"\n",
    );
    let profile = Profile::from_argument(profile.to_str().unwrap()).unwrap();
    file.options.gateway = Some(profile);
    assert_eq!(class(&file.plan(), "user").backend_header, "x-served-by");
}
