//! Secrets must be in no log, error or metric: everything that the programs under test write is
//! searched for the secrets of the fixtures, and for texts in the form of a token.
//!
//! - Fixtures [`register`] each secret that they create or send.
//! - [`crate::spawn_tied`] checks the arguments of each child, and keeps the files open that the
//!   child writes to. They are searched at the end of the test process, even if they are removed by
//!   then: a secret that is registered later is found, too.
//! - Fixtures pass texts to [`assert_absent`]: errors, metrics, the errors of short commands. The
//!   logs of a hub in the test process go to [`log`].
//!
//! Commands may print secrets to their standard output, because some exist to do so.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::sync::{Mutex, Once, PoisonError};

use serde_json::Value;

/// A shorter secret may be part of a common word.
const SECRET_BYTES_MIN: usize = 8;
/// Bytes of a text that are shown before and after a secret.
const CONTEXT_BYTES: usize = 120;
/// Exit status of a test process whose tests passed, but whose programs wrote a secret.
const EXIT_STATUS: i32 = 101;
/// Names of fields of requests, and of responses, that hold secrets.
const REQUEST_FIELDS: [&str; 4] = ["password", "current", "code", "device_code"];
const RESPONSE_FIELDS: [&str; 3] = ["secret", "access_token", "device_code"];

#[derive(Default)]
struct Written {
    secrets: BTreeSet<Vec<u8>>,
    /// Output files of children, by device and inode.
    files: Vec<((u64, u64), String, File)>,
    /// Lines of loggers in this process.
    log: Vec<u8>,
}

static WRITTEN: Mutex<Option<Written>> = Mutex::new(None);

fn with<T>(act: impl FnOnce(&mut Written) -> T) -> T {
    static AT_EXIT: Once = Once::new();
    AT_EXIT.call_once(|| {
        // SAFETY: the function neither unwinds nor uses anything that ends before it.
        unsafe { nix::libc::atexit(search_at_exit) };
    });
    // A failed assertion elsewhere leaves it consistent.
    act(WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// Remembers a secret of a fixture.
pub fn register(secret: &str) {
    if secret.len() >= SECRET_BYTES_MIN {
        with(|written| written.secrets.insert(secret.as_bytes().to_owned()));
    }
}

/// Remembers the secrets in the body of a request.
pub fn register_request(body: &Value) {
    register_fields(body, &REQUEST_FIELDS);
}

/// Remembers the secrets in the body of a response.
pub fn register_response(body: &Value) {
    register_fields(body, &RESPONSE_FIELDS);
}

fn register_fields(body: &Value, names: &[&str]) {
    match body {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if names.contains(&name.as_str()) => register(text),
                    _ => register_fields(value, names),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| register_fields(value, names)),
        _ => {}
    }
}

/// Fails the test if a text contains a secret.
#[track_caller]
pub fn assert_absent(what: &str, text: impl AsRef<[u8]>) {
    let found = with(|written| find(&written.secrets, text.as_ref()));
    if let Some(found) = found {
        panic!("{what} has a secret: {found}");
    }
}

/// True for the programs of this workspace.
pub(crate) fn is_program_under_test(command: &Command) -> bool {
    let name = std::path::Path::new(command.get_program()).file_name();
    name.and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("flow"))
}

/// Fails the test if an argument of the command contains a secret: every user of the machine can
/// read the arguments of a process.
#[track_caller]
pub fn assert_arguments(command: &Command) {
    for argument in command.get_args() {
        assert_absent("an argument of a program", argument.as_encoded_bytes());
    }
}

/// Adds text of a logger in this process.
pub fn log(text: &[u8]) {
    with(|written| written.log.extend_from_slice(text));
}

/// Keeps the files open that a process writes its output to.
pub(crate) fn watch(process: u32) {
    for stream in [1, 2] {
        let path = format!("/proc/{process}/fd/{stream}");
        let Ok(name) = std::fs::read_link(&path) else { continue };
        let name = name.display().to_string();
        let Ok(meta) = std::fs::metadata(&path) else { continue };
        // An open of a pipe waits.
        if !meta.is_file() {
            continue;
        }
        let Ok(file) = File::open(&path) else { continue };
        let id = (meta.dev(), meta.ino());
        with(|written| {
            if written.files.iter().all(|(known, ..)| *known != id) {
                written.files.push((id, name, file));
            }
        });
    }
}

/// Returns the first secret in a text, with the text around it.
fn find(secrets: &BTreeSet<Vec<u8>>, text: &[u8]) -> Option<String> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    // Most secrets are words, and looked up: a search for each in all logs would take minutes.
    let words = text.split(|byte| !is_word(byte)).filter(|word| word.len() >= SECRET_BYTES_MIN);
    for word in words {
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        if secrets.contains(word) || is_token(word, &text[start + word.len()..]) {
            return Some(context(text, start, word.len()));
        }
    }
    let whole = String::from_utf8_lossy(text);
    let others = secrets.iter().filter(|secret| !secret.iter().all(is_word));
    for secret in others.map(|secret| String::from_utf8_lossy(secret)) {
        if let Some(start) = whole.find(&*secret) {
            return Some(context(whole.as_bytes(), start, secret.len()));
        }
    }
    None
}

fn context(text: &[u8], start: usize, length: usize) -> String {
    let end = text.len().min(start + length + CONTEXT_BYTES);
    String::from_utf8_lossy(&text[start.saturating_sub(CONTEXT_BYTES)..end]).into_owned()
}

/// True for an API token, for the secret of a webhook, and for the first part of a signed token.
fn is_token(word: &[u8], after: &[u8]) -> bool {
    let is_api = |start: &[u8]| {
        word.strip_prefix(start)
            .is_some_and(|rest| rest.len() == 36 && rest.iter().all(u8::is_ascii_alphanumeric))
    };
    let is_webhook = word.strip_prefix(b"whsec_").is_some_and(|rest| !rest.is_empty());
    is_api(b"flp_")
        || is_api(b"fls_")
        || is_webhook
        || word.starts_with(b"eyJ") && after.starts_with(b".eyJ")
}

/// Searches everything; returns where the first secret is.
fn search(written: &mut Written) -> Option<String> {
    let Written { secrets, files, log } = written;
    for (_, name, file) in files {
        let mut text = Vec::new();
        let read = file.rewind().and_then(|()| file.read_to_end(&mut text));
        if let (Ok(_), Some(found)) = (read, find(secrets, &text)) {
            return Some(format!("{name}: {found}"));
        }
    }
    find(secrets, log).map(|found| format!("the log of this process: {found}"))
}

extern "C" fn search_at_exit() {
    // A thread may hold the lock still.
    let Ok(mut written) = WRITTEN.try_lock() else { return };
    let found = written.as_mut().and_then(search);
    if let Some(found) = found {
        let _ = writeln!(std::io::stderr(), "\nA program wrote a secret.\n{found}");
        // SAFETY: the process ends.
        unsafe { nix::libc::_exit(EXIT_STATUS) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_texts_in_the_form_of_tokens_are_found() {
        let secrets: BTreeSet<Vec<u8>> =
            ["0123456789abcdef", "a password + sign"].map(|text| text.as_bytes().to_owned()).into();
        let token = "0".repeat(36);
        for text in [
            "code=0123456789abcdef".to_owned(),
            "{\"password\":\"a password + sign\"}".to_owned(),
            format!("token flp_{token}."),
            format!("fls_{token}"),
            "secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
            "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.".to_owned(),
        ] {
            assert!(find(&secrets, text.as_bytes()).is_some(), "{text}");
        }
        for text in
            ["", "0123456789abcde", "flp_…6789", "a password", "eyJhbGciOiJub25lIn0", "flp_0"]
        {
            assert_eq!(find(&secrets, text.as_bytes()), None, "{text}");
        }
    }
}
