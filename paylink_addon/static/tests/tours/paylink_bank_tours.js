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
