//! The checker: holds raw input against the rule table, and finds every violation at once.

use crate::{
    customer::{Address, Contact, CustomerDraft, CustomerName, PersonalDetails, Text},
    directory::is_control,
    errors::Problem,
    rules::{ADDRESS_FIELDS, CONTACT_FIELDS, Rules, TextRule},
};

/// A text field as it arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RawText<'a> {
    /// Missing or null.
    #[default]
    Absent,
    /// A string.
    Text(&'a str),
    /// Something else than a string.
    WrongType,
}

impl RawText<'_> {
    fn is_blank(self, blank: impl Fn(&str) -> bool) -> bool {
        match self {
            RawText::Absent => true,
            RawText::Text(text) => blank(text),
            RawText::WrongType => false,
        }
    }
}

/// A customer as it arrived: its shape is right, its values have not been looked at.
#[derive(Clone, Debug, Default)]
pub struct RawCustomer<'a> {
    /// `name`.
    pub name: RawText<'a>,
    /// `accountName`.
    pub account_name: RawText<'a>,
    /// `securityQuestion`.
    pub security_question: RawText<'a>,
    /// `securityAnswer`.
    pub security_answer: RawText<'a>,
    /// `shipToBillAddress`.
    pub ship_to_bill_address: bool,
    /// `contacts`, each with its fields in the order of the rules.
    pub contacts: Vec<[RawText<'a>; CONTACT_FIELDS]>,
    /// `billingAddress`, with its fields in the order of the rules.
    pub billing_address: Option<[RawText<'a>; ADDRESS_FIELDS]>,
    /// `shippingAddress`, likewise.
    pub shipping_address: Option<[RawText<'a>; ADDRESS_FIELDS]>,
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where: the path of the field, as in `contacts[2].mobile`.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
    /// The true upper limit, where the rule has one.
    pub limit: Option<usize>,
}

impl Violation {
    /// A violation of a rule that has no upper limit.
    pub fn new(field: impl Into<String>, problem: Problem) -> Violation {
        Violation { field: field.into(), problem, limit: None }
    }
}

impl Rules {
    /// Holds a customer against every rule that needs no look at the registry.
    ///
    /// The violations come in the order in which they are answered: by code, then by place in the document.
    pub fn check(&self, raw: &RawCustomer<'_>) -> Result<CustomerDraft, Vec<Violation>> {
        let mut checker = Checker { violations: Vec::new() };
        let draft = checker.customer(self, raw);
        checker.violations.sort_by_key(|violation| violation.problem);
        match draft {
            Some(draft) if checker.violations.is_empty() => Ok(draft),
            _ => Err(checker.violations),
        }
    }
}

struct Checker {
    violations: Vec<Violation>,
}

impl Checker {
    fn customer(&mut self, rules: &Rules, raw: &RawCustomer<'_>) -> Option<CustomerDraft> {
        let blank_name = raw.name.is_blank(|text| text.trim().is_empty());
        let name = self.required(&rules.name, raw.name, blank_name, Problem::CustomerNameRequired);
        let no_account = raw.account_name.is_blank(str::is_empty);
        let account_name = self.required(&rules.account_name, raw.account_name, no_account, Problem::AccountIdRequired);
        let (security_question, security_answer) = self.security(rules, raw);
        if raw.contacts.len() > rules.max_contacts {
            let limit = Some(rules.max_contacts);
            self.violations.push(Violation { field: "contacts".into(), problem: Problem::TooManyContacts, limit });
        }
        let contacts = raw.contacts.iter().enumerate();
        let contacts = contacts.map(|(index, contact)| self.contact(rules, index, contact)).collect();
        let billing_address = raw.billing_address.map(|raw| self.address(rules, "billingAddress", &raw));
        let shipping_address = raw.shipping_address.map(|raw| self.address(rules, "shippingAddress", &raw));
        if rules.require_shipping_address && !raw.ship_to_bill_address && shipping_address.is_none() {
            self.violations.push(Violation::new("shippingAddress", Problem::RequiredFieldsMissing));
        }
        Some(CustomerDraft {
            name: CustomerName(name?),
            account_name: account_name?,
            ship_to_bill_address: raw.ship_to_bill_address,
            details: PersonalDetails {
                security_question,
                security_answer,
                contacts,
                billing_address,
                shipping_address,
            },
        })
    }

    /// Question and answer come together or not at all; an empty one counts as absent.
    fn security(&mut self, rules: &Rules, raw: &RawCustomer<'_>) -> (Option<Text>, Option<Text>) {
        let no_question = raw.security_question.is_blank(str::is_empty);
        let no_answer = raw.security_answer.is_blank(str::is_empty);
        if no_answer && !no_question {
            self.violations.push(Violation::new("securityAnswer", Problem::SecurityAnswerMissing));
        }
        if no_question && !no_answer {
            self.violations.push(Violation::new("securityQuestion", Problem::SecurityQuestionMissing));
        }
        let mut text = |rule: &TextRule, raw, absent| {
            let text = self.text(rule, raw, || rule.field.to_owned());
            if absent { None } else { text }
        };
        (
            text(&rules.security_question, raw.security_question, no_question),
            text(&rules.security_answer, raw.security_answer, no_answer),
        )
    }

    fn contact(&mut self, rules: &Rules, index: usize, raw: &[RawText<'_>; CONTACT_FIELDS]) -> Contact {
        Contact(std::array::from_fn(|i| {
            let rule = &rules.contact[i];
            self.text(rule, raw[i], || format!("contacts[{index}].{}", rule.field))
        }))
    }

    fn address(&mut self, rules: &Rules, name: &str, raw: &[RawText<'_>; ADDRESS_FIELDS]) -> Address {
        Address(std::array::from_fn(|i| {
            let rule = &rules.address[i];
            self.text(rule, raw[i], || format!("{name}.{}", rule.field))
        }))
    }

    fn required(&mut self, rule: &TextRule, raw: RawText<'_>, missing: bool, problem: Problem) -> Option<Text> {
        if missing {
            self.violations.push(Violation::new(rule.field, problem));
            return None;
        }
        self.text(rule, raw, || rule.field.to_owned())
    }

    fn text(&mut self, rule: &TextRule, raw: RawText<'_>, path: impl FnOnce() -> String) -> Option<Text> {
        match raw {
            RawText::Absent => return None,
            RawText::Text(text) if fits(rule, text) => return Some(Text::trusted(text.to_owned())),
            RawText::Text(_) | RawText::WrongType => {}
        }
        self.violations.push(Violation { field: path(), problem: rule.invalid, limit: Some(rule.max) });
        None
    }
}

pub(crate) fn fits(rule: &TextRule, text: &str) -> bool {
    // A character takes at least one byte, so a text that is short in bytes need not be counted.
    let short = text.len() <= rule.max || text.chars().count() <= rule.max;
    let long = rule.min == 0 || text.chars().count() >= rule.min;
    short && long && !text.chars().any(is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> RawCustomer<'static> {
        let name = RawText::Text("Acme Customer");
        RawCustomer { name, account_name: RawText::Text("Acme"), ..RawCustomer::default() }
    }

    fn problems(raw: &RawCustomer<'_>) -> Vec<(String, Problem)> {
        let violations = Rules::default().check(raw).expect_err("a violation");
        violations.into_iter().map(|violation| (violation.field, violation.problem)).collect()
    }

    #[test]
    fn the_smallest_customer_is_a_name_and_an_account() {
        let draft = Rules::default().check(&valid()).expect("valid");
        assert_eq!(draft.name.0.as_str(), "Acme Customer");
        assert_eq!(draft.details, PersonalDetails::default());
    }

    #[test]
    fn violations_come_by_code_and_then_by_place() {
        let bad_contact = [RawText::WrongType; CONTACT_FIELDS];
        let raw = RawCustomer {
            account_name: RawText::Text("\u{1}"),
            contacts: vec![bad_contact, bad_contact],
            ..RawCustomer::default()
        };
        let found = problems(&raw);
        assert_eq!(found[0], ("accountName".into(), Problem::InvalidAccountId));
        assert_eq!(found[1], ("name".into(), Problem::CustomerNameRequired));
        assert_eq!(found[2], ("contacts[0].name".into(), Problem::InvalidContactName));
        assert_eq!(found[3], ("contacts[1].name".into(), Problem::InvalidContactName));
        assert_eq!(found.len(), 12);
    }

    #[test]
    fn question_and_answer_need_each_other_and_empty_is_absent() {
        let question = RawCustomer { security_question: RawText::Text("FirstConcert"), ..valid() };
        assert_eq!(problems(&question), [("securityAnswer".into(), Problem::SecurityAnswerMissing)]);
        let answer = RawCustomer { security_answer: RawText::Text("Journey"), ..valid() };
        assert_eq!(problems(&answer), [("securityQuestion".into(), Problem::SecurityQuestionMissing)]);
        let (empty, absent) = (RawText::Text(""), RawText::Absent);
        let both = RawCustomer { security_question: empty, security_answer: absent, ..valid() };
        assert_eq!(Rules::default().check(&both).expect("valid").details.security_question, None);
    }

    #[test]
    fn a_limit_counts_characters_not_bytes() {
        let (at, beyond) = ("😀".repeat(60), "😀".repeat(61));
        assert!(Rules::default().check(&RawCustomer { name: RawText::Text(&at), ..valid() }).is_ok());
        let found = problems(&RawCustomer { name: RawText::Text(&beyond), ..valid() });
        assert_eq!(found, [("name".into(), Problem::InvalidCustomerName)]);
    }

    #[test]
    fn a_required_shipping_address_is_not_needed_when_goods_go_where_bills_go() {
        let rules = Rules { require_shipping_address: true, ..Rules::default() };
        assert!(rules.check(&RawCustomer { ship_to_bill_address: true, ..valid() }).is_ok());
        let violations = rules.check(&valid()).expect_err("a violation");
        assert_eq!(violations, [Violation::new("shippingAddress", Problem::RequiredFieldsMissing)]);
    }
}
