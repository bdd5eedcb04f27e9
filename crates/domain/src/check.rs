//! Checks a customer against the rule table.

use crate::{
    customer::{Address, Contact, CustomerDraft, CustomerName, PersonalDetails, Text},
    errors::Problem,
    input::{BrokenRule, RawText, Violation, Violations},
    rules::{ADDRESS_FIELDS, CONTACT_FIELDS, Rules, TextRule},
};
use std::fmt;

impl RawText<'_> {
    fn is_blank(self, blank: impl Fn(&str) -> bool) -> bool {
        match self {
            RawText::Absent => true,
            RawText::Text(text) => blank(text),
            RawText::WrongType => false,
        }
    }
}

/// A customer as received: the document has the right shape, its values are unchecked.
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
    /// `contacts`, the fields of each in the order of the rules.
    pub contacts: Vec<[RawText<'a>; CONTACT_FIELDS]>,
    /// `billingAddress`, its fields in the order of the rules.
    pub billing_address: Option<[RawText<'a>; ADDRESS_FIELDS]>,
    /// `shippingAddress`, its fields in the order of the rules.
    pub shipping_address: Option<[RawText<'a>; ADDRESS_FIELDS]>,
}

impl Rules {
    /// Checks a customer against every rule that needs no access to the registry.
    ///
    /// Violations are in the order of the response: by error code, then by position in the document.
    pub fn check(&self, raw: &RawCustomer<'_>) -> Result<CustomerDraft, Vec<Violation>> {
        let mut checker = Checker { rules: self, violations: Violations::default() };
        let draft = checker.customer(raw);
        checker.violations.finish(draft)
    }
}

struct Checker<'a> {
    rules: &'a Rules,
    violations: Violations,
}

impl Checker<'_> {
    fn customer(&mut self, raw: &RawCustomer<'_>) -> Option<CustomerDraft> {
        let rules = self.rules;
        let no_name = raw.name.is_blank(|text| text.trim().is_empty());
        let name = self.required(&rules.name, raw.name, no_name, Problem::CustomerNameRequired);
        let no_account = raw.account_name.is_blank(str::is_empty);
        let account_name = self.required(&rules.account_name, raw.account_name, no_account, Problem::AccountIdRequired);
        let (security_question, security_answer) = self.security(raw);
        if raw.contacts.len() > rules.max_contacts {
            let limit = Some(rules.max_contacts);
            self.violations.add("contacts", BrokenRule { problem: Problem::TooManyContacts, limit });
        }
        let contacts = raw.contacts.iter().enumerate();
        let contacts = contacts.map(|(index, contact)| self.contact(index, contact)).collect();
        let billing_address = raw.billing_address.map(|raw| self.address("billingAddress", &raw));
        let shipping_address = raw.shipping_address.map(|raw| self.address("shippingAddress", &raw));
        if rules.require_shipping_address && !raw.ship_to_bill_address && shipping_address.is_none() {
            self.violations.add("shippingAddress", Problem::RequiredFieldsMissing);
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

    /// The question and the answer require each other; an empty string counts as absent.
    fn security(&mut self, raw: &RawCustomer<'_>) -> (Option<Text>, Option<Text>) {
        let rules = self.rules;
        let no_question = raw.security_question.is_blank(str::is_empty);
        let no_answer = raw.security_answer.is_blank(str::is_empty);
        if no_answer && !no_question {
            self.violations.add("securityAnswer", Problem::SecurityAnswerMissing);
        }
        if no_question && !no_answer {
            self.violations.add("securityQuestion", Problem::SecurityQuestionMissing);
        }
        let question = self.text(&rules.security_question, raw.security_question, rules.security_question.field);
        let answer = self.text(&rules.security_answer, raw.security_answer, rules.security_answer.field);
        (question.filter(|_| !no_question), answer.filter(|_| !no_answer))
    }

    fn contact(&mut self, index: usize, raw: &[RawText<'_>; CONTACT_FIELDS]) -> Contact {
        Contact(std::array::from_fn(|i| {
            let rule = &self.rules.contact[i];
            self.text(rule, raw[i], format_args!("contacts[{index}].{}", rule.field))
        }))
    }

    fn address(&mut self, name: &str, raw: &[RawText<'_>; ADDRESS_FIELDS]) -> Address {
        Address(std::array::from_fn(|i| {
            let rule = &self.rules.address[i];
            self.text(rule, raw[i], format_args!("{name}.{}", rule.field))
        }))
    }

    fn required(&mut self, rule: &TextRule, raw: RawText<'_>, missing: bool, problem: Problem) -> Option<Text> {
        if missing {
            self.violations.add(rule.field, problem);
            return None;
        }
        self.text(rule, raw, rule.field)
    }

    fn text(&mut self, rule: &TextRule, raw: RawText<'_>, path: impl fmt::Display) -> Option<Text> {
        let allowed = |text: &str| rule.allows(text).then(|| Text::trusted(text.to_owned()));
        self.violations.optional(path, raw, rule, allowed)
    }
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
    fn a_name_and_an_account_are_enough() {
        let draft = Rules::default().check(&valid()).expect("valid");
        assert_eq!(draft.name.0.as_str(), "Acme Customer");
        assert_eq!(draft.details, PersonalDetails::default());
    }

    #[test]
    fn violations_are_sorted_by_code_and_then_by_position() {
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
    fn question_and_answer_require_each_other_and_an_empty_one_is_absent() {
        let question = RawCustomer { security_question: RawText::Text("FirstConcert"), ..valid() };
        assert_eq!(problems(&question), [("securityAnswer".into(), Problem::SecurityAnswerMissing)]);
        let answer = RawCustomer { security_answer: RawText::Text("Journey"), ..valid() };
        assert_eq!(problems(&answer), [("securityQuestion".into(), Problem::SecurityQuestionMissing)]);
        let (empty, absent) = (RawText::Text(""), RawText::Absent);
        let both = RawCustomer { security_question: empty, security_answer: absent, ..valid() };
        assert_eq!(Rules::default().check(&both).expect("valid").details.security_question, None);
        let both = RawCustomer { security_answer: answer.security_answer, ..question };
        let details = Rules::default().check(&both).expect("valid").details;
        let stored = [details.security_question, details.security_answer];
        assert_eq!(
            stored.each_ref().map(|text| text.as_ref().map(Text::as_str)),
            [Some("FirstConcert"), Some("Journey")]
        );
    }

    #[test]
    fn a_customer_has_at_most_four_contacts() {
        let with_contacts = |count| RawCustomer { contacts: vec![[RawText::Absent; CONTACT_FIELDS]; count], ..valid() };
        let check = |count| Rules::default().check(&with_contacts(count)).map(|draft| draft.details.contacts.len());
        assert_eq!([check(0), check(4)], [Ok(0), Ok(4)]);
        for count in [5, 6] {
            let refused = Violation { limit: Some(4), ..Violation::new("contacts", Problem::TooManyContacts) };
            assert_eq!(check(count), Err(vec![refused]), "{count}");
        }
    }

    #[test]
    fn a_limit_counts_characters_not_bytes() {
        let (at, beyond) = ("😀".repeat(60), "😀".repeat(61));
        assert!(Rules::default().check(&RawCustomer { name: RawText::Text(&at), ..valid() }).is_ok());
        let found = problems(&RawCustomer { name: RawText::Text(&beyond), ..valid() });
        assert_eq!(found, [("name".into(), Problem::InvalidCustomerName)]);
    }

    #[test]
    fn a_shipping_address_is_not_required_when_shipping_to_the_billing_address() {
        let rules = Rules { require_shipping_address: true, ..Rules::default() };
        assert!(rules.check(&RawCustomer { ship_to_bill_address: true, ..valid() }).is_ok());
        let violations = rules.check(&valid()).expect_err("a violation");
        assert_eq!(violations, [Violation::new("shippingAddress", Problem::RequiredFieldsMissing)]);
    }
}
