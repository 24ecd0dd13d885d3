//! The push reader: bytes in, stream headers and elements out (RFC 6120 §4, §11; RFC 7395 §3.3 in framed mode).

use crate::error::{Fault, Kind, Stop, XmlError, malformed};
use crate::limits::Limits;
use crate::raw::RawElement;
use crate::scan::{Scanner, Scope, skip_space};

mod header;

pub use header::StreamHeader;

/// What a stream consists of.
#[derive(Debug)]
pub enum Event {
    /// The start tag of the root: a stream begins.
    Open(Box<StreamHeader>),
    /// A whole top-level element: a stanza or something that concerns the stream.
    Element(RawElement),
    /// The end tag of the root: the peer will send no more.
    Close,
}

/// A reader of one stream. It keeps nothing on the heap between elements, if the header is the usual one.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    state: State,
    scope: Scope,
    partial: Option<Box<Partial>>,
    /// Bytes of this stream that are settled.
    offset: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The header has not come.
    Header,
    /// Between elements.
    Stream,
    /// Between elements that stand alone.
    Framed,
    /// The root was an empty-element tag; its end is still to be told.
    Closing,
    /// The root has ended.
    Closed,
    Failed(XmlError),
}

/// A token that has not come whole.
struct Partial {
    buffer: Vec<u8>,
    scanner: Option<Scanner>,
    /// Where the search for the end of a header goes on.
    probe: header::Probe,
}

impl std::fmt::Debug for Partial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.buffer.len())
    }
}

impl Reader {
    /// A reader that expects a stream header first.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Header,
            scope: Scope::Default("".into()),
            partial: None,
            offset: 0,
        }
    }

    /// A reader of elements that stand alone, each with its own declarations, as in WebSocket frames (RFC 7395 §3.3)
    /// or BOSH bodies. There is no header and no end.
    pub fn framed(limits: Limits) -> Self {
        Self { state: State::Framed, ..Self::new(limits) }
    }

    /// Other limits from now on. What is buffered already is judged when more comes.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Forgets the stream: after STARTTLS and SASL a new header must come (RFC 6120 §4.3.3). What was buffered is
    /// dropped, so that nothing sent before TLS is taken for something sent within it. A framed reader stays framed.
    pub fn restart(&mut self) {
        let framed = matches!(self.state, State::Framed);
        *self = if framed { Self::framed(self.limits) } else { Self::new(self.limits) };
    }

    /// Bytes of a token that has not come whole; never more than the limits allow.
    pub fn buffered_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.buffer.len())
    }

    /// Takes bytes from the front of `input` until there is an event. `None`: all was taken and more is needed.
    ///
    /// # Errors
    /// Whatever makes the peer's stream unacceptable; the reader then returns the same error for ever.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Event>, XmlError> {
        let result = match self.state {
            State::Failed(error) => return Err(error),
            State::Header => self.header(input),
            State::Stream | State::Framed => self.element(input),
            State::Closing => {
                self.state = State::Closed;
                return Ok(Some(Event::Close));
            }
            State::Closed => self.after_end(input),
        };
        if let Err(error) = result {
            self.partial = None;
            self.state = State::Failed(error);
        }
        result
    }

    fn fail<T>(&self, kind: Kind, rule: &'static str) -> Result<T, XmlError> {
        Err(kind(Fault { at: self.offset, rule }))
    }

    fn after_end(&mut self, input: &mut &[u8]) -> Result<Option<Event>, XmlError> {
        match skip_space(input, 0) {
            Err(_) => {
                self.advance(input, input.len());
                Ok(None)
            }
            Ok(_) => self.fail(XmlError::NotWellFormed, "something follows the end of the stream"),
        }
    }

    fn advance(&mut self, input: &mut &[u8], by: usize) {
        *input = &input[by..];
        self.offset += by as u64;
    }

    /// Passes white space between elements; says whether an element or the root's end tag begins.
    fn between(&mut self, input: &mut &[u8]) -> Result<bool, XmlError> {
        let Ok(gap) = skip_space(input, 0) else {
            self.advance(input, input.len());
            return Ok(false);
        };
        self.advance(input, gap);
        match input[0] {
            b'<' => Ok(true),
            // RFC 6120 §11.7: only white space may stand between elements.
            b'&' | 0..0x20 => self.fail(XmlError::NotWellFormed, "an element was expected"),
            _ => self.fail(XmlError::Invalid, "text stands between the elements of a stream"),
        }
    }

    fn element(&mut self, input: &mut &[u8]) -> Result<Option<Event>, XmlError> {
        if self.partial.is_some() {
            return self.go_on(input);
        }
        if !self.between(input)? {
            return Ok(None);
        }
        if let Some(event) = self.root_end(input)? {
            return Ok(event);
        }
        let bytes_max = self.limits.stanza_bytes();
        let window = &input[..input.len().min(bytes_max)];
        let mut scanner = Scanner::new();
        match scanner.run(window, &self.scope, &self.limits) {
            Ok(end) => {
                let element = RawElement::finish(
                    &scanner,
                    &input[..end],
                    &self.scope,
                    &self.limits,
                    self.offset,
                )?;
                self.advance(input, end);
                Ok(Some(Event::Element(element)))
            }
            Err(Stop::More) if window.len() < input.len() => {
                self.fail(XmlError::TooBig, "an element is longer than allowed")
            }
            Err(Stop::More) => {
                self.keep(input, Some(scanner));
                Ok(None)
            }
            Err(refused) => Err(refused.into_error(self.offset)),
        }
    }

    fn keep(&mut self, input: &mut &[u8], scanner: Option<Scanner>) {
        self.partial = Some(Box::new(Partial {
            buffer: input.to_vec(),
            scanner,
            probe: header::Probe::default(),
        }));
        *input = &[];
    }

    /// Adds input to the partial token, as much as the limit allows; returns how much.
    fn append(partial: &mut Partial, input: &[u8], bytes_max: usize) -> usize {
        let taken = input.len().min(bytes_max.saturating_sub(partial.buffer.len()));
        let wanted = partial.buffer.len() + taken;
        if wanted > partial.buffer.capacity() {
            let roomy = (partial.buffer.capacity() * 2).clamp(wanted, bytes_max.max(wanted));
            partial.buffer.reserve_exact(roomy - partial.buffer.len());
        }
        partial.buffer.extend_from_slice(&input[..taken]);
        taken
    }

    /// Goes on with an element that has not come whole.
    fn go_on(&mut self, input: &mut &[u8]) -> Result<Option<Event>, XmlError> {
        let Some(mut partial) = self.partial.take() else { return Ok(None) };
        let before = partial.buffer.len();
        let taken = Self::append(&mut partial, input, self.limits.stanza_bytes());
        if partial.scanner.is_none() {
            // Too few bytes had come to tell an element from the root's end tag.
            let buffer = std::mem::take(&mut partial.buffer);
            let mut rest = buffer.as_slice();
            if let Some(event) = self.root_end(&mut rest)? {
                let used = buffer.len() - rest.len();
                *input = &input[if self.partial.is_some() { taken } else { used - before }..];
                return Ok(event);
            }
            partial.buffer = buffer;
        }
        let scanner = partial.scanner.get_or_insert_with(Scanner::new);
        match scanner.run(&partial.buffer, &self.scope, &self.limits) {
            Ok(end) => {
                let xml = &partial.buffer[..end];
                let element =
                    RawElement::finish(scanner, xml, &self.scope, &self.limits, self.offset)?;
                *input = &input[end - before..];
                self.offset += end as u64;
                Ok(Some(Event::Element(element)))
            }
            Err(Stop::More)
                if taken < input.len() || partial.buffer.len() > self.limits.stanza_bytes() =>
            {
                self.fail(XmlError::TooBig, "an element is longer than allowed")
            }
            Err(Stop::More) => {
                *input = &[];
                self.partial = Some(partial);
                Ok(None)
            }
            Err(refused) => Err(refused.into_error(self.offset)),
        }
    }

    /// Takes the root's end tag if one begins here. `Some(None)`: that cannot be told yet.
    fn root_end(&mut self, input: &mut &[u8]) -> Result<Option<Option<Event>>, XmlError> {
        match input.get(1) {
            Some(b'/') if !matches!(self.state, State::Framed) => {}
            None => {
                self.keep(input, None);
                return Ok(Some(None));
            }
            Some(b'!') => {
                return self.fail(
                    XmlError::Restricted,
                    "comments and document type declarations are not allowed",
                );
            }
            Some(_) => return Ok(None),
        }
        match end_of_root(input, self.scope.root().as_bytes()) {
            Ok(end) => {
                self.advance(input, end);
                self.state = State::Closed;
                Ok(Some(Some(Event::Close)))
            }
            Err(Stop::More) if input.len() > self.limits.header_bytes_max as usize => {
                self.fail(XmlError::TooBig, "the end tag of the stream is longer than allowed")
            }
            Err(Stop::More) => {
                self.keep(input, None);
                Ok(Some(None))
            }
            Err(refused) => Err(refused.into_error(self.offset)),
        }
    }
}

/// The length of the root's end tag.
fn end_of_root(data: &[u8], name: &[u8]) -> Result<usize, Stop> {
    let given = &data[2..data.len().min(2 + name.len())];
    if !name.starts_with(given) {
        return malformed(0, "an end tag does not match its start tag");
    }
    if given.len() < name.len() {
        return Err(Stop::More);
    }
    let end = skip_space(data, 2 + name.len())?;
    if data[end] != b'>' {
        return malformed(0, "an end tag does not match its start tag");
    }
    Ok(end + 1)
}
