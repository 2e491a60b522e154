import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** Asks a customer for a top-up: no choice of what is asked for, an amount is enough. */
tours.add("paylink_top_up", {
    steps: () => [
        // Beside what other apps show of a customer there may be no room for it.
        { trigger: ".o_form_view .o-form-buttonbox .o_button_more", run: "click" },
        { trigger: "button[name=action_paylink_top_up]", run: "click" },
        { trigger: ".modal:not(:has(.o_field_widget[name=kind])) .o_field_widget[name=amount] input", run: "edit 75" },
        { trigger: ".modal .o_field_widget[name=reference] input", run: "click" },
        { trigger: ".modal .o_field_widget[name=subject] input", run: "click" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_notification_buttons button:last-child", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/pay/)" },
        { trigger: ".o_form_view .o_field_widget[name=kind]:contains(/cagnotte/i)" },
    ],
});

/** The program says that wallets and books agree; its button shows the journal items. */
tours.add("paylink_wallet_program", {
    steps: () => [
        { trigger: ".o_field_widget[name=paylink_difference]:contains(0)" },
        { trigger: ".o_field_widget[name=paylink_wallet_total]:contains(50)" },
        { trigger: "button[name=action_paylink_journal_items]", run: "click" },
        { trigger: ".o_list_view .o_data_row" },
    ],
});
