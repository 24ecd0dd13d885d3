//! `include_config_file`: other files taken in where they are named.

use std::path::{Path, PathBuf};

use crate::node::Node;
use crate::problem::{Note, NoteKind, Problem};
use crate::source::Sources;
use crate::suggest;
use crate::yaml;

/// Most files one load reads.
pub(crate) const FILES_MAX: usize = 200;
/// Files may include files this deep.
const INCLUDE_DEPTH_MAX: usize = 16;

/// Reads files and takes in what they include.
pub(crate) struct Includer<'a> {
    pub(crate) sources: &'a mut Sources,
    pub(crate) problems: &'a mut Vec<Problem>,
    pub(crate) notes: &'a mut Vec<Note>,
    /// The files being read, outermost first.
    open: Vec<PathBuf>,
    files: usize,
}

/// What an `include_config_file` entry lets through.
#[derive(Default)]
struct Filter {
    allow_only: Option<Vec<String>>,
    disallow: Vec<String>,
}

impl<'a> Includer<'a> {
    pub(crate) fn new(
        sources: &'a mut Sources,
        problems: &'a mut Vec<Problem>,
        notes: &'a mut Vec<Note>,
    ) -> Self {
        Self { sources, problems, notes, open: Vec::new(), files: 0 }
    }

    /// The entries of a file with its includes taken in; `from` is the node that names the file.
    pub(crate) fn file(&mut self, path: &Path, from: Option<&Node>) -> Vec<(Node, Node)> {
        let identity = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        match self.open_file(path, &identity) {
            Err(title) => {
                self.problems.push(match from {
                    Some(node) => node.problem(title),
                    None => Problem::general(title),
                });
                Vec::new()
            }
            Ok(text) => {
                self.open.push(identity);
                let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
                let entries = self.text(&path.display().to_string(), &text, &folder);
                self.open.pop();
                entries
            }
        }
    }

    fn open_file(&mut self, path: &Path, identity: &PathBuf) -> Result<String, String> {
        let shown = path.display();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if !matches!(extension, Some("yml" | "yaml")) {
            return Err(format!(
                "`{shown}` does not end in .yml or .yaml, so it holds Erlang terms, which are not read; convert it to YAML"
            ));
        }
        if self.open.contains(identity) {
            return Err(format!("`{shown}` includes itself"));
        }
        self.files += 1;
        if self.files > FILES_MAX || self.open.len() > INCLUDE_DEPTH_MAX {
            return Err(format!(
                "more than {FILES_MAX} files, or includes more than {INCLUDE_DEPTH_MAX} deep"
            ));
        }
        read_bounded(path)
    }

    /// The entries of a text with its includes taken in, relative paths from `folder`.
    pub(crate) fn text(&mut self, name: &str, text: &str, folder: &Path) -> Vec<(Node, Node)> {
        let file = self.sources.add(name, text);
        match yaml::parse(file, text) {
            Err(problem) => {
                self.problems.push(problem);
                Vec::new()
            }
            Ok(root) => match root.entries() {
                Some(entries) => self.expand(entries.to_vec(), folder),
                None if root.is_null() => Vec::new(),
                None => {
                    let title = format!(
                        "expected a map from option names to values, found {}",
                        root.describe()
                    );
                    self.problems
                        .push(root.problem(title).help("write one `name: value` in each line"));
                    Vec::new()
                }
            },
        }
    }

    fn expand(&mut self, entries: Vec<(Node, Node)>, folder: &Path) -> Vec<(Node, Node)> {
        let mut out = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            match key.as_str() {
                Some("include_config_file") => out.extend(self.include(&value, folder)),
                Some("host_config" | "append_host_config") => {
                    let hosts = value.entries().map(<[_]>::to_vec).unwrap_or_default();
                    if hosts.is_empty() {
                        out.push((key, value));
                        continue;
                    }
                    let hosts = hosts.into_iter().map(|(host, body)| match body.entries() {
                        Some(options) => {
                            let options = self.expand(options.to_vec(), folder);
                            (host, Node::map(options, body.pos()))
                        }
                        None => (host, body),
                    });
                    let hosts = hosts.collect();
                    out.push((key, Node::map(hosts, value.pos())));
                }
                _ => out.push((key, value)),
            }
        }
        out
    }

    fn include(&mut self, value: &Node, folder: &Path) -> Vec<(Node, Node)> {
        let mut named: Vec<(&Node, Filter)> = Vec::new();
        match (value.as_str(), value.entries(), value.items()) {
            (Some(_), _, _) => named.push((value, Filter::default())),
            (_, Some(entries), _) => {
                named.extend(entries.iter().map(|(path, rules)| (path, self.filter(rules))));
            }
            (_, _, Some(items)) => {
                for item in items {
                    match item.entries() {
                        Some(entries) => named
                            .extend(entries.iter().map(|(path, rules)| (path, self.filter(rules)))),
                        None => named.push((item, Filter::default())),
                    }
                }
            }
            _ => self.problems.push(
                value.problem("expected a file, a list of files, or a map from files to rules"),
            ),
        }
        let mut out = Vec::new();
        for (path, filter) in named {
            let Some(text) = path.as_text() else {
                self.problems.push(
                    path.problem(format!("expected the path of a file, found {}", path.describe())),
                );
                continue;
            };
            let entries = self.file(&folder.join(text), Some(path));
            let entries =
                entries.into_iter().filter(|(key, _)| self.lets_through(&filter, key, text));
            out.extend(entries.collect::<Vec<_>>());
        }
        out
    }

    fn filter(&mut self, rules: &Node) -> Filter {
        let mut filter = Filter::default();
        if rules.is_null() {
            return filter;
        }
        let Some(pairs) = rules.pairs() else {
            self.problems.push(rules.problem("expected a map with `allow_only` or `disallow`"));
            return filter;
        };
        for (key, value) in pairs {
            let names = value.items().map_or_else(|| vec![value], |items| items.iter().collect());
            let names: Vec<String> =
                names.iter().filter_map(|name| name.as_str()).map(str::to_owned).collect();
            match key.as_str() {
                Some("allow_only") => filter.allow_only = Some(names),
                Some("disallow") => filter.disallow = names,
                _ => {
                    let problem =
                        key.problem(format!("{} is no rule for an included file", key.describe()));
                    self.problems.push(suggest::name(problem, key, &["allow_only", "disallow"]));
                }
            }
        }
        filter
    }

    fn lets_through(&mut self, filter: &Filter, key: &Node, file: &str) -> bool {
        let name = key.as_str().unwrap_or_default();
        let allowed =
            filter.allow_only.as_ref().is_none_or(|names| names.iter().any(|other| other == name));
        if allowed && !filter.disallow.iter().any(|other| other == name) {
            return true;
        }
        let problem =
            key.problem(format!("option `{name}` is ignored: `{file}` is included without it"));
        self.notes.push(Note::new(NoteKind::Ignored, problem));
        false
    }
}

/// Reads a text file that is not larger than the parser takes.
pub(crate) fn read_bounded(path: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let shown = path.display();
    let failed = |error: std::io::Error| format!("cannot read `{shown}`: {error}");
    let file = std::fs::File::open(path).map_err(failed)?;
    let bound = u64::try_from(yaml::TEXT_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(bound + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > yaml::TEXT_BYTES_MAX {
        return Err(format!("`{shown}` is larger than {} bytes", yaml::TEXT_BYTES_MAX));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        format!("`{shown}` is not UTF-8 text: line {line} has a byte that is none")
    })
}
