//! `…/jobs`, `…/jobs/{jobId}`, its cancellation and its result.

use super::{
    shape::{self, Form},
    wire::JobReply,
};
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    response::{self, Response},
    rws::v1::wire::PageReply,
};
use carnelian_app::{
    admin::input::{self, RawJob},
    jobs::{Job, JobWork},
};
use carnelian_domain::{JobId, Problem, Timestamp};
use hyper::StatusCode;

/// Lists the jobs of this server.
pub(crate) async fn list_jobs(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "list_jobs").await?;
    let page = admin.list_jobs(request.query().paging().check()?).await?;
    let now = request.app.clock().now();
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, |job| JobReply::new(job, now))))
}

/// Creates a job.
pub(crate) async fn create_job(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "create_job").await?;
    let document = shape::document(request.headers(), &request.body)?;
    let form = Form::read(&document, &["kind", "reason"])?;
    let raw = RawJob { kind: form.text("kind"), reason: form.text("reason") };
    let (work, reason) = raw.check()?;
    Ok(reply(&admin.because(reason).create_job(work).await?, request.app.clock().now()))
}

/// Reads a job.
pub(crate) async fn get_job(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "get_job").await?;
    Ok(reply(&admin.get_job(job_id(&request)?).await?, request.app.clock().now()))
}

/// Cancels a job.
pub(crate) async fn cancel_job(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "cancel_job").await?;
    let document = shape::document(request.headers(), &request.body)?;
    let reason = input::reason(Form::read(&document, &["reason"])?.text("reason"))?;
    Ok(reply(&admin.because(reason).cancel_job(job_id(&request)?).await?, request.app.clock().now()))
}

/// Deletes a job that has ended.
pub(crate) async fn delete_job(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "delete_job").await?;
    let reason = input::reason(request.query().text("reason"))?;
    Ok(reply(&admin.because(reason).delete_job(job_id(&request)?).await?, request.app.clock().now()))
}

/// Sends the result of a job.
pub(crate) async fn get_job_result(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "get_job_result").await?;
    let result = admin.get_job_result(job_id(&request)?).await?;
    let (media_type, name) = match result.job.work {
        JobWork::Backup { .. } => ("application/octet-stream", format!("{}.backup", result.job.id())),
    };
    Ok(response::file(result.file, result.bytes, media_type, &name))
}

fn job_id(request: &RequestContext) -> Result<JobId, Problem> {
    request.path.get(0).and_then(JobId::from_digits).ok_or(Problem::JobNotFound)
}

fn reply(job: &Job, now: Timestamp) -> Response {
    response::json(StatusCode::OK, &JobReply::new(job, now))
}
