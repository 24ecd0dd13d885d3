//! Stream compression (XEP-0138): its offer, request and answers.

use crate::ns;
use xmlstream::{Element, RawElement};

/// The words of stream compression. The only method is `zlib`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// The client asks for zlib.
    Request,
    /// The client asks for something else, or for nothing.
    OtherRequest,
    /// The server agrees; both compress after this.
    Compressed,
    /// The server does not know the method.
    UnsupportedMethod,
    /// The server cannot do it now.
    SetupFailed,
}

impl Compression {
    /// The feature by which it is offered.
    pub fn offer() -> Element {
        let method = Element::new("method", ns::COMPRESS_FEATURE).with_text("zlib");
        Element::new("compression", ns::COMPRESS_FEATURE).with_child(method)
    }

    /// Reads a request; `None` if the element is something else.
    pub fn from_raw(raw: &RawElement) -> Option<Self> {
        raw.is("compress", ns::COMPRESS).then(|| {
            let zlib = raw
                .children()
                .any(|child| child.is("method", ns::COMPRESS) && child.parse().text() == "zlib");
            if zlib { Self::Request } else { Self::OtherRequest }
        })
    }

    /// The element.
    pub fn to_element(self) -> Element {
        let failure =
            |why| Element::new("failure", ns::COMPRESS).with_child(Element::new(why, ns::COMPRESS));
        let request = |method| {
            let method = Element::new("method", ns::COMPRESS).with_text(method);
            Element::new("compress", ns::COMPRESS).with_child(method)
        };
        match self {
            Self::Request => request("zlib"),
            Self::OtherRequest => request("lzw"),
            Self::Compressed => Element::new("compressed", ns::COMPRESS),
            Self::UnsupportedMethod => failure("unsupported-method"),
            Self::SetupFailed => failure("setup-failed"),
        }
    }
}
