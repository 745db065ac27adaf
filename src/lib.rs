//! SQL for Confluent Cloud's API keys.

pub mod secret;
