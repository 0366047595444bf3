//! Users of an identity provider that behaved oddly, for their tenant's owner.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::SuspendedSubject,
    http::{
        body::NoBody,
        caller::{Caller, Waits},
        parameters::Path,
        refusal::Refusal,
    },
};

/// A user whose tokens aren't believed.
#[derive(Serialize, ToSchema)]
#[schema(as = SuspendedSubject)]
pub(super) struct Shown {
    /// As in the audit log: the issuer's name, and a digest of the token's `sub`.
    subject: String,
    #[schema(format = DateTime)]
    suspended_at: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SuspendedSubjects)]
pub(super) struct Listed {
    subjects: Vec<Shown>,
}

/// Lists the users of identity providers that are suspended for behaving oddly.
#[utoipa::path(
    get,
    path = "/v1/subjects",
    tag = "keys",
    responses((status = 200, description = "They.", body = Listed))
)]
pub(super) async fn list(caller: Caller, _: NoBody) -> Result<Json<Listed>, Refusal> {
    let subjects = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.suspended_subjects(principal)
        })
        .await?;
    Ok(Json(Listed {
        subjects: subjects.into_iter().map(shown).collect(),
    }))
}

/// Believes a user's tokens again.
#[utoipa::path(
    post,
    path = "/v1/subjects/{subject}/resume",
    tag = "keys",
    params(("subject" = String, Path, description = "As it is listed")),
    responses((status = 200, description = "Since when it was suspended.", body = Shown))
)]
pub(super) async fn resume(
    caller: Caller,
    Path(subject): Path<String>,
    _: NoBody,
) -> Result<Json<Shown>, Refusal> {
    let subject = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.resume_subject(principal, &subject)
        })
        .await?;
    Ok(Json(shown(subject)))
}

fn shown(subject: SuspendedSubject) -> Shown {
    Shown {
        subject: subject.actor,
        suspended_at: subject.since.to_string(),
    }
}
