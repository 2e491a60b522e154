/** The customer's page: tells that a person has seen it, follows the payment, copies and prints. No library, and
 * nothing that old browsers do not know. */
(function () {
    "use strict";

    // What only scripts can do is not shown without them.
    document.documentElement.classList.add("pl-scripted");
    const main = document.getElementById("pl-main");
    const base = main.dataset.base;

    /** A scanner fetches the page and may run scripts, but it does not touch anything. */
    function reportOpened() {
        const events = ["pointerdown", "pointermove", "keydown", "scroll", "touchstart"];
        const report = () => {
            events.forEach((name) => removeEventListener(name, report));
            fetch(`${base}/opened`, { method: "POST", credentials: "same-origin" }).catch(() => {});
        };
        events.forEach((name) => addEventListener(name, report, { passive: true }));
    }

    /** Of a payment plan another part is to be paid by now, or one is being paid. */
    function isOtherPlan(status) {
        return status.view === "plan" && status.stamp !== main.dataset.stamp;
    }

    const LONGEST = 60 * 60 * 1000;

    /** Ask for the state, more and more seldom, and show the page of the new one; as long as somebody looks at it, and
     * for an hour: then it is for the customer to look again. */
    function followPayment() {
        const end = Date.now() + LONGEST;
        let pause = 1500;
        let timer = null;
        const show = (following) => {
            document.getElementById("pl-following").hidden = !following;
            document.getElementById("pl-look").hidden = following;
        };
        const plan = () => {
            clearTimeout(timer);
            const isOver = Date.now() >= end;
            show(!isOver);
            if (!isOver && document.visibilityState === "visible") {
                timer = setTimeout(ask, pause);
            }
        };
        const ask = async () => {
            try {
                const answer = await fetch(`${base}/status`, { credentials: "same-origin" });
                const status = await answer.json();
                const changed =
                    status.view !== main.dataset.waiting || status.attempts !== Number(main.dataset.attempts);
                if (status.view && (changed || isOtherPlan(status))) {
                    location.replace(base);
                    return;
                }
            } catch (_error) {
                // Not connected: ask again later.
            }
            pause = Math.min(pause * 1.3, 20000);
            plan();
        };
        document.addEventListener("visibilitychange", plan);
        plan();
    }

    /** Back from another tab or app: what was paid, canceled… there is not offered here anymore. */
    async function lookAgain() {
        if (document.visibilityState !== "visible") {
            return;
        }
        try {
            const answer = await fetch(`${base}/status`, { credentials: "same-origin" });
            const status = await answer.json();
            if (status.view && (status.view !== main.dataset.view || isOtherPlan(status))) {
                location.replace(base);
            }
        } catch (_error) {
            // Not connected: what is not true anymore is refused when it is paid.
        }
    }

    async function copy(button) {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
        const show = (copied) => {
            button.querySelector(".pl-before").hidden = copied;
            button.querySelector(".pl-after").hidden = !copied;
        };
        show(true);
        setTimeout(() => show(false), 2000);
    }

    /** Who types an amount has chosen to pay another one; who then chooses one that is offered means that. Who comes by
     * its field with the keyboard has chosen nothing. */
    function chooseTyped(input) {
        const other = document.getElementById("pl-part-other");
        ["click", "input"].forEach((name) => input.addEventListener(name, () => (other.checked = true)));
        document.querySelectorAll("input[name=part]").forEach((choice) => {
            choice.addEventListener("change", () => (input.value = other.checked ? input.value : ""));
        });
    }

    /** The button names the amount that is chosen, or that was typed. */
    function nameChosen(choices, input) {
        const show = () => {
            const chosen = choices.querySelector("input[name=part]:checked");
            const offered = chosen && chosen.closest(".pl-choice").querySelector(".pl-amount");
            const typedText = input ? input.value.trim() : "";
            const text = typedText && choices.dataset.pattern.replace("{}", typedText);
            document.querySelectorAll(".pl-chosen").forEach((place) => {
                place.textContent = offered || text ? ` ${offered ? offered.textContent : text}` : "";
            });
        };
        ["change", "input", "click"].forEach((name) => choices.addEventListener(name, show));
        // The browser may restore the choice when the customer comes back.
        addEventListener("pageshow", show);
        show();
    }

    /** One press pays once; who comes back may press again. */
    function pressOnce(form) {
        const button = form.querySelector("button[type=submit]");
        form.addEventListener("submit", () => (button.disabled = true));
        addEventListener("pageshow", () => (button.disabled = false));
    }

    /** The form of a provider leads on by itself. What it calls its fields may hide its own method. */
    function send(form) {
        HTMLFormElement.prototype.submit.call(form);
    }

    const typed = document.getElementById("pl-part");
    const choices = document.querySelector(".pl-part[data-pattern]");
    if (typed) {
        chooseTyped(typed);
    }
    if (choices) {
        nameChosen(choices, typed);
    }
    if (base && main.dataset.view) {
        reportOpened();
    }
    if (main.dataset.waiting) {
        followPayment();
    }
    if (main.dataset.view === "pay" || main.dataset.view === "plan") {
        document.addEventListener("visibilitychange", lookAgain);
        addEventListener("pageshow", (event) => event.persisted && lookAgain());
    }
    document.querySelectorAll(".pl-pay, .pl-details form, .pl-answer form").forEach(pressOnce);
    document.querySelectorAll("[data-send] form").forEach(send);
    document.querySelectorAll("[data-copy]").forEach((button) => {
        button.hidden = !navigator.clipboard;
        button.addEventListener("click", () => copy(button));
    });
    document.querySelectorAll("[data-print]").forEach((button) => button.addEventListener("click", () => print()));
})();
