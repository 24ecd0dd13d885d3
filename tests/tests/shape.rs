//! The public surface with the embedded defaults: hook order, IQ namespaces, disco, commands, options in force.
//! It changes only in a visible difference of the snapshot.

use kernel::At;
use testkit::{HOST, MODULES, World};

const DEFAULTS: &str = include_str!("../../crates/server/src/defaults.yml");

#[test]
fn the_shape_of_the_default_server() {
    let shape = testkit::run(async {
        let world = World::of_config(DEFAULTS).await.unwrap();
        shape_of(&world)
    });
    insta::assert_snapshot!(shape);
}

fn shape_of(world: &World) -> String {
    let generation = world.kernel().host(HOST).expect("the defaults serve it").generation();
    let mut out = String::new();
    section(&mut out, "modules", generation.module_names());
    let hooks = generation.chains().list();
    section(
        &mut out,
        "hooks",
        hooks.iter().map(|link| format!("{} {:?} {}", link.point, link.stage, link.owner)),
    );
    for (name, at) in [("server", At::Server), ("account", At::Account)] {
        let mut namespaces = generation.iq().namespaces(at);
        namespaces.sort_unstable();
        section(&mut out, &format!("iq of the {name}"), namespaces);
        section(
            &mut out,
            &format!("disco features of the {name}"),
            generation.disco().features(at),
        );
        let identities = generation.disco().identities(at);
        section(
            &mut out,
            &format!("disco identities of the {name}"),
            identities.map(|one| format!("{}/{}", one.category, one.kind)),
        );
    }
    let features = generation.stream_features().iter();
    section(
        &mut out,
        "stream features",
        features.map(|feature| format!("{} {}", feature.name(), feature.ns())),
    );
    let commands = world.kernel().commands();
    section(&mut out, "commands", commands.iter().map(|command| command.name));
    section(&mut out, "options of clients", xmpp::OPTIONS);
    for door in xmpp::DOORS {
        section(&mut out, &format!("options of listener {}", door.name), door.options);
    }
    for module in MODULES.iter().copied().flatten() {
        section(&mut out, &format!("options of {}", module.name), module.options);
    }
    out
}

fn section(out: &mut String, title: &str, lines: impl IntoIterator<Item = impl std::fmt::Display>) {
    out.push_str(title);
    for line in lines {
        out.push_str(&format!("\n  {line}"));
    }
    out.push('\n');
}
