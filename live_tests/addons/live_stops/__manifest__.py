{
    "name": "Places to stop at",
    "summary": "For live_tests: a worker waits on the way from a message to the books, to be killed there",
    "version": "19.0.1.0.0",
    "author": "Paylink",
    "license": "LGPL-3",
    "depends": ["paylink_addon"],
    "post_load": "set_stops",
    "installable": True,
}
