//! Rosters in the hands of an administrator.

use kernel::SessionHandle;

use super::Bench;

fn ok(text: &str) -> (u8, String) {
    (0, text.to_owned())
}

fn received(session: &SessionHandle) -> String {
    let (mut control, mut stanzas) = (Vec::new(), Vec::new());
    session.mailbox().take(usize::MAX, &mut control, &mut stanzas);
    let bytes = stanzas.into_iter().flat_map(|delivery| delivery.stanza.to_bytes()).collect();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn contacts_come_and_go_and_clients_see_it() {
    let bench = Bench::new().await;
    let phone = bench.session("alice@talk.test/phone");
    phone.set_interested();
    let lines = [
        ("get_roster alice talk.test", ok("")),
        ("add_rosteritem alice talk.test Boris Talk.Test Bob B,A,A both", ok("")),
        ("--version 0 add_rosteritem alice talk.test dora few.test _empty_ X;Y; to", ok("")),
        (
            "get_roster ALICE talk.test",
            ok("boris@talk.test\tBob\tboth\tundefined\tA,B\ndora@few.test\t\tto\tundefined\tX,Y\n"),
        ),
        (
            "--version 0 get_roster alice talk.test",
            ok("boris@talk.test\tBob\tboth\tundefined\tA;B\ndora@few.test\t\tto\tundefined\tX;Y\n"),
        ),
        ("get_roster_count alice talk.test", ok("2\n")),
        ("add_rosteritem alice talk.test boris talk.test B _empty_ none", ok("")),
        ("process_rosteritems list any any any *@few.test", ok("alice@talk.test\tdora@few.test\n")),
        (
            "process_rosteritems list none:both none alice@%:x any",
            ok("alice@talk.test\tboris@talk.test\n"),
        ),
        ("process_rosteritems list from any any any", ok("")),
        ("process_rosteritems list any out any any", ok("")),
    ];
    for (line, expected) in lines {
        assert_eq!(bench.says(line).await, expected, "{line}");
    }
    let pushes = received(&phone);
    for part in ["subscription='both'", "subscription='none'", "name='Bob'", "<group>X</group>"] {
        assert!(pushes.contains(part), "{part}: {pushes}");
    }
    assert_eq!(bench.says("delete_rosteritem alice talk.test boris talk.test").await, ok(""));
    assert_eq!(bench.says("delete_rosteritem alice talk.test boris talk.test").await, ok(""));
    let deleted = bench.says("process_rosteritems delete any any any any").await;
    assert_eq!(deleted, ok("alice@talk.test\tdora@few.test\n"));
    assert_eq!(received(&phone).matches("subscription='remove'").count(), 2);
    assert_eq!(bench.says("get_roster_count alice talk.test").await, ok("0\n"));
}

#[tokio::test]
async fn mistakes_about_rosters_change_nothing() {
    let bench = Bench::with(&format!(
        "{}host_config:\n  few.test:\n    modules:\n      mod_admin_extra: {{}}\n",
        super::CONFIG
    ))
    .await;
    let local = "{error,\"Invalid 'localuser'/'localserver'\"}\n";
    let remote = "{error,\"Invalid 'user'/'server'\"}\n";
    let unknown = "Error: error\nError: \"Unknown virtual host\"\n";
    let lines = [
        ("add_rosteritem a@b talk.test boris talk.test B A both", local),
        ("add_rosteritem alice talk.test a@b talk.test B A both", remote),
        ("add_rosteritem alice nowhere.test boris talk.test B A both", unknown),
        ("delete_rosteritem a@b talk.test boris talk.test", local),
        ("delete_rosteritem alice nowhere.test boris talk.test", unknown),
        ("get_roster a@b talk.test", remote),
        ("get_roster alice nowhere.test", unknown),
        (
            "get_roster alice few.test",
            "Error: error\nError: \"mod_roster is not enabled on few.test\"\n",
        ),
        (
            "add_rosteritem alice talk.test boris talk.test B A remove",
            "Error: error\nError: \"The subscription is none of none, from, to, both\"\n",
        ),
        (
            "process_rosteritems look any any any any",
            "Error: error\nError: \"The action is neither list nor delete\"\n",
        ),
        (
            "process_rosteritems delete nobody any any any",
            "Error: error\nError: \"'nobody' is neither any nor one of none, from, to, both\"\n",
        ),
        ("push_alltoall nowhere.test All", unknown),
    ];
    for (line, text) in lines {
        assert_eq!(bench.says(line).await, (1, text.to_owned()), "{line}");
    }
    let long = "x".repeat(1_100);
    let line = format!("add_rosteritem alice talk.test boris talk.test {long} A both");
    assert_eq!(bench.says(&line).await.0, 1);
    assert_eq!(bench.says("process_rosteritems list any any any any").await, ok(""));
}

#[tokio::test]
async fn many_are_introduced_at_once() {
    let bench = Bench::new().await;
    for user in ["alice", "boris", "carol"] {
        bench.says(&format!("register {user} talk.test pw")).await;
    }
    assert_eq!(bench.says("push_alltoall talk.test Team").await, ok(""));
    assert_eq!(
        bench.says("get_roster boris talk.test").await,
        ok("alice@talk.test\talice\tboth\tundefined\tTeam\n\
            carol@talk.test\tcarol\tboth\tundefined\tTeam\n")
    );
    let file = bench.folder().join("people.txt");
    let people =
        "[{\"dora\",\"few.test\",\"Old\",\"Dora\"},\n {\"erik\",\"few.test\",\"\",\"Erik\"}].\n";
    std::fs::write(&file, people).unwrap();
    let file = file.display();
    assert_eq!(bench.says(&format!("push_roster {file} zoe talk.test")).await, ok(""));
    assert_eq!(
        bench.says("get_roster zoe talk.test").await,
        ok("dora@few.test\tDora\tboth\tundefined\tOld\nerik@few.test\tErik\tboth\tundefined\t\n")
    );
    assert_eq!(bench.says(&format!("push_roster_all {file}")).await, ok(""));
    assert_eq!(
        bench.says("get_roster erik few.test").await,
        ok("dora@few.test\tDora\tboth\tundefined\tOld\n")
    );
    for line in ["push_roster /nonexistent zoe talk.test", "push_roster_all /dev/null"] {
        assert_eq!(bench.says(line).await.0, 1, "{line}");
    }
}
