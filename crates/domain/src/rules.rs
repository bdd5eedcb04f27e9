//! The rule table: the name of every field in the API, its bounds, and the problem that a violation is reported as.

use crate::{directory::is_control, errors::Problem};

/// The rule of one text field; lengths are counted in Unicode scalar values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRule {
    /// The field's name in the API.
    pub field: &'static str,
    /// The smallest number of characters.
    pub min: usize,
    /// The largest number of characters.
    pub max: usize,
    /// The problem if the bounds are broken, the type is wrong or the text contains a control character.
    pub invalid: Problem,
}

impl TextRule {
    /// Whether a text is within the bounds and free of control characters.
    pub fn allows(&self, text: &str) -> bool {
        // A character takes at least one byte, so a text that is short in bytes need not be counted.
        let short = text.len() <= self.max || text.chars().count() <= self.max;
        let long = self.min == 0 || text.chars().count() >= self.min;
        short && long && !text.chars().any(is_control)
    }
}

const fn text(field: &'static str, min: usize, max: usize, invalid: Problem) -> TextRule {
    TextRule { field, min, max, invalid }
}

/// The number of text fields of a contact.
pub const CONTACT_FIELDS: usize = 5;
/// The number of text fields of an address.
pub const ADDRESS_FIELDS: usize = 6;

/// The rules in force: the table of the specification, with configured limits.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The customer's name.
    pub name: TextRule,
    /// The name of the customer's account.
    pub account_name: TextRule,
    /// The security question.
    pub security_question: TextRule,
    /// The answer to the security question.
    pub security_answer: TextRule,
    /// The fields of a contact, in the order of a response.
    pub contact: [TextRule; CONTACT_FIELDS],
    /// The fields of an address, in the order of a response.
    pub address: [TextRule; ADDRESS_FIELDS],
    /// The largest number of contacts of a customer.
    pub max_contacts: usize,
    /// Whether a customer without `shipToBillAddress` must have a shipping address.
    pub require_shipping_address: bool,
}

impl Default for Rules {
    /// The table of the specification.
    fn default() -> Rules {
        Rules {
            name: text("name", 1, 60, Problem::InvalidCustomerName),
            account_name: text("accountName", 1, 100, Problem::InvalidAccountId),
            security_question: text("securityQuestion", 0, 100, Problem::InvalidSecurityQuestion),
            security_answer: text("securityAnswer", 0, 100, Problem::InvalidSecurityAnswer),
            contact: [
                text("name", 0, 40, Problem::InvalidContactName),
                text("title", 0, 40, Problem::InvalidContactTitle),
                text("phone", 0, 25, Problem::InvalidContactPhone),
                // The document's message says 40; its parameter table says 25, and the table binds.
                text("mobile", 0, 25, Problem::InvalidContactMobile),
                text("email", 0, 320, Problem::InvalidContactEmail),
            ],
            address: [
                text("addressLine1", 0, 40, Problem::InvalidAddressLine1),
                text("addressLine2", 0, 40, Problem::InvalidAddressLine2),
                text("city", 0, 40, Problem::InvalidCity),
                text("state", 0, 40, Problem::InvalidState),
                // The document's message says 100; its parameter table says 150, and the table binds.
                text("country", 0, 150, Problem::InvalidCountry),
                text("postalCode", 0, 15, Problem::InvalidPostalCode),
            ],
            max_contacts: 4,
            require_shipping_address: false,
        }
    }
}

impl Rules {
    /// Sets the largest length of the fields that report this problem.
    pub fn set_max(&mut self, invalid: Problem, max: usize) {
        let rules = self.contact.iter_mut().chain(&mut self.address);
        rules.filter(|rule| rule.invalid == invalid).for_each(|rule| rule.max = max);
    }

    /// The largest length of the fields that report this problem; 0 if there are none.
    pub fn max_of(&self, invalid: Problem) -> usize {
        let rules = self.text_rules();
        rules.iter().find(|(_, rule)| rule.invalid == invalid).map_or(0, |(_, rule)| rule.max)
    }

    /// Every text rule, with the path of its field in the API.
    pub fn text_rules(&self) -> Vec<(String, &TextRule)> {
        let top = [&self.name, &self.account_name, &self.security_question, &self.security_answer];
        let mut rules: Vec<_> = top.into_iter().map(|rule| (rule.field.to_owned(), rule)).collect();
        rules.extend(self.contact.iter().map(|rule| (format!("contacts[].{}", rule.field), rule)));
        for address in ["billingAddress", "shippingAddress"] {
            rules.extend(self.address.iter().map(|rule| (format!("{address}.{}", rule.field), rule)));
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limits whose message in the document disagrees with its parameter table.
    const DISAGREEING: [Problem; 2] = [Problem::InvalidContactMobile, Problem::InvalidCountry];

    #[test]
    fn bounds_are_those_in_the_messages() {
        for (path, rule) in Rules::default().text_rules() {
            let promised = format!("Number of characters allowed {} - {}.", rule.min, rule.max);
            let silent = !rule.invalid.message().contains("Number of characters");
            let agrees = rule.invalid.message().ends_with(&promised);
            assert!(silent || agrees != DISAGREEING.contains(&rule.invalid), "{path}: {promised}");
        }
    }

    #[test]
    fn every_text_field_of_the_document_has_a_rule() {
        let rules = Rules::default();
        let paths: std::collections::BTreeSet<_> = rules.text_rules().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths.len(), 4 + CONTACT_FIELDS + 2 * ADDRESS_FIELDS, "{paths:?}");
        for path in ["name", "securityAnswer", "contacts[].email", "billingAddress.city", "shippingAddress.postalCode"]
        {
            assert!(paths.contains(path), "{path}");
        }
    }

    #[test]
    fn a_configured_limit_changes_only_its_field() {
        let mut rules = Rules::default();
        rules.set_max(Problem::InvalidCountry, 100);
        rules.set_max(Problem::InvalidContactMobile, 40);
        assert_eq!(
            [Problem::InvalidCountry, Problem::InvalidContactMobile].map(|problem| rules.max_of(problem)),
            [100, 40]
        );
        for ((path, rule), (_, default)) in rules.text_rules().iter().zip(Rules::default().text_rules()) {
            let expected = match rule.field {
                "country" => 100,
                "mobile" => 40,
                _ => default.max,
            };
            assert_eq!(rule.max, expected, "{path}");
        }
    }
}
