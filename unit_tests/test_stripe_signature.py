"""Only what Stripe signed, lately, is an event.

Plain unittest: run by `make test`.
"""

import json
import time
import unittest

from standalone import FakeCase, Receiver
from stripe import WebhookSignature
from tools.stripe_client import verify_event
from tools.stripe_errors import StripeSignatureError

SECRET, OTHER = "whsec_one", "whsec_two"
BODY = json.dumps(
    {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "note": "Éléonore 5 €"}
).encode()


def signed(body=BODY, secret=SECRET, age=0):
    """The header for ``body``, signed ``age`` seconds ago."""
    return WebhookSignature.generate_signature_header(body.decode(), secret, int(time.time()) - age)


def signature(*args, **kwargs):
    """Only the ``v1=…`` of :func:`signed`."""
    return signed(*args, **kwargs).split(",")[1]


def stamped(*signatures):
    return ",".join([f"t={int(time.time())}", *signatures])


class TestSignature(unittest.TestCase):
    def test_accepted(self):
        old, new = signature(secret=OTHER), signature()
        cases = [
            ("one signature", signed(), [SECRET]),
            ("right one first", stamped(new, old), [SECRET]),
            ("right one last", stamped(old, new), [SECRET]),
            ("right one between others", stamped("v1=00", new, "v0=00", old), [SECRET]),
            ("signed with the old secret, new one first", signed(secret=OTHER), [SECRET, OTHER]),
            ("signed with the new secret, new one first", signed(), [SECRET, OTHER]),
            ("signed with the new secret, old one first", signed(), [OTHER, SECRET]),
            ("empty second secret", signed(), [SECRET, None, ""]),
            ("secret with blanks around", signed(), [f" {SECRET}\n"]),
            ("nearly too old", signed(age=290), [SECRET]),
            ("a little ahead", signed(age=-290), [SECRET]),
        ]
        for name, header, secrets in cases:
            with self.subTest(name):
                self.assertEqual(verify_event(BODY, header, secrets), json.loads(BODY))

    def test_refused(self):
        cases = [
            ("no header", None, [SECRET], "not signed"),
            ("empty header", "", [SECRET], "not signed"),
            ("none configured", signed(), [], "No webhook secret"),
            ("only empty ones configured", signed(), [None, "", "  "], "No webhook secret"),
            ("signed with an empty secret", signed(secret=""), [""], "No webhook secret"),
            ("other secret", signed(secret=OTHER), [SECRET], "No signatures found matching"),
            (
                "old secret after rotation",
                signed(secret=OTHER),
                [SECRET, "whsec_three"],
                "No signatures found matching",
            ),
            ("too old", signed(age=310), [SECRET], "Timestamp outside"),
            ("too old with the second secret", signed(age=310, secret=OTHER), [SECRET, OTHER], "."),
            ("from the future", signed(age=-310), [SECRET], "future"),
            ("other time than signed", stamped(signature(age=60)), [SECRET], "No signatures found matching"),
            ("no v1", stamped(signature().replace("v1", "v0")), [SECRET], "expected scheme"),
            ("no time", signature(), [SECRET], "Unable to extract"),
            ("time is no number", f"t=now,{signature()}", [SECRET], "Unable to extract"),
            ("signature not ASCII", stamped("v1=é", signature()), [SECRET], "not signed"),
            ("time not ASCII", f"t=١٢٣,{signature()}", [SECRET], "not signed"),
            ("garbage", "💥", [SECRET], "not signed"),
            ("commas", ",,,", [SECRET], "Unable to extract"),
        ]
        for name, header, secrets, reason in cases:
            with self.subTest(name), self.assertRaisesRegex(StripeSignatureError, reason):
                verify_event(BODY, header, secrets)

    def test_every_altered_byte_is_refused(self):
        header = signed()
        for index in range(len(BODY)):
            altered = bytearray(BODY)
            altered[index] ^= 1
            with self.subTest(index=index), self.assertRaises(StripeSignatureError):
                verify_event(bytes(altered), header, [SECRET])
        with self.assertRaises(StripeSignatureError):
            verify_event(BODY + b" ", header, [SECRET])

    def test_body_that_is_not_text_is_refused(self):
        with self.assertRaisesRegex(StripeSignatureError, "UTF-8"):
            verify_event(b"\xff" + BODY, signed(), [SECRET])

    def test_signed_but_no_event_is_refused(self):
        for body in (
            b"",
            b"{",
            b"[]",
            b"null",
            b'"event"',
            b'{"object": "event"}',
            b'{"id": "evt_1", "object": "charge"}',
        ):
            with self.subTest(body=body), self.assertRaises(StripeSignatureError):
                verify_event(body, signed(body), [SECRET])

    def test_refusal_does_not_tell_the_secret_or_the_message(self):
        with self.assertRaises(StripeSignatureError) as caught:
            verify_event(BODY, signed(secret=OTHER), [SECRET])
        for private in (SECRET, "Éléonore", signature()):
            self.assertNotIn(private, str(caught.exception))


class TestDeliveredEvents(FakeCase):
    """What the fake sends is what the client accepts."""

    def setUp(self):
        super().setUp()
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        self.endpoint = self.api.webhook_create(key=self.key(), url=self.receiver.url, enabled_events=["*"])

    def delivered(self):
        self.api.customer_create(key=self.key())
        self.fake.deliver()
        return self.receiver.received.pop()

    def test_delivered_event_is_accepted(self):
        event = verify_event(*self.delivered(), [self.endpoint["secret"]])
        self.assertEqual((event["type"], event["livemode"]), ("customer.created", False))

    def test_rotation_of_the_secret(self):
        old = self.endpoint["secret"]
        new = self.fake.rotate_secret(self.endpoint["id"])
        both = self.delivered()
        for secrets in ([old], [new], [new, old]):
            self.assertTrue(verify_event(*both, secrets))
        self.fake.rotate_secret(self.endpoint["id"], keep_old=False)
        with self.assertRaises(StripeSignatureError):
            verify_event(*self.delivered(), [old, new])

    def test_skewed_clock_is_noticed(self):
        for seconds, reason in [(-3600, "Timestamp outside"), (3600, "future")]:
            self.fake.skew(seconds)
            with self.subTest(seconds=seconds), self.assertRaisesRegex(StripeSignatureError, reason):
                verify_event(*self.delivered(), [self.endpoint["secret"]])


if __name__ == "__main__":
    unittest.main()
