//! Customer files: what is read from one survives a round trip through either format.
#![no_main]

use carnelian_app::customers::CustomerDetails;
use carnelian_domain::{AccountId, CustomerDraft, CustomerId, Rules};
use carnelian_transfer::{
    Row,
    csv::{CsvRows, CsvWriter},
    jsonl::{JsonRows, JsonWriter},
};
use libfuzzer_sys::fuzz_target;

/// The account of rows that name none.
const ACCOUNT: Option<&str> = Some("Acme");

// One byte chooses the format, the others are the file.
fuzz_target!(|input: &[u8]| {
    let Some((choice, file)) = input.split_first() else { return };
    let rules = Rules::default();
    let read = if choice & 1 == 0 { csv(&rules, file) } else { json_lines(&rules, file) };
    let drafts: Vec<_> = read.into_iter().flatten().collect();
    let customers: Vec<_> = drafts.iter().map(customer).collect();
    let same = |read: Vec<Option<CustomerDraft>>| assert!(read.iter().map(Option::as_ref).eq(drafts.iter().map(Some)));
    same(csv(&rules, &as_csv(&rules, &customers)));
    same(json_lines(&rules, &as_json_lines(&rules, &customers)));
});

/// The customers of a CSV file, up to a row that cannot be read; nothing in place of one that is rejected.
fn csv(rules: &Rules, file: &[u8]) -> Vec<Option<CustomerDraft>> {
    let Ok(mut rows) = CsvRows::new(file, rules) else { return Vec::new() };
    let rows: Vec<_> = std::iter::from_fn(|| rows.next(rules, ACCOUNT).ok().flatten()).collect();
    let ends = file.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count() as u64;
    assert!(rows.iter().all(|row| (2..=ends + 1).contains(&row.number)), "a row begins where a line does");
    assert!(rows.iter().is_sorted_by(|before, row| before.number < row.number));
    rows.into_iter().map(checked).collect()
}

/// The same of JSON Lines.
fn json_lines(rules: &Rules, file: &[u8]) -> Vec<Option<CustomerDraft>> {
    let mut rows = JsonRows::new(file);
    let rows: Vec<_> = std::iter::from_fn(|| rows.next(rules, ACCOUNT).ok().flatten()).collect();
    let lines: Vec<_> = file.split(|byte| *byte == b'\n').collect();
    assert!(rows.iter().all(|row| (1..=lines.len() as u64).contains(&row.number)), "a row is a line");
    assert!(rows.iter().is_sorted_by(|before, row| before.number < row.number));
    rows.into_iter().map(checked).collect()
}

fn checked(row: Row) -> Option<CustomerDraft> {
    row.checked.map_err(|errors| assert!(!errors.is_empty(), "a rejected row has a reason")).ok()
}

fn customer(draft: &CustomerDraft) -> CustomerDetails {
    CustomerDetails {
        id: CustomerId(1),
        account: AccountId(1),
        account_name: draft.account_name.as_str().into(),
        name: draft.name.0.as_str().to_owned(),
        ship_to_bill_address: draft.ship_to_bill_address,
        details: draft.details.clone(),
        version: 1,
    }
}

fn as_csv(rules: &Rules, customers: &[CustomerDetails]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = CsvWriter::new(&mut file, rules).expect("memory takes everything");
    customers.iter().try_for_each(|customer| writer.write(customer)).expect("memory takes everything");
    writer.flush().expect("memory takes everything");
    drop(writer);
    file
}

fn as_json_lines(rules: &Rules, customers: &[CustomerDetails]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = JsonWriter::new(&mut file);
    customers.iter().try_for_each(|customer| writer.write(rules, customer)).expect("memory takes everything");
    file
}
