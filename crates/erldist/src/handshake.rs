//! The accepting side of the handshake: who is it, can it do what is needed, and does it know the cookie?

use std::io;

use erl_wire::flags;
use erl_wire::handshake::{
    Challenge, ChallengeReply, Complement, HandshakeError, MESSAGE_BYTES_MAX, SendName, Status,
    challenge_ack, digest,
};
use netio::Transport;
use settings::NodeName;
use stdx::Secret;
use subtle::ConstantTimeEq;
use tokio::io::AsyncReadExt;

use crate::peers::Peers;

/// The other side of an accepted connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its node name.
    pub(crate) name: String,
    /// What both can do, and what it alone says of itself.
    pub(crate) flags: u64,
}

/// This side.
pub(crate) struct Own<'a> {
    pub(crate) name: &'a NodeName,
    pub(crate) creation: u32,
    pub(crate) cookie: &'a Secret,
    pub(crate) peers: &'a Peers,
}

/// Why a connection was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// It broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The bytes make no sense.
    #[error(transparent)]
    Wire(#[from] HandshakeError),
    /// The node is too old.
    #[error("node {0:?} lacks what Erlang/OTP 25 requires of its peers: use a newer Erlang there")]
    Old(Box<str>),
    /// No node can be called so, or this one is.
    #[error("a node cannot connect under the name {0:?}")]
    Name(Box<str>),
    /// It does not know the cookie.
    #[error("node {0} does not know the cookie")]
    Cookie(String),
    /// TLS failed, or its certificate is not from the right authority.
    #[error("TLS: {0}")]
    Tls(String),
    /// It has a connection and wants no other.
    #[error("node {0} is connected already")]
    Connected(String),
}

/// Accepts a node, or says why not.
pub(crate) async fn accept(stream: &mut Transport, own: &Own<'_>) -> Result<Peer, Refusal> {
    let hello = SendName::parse(&read(stream).await?)?;
    let Some(low_flags) = flags::expand(hello.flags) else {
        write(stream, &Status::NotAllowed.to_bytes()).await?;
        return Err(Refusal::Old(hello.name));
    };
    let Some(name) = name_of(&hello, own) else {
        write(stream, &Status::NotAllowed.to_bytes()).await?;
        return Err(Refusal::Name(hello.name));
    };
    if hello.flags & flags::NAME_ME != 0 {
        let named = Status::Named(name.as_str().into(), crate::epmd::creation());
        write(stream, &named.to_bytes()).await?;
    } else if own.peers.has(&name) {
        write(stream, &Status::Alive.to_bytes()).await?;
        if Status::parse(&read(stream).await?)? != Status::Continue(true) {
            return Err(Refusal::Connected(name));
        }
    } else {
        write(stream, &Status::Ok.to_bytes()).await?;
    }
    let challenge = u32::from_le_bytes(kernel::random::bytes());
    let own_name = own.name.to_string().into();
    let message =
        Challenge { flags: flags::OWN, challenge, creation: own.creation, name: own_name };
    write(stream, &message.to_bytes()).await?;
    let high_flags = match hello.creation {
        Some(_) => 0,
        None => u64::from(Complement::parse(&read(stream).await?)?.flags_high) << 32,
    };
    let reply = ChallengeReply::parse(&read(stream).await?)?;
    let cookie = own.cookie.expose();
    if !bool::from(digest(cookie, challenge).ct_eq(&reply.digest)) {
        return Err(Refusal::Cookie(name));
    }
    write(stream, &challenge_ack(digest(cookie, reply.challenge))).await?;
    Ok(Peer { name, flags: low_flags | high_flags })
}

/// The name it connects under: its own, or a fresh one of its host when it asks for one.
fn name_of(hello: &SendName, own: &Own<'_>) -> Option<String> {
    let wanted = if hello.flags & flags::NAME_ME == 0 {
        hello.name.to_string()
    } else {
        let part: String =
            kernel::random::bytes::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{part}@{}", hello.name)
    };
    // A name alone would get a host that the node has not said.
    let name = NodeName::parse(&wanted, "").ok().filter(|_| wanted.contains('@'))?;
    (name != *own.name).then_some(wanted)
}

/// Reads a message behind its length. Over TLS lengths have 32 bits already now, which only `inet_tls_dist` itself tells.
async fn read(stream: &mut Transport) -> Result<Vec<u8>, Refusal> {
    let length = match stream.is_tls() {
        true => usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX),
        false => usize::from(stream.read_u16().await?),
    };
    if length > MESSAGE_BYTES_MAX {
        let text = "a handshake message is too long";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text).into());
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write(stream: &mut Transport, message: &[u8]) -> Result<(), Refusal> {
    // Ours are far shorter than either limit.
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let mut frame = match stream.is_tls() {
        true => u32::from(length).to_be_bytes().to_vec(),
        false => length.to_be_bytes().to_vec(),
    };
    frame.extend(message);
    Ok(stream.write_all(&frame).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: &str = "the cookie";

    /// The side that connects; it gives what it got last.
    struct Guest(Transport);

    impl Guest {
        async fn say(&mut self, message: Vec<u8>) {
            write(&mut self.0, &message).await.unwrap();
        }

        async fn hear(&mut self) -> Vec<u8> {
            read(&mut self.0).await.unwrap()
        }

        async fn hello(&mut self, flags: u64, creation: Option<u32>, name: &str) -> Status {
            self.say(SendName { flags, creation, name: name.into() }.to_bytes()).await;
            Status::parse(&self.hear().await).unwrap()
        }

        /// Answers the challenge; `None` when nothing comes back.
        async fn prove(&mut self, cookie: &str, complement: bool) -> Option<Vec<u8>> {
            let challenge = Challenge::parse(&self.hear().await).unwrap();
            assert_eq!((&*challenge.name, challenge.flags), ("own@here", flags::OWN));
            if complement {
                let flags_high = u32::try_from(flags::ALIAS >> 32).unwrap();
                self.say(Complement { flags_high, creation: 9 }.to_bytes()).await;
            }
            let digest = digest(cookie, challenge.challenge);
            self.say(ChallengeReply { challenge: 77, digest }.to_bytes()).await;
            read(&mut self.0).await.ok()
        }
    }

    /// Lets a guest do what it wants, and tells how the accepting side ended.
    async fn meet(peers: &Peers, guest: impl AsyncFnOnce(&mut Guest)) -> Result<Peer, Refusal> {
        let (near, mut far) = Transport::pair(4096);
        let name = NodeName::parse("own@here", "").unwrap();
        let cookie = Secret::new(COOKIE);
        let own = Own { name: &name, creation: 5, cookie: &cookie, peers };
        let accepting = async {
            let result = accept(&mut far, &own).await;
            drop(far);
            result
        };
        let mut near = Guest(near);
        let (result, ()) = tokio::join!(accepting, guest(&mut near));
        result
    }

    #[tokio::test]
    async fn a_node_that_knows_the_cookie_is_let_in() {
        let peers = Peers::default();
        let peer = meet(&peers, async |guest| {
            assert_eq!(guest.hello(flags::OWN & !flags::NAME_ME, Some(1), "a@b").await, Status::Ok);
            let ack = guest.prove(COOKIE, false).await;
            assert_eq!(ack, Some(challenge_ack(digest(COOKIE, 77))));
        });
        assert_eq!(peer.await.unwrap().name, "a@b");
        // The digest stands for its flags; an old greeting is completed.
        let peer = meet(&peers, async |guest| {
            guest.hello(flags::MANDATORY_25, None, "a@b").await;
            guest.prove(COOKIE, true).await;
        });
        assert_eq!(peer.await.unwrap().flags, flags::MANDATORY_25 | flags::ALIAS);
    }

    #[tokio::test]
    async fn a_wrong_cookie_gets_no_answer() {
        let peers = Peers::default();
        for wrong in ["", "the cookiee", "The cookie"] {
            let refusal = meet(&peers, async |guest| {
                guest.hello(flags::MANDATORY_25, Some(1), "a@b").await;
                assert_eq!(guest.prove(wrong, false).await, None);
            });
            let refusal = refusal.await.unwrap_err();
            assert!(matches!(&refusal, Refusal::Cookie(name) if name == "a@b"));
        }
    }

    #[tokio::test]
    async fn who_cannot_be_a_peer_hears_so() {
        let peers = Peers::default();
        let good = flags::MANDATORY_25;
        for (flags, name) in
            [(0, "a@b"), (good, "own@here"), (good, "ab"), (good, "a b@c"), (good, "@")]
        {
            let refusal = meet(&peers, async |guest| {
                assert_eq!(guest.hello(flags, Some(1), name).await, Status::NotAllowed);
            });
            assert!(matches!(refusal.await, Err(Refusal::Old(_) | Refusal::Name(_))), "{name}");
        }
        let refusal = meet(&peers, async |guest| guest.0.write_all(&[0xff, 0xff]).await.unwrap());
        assert!(matches!(refusal.await, Err(Refusal::Io(_))));
    }

    #[tokio::test]
    async fn a_second_connection_is_meant_or_not() {
        let peers = std::sync::Arc::new(Peers::default());
        let _place = peers.enter("a@b", 1, false);
        let refusal = meet(&peers, async |guest| {
            assert_eq!(guest.hello(flags::MANDATORY_25, Some(1), "a@b").await, Status::Alive);
            guest.say(Status::Continue(false).to_bytes()).await;
        });
        assert!(matches!(refusal.await, Err(Refusal::Connected(_))));
        let peer = meet(&peers, async |guest| {
            guest.hello(flags::MANDATORY_25, Some(1), "a@b").await;
            guest.say(Status::Continue(true).to_bytes()).await;
            guest.prove(COOKIE, false).await;
        });
        assert!(peer.await.is_ok());
    }

    #[tokio::test]
    async fn a_node_without_name_gets_one_of_its_host() {
        let peers = Peers::default();
        let peer = meet(&peers, async |guest| {
            let status = guest.hello(flags::MANDATORY_25 | flags::NAME_ME, Some(1), "box").await;
            assert!(matches!(status, Status::Named(name, _) if name.ends_with("@box")));
            guest.prove(COOKIE, false).await;
        });
        assert!(peer.await.unwrap().name.ends_with("@box"));
    }
}
