//! The query of a customer listing.

use crate::{
    errors::Problem,
    ids::{CustomerId, Timestamp},
    input::{RawText, Violation, Violations},
    names::{unique_name, unique_prefix},
    paging::{Paging, RawPaging},
    rules::Rules,
    search::Search,
};

/// A field of a customer in a response.
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
    /// Every field, in the order of a response.
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

    /// The field's name in the API.
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

/// The query as received.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawListing<'a> {
    /// `accountName`.
    pub account_name: RawText<'a>,
    /// `name`.
    pub name: RawText<'a>,
    /// `namePrefix`.
    pub name_prefix: RawText<'a>,
    /// `search`.
    pub search: RawText<'a>,
    /// `modifiedSince`.
    pub modified_since: RawText<'a>,
    /// `after`.
    pub after: RawText<'a>,
    /// `fields`.
    pub fields: RawText<'a>,
    /// `pageSize` and `pageNumber`.
    pub paging: RawPaging<'a>,
}

/// A checked query. It has no `Debug`, because names are personal data and must not be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Listing {
    /// Only customers of the account with this name.
    pub account_name: Option<String>,
    /// Only customers whose name has this unique form.
    pub unique_name: Option<String>,
    /// Only customers whose name has a unique form with this prefix.
    pub name_prefix: Option<String>,
    /// Only customers whose name has these words.
    pub search: Option<Search>,
    /// Only customers written at or after this time.
    pub modified_since: Option<Timestamp>,
    /// Only customers with a greater id.
    pub after: Option<CustomerId>,
    /// The fields of the response, in their order.
    pub fields: Vec<CustomerField>,
    /// The requested page.
    pub paging: Paging,
}

impl Rules {
    /// Checks the query of a customer listing against every rule that needs no access to the registry.
    ///
    /// Violations are in the order of the response: by error code.
    pub fn check_listing(&self, raw: &RawListing<'_>) -> Result<Listing, Vec<Violation>> {
        let mut violations = Violations::default();
        let listing = listing(self, raw, &mut violations);
        violations.finish(Some(listing))
    }
}

fn listing(rules: &Rules, raw: &RawListing<'_>, violations: &mut Violations) -> Listing {
    let name_of = |text: &str| (rules.name.allows(text) && !text.trim().is_empty()).then(|| text.to_owned());
    let account_name_of = |text: &str| rules.account_name.allows(text).then(|| text.to_owned());
    let account_name = violations.optional("accountName", raw.account_name, &rules.account_name, account_name_of);
    let name = violations.optional("name", raw.name, &rules.name, name_of);
    let name_prefix = violations.optional("namePrefix", raw.name_prefix, &rules.name, name_of);
    let search_of = |text: &str| Search::parse(text).filter(|_| rules.name.allows(text));
    let search = violations.optional("search", raw.search, Problem::InvalidRequest, search_of);
    let invalid_date = Problem::InvalidDateFormat;
    let modified_since =
        violations.optional("modifiedSince", raw.modified_since, invalid_date, Timestamp::from_iso8601);
    let after = violations.optional("after", raw.after, Problem::InvalidCustomerId, CustomerId::parse);
    let fields = CustomerField::check_selection(raw.fields, violations);
    Listing {
        account_name,
        unique_name: name.map(|name| unique_name(&name).into_owned()),
        name_prefix: name_prefix.map(|prefix| unique_prefix(&prefix).into_owned()),
        search,
        modified_since,
        after,
        fields,
        paging: raw.paging.check_after(raw.after, violations),
    }
}

/// A field that a request can select for its response.
pub trait SelectableField: Copy + 'static {
    /// Every field, in the order of a response.
    const EVERY: &'static [Self];

    /// The field's name in the API.
    fn field_name(self) -> &'static str;

    /// Checks `fields`, a comma-separated list. The result has each field once, in the order of the response; it has every
    /// field if none is selected.
    fn check_selection(raw: RawText<'_>, violations: &mut Violations) -> Vec<Self> {
        let selected = |list: &str| {
            let names: Vec<_> = list.split(',').collect();
            let is_known = |name: &&str| Self::EVERY.iter().any(|field| field.field_name() == *name);
            let is_selected = |field: &Self| names.contains(&field.field_name());
            names.iter().all(is_known).then(|| Self::EVERY.iter().copied().filter(is_selected).collect())
        };
        let fields = violations.optional("fields", raw, Problem::InvalidRequest, selected);
        fields.unwrap_or_else(|| Self::EVERY.to_vec())
    }

    /// Checks `fields` alone.
    fn select(raw: RawText<'_>) -> Result<Vec<Self>, Vec<Violation>> {
        let mut violations = Violations::default();
        let fields = Self::check_selection(raw, &mut violations);
        violations.finish(Some(fields))
    }
}

impl SelectableField for CustomerField {
    const EVERY: &'static [CustomerField] = &CustomerField::ALL;

    fn field_name(self) -> &'static str {
        self.name()
    }
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
    fn an_empty_query_is_the_first_page_of_all_customers() {
        let all = found(RawListing::default());
        assert_eq!(all.fields, CustomerField::ALL);
        assert_eq!((all.account_name, all.unique_name, all.name_prefix, all.after), (None, None, None, None));
        assert_eq!(all.paging, Paging { size: 50, number: 1 });
    }

    #[test]
    fn names_have_their_unique_form_and_a_prefix_keeps_trailing_white_space() {
        let (name, name_prefix) = (RawText::Text("  Jose\u{301} "), RawText::Text(" Jose\u{301} "));
        let listing = found(RawListing { name, name_prefix, ..RawListing::default() });
        assert_eq!(listing.unique_name.as_deref(), Some("Jos\u{e9}"));
        assert_eq!(listing.name_prefix.as_deref(), Some("Jos\u{e9} "));
    }

    #[test]
    fn a_search_must_have_a_word_and_may_be_as_long_as_a_name() {
        let search = |text: &str| check(RawListing { search: RawText::Text(text), ..RawListing::default() });
        assert!(search("Ada L").is_ok_and(|listing| listing.search == Search::parse("ada l")));
        for bad in ["", " ", "!", &"x".repeat(61)] {
            let violation = ("search".to_owned(), Problem::InvalidRequest);
            assert!(search(bad).is_err_and(|violations| violations == [violation]), "{bad:?}");
        }
    }

    #[test]
    fn an_empty_name_is_refused() {
        let empty = RawText::Text("");
        let raw = RawListing { account_name: empty, name: empty, name_prefix: empty, ..RawListing::default() };
        let expected = [
            ("accountName", Problem::InvalidAccountId),
            ("name", Problem::InvalidCustomerName),
            ("namePrefix", Problem::InvalidCustomerName),
        ];
        let violations = check(raw).err().expect("violations");
        assert_eq!(violations, expected.map(|(field, problem)| (field.to_owned(), problem)));
    }

    #[test]
    fn fields_are_unique_and_in_the_order_of_the_response() {
        let fields = |text| check(RawListing { fields: RawText::Text(text), ..RawListing::default() });
        let expected = vec![CustomerField::Name, CustomerField::CustomerId];
        assert!(fields("customerId,name,customerId").is_ok_and(|listing| listing.fields == expected));
        for bad in ["", "name,", "Name", "name, customerId", "names"] {
            let violation = ("fields".to_owned(), Problem::InvalidRequest);
            assert!(fields(bad).is_err_and(|violations| violations == [violation]), "{bad:?}");
        }
    }

    #[test]
    fn all_violations_are_reported_in_the_order_of_the_codes() {
        let bad = RawText::WrongType;
        let raw = RawListing {
            account_name: bad,
            name: bad,
            name_prefix: RawText::Text(" "),
            search: RawText::Text("!"),
            modified_since: RawText::Text("yesterday"),
            after: RawText::Text("x"),
            fields: RawText::Text("x"),
            paging: RawPaging { page_size: bad, page_number: RawText::Text("0") },
        };
        let violations = check(raw).err().expect("violations");
        let fields: Vec<_> = violations.iter().map(|(field, _)| field.as_str()).collect();
        let expected = [
            "accountName",
            "pageSize",
            "pageNumber",
            "modifiedSince",
            "search",
            "fields",
            "name",
            "namePrefix",
            "after",
        ];
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
