//! Secrets in texts, and bodies of errors that repeat them. See `iamql::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| iamql::fuzzing::masking(text));
