{
    "name": "Routes to measure against",
    "summary": "For bench: a public route that does nothing",
    "version": "19.0.1.0.0",
    "author": "Paylink",
    "license": "LGPL-3",
    "depends": ["web"],
    "installable": True,
}
