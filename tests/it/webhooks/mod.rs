//! Webhooks: what goes out is signed, tried again and never lost in silence, and leads nowhere
//! that it shouldn't; what comes in is believed for its signature, and makes one erasure.

mod crash;
mod events;
mod inbound;
mod outbound;
mod quotas;
mod receiver;

pub use receiver::Receiver;
