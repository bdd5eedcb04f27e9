//! `…/jobs` and everything below it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use blackbox::problems::*;
use blackbox::{Client, Fixture, TestDir, json, sample, wait};
use serde_json::{Value, json};

use super::{delete, get, newest, post, text};
use crate::tenant_fixture::TenantFixture;

/// Creates a job and returns its id.
#[track_caller]
pub(crate) fn create(operator: &Client, job: &Value) -> String {
    text(&post(operator, "jobs", job), "jobId")
}

/// Waits until a job has ended.
#[track_caller]
pub(crate) fn ended(operator: &Client, id: &str) -> Value {
    wait::until("the job has ended", wait::PATIENCE, || {
        let job = get(operator, &format!("jobs/{id}")).must_succeed("a job").json();
        ["Done", "Failed", "Cancelled"].contains(&job["status"].as_str().expect("a status")).then_some(job)
    })
}

/// The files in the folder of jobs.
pub(super) fn files(test_dir: &TestDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(test_dir.data().join("jobs")).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn a_backup_that_a_job_has_written_is_downloaded_and_restored() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let customer = tenants.client(&tenants.ada).create(&sample::full("Kept", "Acme")).customer_id();
    let created = post(&operator, "jobs", &json!({ "kind": "backup", "reason": "before the move" }));
    let keys = [
        "jobId",
        "kind",
        "status",
        "accountId",
        "createdBy",
        "reason",
        "createdAt",
        "startedAt",
        "endedAt",
        "rows",
        "bytes",
        "totalBytes",
        "rowsPerSecond",
        "secondsLeft",
        "counts",
        "error",
        "resultBytes",
    ];
    assert_eq!(json::keys(created.must_succeed("a job").text()), keys);
    let id = text(&created, "jobId");
    let job = ended(&operator, &id);
    assert_eq!(
        (&job["status"], &job["error"], &job["reason"]),
        (&json!("Done"), &json!(null), &json!("before the move"))
    );
    let result = get(&operator, &format!("jobs/{id}/result"));
    result.must_succeed("a result");
    assert_eq!(result.header("content-type"), Some("application/octet-stream"));
    assert_eq!(job["resultBytes"], result.body.len());
    let backup = tenants.test_dir.root().join("downloaded");
    fs::write(&backup, &result.body).expect("can be written");
    // The ledger of the folder opens it.
    let ledger = tenants.test_dir.data().join("jobs/newest.ledger");
    let other = if tenants.test_dir.is_embedded() { TestDir::embedded() } else { TestDir::new() };
    other.copy_master_key(&tenants.test_dir);
    other.cli(&["restore", backup.to_str().expect("plain"), "--ledger", ledger.to_str().expect("plain")]).done();
    let restored = other.launch().start();
    restored.client_of(&tenants.ada).read(customer).must_succeed("a customer of the backup");
}

#[test]
fn what_is_done_with_a_job_is_in_the_audit_log() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let id = create(&operator, &json!({ "kind": "backup" }));
    ended(&operator, &id);
    get(&operator, &format!("jobs/{id}/result")).must_succeed("a result");
    delete(&operator, &format!("jobs/{id}?reason=done")).must_succeed("a deletion");
    let entries = newest(&operator, 6);
    let actions: Vec<_> = entries.iter().rev().map(|entry| entry["action"].as_str().expect("an action")).collect();
    assert_eq!(actions, ["create_job", "back_up", "write_ledger", "end_job", "get_job_result", "delete_job"]);
    let user = format!("user:{}", super::user_id(&operator, "opal"));
    for entry in entries.iter().filter(|entry| entry["object"] != "registry") {
        assert_eq!((&entry["object"], &entry["actor"]), (&json!(format!("job:{id}")), &json!(user)), "{entry}");
    }
    assert_eq!(entries[0]["reason"], "done");
}

#[test]
fn a_deleted_job_is_gone_with_its_files() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let id = create(&operator, &json!({ "kind": "backup" }));
    ended(&operator, &id);
    let of_job = |test_dir| files(test_dir).into_iter().filter(|file| file.to_string_lossy().contains(&id)).count();
    assert_eq!(of_job(&tenants.test_dir), 2, "its record and its result");
    delete(&operator, &format!("jobs/{id}")).must_succeed("a deletion");
    assert_eq!(of_job(&tenants.test_dir), 0);
    for path in ["", "/result"] {
        get(&operator, &format!("jobs/{id}{path}")).must_be(&JOB_NOT_FOUND, path);
    }
    delete(&operator, &format!("jobs/{id}")).must_be(&JOB_NOT_FOUND, "again");
    post(&operator, &format!("jobs/{id}/cancellation"), &json!({})).must_be(&JOB_NOT_FOUND, "a cancellation");
}

#[test]
fn a_job_that_has_ended_is_not_cancelled_and_what_is_no_job_is_not_created() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    for body in [json!({ "kind": "restore" }), json!({ "kind": "" })] {
        post(&operator, "jobs", &body).must_be(&INVALID_JOB, &body.to_string());
    }
    post(&operator, "jobs", &json!({})).must_be(&REQUIRED_FIELDS_MISSING, "no kind");
    let id = create(&operator, &json!({ "kind": "backup" }));
    ended(&operator, &id);
    post(&operator, &format!("jobs/{id}/cancellation"), &json!({})).must_be(&JOB_CLOSED, "a job that has ended");
}

#[test]
fn files_of_jobs_are_for_their_owner_only() {
    let fixture = Fixture::start();
    let operator = fixture.server.client_of(&fixture.test_dir.user("opal", "Acme", &["--role", "OPERATOR"]));
    ended(&operator, &create(&operator, &json!({ "kind": "backup" })));
    let mode = |path: PathBuf| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(fixture.test_dir.data().join("jobs")), 0o700);
    for file in files(&fixture.test_dir) {
        assert_eq!(mode(file.clone()), 0o600, "{}", file.display());
    }
}

#[test]
fn a_server_backs_up_by_itself_and_keeps_the_newest_backups() {
    let fixture = Fixture::start_with(|launch| launch.args(&["--backup-every=1s", "--backup-keep=2"]));
    let operator = fixture.server.client_of(&fixture.test_dir.user("opal", "Acme", &["--role", "OPERATOR"]));
    let backups = || {
        let jobs = get(&operator, "jobs").must_succeed("jobs").json()["jobs"].as_array().expect("jobs").clone();
        jobs.into_iter().filter(|job| job["status"] == "Done").collect::<Vec<_>>()
    };
    let first = wait::until("there is a backup", wait::PATIENCE, || backups().pop());
    assert_eq!((&first["createdBy"], &first["kind"]), (&json!("server"), &json!("backup")));
    let health = || fixture.server.client().get("/health/ready").must_succeed("a server with backups").json();
    let newest =
        wait::until("health says so", wait::PATIENCE, || health()["newestBackupAt"].as_str().map(str::to_owned));
    assert!(newest.as_str() >= first["createdAt"].as_str().expect("a time"), "{newest}");
    wait::until("newer ones have replaced it", wait::PATIENCE, || {
        let backups = backups();
        assert!(backups.len() <= 3, "{backups:?}");
        (!backups.contains(&first)).then_some(())
    });
}
