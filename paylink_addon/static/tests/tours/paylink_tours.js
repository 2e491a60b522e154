import { registry } from "@web/core/registry";

const STEP_WAIT = 20000;

/** Sends a link from an invoice's form: the wizard shows recipient and text, the button changes afterwards. */
registry.category("web_tour.tours").add("paylink_send_invoice", {
    steps: () => [
        { trigger: "button[name=action_paylink_send]", run: "click", timeout: STEP_WAIT },
        { trigger: ".modal .o_field_widget[name=email] input:value(marie@example.com)" },
        { trigger: ".modal .o_field_widget[name=subject] input:value(/.+/)" },
        { trigger: ".modal footer button[name=action_send]:not(.d-none)", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=url]", timeout: STEP_WAIT },
        { trigger: ".o-mail-Message" },
        { trigger: ".breadcrumb-item a, .o_back_button a", run: "click" },
        { trigger: "button[name=action_paylink_open]" },
    ],
});

/** Pays a link on its page with the demo provider, and waits for the page to say so by itself. */
registry.category("web_tour.tours").add("paylink_pay_page", {
    steps: () => [
        { trigger: ".pl-total" },
        { trigger: "button[name=o_payment_submit_button]:not(:disabled)", run: "click", expectUnloadPage: true },
        { trigger: ".pl-success", timeout: STEP_WAIT },
    ],
});
