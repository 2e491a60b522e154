import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("paylink_export", {
    steps: () => [
        { trigger: ".o_list_view .o_data_row" },
        { trigger: ".o_cp_action_menus .fa-cog", run: "click" },
        { trigger: ".o_paylink_export:contains('Exporter vers Excel')", run: "click" },
        { trigger: ".modal .o_paylink_columns .form-check:contains('Client') input", run: "click" },
        { trigger: ".modal button[name=action_export]", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_list_view" },
    ],
});
