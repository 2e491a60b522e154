import { registry } from "@web/core/registry";

/** Asks for a payment from an opportunity whose contact is no customer yet, then finds it by the smart button. */
registry.category("web_tour.tours").add("paylink_opportunity", {
    steps: () => [
        { trigger: ".o_form_view button[name=action_paylink_send]", run: "click" },
        { trigger: ".modal .o_field_widget[name=amount] input", run: "edit 300" },
        { trigger: ".modal .o_field_widget[name=reference] input:value(Escalier)", run: "click" },
        { trigger: ".modal .o_field_widget[name=subject] input", run: "click" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_notification_buttons button:last-child", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/pay/)" },
        { trigger: ".o_form_view .o_field_widget[name=lead_id]:contains(Escalier)" },
        { trigger: ".o_breadcrumb .o_back_button a", run: "click" },
        { trigger: ".oe_stat_button[name=action_paylink_view_links]:contains(1)", run: "click" },
        { trigger: ".o_list_view .o_data_row .badge:contains(Pas ouvert)" },
    ],
});
