//! `…/jobs`, `…/jobs/{jobId}`, its cancellation, its file and its result.

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
    let form = Form::read_job(&document)?;
    let raw = RawJob {
        kind: form.text("kind"),
        account: form.text("accountName"),
        format: form.text("format"),
        on_duplicate: form.text("onDuplicate"),
        create_accounts: form.flag("createAccounts"),
        dry_run: form.flag("dryRun"),
        reason: form.text("reason"),
    };
    let (new, reason) = raw.check()?;
    Ok(reply(&admin.because(reason).create_job(&new).await?, request.app.clock().now()))
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

/// Takes the file of an import.
pub(crate) async fn put_job_input(
    mut request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "put_job_input").await?;
    let upload = request.upload.take().ok_or(Problem::JobNotFound)?;
    Ok(reply(&admin.put_job_input(upload).await?, request.app.clock().now()))
}

/// Sends the result of a job.
pub(crate) async fn get_job_result(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "get_job_result").await?;
    let result = admin.get_job_result(job_id(&request)?).await?;
    let suffix = match result.job.work {
        JobWork::Import { .. } => "rejects",
        JobWork::Export { format, .. } => format.name(),
        JobWork::Backup { .. } => "backup",
    };
    Ok(response::file(result.file, result.bytes, &format!("{}.{suffix}", result.job.id())))
}

fn job_id(request: &RequestContext) -> Result<JobId, Problem> {
    request.path.get(0).and_then(JobId::from_digits).ok_or(Problem::JobNotFound)
}

fn reply(job: &Job, now: Timestamp) -> Response {
    response::json(StatusCode::OK, &JobReply::new(job, now))
}
