//! The call that the document prints.

use std::process::Command;

use blackbox::{Fixture, sample};
use serde_json::{Value, json};

/// The call as it is printed, line by line.
const PRINTED: &str = r#"curl -X POST --header "Content-Type: application/json" --header "Accept: application/json" --header "Authorization: Basic <YOUR-ENCRYPTED-CREDENTIALS>" -d "{
   \"name\": \"Acme Customer\",
   \"accountName\": \"Acme\",
   \"securityQuestion\": \"FirstConcert\",
   \"securityAnswer\": \"Journey\",
   \"shipToBillAddress\": true,
   \"billingAddress\":
      {
      \"addressLine1\": \"123 Main\",
      \"addressLine2\": \"string\",
      \"city\": \"Anytown\",
      \"state\": \"FLA\",
      \"country\": \"USA\",
      \"postalCode\": \"36301\"
      }
}" "https://rws-jpotest.jasper.com/rws/api/v1/customers""#;

#[test]
fn the_printed_call_works_with_only_host_and_credentials_replaced() {
    let fixture = Fixture::start();
    let credentials = fixture.ada.basic();
    let call = PRINTED
        .replace("https://rws-jpotest.jasper.com", &format!("http://{}", fixture.server.address()))
        .replace("Basic <YOUR-ENCRYPTED-CREDENTIALS>", &credentials);
    let output = Command::new("/bin/sh").arg("-c").arg(call).output().expect("a shell can be run");
    let reply: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON in {output:?}"));
    let id = reply["customerId"].as_u64().unwrap_or_else(|| panic!("no customerId in {reply}"));
    let sent = json!({
        "name": "Acme Customer", "accountName": "Acme", "securityQuestion": "FirstConcert",
        "securityAnswer": "Journey", "shipToBillAddress": true,
        "billingAddress": {
            "addressLine1": "123 Main", "addressLine2": "string", "city": "Anytown", "state": "FLA",
            "country": "USA", "postalCode": "36301",
        },
    });
    sample::assert_shows(&fixture.client().read(id).json(), &sent, id);
}
