//! SQL for Confluent Cloud's API keys.

pub mod render;
pub mod secret;
