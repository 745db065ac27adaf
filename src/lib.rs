//! SQL for Confluent Cloud's API keys.
