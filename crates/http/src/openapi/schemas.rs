//! The schemas of the document: those of requests, and those of responses, which are derived from the wire types.

use super::{
    examples,
    interface::Interface,
    operations::{GROUPS, Reply},
    requests,
};
use crate::error::Envelope;
use schemars::{
    Schema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Map, Value, json};

/// Every schema by its name.
pub(super) struct Schemas(Map<String, Value>);

impl Schemas {
    /// Generates the schemas of all operations.
    pub(super) fn new(interface: &Interface<'_>) -> Schemas {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let mut generator = settings.with(|settings| settings.definitions_path = PATH.into()).into_generator();
        for operation in GROUPS.iter().flat_map(|group| group.operations) {
            if let Reply::Json { schema, .. } = operation.reply {
                schema(&mut generator);
            }
        }
        generator.subschema_for::<Envelope<'_>>();
        let mut schemas: Map<_, _> =
            requests::all(interface).into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
        schemas.extend(derived(&mut generator));
        schemas["CustomerDetails"]["examples"] = json!([examples::customer_details()]);
        Schemas(schemas)
    }

    /// Every schema by its name.
    pub(super) fn all(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The description of a schema.
    pub(super) fn description(&self, name: &str) -> &Value {
        &self.0[name]["description"]
    }

    /// Whether a body of that schema has required fields.
    pub(super) fn requires_content(&self, name: &str) -> bool {
        self.0[name]["required"].is_array()
    }

    /// A body of that schema, with an example.
    pub(super) fn content(&self, name: &str) -> Value {
        let schema = reference(name);
        let example = self.example(&schema);
        json!({ "schema": schema, "example": example })
    }

    /// An example of a schema: its own if it has one, else made of the examples of its parts.
    fn example(&self, schema: &Value) -> Value {
        let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        let own = schema.pointer("/examples/0").or_else(|| schema.get("const")).or_else(|| schema.pointer("/enum/0"));
        match (own, name) {
            (Some(example), _) => example.clone(),
            (None, Some(name)) => self.example(&self.0[name]),
            (None, None) => match (&schema["properties"], &schema["items"]) {
                (Value::Object(properties), _) => {
                    properties.iter().map(|(key, schema)| (key.clone(), self.example(schema))).collect()
                }
                (_, Value::Object(_)) => json!([self.example(&schema["items"])]),
                _ => Value::Null,
            },
        }
    }
}

/// Where the document keeps its schemas.
const PATH: &str = "/components/schemas";

/// A reference to a schema.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#{PATH}/{name}") })
}

/// The schemas that the generator has derived. Objects have no keys but those described.
fn derived(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut definitions = generator.take_definitions(false);
    for schema in definitions.values_mut() {
        if let Ok(schema) = <&mut Schema>::try_from(schema) {
            RecursiveTransform(use_openapi_formats).transform(schema);
            schema.insert("additionalProperties".to_owned(), json!(false));
        }
    }
    definitions
}

/// Replaces the formats of Rust's integers, of which OpenAPI knows only the signed ones.
fn use_openapi_formats(schema: &mut Schema) {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    if format == "uint64" {
        schema.insert("format".to_owned(), json!("int64"));
    } else if format.starts_with("uint") {
        schema.remove("format");
    }
}
