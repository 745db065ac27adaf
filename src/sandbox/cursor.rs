//! Page tokens: where a listing goes on, and of which listing.
//!
//! A token is opaque to clients. It carries the filters and the page size of the listing it was given for, so that
//! a `next` link works as it stands, and a checksum, so that garbage is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::store::Filter;

/// A place in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Which page of the listing this is, from 1.
    pub(super) page: u64,
    /// Rows per page.
    pub(super) page_size: usize,
    pub(super) filter: Filter,
    /// The id that ended the page before; empty for the first page.
    pub(super) after: String,
}

impl Cursor {
    /// Returns the token for this place.
    pub(super) fn token(&self) -> String {
        // Numbers and strings always have a JSON text.
        seal(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads a token, if it is one.
    pub(super) fn parse(token: &str) -> Option<Self> {
        serde_json::from_slice(&unseal(token)?).ok()
    }
}

/// Returns a token that holds `text`.
pub(super) fn seal(text: Vec<u8>) -> String {
    let mut bytes = crc32fast::hash(&text).to_le_bytes().to_vec();
    bytes.extend(text);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the text in a token, if it is one.
pub(super) fn unseal(token: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (sum, text) = bytes.split_first_chunk::<4>()?;
    (crc32fast::hash(text).to_le_bytes() == *sum).then(|| text.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tokens_are_read_back(
            page: u64, page_size in 1usize..=100, owner: String, after: String, day in 0i32..1_000_000
        ) {
            let valid_on = chrono::NaiveDate::from_num_days_from_ce_opt(day).filter(|_| day % 2 == 0);
            let filter = Filter { owner, resource: "aws.us-east-1".to_owned(), valid_on };
            let cursor = Cursor { page, page_size, filter, after };
            prop_assert_eq!(Cursor::parse(&cursor.token()), Some(cursor));
        }

        #[test]
        fn garbage_is_no_token(garbage in ".{0,80}") {
            prop_assert_eq!(Cursor::parse(&garbage), None);
        }
    }

    #[test]
    fn usual_tokens_are_short_and_fit_a_url() {
        let filter = Filter {
            owner: "sa-1jjv26".to_owned(),
            resource: "lkc-zmmq63".to_owned(),
            valid_on: chrono::NaiveDate::from_ymd_opt(2026, 12, 31),
        };
        let cursor = Cursor {
            page: 9999,
            page_size: 100,
            filter,
            after: "A".repeat(16),
        };
        let token = cursor.token();
        assert!(token.len() <= 255, "{}", token.len());
        assert!(
            token
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
    }
}
