//! Every row of the document's error table.

use blackbox::{CUSTOMERS, Client, Reply, Request, sample};

use crate::rules::{self, RULES};
use crate::tenant_fixture::TenantFixture;

/// The table as it is printed: code, HTTP status, text.
const DOCUMENT: [(&str, u16, &str); 25] = [
    ("10000004", 400, "Invalid accountId."),
    ("10000024", 400, "Invalid apiVersion."),
    ("10000580", 400, "Customer details required."),
    ("10000581", 400, "Customer name is required."),
    ("10000582", 400, "Invalid customer name. Number of characters allowed 1 - 60."),
    ("10000583", 400, "Account Id is required."),
    ("10000584", 400, "Security answer missing."),
    ("10000585", 400, "Security question missing."),
    ("10000586", 400, "Invalid security question. Number of characters allowed 0 - 100."),
    ("10000587", 400, "Invalid security answer. Number of characters allowed 0 - 100."),
    ("10000588", 400, "Maximum 4 contacts can be associated with a customer."),
    ("10000589", 400, "Invalid contact name. Number of characters allowed 0 - 40."),
    ("10000590", 400, "Invalid contact title. Number of characters allowed 0 - 40."),
    ("10000591", 400, "Invalid contact phone. Number of characters allowed 0 - 25."),
    ("10000592", 400, "Invalid contact mobile. Number of characters allowed 0 - 40."),
    ("10000593", 400, "Invalid contact email. Number of characters allowed 0 - 320."),
    ("10000594", 400, "Invalid address line1. Number of characters allowed 0 - 40."),
    ("10000595", 400, "Invalid address line2. Number of characters allowed 0 - 40."),
    ("10000596", 400, "Invalid city. Number of characters allowed 0 - 40."),
    ("10000597", 400, "Invalid state/region. Number of characters allowed 0 - 40."),
    ("10000598", 400, "Invalid country. Number of characters allowed 0 - 100."),
    ("10000599", 400, "Invalid postal code. Number of characters allowed 0 - 15."),
    ("10000602", 400, "Duplicate customer name."),
    ("10000603", 400, "Invalid account. Account erasure request is in progress for the account."),
    ("20000003", 404, "Resource not found - Invalid accountId."),
];

#[test]
fn every_documented_error_has_its_code_status_and_exact_text() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    client.create(&sample::minimal("Taken", "Acme")).must_succeed("the first of that name");
    for (code, status, text) in DOCUMENT {
        let reply = provoke(code, &client);
        let answered = (reply.code(), reply.status, reply.message());
        assert_eq!(answered, (Some(code.to_owned()), status, Some(text.to_owned())), "{}", reply.text());
    }
}

/// Sends a request that deserves the error `code`.
fn provoke(code: &str, client: &Client) -> Reply {
    match code {
        "10000024" => client.send(Request::new("POST", "/rws/api/v2/customers").json(&sample::minimal("A", "Acme"))),
        "10000580" => client.send(Request::new("POST", CUSTOMERS).json_bytes("")),
        "10000602" => client.create(&sample::minimal("Taken", "Acme")),
        "10000603" => client.create(&sample::minimal("Late", "Leaving")),
        "20000003" => client.create(&sample::minimal("Lost", "Nobody")),
        _ => {
            let rule = RULES.iter().find(|rule| rule.problem.code == Some(code));
            client.create(&rules::broken("Acme", &[rule.expect("every other error is a field rule's")]))
        }
    }
}
