"""Creates, reads, edits and lists a customer with the client that was generated from the published document.

client.py URL USER KEY, with the package carnelian_client on the path
"""

import base64
import sys

from carnelian_client import AuthenticatedClient
from carnelian_client.api.customers import create_customer, edit_customer, get_customer, list_customers
from carnelian_client.models import Address, Contact, Customer, CustomerDetails, CustomerWritten, Error


def main(url: str, user: str, key: str) -> None:
    token = base64.b64encode(f"{user}:{key}".encode()).decode()
    client = AuthenticatedClient(base_url=url, token=token, prefix="Basic", raise_on_unexpected_status=True)
    sent = Customer(
        name="Generated",
        account_name="Acme",
        contacts=[Contact(name="Grace", mobile="+1 555 0101")],
        billing_address=Address(city="Anytown", country="USA"),
        ship_to_bill_address=True,
    )
    created = create_customer.sync(client=client, body=sent)
    assert isinstance(created, CustomerWritten), created

    read = get_customer.sync_detailed(created.customer_id, client=client)
    shown = read.parsed
    assert isinstance(shown, CustomerDetails), shown
    assert (shown.name, shown.customer_id) == ("Generated", created.customer_id), shown
    assert [contact.mobile for contact in shown.contacts] == ["+1 555 0101"], shown
    assert shown.shipping_address == shown.billing_address and shown.billing_address.city == "Anytown", shown

    version = read.headers["ETag"]
    renamed = Customer(name="Generated again", account_name="Acme")
    edited = edit_customer.sync(created.customer_id, client=client, body=renamed, if_match=version)
    assert isinstance(edited, CustomerWritten), edited
    stale = edit_customer.sync_detailed(created.customer_id, client=client, body=sent, if_match=version)
    assert (stale.status_code, type(stale.parsed)) == (412, Error), stale
    shown = get_customer.sync(created.customer_id, client=client)
    assert (shown.name, shown.contacts, shown.billing_address) == ("Generated again", [], None), shown

    page = list_customers.sync(client=client, account_name="Acme", name_prefix="Generated", fields="name,customerId")
    listed = [(customer.name, customer.customer_id) for customer in page.customers]
    assert (listed, page.last_page) == ([("Generated again", created.customer_id)], True), page

    refused = create_customer.sync(client=client, body=Customer(name="", account_name="Acme"))
    assert (refused.error_code, refused.violations[0].field) == ("10000581", "name"), refused


main(*sys.argv[1:])
