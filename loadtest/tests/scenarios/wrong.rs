//! Every file in `wrong/` makes a mistake that people make, and says how it is told.
//!
//! The snapshot beside each file is all that `aoai-loadtest check FILE` prints about it. To
//! accept changed messages, read the difference and run
//! `INSTA_UPDATE=always cargo test -p loadtest --test scenarios`, or `cargo insta review`.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the wrong files.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/wrong")
}

/// Names without extension of the files in the folder that have this one.
pub(crate) fn names(extension: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// What the command line says about a wrong file; it must refuse it and print nothing else.
fn told_about(name: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_aoai-loadtest"))
        .args(["check", "--quiet", &format!("{name}.toml")])
        .current_dir(folder())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{name} is not refused");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{name}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn every_mistake_is_told_with_its_place_and_a_way_out() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let differs = |name: &String| {
        let compare = || settings.bind(|| insta::assert_snapshot!(name.as_str(), told_about(name)));
        catch_unwind(AssertUnwindSafe(compare)).is_err()
    };
    let differing: Vec<String> = names("toml").into_iter().filter(differs).collect();
    assert!(
        differing.is_empty(),
        "told otherwise than expected: {differing:?}"
    );
}

#[test]
fn at_least_thirty_mistakes_are_kept_and_none_without_its_file() {
    let (files, expected) = (names("toml"), names("snap"));
    assert_eq!(files, expected);
    assert!(files.len() >= 30, "{} files", files.len());
}

#[test]
fn all_wrong_files_are_told_at_once() {
    let output = Command::new(env!("CARGO_BIN_EXE_aoai-loadtest"))
        .args(["check", "."])
        .current_dir(folder())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let silent: Vec<String> = names("toml")
        .into_iter()
        .filter(|name| !name.starts_with("gate-can") && !name.starts_with("gate-has"))
        .filter(|name| !told.contains(&format!("{name}.toml")))
        .collect();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(silent, Vec::<String>::new());
}
