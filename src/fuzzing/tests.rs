//! Runs the checks of the fuzz targets on texts composed of plausible words.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A text made of `words`, and of a few that are not among them.
fn made_of(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let word = prop_oneof![
        12 => select(words).prop_map(str::to_owned),
        1 => ".{0,4}",
        1 => any::<i64>().prop_map(|number| number.to_string()),
    ];
    vec(word, 0..40).prop_map(|words| words.concat())
}

const SQL: &[&str] = &[
    " ",
    " ",
    " ",
    "\n",
    "\t",
    ";",
    ",",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    "*",
    "=",
    "<>",
    "->",
    "->>",
    "::",
    "||",
    "'",
    "''",
    "\"",
    "`",
    "$$",
    "$1",
    "@id",
    "@@json",
    "--",
    "/*",
    "*/",
    "/*+ ",
    "é",
    "\u{1b}",
    "\r",
    "\0",
    "E'",
    "\\",
    "'x'",
    "1",
    "NULL",
    "SELECT ",
    "FROM ",
    "WHERE ",
    "api_keys ",
    "confluent.iam.api_keys ",
    "vw_api_keys ",
    "id",
    "spec",
    "metadata",
    "_spec",
    "owner",
    "display_name",
    "resources",
    "data__spec",
    "INSERT ",
    "INTO ",
    "VALUES ",
    "UPDATE ",
    "SET ",
    "DELETE ",
    "RETURNING ",
    "EXPLAIN ",
    "ANALYZE ",
    "SHOW ",
    "EXTENDED ",
    "METHODS ",
    "IN ",
    "LIKE ",
    "DESCRIBE ",
    "METHOD ",
    "EXEC ",
    "get_iam_v2api_key ",
    "create_iam_v2api_key ",
    "update_iam_v2api_key ",
    "delete_iam_v2api_key ",
    "list_iam_v2api_keys ",
    "CREATE ",
    "VIEW ",
    "MATERIALIZED ",
    "REFRESH ",
    "DROP ",
    "TABLE ",
    "AS ",
    "WITH ",
    "UNION ",
    "JOIN ",
    "ON ",
    "GROUP BY ",
    "ORDER BY ",
    "LIMIT ",
    "FETCH FIRST ",
    "ROWS ONLY ",
    "DISTINCT ",
    "CASE ",
    "WHEN ",
    "THEN ",
    "ELSE ",
    "END ",
    "AND ",
    "OR ",
    "NOT ",
    "EXISTS ",
    "BETWEEN ",
    "IS ",
    "COPY ",
    "TO ",
    "json_extract(",
    "json_each(",
    "'$.owner.id'",
    "'{\"owner\":{\"id\":\"u-1\"}}'",
    "SLEEP ",
    "REGISTRY ",
    "PULL ",
    "USE ",
    "AUTH ",
    "PURGE ",
    "REPLACE ",
    "NATIVEQUERY ",
    "DEFAULT ",
    "ESCAPE ",
];

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "99999999999999999999",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "{\"data\":[",
    "]}",
    "{\"id\":\"K\"",
    ",\"metadata\":{",
    "\"created_at\":",
    "\"2026-01-02T03:04:05.678Z\"",
    "\"0001-01-01T00:00:00Z\"",
    "\"next\":",
    "\"https://h/p?page_token=a%20b\"",
    "\"?page_token=\"",
    ",\"spec\":{",
    "\"owner\":{",
    "\"resources\":[",
    "\"id\":",
    "\"secret\":",
    "\"display_name\":",
    "\"expires_at\":",
    "\"total_size\":",
    "\"errors\":[{",
    "\"detail\":",
    "\"error\":{\"message\":",
    " ",
    "\n",
    "\u{1b}[31m",
    "\u{202e}",
    "<html>",
    "<script>",
];

/// Whole pages: what the words above seldom come to.
const KEYS: &[&str] = &[
    "{}",
    "null",
    "7",
    "[]",
    "{\"id\":\"K1\"}",
    "{\"id\":\"K1\",\"spec\":null}",
    "{\"id\":7,\"spec\":{\"owner\":[]}}",
    "{\"id\":\"K2\",\"id\":\"K3\",\"metadata\":{\"created_at\":\"9999-12-31T23:59:59.999999999Z\"}}",
    "{\"spec\":{\"resources\":[null,{\"id\":\"lkc-1\"},7]},\"spec\":{\"resources\":{}}}",
    "{\"metadata\":{\"created_at\":\"-262143-01-01T00:00:00Z\",\"updated_at\":\"2026-02-30T00:00:00Z\"}}",
    "{\"id\":\"\\ud800\"}",
    "{\"kind\":\"\\u0000\\u001b\"}",
];

const HEADERS: &[&str] = &[
    "\n",
    "\n",
    "retry-after: ",
    "x-ratelimit-reset: ",
    "x-ratelimit-remaining: ",
    "date: ",
    "Thu, 01 Jan 1970 00:00:30 GMT",
    "Fri, 01 Jan 9999 00:00:00 GMT",
    "Fri, 15 Jan 2027 08:00:10 GMT",
    "0",
    "1",
    "-1",
    "3600",
    "3601",
    "31536000",
    "1.5",
    "soon",
    "18446744073709551615",
    "18446744073709551616",
    " ",
    "\t",
    "?page_token=",
    "&page_token=",
    "#",
    "%",
    "%41",
    "%ff",
    "+",
    "é",
    "https://",
    "http://",
    "HTTP://",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "0x7f.1",
    "2130706433",
    "api.confluent.cloud",
    ".",
    "@",
    ":",
    "/",
    "\\",
    "..",
];

const PATH: &[&str] = &[
    "$",
    ".",
    "[",
    "]",
    "\"",
    "'",
    "#",
    "-",
    "0",
    "1",
    "99999999999999999999",
    "a",
    "owner",
    ".a",
    "[0]",
    "[#]",
    "[#-1]",
    ".\"b c\"",
    "[\"d\"]",
    "['e']",
    "é",
    " ",
    "\n",
    "\n{\"a\":[1,{\"b c\":null}],\"a\":2}",
    "\n[[[0.1,1e400]]]",
    "\n\"\\ud834\\udd1e\"",
];

proptest! {
    #[test]
    fn scripts_are_cut_and_read(script in made_of(SQL)) {
        super::statements(&script);
    }

    #[test]
    fn bodies_are_read(body in made_of(JSON)) {
        super::body(body.as_bytes());
    }

    #[test]
    fn bodies_of_bytes_are_read(body in vec(any::<u8>(), 0..60)) {
        super::body(&body);
    }

    #[test]
    fn pages_become_rows(keys in vec(select(KEYS), 0..8)) {
        super::body(format!("{{\"data\":[{}]}}", keys.join(",")).as_bytes());
    }

    #[test]
    fn secrets_are_taken_out(secret in "[A-Za-z0-9+/=]{12,40}7", parts in vec(0..5_usize, 1..8), text in made_of(JSON)) {
        let parts: String = parts
            .iter()
            .map(|part| match part {
                0 => secret.clone(),
                1 => secret.replace('/', "\\/"),
                2 => secret.replace('+', "%2B").replace('/', "%2F"),
                3 => format!("<b>{secret}</b>"),
                _ => text.clone(),
            })
            .collect();
        super::masking(&format!("{secret}\n{parts}"));
        super::masking(&format!("{secret}\n{{\"errors\":[{{\"detail\":\"{parts}\"}}]}}"));
    }

    #[test]
    fn headers_and_links_are_read(headers in made_of(HEADERS)) {
        super::headers(&headers);
    }

    #[test]
    fn paths_are_read_and_taken(path in made_of(PATH)) {
        super::path(&path);
        super::path(&format!("${path}"));
    }
}
