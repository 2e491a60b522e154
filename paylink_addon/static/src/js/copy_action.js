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

/** How long the address can be copied from what tells that it was sent (milliseconds). */
const DELAY = 15000;

/** Client action: say what was sent where, with its address to copy; whoever sent it stays on the record. */
function tellSent(env, action) {
    const { message, text, show } = action.params;
    const { notification, action: actions } = env.services;
    const open = () => {
        close();
        actions.doAction(show);
    };
    const copy = () => copyText(env, { params: { text } });
    const buttons = text ? [{ name: _t("Copy the link"), primary: true, onClick: copy }] : [];
    buttons.push({ name: _t("Show"), onClick: open });
    const close = notification.add(message, { type: "success", buttons, autocloseDelay: DELAY });
    return { type: "ir.actions.act_window_close" };
}

registry.category("actions").add("paylink_addon.copy", copyText);
registry.category("actions").add("paylink_addon.sent", tellSent);
