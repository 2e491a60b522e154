import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const field = (name) => `.o_field_widget[name=${name}]`;
const menu = (name) => [
    { trigger: ".o_menu_sections [data-menu-xmlid='paylink_addon.paylink_autopay_menu_root']", run: "click" },
    { trigger: `.dropdown-item[data-menu-xmlid='paylink_addon.paylink_autopay_${name}_menu']`, run: "click" },
];

/** Makes a rule, looks at what it will charge, then switches automatic payments on. */
tours.add("paylink_autopay_rule", {
    steps: () => [
        { trigger: ".o_list_button_add", run: "click" },
        { trigger: `${field("name")} input, ${field("name")} textarea`, run: "edit Abonnements" },
        { trigger: `${field("grouping")} input[data-value=document]`, run: "click" },
        { trigger: ".o_form_button_save", run: "click" },
        { trigger: ".o_form_saved .alert-warning button[name=action_switch_on]" },
        ...menu("preview"),
        { trigger: ".o_list_view .o_data_row:contains(Marie Dubois):contains(4242):contains(/Sera débité/)" },
        ...menu("rule"),
        { trigger: ".o_data_row .o_data_cell[name=name]:contains(Abonnements)", run: "click" },
        { trigger: ".alert-warning button[name=action_switch_on]", run: "click" },
        { trigger: ".modal footer .btn-primary", run: "click" },
        { trigger: ".o_form_view:not(:has(button[name=action_switch_on]))" },
    ],
});

/** Finds on an invoice that its customer objects to the charge, and when. */
tours.add("paylink_autopay_objection", {
    steps: () => [
        { trigger: `${field("paylink_autopay_plan")}:contains(/Non débité automatiquement/)` },
        { trigger: ".o-mail-Message:contains(/Le client conteste le paiement automatique/)" },
        { trigger: "button[name=action_paylink_autopay_resume]" },
    ],
});

/** Finds on an invoice when what was declined is tried again, and in the history what the answer was. */
tours.add("paylink_autopay_declined", {
    steps: () => [
        { trigger: `${field("paylink_autopay_plan")}:contains(/Prévu le .*100,00.*4242/)` },
        { trigger: "button[name=action_paylink_view_autopay]", run: "click" },
        { trigger: ".o_data_row:contains(/(À réessayer|To be tried again)[^]*(Refusé|Declined)/) .o_data_cell[name=next_on]:not(:empty)" },
    ],
});

/** Finds in the history of an invoice that what the customer had to confirm has been charged. */
tours.add("paylink_autopay_confirmed", {
    steps: () => [
        { trigger: "button[name=action_paylink_view_autopay]", run: "click" },
        { trigger: ".o_data_row .o_data_cell[name=status]:contains(/Débité|Charged/)" },
    ],
});
