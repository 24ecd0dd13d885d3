//! XEP-0474: SASL SCRAM Downgrade Protection: the hash in attribute `h` over all that was offered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{BindingType, Mechanism, ScramHash, keys};

/// Joins names within a list.
const WITHIN: &str = "\u{1E}";
/// Stands between the two lists.
const BETWEEN: &str = "\u{1F}";

/// The value of attribute `h` (XEP-0474 §5.1): base64 of the hash over the sorted mechanisms and,
/// if channel-binding types were advertised (XEP-0440), the sorted types.
pub(crate) fn hash_of_offer(
    hash: ScramHash,
    offered: &[Mechanism],
    advertised: Option<&[BindingType]>,
) -> String {
    let mut names: Vec<&str> = offered.iter().map(|mechanism| mechanism.name()).collect();
    names.sort_unstable();
    let mut text = names.join(WITHIN);
    if let Some(types) = advertised {
        let mut names: Vec<&str> = types.iter().map(|binding| binding.name()).collect();
        names.sort_unstable();
        text.push_str(BETWEEN);
        text.push_str(&names.join(WITHIN));
    }
    STANDARD.encode(keys::digest(hash, &[text.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_xep_0474() {
        let offered = [Mechanism::ScramPlus(ScramHash::Sha1), Mechanism::Scram(ScramHash::Sha1)];
        let types = [BindingType::TlsServerEndPoint, BindingType::TlsExporter];
        assert_eq!(
            hash_of_offer(ScramHash::Sha1, &offered, Some(&types)),
            "G6k/rBLDqgOhRRaCuuatSDFkJ08="
        );
        assert_ne!(
            hash_of_offer(ScramHash::Sha1, &offered, Some(&[])),
            hash_of_offer(ScramHash::Sha1, &offered, None)
        );
    }
}
