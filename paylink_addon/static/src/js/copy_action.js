import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";

/** Client action: copy a text to the clipboard and say so. */
async function copyText(env, action) {
    const { text } = action.params;
    try {
        await browser.navigator.clipboard.writeText(text);
        env.services.notification.add(_t("The link has been copied."), { type: "success" });
    } catch {
        // The browser refuses outside of a secure page: show what is to be copied.
        env.services.notification.add(text, { title: _t("Copy this link"), sticky: true });
    }
}

registry.category("actions").add("paylink_addon.copy", copyText);
