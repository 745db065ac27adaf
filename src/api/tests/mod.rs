//! The client as a whole: over a scripted transport on paused time, and over real sockets on loopback.

mod calls;
mod echo;
mod pauses;
mod script;
mod sockets;
