//! *The collection that is loaded into*: as it's found, or as it's made of the first vector.

use anyhow::{bail, ensure};
use clap::ValueEnum;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cli::client::{Client, ClientError};

/// How far two vectors are from one another, in the wire's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Distance {
    Cosine,
    Dot,
    Euclid,
    Manhattan,
}

pub(crate) struct Target {
    name: String,
    distance: Option<Distance>,
    state: State,
}

enum State {
    Missing,
    Found { dimension: usize },
    Made,
}

/// What a collection says of its one unnamed vector.
#[derive(Deserialize)]
struct Vectors {
    size: usize,
    distance: Distance,
}

impl Target {
    /// Looks the collection up. One that measures another distance than was asked for is an error.
    pub(crate) async fn find(
        client: &Client,
        name: &str,
        distance: Option<Distance>,
    ) -> anyhow::Result<Self> {
        let path = ["collections", name, "exists"];
        let exists = client.ask_data(Method::GET, &path, None).await?;
        let mut target = Self {
            name: name.to_owned(),
            distance,
            state: State::Missing,
        };
        if exists["exists"] == Value::Bool(true) {
            target.look(client).await?;
        }
        Ok(target)
    }

    /// Makes sure that the collection is there and takes vectors of this size.
    pub(crate) async fn ready(&mut self, client: &Client, dimension: usize) -> anyhow::Result<()> {
        match self.state {
            State::Missing => self.make(client, dimension).await,
            State::Found { .. } | State::Made => Ok(()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn dimension(&self) -> Option<usize> {
        match self.state {
            State::Found { dimension } => Some(dimension),
            State::Missing | State::Made => None,
        }
    }

    /// True if this load made it.
    pub(crate) fn is_new(&self) -> bool {
        matches!(self.state, State::Made)
    }

    async fn make(&mut self, client: &Client, dimension: usize) -> anyhow::Result<()> {
        let distance = self.distance.unwrap_or(Distance::Cosine);
        let body = json!({ "vectors": { "size": dimension, "distance": distance } });
        match client
            .ask(Method::PUT, &["collections", &self.name], Some(&body))
            .await
        {
            Ok(_) => {
                self.state = State::Made;
                Ok(())
            }
            // Another load got there first: then its collection has to fit.
            Err(ref error) if error.status() == Some(StatusCode::CONFLICT) => {
                self.look(client).await?;
                let name = &self.name;
                match self.dimension() {
                    Some(size) if size != dimension => bail!(
                        "collection `{name}` was made a moment ago with vectors of {size} numbers, these hold {dimension}"
                    ),
                    _ => Ok(()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn look(&mut self, client: &Client) -> Result<(), anyhow::Error> {
        let info = client
            .ask_data(Method::GET, &["collections", &self.name], None)
            .await;
        let info: Value = info.map_err(|error: ClientError| error)?;
        let found = vectors(&info);
        let name = &self.name;
        let Some(found) = found else {
            bail!(
                "collection `{name}` has named vectors, and files have no names for theirs: load into another one"
            );
        };
        if let Some(wanted) = self.distance {
            ensure!(
                wanted == found.distance,
                "collection `{name}` is there already and measures {:?}, not {wanted:?}: leave --distance out, or load \
                 into another one",
                found.distance
            );
        }
        self.state = State::Found {
            dimension: found.size,
        };
        Ok(())
    }
}

/// The unnamed vector stands alone, or under the empty name.
fn vectors(info: &Value) -> Option<Vectors> {
    let vectors = info.pointer("/config/params/vectors")?;
    let vectors = vectors.get("").unwrap_or(vectors);
    Vectors::deserialize(vectors).ok()
}
