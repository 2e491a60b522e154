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

/** Odoo's payment form on the customer's page: what is chosen or typed there is what is paid, by its one button; what has
 * changed since the page was opened is shown, not argued about.
 */
patch(PaymentForm.prototype, {
    async _initiatePaymentFlow() {
        const chosen = this.el.querySelector(".pl-part input[name=part]:checked");
        if (chosen && !(await this._paylinkTakeAmount(chosen))) {
            this._enableButton();
            return;
        }
        return super._initiatePaymentFlow(...arguments);
    },

    /** Let the server read the amount; say what is wrong with it beside its field. Whether to go on and pay. */
    async _paylinkTakeAmount(chosen) {
        const { paylinkBase, paylinkEmbedded } = this.el.dataset;
        const input = this.el.querySelector(".pl-part input[name=amount]");
        const values = new URLSearchParams({ part: chosen.value, amount: input?.value || "" });
        // The language of the page is in its address, if it was chosen there.
        const lang = document.documentElement.lang.replace("-", "_");
        const answer = await this.waitFor(
            fetch(`${paylinkBase}/amount?lang=${lang}`, { method: "POST", body: values, credentials: "same-origin" })
        );
        const { amount, problem, route } = await answer.json();
        this._paylinkShowProblem(input, problem);
        if (amount === undefined) {
            return false;
        }
        if (paylinkEmbedded && route !== this.paymentContext.transactionRoute) {
            location.assign(route.replace(/\/transaction$/, `?lang=${lang}`));
            return false;
        }
        if (paylinkEmbedded && amount !== Number(this.paymentContext.amount)) {
            // The provider's fields were made for another amount.
            values.set("lang", lang);
            location.assign(`${paylinkBase}?${values}`);
            return false;
        }
        Object.assign(this.paymentContext, { amount, transactionRoute: route });
        return true;
    },

    _paylinkShowProblem(input, problem) {
        const place = this.el.querySelector("#pl-part-problem");
        place.textContent = problem || "";
        place.hidden = !problem;
        input?.toggleAttribute("aria-invalid", Boolean(problem));
        if (problem) {
            input?.focus();
        }
    },

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
