//! *`locule tenant`: what an operator does with tenants.* Nothing here reaches a tenant's data: the
//! server has no route for that.
//!
//! Called by: `cli`.

mod settings;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use settings::Settings;

use super::client::Client;
use super::erase;
use super::output::{self, Format};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a tenant, and print the key of its owner: the only time it's shown.
    Create {
        /// Lower-case letters, digits and hyphens, 63 at most. Never given out again, even after
        /// deletion.
        id: String,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        format: Format,
    },
    /// Change what a tenant may use, and what is done about its keys that behave oddly. What isn't
    /// named stays; `none` lifts what is set.
    Update {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        settings: Settings,
    },
    /// List all tenants.
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show one tenant.
    Show(One),
    /// Refuse a tenant's requests until it's resumed. Its data stays.
    Suspend(One),
    /// Serve a suspended tenant again.
    Resume(One),
    /// Make an owner key for a tenant whose owner lost theirs, and print it: the only time it's shown. The
    /// tenant sees that it was made, and why.
    RecoveryKey {
        /// The tenant's id.
        id: String,
        /// Why, in 118 bytes at most.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        format: Format,
    },
    /// Delete a tenant and everything it has. This can't be undone.
    Delete {
        #[command(flatten)]
        one: One,
        /// Yes, delete it.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(clap::Args)]
pub(crate) struct One {
    /// The tenant's id.
    id: String,
    #[command(flatten)]
    format: Format,
}

pub(crate) async fn run(client: &Client, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create {
            id,
            settings,
            format,
        } => {
            let mut body = settings.said().unwrap_or_default();
            body.insert("id".to_owned(), id.into());
            let tenant = client
                .ask(Method::POST, &["v1", "tenants"], Some(&body.into()))
                .await?;
            show_created(&tenant, &tenant, format)
        }
        Command::Update { one, settings } => {
            let Some(change) = settings.said() else {
                anyhow::bail!(
                    "nothing is to change; say what, like `locule tenant update {} --points-max 1000000`",
                    one.id
                );
            };
            let path = ["v1", "tenants", &one.id];
            let tenant = client
                .ask(Method::PATCH, &path, Some(&change.into()))
                .await?;
            show(&one.id, &tenant, one.format)
        }
        Command::List { format } => {
            let tenants = client.ask(Method::GET, &["v1", "tenants"], None).await?;
            let columns = [
                ("id", "/id"),
                ("state", "/state"),
                ("region", "/region"),
                ("quota", "/quota"),
                ("created", "/created_at"),
            ];
            output::list(&tenants, "/tenants", columns, format)
        }
        Command::Show(one) => {
            let tenant = client
                .ask(Method::GET, &["v1", "tenants", &one.id], None)
                .await?;
            show(&one.id, &tenant, one.format)
        }
        Command::Suspend(one) => change(client, one, "suspend").await,
        Command::Resume(one) => change(client, one, "resume").await,
        Command::RecoveryKey { id, reason, format } => {
            let path = ["v1", "tenants", &id, "recovery-key"];
            let body = json!({ "reason": reason });
            let key = client.ask(Method::POST, &path, Some(&body)).await?;
            show_created(&json!({ "id": id, "owner_key": key }), &key, format)
        }
        Command::Delete { one, yes } => {
            anyhow::ensure!(
                yes,
                "deleting `{id}` shreds its keys: nothing it has can be read again, not even from a backup. Say \
                 `locule tenant delete {id} --yes` if that's what you want",
                id = one.id
            );
            let erasure = client
                .ask(Method::DELETE, &["v1", "tenants", &one.id], None)
                .await?;
            erase::show(&erasure, one.format)?;
            output::notice("Once it is done, `locule erase receipt ID` prints the receipt.");
            Ok(())
        }
    }
}

async fn change(client: &Client, one: One, act: &str) -> anyhow::Result<()> {
    let path = ["v1", "tenants", &one.id, act];
    let tenant = client.ask(Method::POST, &path, None).await?;
    show(&one.id, &tenant, one.format)
}

fn show_created(tenant: &Value, answer: &Value, format: Format) -> anyhow::Result<()> {
    if format.is_json() {
        return output::json(answer);
    }
    output::fields(&[
        ("tenant", output::cell(tenant, "/id")),
        ("owner key id", output::cell(tenant, "/owner_key/id")),
        ("owner key", output::cell(tenant, "/owner_key/key")),
    ])?;
    output::notice(
        "The owner key is shown this once. Hand it to the tenant: your way to its data ends here.",
    );
    Ok(())
}

fn show(id: &str, tenant: &Value, format: Format) -> anyhow::Result<()> {
    if format.is_json() {
        return output::json(tenant);
    }
    let mut fields = vec![("id", id.to_owned())];
    if let Value::Object(entries) = tenant {
        fields.extend(
            entries
                .keys()
                .filter(|name| name.as_str() != "id")
                .map(|name| (name.as_str(), output::cell(&tenant[name.as_str()], ""))),
        );
    }
    output::fields(&fields)
}
