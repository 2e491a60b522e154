/** The statement page: adds up what is ticked. Without this script the page works as well. */
(function () {
    "use strict";

    document.querySelectorAll(".pl-account").forEach((form) => {
        const button = form.querySelector("button[type=submit]");
        if (!button) {
            return;
        }
        const digits = Number(form.dataset.digits);
        const format = new Intl.NumberFormat(document.documentElement.lang, {
            minimumFractionDigits: digits,
            maximumFractionDigits: digits,
        });
        const sum = form.querySelector(".pl-sum");
        const show = () => {
            const ticked = [...form.querySelectorAll("input[name=item]:checked")];
            const total = ticked.reduce((minor, input) => minor + Number(input.dataset.minor), 0);
            sum.textContent = form.dataset.pattern.replace("{}", format.format(total / 10 ** digits));
            sum.hidden = false;
            button.disabled = total <= 0;
        };
        form.addEventListener("change", show);
        // The browser may restore the ticks when the customer comes back.
        addEventListener("pageshow", show);
        show();
    });
})();
