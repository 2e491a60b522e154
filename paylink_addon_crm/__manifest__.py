{
    "name": "Paylink: Opportunities",
    "summary": "Ask for a payment from an opportunity, and see when it has arrived",
    "version": "19.0.1.0.0",
    "category": "Accounting/Accounting",
    "author": "Paylink",
    "license": "LGPL-3",
    "depends": ["paylink_addon", "crm"],
    "data": [
        "data/crm_tag_data.xml",
        "views/crm_lead_views.xml",
        "views/paylink_link_views.xml",
        "wizards/paylink_send_views.xml",
    ],
    "assets": {"web.assets_tests": ["paylink_addon_crm/static/tests/tours/*.js"]},
    "auto_install": True,
}
