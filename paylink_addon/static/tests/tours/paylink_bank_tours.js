import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** What is likely is accepted: one by its button, several at once; then one is undone. */
tours.add("paylink_bank_matched", {
    steps: () => [
        { trigger: ".o_data_row:contains(Marie Dubois) button[name=action_accept]", run: "click" },
        { trigger: ".o_notification:contains(1)" },
        { trigger: ".o_list_view:not(:has(.o_data_row:contains(Marie Dubois)))", content: "what is decided is not asked again" },
        { trigger: ".o_list_view thead .o_list_record_selector input", run: "click" },
        { trigger: ".o_control_panel button[name=action_accept], .o_list_buttons button[name=action_accept]", run: "click" },
        { trigger: ".o_list_view:not(:has(.o_data_row))" },
        { trigger: ".o_searchview_facet .o_facet_remove", run: "click" },
        { trigger: ".o_data_row:contains(Marie Dubois) button[name=action_undo]", run: "click" },
        { trigger: ".modal .modal-footer .btn-primary", run: "click" },
        { trigger: ".o_data_row:contains(Marie Dubois):not(:has(button[name=action_undo]))" },
    ],
});

/** From the provider's form to the account at Stripe, which is to be read. */
tours.add("paylink_stripe_account", {
    steps: () => [
        { trigger: "button[name=action_paylink_use_as_account]:contains(/Utiliser Stripe comme un compte/)", run: "click" },
        { trigger: ".modal-title:contains(/Utiliser Stripe comme un compte/)" },
        { trigger: ".modal .o_field_widget[name=fee_account_id] input:value(/./)" },
        { trigger: ".modal footer button[name=action_use]", run: "click" },
        { trigger: ".o_form_view button[name=action_read]:contains(/Lire maintenant/)", run: "click" },
        { trigger: ".o_notification" },
        { trigger: ".o_form_view .o_field_widget[name=outstanding_account_id]:contains(/./)" },
    ],
});

/** From the provider's form to the account, its payouts, and what Stripe and the books say. */
tours.add("paylink_stripe_account_read", {
    steps: () => [
        { trigger: ".o_field_widget[name=paylink_balance_id] a", run: "click" },
        { trigger: ".o_field_widget[name=journal_ids] .o_data_cell[name=paylink_said_at]:not(:empty)" },
        { trigger: "button[name=action_view_payouts]:contains(/Versements/)", run: "click" },
        { trigger: ".o_breadcrumb:contains(/Versements de Stripe/)" },
        { trigger: ".o_data_row:contains(/Versé/) .o_data_cell[name=charges]:contains(/120,00/)", run: "click" },
        { trigger: ".o_form_view button[name=action_view_moves]:contains(/Mouvements/)" },
        { trigger: ".o_breadcrumb .o_back_button a", run: "click" },
        { trigger: ".o_list_view .o_data_row:contains(/120,00/)" },
        { trigger: ".o_breadcrumb .o_back_button a", run: "click" },
        { trigger: "button[name=action_view_days]", run: "click" },
        { trigger: ".o_breadcrumb:contains(/Stripe et la comptabilité/)" },
        { trigger: ".o_data_row:not(.text-danger) .o_data_cell[name=difference]:contains(/0,00/)" },
        { trigger: ".o_data_row button[name=action_view_said]", run: "click" },
        { trigger: ".o_list_view .o_data_row:contains(/120,00/)" },
    ],
});
