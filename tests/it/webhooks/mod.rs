//! Webhooks: what goes out is signed, tried again and never lost in silence, and leads nowhere
//! that it shouldn't.

mod outbound;
mod receiver;
