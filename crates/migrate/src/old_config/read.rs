//! The terms of a file: includes taken in, macros replaced.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use erl_wire::Term;

use crate::erl_text::{Encoding, TermError, Terms};
use crate::report::MigrateError;
use crate::words::open;

/// Bytes of one file at most.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Files at most, and how deep they may include each other.
const FILES_MAX: usize = 200;
const INCLUDE_DEPTH_MAX: usize = 16;
/// Terms at most after macros are replaced: macros within macros could double them again and again.
const TERMS_MAX: usize = 1 << 18;
/// Macros within macros at most.
const MACRO_DEPTH_MAX: usize = 16;

/// The terms of a file and of those that it includes, and the names of the files.
pub(super) fn terms(path: &Path) -> Result<(Vec<Term>, Vec<String>), MigrateError> {
    let mut reader = Reader { files: Vec::new(), open: Vec::new() };
    let terms = reader.file(path)?;
    let files = reader.files.iter().map(|file| file.display().to_string()).collect();
    Macros::taken_from(terms).replaced(path).map(|terms| (terms, files))
}

struct Reader {
    files: Vec<PathBuf>,
    /// The files being read, outermost first.
    open: Vec<PathBuf>,
}

impl Reader {
    fn file(&mut self, path: &Path) -> Result<Vec<Term>, MigrateError> {
        let fail = |what: &str| Err(MigrateError::format(path, what));
        let file = open(path)?;
        let length = file.metadata().map_err(MigrateError::io(path))?.len();
        if length > FILE_BYTES_MAX {
            return fail("this is no configuration: it is longer than 4 MiB");
        }
        let identity = path.canonicalize().map_err(MigrateError::io(path))?;
        if self.open.contains(&identity) {
            return fail("this file includes itself");
        }
        if self.files.len() >= FILES_MAX || self.open.len() >= INCLUDE_DEPTH_MAX {
            return fail("too many files, or includes that are too deep");
        }
        self.files.push(path.to_owned());
        self.open.push(identity);
        let mut terms = Terms::new(file);
        terms.encoding = Encoding::Utf8;
        let mut all = Vec::new();
        loop {
            let next = terms.next_term().map_err(|error| match error {
                TermError::Io(source) => MigrateError::io(path)(source),
                other => MigrateError::format(path, other),
            });
            let Some(term) = next? else { break };
            match include(&term) {
                Some((name, filter)) => {
                    let folder = path.parent().unwrap_or(Path::new(""));
                    let included = self.file(&folder.join(name))?;
                    all.extend(included.into_iter().filter(|term| filter.lets(term)));
                }
                None => all.push(term),
            }
        }
        self.open.pop();
        Ok(all)
    }
}

/// What an include lets through.
#[derive(Default)]
struct Filter {
    allow_only: Option<Vec<Term>>,
    disallow: Vec<Term>,
}

impl Filter {
    fn lets(&self, term: &Term) -> bool {
        let name = term.as_tuple().and_then(<[Term]>::first).unwrap_or(term);
        !self.disallow.contains(name)
            && self.allow_only.as_ref().is_none_or(|only| only.contains(name))
    }
}

/// `{include_config_file, Name}` with or without `[{disallow, Names}, {allow_only, Names}]`.
fn include(term: &Term) -> Option<(String, Filter)> {
    let (name, options) = match term.as_tuple()? {
        [word, name] if word.as_atom() == Some("include_config_file") => (name, &[][..]),
        [word, name, Term::List(options)] if word.as_atom() == Some("include_config_file") => {
            (name, options.as_slice())
        }
        _ => return None,
    };
    let mut filter = Filter::default();
    for option in options {
        match option.as_tuple()? {
            [word, Term::List(names)] if word.as_atom() == Some("disallow") => {
                filter.disallow.extend(names.iter().cloned());
            }
            [word, Term::List(names)] if word.as_atom() == Some("allow_only") => {
                filter.allow_only = Some(names.clone());
            }
            _ => return None,
        }
    }
    Some((name.text()?, filter))
}

/// `{define_macro, NAME, Value}`.
struct Macros {
    values: HashMap<String, Term>,
    rest: Vec<Term>,
    left: usize,
}

impl Macros {
    fn taken_from(terms: Vec<Term>) -> Self {
        let mut macros = Self { values: HashMap::new(), rest: Vec::new(), left: TERMS_MAX };
        for term in terms {
            match term.as_tuple() {
                Some([word, Term::Atom(name), value]) if word.as_atom() == Some("define_macro") => {
                    macros.values.insert(name.as_str().to_owned(), value.clone());
                }
                _ => macros.rest.push(term),
            }
        }
        macros
    }

    fn replaced(mut self, path: &Path) -> Result<Vec<Term>, MigrateError> {
        let rest = std::mem::take(&mut self.rest);
        let replaced = rest.iter().map(|term| self.term(term, 0)).collect::<Option<_>>();
        replaced.ok_or_else(|| {
            MigrateError::format(path, "the macros are too deep, or make too much of themselves")
        })
    }

    fn term(&mut self, term: &Term, depth: usize) -> Option<Term> {
        self.left = self.left.checked_sub(1)?;
        Some(match term {
            Term::Atom(name) => match self.values.get(name.as_str()).cloned() {
                Some(value) if depth < MACRO_DEPTH_MAX => self.term(&value, depth + 1)?,
                Some(_) => return None,
                None => term.clone(),
            },
            Term::Tuple(parts) => match (self.used(parts), parts.as_slice()) {
                (Some(value), _) if depth < MACRO_DEPTH_MAX => self.term(&value, depth + 1)?,
                (Some(_), _) => return None,
                (None, parts) => Term::Tuple(self.terms(parts, depth)?),
            },
            Term::List(items) => Term::List(self.terms(items, depth)?),
            other => other.clone(),
        })
    }

    fn terms(&mut self, terms: &[Term], depth: usize) -> Option<Vec<Term>> {
        terms.iter().map(|term| self.term(term, depth)).collect()
    }

    /// `{use_macro, NAME}` and `{use_macro, NAME, Default}`.
    fn used(&self, parts: &[Term]) -> Option<Term> {
        match parts {
            [word, Term::Atom(name), default @ ..]
                if word.as_atom() == Some("use_macro") && default.len() <= 1 =>
            {
                self.values.get(name.as_str()).or(default.first()).cloned()
            }
            _ => None,
        }
    }
}
