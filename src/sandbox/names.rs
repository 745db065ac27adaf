//! The words that the invented keys are named and described with.
//!
//! Except for the odd ones, none needs escaping in JSON, because everyday keys are written as text.

/// What keys are used for.
#[rustfmt::skip]
pub(super) const PURPOSES: [&str; 12] = [
    "ci-deploy", "connect", "terraform", "etl", "dashboard", "replicator", "schema-sync", "backfill",
    "load-test", "monitoring", "debezium", "laptop",
];
/// Whose data they are used with.
#[rustfmt::skip]
pub(super) const SYSTEMS: [&str; 12] = [
    "payments", "orders", "billing", "inventory", "fraud", "search", "web", "mobile", "warehouse", "identity",
    "shipping", "ledger",
];
/// Descriptions; one that is listed twice is drawn twice as often.
#[rustfmt::skip]
pub(super) const DESCRIPTIONS: [&str; 8] = [
    "created by terraform", "created by terraform", "managed by the platform team",
    "temporary, delete after the migration", "rotated every quarter", "do not delete: used by on-call",
    "INC-4812", "for local development",
];

/// First names of people, and how they are written in an address.
#[rustfmt::skip]
pub(super) const FIRST_NAMES: [(&str, &str); 16] = [
    ("Amara", "amara"), ("Björn", "bjorn"), ("Chen", "chen"), ("Dolores", "dolores"), ("Elif", "elif"),
    ("Farid", "farid"), ("Grace", "grace"), ("Hiro", "hiro"), ("Ines", "ines"), ("Jonas", "jonas"),
    ("Kofi", "kofi"), ("Leila", "leila"), ("Mateo", "mateo"), ("Nora", "nora"), ("Oleksandr", "oleksandr"),
    ("Priya", "priya"),
];
/// Last names of people, and how they are written in an address.
#[rustfmt::skip]
pub(super) const LAST_NAMES: [(&str, &str); 13] = [
    ("Okafor", "okafor"), ("Lindqvist", "lindqvist"), ("Wei", "wei"), ("Ibárruri", "ibarruri"),
    ("Yılmaz", "yilmaz"), ("Haddad", "haddad"), ("O'Neill", "oneill"), ("Tanaka", "tanaka"),
    ("de la Cruz", "delacruz"), ("Müller", "muller"), ("Mensah", "mensah"), ("Rossi", "rossi"),
    ("Novák", "novak"),
];

/// Names that a careless client gets wrong, all of them harmless to look at.
pub(super) const ODD_NAMES: [(&str, &str); 8] = [
    ("O'Brien's laptop", "don't panic"),
    ("the \"blue\" pipeline", "says \"do not touch\""),
    ("orders, returns, refunds", "a, b, \"c\", d"),
    ("release notes", "first line\nsecond line\n\nfourth line"),
    ("決済システム", "日本語の説明、東京リージョン"),
    ("café München", "naïve façade, crème brûlée"),
    ("rocket 🚀", "family 👩‍👩‍👧 and flag 🇨🇭"),
    ("cafe\u{301} combining", "a\u{30a}ngstro\u{308}m"),
];
