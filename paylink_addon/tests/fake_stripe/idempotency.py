"""Idempotency keys, as of https://docs.stripe.com/api/idempotent_requests (API v1)."""

from dataclasses import dataclass

from .errors import ApiError

LIFETIME = 86400  # seconds
LENGTH = 255


@dataclass
class Kept:
    """A request made with a key, and its answer once there is one."""

    fingerprint: tuple
    created: int
    answer: object = None


class Keys:
    """The keys that have been used."""

    def __init__(self, clock):
        self.clock = clock
        self.kept = {}

    def claim(self, scope, key, fingerprint):
        """Begin a request.

        :param str scope: whose key it is
        :param tuple fingerprint: method, path and parameters
        :return: the answer to replay, or None if the request is new
        :raise ApiError: the key was used with other parameters (400), or is in flight (409)
        """
        if len(key) > LENGTH:
            raise ApiError("Idempotency keys must be at most 255 characters.", type="idempotency_error")
        found = self.kept.get((scope, key))
        if not found or found.created + LIFETIME <= self.clock.now():
            self.kept[scope, key] = Kept(fingerprint, self.clock.now())
            return None
        if found.fingerprint[:2] != fingerprint[:2]:
            raise _reused(f"for the same endpoint they were first used for ({found.fingerprint[1]})", key)
        if found.fingerprint != fingerprint:
            raise _reused("with the same parameters they were first used with", key)
        if found.answer is None:
            raise ApiError(
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}. Please try again later.",
                "idempotency_key_in_use",
                status=409,
                type="idempotency_error",
            )
        return found.answer

    def keep(self, scope, key, answer):
        """Keep the answer for replays."""
        self.kept[scope, key].answer = answer

    def forget(self, scope, key):
        """Nothing came of it: the key is as good as new."""
        self.kept.pop((scope, key), None)


def _reused(how, key):
    return ApiError(
        f"Keys for idempotent requests can only be used {how}. Try using a key other than '{key}' if you meant to "
        "execute a different request.",
        type="idempotency_error",
    )
