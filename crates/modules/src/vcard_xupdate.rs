//! XEP-0153: vCard-Based Avatars. Adds the hash of the photo to presence that clients send.

use jid::BareJid;
use kernel::contracts::{Photo, PhotoWatch, VCards};
use kernel::hooks::{
    AccountEvent, AccountRemoved, Flow, HostEvent, Outgoing, Stage, Step, StoreReplaced, UserSend,
};
use kernel::{Control, Kernel, Module, Register, Start, Xep, xep};
use settings::Problem;
use xmlstream::Element;
use xmpp_wire::{PresenceType, Stanza, StanzaKind, ns};

use crate::cache::Cache;

/// Tells contacts of photos.
pub(crate) struct AvatarHash {
    cache: Cache<BareJid, Photo>,
}

impl Module for AvatarHash {
    const NAME: &'static str = "mod_vcard_xupdate";
    const ABOUT: &'static str = "Adds the hash of the photo to presence (XEP-0153, XEP-0398)";
    const IMPLEMENTS: &'static [Xep] = &[xep(153, "1.1.1")];
    const OPTIONS: &'static [&'static str] =
        &["cache_life_time", "cache_missed", "cache_size", "use_cache"];

    fn start(start: &Start<'_, Self>) -> Result<Self, Problem> {
        Ok(Self {
            cache: Cache::start(start.options, start.previous.map(|previous| &previous.cache)),
        })
    }

    fn register(on: &mut Register<'_, Self>) {
        on.hook::<UserSend>(Stage::Annotate, Self::annotate);
        on.hook::<AccountRemoved>(Stage::Observe, Self::removed);
        on.hook::<StoreReplaced>(Stage::Observe, Self::replaced);
        on.provide::<dyn PhotoWatch>(|module| module);
    }
}

impl AvatarHash {
    fn annotate<'a>(&'a self, event: &'a mut Outgoing<'_>) -> Step<'a> {
        if event.stanza.kind() != StanzaKind::Presence(PresenceType::Available) {
            return Step::CONTINUE;
        }
        // A repeated presence may still have the empty photo that was put in here.
        let ours = event.session.existing_slot::<EmptyByServer>().is_some_and(|slot| slot.0);
        if is_reserved(event.stanza) && !ours {
            return Step::CONTINUE;
        }
        if let Some(Some(photo)) = self.cache.get(event.session.account()) {
            tell(event, &photo);
            return Step::CONTINUE;
        }
        Step::Wait(Box::pin(async move {
            let ticket = self.cache.ticket();
            let Some(cards) = event.session.generation().contract::<dyn VCards>() else {
                return Flow::Continue;
            };
            if let Some(photo) = cards.photo(event.session.kernel(), event.session.account()).await
            {
                tell(event, &photo);
                self.cache.put(ticket, event.session.account().clone(), Some(photo));
            }
            Flow::Continue
        }))
    }

    fn removed<'a>(&'a self, event: &'a mut AccountEvent<'_>) -> Step<'a> {
        self.cache.forget(event.account);
        Step::CONTINUE
    }

    fn replaced<'a>(&'a self, _: &'a mut HostEvent<'_>) -> Step<'a> {
        self.cache.forget_all();
        Step::CONTINUE
    }
}

impl PhotoWatch for AvatarHash {
    fn stored(&self, kernel: &Kernel, account: &BareJid, photo: Photo) {
        let changed = self.cache.get(account) != Some(Some(photo));
        self.cache.forget(account);
        if !changed {
            return;
        }
        for session in
            kernel.account_sessions(account).iter().filter(|session| session.priority().is_some())
        {
            // A session that has just ended has no presence to repeat.
            drop(session.mailbox().control(Control::RepeatPresence));
        }
    }
}

/// Whether the presence of a session has an empty photo because there is none, and not by the client's wish.
#[derive(Default)]
struct EmptyByServer(bool);

fn tell(event: &mut Outgoing<'_>, photo: &Photo) {
    set(event.stanza, photo);
    let empty = *photo == Photo::Absent;
    if empty || event.session.existing_slot::<EmptyByServer>().is_some() {
        event.session.slot::<EmptyByServer>().0 = empty;
    }
}

/// XEP-0398 §3.2: an empty photo is the client's word for "I say nothing now", which stays.
fn is_reserved(presence: &Stanza) -> bool {
    let update = presence.child("x", ns::VCARD_UPDATE).map(|update| update.parse());
    update.is_some_and(|update| {
        update.child_text("photo", ns::VCARD_UPDATE).is_some_and(|hash| hash.is_empty())
    })
}

fn set(presence: &mut Stanza, photo: &Photo) {
    presence.remove_children(|child| child.is("x", ns::VCARD_UPDATE));
    let update = Element::new("x", ns::VCARD_UPDATE);
    let hash = |text: &str| Element::new("photo", ns::VCARD_UPDATE).with_text(text);
    match photo {
        Photo::External => {}
        Photo::NoCard => presence.push(&update),
        Photo::Absent => presence.push(&update.with_child(hash(""))),
        Photo::Hash(text) => presence.push(&update.with_child(hash(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(inner: &str) -> Stanza {
        Stanza::parse(format!("<presence>{inner}</presence>").as_bytes()).unwrap()
    }

    #[test]
    fn the_servers_word_replaces_the_clients() {
        let mut told = presence("<x xmlns='vcard-temp:x:update'><photo>old</photo></x>");
        assert!(!is_reserved(&told));
        set(&mut told, &Photo::Hash("new".to_owned()));
        assert_eq!(told, presence("<x xmlns='vcard-temp:x:update'><photo>new</photo></x>"));
        set(&mut told, &Photo::NoCard);
        assert_eq!(told, presence("<x xmlns='vcard-temp:x:update'/>"));
        assert!(!is_reserved(&told));
        set(&mut told, &Photo::Absent);
        assert_eq!(told, presence("<x xmlns='vcard-temp:x:update'><photo/></x>"));
        set(&mut told, &Photo::External);
        assert_eq!(told, presence(""));
    }

    #[test]
    fn an_empty_photo_of_the_client_stays() {
        assert!(is_reserved(&presence("<x xmlns='vcard-temp:x:update'><photo/></x>")));
        assert!(!is_reserved(&presence("")));
    }
}
