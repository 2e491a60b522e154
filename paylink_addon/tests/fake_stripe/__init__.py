"""A Stripe for tests and demos: a real HTTP server with state, as strict as the original, that fails on demand.

``FakeStripe`` is all that its users need. Inside: ``server`` (HTTP) → ``api`` (keys, versions, idempotency, faults)
→ ``checking`` (parameters, against the SDK's types) → ``routing`` → one module for each group of resources, on a
``world`` of accounts, whose ``outbox`` delivers the events.
"""

from .errors import DECLINES
from .fake import FakeStripe
from .world import API_VERSION

__all__ = ["API_VERSION", "DECLINES", "FakeStripe"]
