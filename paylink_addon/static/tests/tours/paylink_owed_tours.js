import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("paylink_owed", {
    steps: () => [
        { trigger: "div[name=paylink_owed]:contains('Marie Dubois'):contains('200,00')" },
        { trigger: "button[name=action_paylink_send_statement]", run: "click" },
        { trigger: ".modal button[name=action_send]", run: "click" },
        { trigger: ".o_notification:contains('marie@example.com')" },
    ],
});
