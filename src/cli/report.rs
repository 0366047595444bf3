//! *`locule report`: how a tenant is kept*, from a running server: for its owner or auditor by their own
//! key, for an operator by the tenant's name.
//!
//! Called by: `cli`.

use reqwest::Method;

use super::client::{Client, parameter};
use super::output;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The tenant, for an operator. Whoever has a tenant's key reports of that tenant.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Print a page to read, not JSON.
    #[arg(long)]
    html: bool,
}

pub(crate) async fn run(client: &Client, arguments: Arguments) -> anyhow::Result<()> {
    let path = match &arguments.tenant {
        Some(tenant) => vec!["v1", "tenants", tenant, "report"],
        None => vec!["v1", "report"],
    };
    if arguments.html {
        let mut request = client.prepare(Method::GET, &path, None)?;
        parameter(&mut request, "format", "html");
        let page = client.execute(request).await?;
        return output::line(String::from_utf8_lossy(&page).trim_end());
    }
    output::json(&client.ask(Method::GET, &path, None).await?)
}
