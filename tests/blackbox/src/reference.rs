//! The published reference pages.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A row of the published error table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorRow {
    /// The HTTP status.
    pub status: u16,
    /// The `errorCode`, if there is one.
    pub code: Option<String>,
    /// The `errorMessage`.
    pub message: String,
}

/// A row of the published route table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteRow {
    /// The method.
    pub method: String,
    /// The path, with parameters in braces.
    pub template: String,
}

/// The root folder of the workspace.
pub fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("the package is two folders below the root").to_path_buf()
}

/// The published error table, or none if it has not been generated.
pub fn errors() -> Option<Vec<ErrorRow>> {
    let page = fs::read_to_string(workspace().join("docs/reference/errors.md")).ok()?;
    Some(rows(&page).filter_map(|cells| error_row(&cells)).collect())
}

/// The published route table, or none if it has not been generated.
pub fn routes() -> Option<Vec<RouteRow>> {
    let page = fs::read_to_string(workspace().join("docs/reference/routes.md")).ok()?;
    Some(rows(&page).filter_map(|cells| route_row(&cells)).collect())
}

/// The published OpenAPI document.
pub fn openapi() -> Value {
    let path = workspace().join("docs/reference/openapi.json");
    let text = fs::read_to_string(path).expect("docs/reference/openapi.json is published");
    serde_json::from_str(&text).expect("the published document is JSON")
}

/// Whether a path, or another template, matches `template`.
pub fn matches(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let (expected, actual): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    expected.len() == actual.len() && expected.iter().zip(&actual).all(|(expected, actual)| segment(expected, actual))
}

/// A segment matches itself or any value of its parameter: `v{apiVersion}` matches `v1`.
fn segment(expected: &str, actual: &str) -> bool {
    match expected.split_once('{') {
        Some((prefix, _)) => actual.len() > prefix.len() && actual.starts_with(prefix),
        None => expected == actual,
    }
}

/// The paths of the text fields of a customer, from the published page of fields.
pub fn fields() -> Option<Vec<String>> {
    let page = fs::read_to_string(workspace().join("docs/reference/fields.md")).ok()?;
    let field = |cells: Vec<String>| cells.get(1)?.parse::<u32>().ok().map(|_| cells[0].clone());
    Some(rows(&page).filter_map(field).collect())
}

fn error_row(cells: &[String]) -> Option<ErrorRow> {
    let [code, status, message, ..] = cells else { return None };
    let status = status.parse().ok()?;
    let code = code.bytes().all(|byte| byte.is_ascii_digit()).then(|| code.clone());
    Some(ErrorRow { status, code, message: message.clone() })
}

fn route_row(cells: &[String]) -> Option<RouteRow> {
    let [method, template, ..] = cells else { return None };
    let is_route = template.starts_with('/');
    is_route.then(|| RouteRow { method: method.clone(), template: template.clone() })
}

/// The cells of every row of every table, without backquotes.
fn rows(page: &str) -> impl Iterator<Item = Vec<String>> {
    page.lines().filter(|line| line.starts_with('|')).map(|line| {
        let line = line.trim().trim_matches('|');
        line.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_without_their_headings() {
        let page = "# Errors\n\n| errorCode | HTTP status | errorMessage |\n|---|---|---|\n\
                    | `10000024` | 400 | Invalid apiVersion. |\n| (absent) | 404 | `Not found` |\n";
        let rows: Vec<_> = rows(page).filter_map(|cells| error_row(&cells)).collect();
        let row = |status, code: Option<&str>, message: &str| ErrorRow {
            status,
            code: code.map(str::to_owned),
            message: message.to_owned(),
        };
        assert_eq!(rows, [row(400, Some("10000024"), "Invalid apiVersion."), row(404, None, "Not found")]);
    }

    #[test]
    fn a_template_matches_its_paths_and_no_others() {
        let template = "/rws/api/v{apiVersion}/customers/{customerId}";
        assert!(matches(template, "/rws/api/v1/customers/17?x=y"));
        assert!(!matches(template, "/rws/api/v1/customers"));
        assert!(!matches(template, "/rws/api/v1/customers/"));
        assert!(!matches(template, "/rws/api/x1/customers/17"));
    }
}
