//! Schemas on the page.

use super::html::{self, code, entries, escape, prose, text};
use serde_json::Value;

/// A schema of the document, with its fields.
pub(super) fn section(name: &str, schema: &Value) -> String {
    let required: Vec<_> = entries(&schema["required"]).filter_map(Value::as_str).collect();
    let row = |(field, schema): (&String, &Value)| {
        let need = if required.contains(&field.as_str()) { "required" } else { "optional" };
        vec![code(&escape(field)), need.to_owned(), kind(schema), text(&schema["description"])]
    };
    let rows = schema["properties"].as_object().into_iter().flatten().map(row);
    format!(
        "<section class=\"schema\" id=\"schema-{name}\">\n<h3>{name}</h3>\n{}{}</section>\n",
        prose(&schema["description"]),
        html::table(&["Field", "Presence", "Type", "Description"], rows)
    )
}

/// The type and bounds of a value.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some(constant) = schema.get("const") {
        return code(&escape(&constant.to_string()));
    }
    let choices: Vec<_> = entries(&schema["anyOf"]).map(kind).collect();
    if !choices.is_empty() {
        return choices.join(" or ");
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        one => text(one),
    };
    let items = schema.get("items").map(|items| format!(" of {}", kind(items))).unwrap_or_default();
    format!("{types}{items}{}", bounds(schema))
}

fn bounds(schema: &Value) -> String {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    let most = |most: u64, unit: &str| format!(", at most {most} {unit}");
    match (bound("minLength"), bound("maxLength"), bound("maxItems"), bound("maximum")) {
        (Some(fewest), Some(longest), ..) => format!(", {fewest} to {longest} characters"),
        (None, Some(longest), ..) => most(longest, "characters"),
        (_, _, Some(count), _) => most(count, "items"),
        (_, _, _, Some(largest)) => format!(", up to {largest}"),
        _ => String::new(),
    }
}
