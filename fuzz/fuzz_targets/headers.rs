//! Headers, links and endpoints, one a line. See `iamql::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| iamql::fuzzing::headers(text));
