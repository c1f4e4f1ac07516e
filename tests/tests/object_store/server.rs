//! A server that speaks S3: moto, in a process that ends with the tests that use it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};

/// A running server. It is stopped when nobody holds it any more.
pub struct Server {
    child: Child,
    pub port: u16,
}

static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());

impl Server {
    /// The server of this process, started if it is not running.
    pub fn shared() -> Arc<Server> {
        let mut running = RUNNING.lock().unwrap_or_else(|e| e.into_inner());
        running.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Server::start());
            *running = Arc::downgrade(&server);
            server
        })
    }

    fn start() -> Server {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("services/moto-5.2.5/bin/moto_server");
        let mut child = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}; `cargo xtask services` installs it", program.display()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("Running on http://127.0.0.1:")?.1.trim().parse().ok())
            .expect("the server says its port");
        // It writes a line for each request, which somebody has to take.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Server { child, port }
    }

    /// Makes a bucket.
    pub fn bucket(&self, name: &str) {
        let answer = self.ask("PUT", &format!("/{name}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// How many uploads in parts have been begun in a bucket and neither finished nor given up.
    pub fn open_uploads(&self, bucket: &str) -> usize {
        self.ask("GET", &format!("/{bucket}?uploads")).matches("<Upload>").count()
    }

    fn ask(&self, method: &str, path: &str) -> String {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
