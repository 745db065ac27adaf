//! Scripts: cut into statements, and each of them read. See `iamql::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| iamql::fuzzing::statements(text));
