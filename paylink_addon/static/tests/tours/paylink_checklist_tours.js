import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("paylink_checklist", {
    steps: () => [
        { trigger: ".o_paylink_checklist li[data-step=templates][data-done]" },
        { trigger: ".o_paylink_checklist li[data-step=bank_account] button", run: "click" },
        { trigger: ".modal div[name=acc_number] input", run: "edit FR1420041010050500013M02606" },
        { trigger: ".modal button[name=validate]", run: "click" },
        { trigger: ".o_paylink_checklist li[data-step=bank_account][data-done]" },
        { trigger: ".o_paylink_checklist_hide", run: "click" },
        { trigger: ".o_list_view:not(:has(.o_paylink_checklist))" },
    ],
});
