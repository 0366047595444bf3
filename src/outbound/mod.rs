//! What the node asks of others: issuers' key sets, and that its webhooks be heard.
//!
//! Owns: requests that go out. **Invariant:** no redirect is followed, every answer is bounded in
//! time and length, and nothing is sent in plain but to this machine itself.
//! **Invariant:** a tenant's words never make the node call an address of its own network
//! (`it/webhooks/`).
//! Called by: `cli/serve`, which runs it beside the wire.

mod guard;
mod issuers;
mod webhooks;

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use reqwest::{Client, ClientBuilder, redirect::Policy};

pub use self::issuers::{Followed, KeySetSource, Published};
use crate::engine::Engine;

/// Does all that until the node is gone.
pub async fn run(engine: Arc<Engine>, options: Options) {
    // A node that is to stop isn't held by what it might ask of others.
    let node = Arc::downgrade(&engine);
    drop(engine);
    tokio::join!(
        issuers::follow(node.clone(), options.followed),
        webhooks::deliver(node, &options.webhook_networks)
    );
}

/// What is asked of whom.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Issuers whose keys are to be read.
    pub followed: Vec<Followed>,
    /// Private networks that webhooks may lead to.
    pub webhook_networks: Vec<IpNet>,
}

/// What all clients here have in common.
fn client() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIME)
        .timeout(ANSWER_TIME)
        .user_agent(concat!("locule/", env!("CARGO_PKG_VERSION")))
}

const CONNECT_TIME: Duration = Duration::from_secs(5);
const ANSWER_TIME: Duration = Duration::from_secs(15);
