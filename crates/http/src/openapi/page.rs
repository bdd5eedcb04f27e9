//! The document as a page: plain HTML with an inline style sheet, without scripts or external resources.

mod html;
mod operation;
mod schema;

use html::{code, entries, prose, text};
use serde_json::Value;
use std::fmt::Write;

/// The page's style sheet. [`POLICY`] contains its digest.
const STYLE: &str = include_str!("page/style.css");

/// The content security policy: the inline style sheet is the only resource that is allowed.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'sha256-lKMne6hv8CXwsouLLowAMqUoCjepACmVNds0QTBye20='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Renders a document as a page.
pub(crate) fn page(document: &Value) -> String {
    let info = &document["info"];
    let title = text(&info["title"]);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} API</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n{}<main id=\"main\">\n{}{}{}{}{}\
         </main>\n</body>\n</html>\n",
        contents(document),
        introduction(document),
        groups(document),
        schemas(document),
        errors(document),
        settings(document),
    )
}

/// Every operation of a document with its method and path, in the document's order.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    })
}

fn contents(document: &Value) -> String {
    let mut links = String::new();
    for tag in entries(&document["tags"]) {
        let _ = write!(links, "<p>{}</p>\n<ul>\n", text(&tag["name"]));
        for (method, _, operation) in operations(document).filter(|(.., operation)| operation["tags"][0] == tag["name"])
        {
            let (id, summary) = (text(&operation["operationId"]), text(&operation["summary"]));
            let _ = writeln!(links, "<li><a href=\"#{id}\">{}<span>{summary}</span></a></li>", html::method(method));
        }
        links.push_str("</ul>\n");
    }
    let more = [("schemas", "Schemas"), ("errors", "Errors"), ("settings", "Settings")];
    let more: String = more.iter().map(|(id, name)| format!("<li><a href=\"#{id}\">{name}</a></li>\n")).collect();
    format!(
        "<nav aria-label=\"Contents\">\n<p class=\"brand\"><a href=\"#main\">{}</a></p>\n<details open>\n\
         <summary>Contents</summary>\n{links}<p>Reference</p>\n<ul>\n{more}</ul>\n</details>\n</nav>\n",
        text(&document["info"]["title"])
    )
}

fn introduction(document: &Value) -> String {
    let info = &document["info"];
    let basic = &document["components"]["securitySchemes"]["basic"];
    format!(
        "<header>\n<h1>{} <small>{}</small></h1>\n{}\
         <p>Authentication: HTTP Basic. {}</p>\n\
         <p>OpenAPI {} document: <a href=\"/openapi.json\">/openapi.json</a></p>\n</header>\n",
        text(&info["title"]),
        text(&info["version"]),
        prose(&info["description"]),
        text(&basic["description"]),
        text(&document["openapi"]),
    )
}

fn groups(document: &Value) -> String {
    let mut groups = String::new();
    for tag in entries(&document["tags"]) {
        let _ = write!(groups, "<h2>{}</h2>\n{}", text(&tag["name"]), prose(&tag["description"]));
        for (method, path, operation) in operations(document) {
            if operation["tags"][0] == tag["name"] {
                groups.push_str(&operation::section(document, method, path, operation));
            }
        }
    }
    groups
}

fn schemas(document: &Value) -> String {
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    let sections: String = schemas.map(|(name, schema)| schema::section(name, schema)).collect();
    format!("<h2 id=\"schemas\">Schemas</h2>\n{sections}")
}

fn errors(document: &Value) -> String {
    let examples = document["components"]["examples"].as_object().into_iter().flatten();
    let rows: String = examples.map(|(name, example)| operation::example(name, example)).collect();
    format!("<h2 id=\"errors\">Errors</h2>\n<p>Every error, with an example of the response body.</p>\n{rows}")
}

fn settings(document: &Value) -> String {
    let row = |setting: &Value| {
        vec![code(&text(&setting["key"])), code(&text(&setting["value"])), text(&setting["description"])]
    };
    let rows = entries(&document["x-settings"]).map(row);
    format!(
        "<h2 id=\"settings\">Settings</h2>\n<p>The settings of this server that affect its callers.</p>\n{}",
        html::table(&["Setting", "Value", "What it does"], rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::digest::{SHA256, digest};
    use data_encoding::BASE64;

    #[test]
    fn the_policy_contains_the_digest_of_the_style_sheet() {
        let digest = BASE64.encode(digest(&SHA256, STYLE.as_bytes()).as_ref());
        assert!(POLICY.contains(&format!("style-src 'sha256-{digest}';")), "the style's digest is {digest}");
    }
}
