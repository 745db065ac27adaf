//! How much one call may ask for. Plain data.

/// How much one call may ask of the service and of its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Rows in one result.
    pub rows: usize,
    /// Bytes of the rows in one result, as JSON.
    pub bytes: usize,
    /// Requests for one call.
    pub requests: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            rows: 200,
            bytes: 32 * 1024,
            requests: 50,
        }
    }
}
