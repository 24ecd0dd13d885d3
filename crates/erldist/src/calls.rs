//! What can be called: a fixed set of functions. Everything else is `undef`, as in a node without the module.

use erl_wire::{Atom, Pid, Term};
use kernel::commands::{Command, Version};

use crate::answers::Caller;
use crate::node::Inner;
use crate::process::Process;
use crate::{io_output, values};

/// Modules of ejabberd whose functions are commands of the same name.
const COMMAND_MODULES: [&str; 19] = [
    "ejabberd_acme",
    "ejabberd_admin",
    "ejabberd_commands",
    "ejabberd_ctl",
    "ejabberd_oauth",
    "ejabberd_s2s",
    "ejabberd_sm",
    "ext_mod",
    "mod_admin_extra",
    "mod_admin_update_sql",
    "mod_announce",
    "mod_antispam",
    "mod_fail2ban",
    "mod_invites",
    "mod_mam",
    "mod_muc_admin",
    "mod_private",
    "mod_pubsub",
    "mod_push",
];
/// The newest API version; every command has a form for it.
const NEWEST: u8 = u8::MAX;

/// A function with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Apply {
    pub(crate) module: Atom,
    pub(crate) function: Atom,
    pub(crate) arguments: Vec<Term>,
    /// Where output goes, when it is a process of the peer.
    pub(crate) group_leader: Option<Pid>,
}

/// How a function ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It returned a value.
    Return(Term),
    /// It raised an error, for instance `undef`.
    Error(&'static str),
}

impl Apply {
    /// The stack that Erlang shows for an error in the function itself.
    pub(crate) fn stack(&self) -> Term {
        let frame = Term::tuple([
            self.module.clone().into(),
            self.function.clone().into(),
            Term::List(self.arguments.clone()),
            Term::NIL,
        ]);
        Term::List(vec![frame])
    }

    /// Does it.
    pub(crate) async fn run(
        &self,
        inner: &Inner,
        caller: &Caller,
        process: &mut Process,
    ) -> Outcome {
        let (module, function) = (self.module.as_str(), self.function.as_str());
        if let Some(outcome) = own(inner, module, function, &self.arguments) {
            return outcome;
        }
        match (module, function, self.arguments.as_slice()) {
            ("ejabberd_ctl", "process", [words]) => {
                self.words(inner, caller, process, words, None).await
            }
            ("ejabberd_ctl", "process", [words, version]) => {
                let version = version.as_integer();
                self.words(inner, caller, process, words, version).await
            }
            ("init", "stop", [] | [_]) | ("ejabberd", "stop", []) => {
                command(inner, caller, "stop", NEWEST, Vec::new()).await
            }
            ("application", "stop", [name]) if name.as_atom() == Some("ejabberd") => {
                command(inner, caller, "stop", NEWEST, Vec::new()).await
            }
            ("init", "restart" | "reboot", []) => {
                command(inner, caller, "restart", NEWEST, Vec::new()).await
            }
            ("ejabberd_commands", "execute_command" | "execute_command2", arguments) => {
                execute(inner, caller, arguments).await
            }
            (module, function, arguments) if COMMAND_MODULES.contains(&module) => {
                command(inner, caller, function, NEWEST, arguments.to_vec()).await
            }
            _ => Outcome::Error("undef"),
        }
    }

    /// The words of a command line; what it prints goes to the group leader, its status is the value.
    async fn words(
        &self,
        inner: &Inner,
        caller: &Caller,
        process: &mut Process,
        words: &Term,
        version: Option<i64>,
    ) -> Outcome {
        let words = words.clone().items();
        let words: Option<Vec<String>> = words.and_then(|words| words.iter().map(word).collect());
        let Some(mut words) = words else { return Outcome::Error("function_clause") };
        // `ejabberdctl` gives a number beyond all versions when nobody has asked for one.
        let version = version.and_then(|version| u8::try_from(version).ok());
        if let Some(version) =
            version.filter(|_| words.first().is_none_or(|word| word != "--version"))
        {
            words.splice(0..0, ["--version".to_owned(), version.to_string()]);
        }
        let printed = inner.answers.words(caller, words).await;
        if let Some(group_leader) = &self.group_leader
            && !io_output::put(process, &inner.identity, group_leader, &printed.text).await
        {
            tracing::debug!(node = caller.node, "nobody took the output of a command");
        }
        Outcome::Return(i64::from(printed.status).into())
    }
}

/// COMPAT: where the locale is not UTF-8, `erl` gives the bytes of a word as its characters.
fn word(term: &Term) -> Option<String> {
    if let Term::String(bytes) = term
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return Some(text.to_owned());
    }
    term.text()
}

/// Questions about the node itself.
fn own(inner: &Inner, module: &str, function: &str, arguments: &[Term]) -> Option<Outcome> {
    let node = || Term::Atom(inner.identity.name.clone());
    let names = |hidden, visible| {
        let names = inner.peers.names(hidden, visible).into_iter();
        Term::List(names.filter_map(|name| Atom::new(name).ok()).map(Term::Atom).collect())
    };
    let answer = match (module, function, arguments) {
        ("erlang", "node", []) | ("net_kernel", "nodename", []) => node(),
        ("erlang", "is_alive", []) => Term::boolean(true),
        ("erlang", "nodes", []) => names(false, true),
        ("erlang", "nodes", [kind]) => match kind.as_atom()? {
            "this" => Term::List(vec![node()]),
            "visible" => names(false, true),
            "hidden" => names(true, false),
            "connected" => names(true, true),
            "known" => {
                let Term::List(mut all) = names(true, true) else { return None };
                all.push(node());
                Term::List(all)
            }
            _ => return Some(Outcome::Error("badarg")),
        },
        ("net_kernel", "longnames", []) => Term::boolean(inner.name.is_long()),
        ("net_kernel", "get_net_ticktime", []) => {
            i64::try_from(inner.tick_time.as_secs()).unwrap_or(i64::MAX).into()
        }
        ("net_adm", "ping", [name]) => {
            let known = name.as_atom()?;
            let here = known == inner.name.as_str() || inner.peers.has(known);
            Term::word(if here { "pong" } else { "pang" })
        }
        ("net_adm", "localhost", []) => Term::string(inner.name.host()),
        ("init", "get_status", []) => Term::tuple([Term::word("started"), Term::word("started")]),
        ("ejabberd", "start", []) => Term::word("ok"),
        ("ejabberd_commands", "list_commands", [] | [_]) => list(inner),
        _ => return None,
    };
    Some(Outcome::Return(answer))
}

/// The commands with the names of their arguments and what they do.
fn list(inner: &Inner) -> Term {
    let entry = |command: &Command| {
        let version = command.version(NEWEST)?;
        let arguments = version.args.iter().map(|field| Term::word(field.name)).collect();
        let about = Term::string(command.about);
        Some(Term::tuple([Term::word(command.name), Term::List(arguments), about]))
    };
    Term::List(inner.kernel.commands().iter().filter_map(entry).collect())
}

/// `execute_command(Name, Arguments)`, `execute_command2(Name, Arguments, Caller)` and `(…, Version)`.
async fn execute(inner: &Inner, caller: &Caller, arguments: &[Term]) -> Outcome {
    let (name, list, version) = match arguments {
        [name, list] | [name, list, _] => (name, list, None),
        [name, list, _, version] => (name, list, version.as_integer()),
        _ => return Outcome::Error("undef"),
    };
    let (Some(name), Some(arguments)) = (name.as_atom(), list.clone().items()) else {
        return Outcome::Error("function_clause");
    };
    let version = version.and_then(|version| u8::try_from(version).ok()).unwrap_or(NEWEST);
    match command(inner, caller, name, version, arguments).await {
        Outcome::Error("undef") => {
            Outcome::Return(Term::tuple([Term::word("error"), Term::word("unknown_command")]))
        }
        outcome => outcome,
    }
}

/// A command of the table, in the newest form that takes so many arguments.
async fn command(
    inner: &Inner,
    caller: &Caller,
    name: &str,
    version: u8,
    arguments: Vec<Term>,
) -> Outcome {
    let table = inner.kernel.commands();
    let fits = |form: &&Version| form.since <= version && form.args.len() == arguments.len();
    let found = table.get(name).and_then(|command| command.versions.iter().rev().find(fits));
    let Some(form) = found else { return Outcome::Error("undef") };
    let values = arguments.into_iter().zip(form.args);
    let values = values.map(|(term, field)| values::value(term, &field.shape));
    let Some(values) = values.collect() else { return Outcome::Error("badarg") };
    match inner.answers.run(caller, name, form.since, values).await {
        Ok(value) => Outcome::Return(values::term(value, &form.result.shape)),
        Err(error) => Outcome::Return(values::error(&error)),
    }
}
