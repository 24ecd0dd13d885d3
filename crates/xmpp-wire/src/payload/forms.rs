//! XEP-0004 Data Forms, with the form types of XEP-0068.

use crate::ns;
use xmlstream::Element;

/// What a form is for (XEP-0004 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormType {
    /// To be filled in.
    Form,
    /// Filled in.
    Submit,
    /// Not to be filled in after all.
    Cancel,
    /// Data.
    Result,
}

/// The type of a field (XEP-0004 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Yes or no.
    Boolean,
    /// Words for people.
    Fixed,
    /// Not shown.
    Hidden,
    /// Addresses.
    JidMulti,
    /// An address.
    JidSingle,
    /// Several of the options.
    ListMulti,
    /// One of the options.
    ListSingle,
    /// Several lines.
    TextMulti,
    /// One line that is not shown.
    TextPrivate,
    /// One line.
    TextSingle,
}

const FORM_TYPES: [(FormType, &str); 4] = [
    (FormType::Form, "form"),
    (FormType::Submit, "submit"),
    (FormType::Cancel, "cancel"),
    (FormType::Result, "result"),
];

const FIELD_TYPES: [(FieldType, &str); 10] = [
    (FieldType::Boolean, "boolean"),
    (FieldType::Fixed, "fixed"),
    (FieldType::Hidden, "hidden"),
    (FieldType::JidMulti, "jid-multi"),
    (FieldType::JidSingle, "jid-single"),
    (FieldType::ListMulti, "list-multi"),
    (FieldType::ListSingle, "list-single"),
    (FieldType::TextMulti, "text-multi"),
    (FieldType::TextPrivate, "text-private"),
    (FieldType::TextSingle, "text-single"),
];

/// A choice of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldOption {
    /// Words for people.
    pub label: Option<String>,
    /// What is submitted.
    pub value: String,
}

/// A field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Its name; fixed fields may have none.
    pub var: Option<String>,
    /// Its type; `None` if it is left out, which is usual in submissions.
    pub kind: Option<FieldType>,
    /// Words for people.
    pub label: Option<String>,
    /// More words for people.
    pub desc: Option<String>,
    /// It must be filled in.
    pub required: bool,
    /// The values.
    pub values: Vec<String>,
    /// The choices.
    pub options: Vec<FieldOption>,
}

impl Field {
    /// A field of some type with one value.
    pub fn new(var: &str, kind: FieldType, value: impl Into<String>) -> Self {
        Self { values: vec![value.into()], ..Self::empty(var, kind) }
    }

    /// A field of some type without value.
    pub fn empty(var: &str, kind: FieldType) -> Self {
        Self { var: Some(var.to_owned()), kind: Some(kind), ..Self::default() }
    }

    /// With words for people.
    #[must_use]
    pub fn with_label(mut self, label: &str) -> Self {
        self.label = Some(label.to_owned());
        self
    }

    /// With a choice.
    #[must_use]
    pub fn with_option(mut self, label: &str, value: &str) -> Self {
        self.options.push(FieldOption { label: Some(label.to_owned()), value: value.to_owned() });
        self
    }

    /// The first value.
    pub fn value(&self) -> Option<&str> {
        self.values.first().map(String::as_str)
    }

    /// The value as yes or no (XEP-0004 §3.3).
    pub fn boolean(&self) -> Option<bool> {
        match self.value()? {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        }
    }

    fn from_element(field: &Element) -> Self {
        let text = |child: &Element| child.text();
        let named = |name: &'static str| {
            field.children().filter(move |child| child.is(name, ns::DATA_FORMS))
        };
        let option = |option: &Element| FieldOption {
            label: option.attr("label").map(str::to_owned),
            value: option.child_text("value", ns::DATA_FORMS).unwrap_or_default(),
        };
        Self {
            var: field.attr("var").map(str::to_owned),
            kind: field
                .attr("type")
                .and_then(|name| FIELD_TYPES.iter().find(|row| row.1 == name))
                .map(|row| row.0),
            label: field.attr("label").map(str::to_owned),
            desc: named("desc").next().map(text),
            required: named("required").next().is_some(),
            values: named("value").map(text).collect(),
            options: named("option").map(option).collect(),
        }
    }

    fn to_element(&self) -> Element {
        let leaf =
            |name: &'static str, text: &String| Element::new(name, ns::DATA_FORMS).with_text(text);
        let option = |option: &FieldOption| {
            Element::new("option", ns::DATA_FORMS)
                .with_attr_opt("label", option.label.clone())
                .with_child(leaf("value", &option.value))
        };
        Element::new("field", ns::DATA_FORMS)
            .with_attr_opt("var", self.var.clone())
            .with_attr_opt("type", self.kind.map(|kind| FIELD_TYPES[kind as usize].1))
            .with_attr_opt("label", self.label.clone())
            .with_children(self.desc.as_ref().map(|desc| leaf("desc", desc)))
            .with_children(self.required.then(|| Element::new("required", ns::DATA_FORMS)))
            .with_children(self.values.iter().map(|value| leaf("value", value)))
            .with_children(self.options.iter().map(option))
    }
}

/// A form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// What it is for.
    pub kind: FormType,
    /// Its title, for people.
    pub title: Option<String>,
    /// What to do, for people; one entry a line.
    pub instructions: Vec<String>,
    /// The fields.
    pub fields: Vec<Field>,
    /// What the columns of a table are; empty if it is none.
    pub reported: Vec<Field>,
    /// The rows of the table.
    pub items: Vec<Vec<Field>>,
}

impl Form {
    /// An empty form.
    pub fn new(kind: FormType) -> Self {
        Self {
            kind,
            title: None,
            instructions: vec![],
            fields: vec![],
            reported: vec![],
            items: vec![],
        }
    }

    /// An empty form of a registered type (XEP-0068).
    pub fn of_type(kind: FormType, form_type: &str) -> Self {
        Self::new(kind).with_field(Field::new("FORM_TYPE", FieldType::Hidden, form_type))
    }

    /// With one field more.
    #[must_use]
    pub fn with_field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// The field of this name.
    pub fn field(&self, var: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.var.as_deref() == Some(var))
    }

    /// The first value of the field of this name.
    pub fn value(&self, var: &str) -> Option<&str> {
        self.field(var).and_then(Field::value)
    }

    /// The registered type (XEP-0068): in anything but a submission, the field must be a hidden one.
    pub fn form_type(&self) -> Option<&str> {
        let field = self.field("FORM_TYPE")?;
        (field.kind == Some(FieldType::Hidden) || self.kind == FormType::Submit)
            .then(|| field.value())
            .flatten()
    }

    /// Reads a form; `None` if it is something else or its type is unknown.
    pub fn from_element(x: &Element) -> Option<Self> {
        if !x.is("x", ns::DATA_FORMS) {
            return None;
        }
        let kind = x.attr("type").and_then(|name| FORM_TYPES.iter().find(|row| row.1 == name))?.0;
        let named =
            |name: &'static str| x.children().filter(move |child| child.is(name, ns::DATA_FORMS));
        let fields = |parent: &Element| -> Vec<Field> {
            let fields = parent.children().filter(|child| child.is("field", ns::DATA_FORMS));
            fields.map(Field::from_element).collect()
        };
        Some(Self {
            kind,
            title: named("title").next().map(Element::text),
            instructions: named("instructions").map(Element::text).collect(),
            fields: fields(x),
            reported: named("reported").next().map(fields).unwrap_or_default(),
            items: named("item").map(fields).collect(),
        })
    }

    /// The element.
    pub fn to_element(&self) -> Element {
        let leaf =
            |name: &'static str, text: &String| Element::new(name, ns::DATA_FORMS).with_text(text);
        let row = |name: &'static str, fields: &[Field]| {
            Element::new(name, ns::DATA_FORMS).with_children(fields.iter().map(Field::to_element))
        };
        let reported = (!self.reported.is_empty()).then(|| row("reported", &self.reported));
        Element::new("x", ns::DATA_FORMS)
            .with_attr("type", FORM_TYPES[self.kind as usize].1)
            .with_children(self.title.as_ref().map(|title| leaf("title", title)))
            .with_children(self.instructions.iter().map(|line| leaf("instructions", line)))
            .with_children(self.fields.iter().map(Field::to_element))
            .with_children(reported)
            .with_children(self.items.iter().map(|item| row("item", item)))
    }
}
