//! The compliance report: as JSON, or as a page to read and print.

use std::fmt::Write;

use axum::{
    Json,
    http::{HeaderValue, header::CONTENT_SECURITY_POLICY},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    backups, erasures, keys, retention,
    tenants::{self, QuotaFields},
};
use crate::{
    access::Watch,
    audit::Reads,
    engine::{ComplianceReport, Error, ErrorKind},
    http::{
        answer,
        caller::{Caller, Waits},
        parameters::{Parameters, Path},
        refusal::Refusal,
    },
    ops::{erase::Erasure, receipt::SignedReceipt},
    seal,
};

/// In which form.
#[derive(Clone, Copy, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Form {
    /// `json`, or `html` for a page.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    #[default]
    Json,
    Html,
}

/// How a tenant is kept, from what is so now.
#[derive(Serialize, ToSchema)]
#[schema(as = Report)]
pub(super) struct ReportOut {
    #[schema(format = DateTime)]
    made_at: String,
    tenant: String,
    state: &'static str,
    #[schema(required)]
    region: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    encryption: Encryption,
    quota: QuotaFields,
    #[schema(value_type = tenants::WatchFields)]
    watch: Watch,
    keys: Vec<KeyOut>,
    /// For the tenant's own eyes: none in an operator's report.
    #[schema(required)]
    stored: Option<StoredOut>,
    /// Collections with a retention: points of the others stay until they are deleted. Likewise.
    #[schema(required)]
    retention: Option<Vec<retention::Shown>>,
    /// Likewise.
    #[schema(required)]
    backups: Option<BackupsOut>,
    /// Likewise.
    #[schema(required)]
    erasures: Option<ErasuresOut>,
    audit: AuditOut,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReportEncryption)]
struct Encryption {
    /// How every value is sealed.
    cipher: &'static str,
    /// The tenant's current generation: each has a data key of its own.
    generation: u32,
    /// What is destroyed to destroy the data.
    key: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReportKey)]
struct KeyOut {
    #[serde(flatten)]
    key: keys::Shown,
    /// Whole days since it was made.
    age_days: u64,
    /// Whether it is past its time.
    expired: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReportStored)]
struct StoredOut {
    collections: usize,
    points: u64,
    bytes_on_disk: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReportBackups)]
struct BackupsOut {
    /// How many can be restored.
    restorable: usize,
    /// The last of those.
    #[schema(required)]
    last: Option<backups::Shown>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReportErasures)]
struct ErasuresOut {
    /// How many there are, the node's own acts of retention and rotation among them.
    count: usize,
    /// The last twenty, the last first.
    last: Vec<ErasureOut>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReportErasure)]
struct ErasureOut {
    #[serde(flatten)]
    erasure: erasures::Shown,
    /// The hash of its signed receipt, as the receipt after it names it; none until it is done.
    #[schema(required)]
    receipt_hash: Option<String>,
    /// Where the receipt is.
    #[schema(required)]
    receipt: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReportAudit)]
struct AuditOut {
    /// Entries in the tenant's own chain.
    entries: u64,
    /// `each` or `counted`: how reads are recorded. Everything else always has an entry of its own.
    reads: &'static str,
    /// Days that files of the log are kept; none if for ever.
    #[schema(required)]
    kept_days: Option<u64>,
    /// The id of the key that signs checkpoints.
    signer: String,
    /// Where the tenant's chain ends now, signed.
    checkpoint: Value,
}

/// How the caller's tenant is kept: keys and their age, roles, limits, encryption, retention, the last
/// backup, the last erasures with their receipts, what the audit log covers. From live state, not from a document.
#[utoipa::path(
    get,
    path = "/v1/report",
    tag = "audit",
    params(Form),
    responses((status = 200, description = "The report.", content((ReportOut = "application/json"), (String = "text/html"))))
)]
pub(super) async fn own(
    caller: Caller,
    Parameters(form): Parameters<Form>,
) -> Result<Response, Refusal> {
    let report = caller
        .run(Waits::Maybe, |engine, principal| engine.report(principal))
        .await?;
    shown(&report, form)
}

/// How a tenant is kept, for the operator: without what it has stored.
#[utoipa::path(
    get,
    path = "/v1/tenants/{id}/report",
    tag = "audit",
    params(("id" = String, Path, description = "The tenant's id"), Form),
    responses((status = 200, description = "The report.", content((ReportOut = "application/json"), (String = "text/html"))))
)]
pub(super) async fn about(
    caller: Caller,
    Path(id): Path<String>,
    Parameters(form): Parameters<Form>,
) -> Result<Response, Refusal> {
    let id = tenants::known(&id)?;
    let report = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.report_about(principal, &id)
        })
        .await?;
    shown(&report, form)
}

fn shown(report: &ComplianceReport, form: Form) -> Result<Response, Refusal> {
    let (tenant, own) = (&report.tenant, report.own.as_ref());
    let keys = report.keys.iter().map(|known| {
        let record = known.record();
        KeyOut {
            key: keys::shown_known(known),
            age_days: report.made.0.saturating_sub(record.created.0) / DAY_MILLIS,
            expired: record.expired(report.made),
        }
    });
    let audit = &report.audit;
    let failed = |_| Refusal::from(Error::new(ErrorKind::Internal, "the checkpoint is wrong"));
    let out = ReportOut {
        made_at: report.made.to_string(),
        tenant: tenant.id.to_string(),
        state: tenant.state.name(),
        region: tenant.region.clone(),
        created_at: tenant.created.to_string(),
        encryption: Encryption {
            cipher: if report.encrypts {
                "AES-256-GCM, with tenant, generation, kind and place as associated data"
            } else {
                "none"
            },
            generation: tenant.generation.0,
            key: "one for each tenant and generation, wrapped by the root key, in a file of its own",
        },
        quota: QuotaFields::joined(tenant.quota, report.policy.allowance),
        watch: report.policy.watch,
        keys: keys.collect(),
        stored: own.map(|own| StoredOut {
            collections: own.stored.collections,
            points: own.stored.points,
            bytes_on_disk: own.stored.disk_bytes,
        }),
        retention: own.map(|own| own.retentions.iter().cloned().map(Into::into).collect()),
        backups: own.map(|own| BackupsOut {
            restorable: own.backups,
            last: own.last_backup.as_ref().map(backups::shown),
        }),
        erasures: own.map(|own| ErasuresOut {
            count: own.erasures.len(),
            last: own
                .erasures
                .iter()
                .take(ERASURES_SHOWN)
                .map(erasure)
                .collect(),
        }),
        audit: AuditOut {
            entries: audit.entries,
            reads: match audit.options.reads {
                Reads::Each => "each",
                Reads::Counted => "counted",
            },
            kept_days: audit.options.keep.map(|keep| keep.as_secs() / 86_400),
            signer: audit.signer().map_err(failed)?,
            checkpoint: serde_json::from_str(&audit.checkpoint).unwrap_or_default(),
        },
    };
    if form.format == Format::Json {
        return Ok(Json(out).into_response());
    }
    let value = serde_json::to_value(&out).unwrap_or_default();
    let mut answer = answer::text(page(&value), "text/html; charset=utf-8");
    let style = STANDARD.encode(seal::digest(&[STYLE.as_bytes()]));
    let policy = format!("default-src 'none'; style-src 'sha256-{style}'; frame-ancestors 'none'");
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    Ok(answer)
}

fn erasure(erasure: &Erasure) -> ErasureOut {
    let receipt = erasure.receipt.as_deref();
    let read = receipt.and_then(|text| SignedReceipt::parse(text.as_bytes()).ok());
    ErasureOut {
        erasure: erasures::shown(erasure),
        receipt_hash: read.map(|receipt| receipt.hash().to_string()),
        receipt: receipt.map(|_| format!("/v1/erasures/{}/receipt", erasure.id)),
    }
}

/// The report as a page: what the JSON says, in tables. Nothing in it is taken for markup.
fn page(report: &Value) -> String {
    let mut body = String::new();
    section(&mut body, "Report", report, 1);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Locule: report</title>\
         <style>{STYLE}</style><body>{body}</body></html>\n"
    )
}

fn section(body: &mut String, title: &str, value: &Value, depth: usize) {
    let (mut rows, mut below) = (String::new(), String::new());
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => section(&mut below, name, value, depth + 1),
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
                for item in items {
                    let titles = ["name", "collection", "id"];
                    let title = titles.iter().find_map(|title| item.get(title)?.as_str());
                    section(&mut below, title.unwrap_or(name), item, depth + 1);
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Null => "none".to_owned(),
                    Value::Array(items) if items.is_empty() => "none".to_owned(),
                    Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                        value.to_string()
                    }
                };
                let (name, text) = (escaped(name), escaped(&text));
                // A text takes what is written.
                let _ = write!(rows, "<tr><th>{name}</th><td>{text}</td></tr>");
            }
        }
    }
    let (level, title) = (depth.min(4), escaped(title));
    let _ = write!(
        body,
        "<h{level}>{title}</h{level}><table>{rows}</table>{below}"
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// How the page looks. It is let through by its hash, and nothing else is.
const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
    table{border-collapse:collapse;width:100%}td,th{border:1px solid #ccc;padding:.3em .6em;\
    text-align:left;vertical-align:top;overflow-wrap:anywhere}";
/// Erasures that are shown; `GET /v1/erasures` has all.
const ERASURES_SHOWN: usize = 20;
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_takes_nothing_for_markup() {
        let report = json!({"tenant": "acme", "region": null, "retention": [], "keys": [{"name": "<script>alert(\"1\")</script>&"}]});
        let page = page(&report);
        assert!(!page.contains("<script"));
        assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;"));
        for (name, text) in [
            ("tenant", "acme"),
            ("region", "none"),
            ("retention", "none"),
        ] {
            assert!(page.contains(&format!("<th>{name}</th><td>{text}</td>")));
        }
    }
}
