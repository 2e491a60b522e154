{
    "name": "A slow demo provider",
    "summary": "For live_tests: charging a saved method takes a second, and is written down in the log",
    "version": "19.0.1.0.0",
    "author": "Paylink",
    "license": "LGPL-3",
    "depends": ["payment_demo"],
    "post_load": "slow_down",
    "installable": True,
}
