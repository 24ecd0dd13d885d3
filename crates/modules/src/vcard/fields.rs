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
        if let Some(name) = key.as_text() {
            field(&mut parent, &name.to_uppercase(), value);
        }
    }
    parent
}

fn field(parent: &mut Element, name: &str, value: &Node) {
    if let Some(items) = value.items() {
        return items.iter().for_each(|item| field(parent, name, item));
    }
    let element = Element::new(name.to_owned(), ns::VCARD);
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
