"""What can go wrong between a client and the API, on demand."""

import fnmatch
from dataclasses import dataclass

# kind → where it strikes:
# - before: the API never sees the request;
# - inside: the endpoint has begun, and its answer is kept under the idempotency key;
# - after: the request is carried out and its answer kept, but never arrives.
KINDS = {
    "429": "before",
    "503": "before",
    "timeout_before": "before",
    "disconnect_before": "before",
    "500": "inside",
    "500_done": "inside",
    "stall": "inside",
    "timeout_after": "after",
    "disconnect_after": "after",
    "garbled": "after",
}


@dataclass
class Fault:
    """Strikes the next ``times`` requests that match.

    :ivar kind: a key of :data:`KINDS`: an HTTP status; ``500_done``: a 500 although the work was done; no answer
        (``timeout``) or a closed connection (``disconnect``), before or after the request is carried out; ``stall``: in
        flight until ``release()``; ``garbled``: a 200 that is no JSON, although the work was done
    :ivar method: HTTP method, or ``*``
    :ivar path: pattern, as in ``/v1/payment_intents*``
    """

    kind: str
    method: str = "*"
    path: str = "*"
    times: int = 1

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"No such fault: {self.kind}; there are {', '.join(KINDS)}.")

    def strikes(self, method, path):
        return self.times > 0 and fnmatch.fnmatch(method, self.method) and fnmatch.fnmatch(path, self.path)


def take(faults, method, path):
    """The first of ``faults`` that strikes a request, counted; or None."""
    for fault in faults:
        if fault.strikes(method, path):
            fault.times -= 1
            return fault
    return None
