//! The parameters in the query of a request.

use crate::{
    error::{MAX_VIOLATIONS, SHOWN_KEY},
    routes::Route,
};
use carnelian_domain::{Paging, Problem, RawListing, RawPaging, RawText, SelectableField, Violation, Violations};
use percent_encoding::percent_decode;

/// Reports every parameter that the route does not take. Names are compared with their case.
pub(crate) fn check_names(query: &str, route: &Route) -> Result<(), Vec<Violation>> {
    if query.is_empty() {
        return Ok(());
    }
    let mut violations = Violations::at_most(MAX_VIOLATIONS);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent_decode(name.replace('+', " ").as_bytes()).decode_utf8_lossy().into_owned();
        if !route.takes_parameter(&name) {
            violations.add_once(name.chars().take(SHOWN_KEY).collect::<String>(), Problem::InvalidRequest);
        }
    }
    violations.finish(Some(()))
}

/// The decoded parameters in their order; a value that is not UTF-8 is `None`.
pub struct Query(Vec<(String, Option<String>)>);

impl Query {
    /// Parses the query of a request target.
    pub fn parse(query: &str) -> Query {
        let parameter = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // A name that is not UTF-8 is not a name of the API.
            Some((decode(name)?, decode(value)))
        };
        Query(query.split('&').filter_map(parameter).collect())
    }

    /// A parameter; of a wrong type if it is repeated or not UTF-8.
    pub(crate) fn text(&self, name: &str) -> RawText<'_> {
        let mut found = self.0.iter().filter(|(other, _)| other == name);
        match (found.next(), found.next()) {
            (None, _) => RawText::Absent,
            (Some((_, Some(value))), None) => RawText::Text(value),
            (Some(_), _) => RawText::WrongType,
        }
    }

    /// The parameters that choose a page.
    pub(crate) fn paging(&self) -> RawPaging<'_> {
        RawPaging { page_size: self.text("pageSize"), page_number: self.text("pageNumber") }
    }

    /// The selected fields of a response.
    pub(crate) fn fields<F: SelectableField>(&self) -> Result<Vec<F>, Vec<Violation>> {
        F::select(self.text("fields"))
    }

    /// The requested page of a listing, and the selected fields of its entries.
    pub(crate) fn page_and_fields<F: SelectableField>(&self) -> Result<(Paging, Vec<F>), Vec<Violation>> {
        let mut violations = Violations::default();
        let paging = self.paging().check_into(&mut violations);
        let fields = F::check_selection(self.text("fields"), &mut violations);
        violations.finish(Some((paging, fields)))
    }

    /// The name, in a parameter, of the one entry of a listing.
    pub(crate) fn only(&self, parameter: &str) -> Result<Option<String>, Vec<Violation>> {
        let mut violations = Violations::default();
        let name =
            violations.optional(parameter, self.text(parameter), Problem::InvalidRequest, |name| Some(name.to_owned()));
        violations.finish(Some(name))
    }

    /// The parameters of a listing of customers.
    pub fn customers(&self) -> RawListing<'_> {
        RawListing {
            account_name: self.text("accountName"),
            name: self.text("name"),
            name_prefix: self.text("namePrefix"),
            search: self.text("search"),
            modified_since: self.text("modifiedSince"),
            after: self.text("after"),
            fields: self.text("fields"),
            paging: self.paging(),
        }
    }
}

/// Decodes form encoding; `None` if the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    Some(percent_decode(spaced.as_bytes()).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_decoded_and_must_not_be_repeated() {
        let query = Query::parse("a=1&b=x+y%2Bz%26%3D&c=&d&%65=Zo%C3%AB&a=&f=%FF&%FF=g&&=h&i=j=k&l=100%");
        let once = [("b", "x y+z&="), ("c", ""), ("d", ""), ("e", "Zo\u{eb}"), ("i", "j=k"), ("l", "100%")];
        for (name, value) in once {
            assert_eq!(query.text(name), RawText::Text(value), "{name}");
        }
        assert_eq!(query.text("a"), RawText::WrongType);
        assert_eq!(query.text("f"), RawText::WrongType);
        assert_eq!(query.text("g"), RawText::Absent);
        assert_eq!(query.text("A"), RawText::Absent);
    }
}
