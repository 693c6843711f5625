//! Configuration in layers: embedded defaults, file, environment, flags. A later layer overrides an
//! earlier one.
//!
//! The defaults are a TOML text that explains every key and is also the list of valid keys: an
//! unknown key in any layer is an error that names the most similar key. Sections with keys of the
//! user, such as a map of images, are free-form. An empty text means "not set", so that the
//! defaults can contain optional keys. Every error names its layer.

mod layers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use toml::Table;

use self::layers::{Layer, dotted, flatten, layers, nest};

/// Name of the layer of embedded defaults.
const DEFAULT: &str = "default";

/// The layers of a configuration.
#[derive(Debug, Clone)]
pub struct Spec<'a> {
    /// Documented defaults in TOML.
    pub defaults: &'a str,
    /// `FLOW_SERVER` makes `FLOW_SERVER_LOG__LEVEL` mean `log.level`.
    pub env_prefix: &'a str,
    /// Environment variables; [`Spec::new`] uses those of the process.
    pub environment: Vec<(String, String)>,
    /// Configuration file; it must exist.
    pub file: Option<PathBuf>,
    /// Pairs of key and value from the command line. A key may contain quoted parts:
    /// `images."a:1".root`.
    pub overrides: Vec<(String, String)>,
    /// Sections with keys of the user.
    pub free_form: &'a [&'a str],
}

impl<'a> Spec<'a> {
    /// Creates layers of defaults and the process's environment. The caller adds file and flags.
    #[must_use]
    pub fn new(defaults: &'a str, env_prefix: &'a str) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            defaults,
            env_prefix,
            environment,
            file: None,
            overrides: Vec::new(),
            free_form: &[],
        }
    }
}

/// An error in a configuration. The message names key and layer.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}", path = path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A layer is not TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// Layer of the error.
        origin: String,
        /// Message of the parser, with line and column.
        message: String,
    },
    /// A key that the defaults do not contain.
    #[error("{origin}: unknown key `{key}`; did you mean `{nearest}`?")]
    UnknownKey {
        /// Layer of the error.
        origin: String,
        /// The unknown key.
        key: String,
        /// The most similar valid key.
        nearest: String,
    },
    /// A value of the wrong type or out of range.
    #[error("{0}")]
    Value(String),
    /// Several errors, one per line.
    #[error("{}", lines(.0))]
    Several(Vec<ConfigError>),
}

fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A configuration with the layer of each value.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The configuration.
    pub value: T,
    entries: BTreeMap<String, Entry>,
}

/// The effective value of a key.
#[derive(Debug, Clone)]
struct Entry {
    path: Vec<String>,
    value: toml::Value,
    origin: String,
}

impl<T> Loaded<T> {
    /// Returns every effective value as TOML with its layer as a comment. Secrets are hidden.
    #[must_use]
    pub fn dump(&self) -> String {
        let shown = self.entries.iter().filter(|(_, entry)| !is_empty_table(&entry.value));
        shown
            .map(|(key, Entry { value, origin, .. })| {
                format!("{key} = {} # {origin}\n", redacted(key, value))
            })
            .collect()
    }

    /// Prefixes a sentence about a key (`rest.tls: …`) with the layer that set this key or one
    /// below it. Without such a layer the sentence does not change.
    #[must_use]
    pub fn locate(&self, sentence: &str) -> String {
        let key = sentence.split_once(": ").map_or("", |(key, _)| key);
        let set =
            self.entries.iter().find(|(name, entry)| is_in(name, key) && entry.origin != DEFAULT);
        set.map_or_else(
            || sentence.to_owned(),
            |(_, entry)| format!("{}: {sentence}", entry.origin),
        )
    }

    /// True if a layer other than the defaults set this key.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.origin != DEFAULT)
    }

    /// Returns the keys with another value than in `before`, except those in the sections
    /// `reloadable`.
    #[must_use]
    pub fn changed_since(&self, before: &Self, reloadable: &[&str]) -> Vec<String> {
        let names: BTreeSet<&String> = self.entries.keys().chain(before.entries.keys()).collect();
        let value = |loaded: &Self, name: &String| {
            loaded.entries.get(name).map(|entry| entry.value.clone())
        };
        let changed = names.into_iter().filter(|name| value(self, name) != value(before, name));
        changed
            .filter(|name| !reloadable.iter().any(|section| is_in(name, section)))
            .cloned()
            .collect()
    }
}

/// Reads all layers and builds a `T`.
///
/// # Errors
/// All errors at once.
pub fn load<T: DeserializeOwned>(spec: &Spec<'_>) -> Result<Loaded<T>, ConfigError> {
    let (loaded, mut faults) = load_sound(spec)?;
    match faults.pop() {
        None => Ok(loaded),
        Some(only) if faults.is_empty() => Err(only),
        Some(last) => {
            faults.push(last);
            Err(ConfigError::Several(faults))
        }
    }
}

/// Like [`load`], but lists wrong settings and uses their defaults, so that the caller can check
/// the others.
pub fn load_sound<T: DeserializeOwned>(
    spec: &Spec<'_>,
) -> Result<(Loaded<T>, Vec<ConfigError>), ConfigError> {
    let layers = layers(spec)?;
    let known: Vec<String> =
        flatten(&layers[0].table).iter().map(|(path, _)| dotted(path)).collect();
    let mut faults = Vec::new();
    let mut entries = BTreeMap::new();
    for Layer { origin, table } in &layers {
        for (path, value) in flatten(table) {
            let key = dotted(&path);
            if is_empty_table(&value)
                && known.iter().any(|known| is_in(known, &key) && *known != key)
            {
                // An empty section.
                continue;
            }
            if !known.contains(&key) && !spec.free_form.iter().any(|section| is_in(&key, section)) {
                let nearest = nearest(&key, known.iter());
                faults.push(ConfigError::UnknownKey { origin: origin.clone(), key, nearest });
                continue;
            }
            entries.insert(key, Entry { path, value, origin: origin.clone() });
        }
    }
    // A unit is accepted or rejected as a whole: one key, or all keys of one entry in a free-form
    // section.
    let mut units: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    for (key, entry) in entries.iter().filter(|(_, entry)| entry.origin != DEFAULT) {
        let section = spec.free_form.iter().find(|section| is_in(key, section) && key != *section);
        let unit = section.map_or_else(
            || key.clone(),
            |section| dotted(&entry.path[..=section.split('.').count()]),
        );
        units.entry(unit).or_default().push(entry);
    }
    let defaults = &layers[0];
    let mut unusable = Vec::new();
    for (unit, entries) in &units {
        if let Err(error) = build::<T>(defaults, entries.iter().copied()) {
            let origin = &entries[0].origin;
            let located = if error.contains(origin.as_str()) {
                error
            } else {
                format!("{origin}: {unit}: {error}")
            };
            faults.push(ConfigError::Value(located));
            unusable.push(unit.clone());
        }
    }
    entries.retain(|key, _| !unusable.iter().any(|unit| is_in(key, unit)));
    for (path, value) in flatten(&defaults.table) {
        let entry = Entry { path, value, origin: DEFAULT.to_owned() };
        entries.entry(dotted(&entry.path)).or_insert(entry);
    }
    let value = build(defaults, entries.values()).map_err(ConfigError::Value)?;
    Ok((Loaded { value, entries }, faults))
}

/// Builds the configuration from the defaults and these entries.
fn build<'e, T: DeserializeOwned>(
    defaults: &Layer,
    entries: impl Iterator<Item = &'e Entry>,
) -> Result<T, String> {
    let mut builder = config::Config::builder().add_source(defaults.clone());
    for Entry { path, value, origin } in entries {
        builder =
            builder.add_source(Layer { origin: origin.clone(), table: nest(path, value.clone()) });
    }
    builder.build().and_then(config::Config::try_deserialize).map_err(|error| error.to_string())
}

/// True if a key is the section or below it.
fn is_in(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn is_empty_table(value: &toml::Value) -> bool {
    value.as_table().is_some_and(Table::is_empty)
}

fn nearest<'k>(key: &str, known: impl Iterator<Item = &'k String>) -> String {
    known
        .min_by_key(|candidate| strsim::damerau_levenshtein(key, candidate))
        .cloned()
        .unwrap_or_default()
}

fn redacted(key: &str, value: &toml::Value) -> String {
    let name = key.rsplit('.').next().unwrap_or(key);
    let secret = ["secret", "password", "token"].iter().any(|word| name.ends_with(word));
    match value {
        toml::Value::String(text) if secret && !text.is_empty() => "\"[secret]\"".to_owned(),
        toml::Value::String(text) => toml::Value::String(without_password(text)).to_string(),
        other => other.to_string(),
    }
}

/// Hides the password in `mysql://user:password@host/`.
fn without_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (login, host) = rest[..end].rsplit_once('@')?;
        let (user, _) = login.split_once(':')?;
        Some(format!("{scheme}://{user}:[secret]@{host}{}", &rest[end..]))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    const DEFAULTS: &str = r#"
        # Where the data lives.
        data_dir = "data"
        store_url = ""
        [log]
        level = "info"
        [limits]
        members = 10
        [images]
    "#;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Demo {
        data_dir: String,
        store_url: String,
        log: Log,
        limits: Limits,
        images: BTreeMap<String, Image>,
    }
    #[derive(Debug, Deserialize)]
    struct Log {
        level: String,
    }
    #[derive(Debug, Deserialize)]
    struct Limits {
        members: u16,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Image {
        root: String,
    }

    fn spec<'a>() -> Spec<'a> {
        Spec { environment: Vec::new(), free_form: &["images"], ..Spec::new(DEFAULTS, "FLOW_DEMO") }
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn with_file(text: &str) -> (tempfile::TempDir, Spec<'static>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("demo.toml");
        std::fs::write(&path, text).unwrap();
        (dir, Spec { file: Some(path), ..spec() })
    }

    #[test]
    fn later_layer_overrides_single_keys_of_a_section() {
        let (_dir, mut spec) =
            with_file("data_dir = 'file'\n[limits]\nmembers = 11\n[images.'a:1']\nroot = '/a'");
        spec.environment = pairs(&[
            ("FLOW_DEMO_LIMITS__MEMBERS", "12"),
            ("OTHER", "x"),
            ("FLOW_DEMO_LOG__LEVEL", "warn"),
        ]);
        spec.overrides = pairs(&[("log.level", "debug"), ("images.\"b.c/d:2\".root", "/b")]);
        let demo = load::<Demo>(&spec).unwrap().value;
        assert_eq!(
            (demo.data_dir.as_str(), demo.log.level.as_str(), demo.limits.members),
            ("file", "debug", 12)
        );
        assert_eq!(demo.images["a:1"], Image { root: "/a".to_owned() });
        assert_eq!(demo.images["b.c/d:2"], Image { root: "/b".to_owned() });
        assert_eq!(demo.store_url, "");
    }

    #[test]
    fn unknown_key_is_an_error_with_its_layer_and_the_most_similar_key() {
        let (_dir, file) = with_file("[limits]\nmember = 1");
        let error = load::<Demo>(&file).unwrap_err().to_string();
        assert!(
            error.contains("demo.toml")
                && error.contains("`limits.member`")
                && error.contains("`limits.members`"),
            "{error}"
        );
        let env = Spec { environment: pairs(&[("FLOW_DEMO_LOG__LEVLE", "x")]), ..spec() };
        let error = load::<Demo>(&env).unwrap_err().to_string();
        assert!(error.contains("FLOW_DEMO_LOG__LEVLE") && error.contains("`log.level`"), "{error}");
        let named = Spec { environment: pairs(&[("FLOW_DEMO_CONFIG", "/etc/x.toml")]), ..spec() };
        assert!(load::<Demo>(&named).is_ok(), "the variable that names the file is no key");
        let flag = Spec { overrides: pairs(&[("datadir", "x")]), ..spec() };
        let error = load::<Demo>(&flag).unwrap_err().to_string();
        assert!(error.contains("--set datadir") && error.contains("`data_dir`"), "{error}");
    }

    #[test]
    fn wrong_value_is_an_error_with_its_key_and_layer() {
        let env = Spec { environment: pairs(&[("FLOW_DEMO_LIMITS__MEMBERS", "many")]), ..spec() };
        let error = load::<Demo>(&env).unwrap_err().to_string();
        assert!(
            error.contains("limits.members") && error.contains("FLOW_DEMO_LIMITS__MEMBERS"),
            "{error}"
        );
        let (_dir, file) = with_file("data_dir = ");
        let error = load::<Demo>(&file).unwrap_err().to_string();
        assert!(error.contains("demo.toml: line 1, column 12: "), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        let (_dir, file) = with_file("[images.x]\nrot = 'x'");
        let error = load::<Demo>(&file).unwrap_err().to_string();
        assert!(error.contains("rot"), "{error}");
    }

    #[test]
    fn u24_all_errors_are_listed_with_their_file_and_other_settings_are_usable() {
        let (_dir, file) = with_file(
            "data_dir = 'file'\nlogg = 1\n[log]\nlevel = 'warn'\n[limits]\nmembers = 'many'\n[images.a]\nrot = '/a'\n[images.b]\n[images.c]\nroot = '/c'",
        );
        let (loaded, faults) = load_sound::<Demo>(&file).unwrap();
        let messages: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(messages.len(), 4, "{messages:#?}");
        for (sentence, part) in
            messages.iter().zip(["`logg`", "images.a", "images.b", "limits.members"])
        {
            assert!(sentence.contains("demo.toml") && sentence.contains(part), "{sentence}");
        }
        let Demo { data_dir, limits, images, .. } = loaded.value;
        assert_eq!((data_dir.as_str(), limits.members, images.len()), ("file", 10, 1));
        assert_eq!(load::<Demo>(&file).unwrap_err().to_string().lines().count(), 4);
    }

    #[test]
    fn b9_changed_keys_that_need_a_restart_are_found() {
        let (_one, before) = with_file("data_dir = 'a'\n[images.x]\nroot = '/x'");
        let (_two, after) =
            with_file("data_dir = 'b'\n[images.y]\nroot = '/y'\n[log]\nlevel = 'debug'");
        let [before, after] = [before, after].map(|spec| load::<Demo>(&spec).unwrap());
        assert_eq!(after.changed_since(&before, &["images"]), ["data_dir", "log.level"]);
        assert_eq!(before.changed_since(&before, &[]), Vec::<String>::new());
        assert!(after.locate("images: wrong").ends_with("demo.toml: images: wrong"));
        assert_eq!(after.locate("limits.members: wrong"), "limits.members: wrong");
    }

    #[test]
    fn missing_file_is_an_error() {
        let missing = Spec { file: Some(PathBuf::from("/nonexistent/demo.toml")), ..spec() };
        assert!(matches!(load::<Demo>(&missing), Err(ConfigError::Unreadable { .. })));
    }

    #[test]
    fn a16_file_writable_by_others_is_rejected_and_a15_a_pipe_too() {
        use std::os::unix::fs::PermissionsExt as _;
        let (dir, spec) = with_file("data_dir = 'file'");
        let path = dir.path().join("demo.toml");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let error = load::<Demo>(&spec).unwrap_err().to_string();
        assert!(
            error.contains("other users can write it (mode 666)") && error.contains("chmod go-w"),
            "{error}"
        );
        std::fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(load::<Demo>(&spec).unwrap_err().to_string().contains("named pipe"));
    }

    #[test]
    fn a9_repeated_key_is_an_error_and_b14_byte_order_mark_is_accepted() {
        let (_dir, twice) = with_file("[images.a]\nroot = '/a'\nroot = '/b'");
        let error = load::<Demo>(&twice).unwrap_err().to_string();
        assert!(error.contains("demo.toml") && error.contains("duplicate key"), "{error}");
        let (_dir, marked) = with_file("\u{feff}data_dir = 'file'\r\n");
        assert_eq!(load::<Demo>(&marked).unwrap().value.data_dir, "file");
    }

    #[test]
    fn dump_is_toml_with_layers_and_without_passwords() {
        let env = Spec {
            environment: pairs(&[("FLOW_DEMO_STORE_URL", "mysql://flow:p@ss@db/flow?x=1")]),
            ..spec()
        };
        let dump = load::<Demo>(&env).unwrap().dump();
        assert!(dump.contains(r#"store_url = "mysql://flow:[secret]@db/flow?x=1" # environment variable FLOW_DEMO_STORE_URL"#), "{dump}");
        assert!(dump.contains("limits.members = 10 # default"), "{dump}");
        assert!(dump.parse::<Table>().is_ok(), "{dump}");
    }
}
