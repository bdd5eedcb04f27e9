//! The commands of the documents, run in their order, and what the documents say that they print.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use blackbox::{TestDir, binary, reference};
use serde_json::Value;

/// A fenced block of a document.
struct Block {
    language: String,
    text: String,
}

/// Keys whose values differ from run to run.
const VARIABLE: [&str; 7] = ["timestamp", "keyId", "key", "lastUsedAt", "at", "lastLogin", "dateAdded"];

/// Headers whose values differ from run to run.
const VARIABLE_HEADERS: [&str; 2] = ["date: ", "x-request-id: "];

/// What no test can run: builds, downloads and placeholders.
const NOT_RUN: [&str; 3] = ["cargo ", "./test", "pip install"];

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for line in document.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => {
                blocks.push(Block { language: language.to_owned(), text: String::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let block = blocks.last_mut().expect("a block is open");
                block.text += line;
                block.text.push('\n');
            }
            (None, false) => {}
        }
    }
    blocks
}

/// The commands of a block, with every server in the background and the one before it stopped.
fn in_background(block: &str, server: &str) -> String {
    let mut text = String::new();
    if block.contains("carnelian serve") {
        text += "[ -z \"$(jobs -pr)\" ] || { kill $(jobs -pr); wait; }\n";
    } else if !server.is_empty() {
        // Not `… || SERVER &`, which would run it as the child of a shell, and only that shell would be killed.
        text += &format!("if [ -z \"$(jobs -pr)\" ]; then {server} > serve.out 2> serve.err & fi\n");
    }
    for line in block.lines() {
        let is_server = line.starts_with("carnelian serve");
        let command = line.split(" &").next().filter(|_| is_server);
        text += &command.map_or_else(|| line.to_owned(), |command| format!("{command} > serve.out 2> serve.err &"));
        text.push('\n');
    }
    if block.contains("kill %1") {
        text += "wait\n";
    }
    text
}

/// What differs from run to run is left out of a line.
fn comparable(line: &str) -> Option<String> {
    if VARIABLE_HEADERS.iter().any(|header| line.starts_with(header)) {
        return None;
    }
    let Ok(mut value @ Value::Object(_)) = serde_json::from_str::<Value>(line) else { return Some(line.to_owned()) };
    leave_out_variables(&mut value);
    Some(value.to_string())
}

/// Replaces the values that differ from run to run.
fn leave_out_variables(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(leave_out_variables),
        Value::Object(entries) => {
            for (key, value) in entries {
                if VARIABLE.contains(&key.as_str()) {
                    *value = Value::Null;
                } else {
                    leave_out_variables(value);
                }
            }
        }
        _ => {}
    }
}

fn lines(text: &str) -> Vec<String> {
    text.replace('\r', "").trim_end().lines().filter_map(comparable).collect()
}

/// Runs every command block of a document after `before`, and compares what each prints with the block after it. `server` is
/// started for a block that starts none while none runs.
#[track_caller]
fn run(path: &str, before: &str, server: &str) {
    let document = fs::read_to_string(reference::workspace().join(path)).expect("there is the document");
    let test_dir = TestDir::embedded();
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let address = format!("127.0.0.1:{port}");
    let blocks = blocks(&document);
    let is_run = |block: &Block| block.language == "sh" && NOT_RUN.iter().all(|word| !block.text.contains(word));
    // Requests wait for the server, as a reader does.
    let mut script = format!(
        "curl() {{ command curl --silent --retry 30 --retry-connrefused --retry-delay 1 \"$@\" && echo; }}\n\
         trap '[ -z \"$(jobs -pr)\" ] || kill $(jobs -pr)' EXIT\nset -e\n{before}\n"
    );
    let mut commands = Vec::new();
    let shown = ["registry", "moved"].map(|name| format!("postgres://carnelian@db.example/{name}"));
    let shown = shown.into_iter().filter(|url| document.contains(url));
    let databases: Vec<_> = shown.map(|url| (url, format!("'{}'", test_postgres::new_database()))).collect();
    for (index, block) in blocks.iter().enumerate().filter(|(_, block)| is_run(block)) {
        let text = in_background(&block.text, server).replace("127.0.0.1:8080", &address);
        let text = text.replace("0.0.0.0:8443", &address).replace("localhost:8443", &format!("localhost:{port}"));
        let text = text.replace(" /backups/", " ./backups/").replace(" /keys/", " ./keys/");
        let text = databases.iter().fold(text, |text, (shown, real)| text.replace(shown, real));
        let text = text.replace("/etc/carnelian", "./etc/carnelian").replace("/var/lib/", "./lib/");
        script += &format!("exec > out.{index} 2> err.{index}\n{text}\n");
        commands.push(index);
    }
    assert!(!commands.is_empty(), "{path} has no commands");
    let program = binary::path();
    let mut command = test_dir.program(Path::new("bash"));
    let folder = program.parent().expect("the program is in a folder").display();
    command.env("PATH", format!("{folder}:{}", std::env::var("PATH").unwrap_or_default()));
    command.env("CARNELIAN_LISTEN", &address).env("DOCUMENTS", reference::workspace().join("docs"));
    let output = command.args(["-c", &script]).output().expect("there is a shell");
    let printed = |kind: &str, index: usize| {
        fs::read_to_string(test_dir.root().join(format!("{kind}.{index}"))).unwrap_or_default()
    };
    let reached = commands.iter().rev().find(|index| test_dir.root().join(format!("out.{index}")).exists());
    assert!(
        output.status.success(),
        "{path}: a command failed: {}\n{:?}",
        reached.map_or_else(String::new, |index| blocks[*index].text.clone()
            + &printed("out", *index)
            + &printed("err", *index)),
        output
    );
    for index in commands {
        let Some(shown) = blocks.get(index + 1).filter(|next| ["json", "text"].contains(&&*next.language)) else {
            continue;
        };
        assert_eq!(
            lines(&printed("out", index)),
            lines(&shown.text),
            "{path}: {}{}",
            blocks[index].text,
            printed("err", index)
        );
    }
}

#[test]
fn the_readme_does_what_it_says() {
    run("README.md", "carnelian serve --demo > demo.out 2> demo.err &\ncurl http://$CARNELIAN_LISTEN/health/ready", "");
}

#[test]
fn the_page_of_the_api_does_what_it_says() {
    run("docs/api.md", "", "");
}

#[test]
fn the_page_of_operations_does_what_it_says() {
    // There is no user `carnelian` here, and nothing is installed for the whole machine.
    let before = "chown() { test -e \"$2\"; }\ninstall() { mkdir -m 700 \"${@: -1}\"; }\n\
        export CARNELIAN_DATA=./registry\nmkdir etc lib backups keys\ncarnelian account create Acme\n\
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.crt \
        -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2> openssl.err";
    run("docs/operations.md", before, "");
}

#[test]
fn the_guide_to_administration_does_what_it_says() {
    run("docs/guides/administration.md", "", "");
}

#[test]
fn the_guide_to_the_sandbox_does_what_it_says() {
    let files = "printf '#!/bin/sh\\n' > your-tests; chmod +x your-tests; printf '[[accounts]]\\nname = \"North\"\\n' > seed.toml";
    run("docs/guides/sandbox.md", files, "carnelian serve --sandbox");
}

#[test]
fn the_guide_to_erasures_does_what_it_says() {
    let before = "export CARNELIAN_DATA=./registry\ncarnelian account create Acme\n\
        mkdir backups keys\ncp registry/master.key keys/\n\
        carnelian serve > serve.out 2> serve.err &\ncurl http://$CARNELIAN_LISTEN/health/ready";
    run("docs/guides/erasure-and-backups.md", before, "");
}

#[test]
fn the_guide_to_imports_does_what_it_says() {
    let rows = "name,accountName\\nOne,Acme\\nTwo,Acme\\n";
    let before = format!("carnelian account create Acme\nprintf '{rows}' > customers.csv");
    run("docs/guides/import.md", &before, "");
}

#[test]
fn the_guide_to_postgresql_does_what_it_says() {
    run("docs/guides/postgres.md", "", "");
}

#[test]
fn the_guide_to_a_first_client_does_what_it_says() {
    run("docs/guides/first-client.md", "ln -s \"$DOCUMENTS\" docs", "carnelian serve --sandbox");
}
