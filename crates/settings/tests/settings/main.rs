//! Tests of `settings` through its public face, in one binary.

#![expect(clippy::unwrap_used, reason = "a test that unwraps nothing says where it failed")]

mod ctlcfg;
mod docs;
mod facts;
mod hostile;
mod load;
mod messages;
mod rewriting;

use settings::{Inputs, Loaded, Problems, Source, load};

/// Loads a text as `ejabberd.yml` without looking at files.
fn read(text: &str) -> Result<Loaded, Problems> {
    read_with(text, &Inputs::default())
}

fn read_with(text: &str, inputs: &Inputs) -> Result<Loaded, Problems> {
    load(&Source::Text { name: "ejabberd.yml".to_owned(), text: text.to_owned() }, inputs)
}

/// Loads a text that must be accepted.
fn good(text: &str) -> Loaded {
    read(text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The rendered problems of a text that must be refused.
fn bad(text: &str) -> String {
    read(text).expect_err("this text is wrong").render(false)
}
