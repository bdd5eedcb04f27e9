//! Imports and exports as jobs: the file that is sent, and the result.

use std::fmt::Write;
use std::fs::{self, File};

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Reply, Request, TestDir, sample, wait};
use serde_json::{Value, json};

use super::jobs::{create, ended, files};
use super::{delete, get, patch, post, text, user_id};
use crate::tenant_fixture::TenantFixture;

/// How many rows a server that is killed has to import.
const ROWS: usize = 30_000;

/// Sends the file of an import.
fn send(operator: &Client, id: &str, file: &str) -> Reply {
    operator.send(Request::new("PUT", &format!("/admin/v1/jobs/{id}/input")).body(file))
}

/// Imports a file, and returns the job that has ended.
fn import(operator: &Client, job: &Value, file: &str) -> Value {
    let id = create(operator, job);
    assert_eq!(text(&get(operator, &format!("jobs/{id}")), "status"), "Waiting");
    send(operator, &id, file).must_succeed("a file");
    ended(operator, &id)
}

fn result(operator: &Client, job: &Value) -> Reply {
    get(operator, &format!("jobs/{}/result", job["jobId"].as_str().expect("an id")))
}

/// Keeps servers of a directory from running jobs until it is dropped.
fn hold_jobs(test_dir: &TestDir) -> File {
    let folder = test_dir.data().join("jobs");
    fs::create_dir_all(&folder).expect("a folder");
    let lock = File::create(folder.join("lock")).expect("a file");
    lock.lock().expect("can be locked");
    lock
}

#[test]
fn a_file_is_imported_under_the_server_and_its_rejected_rows_are_the_result() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let file = "name,accountName\nOne,\nTwo,Nowhere\n,Acme\nThree,Rival\n";
    let job = import(&operator, &json!({ "kind": "import", "accountName": "Acme", "reason": "ticket 17" }), file);
    assert_eq!((&job["status"], &job["rows"], &job["error"]), (&json!("Done"), &json!(4), &json!(null)), "{job}");
    let counts = json!({ "storedBefore": 0, "created": 2, "updated": 0, "skipped": 0, "rejected": 2 });
    assert_eq!((&job["counts"], &job["totalBytes"]), (&counts, &json!(file.len())));
    let rejected = result(&operator, &job);
    let rejected = rejected.must_succeed("rejected rows").text().to_owned();
    let rows: Vec<_> = rejected.lines().collect();
    assert_eq!((rows.len(), rows[0]), (3, "rejectReason,name,accountName"), "{rejected}");
    assert!(rows[1].contains("20000003") && rows[1].ends_with(",Two,Nowhere"), "{rejected}");
    assert!(rows[2].contains("10000581"), "{rejected}");
    let found = operator.get(&format!("{CUSTOMERS}?name=One")).json();
    assert_eq!(found["customers"][0]["accountName"], "Acme", "{found}");
    // The file that was sent is gone.
    assert!(!files(&tenants.test_dir).iter().any(|file| file.extension().is_some_and(|end| end == "input")));
}

#[test]
fn a_dry_run_stores_nothing_and_reports_every_rejected_row() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let mut file = "name,accountName\n".to_owned();
    for row in 0..3000 {
        writeln!(file, "Same,{}", if row % 3 == 0 { "Nowhere" } else { "Acme" }).expect("a text grows");
    }
    let job = import(&operator, &json!({ "kind": "import", "dryRun": true }), &file);
    assert_eq!((&job["counts"]["created"], &job["counts"]["rejected"]), (&json!(1), &json!(2999)), "{job}");
    assert_eq!(result(&operator, &job).text().lines().count(), 3000);
    let found = operator.get(&format!("{CUSTOMERS}?name=Same")).json();
    assert_eq!(found["customers"], json!([]));
}

#[test]
fn an_export_is_what_the_command_exports() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    for (name, account) in [("One", "Acme"), ("Two", "Rival"), ("Three", "Acme")] {
        operator.create(&sample::full(name, account)).must_succeed("a create");
    }
    for (format, account) in [("csv", None), ("jsonl", None), ("csv", Some("Acme"))] {
        let id = create(&operator, &json!({ "kind": "export", "format": format, "accountName": account }));
        let job = ended(&operator, &id);
        let export = result(&operator, &job);
        let mut command = vec!["customer", "export", "--format", format];
        command.extend(account.into_iter().flat_map(|account| ["--account", account]));
        assert_eq!(export.must_succeed("an export").text(), tenants.test_dir.cli(&command).done());
        assert_eq!(job["rows"], if account.is_some() { 2 } else { 3 });
    }
    post(&operator, "jobs", &json!({ "kind": "export", "accountName": "Nowhere" }))
        .must_be(&ACCOUNT_NOT_FOUND, "no account");
    post(&operator, "jobs", &json!({ "kind": "export", "format": "xml" })).must_be(&INVALID_JOB, "no format");
}

#[test]
fn a_file_that_is_too_large_or_is_no_table_is_refused_and_nothing_of_it_stays() {
    let tenants = TenantFixture::start_with(|launch| launch.args(&["--jobs-upload-bytes=1000"]));
    let operator = tenants.client(&tenants.opal);
    let id = create(&operator, &json!({ "kind": "import" }));
    send(&operator, &id, &"x".repeat(1001)).must_be(&BODY_TOO_LARGE, "a large file");
    assert_eq!(files(&tenants.test_dir).len(), 2, "the record and the lock: {:?}", files(&tenants.test_dir));
    send(&operator, &id, "name;accountName\nOne;Acme\n").must_succeed("a file");
    let job = ended(&operator, &id);
    let why = job["error"].as_str().unwrap_or_default();
    assert!(job["status"] == "Failed" && why.contains("separate them by commas"), "{job}");
    send(&operator, &id, "name\n").must_be(&JOB_CLOSED, "a second file");
    get(&operator, &format!("jobs/{id}/result")).must_be(&NO_JOB_RESULT, "a failed import");
    for client in [&tenants.client(&tenants.ada), &tenants.client(&tenants.rita)] {
        send(client, &id, "name\n").must_be(&ROLE_NOT_ALLOWED, "no operator");
    }
    send(&operator, "17", "name\n").must_be(&JOB_NOT_FOUND, "no job");
}

#[test]
fn a_job_in_the_queue_is_cancelled_at_once_and_not_deleted() {
    let test_dir = TestDir::new();
    let held = hold_jobs(&test_dir);
    let tenants = TenantFixture::start_in(test_dir, |launch| launch);
    let operator = tenants.client(&tenants.opal);
    let (queued, waiting) =
        (create(&operator, &json!({ "kind": "backup" })), create(&operator, &json!({ "kind": "import" })));
    for id in [&queued, &waiting] {
        delete(&operator, &format!("jobs/{id}")).must_be(&JOB_OPEN, "a job that has not ended");
        get(&operator, &format!("jobs/{id}/result")).must_be(&NO_JOB_RESULT, "a job that has not ended");
        let cancelled = post(&operator, &format!("jobs/{id}/cancellation"), &json!({ "reason": "not needed" }));
        assert_eq!(text(&cancelled, "status"), "Cancelled");
    }
    send(&operator, &waiting, "name\n").must_be(&JOB_CLOSED, "a cancelled import");
    // Once jobs run again, these do not.
    let last = create(&operator, &json!({ "kind": "backup" }));
    drop(held);
    assert_eq!(ended(&operator, &last)["status"], "Done");
    assert_eq!(text(&get(&operator, &format!("jobs/{queued}")), "status"), "Cancelled");
}

#[test]
fn a_job_of_a_user_who_is_no_operator_any_more_fails() {
    let test_dir = TestDir::new();
    let held = hold_jobs(&test_dir);
    let tenants = TenantFixture::start_in(test_dir, |launch| launch);
    let other = tenants.test_dir.user("olga", "Acme", &["--role", "OPERATOR"]);
    let operator = tenants.client(&tenants.opal);
    let id = wait::until("the new operator is known", wait::NOTICE, || {
        let created = post(&tenants.client(&other), "jobs", &json!({ "kind": "export" }));
        (created.status == 200).then(|| text(&created, "jobId"))
    });
    let user = user_id(&operator, "olga");
    patch(&operator, &format!("users/{user}"), &json!({ "roleName": "ACCOUNTADMIN" })).must_succeed("a change");
    drop(held);
    let job = ended(&operator, &id);
    assert_eq!(job["error"], "the user who created the job is not an operator any more", "{job}");
    get(&operator, &format!("jobs/{id}/result")).must_be(&NO_JOB_RESULT, "an export that has failed");
}

#[test]
fn an_import_resumes_when_its_server_is_killed_and_no_row_is_lost_or_stored_twice() {
    let TenantFixture { mut server, test_dir, opal, .. } = TenantFixture::start();
    let operator = server.client_of(&opal);
    let mut file = "name,accountName\n".to_owned();
    for row in 0..ROWS {
        // One row of a thousand is rejected.
        writeln!(file, "Row {row},{}", if row % 1000 == 999 { "Nowhere" } else { "Acme" }).expect("a text grows");
    }
    let id = create(&operator, &json!({ "kind": "import" }));
    send(&operator, &id, &file).must_succeed("a file");
    for _ in 0..3 {
        let operator = server.client_of(&opal);
        wait::until("the import runs", wait::PATIENCE, || {
            let job = get(&operator, &format!("jobs/{id}")).json();
            let has_begun = job["status"] != "Queued";
            if has_begun && job["status"] == "Running" {
                get(&operator, &format!("jobs/{id}/result")).must_be(&NO_JOB_RESULT, "an unfinished import");
            }
            has_begun.then_some(())
        });
        server.kill();
        server = test_dir.serve();
    }
    let operator = server.client_of(&opal);
    let job = ended(&operator, &id);
    assert_eq!((&job["status"], &job["rows"]), (&json!("Done"), &json!(ROWS)), "{job}");
    let count = |key: &str| job["counts"][key].as_u64().expect("a number") as usize;
    let rejected = ROWS / 1000;
    assert_eq!((count("created") + count("storedBefore"), count("rejected")), (ROWS - rejected, rejected), "{job}");
    assert_eq!(result(&operator, &job).text().lines().count(), 1 + rejected);
    let exported = test_dir.cli(&["customer", "export"]).done();
    let names: Vec<_> = exported.lines().skip(1).map(|row| row.split(',').next().unwrap_or_default()).collect();
    let expected: Vec<_> = (0..ROWS).filter(|row| row % 1000 != 999).map(|row| format!("Row {row}")).collect();
    assert!(names.iter().eq(expected.iter()), "{} rows are stored", names.len());
    test_dir.cli(&["audit", "verify"]).done();
}

#[test]
fn an_export_or_a_backup_begins_again_when_its_server_is_killed() {
    for kind in ["export", "backup"] {
        let TenantFixture { server, test_dir, opal, .. } = TenantFixture::start();
        let operator = server.client_of(&opal);
        operator.create(&sample::full("Kept", "Acme")).must_succeed("a create");
        let id = create(&operator, &json!({ "kind": kind }));
        server.kill();
        let server = test_dir.serve();
        let operator = server.client_of(&opal);
        let job = ended(&operator, &id);
        assert_eq!(job["status"], "Done", "{job}");
        assert_eq!(job["resultBytes"], result(&operator, &job).body.len());
        let drafts = files(&test_dir).into_iter().filter(|file| file.extension().is_some_and(|end| end == "part"));
        assert_eq!(drafts.count(), 0);
    }
}

#[test]
fn results_with_customers_are_removed_before_the_receipt_of_an_erasure() {
    let tenants = TenantFixture::start_with(|launch| launch.args(&["--erasure-grace=0"]));
    let operator = tenants.client(&tenants.opal);
    tenants.client(&tenants.rex).create(&sample::full("Forgotten", "Rival")).must_succeed("a create");
    let export = create(&operator, &json!({ "kind": "export" }));
    let export = ended(&operator, &export);
    assert!(result(&operator, &export).text().contains("Forgotten"));
    let account = super::account_id(&operator, "Rival");
    post(&operator, &format!("accounts/{account}/erasure"), &json!({})).must_succeed("a request");
    wait::until("there is a receipt", wait::PATIENCE, || {
        let erasures = get(&operator, "erasures").json()["erasures"].as_array().expect("erasures").clone();
        erasures.iter().any(|erasure| erasure["accountId"] == account && !erasure["receipt"].is_null()).then_some(())
    });
    result(&operator, &export).must_be(&NO_JOB_RESULT, "an export of an erased account");
    for file in files(&tenants.test_dir) {
        let content = fs::read(&file).expect("can be read");
        assert!(!content.windows(9).any(|part| part == b"Forgotten"), "{}", file.display());
    }
}
