//! Output to where a caller reads: Erlang's I/O protocol, towards the caller's group leader.

use std::time::Duration;

use erl_wire::control::Control;
use erl_wire::{Pid, Term};

use crate::process::{Identity, Process};

/// Bytes of one request; the next follows when it is answered, so a slow reader makes us wait and nothing grows.
const PIECE_BYTES_MAX: usize = 32 << 10;
/// How long a group leader may take for a piece.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes a text; `false` when nobody takes it.
pub(crate) async fn put(
    process: &mut Process,
    identity: &Identity,
    group_leader: &Pid,
    text: &str,
) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES_MAX));
        rest = behind;
        let id: Term = identity.reference().into();
        let request =
            Term::tuple([Term::word("put_chars"), Term::word("unicode"), Term::binary(piece)]);
        let message = Term::tuple([
            Term::word("io_request"),
            process.pid.clone().into(),
            id.clone(),
            request,
        ]);
        if !process.send(Control::Send(None, group_leader.clone()), Some(message)).await {
            return false;
        }
        match tokio::time::timeout(PATIENCE, answer(process, &id)).await {
            Ok(true) => {}
            Ok(false) | Err(_) => return false,
        }
    }
    true
}

/// Waits for `{io_reply, Id, ok}`.
async fn answer(process: &mut Process, id: &Term) -> bool {
    while let Some(message) = process.mail.recv().await {
        if let Some([word, answered, result]) = message.as_tuple()
            && word.as_atom() == Some("io_reply")
            && answered == id
        {
            return result.as_atom() == Some("ok");
        }
    }
    false
}
