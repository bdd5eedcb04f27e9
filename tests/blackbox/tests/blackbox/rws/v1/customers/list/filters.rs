//! Which customers are listed.

use blackbox::{Fixture, sample};

use super::{encoded, ids};

#[test]
fn a_name_is_found_in_its_unique_form_and_a_prefix_is_its_beginning() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let names = ["  Jos\u{e9} Corp ", "Jose", "Joseph", "100% _Sure_", "\u{1f980} & Sons", "a+b=c", "\u{5d0}\u{5d1}"];
    let created = names.map(|name| client.create(&sample::minimal(name, "Acme")).customer_id());
    let [corp, jose, joseph, sure, sons, sum, hebrew] = created;
    for (name, expected) in [
        ("Jos\u{e9} Corp", &[corp][..]),
        ("Jose\u{301} Corp", &[corp]),
        (" Jose\u{301} Corp\u{a0}", &[corp]),
        ("Jose", &[jose]),
        (" Jose ", &[jose]),
        ("jose", &[]),
        ("Jos", &[]),
        ("100% _Sure_", &[sure]),
        ("100%", &[]),
        ("\u{1f980} & Sons", &[sons]),
        ("a+b=c", &[sum]),
        ("a b=c", &[]),
        ("\u{5d0}\u{5d1}", &[hebrew]),
    ] {
        assert_eq!(ids(&client, &format!("name={}", encoded(name))), expected, "{name}");
    }
    for (prefix, expected) in [
        ("Jos", &[corp, jose, joseph][..]),
        ("Jose", &[jose, joseph]),
        ("Jose\u{301}", &[corp]),
        ("  Jos\u{e9} ", &[corp]),
        ("Jose ", &[]),
        ("J", &[corp, jose, joseph]),
        ("j", &[]),
        ("%", &[]),
        ("100%", &[sure]),
        ("1__", &[]),
        ("\u{1f980}", &[sons]),
        ("\u{5d0}", &[hebrew]),
        ("Josephine", &[]),
    ] {
        assert_eq!(ids(&client, &format!("namePrefix={}", encoded(prefix))), expected, "{prefix}");
    }
    assert_eq!(ids(&client, "name=a%2Bb%3Dc"), [sum]);
    assert_eq!(ids(&client, "name=%F0%9F%A6%80+%26+Sons"), [sons], "a plus is a space, as in a form");
}

#[test]
fn a_search_finds_all_words_in_any_order_without_case_and_accents() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let names = ["Jos\u{e9} \u{c1}lvarez", "STRASSE 7", "\u{141}\u{f3}d\u{17a}", "\u{1f980} & Sons"];
    let created = names.map(|name| client.create(&sample::minimal(name, "Acme")).customer_id());
    let [jose, strasse, lodz, sons] = created;
    for (words, expected) in [
        ("alv JOSE", &[jose][..]),
        ("Jose\u{301}", &[jose]),
        ("stra\u{df}e", &[strasse]),
        ("lodz", &[lodz]),
        ("& sons!", &[sons]),
        ("s", &[strasse, sons]),
        ("jose 7", &[]),
        ("osé", &[]),
    ] {
        assert_eq!(ids(&client, &format!("search={}", encoded(words))), expected, "{words}");
    }
    client.edit(jose, &sample::minimal("Renamed", "Acme")).must_succeed("an edit");
    assert!(ids(&client, "search=jose").is_empty());
    assert_eq!(ids(&client, "search=renamed"), [jose]);
    client.erase(jose).must_succeed("an erasure");
    assert!(ids(&client, "search=renamed").is_empty());
}

#[test]
fn a_name_that_is_given_up_is_found_no_more() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let first = client.create(&sample::minimal("Old", "Acme")).customer_id();
    client.edit(first, &sample::minimal("New", "Acme")).must_succeed("an edit");
    let second = client.create(&sample::minimal("Old", "Acme")).customer_id();
    assert_eq!(ids(&client, "name=Old"), [second]);
    assert_eq!(ids(&client, "name=New"), [first]);
    drop(client);
    let Fixture { server, test_dir, ada } = fixture;
    server.stop();
    let server = test_dir.serve();
    let client = server.client_of(&ada);
    assert_eq!((ids(&client, "name=Old"), ids(&client, "name=New")), (vec![second], vec![first]));
}

#[test]
fn modified_since_is_compared_with_the_server_s_clock() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let early = client.create(&sample::minimal("Early", "Acme")).customer_id();
    let created = client.edit(early, &sample::minimal("Early", "Acme")).json()["timestamp"].as_i64().expect("seconds");
    let since = |moment: &str| ids(&client, &format!("modifiedSince={moment}"));
    for moment in [
        iso(created),
        iso(created).replace('Z', "%2B00:00"),
        // An unencoded plus is a space.
        iso(created).replace('Z', "+00:00"),
        iso(created).replace('Z', ".000-00:00"),
        iso(created + 3600).replace('Z', "%2B01:00"),
        iso(created - 5400).replace('Z', "-01:30"),
        "1969-07-20T20:17Z".to_owned(),
        iso(created).replace('Z', "%2B0000"),
        iso(created).replace('Z', "+0000"),
        iso(created - 7 * 3600).replace('Z', "-0700"),
        iso(created + 5 * 3600).replace('Z', "%2B05"),
        iso(created + 5 * 3600).replace('Z', "+05"),
        iso(created).replace('Z', ""),
        iso(created)[..10].to_owned(),
        format!("{}Z", &iso(created)[..10]),
    ] {
        assert_eq!(since(&moment), [early], "{moment}");
    }
    for moment in [
        iso(created + 3600),
        iso(created).replace('Z', "-01:00"),
        iso(created).replace('Z', "-0100"),
        iso(created).replace('Z', "-01"),
        iso(created + 3600).replace('Z', ""),
        iso(created + 86_400)[..10].to_owned(),
        format!("{}Z", &iso(created + 86_400)[..10]),
        "9999-12-31T23:59:59Z".to_owned(),
    ] {
        assert!(since(&moment).is_empty(), "{moment}");
    }
}

#[test]
fn filters_hold_together() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let [one, two, three] =
        ["Part one", "Part two", "Whole"].map(|name| client.create(&sample::minimal(name, "Acme")).customer_id());
    let long_ago = "modifiedSince=2020-01-01T00:00:00Z";
    let far_ahead = "modifiedSince=2999-01-01T00:00:00Z";
    for (query, expected) in [
        ("name=Whole&namePrefix=Wh".to_owned(), &[three][..]),
        ("name=Whole&namePrefix=Part".to_owned(), &[]),
        (format!("namePrefix=Part&after={one}"), &[two]),
        (format!("namePrefix=Part&after={two}"), &[]),
        (format!("name=Whole&after={two}"), &[three]),
        (format!("name=Whole&after={three}"), &[]),
        (format!("namePrefix=Part&{long_ago}&accountName=Acme&fields=customerId"), &[one, two]),
        (format!("namePrefix=Part&{far_ahead}"), &[]),
        (format!("name=Whole&{long_ago}"), &[three]),
        (format!("name=Whole&{far_ahead}"), &[]),
    ] {
        assert_eq!(ids(&client, &query), expected, "{query}");
    }
}

/// Seconds since 1970 as ISO 8601 has them, by counting days.
fn iso(seconds: i64) -> String {
    let (mut day, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let mut year = 1970;
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while day >= 365 + i64::from(leap(year)) {
        day -= 365 + i64::from(leap(year));
        year += 1;
    }
    let mut month = 0;
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", month + 1, day + 1)
}
