//! `ejabberd_ctl` as a request handler of `ejabberd_http`: what ejabberd's own `ejabberdctl` script talks to when it has
//! `CTL_OVER_HTTP`.
//!
//! `POST` with a JSON list of words answers 200 with the text of the command; the exit status is in the field
//! `status-code`. That field is in every answer, since the script takes its exit status from nowhere else.

use std::sync::Arc;

use httpd::{Answering, Handler, Method, Request, Response, StatusCode};
use kernel::Kernel;
use netio::{PeerAddr, UnixPeer};
use tokio::sync::{Semaphore, oneshot};

use crate::control::peers::{self, REFUSAL, STATUS_WRONG_USER};
use crate::ctl::{self, Manner, Reply};

/// Commands that run at the same time; more wait.
const COMMANDS_MAX: usize = 32;

/// Commands over HTTP, on Unix sockets only: the caller is known by the system's word for its process.
pub struct CtlOverHttp {
    kernel: Kernel,
    tag: Option<String>,
    gate: Arc<Semaphore>,
}

impl CtlOverHttp {
    /// Its name in `request_handlers`.
    pub const NAME: &'static str = "ejabberd_ctl";

    /// The handler of a listener with this `tag`.
    pub fn new(kernel: &Kernel, tag: &str) -> Self {
        let tag = Some(tag.to_owned()).filter(|tag| !tag.is_empty());
        Self { kernel: kernel.clone(), tag, gate: Arc::new(Semaphore::new(COMMANDS_MAX)) }
    }

    async fn perform(&self, request: Request) -> Response {
        let PeerAddr::Unix(UnixPeer { uid, gid, pid }) = request.peer else {
            return refused(StatusCode::FORBIDDEN, STATUS_WRONG_USER, REFUSAL);
        };
        let peer = (uid, gid, pid.unwrap_or_default());
        let Some(caller) = peers::caller(&self.kernel, peer, self.tag.clone()) else {
            return refused(StatusCode::FORBIDDEN, STATUS_WRONG_USER, REFUSAL);
        };
        if request.method != Method::POST {
            let text = "Error: commands are given by POST\n";
            return refused(StatusCode::METHOD_NOT_ALLOWED, ctl::STATUS_ERROR, text)
                .with_field("allow", "POST");
        }
        let Ok(words) = serde_json::from_slice::<Vec<String>>(&request.body) else {
            let text = "Error: the request is no JSON list of words; a quote or backslash in a word has to be escaped\n";
            return refused(StatusCode::BAD_REQUEST, ctl::STATUS_ERROR, text);
        };
        // Who goes away before it is its turn asks for nothing.
        let place = Arc::clone(&self.gate).acquire_owned().await;
        let (answer, answered) = oneshot::channel();
        let kernel = self.kernel.clone();
        // A caller who goes away does not end a command.
        self.kernel.tasks().spawn("control over HTTP", async move {
            let _place = place;
            let reply = ctl::run(&kernel, &caller, &words, Manner::default()).await;
            drop(answer.send(reply));
        });
        match answered.await {
            Ok(Reply { status, stdout, stderr }) => {
                Response::text(StatusCode::OK, stdout + &stderr)
                    .with_field("status-code", status.to_string())
            }
            Err(_) => {
                let text = "Error: the command was ended by a defect; see the log\n";
                refused(StatusCode::INTERNAL_SERVER_ERROR, ctl::STATUS_ERROR, text)
            }
        }
    }
}

impl Handler for CtlOverHttp {
    fn answer(&self, request: Request) -> Answering<'_> {
        Box::pin(self.perform(request))
    }
}

fn refused(status: StatusCode, exit: u8, text: &str) -> Response {
    Response::text(status, text).with_field("status-code", exit.to_string())
}
