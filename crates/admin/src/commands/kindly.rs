//! Ends that are announced: no new connections, a message to everybody, some time, then the end.

use std::time::Duration;

use kernel::commands::{Call, CommandError, Example, Value};
use kernel::{CloseReason, Control};
use xmlstream::Element;
use xmpp_wire::{MessageType, Stanza, ns};

use super::server::process;
use super::{Command, Field, Kernel, RESCODE, Shape, Version, field};

/// Seconds of notice at most: a week.
const DELAY_MAX: i64 = 7 * 86_400;

const ARGS: &[Field] = &[field("delay", Shape::Integer), field("announcement", Shape::Text)];

/// What comes at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Stop,
    Restart,
    Evacuate,
}

macro_rules! kindly {
    ($name:ident, $word:literal, $tags:expr, $about:literal, $detail:literal, $end:expr, $example:literal) => {
        pub(super) const $name: Command = Command {
            name: $word,
            tags: $tags,
            about: $about,
            detail: $detail,
            versions: &[Version {
                args: ARGS,
                result: RESCODE,
                run: |call| Box::pin(perform(call, $end)),
                example: Example { args: &["60", $example], prints: "" },
                ..Version::FIRST
            }],
            ..Command::PLAIN
        };
    };
}

kindly!(
    STOP_KINDLY,
    "stop_kindly",
    &["server", "async"],
    "Announce the end of the server to everybody, wait DELAY seconds, then stop it",
    "",
    End::Stop,
    "Server will stop now."
);

kindly!(
    RESTART_KINDLY,
    "restart_kindly",
    &["server", "async"],
    "Announce the restart of the server to everybody, wait DELAY seconds, then restart it",
    "",
    End::Restart,
    "Server will restart now."
);

kindly!(
    EVACUATE_KINDLY,
    "evacuate_kindly",
    &["server"],
    "Announce to everybody that they must leave, wait DELAY seconds, then end all sessions",
    "The server goes on without listening for clients until reload_config or a restart.",
    End::Evacuate,
    "Server will stop now."
);

async fn perform(call: Call<'_>, end: End) -> Result<Value, CommandError> {
    let Call { kernel, arguments, progress } = call;
    let delay = arguments.integer("delay");
    let seconds = u64::try_from(delay).ok().filter(|_| delay <= DELAY_MAX).ok_or_else(|| {
        CommandError::bad_argument(format!(
            "The delay is no number of seconds from 0 to {DELAY_MAX}"
        ))
    })?;
    let process = process(kernel)?;
    process.close_doors().await.map_err(CommandError::failed)?;
    progress.tell("No new connections are accepted");
    let told = announce(kernel, seconds, arguments.text("announcement"));
    progress.tell(format!("The announcement was sent to {told} sessions"));
    let mut stopping = kernel.tasks().stopping();
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
        // Somebody else is not so kind.
        () = stopping.wait() => return Ok(Value::OK),
    }
    match end {
        End::Stop => process.stop().await.map_err(CommandError::failed)?,
        End::Restart => process.restart().await.map_err(CommandError::failed)?,
        End::Evacuate => {
            for session in kernel.sessions().all() {
                // One that has ended already needs no end.
                drop(session.mailbox().control(Control::Close(CloseReason::Shutdown)));
            }
        }
    }
    Ok(Value::OK)
}

/// Sends a headline to every session and gives how many there are.
fn announce(kernel: &Kernel, seconds: u64, text: &str) -> usize {
    let message = Stanza::message(MessageType::Headline)
        .with_child(
            &Element::new("subject", ns::CLIENT)
                .with_text(format!("Server stop in {seconds} seconds!")),
        )
        .with_child(&Element::new("body", ns::CLIENT).with_text(text));
    let mut told = 0;
    for host in kernel.hosts() {
        let message = message.clone().with_from(host.jid());
        for session in kernel.sessions().of_host(host.name()) {
            let own = message.clone().with_to(session.jid().clone());
            told += usize::from(session.mailbox().push(own.into()).is_ok());
        }
    }
    told
}
