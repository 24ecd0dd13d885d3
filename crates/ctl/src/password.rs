//! Passwords that are not on the command line, where everybody on the machine could read them.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Commands with the place of the password among their arguments.
/// Where each command has its secret argument.
pub const PLACES: &[(&str, usize)] =
    &[("change_password", 2), ("check_password", 2), ("check_password_hash", 2), ("register", 2)];

/// Where a password is to be read because `-` stands in its place.
pub(crate) fn wanted(words: &[String]) -> Vec<usize> {
    let mut wanted = Vec::new();
    let mut at = 0;
    if words.first().is_some_and(|word| word == "--version") {
        at += 2;
    }
    if words.get(at).is_some_and(|word| word == "--auth") {
        wanted.push(at + 3);
        at += 4;
    }
    if let Some(command) = words.get(at) {
        let name = command.replace('-', "_");
        let place = PLACES.iter().find(|(known, _)| *known == name);
        wanted.extend(place.map(|(_, place)| at + 1 + place));
    }
    wanted.retain(|place| words.get(*place).is_some_and(|word| word == "-"));
    wanted
}

/// Reads the passwords that [`wanted`] finds, in order, each a line of standard input.
pub(crate) fn fill(words: &mut [String]) -> io::Result<()> {
    for place in wanted(words) {
        let stdin = io::stdin();
        words[place] = if stdin.is_terminal() { ask(&stdin)? } else { line(&stdin)? };
    }
    Ok(())
}

fn line(stdin: &io::Stdin) -> io::Result<String> {
    let mut line = String::new();
    if stdin.lock().read_line(&mut line)? == 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "there is no password on standard input",
        ));
    }
    let end = line.trim_end_matches('\n').trim_end_matches('\r').len();
    line.truncate(end);
    Ok(line)
}

fn ask(stdin: &io::Stdin) -> io::Result<String> {
    let silence = Silence::begin(stdin)?;
    let mut terminal = io::stderr();
    terminal.write_all(b"Password: ")?;
    let line = line(stdin);
    drop(silence);
    terminal.write_all(b"\n")?;
    line
}

/// While it lives, the terminal does not show what is typed.
struct Silence<'a> {
    stdin: &'a io::Stdin,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn begin(stdin: &'a io::Stdin) -> io::Result<Self> {
        let before = tcgetattr(stdin)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin, OptionalActions::Flush, &silent)?;
        Ok(Self { stdin, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // The terminal may be gone; then there is nothing to restore.
        tcsetattr(self.stdin, OptionalActions::Flush, &self.before).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hyphen_in_the_place_of_a_password_is_found() {
        let wanted = |line: &str| wanted(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(wanted("register bob host -"), [3]);
        assert_eq!(wanted("--version 2 --auth me here - change-password bob host -"), [5, 9]);
        assert_eq!(wanted("register - host secret"), [0; 0]);
        assert_eq!(wanted("kick_user bob -"), [0; 0]);
        assert_eq!(wanted("register bob"), [0; 0]);
    }
}
