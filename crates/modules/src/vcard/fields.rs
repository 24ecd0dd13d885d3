//! What is inside a vCard: the photo, and cards made from settings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::contracts::Photo;
use settings::{Node, Value};
use sha1::{Digest as _, Sha1};
use xmlstream::Element;
use xmpp_wire::ns;

/// The text at a path of elements; empty where there is none.
fn text(card: &Element, path: &[&str]) -> String {
    let end = path.iter().try_fold(card, |element, name| element.child(name, ns::VCARD));
    end.map(Element::text).unwrap_or_default()
}

/// The photo (XEP-0153 §3.1): the hash is that of the image, not of its Base64 text, which may be folded.
pub(super) fn photo(card: &Element) -> Photo {
    let Some(photo) = card.child("PHOTO", ns::VCARD) else { return Photo::Absent };
    if photo.child("EXTVAL", ns::VCARD).is_some() {
        return Photo::External;
    }
    let mut folded = text(photo, &["BINVAL"]);
    folded.retain(|character| !character.is_ascii_whitespace());
    match STANDARD.decode(folded) {
        Ok(image) if !image.is_empty() => {
            Photo::Hash(Sha1::digest(&image).iter().map(|byte| format!("{byte:02x}")).collect())
        }
        _ => Photo::Absent,
    }
}

/// The card of the server when the option `vcard` does not say.
pub(super) fn of_server() -> Element {
    let leaf = |name, text| Element::new(name, ns::VCARD).with_text(text);
    Element::new("vCard", ns::VCARD)
        .with_child(leaf("FN", "Rookery"))
        .with_child(leaf("DESC", "XMPP server"))
}

/// A card from the settings: field names in any case; lists make several elements.
pub(super) fn of_option(value: &Value) -> Option<Element> {
    let entries = value.as_node()?.entries()?;
    Some(with_fields(Element::new("vCard", ns::VCARD), entries))
}

fn with_fields(mut parent: Element, entries: &[(Node, Node)]) -> Element {
    for (key, value) in entries {
        if let Some(key) = key.as_text() {
            let name = name_of(parent.name(), &key.to_uppercase());
            field(&mut parent, &name, value);
        }
    }
    parent
}

/// The element of XEP-0054 that ejabberd has a shorter word for, or one without a hyphen.
fn name_of(parent: &str, word: &str) -> String {
    match (parent, word) {
        ("ORG", "NAME") => "ORGNAME".to_owned(),
        ("ORG", "UNIT" | "UNITS") => "ORGUNIT".to_owned(),
        _ => word.replace('_', "-"),
    }
}

fn field(parent: &mut Element, name: &str, value: &Node) {
    let element = Element::new(name.to_owned(), ns::VCARD);
    // These two hold what is said of them in elements.
    match (name, value.items(), value.as_str()) {
        ("CATEGORIES", Some(words), _) => {
            let mut all = element;
            words.iter().for_each(|word| field(&mut all, "KEYWORD", word));
            return parent.push(all);
        }
        ("CLASS", None, Some(class @ ("public" | "private" | "confidential"))) => {
            return parent.push(element.with_child(Element::new(class.to_uppercase(), ns::VCARD)));
        }
        (_, Some(items), _) => return items.iter().for_each(|item| field(parent, name, item)),
        _ => {}
    }
    if let Some(entries) = value.entries() {
        return parent.push(with_fields(element, entries));
    }
    match value.as_str() {
        // A flag such as WORK is an empty element or none.
        Some("false") | None => {}
        Some("true") => parent.push(element),
        Some(text) => parent.push(element.with_text(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(inner: &str) -> Element {
        Element::parse(format!("<vCard xmlns='vcard-temp'>{inner}</vCard>").as_bytes(), "").unwrap()
    }

    #[test]
    fn a_card_from_the_settings_has_the_elements_of_vcards() {
        let text = "hosts: [a.test]\nmodules:\n  mod_vcard:\n    vcard:\n      fn: Conferences\n      org: {name: A, units: [B, C]}\n      sort_string: con\n      categories: [x, y]\n      class: public\n      tel: [{work: true, number: '1'}]\n";
        let source = settings::Source::Text { name: "t".to_owned(), text: text.to_owned() };
        let config = settings::load(&source, &settings::Inputs::default()).unwrap().config;
        let module = config.module("a.test", "mod_vcard").unwrap();
        let made = of_option(module.options.get("vcard")).unwrap();
        let wanted = card(
            "<FN>Conferences</FN><ORG><ORGNAME>A</ORGNAME><ORGUNIT>B</ORGUNIT><ORGUNIT>C</ORGUNIT></ORG>\
             <SORT-STRING>con</SORT-STRING><CATEGORIES><KEYWORD>x</KEYWORD><KEYWORD>y</KEYWORD></CATEGORIES>\
             <CLASS><PUBLIC/></CLASS><TEL><WORK/><NUMBER>1</NUMBER></TEL>",
        );
        assert_eq!(made.to_bytes(""), wanted.to_bytes(""));
    }

    #[test]
    fn a_photo_is_known_by_the_hash_of_its_bytes() {
        let hash = Photo::Hash("a9993e364706816aba3e25717850c26c9cd0d89d".to_owned());
        assert_eq!(
            photo(&card("<PHOTO><TYPE>image/png</TYPE><BINVAL>YW\nJj</BINVAL></PHOTO>")),
            hash
        );
        assert_eq!(
            photo(&card("<PHOTO><EXTVAL>http://example.org/</EXTVAL></PHOTO>")),
            Photo::External
        );
        assert_eq!(photo(&card("<PHOTO><BINVAL>%</BINVAL></PHOTO>")), Photo::Absent);
        assert_eq!(photo(&card("<FN>Romeo</FN>")), Photo::Absent);
    }
}
