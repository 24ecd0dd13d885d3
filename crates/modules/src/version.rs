//! XEP-0092: Software Version. The server tells what it is.

use kernel::{Answering, At, GetAnswer, IqRequest, Module, Register, Start, Xep, xep};
use settings::Problem;
use settings::audit::{Check, Guide, Per, Severity};
use xmlstream::Element;
use xmpp_wire::{StanzaCondition, ns};

/// Tells name and version.
pub(crate) struct SoftwareVersion {
    show_os: bool,
}

const CHECKS: &[Check] = &[Check {
    id: "version-tells-system",
    about: "`show_os` of `mod_version`",
    why: "everybody learns which system to look for holes in",
    guide: Guide::Firewall,
    severity: Severity::Advice,
    per: Per::Module,
    judge: |view| {
        let told = view.options().bool("show_os");
        view.when(
            told,
            "show_os",
            "the operating system is told to everybody",
            "set `show_os: false`",
        )
    },
}];

impl Module for SoftwareVersion {
    const NAME: &'static str = "mod_version";
    const ABOUT: &'static str = "Tells the server's name and version (XEP-0092)";
    const IMPLEMENTS: &'static [Xep] = &[xep(92, "1.1")];
    const OPTIONS: &'static [&'static str] = &["show_os"];
    const CHECKS: &'static [Check] = CHECKS;

    fn start(start: &Start<'_, Self>) -> Result<Self, Problem> {
        Ok(Self { show_os: start.options.bool("show_os") })
    }

    fn register(on: &mut Register<'_, Self>) {
        on.iq_get(At::Server, ns::VERSION, Self::tell);
    }
}

impl SoftwareVersion {
    fn tell<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            if request.payload.name() != "query" {
                return Err(StanzaCondition::BadRequest.into());
            }
            let leaf = |name, text| Element::new(name, ns::VERSION).with_text(text);
            let os = self.show_os.then(|| leaf("os", std::env::consts::OS));
            let query = Element::new("query", ns::VERSION)
                .with_child(leaf("name", "Rookery"))
                .with_child(leaf("version", env!("CARGO_PKG_VERSION")))
                .with_children(os);
            Ok(Some(query))
        })
    }
}
