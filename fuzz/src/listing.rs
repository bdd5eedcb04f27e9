//! A second model of the query of a customer listing.

use crate::{
    customer::{blank, fits},
    moment,
};
use carnelian_domain::{
    CustomerField, CustomerId, CustomerName, Listing, Paging, Problem, Rules, Search, Text, Violation,
    names::unique_prefix, rules::TextRule,
};

/// Largest page size, from the API's documentation.
const MAX_PAGE_SIZE: u64 = 50;

/// The listing that a query requests, or everything that is wrong with it, in the order of the answer.
pub fn read(rules: &Rules, query: &str) -> Result<Listing, Vec<Violation>> {
    let mut query = Parameters { given: query.split('&').filter_map(parameter).collect(), wrong: Vec::new() };
    let account_name = query.text("accountName", &rules.account_name, str::is_empty);
    let name = query.text("name", &rules.name, blank);
    let name_prefix = query.text("namePrefix", &rules.name, blank);
    let search = query.value("search", (Problem::InvalidRequest, None), |text| {
        Search::parse(text).filter(|_| fits(&rules.name, text))
    });
    let modified_since = query.value("modifiedSince", (Problem::InvalidDateFormat, None), moment::read);
    let after = query.value("after", (Problem::InvalidCustomerId, None), CustomerId::parse);
    let fields = query.value("fields", (Problem::InvalidRequest, None), fields);
    let limit = Some(MAX_PAGE_SIZE as usize);
    let size = query.value("pageSize", (Problem::InvalidPageSize, limit), |text| number(text, MAX_PAGE_SIZE));
    let by_number = !query.has("after");
    let page = |text: &str| number(text, u32::MAX.into()).filter(|_| by_number);
    let number = query.value("pageNumber", (Problem::InvalidPageNumber, None), page);
    query.wrong.sort_by_key(|violation| violation.problem.code());
    if !query.wrong.is_empty() {
        return Err(query.wrong);
    }
    Ok(Listing {
        account_name,
        unique_name: name.map(|name| CustomerName(Text::trusted(name)).unique_form()),
        name_prefix: name_prefix.map(|prefix| unique_prefix(&prefix).into_owned()),
        search,
        modified_since,
        after,
        fields: fields.unwrap_or(CustomerField::ALL.into()),
        paging: Paging { size: size.unwrap_or(MAX_PAGE_SIZE) as usize, number: number.unwrap_or(1) as u32 },
    })
}

/// The parameters of a query, and the violations found so far.
struct Parameters {
    given: Vec<(String, Option<String>)>,
    wrong: Vec<Violation>,
}

impl Parameters {
    fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    /// The value of a parameter, which must be given once at most.
    fn value<T>(
        &mut self,
        name: &str,
        (problem, limit): (Problem, Option<usize>),
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let values: Vec<_> = self.given.iter().filter(|(given, _)| given == name).map(|(_, value)| value).collect();
        let value = match values[..] {
            [] => return None,
            [Some(value)] => read(value),
            _ => None,
        };
        if value.is_none() {
            self.wrong.push(Violation { field: name.to_owned(), problem, limit });
        }
        value
    }

    fn text(&mut self, name: &str, rule: &TextRule, blank: impl Fn(&str) -> bool) -> Option<String> {
        let read = |text: &str| (fits(rule, text) && !blank(text)).then(|| text.to_owned());
        self.value(name, (rule.invalid, Some(rule.max)), read)
    }
}

/// The name and the value of a parameter; a name must be UTF-8.
fn parameter(pair: &str) -> Option<(String, Option<String>)> {
    let (name, value) = match pair.find('=') {
        Some(at) => (&pair[..at], &pair[at + 1..]),
        None => (pair, ""),
    };
    Some((decode(name)?, decode(value)))
}

/// Decodes a form-encoded text.
fn decode(text: &str) -> Option<String> {
    let (mut rest, mut bytes) = (text.as_bytes(), Vec::new());
    while let [first, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let (byte, length) = match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
            (b'+', ..) => (b' ', 1),
            _ => (*first, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    String::from_utf8(bytes).ok()
}

/// A number from 1 on, in digits.
fn number(text: &str, max: u64) -> Option<u64> {
    let digits = text.chars().all(|character| character.is_ascii_digit());
    let significant = text.trim_start_matches('0');
    let small = digits && significant.len() <= 10;
    significant.parse().ok().filter(|number| small && *number <= max)
}

/// Parts of a customer, each once and in the order of the reply.
fn fields(list: &str) -> Option<Vec<CustomerField>> {
    let named: Vec<_> = list.split(',').collect();
    let names = CustomerField::ALL.map(CustomerField::name);
    let known = named.iter().all(|name| names.contains(name));
    known.then(|| CustomerField::ALL.into_iter().filter(|field| named.contains(&field.name())).collect())
}
