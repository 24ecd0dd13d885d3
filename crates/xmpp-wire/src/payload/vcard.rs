//! XEP-0054 vcard-temp: the fields by which people are looked for.

use crate::ns;
use xmlstream::Element;

/// The searchable fields of a vCard: fn, family, given, middle, nickname, bday, ctry, locality, email, orgname, orgunit.
pub type Fields = [String; 11];

/// The text at a path of elements; empty where there is none.
fn text(card: &Element, path: &[&str]) -> String {
    let end = path.iter().try_fold(card, |element, name| element.child(name, ns::VCARD));
    end.map(Element::text).unwrap_or_default()
}

/// The fields by which people are looked for; empty where the card has none.
pub fn searchable(card: &Element) -> Fields {
    let mut email = text(card, &["EMAIL", "USERID"]);
    if email.is_empty() {
        email = text(card, &["EMAIL"]).trim().to_owned();
    }
    [
        text(card, &["FN"]),
        text(card, &["N", "FAMILY"]),
        text(card, &["N", "GIVEN"]),
        text(card, &["N", "MIDDLE"]),
        text(card, &["NICKNAME"]),
        text(card, &["BDAY"]),
        text(card, &["ADR", "CTRY"]),
        text(card, &["ADR", "LOCALITY"]),
        email,
        text(card, &["ORG", "ORGNAME"]),
        text(card, &["ORG", "ORGUNIT"]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(inner: &str) -> Element {
        Element::parse(format!("<vCard xmlns='vcard-temp'>{inner}</vCard>").as_bytes(), "").unwrap()
    }

    #[test]
    fn searchable_fields_are_found_where_the_specification_puts_them() {
        let card = card(
            "<FN>Romeo Montague</FN><N><FAMILY>Montague</FAMILY><GIVEN>Romeo</GIVEN><MIDDLE>M</MIDDLE></N>\
             <NICKNAME>rom</NICKNAME><BDAY>1591</BDAY><ADR><CTRY>Italy</CTRY><LOCALITY>Verona</LOCALITY></ADR>\
             <EMAIL><USERID>romeo@example.org</USERID></EMAIL><ORG><ORGNAME>Montague</ORGNAME><ORGUNIT>Sons</ORGUNIT>\
             <ORGUNIT>Heirs</ORGUNIT></ORG>",
        );
        assert_eq!(
            searchable(&card),
            [
                "Romeo Montague",
                "Montague",
                "Romeo",
                "M",
                "rom",
                "1591",
                "Italy",
                "Verona",
                "romeo@example.org",
                "Montague",
                "Sons"
            ]
        );
    }
}
