//! `process_rosteritems`: lists or deletes the items of all rosters that fit a pattern, page by page.

use std::time::Duration;

use access::Glob;
use kernel::Kernel;
use kernel::commands::{
    Arguments, Call, Command, CommandError, Progress, Shape, Value, Version, field,
};

use super::Rosters;
use super::change::withdraw;
use super::state::State;
use super::store::{Entry, page};
use crate::commands::{ADMIN_EXTRA, account, failed, module};

/// Items that are looked at in one question to the store.
const PAGE: i64 = 1_000;
/// Pairs that the answer holds at most.
const PAIRS_MAX: usize = 100_000;
/// How often somebody who waits hears of the progress.
const TOLD_EVERY: Duration = Duration::from_secs(1);

pub(super) const PROCESS_ROSTERITEMS: Command = Command {
    name: "process_rosteritems",
    tags: &["roster"],
    needs: ADMIN_EXTRA,
    about: "List or delete the roster items of all accounts that fit",
    detail: "ACTION is list or delete. SUBS is any, or some of none, from, to and both divided by colons; ASKS is any, \
             or some of none, out, in and both. USERS and CONTACTS are any, or JIDs divided by colons in which * \
             stands for any text (% too) and ? for any character.\n\n\
             Clients that are online are told of deleted items; contacts are not.",
    versions: &[Version {
        args: &[
            field("action", Shape::Text),
            field("subs", Shape::Text),
            field("asks", Shape::Text),
            field("users", Shape::Text),
            field("contacts", Shape::Text),
        ],
        result: field(
            "response",
            Shape::List(&field(
                "pairs",
                Shape::Tuple(&[field("user", Shape::Text), field("contact", Shape::Text)]),
            )),
        ),
        run: |Call { kernel, arguments, progress }| {
            Box::pin(process_rosteritems(kernel, arguments, progress))
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn process_rosteritems(
    kernel: &Kernel,
    arguments: Arguments,
    progress: Progress,
) -> Result<Value, CommandError> {
    let delete = match arguments.text("action") {
        "list" => false,
        "delete" => true,
        _ => return Err(CommandError::bad_argument("The action is neither list nor delete")),
    };
    let wanted = Wanted::read(&arguments)?;
    let (mut after, mut visited, mut pairs) = (Entry::default(), 0_u64, Vec::new());
    let mut told = kernel.clock().now();
    loop {
        let from = after.clone();
        let entries =
            kernel.store().read(move |query| page(query, &from, PAGE)).await.map_err(failed)?;
        let Some(last) = entries.last().cloned() else { return Ok(Value::List(pairs)) };
        after = last;
        visited += entries.len() as u64;
        for entry in entries.into_iter().filter(|entry| wanted.fits(entry)) {
            if delete {
                remove(kernel, &entry).await?;
            }
            if pairs.len() < PAIRS_MAX {
                let owner = format!("{}@{}", entry.user, entry.host);
                pairs.push(Value::Tuple(vec![Value::text(owner), Value::text(entry.jid)]));
            } else if !delete {
                let text = format!("More than {PAIRS_MAX} roster items fit; ask for fewer");
                return Err(CommandError::bad_argument(text));
            }
        }
        if told.elapsed() >= TOLD_EVERY {
            told = kernel.clock().now();
            progress.tell(format!("Visited {visited} roster items, {} fit", pairs.len()));
        }
    }
}

/// Deletes an item, on a host that keeps rosters.
async fn remove(kernel: &Kernel, entry: &Entry) -> Result<(), CommandError> {
    let (Some(owner), Some(host)) = (account(&entry.user, &entry.host), kernel.host(&entry.host))
    else {
        // What an earlier configuration left behind is not this server's to change.
        return Ok(());
    };
    let key = entry.jid.clone();
    let rosters = module::<Rosters>(&host)?;
    let change = rosters.change(kernel, &owner, move |tx, whose| withdraw(tx, whose, &key));
    change.await.map_err(failed)?;
    Ok(())
}

/// What an item must be like.
struct Wanted {
    subscriptions: Words,
    asks: Words,
    users: Patterns,
    contacts: Patterns,
}

impl Wanted {
    fn read(arguments: &Arguments) -> Result<Self, CommandError> {
        Ok(Self {
            subscriptions: words(arguments.text("subs"), &["none", "from", "to", "both"])?,
            asks: words(arguments.text("asks"), &["none", "out", "in", "both"])?,
            users: patterns(arguments.text("users"))?,
            contacts: patterns(arguments.text("contacts"))?,
        })
    }

    fn fits(&self, entry: &Entry) -> bool {
        let among = |words: &Words, word: &str| {
            words.as_ref().is_none_or(|words| words.iter().any(|one| one == word))
        };
        let like = |patterns: &Patterns, text: &str| {
            patterns.as_ref().is_none_or(|globs| globs.iter().any(|glob| glob.fits(text)))
        };
        among(&self.subscriptions, super::item::word(entry.state.subscription()))
            && among(&self.asks, ask(entry.state))
            && like(&self.users, &format!("{}@{}", entry.user, entry.host))
            && like(&self.contacts, &entry.jid)
    }
}

fn ask(state: State) -> &'static str {
    match (state.pending_out, state.pending_in) {
        (false, false) => "none",
        (true, false) => "out",
        (false, true) => "in",
        (true, true) => "both",
    }
}

/// One of these words; `None` for any.
type Words = Option<Vec<String>>;
/// Like one of these; `None` for any.
type Patterns = Option<Vec<Glob>>;

fn words(text: &str, known: &[&str]) -> Result<Words, CommandError> {
    if text == "any" {
        return Ok(None);
    }
    let words: Vec<String> = text.split(':').map(str::to_owned).collect();
    match words.iter().find(|word| !known.contains(&word.as_str())) {
        Some(word) => Err(CommandError::bad_argument(format!(
            "'{word}' is neither any nor one of {}",
            known.join(", ")
        ))),
        None => Ok(Some(words)),
    }
}

fn patterns(text: &str) -> Result<Patterns, CommandError> {
    if text == "any" {
        return Ok(None);
    }
    let glob = |pattern: &str| {
        // COMPAT: with the SQL back-end ejabberd has `%` for any text.
        Glob::new(&pattern.replace('%', "*")).map_err(CommandError::bad_argument)
    };
    text.split(':').map(glob).collect::<Result<_, _>>().map(Some)
}
