//! JSON paths, taken over JSON. See `iamql::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| iamql::fuzzing::path(text));
