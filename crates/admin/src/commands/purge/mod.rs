//! Removal of offline messages that nobody has fetched for long, or that have expired (XEP-0023).

mod store;

use std::sync::Arc;
use std::time::Duration;

use kernel::commands::{Arguments, Call, CommandError, Example, Progress, Value};
use kernel::{Job, JobState};
use xmlstream::Element;

use super::{Command, HOST, Kernel, RESCODE, RESTUPLE, Shape, Version, field, served};

/// Messages deleted in one transaction where nobody says how many.
const BATCH: i64 = 1000;
/// Messages deleted in one transaction at most: others wait for it.
const BATCH_MAX: i64 = 10_000;
const DAY_SECONDS: i64 = 24 * 60 * 60;
/// Between two lines of progress.
const TELL: Duration = Duration::from_secs(1);
const EXPIRE: &str = "jabber:x:expire";

const TAGS: &[&str] = &["offline", "purge"];

pub(super) const DELETE_OLD_MESSAGES: Command = Command {
    name: "delete_old_messages",
    tags: TAGS,
    about: "Delete offline messages older than a number of days, on all hosts",
    versions: &[Version {
        args: &[field("days", Shape::Integer)],
        result: RESCODE,
        run: |call: Call<'_>| Box::pin(delete_old(call.kernel, call.arguments, call.progress)),
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const DELETE_EXPIRED_MESSAGES: Command = Command {
    name: "delete_expired_messages",
    tags: TAGS,
    about: "Delete offline messages whose own time limit (XEP-0023) is over",
    versions: &[Version {
        result: RESCODE,
        run: |call: Call<'_>| Box::pin(delete_expired(call.kernel)),
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const DELETE_OLD_MESSAGES_BATCH: Command = Command {
    name: "delete_old_messages_batch",
    tags: TAGS,
    about: "Delete offline messages older than a number of days, little by little in the background",
    detail: "The rate is in messages a minute. A host has one such operation at a time; a restart of the server \
             ends it, and it can be begun again.",
    versions: &[Version {
        args: &[
            HOST,
            field("days", Shape::Integer),
            field("batch_size", Shape::Integer),
            field("rate", Shape::Integer),
        ],
        result: RESTUPLE,
        run: |call: Call<'_>| Box::pin(delete_batch(call.kernel, call.arguments)),
        example: Example {
            args: &["localhost", "31", "1000", "10000"],
            prints: "Removal of 5000 messages in progress",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const DELETE_OLD_MESSAGES_STATUS: Command = Command {
    name: "delete_old_messages_status",
    tags: TAGS,
    about: "How far the deletion of old offline messages is",
    versions: &[Version {
        args: &[HOST],
        result: field("status", Shape::Text),
        run: |call: Call<'_>| Box::pin(async move { Ok(status(call.kernel, &call.arguments)) }),
        example: Example {
            args: &["localhost"],
            prints: "Operation in progress, delete 5000 messages",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const ABORT_DELETE_OLD_MESSAGES: Command = Command {
    name: "abort_delete_old_messages",
    tags: TAGS,
    about: "End the deletion of old offline messages",
    versions: &[Version {
        args: &[HOST],
        result: field("status", Shape::Text),
        run: |call: Call<'_>| Box::pin(async move { Ok(abort(call.kernel, &call.arguments)) }),
        example: Example { args: &["localhost"], prints: "Operation aborted" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

/// The moment before which messages are too old, as column `created_at` has it.
fn before(kernel: &Kernel, days: i64) -> Result<String, CommandError> {
    if days < 0 {
        return Err(CommandError::bad_argument("the number of days cannot be negative"));
    }
    let seconds = kernel.clock().unix_seconds().saturating_sub(days.saturating_mul(DAY_SECONDS));
    // Nothing is older than the year 1970; that also covers more days than a time can hold.
    let moment = jiff::Timestamp::from_second(seconds.max(0)).map_err(CommandError::failed)?;
    Ok(moment.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

async fn delete_old(
    kernel: &Kernel,
    arguments: Arguments,
    progress: Progress,
) -> Result<Value, CommandError> {
    let before = before(kernel, arguments.integer("days"))?;
    let (mut total, mut told) = (0, kernel.clock().now());
    for host in kernel.config().hosts() {
        loop {
            let deleted =
                one_batch(kernel, host, &before, BATCH).await.map_err(CommandError::failed)?;
            total += deleted;
            if told.elapsed() >= TELL {
                told = kernel.clock().now();
                progress.tell(format!("{total} messages deleted"));
            }
            if deleted < BATCH.unsigned_abs() {
                break;
            }
        }
    }
    Ok(Value::OK)
}

async fn one_batch(
    kernel: &Kernel,
    host: &str,
    before: &str,
    count_max: i64,
) -> Result<u64, ::store::StoreError> {
    let (host, before) = (host.to_owned(), before.to_owned());
    let write =
        kernel.store().write(move |tx| store::delete_before(tx, &host, &before, count_max)).await;
    write.map(::store::Committed::into_inner)
}

async fn delete_expired(kernel: &Kernel) -> Result<Value, CommandError> {
    let now = kernel.clock().unix_seconds();
    for host in kernel.config().hosts() {
        let mut after = i64::MIN;
        loop {
            let whose = host.clone();
            let read = move |query: &mut ::store::Query<'_>| {
                store::holding(query, &whose, EXPIRE, after, BATCH)
            };
            let page = kernel.store().read(read).await.map_err(CommandError::failed)?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            let gone: Vec<i64> =
                page.iter().filter(|row| has_expired(row, now)).map(|row| row.seq).collect();
            let whose = host.clone();
            let delete = move |tx: &mut ::store::Tx<'_>| {
                gone.iter().try_for_each(|seq| store::delete(tx, &whose, *seq))
            };
            kernel.store().write(delete).await.map_err(CommandError::failed)?;
        }
    }
    Ok(Value::OK)
}

/// XEP-0023 §2: seconds since the message was sent; we know since when it is here.
fn has_expired(row: &store::Dated, now: i64) -> bool {
    let Ok(message) = Element::parse(row.xml.as_bytes(), xmpp_wire::ns::CLIENT) else {
        return false;
    };
    let seconds = message.child("x", EXPIRE).and_then(|x| x.attr("seconds")?.trim().parse().ok());
    seconds.is_some_and(|seconds: i64| row.stored_at.saturating_add(seconds.max(0)) < now)
}

fn job_name(host: &str) -> String {
    format!("delete_old_messages {host}")
}

async fn delete_batch(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let host = served(kernel, arguments.text("host"))?;
    let before = before(kernel, arguments.integer("days"))?;
    let (size, rate) = (arguments.integer("batch_size"), arguments.integer("rate"));
    if size < 1 || rate < 1 {
        return Err(CommandError::bad_argument("batch_size and rate must be greater than 0"));
    }
    let size = size.min(BATCH_MAX);
    let job = match kernel.jobs().begin(&job_name(&host)) {
        Ok(job) => job,
        Err(why) => return Err(CommandError::bad_argument(why.to_string())),
    };
    let work = run_batches(kernel.clone(), job, host, before, size, rate);
    kernel.tasks().spawn("delete old messages", work);
    Ok(Value::Restuple(true, String::new()))
}

async fn run_batches(
    kernel: Kernel,
    job: Arc<Job>,
    host: String,
    before: String,
    size: i64,
    rate: i64,
) {
    // The share of a minute that a batch may take.
    let pause = Duration::from_secs_f64(60.0 * size as f64 / rate as f64);
    let mut stopping = kernel.tasks().stopping();
    while job.state() == JobState::Working {
        match one_batch(&kernel, &host, &before, size).await {
            Ok(deleted) => {
                job.count(deleted);
                if deleted < size.unsigned_abs() {
                    job.end(JobState::Completed);
                    return;
                }
            }
            Err(error) => {
                tracing::error!(host, %error, "old offline messages could not be deleted");
                job.end(JobState::Failed(error.to_string()));
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = job.ended() => {}
            () = stopping.wait() => drop(job.end(JobState::Aborted)),
        }
    }
}

fn found(kernel: &Kernel, arguments: &Arguments) -> Option<Arc<Job>> {
    let host = served(kernel, arguments.text("host")).ok()?;
    kernel.jobs().find(&job_name(&host))
}

/// COMPAT: the words of ejabberd, which scripts read.
fn status(kernel: &Kernel, arguments: &Arguments) -> Value {
    let Some(job) = found(kernel, arguments) else { return Value::text("Operation not started") };
    let steps = job.steps();
    Value::text(match job.state() {
        JobState::Working => format!("Operation in progress, deleted {steps} messages"),
        JobState::Completed => format!("Operation was completed after deleting {steps} messages"),
        JobState::Aborted => format!("Operation was aborted after deleting {steps} messages"),
        JobState::Failed(why) => {
            format!("Operation failed after deleting {steps} messages with error {why}")
        }
    })
}

fn abort(kernel: &Kernel, arguments: &Arguments) -> Value {
    let ended = found(kernel, arguments).is_some_and(|job| job.end(JobState::Aborted));
    Value::text(if ended { "Operation aborted" } else { "No task running" })
}
