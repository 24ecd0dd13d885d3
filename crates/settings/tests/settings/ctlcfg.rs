//! `ejabberdctl.cfg` as a shell would read it, without a shell.

use std::collections::HashMap;

use settings::ctlcfg::{CtlConfig, parse};

fn read(text: &str) -> CtlConfig {
    parse("ejabberdctl.cfg", text, &HashMap::new()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn refused(text: &str) -> String {
    parse("ejabberdctl.cfg", text, &HashMap::new()).unwrap_err().render(false)
}

#[test]
fn assignments_are_read() {
    let config = read(
        "# a comment\n\n#. section\n#'\nPOLL=true\nERL_OPTIONS=\"-env ERL_CRASH_DUMP_BYTES 0\" # why\nexport SPOOL_DIR='/var/lib/x y'\n\
         LOGS_DIR=$SPOOL_DIR/log; CONFIG_DIR=\"${SPOOL_DIR}/etc\"\nEJABBERD_CONFIG_PATH=/etc/a\\ b.yml\nPOLL=false\nVMARGS=\nCTL_OVER_HTTP=a\"b\"'$c'\\\n#d\n",
    );
    assert_eq!(config.get("POLL"), Some("false"));
    assert_eq!(config.get("ERL_OPTIONS"), Some("-env ERL_CRASH_DUMP_BYTES 0"));
    assert_eq!(config.get("LOGS_DIR"), Some("/var/lib/x y/log"));
    assert_eq!(config.get("CONFIG_DIR"), Some("/var/lib/x y/etc"));
    assert_eq!(config.get("EJABBERD_CONFIG_PATH"), Some("/etc/a b.yml"));
    assert_eq!(config.get("VMARGS"), Some(""));
    assert_eq!(config.get("CTL_OVER_HTTP"), Some("ab$c#d"));
    assert_eq!(config.get("ERLANG_NODE"), None);
    let poll = &config.variables()[0];
    assert_eq!((poll.name.as_str(), poll.pos.line, poll.pos.column), ("POLL", 5, 1));
}

#[test]
fn variables_of_the_surroundings_are_used_and_unknown_ones_told() {
    let outer = HashMap::from([("HOME".to_owned(), "/home/x".to_owned())]);
    let config =
        parse("c", "SPOOL_DIR=$HOME/db$NOT_SET\nSPOOLDIR=1\nEJABBERD_MACRO_X=1\n", &outer).unwrap();
    assert_eq!(config.get("SPOOL_DIR"), Some("/home/x/db"));
    let note = config.notes[0].render(&config.sources, false);
    assert!(
        note.contains("variable `SPOOLDIR` is not known")
            && note.contains("did you mean `SPOOL_DIR`?"),
        "{note}"
    );
    assert_eq!(config.notes.len(), 1);
}

#[test]
fn what_has_no_effect_is_told() {
    let config =
        read("SPOOL_DIR=/s\nERL_PROCESSES=250000\nVMARGS=\nCTL_OVER_HTTP=sockets/ctl.sock\n");
    let notes: Vec<String> =
        config.notes.iter().map(|note| note.render(&config.sources, false)).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    let limits = "`ERL_PROCESSES` is accepted and has no meaning here: there is no Erlang machine";
    assert!(notes[0].contains(limits) && notes[0].contains("ejabberdctl.cfg:2:1"), "{notes:?}");
}

#[test]
fn what_only_a_shell_could_run_is_refused() {
    for (text, title) in [
        ("rm -rf /\n", "not an assignment"),
        ("A = 1\n", "not an assignment"),
        ("A=$(hostname)\n", "would need a shell"),
        ("A=`hostname`\n", "would need a shell"),
        ("A=\"`hostname`\"\n", "would need a shell"),
        ("A=1 rm x\n", "run as a command"),
        ("A=1|cat\n", "would need a shell"),
        ("A='x\nB=1\n", "quote does not close"),
        ("A=\"x\n", "quote does not close"),
        ("A=${B:-c}\n", "only `$NAME` and `${NAME}`"),
        ("if true; then\n", "not an assignment"),
    ] {
        let problems = refused(text);
        assert!(problems.contains(title), "{text}: {problems}");
    }
}

#[test]
fn all_wrong_lines_are_told() {
    let problems = parse("c", "A = 1\nPOLL=true\nB = 2\n", &HashMap::new()).unwrap_err();
    let lines: Vec<u32> = problems.list().iter().map(|problem| problem.pos().line).collect();
    assert_eq!(lines, [1, 3]);
}
