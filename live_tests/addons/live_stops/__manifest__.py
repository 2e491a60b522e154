{
    "name": "Places to stop at",
    "summary": "For live_tests: a worker waits at a step on the way from a provider's message to the books, to be killed",
    "version": "19.0.1.0.0",
    "author": "Paylink",
    "license": "LGPL-3",
    "depends": ["paylink_addon"],
    "post_load": "set_stops",
    "installable": True,
}
