//! The command line of `rookery`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};

/// A messaging server that takes ejabberd's place: the same ejabberd.yml, ports, tables and commands.
///
/// Without a command it serves; without a configuration it serves localhost with embedded defaults.
#[derive(Debug, Parser)]
#[command(
    name = "rookery",
    version,
    about,
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    places: PlaceArguments,
}

/// Where files are; both the server and the control tool derive everything else from these.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlaceArguments {
    /// The configuration, an ejabberd.yml [default: embedded, see `rookery defaults`]
    #[arg(long, short = 'f', value_name = "FILE", env = "EJABBERD_CONFIG_PATH", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// The data folder [default: rookery-data beside the configuration; /var/lib/ejabberd for
    /// /etc/ejabberd/ejabberd.yml; without a configuration ~/.local/state/rookery, /var/lib/rookery for root]
    #[arg(long, short = 's', value_name = "DIR", env = "SPOOL_DIR", global = true)]
    pub(crate) spool: Option<PathBuf>,
    /// The log folder [default: none, the log goes to the terminal; /var/log/ejabberd for
    /// /etc/ejabberd/ejabberd.yml]
    #[arg(long, short = 'l', value_name = "DIR", env = "LOGS_DIR", global = true)]
    pub(crate) logs: Option<PathBuf>,
    /// The server's name, NAME@HOST [default: rookery@ and the machine's name]
    #[arg(long, short = 'n', value_name = "NAME", env = "ERLANG_NODE", global = true)]
    pub(crate) node: Option<String>,
    /// Whether Erlang nodes may connect: `on`, `off`, or `auto`: when ERLANG_NODE or another variable of Erlang's
    /// distribution is set, here or in ejabberdctl.cfg (see docs/erlang.md)
    #[arg(
        long,
        value_name = "WHEN",
        env = "ROOKERY_ERLANG",
        default_value = "auto",
        global = true
    )]
    pub(crate) erlang: erldist::Asked,
    /// A group of this machine whose members may give commands, as far as `api_permissions` lets the tag `group:NAME`
    /// (see docs/files.md) [default: none]
    #[arg(long, value_name = "GROUP", env = "ROOKERY_CONTROL_GROUP", global = true)]
    pub(crate) control_group: Option<String>,
    /// Write the log as JSON, one object a line
    #[arg(long, env = "ROOKERY_LOG_JSON", global = true)]
    pub(crate) log_json: bool,
    /// Where Prometheus fetches metrics; loopback addresses only. `off` serves none
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "ROOKERY_METRICS",
        default_value = "127.0.0.1:9522",
        global = true
    )]
    pub(crate) metrics: MetricsPlace,
    /// Start although other users of this machine can read or change the server's files
    #[arg(long, env = "ROOKERY_ALLOW_EXPOSED_FILES", value_parser = FalseyValueParser::new(), global = true)]
    pub(crate) allow_exposed_files: bool,
}

/// Where metrics are served.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum MetricsPlace {
    /// Nowhere.
    #[default]
    Off,
    /// At an address.
    At(SocketAddr),
}

impl std::str::FromStr for MetricsPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse()
            .map(Self::At)
            .map_err(|_| format!("`{text}` is neither `off` nor an address such as 127.0.0.1:9522"))
    }
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Task {
    /// Run the server in the foreground (what plain `rookery` does)
    Serve,
    /// Run the server with its log and a line for commands; leaving stops it (see also `rookery ctl live`)
    Live,
    /// Read a configuration, say what is wrong with it, what is not in force yet, and what it exposes
    Check {
        /// Exit with code 2 if the security audit finds something serious
        #[arg(long)]
        audit: bool,
        /// The file to check
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the embedded default configuration
    Defaults,
    /// Serve Erlang's port mapper alone: names and ports of this machine's Erlang nodes (on ERL_EPMD_PORT, else 4369)
    Epmd,
    /// Give a command to the running server, as rookeryctl does (see `rookery ctl --help`)
    #[command(disable_help_flag = true)]
    Ctl {
        /// The command and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        words: Vec<OsString>,
    },
}

impl Arguments {
    /// The task that was asked for.
    pub(crate) fn task(&self) -> Task {
        self.task.clone().unwrap_or(Task::Serve)
    }

    /// The places that were said.
    pub(crate) fn places(&self) -> &PlaceArguments {
        &self.places
    }
}

impl PlaceArguments {
    /// The words that say the same places again, to the server or to the control tool.
    pub(crate) fn as_words(&self) -> Vec<OsString> {
        let places = [("--config", &self.config), ("--spool", &self.spool), ("--logs", &self.logs)];
        let mut words = Vec::new();
        for (option, place) in places {
            words.extend(place.iter().flat_map(|place| [option.into(), place.into()]));
        }
        words.extend(self.node.iter().flat_map(|node| ["--node".into(), node.into()]));
        words
    }
}

impl Arguments {
    /// The same with another configuration file.
    pub(crate) fn for_file(&self, file: &std::path::Path) -> Self {
        let places = PlaceArguments { config: Some(file.to_owned()), ..self.places.clone() };
        Self { task: None, places }
    }
}
