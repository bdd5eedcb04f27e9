//! One operation on the page.

use super::{
    html::{self, block, code, entries, escape, prose, text},
    schema,
};
use serde_json::Value;
use std::fmt::Write;

/// An operation: its description, parameters, body and responses.
pub(super) fn section(document: &Value, method: &str, path: &str, operation: &Value) -> String {
    let signs_in = entries(&operation["security"]).next().is_some();
    let access = if signs_in { "Requires credentials." } else { "Requires no credentials." };
    let mut section = format!(
        "<section class=\"operation\" id=\"{id}\">\n<h3>{summary} <a href=\"#{id}\" aria-label=\"Link to {summary}\">#</a></h3>\n\
         <p class=\"route\">{} <code>{}</code></p>\n{}<p class=\"access\">{access}</p>\n",
        html::method(method),
        escape(path).replace('/', "/<wbr>"),
        prose(&operation["description"]),
        id = text(&operation["operationId"]),
        summary = text(&operation["summary"]),
    );
    section += &parameters(document, operation);
    section += &body(operation);
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        section += &self::response(document, status, response);
    }
    section + "</section>\n"
}

/// The target of a reference, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn parameters(document: &Value, operation: &Value) -> String {
    let row = |parameter: &Value| {
        let parameter = resolved(document, parameter);
        let need = if parameter["required"] == true { "required" } else { "optional" };
        vec![
            code(&text(&parameter["name"])),
            format!("{}, {need}", text(&parameter["in"])),
            schema::kind(&parameter["schema"]),
            text(&parameter["description"]),
        ]
    };
    let rows = entries(&operation["parameters"]).map(row);
    format!("<h4>Parameters</h4>\n{}", html::table(&["Name", "In", "Type", "Description"], rows))
}

fn body(operation: &Value) -> String {
    let content = operation["requestBody"]["content"].as_object().into_iter().flatten();
    let one = |(media_type, content): (&String, &Value)| {
        let kind = schema::kind(&content["schema"]);
        format!("<h4>Body</h4>\n<p>{kind}, as {}</p>\n{}", code(&escape(media_type)), block(&content["example"]))
    };
    content.map(one).collect()
}

fn response(document: &Value, status: &str, response: &Value) -> String {
    let family = if status.starts_with('2') { "good" } else { "bad" };
    let mut html =
        format!("<h4><span class=\"status {family}\">{status}</span> {}</h4>\n", text(&response["description"]));
    let headers = response["headers"].as_object().into_iter().flatten();
    let headers: Vec<_> = headers.map(|(name, _)| code(&escape(name))).collect();
    let _ = writeln!(html, "<p class=\"headers\">Headers: {}</p>", headers.join(", "));
    for content in response["content"].as_object().into_iter().flat_map(|content| content.values()) {
        let examples = content["examples"].as_object().into_iter().flatten();
        html.extend(examples.map(|(name, example)| self::example(name, resolved(document, example))));
        if let Some(example) = content.get("example") {
            html += &format!("<p>{}</p>\n{}", schema::kind(&content["schema"]), block(example));
        }
    }
    html
}

/// An error, collapsed to its code and message.
pub(super) fn example(name: &str, example: &Value) -> String {
    format!(
        "<details class=\"error\">\n<summary>{} <small>{}</small></summary>\n{}</details>\n",
        text(&example["summary"]),
        escape(name),
        block(&example["value"])
    )
}
