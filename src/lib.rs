//! SQL for Confluent Cloud's API keys.

pub mod functions;
pub mod secret;
