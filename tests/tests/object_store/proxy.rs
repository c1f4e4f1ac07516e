//! A way to a server on which requests go wrong, as a seed decides.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// The head of a request is shorter.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// Moto wants a key and looks at no signature.
const S3_KEY: &[u8] = b"\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a-key/20260101/us-east-1/s3/aws4_request, \
    SignedHeaders=host, Signature=0";

/// How likely each mishap of a request is.
#[derive(Clone, Copy, Default)]
pub struct Mishaps {
    /// The server says that it is too busy.
    pub busy: f64,
    /// The connection breaks before the request is done.
    pub broken: f64,
    /// The request is done, and the answer does not come back.
    pub lost: f64,
    /// The request is not done and there is no answer, until the client gives up.
    pub hanging: f64,
    /// Half of the answer comes back.
    pub cut: f64,
}

/// Some of each.
pub const SOME: Mishaps = Mishaps { busy: 0.08, broken: 0.04, lost: 0.06, hanging: 0.005, cut: 0.03 };

/// A running proxy. It ends when it is dropped.
pub struct Proxy {
    pub port: u16,
    seen: Arc<Seen>,
    _runtime: Runtime,
}

struct Seen {
    upstream: u16,
    random: Mutex<fastrand::Rng>,
    mishaps: Mishaps,
    gets: AtomicUsize,
    mishap_count: AtomicUsize,
}

enum Fate {
    Busy,
    Broken,
    Lost,
    Hanging,
    Cut,
    Done,
}

impl Proxy {
    /// A way to the server at `upstream`.
    pub fn new(upstream: u16, seed: u64, mishaps: Mishaps) -> Proxy {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen {
            upstream,
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            mishaps,
            gets: AtomicUsize::new(0),
            mishap_count: AtomicUsize::new(0),
        });
        let shared = seen.clone();
        runtime.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let seen = shared.clone();
                // One that breaks is one that the client has to cope with.
                tokio::spawn(async move { drop(seen.serve(connection).await) });
            }
        });
        Proxy { port, seen, _runtime: runtime }
    }

    /// Objects that were read so far.
    pub fn gets(&self) -> usize {
        self.seen.gets.load(Ordering::Relaxed)
    }

    /// Requests that went wrong so far.
    pub fn mishaps(&self) -> usize {
        self.seen.mishap_count.load(Ordering::Relaxed)
    }
}

impl Seen {
    fn fate(&self) -> Fate {
        let mishaps = self.mishaps;
        let mut chance = self.random.lock().unwrap().f64();
        let fates = [
            (mishaps.busy, Fate::Busy),
            (mishaps.broken, Fate::Broken),
            (mishaps.lost, Fate::Lost),
            (mishaps.hanging, Fate::Hanging),
            (mishaps.cut, Fate::Cut),
        ];
        for (likelihood, fate) in fates {
            if chance < likelihood {
                self.mishap_count.fetch_add(1, Ordering::Relaxed);
                return fate;
            }
            chance -= likelihood;
        }
        Fate::Done
    }

    /// One request and its answer; then the connection is closed.
    async fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let Some(request) = read_request(&mut client).await? else { return Ok(()) };
        // Not a listing, which is no reading of an object.
        if request.starts_with(b"GET ") && !is_listing(&request) {
            self.gets.fetch_add(1, Ordering::Relaxed);
        }
        match self.fate() {
            Fate::Busy => {
                let body = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
                let head =
                    format!("HTTP/1.1 503 Slow Down\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                client.write_all(format!("{head}{body}").as_bytes()).await?;
                client.shutdown().await
            }
            Fate::Broken => Ok(()),
            Fate::Lost => self.forward(&request).await.map(drop),
            Fate::Hanging => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(())
            }
            Fate::Cut => {
                let answer = self.forward(&request).await?;
                client.write_all(&answer[..answer.len() / 2]).await
            }
            Fate::Done => {
                let answer = self.forward(&request).await?;
                client.write_all(&answer).await?;
                client.shutdown().await
            }
        }
    }

    async fn forward(&self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(("127.0.0.1", self.upstream)).await?;
        server.write_all(&for_server(request)).await?;
        let mut answer = Vec::new();
        // The server closes the connection after each answer.
        server.read_to_end(&mut answer).await?;
        Ok(answer)
    }
}

fn is_listing(request: &[u8]) -> bool {
    let head = &request[..request.len().min(HEAD_BYTES_MAX)];
    [b"list-type", b"comp=list"].iter().any(|word| head.windows(9).any(|part| part == *word))
}

/// The request as the server is to have it: it closes the connection afterwards, and a condition and a key in the words of
/// Google's protocol are put into those of S3's.
fn for_server(request: &[u8]) -> Vec<u8> {
    // A body may be long, and nothing is looked for there.
    let head = &request[..request.len().min(HEAD_BYTES_MAX)];
    let place = |word: &[u8]| head.windows(word.len()).position(|part| part.eq_ignore_ascii_case(word));
    let end = place(b"\r\n\r\n").unwrap_or(head.len());
    let first = place(b"\r\n").unwrap_or(end);
    let mut added = b"\r\nConnection: close".to_vec();
    if place(b"\r\nx-goog-if-generation-match: 0\r\n").is_some_and(|at| at < end) {
        added.extend_from_slice(b"\r\nIf-None-Match: *");
    }
    let mut request = request.to_vec();
    let token = place(b"\r\nauthorization: bearer").filter(|at| *at < end);
    if let Some(at) = token {
        request[at + 2..at + 15].copy_from_slice(b"x-not-a-token");
    }
    if token.is_some() || place(b"\r\nauthorization:").is_none_or(|at| at > end) {
        added.extend_from_slice(S3_KEY);
    }
    request.splice(first..first, added);
    request
}

/// Head and body of a request. `None` if the client has closed the connection.
async fn read_request(client: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut request = Vec::new();
    let head = loop {
        if let Some(end) = request.windows(4).position(|part| part == b"\r\n\r\n") {
            break end + 4;
        }
        if client.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    while request.len() < head + length.unwrap_or(0) {
        if client.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(request))
}
