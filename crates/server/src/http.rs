//! Listeners `ejabberd_http`: each has the request handlers that the configuration names.

use std::sync::Arc;
use std::time::Duration;

use httpd::{Handler, Routes};
use kernel::Kernel;
use kernel::doors::{Door, DoorEntry, Open, door};
use netio::Link;
use settings::audit::Check;
use settings::{Endpoint, ListenerConfig, Problem};
use tokio::sync::Semaphore;

/// Connections of one listener that are served at the same time; more wait.
const CONNECTIONS_MAX: usize = 256;
/// How long a connection waits for its turn.
const TURN_PATIENCE: Duration = Duration::from_secs(30);

/// The door.
pub(crate) static DOORS: &[DoorEntry] = &[door::<Http>()];

/// A request handler that this build has.
pub(crate) struct HandlerEntry {
    /// Its name in `request_handlers`.
    pub(crate) name: &'static str,
    /// Whether it answers on Unix sockets only, since it knows its callers by their processes.
    pub(crate) unix_only: bool,
    make: fn(&Kernel, &ListenerConfig) -> Arc<dyn Handler>,
}

/// Every request handler.
pub(crate) static HANDLERS: &[HandlerEntry] = &[HandlerEntry {
    name: admin::CtlOverHttp::NAME,
    unix_only: true,
    make: |kernel, listener| {
        let tag = listener.options.text("tag").unwrap_or_default();
        Arc::new(admin::CtlOverHttp::new(kernel, tag))
    },
}];

/// The paths of a listener with their handlers, as far as they are answered there.
fn handlers(listener: &ListenerConfig) -> impl Iterator<Item = (&str, &'static HandlerEntry)> {
    let on_unix = matches!(listener.endpoint, Endpoint::Unix(_));
    listener.options.map("request_handlers").iter().filter_map(move |(path, module)| {
        let entry = HANDLERS.iter().find(|entry| Some(entry.name) == module.as_str())?;
        (on_unix || !entry.unix_only).then_some((path.as_str()?, entry))
    })
}

/// A listener for HTTP.
struct Http {
    kernel: Kernel,
    routes: Arc<Routes>,
    gate: Semaphore,
}

impl Door for Http {
    const NAME: &'static str = "ejabberd_http";
    const OPTIONS: &'static [&'static str] = &["request_handlers", "tag"];
    // Its only handler asks the system who calls; what a listener in itself exposes is asked of every listener.
    const CHECKS: &'static [Check] = &[];

    fn is_wanted(listener: &ListenerConfig) -> bool {
        handlers(listener).next().is_some()
    }

    fn open(open: &Open<'_>) -> Result<Self, Vec<Problem>> {
        let mut routes = Routes::default();
        for (path, entry) in handlers(open.listener) {
            routes.add(path, (entry.make)(open.kernel, open.listener));
        }
        let gate = Semaphore::new(CONNECTIONS_MAX);
        Ok(Self { kernel: open.kernel.clone(), routes: Arc::new(routes), gate })
    }

    async fn serve(self: Arc<Self>, mut link: Link) {
        if link.establish().await.is_err() {
            return;
        }
        let Ok(Ok(_turn)) = tokio::time::timeout(TURN_PATIENCE, self.gate.acquire()).await else {
            return tracing::warn!(peer = %link.peer, "too many HTTP connections; one more was closed");
        };
        let mut stopping = self.kernel.tasks().stopping();
        let routes = Arc::clone(&self.routes);
        httpd::serve(link.transport, link.peer, routes, async move { stopping.wait().await }).await;
    }
}
