//! The query of a request: its parameters as they arrived, whatever they mean.

use carnelian_domain::{RawListing, RawPaging, RawText};
use percent_encoding::percent_decode;

/// The parameters in their order, names and values decoded; what is not UTF-8 has no value.
pub struct Query(Vec<(String, Option<String>)>);

impl Query {
    /// Reads the query of a target; total for any text.
    pub fn parse(query: &str) -> Query {
        let parameter = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // A name that cannot be read is none that is asked for.
            Some((decode(name)?, decode(value)))
        };
        Query(query.split('&').filter_map(parameter).collect())
    }

    /// A parameter; given twice or not readable, it is of a wrong type.
    pub(crate) fn text(&self, name: &str) -> RawText<'_> {
        let mut found = self.0.iter().filter(|(other, _)| other == name);
        match (found.next(), found.next()) {
            (None, _) => RawText::Absent,
            (Some((_, Some(value))), None) => RawText::Text(value),
            (Some(_), _) => RawText::WrongType,
        }
    }

    /// The part of a listing that is asked for.
    pub(crate) fn paging(&self) -> RawPaging<'_> {
        RawPaging { page_size: self.text("pageSize"), page_number: self.text("pageNumber") }
    }

    /// The customers that are asked for.
    pub fn customers(&self) -> RawListing<'_> {
        RawListing {
            account_name: self.text("accountName"),
            name: self.text("name"),
            name_prefix: self.text("namePrefix"),
            modified_since: self.text("modifiedSince"),
            after: self.text("after"),
            fields: self.text("fields"),
            paging: self.paging(),
        }
    }
}

/// Undoes what forms do to a text; `None` if the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    Some(percent_decode(spaced.as_bytes()).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_decoded_and_given_once() {
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
