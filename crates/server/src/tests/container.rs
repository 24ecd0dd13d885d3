//! The container recipe against what it names: files, the Rust version, ports and places. No image is needed.

use std::path::{Path, PathBuf};

use settings::{Endpoint, Inputs, PlaceHints, Places, Source};

/// The instructions of the recipe, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("packaging/Containerfile")).unwrap();
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| line.split_once(' ').expect("an instruction has arguments"))
        .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The arguments of every instruction of a name.
fn all(name: &str) -> Vec<String> {
    instructions().into_iter().filter(|(known, _)| known == name).map(|(_, rest)| rest).collect()
}

#[test]
fn what_is_copied_exists_and_the_compiler_is_new_enough() {
    for copy in all("COPY").iter().filter(|copy| !copy.contains("--from=")) {
        let words: Vec<&str> =
            copy.split_whitespace().filter(|word| !word.starts_with("--")).collect();
        let (_, sources) = words.split_last().unwrap();
        assert!(sources.iter().all(|source| root().join(source).exists()), "{copy}");
    }
    let minor =
        |version: &str| version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    let from = all("FROM").remove(0);
    let image =
        from.strip_prefix("docker.io/library/rust:").and_then(|rest| rest.split('-').next());
    assert!(minor(image.unwrap()) >= minor(env!("CARGO_PKG_RUST_VERSION")), "{from}");
    let build = all("RUN").remove(0);
    for package in build.split("--package ").skip(1).filter_map(|rest| rest.split(' ').next()) {
        assert!(root().join("crates").join(package).join("Cargo.toml").exists(), "{package}");
    }
}

#[test]
fn the_ports_are_those_of_the_configuration_in_it() {
    let source = Source::Text { name: "t".to_owned(), text: crate::boot::DEFAULTS.to_owned() };
    let config = settings::load(&source, &Inputs::default()).unwrap().config;
    let port = |listener: &settings::ListenerConfig| match listener.endpoint {
        Endpoint::Inet { port, .. } => port.to_string(),
        Endpoint::Unix(_) => String::new(),
    };
    let ports: Vec<String> = config.listeners().iter().map(port).collect();
    assert_eq!(all("EXPOSE"), [ports.join(" ")]);
}

/// A folder for logs would have to be there, and the container's own log would stay empty.
#[test]
fn the_log_goes_to_the_terminal_and_data_to_the_volume() {
    let variables = all("ENV").join(" ");
    let variable = |name: &str| {
        let mut pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value.into())
    };
    let places = Places::resolve(&PlaceHints::default().or_environment(variable));
    assert_eq!(places.log_file(), None);
    assert_eq!(all("VOLUME"), [places.spool.to_str().unwrap()]);
    let config = places.config.unwrap();
    assert!(all("COPY").iter().any(|copy| copy.ends_with(config.to_str().unwrap())));
    let made = all("RUN").remove(1);
    for folder in [places.spool.as_path(), config.parent().unwrap()] {
        assert!(made.contains(&format!(" {}", folder.display())), "{}", folder.display());
    }
}
