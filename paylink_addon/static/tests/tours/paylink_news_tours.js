import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("paylink_news", {
    steps: () => [
        { trigger: ".o_paylink_news_toggle:contains('3')", run: "click" },
        { trigger: ".o_paylink_news_row:contains('Marie Dubois'):contains('200,00'):contains('Payé')" },
        { trigger: ".o_paylink_news_row:contains('Marie Dubois'):first .o_paylink_news_read", run: "click" },
        { trigger: ".o_paylink_news_toggle:contains('2')" },
        { trigger: ".o_paylink_news_all", run: "click" },
        { trigger: ".o_facet_values:contains('Non lu')" },
        { trigger: ".o_paylink_news_toggle", run: "click" },
        { trigger: ".o_paylink_news_open:contains('200,00')", run: "click" },
        { trigger: ".o_form_view button[name=action_mark_read]" },
        { trigger: ".o_paylink_news_toggle", run: "click" },
        { trigger: ".o_paylink_news_read_all", run: "click" },
        { trigger: ".o_paylink_news_none" },
        { trigger: ".o_paylink_news_toggle:not(:has(.o_paylink_news_count))" },
    ],
});
