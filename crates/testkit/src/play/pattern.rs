//! What an actor expects to receive, compared with what came.

use std::collections::BTreeMap;

use xmlstream::{Element, Node};

/// Stands for "any namespace" where a pattern declares none.
const ANY_NS: &str = "*";

/// "Anything may be here", as text or value.
const ANYTHING: &str = "...";

/// A pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Element);

/// Values that patterns caught, by name.
pub(super) type Captures = BTreeMap<String, String>;

impl Pattern {
    /// Reads a pattern: XML in which the prefix `stream` is known and namespaces may be left out.
    ///
    /// # Errors
    /// It is no XML.
    pub fn parse(text: &str) -> Result<Self, String> {
        let declared = format!(" xmlns:stream='{}'", xmlstream::NS_STREAMS);
        let end = text.find(['/', '>', ' ']).unwrap_or(text.len());
        let text = match (text.starts_with("<stream:"), text.get(..end), text.get(end..)) {
            (true, Some(name), Some(rest)) => format!("{name}{declared}{rest}"),
            _ => text.to_owned(),
        };
        let parsed = Element::parse(text.as_bytes(), ANY_NS);
        parsed.map(Self).map_err(|error| format!("the pattern is no XML: {error}: {text}"))
    }

    /// The element's name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Compares.
    ///
    /// # Errors
    /// What differs first.
    pub(super) fn matches(&self, actual: &Element, captures: &mut Captures) -> Result<(), String> {
        let mut caught = captures.clone();
        compare(&self.0, actual, &mut caught)?;
        *captures = caught;
        Ok(())
    }
}

fn compare(pattern: &Element, actual: &Element, captures: &mut Captures) -> Result<(), String> {
    let name = pattern.name();
    if name != actual.name() {
        return Err(format!("<{}/> is not <{name}/>", actual.name()));
    }
    if pattern.ns() != ANY_NS && pattern.ns() != actual.ns() {
        return Err(format!("<{name}/> is in {:?}, not in {:?}", actual.ns(), pattern.ns()));
    }
    for attr in pattern.attrs() {
        let wanted = &*attr.value;
        let found = actual
            .attrs()
            .iter()
            .find(|other| other.name == attr.name && other.ns == attr.ns)
            .map(|other| &*other.value);
        value(wanted, found, captures)
            .map_err(|why| format!("<{name}/>, attribute {}: {why}", attr.name))?;
    }
    content(pattern, actual, captures)
}

fn value(wanted: &str, found: Option<&str>, captures: &mut Captures) -> Result<(), String> {
    if wanted == "{absent}" {
        return found
            .map_or(Ok(()), |found| Err(format!("it should not be there, and is {found:?}")));
    }
    let Some(found) = found else { return Err("it is missing".to_owned()) };
    if wanted == ANYTHING {
        return Ok(());
    }
    if let Some(name) = wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix("=...}")) {
        captures.insert(name.to_owned(), found.to_owned());
        return Ok(());
    }
    if wanted == found { Ok(()) } else { Err(format!("{found:?} is not {wanted:?}")) }
}

fn content(pattern: &Element, actual: &Element, captures: &mut Captures) -> Result<(), String> {
    let name = pattern.name();
    let open = pattern.nodes().iter().any(
        |node| matches!(node, Node::Text(text) if text.contains(ANYTHING) && !text.contains("{")),
    );
    if open {
        for child in pattern.children() {
            find(child, actual, captures).map_err(|why| format!("in <{name}/>: {why}"))?;
        }
        return Ok(());
    }
    let (wanted, found) = (pattern.children().count(), actual.children().count());
    if wanted != found {
        return Err(format!("<{name}/> has {found} children, not {wanted}"));
    }
    for (wanted, found) in pattern.children().zip(actual.children()) {
        compare(wanted, found, captures).map_err(|why| format!("in <{name}/>: {why}"))?;
    }
    value(pattern.text().trim(), Some(actual.text().trim()), captures)
        .map_err(|why| format!("text of <{name}/>: {why}"))
}

/// Looks for a child anywhere below `actual`.
fn find(wanted: &Element, actual: &Element, captures: &mut Captures) -> Result<(), String> {
    let mut why = format!("there is no <{}/>", wanted.name());
    for child in actual.children() {
        let mut caught = captures.clone();
        match compare(wanted, child, &mut caught) {
            Ok(()) => {
                *captures = caught;
                return Ok(());
            }
            Err(other) if child.name() == wanted.name() => why = other,
            Err(_) => {}
        }
        if find(wanted, child, captures).is_ok() {
            return Ok(());
        }
    }
    Err(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, actual: &str) -> Result<Captures, String> {
        let mut captures = Captures::new();
        let actual = Element::parse(actual.as_bytes(), "jabber:client").unwrap();
        Pattern::parse(pattern)?.matches(&actual, &mut captures)?;
        Ok(captures)
    }

    #[test]
    fn a_pattern_names_what_must_be_there() {
        let message =
            "<message type='chat' id='1'><body>hi</body><x xmlns='urn:x'><y/></x></message>";
        assert!(check("<message id='1'>...</message>", message).is_ok());
        assert!(check("<message>...<y/></message>", message).is_ok());
        assert!(
            check("<message><body>hi</body><x xmlns='urn:x'>...</x></message>", message).is_ok()
        );
        assert!(check("<message><body>hi</body></message>", message).is_err());
        assert!(check("<message><body>ho</body>...</message>", message).is_err());
        assert!(check("<message>...<x xmlns='urn:y'/></message>", message).is_err());
        assert!(check("<message type='{absent}'>...</message>", message).is_err());
        assert!(check("<message/>", message).is_err());
        assert!(check("<presence/>", message).is_err());
    }

    #[test]
    fn values_are_caught() {
        assert_eq!(check("<a id='{x=...}'/>", "<a id='7'/>").unwrap()["x"], "7");
        assert_eq!(check("<a><b>{x=...}</b></a>", "<a><b>7</b></a>").unwrap()["x"], "7");
        assert!(
            check(
                "<stream:error>...</stream:error>",
                "<error xmlns='http://etherx.jabber.org/streams'/>"
            )
            .is_ok()
        );
    }
}
