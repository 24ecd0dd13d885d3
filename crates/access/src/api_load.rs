//! Reading the section `api_permissions`.

use settings::{Node, Note, Problem};

use crate::Access;
use crate::api::{
    ApiDoor, ApiPermissions, CommandPattern, CommandSet, Entry, From, OauthClause, Person, Who,
};
use crate::item::{Item, Part, flatten};
use crate::load::{Loader, with_hint};
use crate::rules::Term;

impl ApiPermissions {
    /// Reads the option; without one the default map holds.
    ///
    /// # Errors
    ///
    /// Every mistake of the section at its place.
    pub fn from_node(
        section: Option<&Node>,
        global: &Access,
    ) -> Result<(Self, Vec<Note>), Vec<Problem>> {
        let Some(section) = section else { return Ok((Self::default(), Vec::new())) };
        let mut loader = Loader::new();
        let mut entries = Vec::new();
        for (key, value) in loader.pairs(Item(section), "api_permissions") {
            if let Some(name) = loader.text(key, "the name of an entry") {
                entries.push(loader.entry(name, value));
            }
        }
        loader.check_acl_names(&global.acls);
        loader.finish(Self::with_console(entries))
    }
}

impl ApiPermissions {
    /// Notes the commands and tags of `what` that do not exist, each with the nearest one that does.
    ///
    /// COMPAT: they are no error, for ejabberd's may come with a module that is loaded later.
    pub fn unknown_commands(section: &Node, commands: &[&str], tags: &[&str]) -> Vec<Note> {
        let mut loader = Loader::new();
        for (_, entry) in loader.pairs(Item(section), "api_permissions") {
            for (key, value) in loader.pairs(entry, "an entry of api_permissions") {
                if key.text() != Some("what") {
                    continue;
                }
                for (item, text) in loader.texts(value, "a command") {
                    let (kind, name, known) = match command_pattern(text.trim_start_matches('!')) {
                        Some(CommandPattern::Named(name)) => ("command", name, commands),
                        Some(CommandPattern::Tagged(tag)) => ("tag", tag, tags),
                        Some(CommandPattern::Every) | None => continue,
                    };
                    if known.contains(&&*name) {
                        continue;
                    }
                    let problem = item.problem(format!("there is no {kind} `{name}`"));
                    let problem = problem.label("allows and forbids nothing");
                    // A hyphen is an underscore on the command line, and is not one here.
                    let similar = name.replace('-', "_");
                    loader.suspect(with_hint(problem, &similar, known.iter().copied()));
                }
            }
        }
        loader.notes
    }
}

impl Loader {
    fn entry(&mut self, name: &str, value: Item<'_>) -> Entry {
        let mut entry = Entry { name: name.into(), ..Entry::default() };
        for (key, value) in self.pairs(value, "an entry of api_permissions") {
            match key.text() {
                Some("from") => self.from(value, &mut entry.from),
                Some("who") => self.who(value, &mut entry.who),
                Some("what") => self.what(value, &mut entry.what),
                _ => {
                    let message = format!("an entry has no part {}", key.describe());
                    self.refuse_name(key, message, ["from", "who", "what"]);
                }
            }
        }
        entry
    }

    fn from(&mut self, value: Item<'_>, from: &mut From) {
        for part in flatten(value) {
            match part {
                Part::Bare(item) => {
                    let door = ApiDoor::ALL.iter().find(|(name, _)| item.text() == Some(name));
                    match door {
                        Some((_, door)) => from.doors.push(*door),
                        None => {
                            let message = format!("{} is no way to call", item.describe());
                            let names = ApiDoor::ALL.iter().map(|(name, _)| *name);
                            self.refuse_name(item, message, names);
                        }
                    }
                }
                Part::Pair(key, value) if key.text() == Some("tag") => {
                    from.tags.extend(self.text(value, "a tag").map(Box::from));
                }
                Part::Pair(key, _) => {
                    self.refuse(key, format!("expected `tag`, found {}", key.describe()));
                }
            }
        }
    }

    fn who(&mut self, value: Item<'_>, who: &mut Who) {
        for part in flatten(value) {
            match part {
                Part::Pair(key, value) if key.text() == Some("oauth") => {
                    let clause = self.oauth(key, value);
                    who.oauth.push(clause);
                }
                other => self.person(other, &mut who.persons),
            }
        }
    }

    /// An ACL name, a condition, or `access` with a rule.
    fn person(&mut self, part: Part<'_>, persons: &mut Vec<Person>) {
        match part {
            Part::Bare(item) => {
                let name = self.text(item, "the name of an ACL");
                persons.extend(name.map(|name| Person::Term(self.acl_term(item, name))));
            }
            Part::Pair(key, value) => match key.text() {
                Some("access") => persons.push(Person::Access(self.rule_ref(value))),
                Some("acl") => persons.extend(self.terms(value).into_iter().map(Person::Term)),
                Some("oauth") => self.refuse(key, "an `oauth` clause cannot hold another one"),
                _ => {
                    let conditions = self.condition(key, value);
                    persons
                        .extend(conditions.into_iter().map(|it| Person::Term(Term::Condition(it))));
                }
            },
        }
    }

    fn oauth(&mut self, key: Item<'_>, value: Item<'_>) -> OauthClause {
        let mut clause = OauthClause::default();
        for part in flatten(value) {
            match part {
                Part::Pair(key, value) if key.text() == Some("scope") => {
                    let scopes = self.texts(value, "a scope");
                    clause.scopes.extend(scopes.into_iter().map(|(_, scope)| Box::from(scope)));
                }
                other => self.person(other, &mut clause.persons),
            }
        }
        if clause.scopes.is_empty() {
            self.refuse(key, "an `oauth` clause needs `scope`");
        }
        clause
    }

    fn what(&mut self, value: Item<'_>, what: &mut CommandSet) {
        for (item, text) in self.texts(value, "a command") {
            let (list, word) = match text.strip_prefix('!') {
                Some(word) => (&mut what.excluded, word),
                None => (&mut what.included, text),
            };
            match command_pattern(word) {
                Some(pattern) => list.push(pattern),
                None => self.refuse(
                    item,
                    format!("`{text}` is no command name, \"[tag:name]\" or \"*\", with or without a leading `!`"),
                ),
            }
        }
    }
}

/// COMPAT: unlike in `ejabberdctl`, a `-` in a command name is kept as it is.
fn command_pattern(word: &str) -> Option<CommandPattern> {
    if word == "*" {
        return Some(CommandPattern::Every);
    }
    if let Some(tag) = word.strip_prefix("[tag:").and_then(|rest| rest.strip_suffix(']')) {
        return (!tag.is_empty()).then(|| CommandPattern::Tagged(tag.into()));
    }
    let valid =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (!word.is_empty() && word.bytes().all(valid)).then(|| CommandPattern::Named(word.into()))
}
