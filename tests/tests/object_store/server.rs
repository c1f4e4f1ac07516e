//! Servers that speak the protocols of object stores, in processes that end with the tests that use them: moto for S3, and
//! Azurite for Azure Blob Storage.

use super::kind::{AZURE_ACCOUNT, AZURE_KEY, Kind};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};

/// A running server. It is stopped when nobody holds it any more.
pub struct Server {
    child: Child,
    kind: Kind,
    pub port: u16,
}

static MOTO: Mutex<Weak<Server>> = Mutex::new(Weak::new());
static AZURITE: Mutex<Weak<Server>> = Mutex::new(Weak::new());

impl Server {
    /// The server for S3 of this process, started if it is not running.
    pub fn shared() -> Arc<Server> {
        Server::of(Kind::S3)
    }

    /// The server for stores of this kind.
    pub fn of(kind: Kind) -> Arc<Server> {
        let place = match kind {
            Kind::S3 | Kind::Gcs => &MOTO,
            Kind::Azure => &AZURITE,
        };
        let mut running = place.lock().unwrap_or_else(|e| e.into_inner());
        running.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Server::start(kind));
            *running = Arc::downgrade(&server);
            server
        })
    }

    fn start(kind: Kind) -> Server {
        let (program, args) = match kind {
            Kind::S3 | Kind::Gcs => ("moto-5.2.5/bin/moto_server", "-H 127.0.0.1 -p 0"),
            Kind::Azure => (
                "azurite-3.37.0/node_modules/.bin/azurite-blob",
                "--blobHost 127.0.0.1 --blobPort 0 --inMemoryPersistence --disableTelemetry",
            ),
        };
        let program = service(program);
        let mut child = Command::new(&program)
            .args(args.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}; `cargo xtask services` installs it", program.display()));
        // Each says its port on the one, and writes a line for each request on one of them, which somebody has to take.
        let (said, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (talking, silent): (Box<dyn Read + Send>, Box<dyn Read + Send>) = match kind {
            Kind::S3 | Kind::Gcs => (Box::new(errors), Box::new(said)),
            Kind::Azure => (Box::new(said), Box::new(errors)),
        };
        let mut lines = BufReader::new(talking).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("on http://127.0.0.1:")?;
                port.trim().parse().ok()
            })
            .expect("the server says its port");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        std::thread::spawn(move || BufReader::new(silent).lines().map_while(Result::ok).for_each(drop));
        Server { child, kind, port }
    }

    /// Makes a bucket.
    pub fn bucket(&self, name: &str) {
        if self.kind == Kind::Azure {
            return self.container(name);
        }
        let answer = self.ask("PUT", &format!("/{name}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Makes a bucket of Azure's, by a request that has to be signed: Azurite runs on Node, which can do that.
    fn container(&self, name: &str) {
        let port = self.port.to_string();
        let mut made = Command::new("node");
        made.args(["-e", MAKE_CONTAINER, &port, AZURE_ACCOUNT, AZURE_KEY, name]);
        assert!(made.status().unwrap().success(), "the container `{name}` cannot be made");
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

/// Where `cargo xtask services` puts a program.
fn service(path: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("services").join(path)
}

const MAKE_CONTAINER: &str = r#"
    const [port, account, key, name] = process.argv.slice(1);
    const version = "2021-08-06", date = new Date().toUTCString();
    const text = "PUT" + "\n".repeat(12) + `x-ms-date:${date}\nx-ms-version:${version}\n/${account}/${account}/${name}\nrestype:container`;
    const sum = require("crypto").createHmac("sha256", Buffer.from(key, "base64")).update(text).digest("base64");
    const headers =
        { "x-ms-date": date, "x-ms-version": version, "Content-Length": 0, Authorization: `SharedKey ${account}:${sum}` };
    const request = { host: "127.0.0.1", port, path: `/${account}/${name}?restype=container`, method: "PUT", headers };
    require("http").request(request, answer => process.exit(answer.statusCode == 201 ? 0 : 1)).end();
"#;

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
