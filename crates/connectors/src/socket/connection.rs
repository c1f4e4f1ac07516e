//! The connection: a task on the I/O runtime that connects, receives and tries again.

#![expect(clippy::disallowed_types, reason = "reading a socket is what this connector is for")]

use super::SocketTextSource;
use flott_core::{Error, Result};
use flott_env::Env;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::Sender;

/// Bytes that are received at once at most.
const RECEIVE_BYTES: usize = 64 * 1024;

/// What the connection tells the reader.
pub(super) enum Received {
    /// The next bytes.
    Bytes(Vec<u8>),
    /// The connection was lost: what follows does not continue what came.
    Lost,
    /// The connection cannot be made.
    Failed(Error),
}

/// Receives until the retries are used up. Dropping the sender tells the reader that the stream has ended.
pub(super) async fn receive(source: SocketTextSource, env: Env, to: Sender<Received>) {
    let address = format!("{}:{}", source.host, source.port);
    let mut attempts = 0;
    loop {
        let failure = match TcpStream::connect((source.host.as_str(), source.port)).await {
            Ok(stream) => match receive_from(stream, &to).await {
                Ok(0) => None,
                Ok(_) => {
                    attempts = 0;
                    None
                }
                // The reader is gone.
                Err(_) => return,
            },
            Err(e) => Some(e),
        };
        if source.max_retry.is_some_and(|max| attempts >= max) {
            if let Some(e) = failure {
                let what = format!("no connection to {address} after {} attempts", attempts + 1);
                // If nobody listens any more, nobody needs to know.
                let _ = to.send(Received::Failed(unreachable_server(what, e))).await;
            }
            return;
        }
        attempts += 1;
        let why = failure.map_or_else(|| "the connection was closed".to_owned(), |e| e.to_string());
        tracing::warn!(
            address,
            attempts,
            delay_ms = source.retry_delay.as_millis(),
            "socket source connects again: {why}"
        );
        env.sleep(source.retry_delay).await;
    }
}

/// Receives until the connection is lost; returns how many bytes came, or an error if the reader is gone.
async fn receive_from(mut stream: TcpStream, to: &Sender<Received>) -> Result<u64, ()> {
    let mut received = 0;
    loop {
        let mut bytes = vec![0; RECEIVE_BYTES];
        // A connection that breaks is as lost as one that is closed.
        let len = stream.read(&mut bytes).await.unwrap_or(0);
        if len == 0 {
            to.send(Received::Lost).await.map_err(drop)?;
            return Ok(received);
        }
        received += len as u64;
        bytes.truncate(len);
        to.send(Received::Bytes(bytes)).await.map_err(drop)?;
    }
}

fn unreachable_server(what: String, e: std::io::Error) -> Error {
    Error::unavailable(format!("{what}: {e}; start the server, correct the address, or allow more retries"))
        .with_source(e)
}
