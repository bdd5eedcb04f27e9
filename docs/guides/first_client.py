"""A first client: creates a customer, reads it, edits it, lists what there is and erases it again.

first_client.py URL USER KEY

It needs nothing but Python. It sends a request again when the answer was lost or the server asks it to wait, and what it
sends again takes effect once. It expects proxies on the way, which answer with pages of their own.
"""

import base64
import http.client
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

ATTEMPTS = 5
TIMEOUT_SECONDS = 10
LONGEST_PAUSE_SECONDS = 60
# The same request is still under way; too many requests; a proxy lost the answer; storage is busy; the answer took too long.
SEND_AGAIN = {409, 429, 502, 503, 504}


class Refused(Exception):
    """The server will not do it, and sending it again changes nothing."""

    def __init__(self, status, body):
        super().__init__(f"{status} {body.get('errorCode')}: {body.get('errorMessage', 'not an answer of the registry')}")
        self.code = body.get("errorCode")
        self.violations = body.get("violations", [])


class Registry:
    def __init__(self, url, user, key):
        credentials = base64.b64encode(f"{user}:{key}".encode()).decode()
        self.base = f"{url}/rws/api/v1"
        self.headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}

    def create(self, customer):
        """Creates a customer once, however often it has to be sent; returns its id."""
        answer, _ = self.call("POST", "/customers", customer, {"Idempotency-Key": str(uuid.uuid4())})
        return answer["customerId"]

    def get(self, customer_id):
        """Returns a customer and its version."""
        answer, headers = self.call("GET", f"/customers/{customer_id}")
        return answer, headers.get("ETag", "").removeprefix("W/")  # a proxy that compresses answers marks the version

    def edit(self, customer_id, customer, version):
        """Replaces a customer, unless somebody else has edited it since that version was read."""
        headers = {"If-Match": version, "Idempotency-Key": str(uuid.uuid4())}
        self.call("PUT", f"/customers/{customer_id}", customer, headers)

    def customers(self, **conditions):
        """Yields every customer that meets the conditions, page by page."""
        last, after = False, 0
        while not last:
            query = urllib.parse.urlencode({**conditions, "after": after})
            page, _ = self.call("GET", f"/customers?{query}")
            yield from page["customers"]
            last = page["lastPage"]
            after = page["customers"][-1]["customerId"] if page["customers"] else after

    def erase(self, customer_id):
        """Erases a customer; one that is gone was erased by an attempt whose answer was lost."""
        try:
            self.call("DELETE", f"/customers/{customer_id}")
        except Refused as refused:
            if refused.code != "20000004":
                raise

    def call(self, method, path, body=None, headers=None):
        """Sends a request until there is an answer that settles it; returns the answer and its headers."""
        data = None if body is None else json.dumps(body).encode()
        for attempt in range(1, ATTEMPTS + 1):
            request = urllib.request.Request(self.base + path, data, self.headers | (headers or {}), method=method)
            pause = 0.1 * 2**attempt
            try:
                status, received, answer = send(request)
            except (OSError, http.client.HTTPException):
                if attempt == ATTEMPTS:
                    raise
            else:
                if status == 200 and answer is not None:
                    return answer, received
                if attempt == ATTEMPTS or status not in SEND_AGAIN | {200}:
                    raise Refused(status, answer or {})
                asked = received.get("Retry-After", "")
                if asked.isascii() and asked.isdigit():
                    pause = min(int(asked), LONGEST_PAUSE_SECONDS)
            time.sleep(pause)


def send(request):
    """Sends a request once; returns the status, the headers, and the object of the answer, or None for a proxy's page."""
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        try:
            body = json.load(answer)
        except ValueError:
            body = None
        return answer.status, answer.headers, body if isinstance(body, dict) else None


def main(url, user, key):
    registry = Registry(url, user, key)
    address = {"addressLine1": "123 Main", "city": "Anytown", "state": "FLA", "country": "USA", "postalCode": "36301"}
    customer = {"name": "First Customer", "accountName": "Acme", "billingAddress": address}

    customer_id = registry.create(customer)
    print(f"created {customer_id}")

    shown, version = registry.get(customer_id)
    print(f"{shown['name']} lives in {shown['billingAddress']['city']}, version {version}")

    customer["contacts"] = [{"name": "Ann", "email": "ann@example.com"}]
    registry.edit(customer_id, customer, version)
    try:
        registry.edit(customer_id, customer, version)
    except Refused as refused:
        print(f"an edit of what was read before: {refused}")

    try:
        registry.create({"name": "", "accountName": "Acme"})
    except Refused as refused:
        print(f"{refused} {[violation['field'] for violation in refused.violations]}")

    for listed in registry.customers(accountName="Acme", fields="customerId,name"):
        print(f"listed: {listed['customerId']} {listed['name']}")

    registry.erase(customer_id)
    print(f"erased {customer_id}")


if __name__ == "__main__":
    main(*sys.argv[1:])
