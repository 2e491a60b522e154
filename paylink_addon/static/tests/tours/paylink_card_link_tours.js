import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** Links what a new customer has stored to the one who is suggested, sees that it was wrong, and undoes it. */
tours.add("paylink_card_link", {
    steps: () => [
        { trigger: ".o_search_panel_category_value:contains(1), .o_search_panel_filter_value:contains(1)" },
        { trigger: ".o_data_row .o_data_cell[name=customer_name]:contains(Atelier Martin)", run: "click" },
        { trigger: ".o_form_view button[name=action_link]", run: "click" },
        { trigger: ".modal .o_data_row:contains(Ada M.) .o_data_cell[name=reason]" },
        { trigger: ".modal .o_data_row:contains(Ada M.) button[name=action_link]", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=partner_id]:contains(Ada M.)" },
        { trigger: ".o_form_view button[name=action_undo_link]", run: "click" },
        { trigger: ".modal footer .btn-primary", run: "click" },
        { trigger: ".o_form_view button[name=action_link]" },
    ],
});

/** Creates the customer from it, although there is one like it. */
tours.add("paylink_card_create", {
    steps: () => [
        { trigger: ".o_data_row .o_data_cell[name=customer_name]:contains(Atelier Martin)", run: "click" },
        { trigger: ".o_form_view button[name=action_create_customer]", run: "click" },
        { trigger: ".modal .alert-warning" },
        { trigger: ".modal footer button[name=action_create_customer]", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=partner_id]:contains(Atelier Martin)" },
        { trigger: ".o_form_view button[name=action_undo_link]" },
    ],
});

/** Asks a new customer and, in the same dialog, one who turns out to be known. */
tours.add("paylink_card_ask_new", {
    steps: () => [
        { trigger: ".o_control_panel button:contains('Nouveau client')", run: "click" },
        { trigger: ".modal .o_field_x2many_list_row_add a", run: "click" },
        { trigger: ".modal .o_data_row .o_field_widget[name=email] input", run: "edit nouveau@example.com" },
        { trigger: ".modal .o_field_x2many_list_row_add a", run: "click" },
        { trigger: ".modal .o_data_row:eq(1) .o_field_widget[name=email] input", run: "edit marie@example.com" },
        { trigger: ".modal .modal-title", run: "click" },
        { trigger: ".modal .o_data_row:contains(marie) .o_data_cell[name=known_id]:contains(Marie Dubois)" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_list_view .o_data_row:contains(Marie Dubois)" },
    ],
});
