"""Lists that go along in Odoo's context, and are added to on the way."""


class Collected(list):
    """A list that equals nothing but itself.

    ``Environment`` gives whoever asks for a context an environment that there is already, if its context is equal: two
    plain lists that are still empty are, and what belongs to the second would be added to the first.
    """

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return self is not other

    __hash__ = object.__hash__
