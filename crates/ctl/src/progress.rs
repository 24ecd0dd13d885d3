//! How far a long command is: one line of the terminal, written over and cleared at the end.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crate::call::{Answer, CallError, call};
use crate::options::Manner;

/// Columns of a line at most, so that it can be written over.
const COLUMNS: usize = 78;

/// Gives a command, and shows what it tells if a person reads standard error.
pub(crate) fn shown(socket: &Path, words: &[String], manner: &Manner) -> Result<Answer, CallError> {
    if !io::stderr().is_terminal() {
        return call(socket, words, manner, None);
    }
    let mut has_told = false;
    let mut show = |text: &str| {
        has_told = true;
        // Who closed the terminal wants to see nothing.
        drop(io::stderr().write_all(format!("\r{}\x1b[K", fitting(text)).as_bytes()));
    };
    let answer = call(socket, words, manner, Some(&mut show));
    if has_told {
        drop(io::stderr().write_all(b"\r\x1b[K"));
    }
    answer
}

/// One line that does what a line does: control characters could do more.
fn fitting(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(COLUMNS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_stays_in_its_line() {
        assert_eq!(fitting("half\n\x1b[2Jdone"), "half  [2Jdone");
        assert_eq!(fitting(&"x".repeat(100)).len(), COLUMNS);
    }
}
