//! A key as a short text for people.

use serde::Serialize;
use std::io::{Error, Write};

/// Longer names are cut, at the end of which there is an ellipsis then.
const CHARACTERS_MAX: usize = 64;

/// Text as it is, anything else as JSON. Of a large key only the beginning is looked at.
pub(super) fn of<K: Serialize>(key: &K) -> String {
    let mut text = Beginning::default();
    let written = serde_json::to_writer(&mut text, key);
    if written.is_err() && !text.is_full {
        return "a key that JSON does not have".to_owned();
    }
    let json = String::from_utf8_lossy(&text.bytes);
    let name = match serde_json::from_str(&json) {
        Ok(name) => name,
        // It is no text, or one that does not end here.
        Err(_) if text.is_full => json.strip_prefix('"').unwrap_or(&json).to_owned(),
        Err(_) => json.into_owned(),
    };
    match name.char_indices().nth(CHARACTERS_MAX - 1) {
        Some((end, last)) if text.is_full || end + last.len_utf8() < name.len() => format!("{}…", &name[..end]),
        _ => name,
    }
}

/// Takes as many bytes as can be shown, and fails then.
#[derive(Default)]
struct Beginning {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // No character takes more than six bytes in JSON.
        let room = (6 * CHARACTERS_MAX + 2) - self.bytes.len();
        if room == 0 && !bytes.is_empty() {
            self.is_full = true;
            return Err(Error::other("enough to be shown"));
        }
        let taken = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
