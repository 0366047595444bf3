//! *`locule tenant`: what an operator does with tenants.* Nothing here reaches a tenant's data: the
//! server has no route for that.
//!
//! Called by: `cli`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

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
        /// Most points the tenant may keep.
        #[arg(long, value_name = "N")]
        quota_points: Option<u64>,
        /// Most requests a second the tenant may make.
        #[arg(long, value_name = "N")]
        quota_requests: Option<u64>,
        /// Where the tenant's data has to stay.
        #[arg(long)]
        region: Option<String>,
        #[command(flatten)]
        format: Format,
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
            quota_points,
            quota_requests,
            region,
            format,
        } => {
            let body = creation(&id, quota_points, quota_requests, region.as_deref());
            let tenant = client
                .ask(Method::POST, &["v1", "tenants"], Some(&body))
                .await?;
            show_created(&tenant, &tenant, format)
        }
        Command::List { format } => list(client, format).await,
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

fn creation(id: &str, points: Option<u64>, requests: Option<u64>, region: Option<&str>) -> Value {
    let mut body = json!({ "id": id });
    for (name, limit) in [("points_max", points), ("requests_per_second", requests)] {
        if let Some(limit) = limit {
            body["quota"][name] = limit.into();
        }
    }
    if let Some(region) = region {
        body["region"] = region.into();
    }
    body
}

async fn change(client: &Client, one: One, act: &str) -> anyhow::Result<()> {
    let path = ["v1", "tenants", &one.id, act];
    let tenant = client.ask(Method::POST, &path, None).await?;
    show(&one.id, &tenant, one.format)
}

async fn list(client: &Client, format: Format) -> anyhow::Result<()> {
    let mut tenants = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut page = client
            .ask_page(&["v1", "tenants"], after.as_deref())
            .await?;
        if let Some(Value::Array(more)) = page.get_mut("tenants").map(Value::take) {
            tenants.extend(more);
        }
        match page.get("next").and_then(Value::as_str) {
            // The same place again would never end.
            Some(next) if after.as_deref() != Some(next) => after = Some(next.to_owned()),
            Some(_) | None => break,
        }
    }
    if format.is_json() {
        return output::json(&json!({ "tenants": tenants }));
    }
    let rows: Vec<[String; 5]> = tenants
        .iter()
        .map(|tenant| {
            ["/id", "/state", "/region", "/quota", "/created_at"]
                .map(|pointer| output::cell(tenant, pointer))
        })
        .collect();
    output::table(["id", "state", "region", "quota", "created"], &rows)
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
