import { PaymentForm } from "@payment/interactions/payment_form";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { patch } from "@web/core/utils/patch";

/** What our page is now, or null: not our page, or nobody answers. */
async function lookUp(page) {
    try {
        const answer = await fetch(`${page.dataset.base}/status${location.search}`, { credentials: "same-origin" });
        return await answer.json();
    } catch {
        return null;
    }
}

/** Odoo's payment form on the customer's page: what has changed since the page was opened is shown, not argued about. */
patch(PaymentForm.prototype, {
    /** Paid on another tab, canceled, expired…: show that. Another amount or other methods: say it, then show them. */
    async _displayErrorDialog(title, errorMessage = "") {
        const page = document.querySelector("#pl-main[data-stamp]");
        const now = page && (await lookUp(page));
        if (!now?.stamp || now.stamp === page.dataset.stamp) {
            return super._displayErrorDialog(...arguments);
        }
        if (now.view !== page.dataset.view) {
            return location.replace(page.dataset.base);
        }
        const onClose = () => location.reload();
        return this.services.dialog.add(ConfirmationDialog, { title, body: errorMessage }, { onClose });
    },
});
