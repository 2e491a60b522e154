import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** A seller, who has a task to do so, asks the customer to replace a stored card, from its profile. */
tours.add("paylink_profile_update", {
    steps: () => [
        { trigger: ".o-mail-Activity:contains(/Une carte enregistrée expire/)" },
        { trigger: "button[name=action_paylink_view_profiles]", run: "click" },
        { trigger: ".o_data_row .o_field_widget[name=paylink_profile_status]:contains(Expire bientôt)" },
        { trigger: ".o_data_row button[name=action_paylink_request_update]", run: "click" },
        { trigger: ".modal .o_field_widget[name=line_ids] .o_data_row:contains(1234)" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=replaces_id]:contains(1234)" },
        { trigger: ".o_form_view .o_field_widget[name=status] .badge" },
    ],
});

/** A seller charges one of two invoices to the stored card, and sees the link that it was charged by. */
tours.add("paylink_profile_charge", {
    steps: () => [
        { trigger: "button[name=action_paylink_view_profiles]", run: "click" },
        { trigger: ".o_data_row button[name=action_paylink_charge]", run: "click" },
        { trigger: ".modal .o_field_widget[name=line_ids] .o_data_row:nth-child(2)" },
        { trigger: ".modal .o_data_row:contains(/100,00/) .o_field_boolean input", run: "click" },
        { trigger: ".modal .o_field_widget[name=total]:contains(/100,00/)" },
        { trigger: ".modal footer button[name=action_charge]", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=status] .badge" },
    ],
});
