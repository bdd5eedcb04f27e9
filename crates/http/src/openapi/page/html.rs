//! HTML fragments.

use serde_json::Value;

/// Escapes the characters that are special in HTML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A value of the document: a string as text with code in backticks, anything else as JSON.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => marked(text),
        other => escape(&other.to_string()),
    }
}

/// The elements of an array.
pub(super) fn entries(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Paragraphs.
pub(super) fn prose(value: &Value) -> String {
    let paragraphs = value.as_str().unwrap_or_default().split("\n\n").filter(|text| !text.is_empty());
    paragraphs.map(|text| format!("<p>{}</p>\n", marked(text))).collect()
}

/// Inline code. The argument is HTML.
pub(super) fn code(html: &str) -> String {
    format!("<code>{html}</code>")
}

/// Indented JSON.
pub(super) fn block(value: &Value) -> String {
    let json = serde_json::to_string_pretty(value).unwrap_or_default();
    format!("<pre tabindex=\"0\"><code>{}</code></pre>\n", escape(&json))
}

/// An HTTP method.
pub(super) fn method(method: &str) -> String {
    format!("<span class=\"method {method}\">{}</span>", method.to_uppercase())
}

/// A table. The cells are HTML; each repeats the name of its column, which narrow screens show in place of the head.
pub(super) fn table(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let heads: String = columns.iter().map(|column| format!("<th scope=\"col\">{column}</th>")).collect();
    let cell = |(column, html): (&&str, String)| format!("<td data-column=\"{column}\">{html}</td>");
    let row = |cells: Vec<String>| format!("<tr>{}</tr>\n", columns.iter().zip(cells).map(cell).collect::<String>());
    format!(
        "<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
        rows.map(row).collect::<String>()
    )
}

fn marked(text: &str) -> String {
    let piece = |(index, piece): (usize, &str)| if index % 2 == 1 { code(&escape(piece)) } else { escape(piece) };
    text.split('`').enumerate().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped() {
        let shown = text(&Value::from("<b> & \"q\" `a<b` 's"));
        assert_eq!(shown, "&lt;b&gt; &amp; &quot;q&quot; <code>a&lt;b</code> &#39;s");
    }
}
