//! The web console as files: what `make console` builds is inside this crate, and hub and agent
//! serve it with [`Assets`].
//!
//! - The crate needs no Node.js. `build.rs` takes the files of `console/dist`; without them
//!   [`Assets::index`] is a page that states how to build them.
//! - Each file has up to three representations (Brotli, gzip, none), each with its own entity tag.
//!   Names below `assets/` contain a hash of the content and are kept by browsers for ever.
//! - The crate knows neither routes nor sign-in.

mod base;
mod encoding;
mod tag;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    VARY,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

pub use base::Base;
use encoding::{Accepted, Encoding, weighted};

/// Content security policy of the console: files of this server only, no inline script or style.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

const INDEX: &str = "index.html";
const HTML: &str = "text/html; charset=utf-8";
/// Parts of index.html that [`Assets::index`] replaces. `build.rs` checks that they exist.
const BASE_ELEMENT: &str = r#"<base href="/">"#;
const MODE_ELEMENT: &str = r#"<meta name="flow-console" content="hub">"#;
/// Pages without assets.
const NO_ASSETS_HUB: &str = include_str!("hub.html");
const NO_ASSETS_PARTY: &str = include_str!("party.html");

/// Folder of the files whose names contain a hash of their content.
const HASHED: &str = "assets/";
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// Name, content and entity tag of each file of `console/dist`.
static TABLE: &[(&str, &[u8], &str)] = include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// The program that serves the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// flow-server: the whole federation.
    Hub,
    /// flow-federate: the view of one party.
    Party,
}

impl Mode {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Party => "party",
        }
    }
}

/// The files of a console.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    index: Option<Arc<str>>,
    files: Arc<BTreeMap<String, File>>,
}

/// A file, at least one representation.
#[derive(Debug)]
struct File {
    content_type: &'static str,
    representations: BTreeMap<Encoding, Representation>,
}

#[derive(Debug)]
struct Representation {
    content: Bytes,
    tag: String,
}

impl Assets {
    /// Returns the files that this program contains.
    #[must_use]
    pub fn embedded() -> Self {
        static EMBEDDED: LazyLock<Assets> = LazyLock::new(|| {
            let files = TABLE.iter();
            Assets::tagged(files.map(|(name, content, tag)| {
                (*name, Bytes::from_static(content), (*tag).to_owned())
            }))
        });
        EMBEDDED.clone()
    }

    /// Returns these files, by name as in `console/dist`: `assets/x.js`, `assets/x.js.br`.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, Bytes)>) -> Self {
        Self::tagged(files.into_iter().map(|(name, content)| {
            let tag = tag::of(&content);
            (name, content, tag)
        }))
    }

    fn tagged<'a>(given: impl Iterator<Item = (&'a str, Bytes, String)>) -> Self {
        let mut files: BTreeMap<String, File> = BTreeMap::new();
        let mut index = None;
        for (name, content, tag) in given {
            let (path, encoding) = Encoding::of_file(name);
            if path == INDEX {
                if encoding == Encoding::Identity {
                    index = std::str::from_utf8(&content).ok().map(Arc::from);
                }
                continue;
            }
            let file = files.entry(path.to_owned()).or_insert_with(|| File {
                content_type: content_type(path),
                representations: BTreeMap::new(),
            });
            file.representations.insert(encoding, Representation { content, tag });
        }
        Self { index, files: Arc::new(files) }
    }

    /// Returns whether the console was built before this program.
    #[must_use]
    pub fn has_assets(&self) -> bool {
        self.index.is_some()
    }

    /// Returns whether there is a file at this path, which has no slash at the begin.
    #[must_use]
    pub fn has_file(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Answers a GET of the file at this path, which has no slash at the begin. `headers` are those
    /// of the request.
    #[must_use]
    pub fn file(&self, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
        let file = self.files.get(path)?;
        let accepted = Accepted::of(headers);
        let best = file.representations.keys().filter_map(|e| accepted.order(*e)).max();
        // A client that accepts no representation gets the first one, as RFC 9110 allows.
        let best = best.map_or(Encoding::Identity, |(_, encoding)| encoding);
        let (encoding, chosen) = file
            .representations
            .get_key_value(&best)
            .or_else(|| file.representations.first_key_value())?;
        let mut response = respond(headers, &chosen.content, &chosen.tag);
        let kept = if path.starts_with(HASHED) { FOR_EVER } else { REVALIDATE };
        let answer = response.headers_mut();
        answer.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
        answer.insert(CACHE_CONTROL, kept);
        if let Some(name) = encoding.name() {
            answer.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        if file.representations.len() > 1 {
            answer.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        Some(response)
    }

    /// Answers a GET of a page of the console, whose files are below `base`. `headers` are those of
    /// the request. Without assets it is a page that states how to build them.
    #[must_use]
    pub fn index(&self, base: &Base, mode: Mode, headers: &HeaderMap) -> Response<Bytes> {
        let text = match (&self.index, mode) {
            (Some(text), _) => text,
            (None, Mode::Hub) => NO_ASSETS_HUB,
            (None, Mode::Party) => NO_ASSETS_PARTY,
        };
        let base = format!(r#"<base href="{}">"#, escaped(base.as_str()));
        let mode = format!(r#"<meta name="flow-console" content="{}">"#, escaped(mode.as_str()));
        let text = text.replacen(BASE_ELEMENT, &base, 1).replacen(MODE_ELEMENT, &mode, 1);
        let content = Bytes::from(text);
        let tag = tag::of(&content);
        let mut response = respond(headers, &content, &tag);
        let answer = response.headers_mut();
        answer.insert(CONTENT_TYPE, HeaderValue::from_static(HTML));
        answer.insert(CACHE_CONTROL, REVALIDATE);
        response
    }
}

/// Returns whether a request asks for a page: a GET or HEAD that accepts HTML by name, as browsers
/// send it for an address that a person opens, and scripts do not.
#[must_use]
pub fn is_navigation(method: &http::Method, headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let mut kinds = lines.flat_map(weighted).filter(|(_, weight)| *weight > 0);
    (method == http::Method::GET || method == http::Method::HEAD)
        && kinds.any(|(kind, _)| kind.eq_ignore_ascii_case("text/html"))
}

/// Returns the content, or only the head if the client has it.
fn respond(headers: &HeaderMap, content: &Bytes, tag: &str) -> Response<Bytes> {
    let is_known = has_tag(headers, tag);
    let mut response = Response::new(if is_known { Bytes::new() } else { content.clone() });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Returns whether `If-None-Match` names the tag. The comparison is weak (RFC 9110, section 13.1.2).
fn has_tag(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut known = lines.flat_map(|line| line.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// Returns the text for an attribute of HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "html" => HTML,
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<!doctype html><base href="/"><meta name="flow-console" content="hub">"#;
    const SCRIPT: &str = "assets/app-1a2b.js";

    fn assets() -> Assets {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        Assets::of([
            (INDEX, bytes(PAGE)),
            ("index.html.br", bytes("never sent")),
            (SCRIPT, bytes("plain")),
            ("assets/app-1a2b.js.br", bytes("brotli")),
            ("assets/app-1a2b.js.gz", bytes("gzip")),
            ("theme.js", bytes("theme")),
        ])
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a header value"));
        }
        headers
    }

    fn sent<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
    }

    #[test]
    fn each_encoding_is_a_representation_with_its_own_tag() {
        let assets = assets();
        let mut tags = Vec::new();
        for (accepted, encoding, content) in
            [("br, gzip", "br", "brotli"), ("gzip", "gzip", "gzip"), ("identity", "", "plain")]
        {
            let request = headers(&[("accept-encoding", accepted)]);
            let response = assets.file(SCRIPT, &request).expect("a file");
            assert_eq!(response.body(), content);
            for (name, expected) in [
                ("content-encoding", encoding),
                ("content-type", "text/javascript; charset=utf-8"),
                ("cache-control", "public, max-age=31536000, immutable"),
                ("vary", "Accept-Encoding"),
                ("content-security-policy", POLICY),
            ] {
                assert_eq!(sent(&response, name), expected, "{name}");
            }
            let tag = sent(&response, "etag").to_owned();
            assert!(tag.len() == 18 && tag.starts_with('"'), "{tag}");
            let mut known = request.clone();
            known.insert(IF_NONE_MATCH, format!("\"other\", W/{tag}").parse().expect("a value"));
            let known = assets.file(SCRIPT, &known).expect("a file");
            assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
            assert!(known.body().is_empty() && sent(&known, "etag") == tag);
            assert_eq!(sent(&known, "vary"), "Accept-Encoding");
            tags.push(tag);
        }
        tags.dedup();
        assert_eq!(tags.len(), 3, "{tags:?}");
        // The tag of another representation does not match.
        let mixed = headers(&[("accept-encoding", "gzip"), ("if-none-match", &tags[0])]);
        assert_eq!(assets.file(SCRIPT, &mixed).expect("a file").status(), StatusCode::OK);
    }

    #[test]
    fn files_with_fixed_names_are_revalidated() {
        let theme = assets().file("theme.js", &headers(&[("accept-encoding", "br")]));
        let theme = theme.expect("a file");
        assert_eq!((sent(&theme, "cache-control"), sent(&theme, "vary")), ("no-cache", ""));
        for name in [INDEX, "index.html.br", "assets/app-1a2b.js.br", "", "../Cargo.toml", "theme"]
        {
            assert!(assets().file(name, &HeaderMap::new()).is_none(), "{name}");
            assert!(!assets().has_file(name), "{name}");
        }
    }

    #[test]
    fn index_names_its_base_and_mode() {
        let base = Base::parse("/flow").expect("a path");
        let page = assets().index(&base, Mode::Party, &HeaderMap::new());
        assert_eq!(
            page.body(),
            r#"<!doctype html><base href="/flow/"><meta name="flow-console" content="party">"#
        );
        assert_eq!(sent(&page, "cache-control"), "no-cache");
        assert_eq!(sent(&page, "content-type"), HTML);
        let other = assets().index(&Base::default(), Mode::Hub, &HeaderMap::new());
        assert_eq!(other.body(), PAGE);
        let tag = sent(&page, "etag").to_owned();
        assert_ne!(sent(&other, "etag"), tag);
        let known = assets().index(&base, Mode::Party, &headers(&[("if-none-match", &tag)]));
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn program_without_assets_states_how_to_build_them() {
        let none = Assets::default();
        assert!(!none.has_assets() && assets().has_assets());
        for mode in [Mode::Hub, Mode::Party] {
            let base = Base::parse("/flow").expect("a path");
            let page = none.index(&base, mode, &HeaderMap::new());
            let text = std::str::from_utf8(page.body()).expect("text");
            assert!(text.contains("make console"), "{text}");
            assert!(text.contains(r#"<base href="/flow/">"#), "{text}");
            for forbidden in ["<script", "<style", "style=", "://"] {
                assert!(!text.contains(forbidden), "{forbidden} in {text}");
            }
        }
    }

    #[test]
    fn embedded_files_are_whole() {
        let embedded = Assets::embedded();
        assert_eq!(embedded.has_assets(), !TABLE.is_empty());
        for (name, content, tag) in TABLE {
            assert_eq!(tag::of(content), *tag, "{name}");
        }
    }

    #[test]
    fn built_console_has_the_present_sources() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let Ok(built) = std::fs::read_to_string(root.join("dist/.sources")) else { return };
        let hash = std::process::Command::new(root.join("sources.sh")).output().expect("it runs");
        assert!(hash.status.success(), "{hash:?}");
        assert_eq!(
            built,
            String::from_utf8_lossy(&hash.stdout),
            "console/dist is older than the sources of the console: run `make console`"
        );
    }

    #[test]
    fn browsers_that_open_an_address_ask_for_a_page() {
        use http::Method;
        for (accept, expected) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("TEXT/HTML;q=0.1", true),
            ("text/html;q=0", false),
            ("*/*", false),
            ("application/json", false),
        ] {
            let request = headers(&[("accept", accept)]);
            assert_eq!(is_navigation(&Method::GET, &request), expected, "{accept}");
            assert_eq!(is_navigation(&Method::HEAD, &request), expected, "{accept}");
            assert!(!is_navigation(&Method::POST, &request));
        }
        assert!(!is_navigation(&Method::GET, &HeaderMap::new()));
    }

    #[test]
    fn attributes_are_escaped() {
        assert_eq!(escaped("\"><&"), "&quot;&gt;&lt;&amp;");
    }
}
