//! `--seed`.

use blackbox::problems::*;
use blackbox::{TestDir, sample};
use serde_json::json;

use super::{Sandbox, customers, login};

const SEED: &str = r#"
[[accounts]]
name = "North"
[[accounts]]
name = "South"
[[accounts]]
name = "Far"

[[groups]]
name = "Both"
accounts = ["North", "South"]

[[users]]
name = "nora"
account = "North"
group = "Both"
keys = ["test:key with spaces", "0f8fad5b-d9cb-469f-a165-70867728950e"]
[[users]]
name = "roy"
account = "North"
role = "ACCOUNTREADONLY"
keys = ["secret"]
[[users]]
name = "olga"
account = "Far"
role = "OPERATOR"
keys = ["root"]

[[customers]]
name = "First"
accountName = "North"
securityQuestion = "First concert?"
securityAnswer = "Journey"
shipToBillAddress = false
contacts = [{ name = "Grace", title = "Engineer", phone = "+1 555 0100", mobile = "+1 555 0101", email = "grace@example.com" }]
[customers.billingAddress]
addressLine1 = "123 Billing Street"
addressLine2 = "Floor 2"
city = "Anytown"
state = "FLA"
country = "USA"
postalCode = "36301"
[customers.shippingAddress]
addressLine1 = "123 Shipping Street"
addressLine2 = "Floor 2"
city = "Anytown"
state = "FLA"
country = "USA"
postalCode = "36301"

[[customers]]
name = "First"
accountName = "Far"
"#;

#[test]
fn everything_in_the_seed_is_there_from_the_beginning_and_after_a_reset() {
    let sandbox = Sandbox::seeded(SEED);
    for round in 0..2 {
        let nora = sandbox.server.client_of(&login("nora", "test:key with spaces"));
        sample::assert_shows(&nora.read(1).json(), &sample::full("First", "North"), 1);
        nora.read(2).must_be(&CUSTOMER_NOT_FOUND, "a customer out of scope");
        nora.create(&sample::minimal("New", "South")).must_succeed("an account of the group");
        let second = sandbox.server.client_of(&login("nora", "0f8fad5b-d9cb-469f-a165-70867728950e"));
        assert_eq!(customers(&second).len(), 2, "round {round}");
        let roy = sandbox.server.client_of(&login("roy", "secret"));
        roy.create(&sample::minimal("New", "North")).must_be(&ROLE_NOT_ALLOWED, "a reader");
        assert_eq!(customers(&sandbox.server.client_of(&login("olga", "root"))).len(), 3, "round {round}");
        assert_eq!(sandbox.reset(), json!({ "accounts": 3, "groups": 1, "users": 3, "customers": 2 }));
    }
}

#[test]
fn an_invalid_seed_is_refused_entirely_and_the_error_names_file_and_entry() {
    let account = "[[accounts]]\nname = \"North\"\n";
    let user = |more: &str| format!("{account}[[users]]\nname = \"nora\"\n{more}\n");
    let customer = |more: &str| format!("{account}[[customers]]\nname = \"First\"\naccountName = \"North\"\n{more}\n");
    let twice = format!("{}[[customers]]\nname = \" First \"\naccountName = \"North\"\n", customer(""));
    let cases = [
        ("accounts = 1".to_owned(), "accounts"),
        ("[[account]]\nname = \"North\"".to_owned(), "account"),
        ("[[accounts]]\nname = \"North\"\nstate = \"ACTIVE\"".to_owned(), "state"),
        (format!("{account}{account}"), "accounts[1] \"North\": duplicate name"),
        ("[[accounts]]\nname = \" \"".to_owned(), "accounts[0]"),
        ("[[groups]]\nname = \"Both\"\naccounts = [\"North\"]".to_owned(), "groups[0] \"Both\": unknown account"),
        (user("account = \"South\""), "users[0] \"nora\": unknown account \"South\""),
        (user("account = \"North\"\ngroup = \"Both\""), "users[0] \"nora\": unknown group \"Both\""),
        (user("account = \"North\"\nrole = \"KING\""), "ACCOUNTADMIN"),
        (user("account = \"North\"\nkeys = [\"\"]"), "users[0] \"nora\""),
        (user("account = \"North\"\nkeys = [\"crk1_x\"]"), "users[0] \"nora\""),
        (user("account = \"North\"\nkeys = [\"x\", \"x\"]"), "users[0] \"nora\": duplicate key"),
        (customer("securityQuestion = \"?\""), "customers[0]: securityAnswer: Security answer missing."),
        (customer("contacts = [{ mobile = 1 }]"), "customers[0]: contacts[0].mobile: Invalid contact mobile."),
        (
            customer("contacts = 1"),
            "customers[0]: contacts: The JSON in the request is not well formed. Please ensure that commas, colons, braces etc. are formatted properly.",
        ),
        (customer("nickname = \"F\""), "customers[0]: unknown field \"nickname\""),
        (customer("customerId = 7"), "customers[0]: unknown field \"customerId\""),
        (customer("billingAddress = { town = \"X\" }"), "customers[0]: unknown field \"billingAddress.town\""),
        (customer("contacts = [{}, { fax = \"1\" }]"), "customers[0]: unknown field \"contacts[1].fax\""),
        (customer("").replace("\"First\"", "\"\""), "customers[0]: name: Customer name is required."),
        (twice, "customers[1]: duplicate name in account \"North\""),
    ];
    let test_dir = TestDir::embedded();
    for (seed, expected) in cases {
        test_dir.write("seed.toml", &seed);
        let refused = test_dir.launch().args(&["--sandbox", "--seed", "seed.toml"]).run().fails(2);
        assert!(refused.contains("seed.toml") && refused.contains(expected), "{seed}\nwas answered with\n{refused}");
        assert!(!test_dir.data().exists(), "{seed}\nhas left something");
    }
    test_dir.launch().args(&["--sandbox", "--seed", "missing.toml"]).run().fails(2);
}

#[test]
fn every_mistake_is_named_at_once_and_limits_are_those_in_force() {
    let test_dir = TestDir::embedded();
    let seed = "[[accounts]]\nname = \"North\"\n[[customers]]\nname = \"First\"\naccountName = \"North\"\n\
                billingAddress = { country = \"Ruritania\" }\n[[customers]]\naccountName = \"West\"\nname = \"x\"\n";
    test_dir.write("seed.toml", seed);
    let arguments = ["--sandbox", "--seed", "seed.toml", "--limits-country", "5"];
    let refused = test_dir.launch().args(&arguments).run().fails(2);
    for expected in ["customers[0]: billingAddress.country: ", "(the limit is 5)", "customers[1]: unknown account"] {
        assert!(refused.contains(expected), "{refused}");
    }
}
