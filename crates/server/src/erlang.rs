//! The Erlang door in this server: what asks for it, and what stands behind it.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use admin::ctl::{self, Manner};
use erldist::{
    Answering, Answers, Caller, EpmdOptions, EpmdServer, Node, Options, Printed, Variables,
};
use kernel::commands::{CommandError, Value};
use kernel::{Kernel, Tasks};
use settings::{Config, Places};

use crate::arguments::Arguments;
use crate::boot;
use crate::say;
use crate::signals::{Asked, Signals};

/// How long connections to epmd may take to end.
const EPMD_STOP_PATIENCE: Duration = Duration::from_secs(1);

/// What the command line, the environment, `ejabberdctl.cfg` and the settings ask for, in this order; `None` for
/// nothing.
///
/// # Errors
/// What has no meaning, and how to mend it.
pub(crate) fn options(
    arguments: &Arguments,
    places: &Places,
    config: &Config,
) -> Result<Option<Options>, String> {
    let read = boot::ctl_config(places).map_err(|problems| problems.render(false))?;
    let said = arguments.places();
    let lookup = |name: &str| match (name, &said.node) {
        ("ERLANG_NODE", Some(node)) => Some(node.clone()),
        _ => variable(name).or_else(|| read.as_ref()?.get(name).map(str::to_owned)),
    };
    let home = variable("HOME").map_or_else(|| places.spool.clone(), Into::into);
    let tick_time = config.global().duration("net_ticktime").finite();
    Options::read(&Variables { lookup: &lookup, home, asked: said.erlang, tick_time })
        .map_err(|error| error.to_string())
}

/// What `rookery check` says about it.
pub(crate) fn told(options: Option<&Options>, places: &Places) -> String {
    let Some(options) = options else { return "may not connect".to_owned() };
    let how = if options.tls.is_some() { "over TLS" } else { "in clear" };
    let (first, last) = (options.ports.start(), options.ports.end());
    let port = match (first, last) {
        (0, _) => "a port that epmd tells".to_owned(),
        (first, last) if first == last => format!("port {first}"),
        (first, last) => format!("a port from {first} to {last}"),
    };
    let address = options.listen_address(&places.node);
    format!("may connect to {} {how}, on {address}, {port}", places.node)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Opens the door.
///
/// # Errors
/// What is in the way.
pub(crate) async fn open(kernel: &Kernel, options: Options) -> Result<Node, erldist::StartError> {
    Node::start(kernel, options, Arc::new(Commands { kernel: kernel.clone() })).await
}

/// `rookery epmd`: names and ports of this machine's nodes, and nothing else.
pub(crate) fn epmd() -> ExitCode {
    let options = match EpmdOptions::read(&variable) {
        Ok(options) => options,
        Err(error) => return say::refused(&error.to_string()),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return say::refused(&format!("no runtime can be started: {error}")),
    };
    runtime.block_on(async {
        let server = match EpmdServer::bind(&options) {
            Ok(server) => server,
            Err(error) => return say::refused(&error.to_string()),
        };
        let mut signals = match Signals::install() {
            Ok(signals) => signals,
            Err(error) => return say::refused(&format!("signals cannot be taken: {error}")),
        };
        let tasks = Tasks::new();
        server.start(&tasks);
        say::serves_names(server.places());
        while signals.next().await != Asked::Stop {}
        tasks.stop(EPMD_STOP_PATIENCE).await;
        ExitCode::SUCCESS
    })
}

/// The command table, as the control tool shows it and as it is.
struct Commands {
    kernel: Kernel,
}

fn caller(node: &Caller) -> admin::Caller {
    admin::Caller::Node { node: node.node.clone(), address: node.address.clone() }
}

impl Answers for Commands {
    fn words<'a>(&'a self, node: &'a Caller, words: Vec<String>) -> Answering<'a, Printed> {
        Box::pin(async move {
            let reply = ctl::run(&self.kernel, &caller(node), &words, Manner::default()).await;
            Printed { status: reply.status, text: reply.stdout + &reply.stderr }
        })
    }

    fn run<'a>(
        &'a self,
        node: &'a Caller,
        name: &'a str,
        version: u8,
        values: Vec<Value>,
    ) -> Answering<'a, Result<Value, CommandError>> {
        Box::pin(async move {
            ctl::run_values(&self.kernel, &caller(node), name, version, values).await
        })
    }
}
