//! Registering with an epmd that runs.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use erl_wire::epmd::{EpmdError, Node, Request, alive_answer_bytes, parse_alive_answer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long epmd may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a node could not be registered.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Nobody listens.
    #[error("no epmd runs")]
    Absent,
    /// It does not behave like epmd.
    #[error("the program on epmd's port does not answer like epmd: {0}")]
    Broken(io::Error),
    /// It said no.
    #[error("{0}")]
    Refused(#[from] EpmdError),
}

/// Registers a node for as long as the connection is kept.
pub(super) async fn register(port: u16, node: &Node) -> Result<TcpStream, ClientError> {
    tokio::time::timeout(PATIENCE, attempt(port, node))
        .await
        .unwrap_or_else(|_| Err(ClientError::Broken(io::ErrorKind::TimedOut.into())))
}

async fn attempt(port: u16, node: &Node) -> Result<TcpStream, ClientError> {
    let mut stream = match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            return Err(ClientError::Absent);
        }
        Err(error) => return Err(ClientError::Broken(error)),
    };
    let request = Request::Alive(node.clone()).to_frame();
    stream.write_all(&request).await.map_err(ClientError::Broken)?;
    let mut answer = vec![stream.read_u8().await.map_err(ClientError::Broken)?];
    let length = alive_answer_bytes(answer[0]).ok_or(EpmdError::Kind(answer[0]))?;
    answer.resize(length, 0);
    let rest = answer.get_mut(1..).unwrap_or_default();
    stream.read_exact(rest).await.map_err(ClientError::Broken)?;
    parse_alive_answer(&answer)?;
    Ok(stream)
}

/// Waits until epmd closes the connection; what it says on it is of no interest.
pub(super) async fn wait_for_end(mut connection: TcpStream) {
    let mut ignored = [0; 64];
    while let Ok(1..) = connection.read(&mut ignored).await {}
}
