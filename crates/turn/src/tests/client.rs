//! A client that asks as a test wants.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use stdx::Secret;
use stun_wire::{
    Algorithm, Class, Key, Message, MessageWriter, Method, attr, channel_header, long_term_key,
    user_hash,
};

/// One five-tuple over UDP.
pub(super) struct Client {
    pub(super) socket: UdpSocket,
    pub(super) user: String,
    pub(super) realm: String,
    pub(super) nonce: Vec<u8>,
    pub(super) key: Option<Key>,
    /// Says `USERHASH` in place of `USERNAME`.
    pub(super) hashed: bool,
    next: u8,
}

/// What came back.
pub(super) struct Answer(pub(super) Vec<u8>);

impl Answer {
    pub(super) fn message(&self) -> Message<'_> {
        Message::parse(&self.0).unwrap()
    }

    /// The error code, 0 for success.
    pub(super) fn code(&self) -> u16 {
        let error = self.message().attribute(attr::ERROR_CODE);
        error.map_or(0, |error| error.error_code().unwrap())
    }

    pub(super) fn address(&self, kind: u16) -> SocketAddr {
        self.message().attribute(kind).expect("the attribute is there").xor_address().unwrap()
    }
}

impl Client {
    pub(super) fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        let (user, realm, nonce) = (String::new(), String::new(), Vec::new());
        Self { socket, user, realm, nonce, key: None, hashed: false, next: 0 }
    }

    /// One that has heard realm and nonce and knows the password.
    pub(super) fn of(server: SocketAddr, user: &str, algorithm: Algorithm) -> Self {
        let mut client = Self::new(server);
        client.challenged();
        client.user = user.to_owned();
        let key = long_term_key(algorithm, user, &client.realm, &Secret::new("secret"));
        client.key = Some(key);
        client
    }

    /// Takes realm and nonce of a challenge.
    pub(super) fn challenged(&mut self) {
        let challenge = self.ask(Method::Allocate, |writer| writer);
        assert_eq!(challenge.code(), 401);
        let message = challenge.message();
        let text = |kind| message.attribute(kind).unwrap().text(800).unwrap().to_owned();
        self.realm = text(attr::REALM);
        self.nonce = text(attr::NONCE).into_bytes();
    }

    pub(super) fn request(
        &mut self,
        method: Method,
        add: impl FnOnce(MessageWriter) -> MessageWriter,
    ) -> Vec<u8> {
        self.next += 1;
        let writer = add(MessageWriter::with_id(Class::Request, method, [self.next; 12]));
        let Some(key) = &self.key else { return writer.finish() };
        let writer = match self.hashed {
            true => writer.attribute(attr::USERHASH, &user_hash(&self.user, &self.realm)),
            false => writer.attribute(attr::USERNAME, self.user.as_bytes()),
        };
        let writer = writer
            .attribute(attr::REALM, self.realm.as_bytes())
            .attribute(attr::NONCE, &self.nonce);
        match key.expose().len() {
            16 => writer.integrity_sha1(key).finish(),
            _ => writer
                .password_algorithms(&[Algorithm::Sha256, Algorithm::Md5])
                .attribute(attr::PASSWORD_ALGORITHM, &[0, 2, 0, 0])
                .integrity_sha256(key)
                .finish(),
        }
    }

    pub(super) fn ask(
        &mut self,
        method: Method,
        add: impl FnOnce(MessageWriter) -> MessageWriter,
    ) -> Answer {
        let request = self.request(method, add);
        self.send(&request)
    }

    /// Sends bytes and waits for the answer.
    pub(super) fn send(&self, request: &[u8]) -> Answer {
        self.socket.send(request).unwrap();
        let mut buffer = [0; 2048];
        let len = self.socket.recv(&mut buffer).expect("an answer comes");
        Answer(buffer[..len].to_vec())
    }

    pub(super) fn allocate(&mut self) -> Answer {
        self.ask(Method::Allocate, |writer| {
            writer.attribute(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
        })
    }

    /// Binds channel 0x4001.
    pub(super) fn bind(&mut self, peer: SocketAddr) -> Answer {
        self.ask(Method::ChannelBind, |writer| {
            writer
                .number(attr::CHANNEL_NUMBER, 0x4001 << 16)
                .xor_address(attr::XOR_PEER_ADDRESS, peer)
        })
    }

    pub(super) fn channel(&self, data: &[u8]) {
        let mut frame = channel_header(0x4001, data.len() as u16).to_vec();
        frame.extend_from_slice(data);
        self.socket.send(&frame).unwrap();
    }
}
