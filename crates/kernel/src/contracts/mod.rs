//! Contracts: what one module offers to others that do not know it.

mod account;
mod relay;
mod roster;
mod vcard;

pub use account::{Activities, Ban, Bans, LastSeen, RecordError};
pub use relay::{AccountWatch, RelayCredentials, RelayLogin, RelayService, RelayServices};
pub use roster::{Contact, Roster, RosterError, RosterView, Subscription};
pub use vcard::{Photo, PhotoWatch, VCards};

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

/// The contracts of one generation of a host.
#[derive(Default)]
pub struct Contracts(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl Contracts {
    /// Offers an implementation of contract `C` (a `dyn Trait`).
    pub(crate) fn provide<C: ?Sized + Send + Sync + 'static>(&mut self, offer: Arc<C>) {
        self.0.insert(TypeId::of::<C>(), Box::new(offer));
    }

    /// The implementation of contract `C`, if a module offers one.
    pub fn get<C: ?Sized + Send + Sync + 'static>(&self) -> Option<Arc<C>> {
        self.0.get(&TypeId::of::<C>())?.downcast_ref::<Arc<C>>().cloned()
    }
}
