import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** An administrator finds a message that was refused, reads it, has it handled again, and counts all by type. */
tours.add("paylink_event_again", {
    steps: () => [
        { trigger: ".o_data_row.text-danger .o_data_cell[name=type_display]", run: "click" },
        { trigger: ".o_form_view .alert-danger .o_field_widget[name=error]" },
        { trigger: ".o_field_widget[name=payload_display]:contains(/checkout.session/)" },
        { trigger: ".o_form_view button[name=action_handle_again]", run: "click" },
        { trigger: ".o_statusbar_status .o_arrow_button_current[data-value=done]" },
        { trigger: ".o_breadcrumb .o_back_button a", run: "click" },
        { trigger: ".o_data_row .o_data_cell[name=type_display]" },
        { trigger: "button.o_pivot", run: "click" },
        { trigger: ".o_pivot_view table td.o_pivot_cell_value" },
    ],
});

/** The provider's form says what is wrong, and leads there. */
tours.add("paylink_event_health", {
    steps: () => [
        { trigger: ".o_field_widget[name=paylink_event_problems]:contains(1)" },
        { trigger: ".o_field_widget[name=paylink_event_last]" },
        { trigger: "button[name=action_paylink_view_events]", run: "click" },
        { trigger: ".o_list_view .o_data_row.text-danger" },
    ],
});
