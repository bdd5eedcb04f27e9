//! What an import says about files that other programs have written.

use std::fs;

use blackbox::TestDir;

use super::{assert_rejects, import, names, test_dir};

/// Imports bytes, and returns the error.
fn refused(test_dir: &TestDir, name: &str, content: &[u8], more: &[&str]) -> String {
    fs::write(test_dir.root().join(name), content).expect("a file can be written");
    test_dir.cli(&[&["customer", "import", name], more].concat()).fails(1)
}

#[test]
fn quoting_beyond_rfc_4180_is_rejected_with_its_column() {
    let test_dir = test_dir();
    let csv = "name,accountName,billingAddress.city\n\
        \"Ann \\\"the\\\" Boss\",Acme,\n\
        Bob,Acme,the \"City\"\n\
        \"Carl\" ,Acme,\n\
        Dora, \"Acme\",\n\
        \"Eve \"\"the\"\" Boss\",Acme,\"\"\n";
    let outcome = import(&test_dir, "customers.csv", csv, &["--rejects", "rejects.csv"]);
    let after =
        "text after the closing quote of a cell; double each quote in it, and check for an unclosed quote before it";
    let plain = "a quote in a cell that does not begin with one; put the cell in quotes and double each quote in it";
    let expected = [
        format!("row 2: name: {after}"),
        format!("row 3: billingAddress.city: {plain}"),
        format!("row 4: name: {after}"),
        format!("row 5: accountName: {plain}"),
    ];
    assert_rejects(&outcome, &expected.each_ref().map(String::as_str));
    assert_eq!(names(&test_dir), ["Eve \"the\" Boss"]);

    // The rejected rows are as they were: imported uncorrected, they are rejected again.
    let rejects = fs::read_to_string(test_dir.root().join("rejects.csv")).expect("there are rejects");
    let cells: Vec<_> = rejects.lines().skip(1).zip(csv.lines().skip(1)).collect();
    assert!(cells.iter().all(|(reject, row)| reject.ends_with(row)), "{rejects}");
    test_dir.cli(&["customer", "import", "rejects.csv", "--rejects", "again.csv"]).fails(1);
    let again = fs::read_to_string(test_dir.root().join("again.csv")).expect("there are rejects");
    assert_eq!(again, rejects);
    let mended = rejects.replace("Ann \\\"the\\\" Boss", "Ann").replace("the \"City\"", "City");
    let mended = mended.replace("\"Carl\" ", "Carl").replace(" \"Acme\"", "Acme");
    import(&test_dir, "mended.csv", &mended, &[]).done();
    assert_eq!(names(&test_dir), ["Eve \"the\" Boss", "Ann", "Bob", "Carl", "Dora"]);
}

#[test]
fn a_text_in_another_encoding_is_rejected_with_its_column() {
    let test_dir = test_dir();
    let csv = b"name,accountName,billingAddress.city\nM\xfcller,Acme,K\xf6ln\nMeier,Acme,Bonn\n";
    let why = refused(&test_dir, "customers.csv", csv, &[]);
    assert!(why.contains("row 2: name: not UTF-8 (byte FC, as in a file in Windows-1252"), "{why}");
    assert!(why.contains("; billingAddress.city: not UTF-8 (byte F6,"), "{why}");
    assert!(!why.contains("characters allowed"), "{why}");
    let lines = b"{\"name\":\"M\xfcller\",\"accountName\":\"Acme\"}\n";
    let why = refused(&test_dir, "customers.jsonl", lines, &[]);
    assert!(why.contains("row 1: not UTF-8 (byte FC"), "{why}");
    let header = b"name,accountName,Stra\xdfe\nA,Acme,B\n";
    assert!(refused(&test_dir, "customers.csv", header, &[]).contains("column 3: not UTF-8 (byte DF"));
    assert_eq!(names(&test_dir), ["Meier"]);
}

#[test]
fn a_file_of_another_kind_is_refused_with_what_to_do() {
    let test_dir = test_dir();
    let utf16 = |little: bool| -> Vec<u8> {
        let units = "name,accountName\nA,Acme\n".encode_utf16();
        units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    };
    let array = b"[\n  {\"name\":\"A\",\"accountName\":\"Acme\"}\n]\n";
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("a.csv", [&b"\xff\xfe"[..], &utf16(true)].concat(), "UTF-16"),
        ("a.csv", [&b"\xfe\xff"[..], &utf16(false)].concat(), "UTF-16"),
        ("a.csv", utf16(true), "UTF-16"),
        ("a.csv", utf16(false), "UTF-16"),
        ("a.csv", b"PK\x03\x04\x14\x00".to_vec(), "spreadsheet"),
        ("a.csv", b"\x1f\x8b\x08\x00".to_vec(), "gzip"),
        ("a.json", array.to_vec(), "JSON array"),
        ("a", array.to_vec(), "JSON array"),
        ("a.jsonl", b"\xef\xbb\xbf [".to_vec(), "JSON array"),
        ("a.csv", b"{\"name\":\"A\"}\n".to_vec(), "--format jsonl"),
    ];
    for (name, content, why) in cases {
        let error = refused(&test_dir, name, &content, &[]);
        assert!(error.contains(why) && error.contains(name), "{why}: {error}");
    }
    assert!(names(&test_dir).is_empty());
}

#[test]
fn other_separators_and_control_characters_are_named() {
    let test_dir = test_dir();
    let csv = "name,accountName\nAnn;Acme\nBob\tAcme\nCarl,Ac\u{b}me\nDora\t,Acme\n";
    let rejected = [
        "row 2: the cells are separated by semicolons; separate them by commas",
        "row 3: the cells are separated by tabs; separate them by commas",
        "row 4: accountName: 10000004 Invalid accountId. \
            (the text contains the control character U+000B)",
        "row 5: name: 10000582 Invalid customer name. Number of characters allowed 1 - 60. \
            (the text contains the control character U+0009)",
    ];
    assert_rejects(&import(&test_dir, "customers.csv", csv, &[]), &rejected);
}

#[test]
fn a_table_of_a_spreadsheet_is_imported() {
    let test_dir = test_dir();
    // Names in another case and with spaces, empty cells and rows at the end, missing cells.
    let csv = "\u{feff} Name ,ACCOUNTNAME,billingaddress.City,,\r\n\
        Ann,Acme,Bonn,,\r\n\
        Bob,Acme\r\n\
        ,,,,\r\n\
        Carl,Acme,,,,,,\r\n\
        ,,,,\r\n\
        \"\",,\r\n";
    let outcome = import(&test_dir, "customers.csv", csv, &["--rejects", "rejects.csv"]);
    assert!(outcome.stderr.contains("3 rows: 3 created"), "{outcome:?}");
    assert!(outcome.stderr.contains("3 empty rows were left out, the first of them row 4\n"), "{outcome:?}");
    outcome.done();
    assert_eq!(names(&test_dir), ["Ann", "Bob", "Carl"]);
    let one = import(&test_dir, "one.csv", "name,accountName\nDora,Acme\n,\n", &[]);
    assert!(one.stderr.contains("row 3 is empty and was left out\n"), "{one:?}");
    let none = import(&test_dir, "none.csv", "name,accountName\n,\n", &["--account", "Acme"]);
    assert!(none.stderr.contains("0 rows: ") && none.stderr.contains("row 2 is empty"), "{none:?}");
    none.done();
}

#[test]
fn what_can_be_known_before_the_first_row_stops_an_import_before_it() {
    let test_dir = test_dir();
    test_dir.account("Leaving");
    test_dir.cli(&["account", "request-erasure", "--yes", "Leaving"]).done();
    let csv = "name,accountName\nOne,Acme\nTwo,\n";
    test_dir.write("there.csv", "precious");
    let cases: [(&[&str], &str); 5] = [
        (&["--rejects", "missing/dir/r.csv"], "missing/dir/r.csv: No such file or directory"),
        (&["--rejects", "."], "."),
        (&["--rejects", "there.csv"], "already exists"),
        (&["--rejects", "/proc/r.csv"], "/proc/r.csv"),
        (&["--account", "Leaving"], "erasure"),
    ];
    for (more, why) in cases {
        let error = import(&test_dir, "customers.csv", csv, more).fails(1);
        assert!(error.contains(why) && !error.contains("created,"), "{more:?}: {error}");
    }
    test_dir.cli(&["customer", "import", "customers.csv", "--account", " Acme", "--create-accounts"]).fails(2);
    assert!(names(&test_dir).is_empty());
    assert_eq!(fs::read_to_string(test_dir.root().join("there.csv")).ok().as_deref(), Some("precious"));
}

/// Runs a command on a terminal of 60 columns, and prints what the terminal gets.
const ON_A_TERMINAL: &str = r#"
import fcntl, os, pty, struct, sys, termios
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    try:
        output = os.read(terminal, 65536)
    except OSError:
        break
    if not output:
        break
    os.write(1, output)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

/// The parts of a terminal's output between two returns to the start of a line, without control sequences.
fn visible(output: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut characters = output.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => {
                // `ESC [`, parameters, and a letter.
                while characters.next().is_some_and(|character| !character.is_ascii_alphabetic()) {}
            }
            '\r' | '\n' => lines.push(String::new()),
            other => lines.last_mut().expect("there is a line").push(other),
        }
    }
    lines
}

#[test]
fn the_progress_bar_fits_the_terminal_and_is_removed() {
    let test_dir = test_dir();
    let rows: String = (0..6000).map(|row| format!("Customer {row},Acme\n")).collect();
    test_dir.write("customers.csv", &format!("name,accountName\n,Acme\n{rows}"));
    let mut command = test_dir.program("python3".as_ref());
    command.args(["-c", ON_A_TERMINAL]).arg(blackbox::binary::path()).env("TERM", "xterm");
    command.args(["customer", "import", "customers.csv", "--data"]).arg(test_dir.data());
    let output = command.output().expect("python3 can be run");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = visible(&text);
    let bars: Vec<_> = lines.iter().filter(|line| line.contains("rows/s")).collect();
    assert!(!bars.is_empty(), "a bar was shown: {text:?}");
    assert!(bars.iter().all(|bar| bar.trim_end().chars().count() <= 60), "a longer line wraps: {bars:?}");
    assert!(!text.contains("\\u001b") && !text.contains("\\u000d"), "control sequences act: {text:?}");
    let lines_of = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    let said = ["row 2: name: 10000581 ", "6001 rows: 6000 created", "error: 1 row was rejected"];
    assert_eq!(said.map(lines_of), [1, 1, 1], "{text:?}");
}
