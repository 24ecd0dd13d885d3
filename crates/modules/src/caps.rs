//! XEP-0115: Entity Capabilities of the server, in its stream features.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::{At, Disco, Module, Register, Start, Xep, xep};
use settings::Problem;
use sha1::{Digest as _, Sha1};
use xmlstream::Element;
use xmpp_wire::ns;
use xmpp_wire::payload::disco::Info;

/// Names the software, as XEP-0115 §4 wants it.
const SOFTWARE: &str = "urn:x-rookery:server";

/// Announces a hash of what the server can do.
pub(crate) struct Capabilities;

impl Module for Capabilities {
    const NAME: &'static str = "mod_caps";
    const ABOUT: &'static str = "Announces a hash of the server's features (XEP-0115)";
    const IMPLEMENTS: &'static [Xep] = &[xep(115, "1.6.0")];

    fn start(_: &Start<'_, Self>) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn register(on: &mut Register<'_, Self>) {
        on.feature(At::Server, ns::CAPS);
        on.stream_feature_of_disco(feature);
    }
}

fn feature(disco: &Disco) -> Option<Element> {
    let feature =
        Element::new("c", ns::CAPS).with_attr("hash", "sha-1").with_attr("node", SOFTWARE);
    Some(feature.with_attr("ver", verification(&disco.info(At::Server))?))
}

/// The node under which a server with mod_caps answers for the hash it announces.
pub(crate) fn node(info: &Info) -> Option<String> {
    let announced = info.features.iter().any(|feature| feature == ns::CAPS);
    announced.then(|| verification(info)).flatten().map(|hash| format!("{SOFTWARE}#{hash}"))
}

/// The verification string (XEP-0115 §5.1); none for what must not be believed.
fn verification(info: &Info) -> Option<String> {
    let input = info.verification_input().ok()?;
    Some(STANDARD.encode(Sha1::digest(input.as_bytes())))
}

#[cfg(test)]
mod tests {
    use xmpp_wire::payload::disco::Identity;

    use super::*;

    #[test]
    fn the_hash_is_that_of_the_specifications_example() {
        let features = [ns::CAPS, ns::DISCO_INFO, ns::DISCO_ITEMS, ns::MUC];
        let info = Info {
            identities: vec![Identity::new("client", "pc", "Exodus 0.9.1")],
            features: features.map(str::to_owned).to_vec(),
            ..Info::default()
        };
        assert_eq!(verification(&info).as_deref(), Some("QgayPKawpkPSDYmwT/WM94uAlu0="));
        assert_eq!(
            node(&info).as_deref(),
            Some("urn:x-rookery:server#QgayPKawpkPSDYmwT/WM94uAlu0=")
        );
        assert_eq!(node(&Info::default()), None);
    }
}
