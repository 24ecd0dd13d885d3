//! Running out of descriptors, in a process of its own because the limit is the whole process's.

use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use netio::{ConnectionLimit, Inherited, ListenSpec, Listener};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Counts what is logged as an error.
struct Errors(Arc<AtomicUsize>);

impl Subscriber for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn limit_descriptors(current: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum })
        .expect("a soft limit may be lowered and raised again");
}

#[tokio::test]
async fn accepting_pauses_says_so_once_and_goes_on() {
    let metrics = observe::Metrics::install().unwrap();
    let errors = Arc::new(AtomicUsize::new(0));
    let _guard = tracing::subscriber::set_default(Errors(Arc::clone(&errors)));
    let spec = ListenSpec::tcp(Ipv4Addr::LOCALHOST, 0);
    let mut listener =
        Listener::bind(spec, ConnectionLimit::new(10), &mut Inherited::default()).unwrap();
    let address = (Ipv4Addr::LOCALHOST, listener.port().unwrap());
    let _client = TcpStream::connect(address).await.unwrap();
    let before = getrlimit(Resource::Nofile).current.unwrap_or(1024);
    // The lowest free descriptor is the one that a new file gets: no number below it is left.
    let lowest = fs::File::open("/dev/null").unwrap().as_raw_fd();
    limit_descriptors(u64::try_from(lowest).unwrap());
    // Long enough for several attempts.
    let refused = timeout(Duration::from_millis(900), listener.accept()).await;
    limit_descriptors(before);
    assert!(refused.is_err());
    assert_eq!(errors.load(Ordering::Relaxed), 1);
    let link = timeout(Duration::from_secs(5), listener.accept()).await.unwrap();
    // Only what was accepted is counted, and only while it is open.
    let text = metrics.render();
    let accepted = "rookery_connections_accepted_total{listener=\"127.0.0.1:0\"} 1\n";
    assert!(text.contains(accepted) && text.contains("rookery_connections_open 1\n"), "{text}");
    drop(link);
    assert!(metrics.render().contains("rookery_connections_open 0\n"));
}
