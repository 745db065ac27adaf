//! Bodies of answers: read as a page, as a key and as a refusal. See `iamql::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| iamql::fuzzing::body(bytes));
