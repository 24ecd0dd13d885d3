//! The element scanner: one pass over the bytes of a top-level element that checks every rule and notes where the
//! top attributes and the direct children are. It can stop at any byte and go on when more bytes have come, looking
//! at each byte a bounded number of times.

mod records;
mod scope;
mod tag;

pub(crate) use records::{AttrRecord, ChildRecord, Span};
pub(crate) use scope::Scope;
pub(crate) use tag::{QName, RawAttr, RawAttrs, Tag, skip_space, start_tag};

use crate::chars::{is_space, reference, validate};
use crate::error::{Stop, XmlError, malformed};
use crate::escape::decode_attr;
use crate::limits::Limits;
use crate::{NS_XML, NS_XMLNS};
use smallvec::SmallVec;
use tag::find;

/// How a CDATA section begins.
const CDATA: &[u8] = b"<![CDATA[";

/// A namespace declaration in scope.
#[derive(Clone, Copy)]
struct Binding {
    prefix_at: u32,
    prefix_len: u16,
    uri: Span,
}

/// An element whose end tag has not come.
#[derive(Clone, Copy)]
struct Open {
    name_at: u32,
    name_len: u32,
    /// Length of [`Scanner::bindings`] to go back to.
    bindings: u32,
}

/// What the scanner is in the middle of.
#[derive(Clone, Copy)]
enum Stage {
    /// Between tags; `pos` is the next byte to judge.
    Content,
    /// A tag begins at `pos` and did not end in the bytes seen; the search for its end goes on at `probe`.
    Tag { probe: usize, quote: u8 },
    /// Within a CDATA section whose end is searched from `pos`.
    Cdata,
}

/// The state of one element's scan. Offsets are relative to its first byte.
pub(crate) struct Scanner {
    pos: usize,
    /// How far UTF-8 was checked.
    validated: usize,
    stage: Stage,
    open: SmallVec<[Open; 8]>,
    bindings: SmallVec<[Binding; 4]>,
    /// Bindings made by the top element: its children must not depend on them.
    top_bindings: usize,
    pub(crate) attrs: SmallVec<[AttrRecord; 8]>,
    pub(crate) children: SmallVec<[ChildRecord; 6]>,
    pub(crate) name: QName,
    pub(crate) ns: Span,
    /// Where the top element's start tag ends.
    pub(crate) content_start: usize,
    /// Where the top element's end tag begins; the end of an empty-element tag.
    pub(crate) content_end: usize,
    /// Values and namespaces whose meaning is not their bytes: references resolved, white space normalised.
    pub(crate) decoded: Vec<u8>,
    /// Whether the bytes mean something else elsewhere: a prefix of the stream header or, in a child, of the top
    /// element is used, the top element's own name has a prefix, or a namespace is written with references or a
    /// value with carriage returns, which not every parser takes well.
    pub(crate) context_bound: bool,
    /// Elements begun so far, the top element among them.
    elements: u32,
}

impl Scanner {
    pub(crate) fn new() -> Self {
        Self {
            pos: 0,
            validated: 0,
            stage: Stage::Content,
            open: SmallVec::new(),
            bindings: SmallVec::new(),
            top_bindings: 0,
            attrs: SmallVec::new(),
            children: SmallVec::new(),
            name: QName { at: 0, prefix: 0, local: 0 },
            ns: Span::OUTER,
            content_start: 0,
            content_end: 0,
            decoded: Vec::new(),
            context_bound: false,
            elements: 0,
        }
    }

    /// Goes on over `data`, which begins with the element's first byte and holds at least what it held before.
    /// Returns the element's length once its end was seen.
    pub(crate) fn run(
        &mut self,
        data: &[u8],
        scope: &Scope,
        limits: &Limits,
    ) -> Result<usize, Stop> {
        match self.scan(data, scope, limits) {
            Ok(end) => {
                if validate(&data[..end], self.validated)? != end {
                    return malformed(end, "the bytes are not UTF-8");
                }
                Ok(end)
            }
            Err(Stop::More) => {
                self.validated = validate(data, self.validated)?;
                Err(Stop::More)
            }
            Err(refused) => Err(refused),
        }
    }

    fn scan(&mut self, data: &[u8], scope: &Scope, limits: &Limits) -> Result<usize, Stop> {
        let mut attrs = RawAttrs::new();
        loop {
            match self.stage {
                Stage::Content => {
                    if !self.open.is_empty() {
                        self.text(data)?;
                    }
                    match self.markup(data, &mut attrs, scope, limits) {
                        Ok(()) => {}
                        // So few bytes may be looked at again, and the start of a CDATA section is no tag.
                        Err(Stop::More) if data.len() - self.pos < CDATA.len() => {
                            return Err(Stop::More);
                        }
                        Err(Stop::More) => {
                            self.stage = Stage::Tag { probe: self.pos + 1, quote: 0 };
                            continue;
                        }
                        Err(refused) => return Err(refused),
                    }
                }
                Stage::Tag { .. } => {
                    self.probe(data)?;
                    self.stage = Stage::Content;
                    if let Err(stop) = self.markup(data, &mut attrs, scope, limits) {
                        return match stop {
                            Stop::More => malformed(self.pos, "a tag does not end where it should"),
                            refused => Err(refused),
                        };
                    }
                }
                Stage::Cdata => self.cdata(data)?,
            }
            if self.open.is_empty() {
                return Ok(self.pos);
            }
        }
    }

    /// Passes character data up to the next angle bracket.
    #[inline]
    fn text(&mut self, data: &[u8]) -> Result<(), Stop> {
        loop {
            self.pos = find(data, self.pos, b']');
            match data.get(self.pos) {
                None => return Err(Stop::More),
                Some(b'<') => return Ok(()),
                Some(b'&') => self.pos = reference(data, self.pos)?.1,
                Some(b']') => match data.get(self.pos + 1..self.pos + 3) {
                    Some(b"]>") => {
                        return malformed(self.pos, "the end of a CDATA section within text");
                    }
                    Some(_) => self.pos += 1,
                    None if data.get(self.pos + 1).is_some_and(|&b| b != b']') => self.pos += 1,
                    None => return Err(Stop::More),
                },
                Some(&byte) if !is_space(byte) => {
                    return malformed(self.pos, "a control character");
                }
                Some(_) => self.pos += 1,
            }
        }
    }

    /// Takes the markup that begins at `pos`.
    #[inline]
    fn markup(
        &mut self,
        data: &[u8],
        attrs: &mut RawAttrs,
        scope: &Scope,
        limits: &Limits,
    ) -> Result<(), Stop> {
        match data.get(self.pos + 1) {
            None => Err(Stop::More),
            Some(b'/') => self.end_tag(data),
            Some(b'!') => self.declaration(data),
            Some(b'?') => Err(Stop::Refused(
                XmlError::Restricted,
                self.pos,
                "processing instructions are not allowed",
            )),
            Some(_) => {
                let tag = start_tag(data, self.pos, limits, attrs)?;
                self.opened(data, tag, attrs, scope, limits)
            }
        }
    }

    fn declaration(&mut self, data: &[u8]) -> Result<(), Stop> {
        let seen = &data[self.pos..data.len().min(self.pos + CDATA.len())];
        if seen == CDATA && !self.open.is_empty() {
            self.pos += CDATA.len();
            self.stage = Stage::Cdata;
            return Ok(());
        }
        if CDATA.starts_with(seen) && !self.open.is_empty() {
            return Err(Stop::More);
        }
        Err(Stop::Refused(
            XmlError::Restricted,
            self.pos,
            "comments and document type declarations are not allowed",
        ))
    }

    fn cdata(&mut self, data: &[u8]) -> Result<(), Stop> {
        let rest = &data[self.pos..];
        let (upto, ended) = match memchr::memmem::find(rest, b"]]>") {
            Some(at) => (at, true),
            // The last two bytes may begin the end mark.
            None => (rest.len().saturating_sub(2), false),
        };
        if let Some(bad) = rest[..upto].iter().position(|&b| b < 0x20 && !is_space(b)) {
            return malformed(self.pos + bad, "a control character");
        }
        self.pos += upto;
        if !ended {
            return Err(Stop::More);
        }
        self.pos += 3;
        self.stage = Stage::Content;
        Ok(())
    }

    /// Looks for the end of the tag at `pos`: the first `>` outside quotes, or whatever shows that the tag is
    /// none, so that reading it will tell why.
    fn probe(&mut self, data: &[u8]) -> Result<(), Stop> {
        let Stage::Tag { probe, quote } = &mut self.stage else { return Ok(()) };
        loop {
            let found = match *quote {
                0 => data[*probe..]
                    .iter()
                    .position(|b| matches!(b, b'>' | b'<' | b'"' | b'\''))
                    .map(|at| *probe + at),
                quote => Some(find(data, *probe, quote)).filter(|&at| at < data.len()),
            };
            let Some(at) = found else {
                *probe = data.len();
                return Err(Stop::More);
            };
            *probe = at + 1;
            match data[at] {
                byte if byte == *quote => *quote = 0,
                b'&' if *quote != 0 => {
                    *probe = at;
                    *probe = reference(data, at)?.1;
                }
                b'<' => return Ok(()),
                b'>' if *quote == 0 => return Ok(()),
                byte if *quote == 0 => {
                    let before = data[self.pos..at].iter().rfind(|&&b| !is_space(b));
                    if before != Some(&b'=') {
                        return Ok(());
                    }
                    *quote = byte;
                }
                byte if is_space(byte) => {}
                _ => return Ok(()),
            }
        }
    }

    #[inline]
    fn end_tag(&mut self, data: &[u8]) -> Result<(), Stop> {
        let Some(&Open { name_at, name_len, bindings }) = self.open.last() else {
            return malformed(self.pos, "an end tag without a start tag");
        };
        let name = &data[name_at as usize..(name_at + name_len) as usize];
        let after = self.pos + 2 + name.len();
        let given = &data[self.pos + 2..data.len().min(after)];
        if given != name {
            if name.starts_with(given) {
                return Err(Stop::More);
            }
            return malformed(self.pos, "an end tag does not match its start tag");
        }
        let end = skip_space(data, after)?;
        if data[end] != b'>' {
            return malformed(self.pos, "an end tag does not match its start tag");
        }
        self.open.pop();
        self.bindings.truncate(bindings as usize);
        match self.open.len() {
            0 => self.content_end = self.pos,
            1 => {
                if let Some(child) = self.children.last_mut() {
                    child.end = end as u32 + 1;
                }
            }
            _ => {}
        }
        self.pos = end + 1;
        Ok(())
    }

    /// Takes a start tag: declares, resolves, notes.
    #[inline]
    fn opened(
        &mut self,
        data: &[u8],
        tag: Tag,
        attrs: &[RawAttr],
        scope: &Scope,
        limits: &Limits,
    ) -> Result<(), Stop> {
        self.elements = self.elements.saturating_add(1);
        if self.elements > limits.elements_max {
            return Err(Stop::Refused(XmlError::TooBig, self.pos, "more elements than allowed"));
        }
        let depth = self.open.len();
        if depth >= usize::from(limits.depth_max) {
            return Err(Stop::Refused(
                XmlError::TooDeep,
                self.pos,
                "elements are nested deeper than allowed",
            ));
        }
        let bindings = self.bindings.len() as u32;
        let (default, prefixed) = self.declarations(data, attrs, limits)?;
        if depth == 0 {
            self.top_bindings = self.bindings.len();
        }
        let ns = match tag.name.prefix {
            0 => default,
            _ => Some(self.resolve(data, tag.name, scope)?),
        };
        if ns == Some(Span::XML) {
            return Err(Stop::Refused(
                XmlError::BadNamespace,
                self.pos,
                "no element has the prefix xml",
            ));
        }
        self.context_bound |= depth == 0 && tag.name.prefix != 0;
        if prefixed {
            self.check_prefixed(data, attrs, scope)?;
        }
        match depth {
            0 => self.note_top(data, tag, ns, attrs, scope)?,
            1 => self.children.push(ChildRecord {
                start: self.pos as u32,
                end: tag.end as u32,
                name: tag.name,
                ns,
            }),
            _ => {}
        }
        self.pos = tag.end;
        if tag.empty {
            self.bindings.truncate(bindings as usize);
        } else {
            let name_len = (tag.name.end() - tag.name.at as usize) as u32;
            self.open.push(Open { name_at: tag.name.at, name_len, bindings });
        }
        Ok(())
    }

    /// Brings a tag's declarations into scope. Returns the default namespace that it declares, and whether it has
    /// attributes with prefixes.
    #[inline]
    fn declarations(
        &mut self,
        data: &[u8],
        attrs: &[RawAttr],
        limits: &Limits,
    ) -> Result<(Option<Span>, bool), Stop> {
        let mut default = None;
        let mut prefixed = false;
        for attr in attrs {
            self.context_bound |= attr.returns;
            match attr.declares(data) {
                Some([]) => default = Some(self.declare(data, attr, b"", limits)?),
                Some(prefix) => {
                    let uri = self.declare(data, attr, prefix, limits)?;
                    let uri = self.shared_span(data, uri);
                    self.bindings.push(Binding {
                        prefix_at: attr.name.local_at() as u32,
                        prefix_len: attr.name.local,
                        uri,
                    });
                }
                None => prefixed |= attr.name.prefix != 0,
            }
        }
        Ok((default, prefixed))
    }

    fn note_top(
        &mut self,
        data: &[u8],
        tag: Tag,
        ns: Option<Span>,
        attrs: &[RawAttr],
        scope: &Scope,
    ) -> Result<(), Stop> {
        self.name = tag.name;
        self.ns = ns.unwrap_or(Span::OUTER);
        self.content_start = tag.end;
        self.content_end = tag.end;
        for attr in attrs {
            if attr.declares(data).is_some() {
                continue;
            }
            let ns = if attr.name.prefix == 0 {
                None
            } else {
                Some(self.resolve(data, attr.name, scope)?)
            };
            let value = self.meaning(data, attr);
            self.attrs.push(AttrRecord { name: attr.name, value, ns });
        }
        Ok(())
    }

    /// The span of what an attribute's value means.
    #[inline]
    fn meaning(&mut self, data: &[u8], attr: &RawAttr) -> Span {
        if attr.plain {
            return Span { at: attr.value, len: attr.value_len };
        }
        let at = self.decoded.len();
        decode_attr(attr.value_in(data), &mut self.decoded);
        Span { at: at as u32 | Span::DECODED, len: (self.decoded.len() - at) as u32 }
    }

    pub(crate) fn span_in<'d>(&'d self, data: &'d [u8], span: Span) -> &'d [u8] {
        match span {
            Span::OUTER => b"",
            Span::XML => NS_XML.as_bytes(),
            Span { at, len } if at & Span::DECODED != 0 => {
                let at = (at & !Span::DECODED) as usize;
                &self.decoded[at..at + len as usize]
            }
            Span { at, len } => &data[at as usize..(at + len) as usize],
        }
    }

    /// Judges a namespace declaration (Namespaces in XML 1.0 §2.2, §3, §5).
    fn declare(
        &mut self,
        data: &[u8],
        attr: &RawAttr,
        prefix: &[u8],
        limits: &Limits,
    ) -> Result<Span, Stop> {
        let span = self.meaning(data, attr);
        self.context_bound |= !attr.plain;
        let uri = self.span_in(data, span);
        let refuse = |rule| Err(Stop::Refused(XmlError::BadNamespace, attr.name.at as usize, rule));
        if uri.len() != NS_XML.len() && uri.len() != NS_XMLNS.len() && prefix.is_empty() {
            return Ok(span);
        }
        if uri == NS_XMLNS.as_bytes() || prefix == b"xmlns" {
            return refuse("the prefix xmlns and its namespace cannot be declared");
        }
        if (prefix == b"xml") != (uri == NS_XML.as_bytes()) {
            return refuse("the prefix xml and its namespace belong together");
        }
        if uri.is_empty() && !prefix.is_empty() {
            return refuse("a prefix cannot be undeclared");
        }
        if self.bindings.len() >= usize::from(limits.namespaces_max) {
            let rule = "more namespace prefixes are in scope than allowed";
            return Err(Stop::Refused(XmlError::TooManyNamespaces, attr.name.at as usize, rule));
        }
        Ok(span)
    }

    /// The span of the first declaration in scope that names the same namespace.
    fn shared_span(&self, data: &[u8], uri: Span) -> Span {
        let text = self.span_in(data, uri);
        let same = self
            .bindings
            .iter()
            .find(|b| b.uri.len == uri.len && self.span_in(data, b.uri) == text);
        same.map_or(uri, |binding| binding.uri)
    }

    /// The namespace that a name's prefix stands for.
    fn resolve(&mut self, data: &[u8], name: QName, scope: &Scope) -> Result<Span, Stop> {
        let prefix = name.prefix_in(data);
        if prefix == b"xml" {
            return Ok(Span::XML);
        }
        let in_scope = self.bindings.iter().rposition(|binding| {
            let at = binding.prefix_at as usize;
            &data[at..at + usize::from(binding.prefix_len)] == prefix
        });
        if let Some(index) = in_scope {
            self.context_bound |= index < self.top_bindings && !self.open.is_empty();
            return Ok(self.bindings[index].uri);
        }
        let Some(index) = scope.lookup(prefix) else {
            let rule = "a prefix is not declared";
            return Err(Stop::Refused(XmlError::BadNamespace, name.at as usize, rule));
        };
        // The notes on this element will not be used, so the namespace need not be copied.
        self.context_bound = true;
        Ok(Span { at: Span::SCOPED_AT, len: index as u32 })
    }

    /// Whether two resolved prefixes stand for one namespace. Declarations within the element share the span of
    /// the first that says the same, so that long names are compared once and not for each pair of attributes.
    fn same_namespace(&self, data: &[u8], scope: &Scope, a: Span, b: Span) -> bool {
        if a == b {
            return true;
        }
        match (a.at, b.at) {
            (Span::SCOPED_AT, Span::SCOPED_AT) => {
                scope.uri(a.len as usize) == scope.uri(b.len as usize)
            }
            (Span::SCOPED_AT, _) => scope.uri(a.len as usize).as_bytes() == self.span_in(data, b),
            (_, Span::SCOPED_AT) => scope.uri(b.len as usize).as_bytes() == self.span_in(data, a),
            _ => false,
        }
    }

    /// Checks that prefixes of attributes are declared and that no two attributes have the same expanded name
    /// (Namespaces in XML 1.0 §6.3).
    fn check_prefixed(
        &mut self,
        data: &[u8],
        attrs: &[RawAttr],
        scope: &Scope,
    ) -> Result<(), Stop> {
        let mut seen: SmallVec<[(QName, Span); 4]> = SmallVec::new();
        for attr in attrs {
            if attr.name.prefix == 0 || attr.declares(data).is_some() {
                continue;
            }
            let ns = self.resolve(data, attr.name, scope)?;
            let local = attr.name.local_in(data);
            if seen.iter().any(|(name, other)| {
                name.local_in(data) == local && self.same_namespace(data, scope, ns, *other)
            }) {
                return malformed(
                    attr.name.at as usize,
                    "an attribute occurs twice under two prefixes",
                );
            }
            seen.push((attr.name, ns));
        }
        Ok(())
    }
}
