//! Finding customers by the words of their names.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{
    ORIGIN, account, customer, draft, edit,
    listing::{ids, part, within},
    together,
};
use crate::{CustomerFilter, EditCustomer, EraseCustomer, NewCustomer, PartitionId, Store};
use carnelian_domain::{AccountId, CustomerId, Search};

fn having(words: &str) -> CustomerFilter {
    CustomerFilter { search: Some(Search::parse(words).expect("has a word")), ..CustomerFilter::default() }
}

fn named(customer: &NewCustomer, name: &str) -> NewCustomer {
    NewCustomer { name: name.into(), unique_name: name.into(), ..customer.clone() }
}

async fn erase(store: &dyn Store, customer: &NewCustomer) {
    let erase = EraseCustomer { id: customer.id, seen_in: customer.account, expected_versions: None };
    store.erase_customer(erase, &ORIGIN).await.expect("is erased");
}

pub async fn a_search_finds_names_with_all_words_whatever_their_order_case_and_accents(store: &dyn Store) {
    let acme = account(store, "acme").await;
    let jose = customer(store, acme, "Jos\u{e9} \u{c1}lvarez (7)").await.id.0;
    let strasse = customer(store, acme, "Stra\u{df}e 7").await.id.0;
    let ada = customer(store, acme, "ADA Lovelace").await.id.0;
    for (words, expected) in [
        ("alv jose", vec![jose]),
        ("JOSE\u{301}", vec![jose]),
        ("7", vec![jose, strasse]),
        ("strasse", vec![strasse]),
        ("a", vec![jose, ada]),
        ("a l", vec![ada]),
        ("lovelace ada lov", vec![ada]),
        ("adalovelace", vec![]),
        ("ada 7", vec![]),
        ("ovelace", vec![]),
        ("nobody", vec![]),
        ("zz", vec![]),
    ] {
        assert_eq!(ids(store, having(words)).await, expected, "{words}");
    }
}

pub async fn what_was_written_is_found_by_the_next_call_and_what_was_erased_is_not(store: &dyn Store) {
    let (acme, other) = (account(store, "acme").await, account(store, "other").await);
    let before = customer(store, acme, "Early Bird").await;
    assert_eq!(ids(store, having("bird")).await, [before.id.0]);
    let after = NewCustomer { account: other, ..named(&before, "Early Owl") };
    store.edit_customer(EditCustomer { seen_in: acme, ..edit(&after) }, &ORIGIN, None).await.expect("is edited");
    assert!(ids(store, having("bird")).await.is_empty());
    assert_eq!(ids(store, having("owl early")).await, [before.id.0]);
    let owl_in = |account: AccountId| CustomerFilter { accounts: Some(vec![account]), ..having("owl") };
    assert!(ids(store, owl_in(acme)).await.is_empty());
    assert_eq!(ids(store, owl_in(other)).await, [before.id.0]);
    erase(store, &after).await;
    assert!(ids(store, having("early")).await.is_empty());
}

pub async fn names_are_found_by_beginnings_without_words(store: &dyn Store) {
    let acme = account(store, "acme").await;
    let smile = customer(store, acme, "\u{1f600}\u{1f600} Smile").await.id.0;
    let marks = customer(store, acme, "!!!").await.id.0;
    let bracket = customer(store, acme, "(Acme) Inc").await.id.0;
    let accent = customer(store, acme, "\u{c9}lan").await.id.0;
    for (prefix, expected) in [
        ("\u{1f600}", vec![smile]),
        ("\u{1f600}\u{1f600} S", vec![smile]),
        ("\u{1f600} ", vec![]),
        ("!", vec![marks]),
        ("!!!", vec![marks]),
        ("!!!!", vec![]),
        ("(", vec![bracket]),
        ("(Acme) I", vec![bracket]),
        ("(acme", vec![]),
        ("\u{c9}", vec![accent]),
        ("E", vec![]),
    ] {
        let filter = CustomerFilter { name_prefix: Some(prefix.into()), ..CustomerFilter::default() };
        assert_eq!(ids(store, filter).await, expected, "{prefix}");
    }
}

/// How many customers fill a block of an index and more: one has 8,192 ids.
const MORE_THAN_A_BLOCK: usize = 9_500;

/// One customer in this number has a word that few have.
const RARE: usize = 1000;

/// Customers of two accounts in turn: all have `Common`, one in [`RARE`] has `Rare`, and each a number of its own.
async fn many(store: &dyn Store, accounts: [AccountId; 2]) -> Vec<NewCustomer> {
    let ids = store.reserve_customer_ids(PartitionId::FIRST, MORE_THAN_A_BLOCK as u64).await.expect("are reserved");
    let mut all = Vec::new();
    for (number, id) in ids.enumerate() {
        let kind = if number % RARE == RARE - 1 { "Rare" } else { "Common" };
        let (account, name) = (accounts[number % 2], format!("{kind} Common n{number}"));
        let unique_name = name.clone();
        all.push(NewCustomer { id, account, name, unique_name, ship_to_bill_address: false, sealed: Vec::new() });
    }
    for part in all.chunks(500) {
        for written in together(part.iter().map(|new| store.create_customer(new.clone(), &ORIGIN, None))).await {
            written.expect("is created");
        }
    }
    all
}

pub async fn a_search_of_many_customers_is_whole_and_in_the_order_of_the_ids(store: &dyn Store) {
    let (one, two) = (account(store, "one").await, account(store, "two").await);
    let all = many(store, [one, two]).await;
    let of = |accounts: &[AccountId], has: &dyn Fn(&str) -> bool| -> Vec<u64> {
        all.iter().filter(|new| accounts.contains(&new.account) && has(&new.name)).map(|new| new.id.0).collect()
    };
    for accounts in [&[one, two][..], &[two], &[one]] {
        let search = |words| CustomerFilter { accounts: Some(accounts.to_vec()), ..having(words) };
        let common = of(accounts, &|_| true);
        assert_eq!(ids(store, search("comm")).await, common);
        let middle = common.len() / 2;
        assert_eq!(part(store, search("common"), common[middle], 3, 50).await, common[middle + 4..middle + 54]);
        assert_eq!(part(store, search("common"), 0, common.len() - 2, 50).await, common[common.len() - 2..]);
        assert_eq!(ids(store, search("rare")).await, of(accounts, &|name| name.starts_with("Rare")));
        assert_eq!(
            ids(store, search("common rare n8")).await,
            of(accounts, &|name| name.starts_with("Rare Common n8"))
        );
        assert_eq!(ids(store, search("n94")).await, of(accounts, &|name| name.contains(" n94")));
        assert!(ids(store, search("rare n9498")).await.is_empty());
        assert!(ids(store, search("nothing")).await.is_empty());
        let beginning = CustomerFilter { name_prefix: Some("Rare Common n4".into()), ..within(accounts) };
        assert_eq!(ids(store, beginning).await, of(accounts, &|name| name.starts_with("Rare Common n4")));
    }
    assert_eq!(ids(store, having("n94")).await, of(&[one, two], &|name| name.contains(" n94")));
    for new in [&all[7], &all[9_400]] {
        let renamed = named(new, "Renamed");
        store.edit_customer(edit(&renamed), &ORIGIN, None).await.expect("is edited");
        let number = new.name.split(' ').next_back().expect("has a number");
        assert!(!ids(store, having(number)).await.contains(&new.id.0));
        assert_eq!(ids(store, having("renamed")).await, [new.id.0]);
        erase(store, &renamed).await;
        assert!(ids(store, having("renamed")).await.is_empty());
    }
}

pub async fn a_customer_whose_id_was_reserved_long_ago_is_found(store: &dyn Store) {
    let (one, two) = (account(store, "one").await, account(store, "two").await);
    let early = draft(store, one, "Early id").await;
    many(store, [one, two]).await;
    store.create_customer(early.clone(), &ORIGIN, None).await.expect("is created");
    assert_eq!(ids(store, having("early")).await, [early.id.0]);
    assert!(early.id < CustomerId(100));
}
