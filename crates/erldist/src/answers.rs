//! What the door asks of the server behind it.

use std::future::Future;
use std::pin::Pin;

use kernel::commands::{CommandError, Value};

/// An answer under way.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who calls, for audit records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The node's name, as it gave it: whoever knows the cookie may take any.
    pub node: String,
    /// Its address.
    pub address: String,
}

/// What a command line gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// The exit status.
    pub status: u8,
    /// Standard output and standard error, in this order.
    pub text: String,
}

/// Runs commands; the binary implements it with the control tool's front end and the command table.
///
/// Each call writes its audit record.
pub trait Answers: Send + Sync + 'static {
    /// Does what the words of a command line ask for, as `ejabberdctl` would.
    fn words<'a>(&'a self, caller: &'a Caller, words: Vec<String>) -> Answering<'a, Printed>;

    /// Runs a command of the table in an API version, with values of the shapes it declares.
    fn run<'a>(
        &'a self,
        caller: &'a Caller,
        name: &'a str,
        version: u8,
        values: Vec<Value>,
    ) -> Answering<'a, Result<Value, CommandError>>;
}
