import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const field = (name) => `.o_field_widget[name=${name}]`;
const row = (n) => `${field("step_ids")} .o_data_row:nth-child(${n})`;

/** One more day of the rule: its number of days, in a row of its own. */
const addDay = (n, days) => [
    { trigger: `${field("step_ids")} .o_field_x2many_list_row_add a`, run: "click" },
    { trigger: `${row(n)} ${field("days")} input`, run: `edit ${days}` },
];

/** Makes a rule: 3, 10 and 30 days overdue, ever firmer, not for one customer, not with a text in the memo. */
tours.add("paylink_reminder_rule", {
    steps: () => [
        { trigger: ".o_list_button_add", run: "click" },
        { trigger: `${field("name")} input, ${field("name")} textarea`, run: "edit Facture en retard" },
        { trigger: `${field("kind")} input[data-value=invoice]:checked` },
        { trigger: `${field("condition")} input`, run: "click" },
        { trigger: `${row(1)} .o_data_cell[name=days]:contains(3)` },
        ...addDay(2, 10),
        ...addDay(3, 30),
        { trigger: ".o_form_sheet .oe_title", run: "click" },
        { trigger: `${row(3)} .o_data_cell[name=tone]:contains(Dernier rappel)` },
        { trigger: `${row(3)} .o_data_cell[name=mail_template_id]:not(:empty)` },
        { trigger: ".o_notebook a[name=who]", run: "click" },
        { trigger: `${field("customer_mode")} input[data-value=except]`, run: "click" },
        { trigger: `${field("partner_ids")} input`, run: "edit John Smith" },
        { trigger: ".o-autocomplete--dropdown-item:contains(John Smith)", run: "click" },
        { trigger: ".o_notebook a[name=which]", run: "click" },
        { trigger: `${field("memo_mode")} input[data-value=ignore]`, run: "click" },
        { trigger: `${field("memo_text")} input`, run: "edit #sans-rappel" },
        { trigger: `${field("all_terms")} input`, run: "click" },
        { trigger: `${field("term_ids")} .form-check:first-child input`, run: "click" },
        { trigger: ".o_notebook a[name=who]", run: "click" },
        { trigger: `${field("autopay")} input[data-value=without]`, run: "click" },
        { trigger: ".o_notebook a[name=message]", run: "click" },
        { trigger: `${field("attach_pdf")} input`, run: "click" },
        { trigger: `${field("attach_files")} input`, run: "click" },
        { trigger: `${field("email_bcc")} input`, run: "edit chef@example.com" },
        { trigger: ".o_form_button_save", run: "click" },
        { trigger: ".o_form_saved" },
        { trigger: ".o_breadcrumb .o_back_button a", run: "click" },
        { trigger: ".o_data_row:contains(Facture en retard) .o_data_cell[name=days_display]:contains(3, 10, 30)" },
    ],
});

/** Duplicates a rule from the list, deletes the copy, switches the other one off. */
tours.add("paylink_reminder_rule_list", {
    steps: () => [
        { trigger: ".o_data_row:contains(Overdue) button[name=action_duplicate]", run: "click" },
        { trigger: `.o_form_view ${field("active")} input:not(:checked)` },
        { trigger: ".o_breadcrumb .o_back_button a", run: "click" },
        { trigger: ".o_data_row:nth-child(2) button[name=action_delete]", run: "click" },
        { trigger: ".modal footer .btn-primary", run: "click" },
        { trigger: ".o_list_view:not(:has(.o_data_row:nth-child(2) .o_data_cell))" },
        { trigger: ".o_data_row:contains(Overdue) .o_data_cell[name=active] input", run: "click" },
        { trigger: ".o_data_row:contains(Overdue) .o_data_cell[name=active] input:not(:checked)" },
    ],
});

/** Switches the reminders off above the list, and on again on a rule. */
const status = ".o_paylink_rules_status";
tours.add("paylink_reminder_switch", {
    steps: () => [
        { trigger: `${status}.alert-light button`, run: "click" },
        { trigger: ".modal footer .btn-primary", run: "click" },
        { trigger: `${status}.alert-warning` },
        { trigger: ".o_data_row:contains(Overdue) .o_data_cell[name=name]", run: "click" },
        { trigger: ".o_form_view .alert-warning button[name=action_switch_on]", run: "click" },
        { trigger: ".modal footer .btn-primary", run: "click" },
        { trigger: ".o_form_view:not(:has(button[name=action_switch_on]))" },
        { trigger: ".o_breadcrumb .o_back_button a", run: "click" },
        { trigger: `${status}.alert-light` },
    ],
});

/** Looks at what goes out, day by day; reads a text. */
tours.add("paylink_reminder_preview", {
    steps: () => [
        { trigger: ".o_group_header + .o_data_row:contains(Marie Dubois)" },
        { trigger: ".o_data_row button[name=action_show]", run: "click" },
        { trigger: `.modal ${field("body")} :iframe body:contains(Marie Dubois)` },
        { trigger: ".modal footer .btn-primary", run: "click" },
        { trigger: `body:not(:has(.modal)) ${status}.alert-light` },
    ],
});

/** On an invoice: which rules apply, then a promise to pay. */
tours.add("paylink_reminder_invoice", {
    steps: () => [
        { trigger: ".o_cp_action_menus button .fa-cog", run: "click" },
        { trigger: ".o-dropdown--menu .o_menu_item:contains('Promesse de paiement')", run: "click" },
        { trigger: `.modal ${field("date_until")} input`, run: "edit 31/12/2099" },
        { trigger: `.modal ${field("note")} input`, run: "edit Mme Dubois, au téléphone" },
        { trigger: ".modal footer .btn-primary", run: "click" },
        { trigger: `.o_form_view ${field("paylink_promise_until")}:contains(2099)` },
        { trigger: ".o_cp_action_menus button .fa-cog", run: "click" },
        { trigger: ".o-dropdown--menu .o_menu_item:contains('Règles de rappel')", run: "click" },
        { trigger: `${field("line_ids")} .o_data_row .o_data_cell[name=reason]:not(:empty)` },
    ],
});

/** Sends a reminder now from an invoice. */
tours.add("paylink_reminder_now", {
    steps: () => [
        { trigger: ".o_cp_action_menus button .fa-cog", run: "click" },
        { trigger: ".o-dropdown--menu .o_menu_item:contains('Envoyer un rappel')", run: "click" },
        { trigger: `.modal ${field("body")} :iframe body:contains(Marie Dubois)` },
        { trigger: ".modal footer button[name=action_send]", run: "click" },
        { trigger: "body:not(:has(.modal)) button[name=action_paylink_view_reminders]" },
    ],
});
