//! Running a play against a server.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use xmlstream::Element;
use xmpp_wire::ns;

use super::parse::account_of;
use super::pattern::{Captures, Pattern};
use super::stage::{Place, Stage};
use super::{Action, Deed, Play, PlayError, Statement};
use crate::client::{Client, Failure, Item, shown};
use crate::world::{HOST, World, password_of};

/// Rounds of waiting without asking the store; most stanzas come within them.
const QUICK_ROUNDS: u32 = 20;

/// Runs a play in a world of its own.
///
/// # Errors
/// The first statement that does not hold.
pub async fn run(play: &Play) -> Result<(), PlayError> {
    let config = play.config.replace("{host}", HOST);
    let world = World::new(&config)
        .await
        .map_err(|why| failed(play, 1, format!("the configuration: {why}")))?;
    perform_on(Stage::World(Box::new(world)), play).await
}

/// Runs a play against a server behind a socket, in real time.
///
/// # Errors
/// As [`run`].
pub async fn run_at(place: &Place, play: &Play) -> Result<(), PlayError> {
    let stage = Stage::sockets(place)
        .await
        .map_err(|why| failed(play, 1, format!("the server cannot be watched: {why}")))?;
    perform_on(stage, play).await
}

async fn perform_on(stage: Stage, play: &Play) -> Result<(), PlayError> {
    let mut running = Running { stage, actors: BTreeMap::new(), captures: Captures::new() };
    for statement in &play.statements {
        let done = running.perform(statement).await;
        done.map_err(|why| {
            let text = format!("{}\n    {}\n  {why}", play.title, statement.text);
            failed(play, statement.line, text)
        })?;
    }
    Ok(())
}

fn failed(play: &Play, line: usize, text: String) -> PlayError {
    PlayError { file: play.file.clone(), line, text }
}

/// A name in a play.
#[derive(Default)]
struct Actor {
    user: String,
    resource: String,
    client: Option<Client>,
    /// The client whose connection broke, for resumption.
    before: Option<Client>,
}

struct Running {
    stage: Stage,
    actors: BTreeMap<String, Actor>,
    captures: Captures,
}

type Done = Result<(), Failure>;

impl Running {
    async fn perform(&mut self, statement: &Statement) -> Done {
        match &statement.action {
            Action::Cast { actors, deed } => self.cast(actors, deed).await,
            Action::Says { actor, times, xml } => {
                for n in 1..=*times {
                    let xml = self.filled(&xml.replace("{n}", &n.to_string()))?;
                    self.client(actor)?.send(&xml).await?;
                    for client in clients(&mut self.actors) {
                        client.pump().await;
                    }
                }
                // What one statement causes is over before the next one, so that plays have one outcome.
                self.settle().await
            }
            Action::Hears { actor, times, pattern, anywhere } => {
                for n in 1..=*times {
                    let text = self.filled(&pattern.replace("{n}", &n.to_string()))?;
                    let pattern = Pattern::parse(&text).map_err(Failure)?;
                    match anywhere {
                        true => self.hears_anywhere(actor, &pattern, &text).await?,
                        false => self.hears(actor, &pattern, &text).await?,
                    }
                }
                Ok(())
            }
            Action::HearsHeader(actor) => match self.next(actor, false).await? {
                Some(Item::Opened(_)) => Ok(()),
                other => Err(Failure(format!(
                    "expected a stream header\n  came     {}",
                    shown(other.as_ref())
                ))),
            },
            Action::HearsEnd(actor) => match self.next(actor, true).await? {
                Some(Item::Closed | Item::Gone) => Ok(()),
                other => Err(Failure(format!(
                    "expected the end of the stream\n  came     {}",
                    shown(other.as_ref())
                ))),
            },
            Action::Silent { actor, time } => self.silent(actor, *time).await,
            Action::Wait(time) => self.advance(*time).await,
            Action::Restart => {
                self.settle().await?;
                self.stage.restart().await?;
                self.actors.values_mut().for_each(Actor::cut);
                Ok(())
            }
            Action::Reload(over) => self.stage.reload(over),
        }
    }

    async fn cast(&mut self, names: &[String], deed: &Deed) -> Done {
        for name in names {
            self.one(name, deed).await?;
        }
        if *deed == Deed::ContactsAndOnline {
            for (one, other) in pairs(names) {
                self.befriend(one, other).await?;
            }
        }
        if matches!(deed, Deed::ContactsAndOnline | Deed::Online(_)) {
            self.settle().await?;
            // What they hear of each other belongs to the scene, not to the play.
            for name in names {
                self.client(name)?.unread().clear();
            }
        }
        Ok(())
    }

    async fn one(&mut self, name: &str, deed: &Deed) -> Done {
        match deed {
            Deed::Registered => {
                let (user, _) = account_of(name, None);
                self.stage.register(user).await
            }
            Deed::Opens => {
                let client = self.stage.connect().await?;
                self.actors.entry(name.to_owned()).or_default().client = Some(client);
                Ok(())
            }
            Deed::Authenticates(user) => {
                self.appear(name, user.as_deref(), None).await?;
                let client = self.authenticated(name).await?;
                self.actor(name)?.client = Some(client);
                Ok(())
            }
            Deed::Connects(jid) => self.log_in(name, jid.as_deref()).await,
            Deed::Online(jid) => self.online(name, jid.as_deref()).await,
            Deed::ContactsAndOnline => self.online(name, None).await,
            Deed::Disconnects => {
                self.client(name)?.close().await?;
                self.actor(name)?.client = None;
                self.settle().await
            }
            Deed::CutOff => {
                self.settle().await?;
                self.actor(name)?.cut();
                self.settle().await
            }
            Deed::Resumes => {
                let mut client = self.authenticated(name).await?;
                let actor = self.actor(name)?;
                let before = actor.client.take().or(actor.before.take());
                let before = before.ok_or_else(|| Failure(format!("{name} had no session")))?;
                client.resume(&before).await?;
                actor.client = Some(client);
                // What the older connection of a session hears last is of interest to plays with two actors only.
                actor.before = Some(before);
                Ok(())
            }
            Deed::EnablesResumption => self.client(name)?.enable_resumption().await,
            Deed::Acknowledges => {
                self.settle().await?;
                self.client(name)?.acknowledge().await
            }
            Deed::StopsReading | Deed::ReadsAgain => {
                self.client(name)?.reading = *deed == Deed::ReadsAgain;
                Ok(())
            }
        }
    }

    /// Enters an actor with the account and resource it uses; both are its name unless it says otherwise.
    async fn appear(&mut self, name: &str, jid: Option<&str>, resource: Option<&str>) -> Done {
        let (user, own) = account_of(name, jid);
        self.stage.register(user).await?;
        let actor = self.actors.entry(name.to_owned()).or_default();
        actor.user = user.to_owned();
        actor.resource = own.or(resource).unwrap_or(name).to_owned();
        Ok(())
    }

    async fn authenticated(&mut self, name: &str) -> Result<Client, Failure> {
        let user = self.actor(name)?.user.clone();
        let mut client = self.stage.connect().await?;
        client.authenticate(&user, self.stage.host(), &password_of(&user)).await?;
        Ok(client)
    }

    async fn log_in(&mut self, name: &str, jid: Option<&str>) -> Done {
        let known = self.actors.get(name).filter(|actor| jid.is_none() && !actor.user.is_empty());
        let known = known.map(|actor| format!("{}/{}", actor.user, actor.resource));
        self.appear(name, jid.or(known.as_deref()), None).await?;
        let resource = self.actor(name)?.resource.clone();
        let mut client = self.authenticated(name).await?;
        client.bind(Some(&resource)).await?;
        self.actor(name)?.client = Some(client);
        Ok(())
    }

    async fn online(&mut self, name: &str, jid: Option<&str>) -> Done {
        self.log_in(name, jid).await?;
        self.client(name)?.send("<presence/>").await?;
        // The server's copy of one's own presence says that it has been handled (RFC 6121 §4.2.2).
        let jid = format!("{}/{}", self.bare(name), self.actor(name)?.resource);
        let own =
            Pattern::parse(&format!("<presence from='{jid}'>...</presence>")).map_err(Failure)?;
        self.hears_anywhere(name, &own, "one's own presence").await?;
        self.settle().await
    }

    /// Subscribes two actors to each other (RFC 6121 §3.1).
    async fn befriend(&mut self, one: &str, other: &str) -> Done {
        for (from, to) in [(one, other), (other, one)] {
            let (asking, asked) = (self.bare(from), self.bare(to));
            self.client(from)?.send(&format!("<presence type='subscribe' to='{asked}'/>")).await?;
            self.settle().await?;
            self.client(to)?.send(&format!("<presence type='subscribed' to='{asking}'/>")).await?;
            self.settle().await?;
        }
        Ok(())
    }

    async fn hears(&mut self, actor: &str, pattern: &Pattern, text: &str) -> Done {
        let item = self.next(actor, pattern.name() == "r").await?;
        let why = match &item {
            Some(Item::Element(element)) => match pattern.matches(element, &mut self.captures) {
                Ok(()) => return Ok(()),
                Err(why) => why,
            },
            _ => "no stanza".to_owned(),
        };
        let unread = self.unread(actor)?;
        Err(Failure(format!(
            "expected {text}\n  came     {}\n  because  {why}{unread}",
            shown(item.as_ref())
        )))
    }

    async fn hears_anywhere(&mut self, actor: &str, pattern: &Pattern, text: &str) -> Done {
        let began = Instant::now();
        loop {
            let captures = &mut self.captures;
            let client = client_of(&mut self.actors, actor)?;
            client.pump().await;
            let fits = |item: &Item| matches!(item, Item::Element(element) if pattern.matches(element, captures).is_ok());
            if let Some(place) = client.unread().iter().position(fits) {
                client.unread().remove(place);
                return Ok(());
            }
            if began.elapsed() > self.stage.patience() {
                return Err(Failure(format!(
                    "expected {text}, sooner or later{}",
                    self.unread(actor)?
                )));
            }
            self.settle().await?;
        }
    }

    async fn silent(&mut self, name: &str, time: Duration) -> Done {
        self.settle().await?;
        self.advance(time).await?;
        let item = take(self.client(name)?, false);
        item.map_or(Ok(()), |item| Err(Failure(format!("expected nothing\n  came     {item}"))))
    }

    /// The next item for an actor; requests for acknowledgement only when they are `asked` for.
    async fn next(&mut self, name: &str, asked: bool) -> Result<Option<Item>, Failure> {
        let mut began = None;
        for round in 0.. {
            let client = self.client(name)?;
            client.pump().await;
            if let Some(item) = take(client, asked) {
                return Ok(Some(item));
            }
            if round < QUICK_ROUNDS {
                client.breathe().await;
                continue;
            }
            self.settle().await?;
            if began.get_or_insert_with(Instant::now).elapsed() > self.stage.patience() {
                break;
            }
        }
        Ok(None)
    }

    async fn settle(&mut self) -> Done {
        self.stage.settle(&mut clients(&mut self.actors)).await
    }

    async fn advance(&mut self, time: Duration) -> Done {
        self.stage.advance(time, &mut clients(&mut self.actors)).await
    }

    fn unread(&mut self, name: &str) -> Result<String, Failure> {
        let unread = self.client(name)?.unread();
        Ok(unread.iter().take(5).map(|item| format!("\n  then     {item}")).collect())
    }

    fn actor(&mut self, name: &str) -> Result<&mut Actor, Failure> {
        self.actors.get_mut(name).ok_or_else(|| Failure(format!("{name} has not appeared yet")))
    }

    fn client(&mut self, name: &str) -> Result<&mut Client, Failure> {
        client_of(&mut self.actors, name)
    }

    fn bare(&self, name: &str) -> String {
        let user =
            self.actors.get(name).map(|actor| actor.user.as_str()).filter(|user| !user.is_empty());
        format!("{}@{}", user.unwrap_or(name), self.stage.host())
    }

    /// Fills placeholders in; what is to be caught, or absent, stays for the pattern.
    fn filled(&self, text: &str) -> Result<String, Failure> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, tail)) = rest.split_once('{') {
            let (name, tail) = tail
                .split_once('}')
                .ok_or_else(|| Failure("a placeholder has no end".to_owned()))?;
            out.push_str(before);
            out.push_str(&self.value(name)?);
            rest = tail;
        }
        Ok(out + rest)
    }

    fn value(&self, name: &str) -> Result<String, Failure> {
        if name.contains('=') || name == "absent" {
            return Ok(format!("{{{name}}}"));
        }
        if name == "host" {
            return Ok(self.stage.host().to_owned());
        }
        if let Some(actor) = name.strip_suffix(".bare") {
            return Ok(self.bare(actor));
        }
        if let Some(caught) = self.captures.get(name) {
            return Ok(caught.clone());
        }
        let name = name.strip_suffix(".full").unwrap_or(name);
        let Some(actor) = self.actors.get(name.trim_end_matches(".sm")) else {
            return Err(Failure(format!("{{{name}}} is nobody and was not caught")));
        };
        let client = actor.client.as_ref().or(actor.before.as_ref());
        if name.ends_with(".sm") {
            return Ok(client
                .and_then(|client| client.sm.clone())
                .and_then(|sm| sm.id)
                .unwrap_or_default());
        }
        Ok(format!("{}/{}", self.bare(name), actor.resource))
    }
}

impl Actor {
    fn cut(&mut self) {
        if let Some(mut client) = self.client.take() {
            client.cut();
            self.before = Some(client);
        }
    }
}

fn clients(actors: &mut BTreeMap<String, Actor>) -> Vec<&mut Client> {
    actors.values_mut().filter_map(|actor| actor.client.as_mut()).collect()
}

fn client_of<'a>(
    actors: &'a mut BTreeMap<String, Actor>,
    name: &str,
) -> Result<&'a mut Client, Failure> {
    let client = actors.get_mut(name).and_then(|actor| actor.client.as_mut());
    client.ok_or_else(|| Failure(format!("{name} is not connected")))
}

/// Takes the oldest unread item, past requests for acknowledgement unless `asked`.
fn take(client: &mut Client, asked: bool) -> Option<Item> {
    loop {
        let item = client.unread().pop_front()?;
        if asked || !is_request(&item) {
            return Some(item);
        }
    }
}

fn is_request(item: &Item) -> bool {
    matches!(item, Item::Element(element) if is_sm_request(element))
}

fn is_sm_request(element: &Element) -> bool {
    element.is("r", ns::SM) || element.is("r", ns::SM_2)
}

fn pairs(names: &[String]) -> Vec<(&str, &str)> {
    let after = |place: usize| names.iter().skip(place + 1);
    (0..)
        .zip(names)
        .flat_map(|(place, one)| after(place).map(move |other| (one.as_str(), other.as_str())))
        .collect()
}
