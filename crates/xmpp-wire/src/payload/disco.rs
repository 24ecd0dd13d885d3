//! XEP-0030 Service Discovery, and the input of the hash of XEP-0115 Entity Capabilities.

use super::forms::{FieldType, Form};
use crate::ns;
use jid::Jid;
use xmlstream::Element;

/// What an entity is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The kind, such as `server`.
    pub category: String,
    /// The kind within the kind, such as `im`.
    pub kind: String,
    /// The language of the name.
    pub lang: Option<String>,
    /// A name for people.
    pub name: Option<String>,
}

impl Identity {
    /// An identity with a name.
    pub fn new(category: &str, kind: &str, name: &str) -> Self {
        Self {
            category: category.to_owned(),
            kind: kind.to_owned(),
            lang: None,
            name: Some(name.to_owned()),
        }
    }
}

/// What an entity is and can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The node that was asked for.
    pub node: Option<String>,
    /// What it is.
    pub identities: Vec<Identity>,
    /// What it can do.
    pub features: Vec<String>,
    /// More of it (XEP-0128).
    pub forms: Vec<Form>,
}

impl Info {
    /// Reads a `<query/>`; `None` if it is something else.
    pub fn from_element(query: &Element) -> Option<Self> {
        if !query.is("query", ns::DISCO_INFO) {
            return None;
        }
        let identity = |element: &Element| {
            Some(Identity {
                category: element.attr("category")?.to_owned(),
                kind: element.attr("type")?.to_owned(),
                lang: element.attr("xml:lang").map(str::to_owned),
                name: element.attr("name").map(str::to_owned),
            })
        };
        let named = |name: &'static str| {
            query.children().filter(move |child| child.is(name, ns::DISCO_INFO))
        };
        Some(Self {
            node: query.attr("node").map(str::to_owned),
            identities: named("identity").filter_map(identity).collect(),
            features: named("feature")
                .filter_map(|feature| feature.attr("var"))
                .map(str::to_owned)
                .collect(),
            forms: query.children().filter_map(Form::from_element).collect(),
        })
    }

    /// The `<query/>`.
    pub fn to_element(&self) -> Element {
        let identity = |identity: &Identity| {
            Element::new("identity", ns::DISCO_INFO)
                .with_attr("category", identity.category.clone())
                .with_attr("type", identity.kind.clone())
                .with_attr_opt("xml:lang", identity.lang.clone())
                .with_attr_opt("name", identity.name.clone())
        };
        let feature =
            |var: &String| Element::new("feature", ns::DISCO_INFO).with_attr("var", var.clone());
        Element::new("query", ns::DISCO_INFO)
            .with_attr_opt("node", self.node.clone())
            .with_children(self.identities.iter().map(identity))
            .with_children(self.features.iter().map(feature))
            .with_children(self.forms.iter().map(Form::to_element))
    }

    /// The text whose hash is the verification string (XEP-0115 §5.1).
    ///
    /// # Errors
    /// [`IllFormed`] where XEP-0115 §5.4 says that the whole must not be believed.
    pub fn verification_input(&self) -> Result<String, IllFormed> {
        let mut out = String::new();
        let mut push = |pieces: &[&str], separator: &str| -> Result<(), IllFormed> {
            for (index, piece) in pieces.iter().enumerate() {
                // XEP-0115 §5.4: a `<` within would allow two answers with one hash.
                if piece.contains('<') {
                    return Err(IllFormed);
                }
                out.push_str(if index == 0 { "" } else { separator });
                out.push_str(piece);
            }
            out.push('<');
            Ok(())
        };
        let mut identities: Vec<_> = self.identities.iter().collect();
        identities.sort();
        if identities.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(IllFormed);
        }
        for identity in identities {
            let lang = identity.lang.as_deref().unwrap_or_default();
            let name = identity.name.as_deref().unwrap_or_default();
            push(&[&identity.category, &identity.kind, lang, name], "/")?;
        }
        let mut features: Vec<_> = self.features.iter().collect();
        features.sort();
        if features.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(IllFormed);
        }
        for feature in features {
            push(&[feature], "")?;
        }
        for (form_type, form) in self.typed_forms()? {
            push(&[form_type], "")?;
            let mut fields: Vec<_> =
                form.fields.iter().filter(|f| f.var.as_deref() != Some("FORM_TYPE")).collect();
            fields.sort_by_key(|field| field.var.as_deref());
            for field in fields {
                push(&[field.var.as_deref().unwrap_or_default()], "")?;
                let mut values: Vec<_> = field.values.iter().collect();
                values.sort();
                for value in values {
                    push(&[value], "")?;
                }
            }
        }
        Ok(out)
    }

    /// The forms that count (XEP-0115 §5.4 items 3.6 and 3.7), sorted by type.
    fn typed_forms(&self) -> Result<Vec<(&str, &Form)>, IllFormed> {
        let mut forms = Vec::new();
        for form in &self.forms {
            let Some(field) = form.field("FORM_TYPE") else { continue };
            if field.values.iter().any(|value| Some(value) != field.values.first()) {
                return Err(IllFormed);
            }
            if field.kind == Some(FieldType::Hidden)
                && let Some(form_type) = field.value()
            {
                forms.push((form_type, form));
            }
        }
        forms.sort_by_key(|(form_type, _)| *form_type);
        if forms.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(IllFormed);
        }
        Ok(forms)
    }
}

/// An answer whose hash must not be believed (XEP-0115 §5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service discovery information is ill-formed for entity capabilities")]
pub struct IllFormed;

/// Something that belongs to an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its address.
    pub jid: Jid,
    /// Its node.
    pub node: Option<String>,
    /// A name for people.
    pub name: Option<String>,
}

/// What belongs to an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// The node that was asked for.
    pub node: Option<String>,
    /// What belongs to it.
    pub items: Vec<Item>,
}

impl Items {
    /// Reads a `<query/>`; `None` if it is something else. Items without a proper address are passed over.
    pub fn from_element(query: &Element) -> Option<Self> {
        let item = |item: &Element| {
            Some(Item {
                jid: Jid::new(item.attr("jid")?).ok()?,
                node: item.attr("node").map(str::to_owned),
                name: item.attr("name").map(str::to_owned),
            })
        };
        let items = query.children().filter(|child| child.is("item", ns::DISCO_ITEMS));
        query.is("query", ns::DISCO_ITEMS).then(|| Self {
            node: query.attr("node").map(str::to_owned),
            items: items.filter_map(item).collect(),
        })
    }

    /// The `<query/>`.
    pub fn to_element(&self) -> Element {
        let item = |item: &Item| {
            Element::new("item", ns::DISCO_ITEMS)
                .with_attr("jid", item.jid.as_str().to_owned())
                .with_attr_opt("node", item.node.clone())
                .with_attr_opt("name", item.name.clone())
        };
        Element::new("query", ns::DISCO_ITEMS)
            .with_attr_opt("node", self.node.clone())
            .with_children(self.items.iter().map(item))
    }
}
