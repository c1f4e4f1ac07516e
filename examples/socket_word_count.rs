//! Word count on a socket: a stream that has no end, counted as it comes. Every word gives a new count.
//!
//! ```sh
//! cargo run --release -p flott --example socket_word_count    # with a small server of its own, which ends
//!
//! nc -lk 9000                                                 # in one terminal: type here
//! cargo run --release -p flott --example socket_word_count -- --port 9000    # in another: counts come at once
//! ```

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "an example shows its result, and this one has a server of its own"
)]

use flott::prelude::*;
use std::io::Write;
use std::net::TcpListener;

const USAGE: &str = "\
Counts the words that come from a socket.

Options:
  --port PORT    where a server gives lines of text; when not given, a server is started that gives a few and stops
  --host HOST    the server's host, 127.0.0.1 when not given";

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args(USAGE)?;
    let has_server = args.has("port");
    let port = if has_server { args.get_or("port", 0)? } else { serve(TEXT)? };
    let host = args.get("host").unwrap_or("127.0.0.1");

    let counts = env
        .socket_text(host, port)
        .flat_map(|line: String, out: &mut Collector<(String, u64)>| {
            for word in line.split_whitespace() {
                out.collect((word.to_lowercase(), 1));
            }
        })
        .key_by_ref(|(word, _)| word)
        .sum(|(_, count)| count);

    if has_server {
        // As long as the server gives lines. With several subtasks a line says which of them it comes from.
        counts.map(|(word, count)| format!("{word} {count}")).print();
        env.execute("socket word count")?;
        return Ok(());
    }

    // The counts of one word come in order; between words of different subtasks there is none.
    let mut counts = counts.execute_and_collect("socket word count")?;
    counts.sort();
    for (word, count) in counts {
        println!("{word} {count}");
    }
    Ok(())
}

/// Starts a server on the loopback interface that gives `text` to whoever comes first and stops. Returns its port.
fn serve(text: &'static str) -> Result<u16> {
    let server = TcpListener::bind("127.0.0.1:0").map_err(|e| Error::io("127.0.0.1", e))?;
    let port = server.local_addr().map_err(|e| Error::io("127.0.0.1", e))?.port();
    std::thread::spawn(move || server.accept().and_then(|(mut client, _)| client.write_all(text.as_bytes())));
    Ok(port)
}

const TEXT: &str = "\
row row row your boat
gently down the stream
merrily merrily merrily merrily
life is but a dream
";
