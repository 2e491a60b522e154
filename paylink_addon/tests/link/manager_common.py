from ..common import PaylinkCommon

# What a client may send in place of an amount.
NO_AMOUNTS = (0, 0.0, -50, float("nan"), float("inf"), float("-inf"), 1e300, 1e-9, False, True, "", "50", [50], {})


class PaymentManagerCommon(PaylinkCommon):
    """A payment manager without any right in Invoicing."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager, cls.colleague = cls._people("manager", "everyone")
        other = cls._other_company()
        cls.stranger = cls._user("stranger", "paylink_addon.group_payment_manager", other)
