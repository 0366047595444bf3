//! The wire itself: TLS, certificates, slow and greedy clients, what proxies and browsers are told.

mod authority;
mod browsers;
mod metrics;
mod proxies;
mod slow;
mod tls;

pub use self::authority::Authority;
