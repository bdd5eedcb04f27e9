use super::*;
use carnelian_domain::{Problem, Rules, errors::CATALOGUE};
use std::collections::BTreeSet;

fn default_document() -> Value {
    document(&Interface { rules: &Rules::default(), settings: &[] })
}

/// A value and every value inside it.
fn values(value: &Value) -> Vec<&Value> {
    let inner: Vec<_> = match value {
        Value::Array(values) => values.iter().collect(),
        Value::Object(entries) => entries.values().collect(),
        _ => Vec::new(),
    };
    [value].into_iter().chain(inner.into_iter().flat_map(values)).collect()
}

#[test]
fn every_reference_has_a_target() {
    let document = default_document();
    let references = values(&document).into_iter().filter_map(|value| value.get("$ref")?.as_str());
    for reference in references {
        let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        assert!(target.is_some(), "{reference}");
    }
}

#[test]
fn every_operation_and_every_component_is_used() {
    let document = default_document();
    let referenced: BTreeSet<_> =
        values(&document).into_iter().filter_map(|value| value.get("$ref")?.as_str()).collect();
    for kind in ["parameters", "headers", "schemas", "examples"] {
        for name in document["components"][kind].as_object().expect("an object").keys() {
            assert!(referenced.contains(&*format!("#/components/{kind}/{name}")), "{kind}/{name} is not used");
        }
    }
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        assert_eq!(operation["operationId"], route.operation);
        assert!(operation["responses"]["200"].is_object(), "{operation}");
    }
}

#[test]
fn every_error_of_the_catalogue_appears_in_a_response_with_its_code_and_message() {
    let document = default_document();
    let places = [&document["paths"], &document["components"]["responses"]];
    let used: BTreeSet<_> = places
        .into_iter()
        .flat_map(values)
        .filter_map(|value| value.get("$ref")?.as_str()?.strip_prefix("#/components/examples/"))
        .collect();
    for row in CATALOGUE {
        let name = format!("{:?}", row.problem);
        assert!(used.contains(&*name), "no response has {name}");
        let value = &document["components"]["examples"][&name]["value"];
        assert_eq!(value["errorMessage"], row.message);
        assert_eq!(value.get("errorCode").and_then(Value::as_str), row.code);
    }
}

#[test]
fn the_example_of_a_broken_rule_names_the_field_and_the_limit() {
    let rules = Rules::default();
    let document = default_document();
    for (path, rule) in rules.text_rules() {
        let violations = &document["components"]["examples"][format!("{:?}", rule.invalid)]["value"]["violations"];
        let field = violations[0]["field"].as_str().expect("a string");
        assert!(field.ends_with(rule.field), "{path}: {violations}");
        assert_eq!(violations[0]["limit"], rule.max, "{path}");
    }
    let several = &document["components"]["examples"]["SeveralViolations"]["value"]["violations"];
    assert_eq!(several.as_array().map(Vec::len), Some(3), "{several}");
}

#[test]
fn schemas_list_keys_in_the_order_of_responses() {
    let document = default_document();
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let schema = |name: &str| keys(&document["components"]["schemas"][name]["properties"]);
    let read = examples::customer_details();
    assert_eq!(schema("CustomerDetails"), keys(&read));
    assert_eq!(schema("AddressDetails"), keys(&read["billingAddress"]));
    let error = &document["components"]["examples"]["SeveralViolations"]["value"];
    assert_eq!(schema("Error"), keys(error));
    let violation = &document["components"]["examples"]["InvalidCountry"]["value"]["violations"][0];
    assert_eq!(schema("Violation"), keys(violation));
}

#[test]
fn configured_limits_are_shown() {
    let mut rules = Rules::default();
    rules.set_max(Problem::InvalidCountry, 7);
    let settings = [PublishedSetting { key: "limits.country", value: "7".into(), help: "The longest country" }];
    let document = document(&Interface { rules: &rules, settings: &settings });
    let country = &document["components"]["schemas"]["Address"]["properties"]["country"];
    assert_eq!(country["maxLength"], 7);
    assert_eq!(country["description"], "The limit is configurable: `limits.country`.");
    assert_eq!(document["x-settings"][0]["value"], "7");
    let page = page(&document);
    assert!(page.contains("at most 7 characters") && page.contains("<code>limits.country</code>"), "{page}");
}
