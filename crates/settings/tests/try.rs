use settings::*;
#[test]
fn debian() {
    let mut inputs = Inputs::default();
    inputs.files = FileChecks::Disk;
    match load(&Source::File("/etc/ejabberd/ejabberd.yml".into()), &inputs) {
        Ok(l) => {
            for n in &l.notes {
                println!("{}", n.render(&l.sources, false));
            }
            println!("{:#?}", l.config.listeners()[0]);
            println!("{:?}", l.config.module("localhost", "mod_muc"));
            println!("{:?}", l.config.host("localhost"));
            for n in l
                .config
                .set_but_not_in_force(&InForce::new())
                .iter()
                .take(5)
            {
                println!("{}", n.render(&l.sources, false));
            }
        }
        Err(p) => panic!("{}", p.render(false)),
    }
}
#[test]
fn bad() {
    let text = "hosts: [a.example, b.example]\nlogleve: 4\nlisten:\n  - port: \"5222\"\n    module: ejabberd_c2\n  - port: 5222\n    module: ejabberd_c2s\n    max_stanza_size: 10k\n    request_handlers: {}\n  - port: 5222\n    module: ejabberd_c2s\nmodules:\n  mod_ping:\n    ping_interval: 0\n    send_ping: true\n    versioning: true\n  mod_mam:\n    db_type: postgres\n    default: alway\n    loglevel: 5\n  mod_announce: {}\n  mod_vcard:\nsql_password: 12345\nsql_port: 70000\nacme:\n  contact: \"foo\"\n  contact: 5\n";
    println!(
        "{}",
        load(
            &Source::Text {
                name: "ejabberd.yml".into(),
                text: text.into()
            },
            &Inputs::default()
        )
        .unwrap_err()
        .render(false)
    );
}
