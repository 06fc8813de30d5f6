//! The host through HTTP, with a guest that does what a test asks it to (`tests/guest`).

mod limits;
mod outgoing;
mod requests;
mod server;
mod store;
mod tls;
