//! SQL for Confluent Cloud's API keys.

pub mod api;
pub mod secret;
