//! How an event becomes one line of text: time, level, where from, message, fields; never more than one line.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// A line longer than this is cut, so that one event cannot fill the queue.
const LINE_BYTES_MAX: usize = 16 << 10;

/// Local time with microseconds and offset, as in RFC 3339.
pub(crate) struct LocalTime;

impl FormatTime for LocalTime {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        #[expect(clippy::disallowed_methods, reason = "a log tells the real time, also in tests")]
        let now = jiff::Zoned::now();
        write!(w, "{}", now.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z"))
    }
}

/// Text lines.
pub(crate) struct TextLine;

/// Collects a message and its fields, with control characters escaped so that nobody can forge a line or drive a
/// terminal with them.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

/// Writes through to a string with control characters escaped.
pub(crate) struct Escaped<'a>(pub(crate) &'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            // Direction overrides would let a name rewrite the line that it stands in.
            let deceives = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if self.0.len() > LINE_BYTES_MAX {
                return Ok(());
            }
            if character.is_control() || deceives {
                write!(self.0, "{}", character.escape_default())?;
            } else {
                self.0.push(character);
            }
        }
        Ok(())
    }
}

impl Text {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing to a string cannot fail; a Display that fails leaves what it has written.
        if field.name() == "message" {
            Escaped(&mut self.message).write_fmt(value).ok();
        } else {
            write!(self.fields, " {}=", field.name()).ok();
            Escaped(&mut self.fields).write_fmt(value).ok();
        }
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" || !value.contains([' ', '"', '=']) && !value.is_empty() {
            self.add(field, format_args!("{value}"));
        } else {
            self.add(field, format_args!("{value:?}"));
        }
    }
}

fn word(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::ERROR => ("error", "\x1b[31m"),
        Level::WARN => ("warning", "\x1b[33m"),
        Level::INFO => ("info", "\x1b[32m"),
        Level::DEBUG => ("debug", "\x1b[34m"),
        Level::TRACE => ("debug", "\x1b[35m"),
    }
}

impl<S, N> FormatEvent<S, N> for TextLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut w: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = Text::default();
        event.record(&mut text);
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>()
                && !fields.is_empty()
            {
                text.fields.push(' ');
                Escaped(&mut text.fields).write_str(fields)?;
            }
        }
        let (word, colour) = word(*event.metadata().level());
        LocalTime.format_time(&mut w)?;
        if w.has_ansi_escapes() {
            write!(w, " {colour}[{word}]\x1b[0m")?;
        } else {
            write!(w, " [{word}]")?;
        }
        writeln!(w, " {}: {}{}", event.metadata().target(), text.message, text.fields)
    }
}
