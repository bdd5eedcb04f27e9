//! Which customers are asked for, and what of them.

use crate::{
    check::{RawText, Violation, fits},
    customer::{CustomerName, Text},
    errors::Problem,
    ids::{CustomerId, Timestamp},
    paging::{Paging, RawPaging},
    rules::{Rules, TextRule},
};

/// A part of a customer that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CustomerField {
    /// The name.
    Name,
    /// The name of the account.
    AccountName,
    /// The security question.
    SecurityQuestion,
    /// The security answer.
    SecurityAnswer,
    /// Whether the billing address is shown as the shipping address.
    ShipToBillAddress,
    /// The contacts.
    Contacts,
    /// The billing address.
    BillingAddress,
    /// The shipping address.
    ShippingAddress,
    /// The id.
    CustomerId,
}

impl CustomerField {
    /// Every part, in the order in which the API shows them.
    pub const ALL: [CustomerField; 9] = [
        CustomerField::Name,
        CustomerField::AccountName,
        CustomerField::SecurityQuestion,
        CustomerField::SecurityAnswer,
        CustomerField::ShipToBillAddress,
        CustomerField::Contacts,
        CustomerField::BillingAddress,
        CustomerField::ShippingAddress,
        CustomerField::CustomerId,
    ];

    /// The part's name in the API.
    pub fn name(self) -> &'static str {
        match self {
            CustomerField::Name => "name",
            CustomerField::AccountName => "accountName",
            CustomerField::SecurityQuestion => "securityQuestion",
            CustomerField::SecurityAnswer => "securityAnswer",
            CustomerField::ShipToBillAddress => "shipToBillAddress",
            CustomerField::Contacts => "contacts",
            CustomerField::BillingAddress => "billingAddress",
            CustomerField::ShippingAddress => "shippingAddress",
            CustomerField::CustomerId => "customerId",
        }
    }
}

/// A request for customers as it arrived.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawListing<'a> {
    /// `accountName`.
    pub account_name: RawText<'a>,
    /// `name`.
    pub name: RawText<'a>,
    /// `namePrefix`.
    pub name_prefix: RawText<'a>,
    /// `modifiedSince`.
    pub modified_since: RawText<'a>,
    /// `after`.
    pub after: RawText<'a>,
    /// `fields`.
    pub fields: RawText<'a>,
    /// `pageSize` and `pageNumber`.
    pub paging: RawPaging<'a>,
}

/// A request for customers that has passed every rule; the names in it are personal and not for any log.
#[derive(Clone, PartialEq, Eq)]
pub struct Listing {
    /// The account that they are in, if one is named.
    pub account_name: Option<String>,
    /// The unique form of their name.
    pub unique_name: Option<String>,
    /// What the unique form of their name begins with.
    pub name_prefix: Option<String>,
    /// The earliest moment of their last write.
    pub modified_since: Option<Timestamp>,
    /// The customer that they come after.
    pub after: Option<CustomerId>,
    /// What is shown of them, in the order in which the API shows it.
    pub fields: Vec<CustomerField>,
    /// The part of all of them.
    pub paging: Paging,
}

impl Rules {
    /// Holds a request for customers against every rule that needs no look at the registry.
    ///
    /// The violations come in the order in which they are answered: by code.
    pub fn check_listing(&self, raw: &RawListing<'_>) -> Result<Listing, Vec<Violation>> {
        let mut violations = Vec::new();
        let listing = listing(self, raw, &mut violations);
        violations.sort_by_key(|violation| violation.problem);
        match listing {
            Some(listing) if violations.is_empty() => Ok(listing),
            _ => Err(violations),
        }
    }
}

fn listing(rules: &Rules, raw: &RawListing<'_>, violations: &mut Vec<Violation>) -> Option<Listing> {
    let names = |text: &str| text.trim().is_empty();
    let account_name = text(&rules.account_name, "accountName", raw.account_name, str::is_empty, violations);
    let name = text(&rules.name, "name", raw.name, names, violations);
    let name_prefix = text(&rules.name, "namePrefix", raw.name_prefix, names, violations);
    let mut parse = Parser { violations };
    let missing = Problem::RequiredFieldsMissing;
    let modified_since = parse.value("modifiedSince", raw.modified_since, missing, Timestamp::from_iso8601);
    let after = parse.value("after", raw.after, Problem::InvalidCustomerId, CustomerId::parse);
    let fields = parse.value("fields", raw.fields, missing, fields);
    let paging = raw.paging.check_into(violations);
    // A page of the rest is not one of the whole: both together mean nothing.
    let refused = violations.iter().any(|violation| violation.problem == Problem::InvalidPageNumber);
    if raw.after != RawText::Absent && raw.paging.page_number != RawText::Absent && !refused {
        violations.push(Violation::new("pageNumber", Problem::InvalidPageNumber));
    }
    Some(Listing {
        account_name,
        unique_name: name.map(|name| CustomerName(Text::trusted(name)).unique_form()),
        name_prefix: name_prefix.map(|prefix| CustomerName::unique_prefix(&prefix)),
        modified_since,
        after,
        fields: fields.unwrap_or_else(|| CustomerField::ALL.to_vec()),
        paging: paging?,
    })
}

/// A text that obeys a rule and is not blank, if there is one.
fn text(
    rule: &TextRule,
    parameter: &str,
    raw: RawText<'_>,
    blank: impl Fn(&str) -> bool,
    violations: &mut Vec<Violation>,
) -> Option<String> {
    match raw {
        RawText::Absent => return None,
        RawText::Text(text) if fits(rule, text) && !blank(text) => return Some(text.to_owned()),
        RawText::Text(_) | RawText::WrongType => {}
    }
    violations.push(Violation { field: parameter.into(), problem: rule.invalid, limit: Some(rule.max) });
    None
}

struct Parser<'a> {
    violations: &'a mut Vec<Violation>,
}

impl Parser<'_> {
    /// A value that can be read, if there is one.
    fn value<T>(
        &mut self,
        parameter: &str,
        raw: RawText<'_>,
        problem: Problem,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = match raw {
            RawText::Absent => return None,
            RawText::Text(text) => read(text),
            RawText::WrongType => None,
        };
        if value.is_none() {
            self.violations.push(Violation::new(parameter, problem));
        }
        value
    }
}

/// The parts that a list of names names, each once and in the order of the API.
fn fields(list: &str) -> Option<Vec<CustomerField>> {
    let field = |name| CustomerField::ALL.into_iter().find(|field| field.name() == name);
    let mut fields: Vec<_> = list.split(',').map(field).collect::<Option<_>>()?;
    fields.sort_unstable();
    fields.dedup();
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: RawListing<'_>) -> Result<Listing, Vec<(String, Problem)>> {
        let pair = |violation: Violation| (violation.field, violation.problem);
        Rules::default().check_listing(&raw).map_err(|violations| violations.into_iter().map(pair).collect())
    }

    fn found(raw: RawListing<'_>) -> Listing {
        check(raw).unwrap_or_else(|violations| panic!("{violations:?}"))
    }

    #[test]
    fn nothing_asked_for_is_the_first_page_of_everything() {
        let all = found(RawListing::default());
        assert_eq!(all.fields, CustomerField::ALL);
        assert_eq!((all.account_name, all.unique_name, all.name_prefix, all.after), (None, None, None, None));
        assert_eq!(all.paging, Paging { size: 50, number: 1 });
    }

    #[test]
    fn names_are_compared_in_their_unique_form_and_a_prefix_keeps_its_end() {
        let (name, name_prefix) = (RawText::Text("  Jose\u{301} "), RawText::Text(" Jose\u{301} "));
        let listing = found(RawListing { name, name_prefix, ..RawListing::default() });
        assert_eq!(listing.unique_name.as_deref(), Some("Jos\u{e9}"));
        assert_eq!(listing.name_prefix.as_deref(), Some("Jos\u{e9} "));
    }

    #[test]
    fn fields_come_once_and_in_the_order_of_the_reply() {
        let fields = |text| check(RawListing { fields: RawText::Text(text), ..RawListing::default() });
        let expected = vec![CustomerField::Name, CustomerField::CustomerId];
        assert!(fields("customerId,name,customerId").is_ok_and(|listing| listing.fields == expected));
        for bad in ["", "name,", "Name", "name, customerId", "names"] {
            let violation = ("fields".to_owned(), Problem::RequiredFieldsMissing);
            assert!(fields(bad).is_err_and(|violations| violations == [violation]), "{bad:?}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_named_in_the_order_of_the_codes() {
        let bad = RawText::WrongType;
        let raw = RawListing {
            account_name: bad,
            name: bad,
            name_prefix: RawText::Text(" "),
            modified_since: RawText::Text("yesterday"),
            after: RawText::Text("x"),
            fields: RawText::Text("x"),
            paging: RawPaging { page_size: bad, page_number: RawText::Text("0") },
        };
        let violations = check(raw).err().expect("violations");
        let fields: Vec<_> = violations.iter().map(|(field, _)| field.as_str()).collect();
        let expected =
            ["accountName", "pageSize", "pageNumber", "modifiedSince", "fields", "name", "namePrefix", "after"];
        assert_eq!(fields, expected);
    }

    #[test]
    fn after_and_a_page_number_exclude_each_other() {
        let number = |page_number| RawPaging { page_number, ..RawPaging::default() };
        let raw = |paging| RawListing { after: RawText::Text("7"), paging, ..RawListing::default() };
        assert_eq!(found(raw(RawPaging::default())).after, Some(CustomerId(7)));
        let violations = check(raw(number(RawText::Text("1")))).err().expect("a violation");
        assert_eq!(violations, [("pageNumber".to_owned(), Problem::InvalidPageNumber)]);
        assert_eq!(check(raw(number(RawText::Text("0")))).err().map(|violations| violations.len()), Some(1));
        let (page_size, page_number) = (RawText::Text("0"), RawText::Text("1"));
        let violations = check(raw(RawPaging { page_size, page_number })).err().expect("violations");
        let fields: Vec<_> = violations.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["pageSize", "pageNumber"]);
    }
}
