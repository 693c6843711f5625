//! Content codings of responses, and the choice between them.

use http::{HeaderMap, header};

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Encoding {
    /// No coding.
    Identity,
    Gzip,
    Brotli,
}

impl Encoding {
    /// Name in `Content-Encoding`.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    /// Splits the name of a file into its path and the coding of its content.
    pub(crate) fn of_file(name: &str) -> (&str, Self) {
        match (name.strip_suffix(".br"), name.strip_suffix(".gz")) {
            (Some(path), _) => (path, Self::Brotli),
            (_, Some(path)) => (path, Self::Gzip),
            _ => (name, Self::Identity),
        }
    }
}

/// The weights that `Accept-Encoding` gives the codings (RFC 9110, section 12.5.3), in thousandths.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    gzip: Option<u16>,
    brotli: Option<u16>,
    identity: Option<u16>,
    others: Option<u16>,
}

impl Accepted {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
        for (name, weight) in lines.filter_map(|line| line.to_str().ok()).flat_map(weighted) {
            match name.to_ascii_lowercase().as_str() {
                "br" => accepted.brotli = Some(weight),
                "gzip" | "x-gzip" => accepted.gzip = Some(weight),
                "identity" => accepted.identity = Some(weight),
                "*" => accepted.others = Some(weight),
                _ => {}
            }
        }
        accepted
    }

    /// Returns the order of a coding: a higher weight, else a better compression. Nothing if the
    /// client does not accept the coding.
    pub(crate) fn order(&self, encoding: Encoding) -> Option<(u16, Encoding)> {
        let weight = match encoding {
            Encoding::Brotli => self.brotli.or(self.others).unwrap_or(0),
            Encoding::Gzip => self.gzip.or(self.others).unwrap_or(0),
            // Acceptable unless excluded, and the last choice unless named.
            Encoding::Identity => self.identity.or(self.others.filter(|w| *w == 0)).unwrap_or(1),
        };
        (weight > 0).then_some((weight, encoding))
    }
}

/// The elements of a list with weights. An element without a valid weight is left out.
pub(crate) fn weighted(list: &str) -> impl Iterator<Item = (&str, u16)> {
    list.split(',').filter_map(|element| {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|part| {
            part.split_once('=').filter(|(key, _)| key.trim().eq_ignore_ascii_case("q"))
        });
        match weight {
            None => Some((name, 1000)),
            Some((_, text)) => thousandths(text.trim()).map(|weight| (name, weight)),
        }
    })
}

/// Reads a weight: `0` to `1` with at most three decimals.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_valid = decimals.len() <= 3 && decimals.bytes().all(|b| b.is_ascii_digit());
    if !is_valid {
        return None;
    }
    let part: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, part) {
        ("0", part) => Some(part),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_accepted_coding_is_chosen() {
        use Encoding::{Brotli, Gzip, Identity};
        let all = [Identity, Gzip, Brotli];
        for (sent, expected) in [
            (&[][..], Some(Identity)),
            (&[""], Some(Identity)),
            (&["gzip, deflate, br, zstd"], Some(Brotli)),
            (&["gzip, deflate"], Some(Gzip)),
            (&["GZIP"], Some(Gzip)),
            (&["x-gzip"], Some(Gzip)),
            (&["gzip", "br"], Some(Brotli)),
            (&["br;q=0.8, gzip;q=0.9"], Some(Gzip)),
            (&["br; q=0, gzip ; Q=0.001"], Some(Gzip)),
            (&["br;q=0.5"], Some(Brotli)),
            (&["identity, br;q=0.5"], Some(Identity)),
            (&["identity;q=0.5, br;q=0.5"], Some(Brotli)),
            (&["*"], Some(Brotli)),
            (&["*, br;q=0"], Some(Gzip)),
            (&["*;q=0"], None),
            (&["identity;q=0"], None),
            (&["identity;q=0, gzip"], Some(Gzip)),
            (&["br;q=1.5, gzip;q=2, br;q=x"], Some(Identity)),
            (&["br;q=0.1234"], Some(Identity)),
            (&["br;level=11;q=0.3, gzip;q=0.2"], Some(Brotli)),
            (&["zstd"], Some(Identity)),
        ] {
            let mut headers = HeaderMap::new();
            for value in sent {
                headers.append(header::ACCEPT_ENCODING, value.parse().expect("a header value"));
            }
            let accepted = Accepted::of(&headers);
            let best = all.iter().filter_map(|encoding| accepted.order(*encoding)).max();
            assert_eq!(best.map(|(_, encoding)| encoding), expected, "{sent:?}");
        }
    }
}
