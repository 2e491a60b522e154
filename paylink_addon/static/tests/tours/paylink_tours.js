import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** Puts a long text into a field at once: key by key it takes too long on a slow machine. */
function paste(text) {
    return function () {
        this.anchor.value = text;
        for (const name of ["input", "change"]) {
            this.anchor.dispatchEvent(new Event(name, { bubbles: true }));
        }
    };
}

/** Sends a link from an invoice's form: the wizard shows recipient and text; the user stays there, and is told. */
tours.add("paylink_send_invoice", {
    steps: () => [
        { trigger: "button[name=action_paylink_send]", run: "click" },
        { trigger: ".modal .o_field_widget[name=email] input:value(marie@example.com)" },
        { trigger: ".modal .o_field_widget[name=body]:contains(Marie Dubois)" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_notification:contains(marie@example.com) .o_notification_buttons button:first-child" },
        { trigger: "button[name=action_paylink_open]:contains(/Lien d.encaissement envoyé/)" },
        { trigger: ".o_notification_buttons button:last-child", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/pay/)" },
        { trigger: ".o-mail-Message" },
    ],
});

/** Selects all invoices of the list and sends a link to each customer. */
tours.add("paylink_send_list", {
    steps: () => [
        { trigger: "thead .o_list_record_selector input", run: "click" },
        { trigger: ".o_cp_action_menus button .fa-cog", run: "click" },
        { trigger: ".o-dropdown--menu .o_menu_item:contains(/Envoyer un lien/)", run: "click" },
        { trigger: ".modal .o_field_widget[name=line_ids] .o_data_row:contains(John Smith)" },
        { trigger: ".modal .o_field_widget[name=line_ids] .o_data_row:contains(Marie Dubois)" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_list_view .o_data_row .badge:contains(Pas ouvert)" },
    ],
});

/** Asks a customer who owes nothing for an amount with a reference. */
tours.add("paylink_ask_customer", {
    steps: () => [
        { trigger: "button[name=action_paylink_send]", run: "click" },
        { trigger: ".modal .o_field_widget[name=amount] input", run: "edit 250" },
        { trigger: ".modal .o_field_widget[name=reference] input", run: "edit Contrat 7" },
        { trigger: ".modal .o_field_widget[name=subject] input", run: "click" },
        { trigger: ".modal .o_field_widget[name=subject] input:value(/Contrat 7/)" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_notification_buttons button:last-child", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/pay/)" },
        { trigger: ".o_breadcrumb .o_back_button a", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=paylink_status] .badge:contains(Pas ouvert)" },
        { trigger: "div[name=paylink] button[name=action_paylink_copy]" },
        { trigger: ".oe_stat_button[name=action_paylink_open] .o_field_widget[name=paylink_sent_at]" },
        { trigger: ".oe_stat_button[name=action_paylink_open]", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/pay/)" },
    ],
});

/** Asks a customer who owes in two currencies for an amount in the other one. */
tours.add("paylink_ask_in_currency", {
    steps: () => [
        { trigger: "button[name=action_paylink_send]", run: "click" },
        { trigger: ".modal .o_field_widget[name=line_ids] .o_data_row:eq(1)" },
        { trigger: ".modal .o_field_widget[name=kind] input:eq(1)", run: "click" },
        { trigger: ".modal .o_field_widget[name=currency_id] input", run: "edit CAD" },
        { trigger: ".o-autocomplete--dropdown-item a:contains(/^CAD$/)", run: "click" },
        { trigger: ".modal .o_field_widget[name=amount] input", run: "edit 45" },
        { trigger: ".modal .o_field_widget[name=reference] input", run: "edit Contrat 3" },
        { trigger: ".modal .o_field_widget[name=subject] input", run: "click" },
        { trigger: ".modal .o_field_widget[name=subject] input:value(/45.*Contrat 3/)" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_notification_buttons button:last-child", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/pay/)" },
    ],
});

/** Sends an open link again that asks for more than this invoice: its amount is not the wizard's to choose. */
tours.add("paylink_send_overlapping", {
    steps: () => [
        { trigger: ".o_form_view .o_field_widget[name=paylink_status]" },
        { trigger: ".o_cp_action_menus button .fa-cog", run: "click" },
        { trigger: ".o-dropdown--menu .o_menu_item:contains(/Envoyer un lien/)", run: "click" },
        { trigger: ".modal .alert-info .o_field_widget[name=existing_text]:contains(150)" },
        { trigger: ".modal .o_field_widget[name=amount]" },
        { trigger: ".modal .o_field_widget[name=reuse] input:not(:checked)", run: "click" },
        { trigger: ".modal .o_field_widget[name=subject] input:value(/150/)" },
        { trigger: ".modal:not(:has(.o_field_widget[name=amount])) footer button[name=action_send]", run: "click" },
        { trigger: ".o_notification_buttons button:last-child", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/pay/)" },
    ],
});

/** Writes too long an SMS, reads why it can't be sent, and shortens it. */
tours.add("paylink_long_sms", {
    steps: () => [
        { trigger: "button[name=action_paylink_send]", run: "click" },
        { trigger: ".modal .o_field_widget[name=send_sms] input", run: "click" },
        { trigger: ".modal .o_field_widget[name=sms_body] textarea", run: paste("x".repeat(620)) },
        { trigger: ".modal .o_field_widget[name=subject] input", run: "click" },
        { trigger: ".modal .alert-danger .o_field_widget[name=sms_problem]:contains(5)" },
        { trigger: ".modal .o_field_widget[name=sms_body] textarea", run: paste("x".repeat(170)) },
        { trigger: ".modal .o_field_widget[name=subject] input", run: "click" },
        { trigger: ".modal .alert-warning .o_field_widget[name=sms_warning]:contains(2)" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_notification_buttons button:last-child", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/pay/)" },
    ],
});

/** Types the address of one customer among many, and keeps it on the contact. */
tours.add("paylink_type_address", {
    steps: () => [
        { trigger: "thead .o_list_record_selector input", run: "click" },
        { trigger: ".o_cp_action_menus button .fa-cog", run: "click" },
        { trigger: ".o-dropdown--menu .o_menu_item:contains(/Envoyer un lien/)", run: "click" },
        { trigger: ".modal .o_data_row.text-danger td[name=email]", run: "click" },
        { trigger: ".modal .o_selected_row .o_field_widget[name=email] input", run: "edit new@example.com" },
        { trigger: ".modal .o_field_widget[name=beneficiary]", run: "click" },
        { trigger: ".modal .o_field_widget[name=save_on_contact] input:checked" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_list_view .o_data_row .badge:contains(Pas ouvert)" },
    ],
});

/** On a phone: opens the card of one of two links, and sends it elsewhere. */
tours.add("paylink_phone_address", {
    steps: () => [
        { trigger: ".o_control_panel button:has(.fa-bolt)", run: "click" },
        { trigger: ".o-dropdown--menu [name=action_paylink_send]", run: "click" },
        { trigger: ".modal .o_field_widget[name=line_ids] .o_kanban_record:eq(1)" },
        { trigger: ".modal .o_field_widget[name=line_ids] .o_kanban_record:first", run: "click" },
        { trigger: ".o_paylink_send_line .o_field_widget[name=email] input", run: "edit new@example.com" },
        { trigger: ".o_paylink_send_line .o_form_button_save", run: "click" },
        { trigger: ".modal .o_kanban_record:contains(new@example.com)" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_notification:contains(2)" },
    ],
});

/** Finds customers by the status of their link: column, filter, groups. */
tours.add("paylink_customers", {
    steps: () => [
        { trigger: ".o_data_row:contains(Marie Dubois) td[name=paylink_status] .badge:contains(Pas ouvert)" },
        { trigger: ".o_searchview_dropdown_toggler", run: "click" },
        { trigger: ".o_group_by_menu .o_menu_item:contains(Statut du lien)", run: "click" },
        { trigger: ".o_group_header:contains(Pas ouvert)" },
        { trigger: ".o_filter_menu .o_menu_item:contains(Sans lien)", run: "click" },
        { trigger: ".o_list_view:not(:has(.o_group_header:contains(Pas ouvert))) .o_group_header" },
    ],
});

/** The owner finds a link in the list, opens it, and cancels it. */
tours.add("paylink_follow", {
    steps: () => [
        { trigger: ".o_data_row .o_data_cell[name=name]", run: "click" },
        { trigger: ".o_form_view button[name=action_cancel]", run: "click" },
        { trigger: ".modal footer .btn-primary", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=status]:contains(Annulé)" },
        { trigger: ".o-mail-Message:contains(Le lien a été annulé)" },
    ],
});

/** A link is made from nothing, saved and sent. */
tours.add("paylink_new_link", {
    steps: () => [
        { trigger: ".o_list_button_add", run: "click" },
        { trigger: ".o_field_widget[name=partner_id] input", run: "edit John" },
        { trigger: ".o-autocomplete--dropdown-item:contains(John)", run: "click" },
        { trigger: ".o_field_widget[name=amount] input", run: "edit 250" },
        { trigger: ".o_field_widget[name=reference] input", run: "edit Contrat 7" },
        { trigger: "button.o_form_button_save", run: "click" },
        { trigger: ".o_form_saved" },
        { trigger: "button[name=action_send]", run: "click" },
        { trigger: ".o_field_widget[name=url]" },
    ],
});

/** An administrator changes how long links last. */
tours.add("paylink_settings", {
    steps: () => [
        { trigger: "#paylink_expiry .o_field_widget[name=paylink_expiry_number] input", run: "edit 5" },
        { trigger: "button.o_form_button_save", run: "click", expectUnloadPage: true },
        { trigger: "#paylink_expiry .o_field_widget[name=paylink_expiry_number] input:value(5)" },
    ],
});

/** A portal user finds what to pay. */
tours.add("paylink_portal", {
    steps: () => [
        { trigger: "a[href*='/my/payment_links']", run: "click", expectUnloadPage: true },
        { trigger: "a.btn[href*='/pay/']" },
    ],
});

/** All menus stand in the bar: Odoo puts those for which there is no room into one more. */
tours.add("paylink_menu_bar", {
    steps: () => [
        { trigger: ".o_menu_sections [data-menu-xmlid='paylink_addon.paylink_menu_configuration']" },
        { trigger: ".o_menu_sections:not(:has(.o_menu_sections_more))", content: "nothing is left for the menu +" },
    ],
});

const CUT = [
    ".o_list_view thead th .text-truncate",
    ".o_list_view .badge",
    ".o_control_panel_breadcrumbs .o_last_breadcrumb_item span",
].join();

/** Opens the list of each menu of ours, and looks for what is cut. */
tours.add("paylink_titles", {
    steps: () => [
        {
            trigger: ".o_list_view",
            timeout: 60000,
            async run() {
                const { action, menu } = odoo.__WOWL_DEBUG__.root.env.services;
                const { appID } = menu.getAll().find((one) => one.xmlid === "paylink_addon.paylink_menu_root");
                const ours = menu.getAll().filter((one) => one.appID === appID && one.actionModel === "ir.actions.act_window");
                const cut = [];
                let opened = 0;
                for (const { actionID, name } of ours) {
                    await action.doAction(actionID, { clearBreadcrumbs: true });
                    await new Promise((resolve) => setTimeout(resolve, 300));
                    opened += Boolean(document.querySelector(".o_list_view"));
                    for (const element of document.querySelectorAll(CUT)) {
                        if (element.clientWidth && element.scrollWidth > element.clientWidth + 1) {
                            cut.push(`${name}: ${element.innerText}`);
                        }
                    }
                }
                if (cut.length || opened < 12) {
                    throw new Error(`${opened} lists, cut: ${cut.join()}`);
                }
            },
        },
    ],
});
