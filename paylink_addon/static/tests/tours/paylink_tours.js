import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** Sends a link from an invoice's form: the wizard shows recipient and text, the button changes afterwards. */
tours.add("paylink_send_invoice", {
    steps: () => [
        { trigger: "button[name=action_paylink_send]", run: "click" },
        { trigger: ".modal .o_field_widget[name=email] input:value(marie@example.com)" },
        { trigger: ".modal .o_field_widget[name=body]:contains(Marie Dubois)" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/pay/)" },
        { trigger: ".o-mail-Message" },
        { trigger: ".o_breadcrumb .o_back_button a", run: "click" },
        { trigger: "button[name=action_paylink_open]:contains(/Lien d.encaissement envoyé/)" },
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
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/pay/)" },
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

/** An administrator changes how long links last. */
tours.add("paylink_settings", {
    steps: () => [
        { trigger: "#paylink_expiry .o_field_widget[name=paylink_expiry_hours] input", run: "edit 48" },
        { trigger: "button.o_form_button_save", run: "click", expectUnloadPage: true },
        { trigger: "#paylink_expiry .o_field_widget[name=paylink_expiry_hours] input:value(48)" },
    ],
});

/** A portal user finds what to pay. */
tours.add("paylink_portal", {
    steps: () => [
        { trigger: "a[href*='/my/payment_links']", run: "click", expectUnloadPage: true },
        { trigger: "a.btn[href*='/pay/']", run: "click", expectUnloadPage: true },
        { trigger: ".pl-total" },
    ],
});
