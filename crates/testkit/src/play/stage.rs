//! The server that a play runs against: a world of its own under virtual time, or one behind a socket in real time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use xmpp_wire::ns;

use super::{Action, Play};
use crate::client::{Client, Failure};
use crate::world::{HOST, World, password_of};

/// The longest time, in real time, that a play over sockets waits where it says so.
const REAL_WAIT_MAX: Duration = Duration::from_secs(2);

/// How long, in real time, a connection to a server on this machine may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Rounds without anything new after which a server behind a socket counts as at rest.
const QUIET_ROUNDS: u32 = 4;

/// Time between such rounds.
const ROUND: Duration = Duration::from_millis(10);

/// How long a server behind a socket may keep working before it counts as never resting.
const SETTLE_PATIENCE: Duration = Duration::from_secs(20);

/// The account whose session tells when a server behind a socket has answered everything before.
const WATCHER: &str = "watcher-of-the-play";

/// A running server behind a socket, with a host for one play, on which the play's accounts exist already.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where it accepts clients in clear.
    pub address: SocketAddr,
    /// The host of the play.
    pub host: String,
}

impl Place {
    /// The accounts of a play, by name, and their passwords.
    pub fn accounts(play: &Play) -> Vec<(String, String)> {
        let mut users = play.users();
        users.insert(WATCHER.to_owned());
        users.into_iter().map(|user| (user.clone(), password_of(&user))).collect()
    }

    /// Why a play cannot run over sockets, if it cannot: what needs virtual time or the inside of the server.
    pub fn refuses(play: &Play) -> Option<String> {
        play.statements.iter().find_map(|statement| match &statement.action {
            Action::Restart => Some("it restarts the server".to_owned()),
            Action::Reload(_) => Some("it reloads the configuration".to_owned()),
            Action::Wait(time) | Action::Silent { time, .. } if *time > REAL_WAIT_MAX => {
                Some(format!("it waits for {} s", time.as_secs_f32()))
            }
            _ => None,
        })
    }
}

/// The server of a running play.
pub(super) enum Stage {
    /// In this process.
    World(Box<World>),
    /// Elsewhere.
    Sockets(Box<Sockets>),
}

/// A server behind a socket, and the session that watches it.
pub(super) struct Sockets {
    place: Place,
    watcher: Client,
    questions: u32,
}

type Done = Result<(), Failure>;

impl Stage {
    pub(super) async fn sockets(place: &Place) -> Result<Self, Failure> {
        let mut watcher = place.connect().await?;
        watcher.authenticate(WATCHER, &place.host, &password_of(WATCHER)).await?;
        watcher.bind(None).await?;
        Ok(Self::Sockets(Box::new(Sockets { place: place.clone(), watcher, questions: 0 })))
    }

    /// The play's host.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::World(_) => HOST,
            Self::Sockets(sockets) => &sockets.place.host,
        }
    }

    /// How long, in real time, an expected stanza may take when the server seems at rest.
    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::World(_) => Duration::from_millis(400),
            Self::Sockets(_) => Duration::from_secs(1),
        }
    }

    pub(super) async fn register(&self, user: &str) -> Done {
        match self {
            Self::World(world) => world.register(user).await,
            // Whoever made the place read the play.
            Self::Sockets(_) => Ok(()),
        }
    }

    pub(super) async fn connect(&self) -> Result<Client, Failure> {
        match self {
            Self::World(world) => Ok(world.connect()),
            Self::Sockets(sockets) => sockets.place.connect().await,
        }
    }

    pub(super) async fn settle(&mut self, clients: &mut [&mut Client]) -> Done {
        match self {
            Self::World(world) => world.settle(clients).await,
            Self::Sockets(sockets) => sockets.settle(clients).await,
        }
    }

    pub(super) async fn advance(&mut self, by: Duration, clients: &mut [&mut Client]) -> Done {
        match self {
            Self::World(world) => world.advance(by, clients).await,
            Self::Sockets(sockets) => {
                tokio::time::sleep(by).await;
                sockets.settle(clients).await
            }
        }
    }

    pub(super) fn reload(&mut self, over: &str) -> Done {
        match self {
            Self::World(world) => world.reload(over),
            Self::Sockets(_) => Err(Failure("this server cannot be reloaded".to_owned())),
        }
    }

    pub(super) async fn restart(&mut self) -> Done {
        match self {
            Self::World(world) => world.restart().await,
            Self::Sockets(_) => Err(Failure("this server cannot be restarted".to_owned())),
        }
    }
}

impl Place {
    async fn connect(&self) -> Result<Client, Failure> {
        let connecting = TcpStream::connect(self.address);
        let socket = tokio::time::timeout(CONNECT_PATIENCE, connecting).await;
        let socket = socket
            .map_err(std::io::Error::from)
            .flatten()
            .and_then(|socket| socket.set_nodelay(true).map(|()| socket))
            .map_err(|error| Failure(format!("no connection to {}: {error}", self.address)))?;
        Ok(Client::over_socket(socket))
    }
}

impl Sockets {
    /// Waits until nothing has come for anybody while the server answered the watcher several times.
    ///
    /// The answers stretch the time on a busy machine, where a fixed one would be too short.
    async fn settle(&mut self, clients: &mut [&mut Client]) -> Done {
        let began = Instant::now();
        let (mut quiet, mut pause) = (0, ROUND);
        while quiet < QUIET_ROUNDS {
            if began.elapsed() > SETTLE_PATIENCE {
                return Err(Failure("the server does not come to rest".to_owned()));
            }
            tokio::time::sleep(pause).await;
            let asked = Instant::now();
            self.ask().await?;
            // A server that takes long to answer takes long for the rest too.
            pause = ROUND.max(asked.elapsed() * 2);
            let mut moved = false;
            for client in clients.iter_mut() {
                moved |= client.pump().await;
            }
            quiet = if moved { 0 } else { quiet + 1 };
        }
        Ok(())
    }

    /// A question to the server and its answer, whatever it is.
    async fn ask(&mut self) -> Done {
        self.questions += 1;
        let id = format!("q{}", self.questions);
        let host = &self.place.host;
        let ping =
            format!("<iq type='get' id='{id}' to='{host}'><ping xmlns='urn:xmpp:ping'/></iq>");
        self.watcher.send(&ping).await?;
        loop {
            let answer = self.watcher.next(SETTLE_PATIENCE).await?;
            if answer.is("iq", ns::CLIENT) && answer.attr("id") == Some(&id) {
                return Ok(());
            }
        }
    }
}
