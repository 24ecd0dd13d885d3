//! The log over the control socket, for `rookeryctl live`.

use kernel::Kernel;
use observe::Shown;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::{refusal, send, send_last};
use crate::ctl;

/// Shows the log until the watcher goes, or takes nothing any more, or the server stops.
pub(super) async fn log(kernel: &Kernel, stream: &mut UnixStream) {
    let watch = match kernel.control() {
        Some(process) => process.watch_log().await,
        None => Err("there is no server process around the control socket".to_owned()),
    };
    let mut watch = match watch {
        Ok(watch) => watch,
        Err(why) => {
            return send_last(stream, &refusal(ctl::STATUS_ERROR, format!("{why}\n"))).await;
        }
    };
    let mut stopping = kernel.tasks().stopping();
    let mut line = json!({"watching": "log"});
    while send(stream, &line).await.is_ok() {
        let shown = tokio::select! {
            shown = watch.next() => shown,
            () = gone(stream) => return,
            () = stopping.wait() => return,
        };
        line = match shown {
            Some(Shown::Line(text)) => json!({ "line": &*text }),
            Some(Shown::Missed(lines)) => json!({ "missed": lines }),
            None => return,
        };
    }
}

/// Waits for the end of a connection whose other side has nothing more to say.
async fn gone(stream: &mut UnixStream) {
    let mut ignored = [0; 64];
    while stream.read(&mut ignored).await.is_ok_and(|bytes| bytes > 0) {}
}
