//! The examples run, and print what the README shows.
#![expect(
    clippy::unwrap_used,
    reason = "the whole crate is a test; clippy only sees that of the functions marked so"
)]

#[expect(dead_code, reason = "`main` is for who runs the example")]
#[path = "../examples/script.rs"]
mod script;
#[expect(dead_code, reason = "`main` is for who runs the example")]
#[path = "../examples/start.rs"]
mod start;
#[expect(dead_code, reason = "`main` is for who runs the example")]
#[path = "../examples/without_sockets.rs"]
mod without_sockets;

/// What the README shows below the command that runs `example`.
fn shown(example: &str) -> String {
    let readme = include_str!("../README.md");
    let command = format!("$ cargo run --package aoai-simulator --example {example}\n");
    let (_, after) = readme.split_once(&command).unwrap();
    after.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_configuration_of_the_readme_is_in_order() {
    let readme = include_str!("../README.md");
    let (_, after) = readme.split_once("```toml\n").unwrap();
    let (configuration, _) = after.split_once("```").unwrap();
    let simulators = simulator::config::File::resolve("README.md", configuration).unwrap();
    assert_eq!(simulators[0].1.deployments.len(), 4);
}

#[tokio::test]
async fn one_is_started_called_and_asked() {
    assert_eq!(start::example().await.unwrap(), shown("start"));
}

#[tokio::test]
async fn a_script_makes_a_client_retry() {
    assert_eq!(script::example().await.unwrap(), shown("script"));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_is_tested_without_sockets() {
    assert_eq!(
        without_sockets::example().await.unwrap(),
        shown("without_sockets")
    );
}
