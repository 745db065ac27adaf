//! SQL for Confluent Cloud's API keys.

pub mod sandbox;
pub mod secret;
