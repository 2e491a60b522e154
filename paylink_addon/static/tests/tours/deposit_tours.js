import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** A seller asks for a percentage of a quotation, and finds the link on it afterwards. */
tours.add("paylink_ask_deposit", {
    steps: () => [
        { trigger: ".o_form_view button[name=action_paylink_send]", run: "click" },
        { trigger: ".modal .o_field_widget[name=email] input:value(marie@example.com)" },
        { trigger: ".modal .o_field_widget[name=percent] input:value(/^30/)" },
        { trigger: ".modal .o_field_widget[name=percent] input", run: "edit 25 && press Tab" },
        { trigger: ".modal .o_field_widget[name=amount]:contains(/250,00/)" },
        { trigger: ".modal .o_field_widget[name=subject] input:value(/250,00/)" },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: ".o_notification_buttons button:last-child", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]:contains(/pay/)" },
        { trigger: ".o_breadcrumb .o_back_button a", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=paylink_amount_asked]:contains(/250,00/)" },
        { trigger: "button[name=action_paylink_view_links]:contains(1)", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=sale_order_id]" },
    ],
});

/** A paid deposit is seen at once: orange in the list and on the cards, a ribbon on the order, a filter. */
tours.add("paylink_deposit_received", {
    steps: () => [
        { trigger: ".o_list_view .o_data_row.text-warning .o_field_badge .text-bg-warning" },
        { trigger: ".o_switch_view.o_kanban", run: "click" },
        { trigger: ".o_kanban_record.o_kanban_color_2 .o_field_badge .text-bg-warning" },
        { trigger: ".o_searchview_dropdown_toggler", run: "click" },
        { trigger: ".o_filter_menu .o_menu_item:contains(/Acompte reçu|Deposit received/)", run: "click" },
        { trigger: ".o_facet_value:contains(/Acompte reçu|Deposit received/)" },
        { trigger: ".o_kanban_record:not(.o_kanban_ghost)", run: "click" },
        { trigger: ".o_form_view .ribbon .text-bg-warning" },
        { trigger: ".o_form_view .o_field_widget[name=paylink_amount_received]:contains(/300,00/)" },
        { trigger: ".o_form_view .o_field_widget[name=paylink_amount_remaining]:contains(/700,00/)" },
    ],
});

/** Odoo's own Send: the checkbox is there and ticked, goes with the e-mail channel, and the button changes. */
tours.add("paylink_send_print", {
    steps: () => [
        { trigger: "button[name=action_invoice_sent]:visible", run: "click" },
        { trigger: ".modal .o_field_widget[name=paylink_add_link] input:checked" },
        { trigger: ".modal [name=sending_method_checkboxes] .form-check:contains(/mail/) input", run: "click" },
        { trigger: ".modal:not(:has(.o_field_widget[name=paylink_add_link]))" },
        { trigger: ".modal [name=sending_method_checkboxes] .form-check:contains(/mail/) input", run: "click" },
        { trigger: ".modal .o_field_widget[name=paylink_add_link] input:checked" },
        { trigger: ".modal footer button[name=action_send_and_print]:visible", run: "click" },
        { trigger: "button[name=action_paylink_open]:contains(/Lien d.encaissement envoyé/)" },
    ],
});

/** The same for the invoices selected in the list. */
tours.add("paylink_send_print_many", {
    steps: () => [
        { trigger: "thead .o_list_record_selector input", run: "click" },
        { trigger: ".o_list_buttons button[name=action_send_and_print], .o_control_panel button[name=action_send_and_print]", run: "click" },
        { trigger: ".modal .o_field_widget[name=paylink_add_link] input:checked" },
        { trigger: ".modal footer button[name=action_send_and_print]", run: "click" },
        { trigger: ".o_notification" },
    ],
});
