//! The query of a customer listing, from text to filter.
#![no_main]

use carnelian_domain::Rules;
use carnelian_fuzz::listing;
use carnelian_http::Query;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(query) = std::str::from_utf8(input) else { return };
    let rules = Rules::default();
    let found = rules.check_listing(&Query::parse(query).customers());
    let expected = listing::read(&rules, query);
    assert_eq!(found.as_ref().err(), expected.as_ref().err());
    // A listing has no `Debug`, because the names in it are personal.
    assert!(found == expected);
});
