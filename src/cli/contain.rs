//! *`locule contain`: closes a tenant at once*, and tells what was done in its name: for an operator
//! by the tenant's name, for the tenant's owner by the key alone.
//!
//! Called by: `cli`.

use reqwest::Method;
use serde_json::json;

use super::client::Client;
use super::output::{self, Format};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The tenant, for an operator. Whoever has an owner's key contains that tenant.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// From when on to tell what was done, like 2026-11-25T08:00:00.000Z. A day ago when left out.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Yes, refuse all of the tenant's keys until the operator resumes it.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) async fn run(client: &Client, arguments: Arguments) -> anyhow::Result<()> {
    anyhow::ensure!(
        arguments.yes,
        "containing a tenant refuses all of its keys, its owner's too, until the operator resumes it. Say `--yes` \
         if that's what you want"
    );
    let path = match &arguments.tenant {
        Some(tenant) => vec!["v1", "tenants", tenant, "contain"],
        None => vec!["v1", "contain"],
    };
    let mut body = json!({});
    if let Some(since) = arguments.since {
        body["since"] = since.into();
    }
    let contained = client.ask(Method::POST, &path, Some(&body)).await?;
    if arguments.format.is_json() {
        return output::json(&contained);
    }
    let named = [
        ("tenant", "/tenant"),
        ("state", "/state"),
        ("closed", "/closed"),
        ("acts since", "/accessed/since"),
    ];
    output::record(&contained, &named, arguments.format)?;
    let columns = [
        ("key", "/key_id"),
        ("first", "/first_at"),
        ("last", "/last_at"),
        ("from", "/ips"),
        ("acts", "/acts"),
    ];
    output::list(&contained, "/accessed/keys", columns, arguments.format)?;
    let tenant = output::cell(&contained, "/tenant");
    output::notice(format!(
        "`locule tenant resume {tenant}` (the operator's) serves it again."
    ));
    Ok(())
}
