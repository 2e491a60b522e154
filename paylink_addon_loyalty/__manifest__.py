{
    "name": "Paylink: Wallet",
    "summary": "Collection links that top up customers' eWallets, whose money is a liability in the books",
    "version": "19.0.1.0.0",
    "category": "Accounting/Accounting",
    "author": "Paylink",
    "license": "LGPL-3",
    "depends": ["paylink_addon", "sale_loyalty"],
    "data": [
        "views/loyalty_program_views.xml",
        "views/paylink_link_views.xml",
        "views/res_partner_views.xml",
        "wizards/paylink_send_views.xml",
    ],
    "assets": {"web.assets_tests": ["paylink_addon_loyalty/static/tests/tours/*.js"]},
    "post_init_hook": "post_init_hook",
    "auto_install": True,
}
