{
    "name": "Redsys, here",
    "summary": "For live_tests: customers are led to a page of the tests instead of Redsys'",
    "version": "19.0.1.0.0",
    "author": "Paylink",
    "license": "LGPL-3",
    "depends": ["payment_redsys"],
    "post_load": "lead_here",
    "installable": True,
}
