//! `mod_admin_extra`: more commands for administrators. It does nothing itself; commands name it as what they need.

use kernel::{Module, Register, Start};
use settings::Problem;

/// Its name in `ejabberd.yml`.
pub(crate) const NAME: &str = "mod_admin_extra";

/// The module.
pub(crate) struct AdminExtra;

impl Module for AdminExtra {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "Offers more commands to administrators";

    fn start(_: &Start<'_, Self>) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn register(_: &mut Register<'_, Self>) {}
}
