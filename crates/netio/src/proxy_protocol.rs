//! The PROXY protocol of HAProxy, versions 1 and 2: who really connects, told by a proxy in front.
//!
//! Only listeners with `use_proxy_protocol` read it; it is never looked for elsewhere, because whoever reaches such a
//! listener can claim any address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::ProxyError;

/// The header must be complete within this time (as in ejabberd).
pub const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest header that is read, with all its extensions.
pub const PROXY_HEADER_BYTES_MAX: usize = 2048;

/// The longest line of version 1, with its line end.
const LINE_BYTES_MAX: usize = 107;

/// What version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The length of the fixed part of version 2.
const FIXED_BYTES: usize = 16;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The proxy speaks for itself (a health check), or cannot tell: the connection's own addresses hold.
    Local,
    /// The proxy forwards a connection.
    Forwarded {
        /// The client's address.
        source: SocketAddr,
        /// The address the client connected to.
        destination: SocketAddr,
    },
}

/// Reads a header from the start of `bytes`; returns it and its length, or `None` when more bytes are needed.
///
/// # Errors
/// [`ProxyError::Malformed`]; never for a mere prefix of a good header.
pub fn parse_proxy_header(bytes: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyError> {
    let common = bytes.len().min(SIGNATURE.len());
    if bytes.get(..common) == SIGNATURE.get(..common) && common > 1 {
        return parse_binary(bytes);
    }
    if bytes.first() == Some(&b'\r') && bytes.len() == 1 {
        return Ok(None);
    }
    parse_line(bytes)
}

fn parse_line(bytes: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyError> {
    const START: &[u8] = b"PROXY ";
    let common = bytes.len().min(START.len());
    if bytes.get(..common) != START.get(..common) {
        return Err(ProxyError::Malformed("it begins like neither version"));
    }
    let window = bytes.get(..bytes.len().min(LINE_BYTES_MAX)).unwrap_or_default();
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return match bytes.len() {
            LINE_BYTES_MAX.. => Err(ProxyError::Malformed("the line is longer than 107 bytes")),
            _ => Ok(None),
        };
    };
    let line = std::str::from_utf8(window.get(..end).unwrap_or_default())
        .map_err(|_| ProxyError::Malformed("the line is not ASCII"))?;
    let mut words = line.split(' ').skip(1);
    let header = match words.next() {
        // What follows UNKNOWN must be ignored.
        Some("UNKNOWN") => ProxyHeader::Local,
        Some("TCP4") => addresses::<Ipv4Addr>(words)?,
        Some("TCP6") => addresses::<Ipv6Addr>(words)?,
        _ => return Err(ProxyError::Malformed("the protocol is none of TCP4, TCP6, UNKNOWN")),
    };
    Ok(Some((header, end + 2)))
}

fn addresses<'a, Ip>(mut words: impl Iterator<Item = &'a str>) -> Result<ProxyHeader, ProxyError>
where
    Ip: std::str::FromStr + Into<IpAddr>,
{
    let malformed = || ProxyError::Malformed("not two addresses and two ports");
    let mut ip = || -> Option<IpAddr> { words.next()?.parse::<Ip>().ok().map(Into::into) };
    let (source, destination) = (ip().ok_or_else(malformed)?, ip().ok_or_else(malformed)?);
    let mut port = || -> Option<u16> {
        let word = words.next()?;
        let plain = word.bytes().all(|byte| byte.is_ascii_digit())
            && (word == "0" || !word.starts_with('0'));
        plain.then(|| word.parse().ok()).flatten()
    };
    let (from, to) = (port().ok_or_else(malformed)?, port().ok_or_else(malformed)?);
    if words.next().is_some() {
        return Err(malformed());
    }
    Ok(ProxyHeader::Forwarded {
        source: SocketAddr::new(source, from),
        destination: SocketAddr::new(destination, to),
    })
}

fn parse_binary(bytes: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyError> {
    let Some(&[command, family, high, low]) = bytes.get(12..FIXED_BYTES) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let total = FIXED_BYTES + length;
    if total > PROXY_HEADER_BYTES_MAX {
        return Err(ProxyError::Malformed("the header is longer than 2048 bytes"));
    }
    if command >> 4 != 2 {
        return Err(ProxyError::Malformed("the version is not 2"));
    }
    let local = match command & 0xf {
        0 => true,
        1 => false,
        _ => return Err(ProxyError::Malformed("the command is neither LOCAL nor PROXY")),
    };
    let Some(body) = bytes.get(FIXED_BYTES..total) else { return Ok(None) };
    // LOCAL and families that are no Internet addresses leave the connection's own; what follows the addresses are
    // extensions (TLVs) and is skipped.
    let header = match (local, family >> 4, family & 0xf) {
        (true, ..) | (_, 0 | 3, _) | (_, 1 | 2, 0 | 2) => ProxyHeader::Local,
        (_, 1, 1) => forwarded::<4>(body)?,
        (_, 2, 1) => forwarded::<16>(body)?,
        _ => return Err(ProxyError::Malformed("the address family or transport is unknown")),
    };
    Ok(Some((header, total)))
}

fn forwarded<const N: usize>(body: &[u8]) -> Result<ProxyHeader, ProxyError>
where
    IpAddr: From<[u8; N]>,
{
    let ip = |at: usize| -> Option<IpAddr> {
        let octets: [u8; N] = body.get(at..at + N)?.try_into().ok()?;
        Some(IpAddr::from(octets))
    };
    let port = |at: usize| -> Option<u16> {
        Some(u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?))
    };
    let read = || {
        let source = SocketAddr::new(ip(0)?, port(2 * N)?);
        let destination = SocketAddr::new(ip(N)?, port(2 * N + 2)?);
        Some(ProxyHeader::Forwarded { source, destination })
    };
    read().ok_or(ProxyError::Malformed("the header is too short for its addresses"))
}

/// Reads exactly the header from a stream and not a byte more, within `limit`.
pub(crate) async fn read_proxy_header(
    stream: &mut (impl AsyncRead + Unpin),
    limit: Duration,
) -> Result<ProxyHeader, ProxyError> {
    let reading = async {
        let mut bytes = Vec::with_capacity(LINE_BYTES_MAX);
        // No header of either version is shorter than the shortest line of version 1, "PROXY UNKNOWN\r\n".
        let mut wanted = 15;
        loop {
            let at = bytes.len();
            bytes.resize(wanted, 0);
            let into = bytes.get_mut(at..).unwrap_or_default();
            stream.read_exact(into).await.map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => ProxyError::Closed,
                _ => ProxyError::Io(error),
            })?;
            if let Some((header, _)) = parse_proxy_header(&bytes)? {
                return Ok(header);
            }
            wanted = match (bytes.starts_with(SIGNATURE), bytes.get(14..FIXED_BYTES)) {
                (true, Some(&[high, low])) => {
                    FIXED_BYTES + usize::from(u16::from_be_bytes([high, low]))
                }
                // A line of version 1 tells its end only when it comes.
                _ => bytes.len() + 1,
            };
        }
    };
    tokio::time::timeout(limit, reading).await.unwrap_or(Err(ProxyError::Timeout { after: limit }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn forward(source: &str, destination: &str) -> ProxyHeader {
        ProxyHeader::Forwarded {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
        }
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes
    }

    const V4: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 2, 0x1F, 0x90, 0x14, 0x66];

    #[test]
    fn version_1() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.2 8080 5222\r\n<?xml";
        let expected = forward("192.0.2.1:8080", "198.51.100.2:5222");
        assert_eq!(parse_proxy_header(line).unwrap(), Some((expected, line.len() - 5)));
        let line = b"PROXY TCP6 2001:db8::1 ::1 65535 0\r\n";
        assert_eq!(
            parse_proxy_header(line).unwrap().unwrap().0,
            forward("[2001:db8::1]:65535", "[::1]:0")
        );
        let line = b"PROXY UNKNOWN whatever it says\r\n";
        assert_eq!(parse_proxy_header(line).unwrap().unwrap(), (ProxyHeader::Local, line.len()));
    }

    #[test]
    fn version_1_is_strict() {
        for line in [
            "GET / HTTP/1.1\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 8080\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 8080 5222 1\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 +8080 5222\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 08080 5222\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 65536 5222\r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n",
            "proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n",
        ] {
            assert!(
                matches!(parse_proxy_header(line.as_bytes()), Err(ProxyError::Malformed(_))),
                "{line}"
            );
        }
        let endless = format!("PROXY UNKNOWN {}", "a".repeat(200));
        assert!(matches!(parse_proxy_header(endless.as_bytes()), Err(ProxyError::Malformed(_))));
    }

    #[test]
    fn version_2() {
        let mut with_extensions = V4.to_vec();
        with_extensions.extend([0x04, 0, 3, 1, 2, 3]);
        let bytes = v2(0x21, 0x11, &with_extensions);
        let expected = forward("192.0.2.1:8080", "198.51.100.2:5222");
        assert_eq!(parse_proxy_header(&bytes).unwrap(), Some((expected, bytes.len())));
        let mut v6 = [0_u8; 36];
        v6[15] = 1;
        v6[31] = 2;
        v6[33] = 7;
        let bytes = v2(0x21, 0x21, &v6);
        assert_eq!(parse_proxy_header(&bytes).unwrap().unwrap().0, forward("[::1]:7", "[::2]:0"));
    }

    #[test]
    fn version_2_local_and_foreign_families_keep_the_addresses() {
        for (command, family) in
            [(0x20, 0x11), (0x20, 0xff), (0x21, 0x00), (0x21, 0x31), (0x21, 0x12)]
        {
            let bytes = v2(command, family, V4);
            let (header, length) = parse_proxy_header(&bytes).unwrap().unwrap();
            assert_eq!((header, length), (ProxyHeader::Local, bytes.len()));
        }
    }

    #[test]
    fn version_2_is_strict() {
        for bytes in
            [v2(0x31, 0x11, V4), v2(0x22, 0x11, V4), v2(0x21, 0x13, V4), v2(0x21, 0x11, &V4[..8])]
        {
            assert!(matches!(parse_proxy_header(&bytes), Err(ProxyError::Malformed(_))));
        }
        assert!(matches!(
            parse_proxy_header(&v2(0x21, 0x11, &[0; 3000])),
            Err(ProxyError::Malformed(_))
        ));
    }

    #[tokio::test]
    async fn not_a_byte_more_than_the_header_is_read() {
        let headers =
            [b"PROXY TCP4 192.0.2.1 198.51.100.2 8080 5222\r\n".to_vec(), v2(0x21, 0x11, V4)];
        for header in headers {
            let mut bytes = header;
            bytes.extend(b"<stream>");
            let mut stream = &bytes[..];
            let read = read_proxy_header(&mut stream, PROXY_HEADER_TIMEOUT).await.unwrap();
            assert_eq!(read, forward("192.0.2.1:8080", "198.51.100.2:5222"));
            assert_eq!(stream, b"<stream>");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_or_short_peer_is_given_up() {
        let (mut left, right) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut left, b"PROXY TCP4 ").await.unwrap();
        let mut right = right;
        let error = read_proxy_header(&mut right, PROXY_HEADER_TIMEOUT).await.unwrap_err();
        assert!(matches!(error, ProxyError::Timeout { .. }));
        drop(left);
        assert!(matches!(
            read_proxy_header(&mut right, PROXY_HEADER_TIMEOUT).await,
            Err(ProxyError::Closed)
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_claim_more_than_there_is(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Some((_, length))) = parse_proxy_header(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }

        #[test]
        fn mutated_headers_never_panic(at in 0_usize..40, byte in any::<u8>(), cut in 0_usize..40) {
            for good in [b"PROXY TCP4 192.0.2.1 198.51.100.2 8080 5222\r\n".to_vec(), v2(0x21, 0x11, V4)] {
                let mut bytes = good.clone();
                if let Some(place) = bytes.get_mut(at) { *place = byte; }
                parse_proxy_header(&bytes).ok();
                // A mere prefix is never an error.
                let prefix = &good[..cut.min(good.len() - 1)];
                prop_assert_eq!(parse_proxy_header(prefix).unwrap(), None);
            }
        }

        #[test]
        fn version_1_round_trip(a in any::<[u8; 4]>(), b in any::<[u8; 4]>(), from in any::<u16>(), to in any::<u16>()) {
            let (a, b) = (Ipv4Addr::from(a), Ipv4Addr::from(b));
            let line = format!("PROXY TCP4 {a} {b} {from} {to}\r\n");
            let expected = ProxyHeader::Forwarded { source: (a, from).into(), destination: (b, to).into() };
            prop_assert_eq!(parse_proxy_header(line.as_bytes()).unwrap(), Some((expected, line.len())));
        }
    }
}
