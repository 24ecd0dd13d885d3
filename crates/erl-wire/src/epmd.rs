//! The protocol of epmd, which knows the ports of a machine's nodes (DIST, "EPMD Protocol").
//!
//! A request travels behind a length of 16 bits; answers have none.

use crate::bytes::Bytes;

/// The longest request that is read, in bytes without its length: two names and their frame.
pub const REQUEST_BYTES_MAX: usize = 2048;
/// The longest answer to [`Request::PortPlease`], in bytes.
pub const PORT_BYTES_MAX: usize = 2048;
/// The port of epmd.
pub const PORT: u16 = 4369;
/// The oldest and the newest handshake that this project speaks.
pub const VERSIONS: (u16, u16) = (5, 6);

/// Why a message to or from epmd cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EpmdError {
    /// It ends too early.
    #[error("a message of epmd is cut off")]
    CutOff,
    /// It is of an unknown kind.
    #[error("a message of epmd has unknown kind {0}")]
    Kind(u8),
    /// A name is no text of 1 to 255 characters, or holds characters that would break lists of names.
    #[error("a node name for epmd is no text of at most 255 letters, digits and signs")]
    Name,
    /// epmd refused.
    #[error("epmd refused with code {0}: is a node of this name running already?")]
    Refused(u8),
}

fn cut<T>(value: Option<T>) -> Result<T, EpmdError> {
    value.ok_or(EpmdError::CutOff)
}

fn name_of(bytes: &[u8]) -> Result<Box<str>, EpmdError> {
    let name = std::str::from_utf8(bytes).map_err(|_| EpmdError::Name)?;
    let is_bad = |c: char| c.is_control() || c.is_whitespace();
    if name.is_empty() || name.chars().count() > 255 || name.contains(is_bad) {
        return Err(EpmdError::Name);
    }
    Ok(name.into())
}

fn counted<'a>(bytes: &mut Bytes<'a>) -> Result<&'a [u8], EpmdError> {
    let length = usize::from(cut(bytes.u16())?);
    cut(bytes.take(length))
}

/// A node as it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name before the `@`.
    pub name: Box<str>,
    /// The port it listens on.
    pub port: u16,
    /// 77 for a visible node, 72 for a hidden one.
    pub kind: u8,
    /// The transport; 0 is TCP.
    pub protocol: u8,
    /// The newest handshake it speaks.
    pub highest: u16,
    /// The oldest.
    pub lowest: u16,
    /// Further data of the node.
    pub extra: Vec<u8>,
}

impl Node {
    /// A hidden node of this project.
    pub fn hidden(name: &str, port: u16) -> Self {
        let (lowest, highest) = VERSIONS;
        Self { name: name.into(), port, kind: 72, protocol: 0, highest, lowest, extra: Vec::new() }
    }

    fn parse(bytes: &mut Bytes<'_>) -> Result<Self, EpmdError> {
        let port = cut(bytes.u16())?;
        let (kind, protocol) = (cut(bytes.u8())?, cut(bytes.u8())?);
        let (highest, lowest) = (cut(bytes.u16())?, cut(bytes.u16())?);
        let name = name_of(counted(bytes)?)?;
        let extra = counted(bytes)?.to_vec();
        Ok(Self { name, port, kind, protocol, highest, lowest, extra })
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.port.to_be_bytes());
        out.extend([self.kind, self.protocol]);
        out.extend(self.highest.to_be_bytes());
        out.extend(self.lowest.to_be_bytes());
        for part in [self.name.as_bytes(), &self.extra] {
            out.extend(u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
            out.extend(part);
        }
    }
}

/// What epmd is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Register a node for as long as the connection lasts.
    Alive(Node),
    /// Where is the node of this name?
    PortPlease(Box<str>),
    /// All names, as text.
    Names,
    /// All names, with more of epmd's own state.
    Dump,
    /// End.
    Kill,
    /// Forget a node.
    Stop(Box<str>),
}

impl Request {
    /// Reads a request without its length.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(message: &[u8]) -> Result<Self, EpmdError> {
        let mut bytes = Bytes(message);
        match cut(bytes.u8())? {
            120 => Node::parse(&mut bytes).map(Self::Alive),
            122 => name_of(bytes.0).map(Self::PortPlease),
            110 => Ok(Self::Names),
            100 => Ok(Self::Dump),
            107 => Ok(Self::Kill),
            115 => name_of(bytes.0).map(Self::Stop),
            other => Err(EpmdError::Kind(other)),
        }
    }

    /// The request behind its length.
    pub fn to_frame(&self) -> Vec<u8> {
        let mut out = vec![0, 0];
        match self {
            Self::Alive(node) => {
                out.push(120);
                node.put(&mut out);
            }
            Self::PortPlease(name) => {
                out.push(122);
                out.extend(name.as_bytes());
            }
            Self::Names => out.push(110),
            Self::Dump => out.push(100),
            Self::Kill => out.push(107),
            Self::Stop(name) => {
                out.push(115);
                out.extend(name.as_bytes());
            }
        }
        let length = u16::try_from(out.len() - 2).unwrap_or(u16::MAX);
        for (place, byte) in out.iter_mut().zip(length.to_be_bytes()) {
            *place = byte;
        }
        out
    }
}

/// The answer to [`Request::Alive`]: with a long creation for nodes of handshake 6, else with a short one.
pub fn alive_answer(node: &Node, accepted: bool, creation: u32) -> Vec<u8> {
    let result = u8::from(!accepted);
    if node.highest >= 6 {
        let mut out = vec![118, result];
        out.extend(creation.to_be_bytes());
        return out;
    }
    // The old form has room for 1, 2 and 3 only.
    let short = u8::try_from(creation % 3 + 1).unwrap_or(1);
    vec![121, result, 0, short]
}

/// How many bytes an answer to [`Request::Alive`] has, by its first byte.
pub fn alive_answer_bytes(kind: u8) -> Option<usize> {
    match kind {
        118 => Some(6),
        121 => Some(4),
        _ => None,
    }
}

/// Reads an answer to [`Request::Alive`] and gives the creation.
///
/// # Errors
/// When epmd refused, or when it is no such answer.
pub fn parse_alive_answer(message: &[u8]) -> Result<u32, EpmdError> {
    let mut bytes = Bytes(message);
    let kind = cut(bytes.u8())?;
    let result = cut(bytes.u8())?;
    let creation = match kind {
        118 => cut(bytes.u32())?,
        121 => u32::from(cut(bytes.u16())?),
        other => return Err(EpmdError::Kind(other)),
    };
    if result == 0 { Ok(creation) } else { Err(EpmdError::Refused(result)) }
}

/// The answer to [`Request::PortPlease`].
pub fn port_answer(node: Option<&Node>) -> Vec<u8> {
    let Some(node) = node else { return vec![119, 1] };
    let mut out = vec![119, 0];
    node.put(&mut out);
    out
}

/// Reads an answer to [`Request::PortPlease`].
///
/// # Errors
/// When it is no such answer.
pub fn parse_port_answer(message: &[u8]) -> Result<Option<Node>, EpmdError> {
    let mut bytes = Bytes(message);
    match cut(bytes.u8())? {
        119 => {}
        other => return Err(EpmdError::Kind(other)),
    }
    match cut(bytes.u8())? {
        0 => Node::parse(&mut bytes).map(Some),
        _ => Ok(None),
    }
}

/// The answer to [`Request::Names`]; `epmd -names` prints its text as it is.
pub fn names_answer<'a>(port: u16, nodes: impl Iterator<Item = &'a Node>) -> Vec<u8> {
    listing(port, nodes.map(|node| format!("name {} at port {}\n", node.name, node.port)))
}

/// The answer to [`Request::Dump`]. Descriptors are nobody's business, so they are shown as 0.
pub fn dump_answer<'a>(port: u16, nodes: impl Iterator<Item = &'a Node>) -> Vec<u8> {
    let line =
        |node: &Node| format!("active name     <{}> at port {}, fd = 0\n", node.name, node.port);
    listing(port, nodes.map(line))
}

fn listing(port: u16, lines: impl Iterator<Item = String>) -> Vec<u8> {
    let mut out = u32::from(port).to_be_bytes().to_vec();
    lines.for_each(|line| out.extend(line.as_bytes()));
    out
}
