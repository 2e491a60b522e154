/** The statement page: adds up what is chosen. Without this script the page works as well. */
(function () {
    "use strict";

    document.querySelectorAll(".pl-account").forEach(function (form) {
        const buttons = form.querySelectorAll("[data-pay]");
        if (!buttons.length) {
            return;
        }
        const digits = Number(form.dataset.digits);
        // With the digits that the server writes, in Arabic too.
        const format = new Intl.NumberFormat(document.documentElement.lang + "-u-nu-latn", {
            minimumFractionDigits: digits,
            maximumFractionDigits: digits,
        });
        const radio = (value) => form.querySelector("input[name=what][value=" + value + "]");
        const ticked = function () {
            let minor = 0;
            form.querySelectorAll("input[name=item]").forEach(function (input) {
                minor += input.type === "hidden" || input.checked ? Number(input.dataset.minor) : 0;
            });
            return minor;
        };
        // An account of one page has no such choice: what is ticked is paid.
        const chosen = function () {
            const choice = form.querySelector("input[name=what]:checked");
            if (!choice || choice.value === "some") {
                return ticked();
            }
            return choice.value === "but" ? Number(radio("all").dataset.minor) - ticked() : Number(choice.dataset.minor);
        };
        const show = function () {
            const total = chosen();
            const text = form.dataset.pattern.replace("{}", format.format(total / Math.pow(10, digits)));
            buttons.forEach(function (button) {
                const sum = button.querySelector(".pl-sum");
                sum.textContent = text;
                sum.hidden = false;
                button.disabled = total <= 0;
            });
        };
        form.addEventListener("change", function (event) {
            const input = event.target;
            const choice = form.querySelector("input[name=what]:checked");
            if (input.name === "item" && choice && choice.dataset.minor) {
                radio("some").checked = true; // who ticks something means that
            }
            if (input.name === "what" && input.dataset.minor) {
                form.querySelectorAll("input[name=item]").forEach(function (item) {
                    item.checked = false;
                    item.disabled = item.type === "hidden";
                });
            }
            show();
        });
        // The browser may restore the ticks when the customer comes back.
        addEventListener("pageshow", show);
        show();
    });
})();
