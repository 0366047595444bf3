use std::{
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use locule::{
    access::{IssuerOptions, Origin, Presented},
    audit::AuditOptions,
    clock::{Manual, Timestamp},
    engine::{Engine, EngineOptions, Turn, Work},
    http,
    outbound::{self, Followed},
    store::StoreOptions,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot, task::JoinHandle};

use super::actor::Actor;

/// A running node on a directory of its own.
pub struct Node {
    directory: Arc<TempDir>,
    pub clock: Arc<Manual>,
    runtime: Arc<Runtime>,
    pub address: SocketAddr,
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    engine: Arc<Engine>,
}

/// What of a node is set up in another way than the rest of the tests have it.
#[derive(Default)]
pub struct Setup {
    pub wire: http::Options,
    pub issuers: Vec<(IssuerOptions, Followed)>,
    pub webhook_networks: Vec<ipnet::IpNet>,
    pub partitions_open_max: Option<usize>,
    pub operator_key: Option<String>,
    pub audit: AuditOptions,
}

/// What every node's clock shows when it is first started.
pub const START: Timestamp = Timestamp(1_800_000_000_000);

/// A tenant's keys, one a role.
pub struct Tenant {
    pub id: String,
    pub owner: Actor,
    pub writer: Actor,
    pub inference: Actor,
    pub auditor: Actor,
}

impl Node {
    pub fn start() -> Self {
        Self::with(Setup::default())
    }

    /// A node whose wire is set up so.
    pub fn listening(wire: http::Options) -> Self {
        Self::with(Setup {
            wire,
            ..Setup::default()
        })
    }

    pub fn with(setup: Setup) -> Self {
        let clock = Arc::new(Manual::at(START));
        Self::on(Arc::new(tempfile::tempdir().unwrap()), clock, setup)
    }

    fn on(directory: Arc<TempDir>, clock: Arc<Manual>, setup: Setup) -> Self {
        let (issuers, followed) = setup.issuers.into_iter().unzip();
        let usual = options(directory.path(), Arc::clone(&clock));
        let options = EngineOptions {
            issuers,
            audit: setup.audit,
            partitions_open_max: setup
                .partitions_open_max
                .unwrap_or(usual.partitions_open_max),
            operator_key: match &setup.operator_key {
                Some(key) => Some(Presented::new(key)),
                None => usual.operator_key,
            },
            ..usual
        };
        let engine = Engine::start(options).unwrap().engine;
        let wire = setup.wire;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if wire.tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{address}");
        let (stop, stopped) = oneshot::channel();
        let asked = outbound::Options {
            followed,
            webhook_networks: setup.webhook_networks,
        };
        runtime.spawn(outbound::run(Arc::clone(&engine), asked));
        let server = http::Server::new(wire).unwrap();
        let serving = server.serve(Arc::clone(&engine), listener, async {
            let _ = stopped.await;
        });
        let server = runtime.spawn(async { serving.await.unwrap() });
        Self {
            directory,
            clock,
            runtime: Arc::new(runtime),
            address,
            url,
            stop: Some(stop),
            server: Some(server),
            engine,
        }
    }

    /// Stops the node and gives its directory back, so that a test can look at it or change it.
    pub fn stop(mut self) -> Stopped {
        self.stop_server();
        let stopped = Stopped {
            directory: Arc::clone(&self.directory),
            clock: Arc::clone(&self.clock),
        };
        drop(self);
        // Work in the background holds the directory for a moment.
        let lock = File::open(stopped.path().join("lock")).unwrap();
        for _ in 0..3_000 {
            if lock.try_lock().is_ok() {
                return stopped;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("something still holds the directory");
    }

    pub fn restart(self) -> Self {
        self.stop().start()
    }

    /// The directory as it would be if the node ended now, without a word: what it has written, and
    /// nothing that it would write when it stops.
    pub fn as_after_a_crash(&self) -> Stopped {
        let directory = tempfile::tempdir().unwrap();
        super::copy(self.directory(), directory.path());
        Stopped {
            directory: Arc::new(directory),
            clock: Arc::clone(&self.clock),
        }
    }

    fn stop_server(&mut self) {
        if let (Some(stop), Some(server)) = (self.stop.take(), self.server.take()) {
            let _ = stop.send(());
            let _ = self.runtime.block_on(server);
        }
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Someone with a key: any text, good or not.
    pub fn actor(&self, key: &str) -> Actor {
        Actor::new(&self.url, Some(key), &self.runtime)
    }

    /// Someone without a key.
    pub fn stranger(&self) -> Actor {
        Actor::new(&self.url, None, &self.runtime)
    }

    /// Someone with a key who connects in a way of their own.
    pub fn actor_by(&self, client: reqwest::Client, key: &str) -> Actor {
        Actor::by(client, &self.url, Some(key), &self.runtime)
    }

    pub fn operator(&self) -> Actor {
        self.actor(OPERATOR_KEY)
    }

    /// Makes a tenant with a key of each role.
    pub fn tenant(&self, id: &str) -> Tenant {
        let created = self
            .operator()
            .post("/v1/tenants", json!({"id": id}))
            .expect(201);
        let owner = self.actor(created["owner_key"]["key"].as_str().unwrap());
        let key = |role: &str| {
            let body = json!({"name": role, "role": role});
            self.actor(
                owner.post("/v1/keys", body).expect(201)["key"]
                    .as_str()
                    .unwrap(),
            )
        };
        let (writer, inference, auditor) = (key("writer"), key("inference"), key("auditor"));
        Tenant {
            id: id.to_owned(),
            owner,
            writer,
            inference,
            auditor,
        }
    }

    /// Takes a turn as a request of someone's would. While it is held, it is as one in flight.
    pub fn take_turn(&self, actor: &Actor, work: Work) -> Turn {
        let key = Presented::new(actor.key.as_deref().unwrap());
        let principal = self
            .engine
            .authenticate(&key, Origin::default(), 0)
            .unwrap();
        let turn = self.engine.take_turn(&principal, work);
        self.runtime.block_on(turn).unwrap().unwrap()
    }

    /// Sweeps the tenants that are due: how many were.
    pub fn sweep(&self) -> usize {
        self.engine.sweep_due(self.engine.now()).tenants
    }

    /// Has the data keys replaced that are due: how many.
    pub fn rotate(&self) -> usize {
        self.engine.rotate_due(self.engine.now()).unwrap()
    }

    /// Does what a node does by itself once a minute.
    pub fn tend(&self) {
        self.engine.tend();
    }

    /// The value of a counter or gauge without labels.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.stranger().get("/metrics").text;
        let line = text
            .lines()
            .find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("no metric {name} in {text}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop_server();
    }
}

impl Tenant {
    /// The same people, with the same keys, at a node that was started again.
    pub fn on(&self, node: &Node) -> Self {
        let again = |actor: &Actor| node.actor(actor.key.as_deref().unwrap());
        Self {
            id: self.id.clone(),
            owner: again(&self.owner),
            writer: again(&self.writer),
            inference: again(&self.inference),
            auditor: again(&self.auditor),
        }
    }
}

/// A directory that no node uses.
pub struct Stopped {
    directory: Arc<TempDir>,
    clock: Arc<Manual>,
}

impl Stopped {
    pub fn path(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// From here on it is another time.
    pub fn at(self, time: Timestamp) -> Self {
        Self {
            clock: Arc::new(Manual::at(time)),
            ..self
        }
    }

    /// Starts a node here that is set up in another way.
    pub fn start_with(self, setup: Setup) -> Node {
        Node::on(self.directory, self.clock, setup)
    }

    pub fn start(self) -> Node {
        Node::on(self.directory, self.clock, Setup::default())
    }
}

/// How a node is set up here: little memory, a clock that stands still, a known operator key.
pub fn options(directory: &Path, clock: Arc<Manual>) -> EngineOptions {
    EngineOptions {
        directory: directory.to_owned(),
        root_key: None,
        root_key_next: None,
        operator_key: Some(Presented::new(OPERATOR_KEY)),
        store: StoreOptions {
            warm_shelves_max: 1,
            ..StoreOptions::default()
        },
        data_key_lasts: Duration::from_secs(365 * 24 * 60 * 60),
        partitions_open_max: 64,
        issuers: Vec::new(),
        audit: AuditOptions::default(),
        clock,
    }
}

pub const OPERATOR_KEY: &str = "an operator key that every test knows of";
