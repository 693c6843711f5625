//! The text of an API token: prefix, 30 random characters, and 6 characters of a checksum, so that
//! a mistyped token is refused without a look at the database, and a leaked one is found by
//! programs that search for secrets.

use flow_domain::access::UserKind;
use flow_domain::id::Digest;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARS: usize = 30;
const CHECKSUM_CHARS: usize = 6;
const PREFIX_BYTES: usize = 4;
/// Last characters of a token that lists show.
const HINT_CHARS: usize = 4;

/// Regular expression for API tokens, for programs that search for leaked secrets.
pub const PATTERN: &str = "fl[ps]_[0-9A-Za-z]{36}";

/// The text of a token; `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText(String);

impl std::fmt::Debug for TokenText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[token]")
    }
}

impl TokenText {
    /// Creates a token of an account of this kind.
    pub fn generate(kind: UserKind) -> Self {
        let mut text = String::with_capacity(PREFIX_BYTES + RANDOM_CHARS + CHECKSUM_CHARS);
        text.push_str(match kind {
            UserKind::Person => "flp_",
            UserKind::Service => "fls_",
        });
        while text.len() < PREFIX_BYTES + RANDOM_CHARS {
            let mut bytes = [0; 64];
            getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
            // Bytes beyond a multiple of 62 would prefer some characters.
            let even = bytes.iter().filter(|byte| **byte < 248);
            let chars = even.map(|byte| char::from(BASE62[usize::from(byte % 62)]));
            text.extend(chars.take(PREFIX_BYTES + RANDOM_CHARS - text.len()));
        }
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self(text)
    }

    /// Returns the token if prefix, form and checksum are right.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("flp_").or_else(|| text.strip_prefix("fls_"))?;
        let is_token = rest.len() == RANDOM_CHARS + CHECKSUM_CHARS
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && {
                let (body, sum) = text.split_at(PREFIX_BYTES + RANDOM_CHARS);
                checksum(body) == sum
            };
        is_token.then(|| Self(text.to_owned()))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// Returns the last characters, for people.
    pub fn hint(&self) -> String {
        self.0[self.0.len() - HINT_CHARS..].to_owned()
    }
}

fn checksum(text: &str) -> String {
    let mut number = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(number % 62) as usize];
        number /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_with_a_wrong_character_is_not_read() {
        for (kind, prefix) in [(UserKind::Person, "flp_"), (UserKind::Service, "fls_")] {
            let token = TokenText::generate(kind);
            let text = token.expose();
            assert!(text.starts_with(prefix) && text.len() == 40, "{text}");
            assert_eq!(TokenText::parse(text).as_ref(), Some(&token));
            assert_eq!(token.hint(), text[36..]);
            assert_eq!(format!("{token:?}"), "[token]");
            for at in 0..text.len() {
                let mut wrong = text.as_bytes().to_vec();
                wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
                let wrong = String::from_utf8(wrong).expect("ASCII");
                assert_eq!(TokenText::parse(&wrong), None, "{wrong}");
            }
            for wrong in [&text[..39], &format!("{text}0"), &text[4..], "", "flp_", "flp_é"] {
                assert_eq!(TokenText::parse(wrong), None, "{wrong}");
            }
        }
        assert_ne!(TokenText::generate(UserKind::Person), TokenText::generate(UserKind::Person));
    }

    #[test]
    fn checksum_is_the_crc_32_of_what_is_before_it() {
        // Computed with zlib.
        assert_eq!(checksum("flp_000000000000000000000000000000"), "3qmwRP");
    }
}
