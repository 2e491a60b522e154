import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** Opens a customer's account, ticks two of three items and asks for them. */
tours.add("paylink_account", {
    steps: () => [
        { trigger: ".oe_stat_button[name=action_paylink_account]", run: "click" },
        { trigger: ".o_list_view .o_data_row:eq(2)" },
        { trigger: ".o_data_row:contains(100,00) .o_list_record_selector input", run: "click" },
        { trigger: ".o_data_row:contains(50,00) .o_list_record_selector input", run: "click" },
        { trigger: ".o_control_panel button[name=action_settle]", run: "click" },
        { trigger: ".modal .o_field_widget[name=amount_due]:contains(150,00)" },
        { trigger: ".modal .o_field_widget[name=email] input:value(marie@example.com)" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_notification_buttons button:last-child", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/pay/)" },
    ],
});

/** Sends a customer's statement: the address is doubtful, and says why; the page is then revoked. */
tours.add("paylink_statement", {
    steps: () => [
        { trigger: ".o_field_widget[name=paylink_email_state] i[data-state=doubtful][title*='gmail.com']" },
        { trigger: ".o_cp_action_menus button .fa-cog", run: "click" },
        { trigger: ".o-dropdown--menu .o_menu_item:contains(/Envoyer le relevé|Send the statement/)", run: "click" },
        { trigger: ".modal .o_field_widget[name=ready_ids]:contains(Marie Dubois)" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_notification_buttons button:last-child", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/account/)" },
        { trigger: ".o_form_view button[name=action_revoke]", run: "click" },
        { trigger: ".modal footer .btn-primary", run: "click" },
        { trigger: ".o_form_view .o_statusbar_status button.o_arrow_button_current[data-value=revoked]" },
    ],
});
