import contextlib
import json
import time

from odoo.tests import HttpCase
from odoo.tests.common import ChromeBrowser

from .common import PaylinkCommon

PATIENCE = 20  # seconds
# What a key is called and what it types: https://chromedevtools.github.io/devtools-protocol/tot/Input
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " "), "ArrowDown": (40, "")}
# Why it can't be seen where the focus is: what has it is not on the screen, or has no ring around it.
UNSEEN = """(() => {
    const has = document.activeElement, box = has.getBoundingClientRect(), style = getComputedStyle(has);
    const isHere = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    const isRinged = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    return isHere && isRinged ? "" : `${has.outerHTML}: ${JSON.stringify(box)}, ${style.outline}`;
})()"""


class ToursCommon(PaylinkCommon, HttpCase):
    """Tours in French; the addresses of links lead to the server of the tests.

    :cvar seller_groups: XML ids, with commas between, of the groups of who clicks
    :ivar seller: who clicks, with the login ``camille``
    """

    seller_groups = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param("web.base.url", cls.base_url())
        if cls.seller_groups:
            cls.seller = cls._french_user(cls.seller_groups)


class PhoneCommon(PaylinkCommon, HttpCase):
    """A customer's phone.

    Tours end where a page without Odoo's scripts begins: these tests look into the browser themselves.
    """

    browser_size = "390x844"

    @contextlib.contextmanager
    def _browse(self, path, scripts=True):
        """Open ``path`` as an anonymous visitor; yield a function that evaluates JavaScript on the current page.

        :param bool scripts: whether the browser runs those of the pages
        """
        browser = ChromeBrowser(self)
        try:
            with self.allow_requests(browser=browser):
                self.authenticate(None, None, browser=browser)
                browser._websocket_request("Emulation.setScriptExecutionDisabled", params={"value": not scripts})
                self.cr.flush()
                self.cr.clear()
                browser.navigate_to(f"{self.base_url()}{path}")

                def evaluate(code):
                    answer = browser._websocket_request(
                        "Runtime.evaluate", params={"expression": code, "returnByValue": True, "userGesture": True}
                    )
                    return answer["result"].get("value")

                self._wait(evaluate, "document.readyState == 'complete' && document.querySelector('#pl-main')")
                evaluate.browser = browser
                yield evaluate
        finally:
            browser.stop()
            self._wait_remaining_requests()
            self.env.invalidate_all()

    @contextlib.contextmanager
    def _undisturbed(self):
        """Work in the test while a page is open: none of its requests, on the same connection, comes in between."""
        with self.registry.cursor():  # it holds the lock that every request waits for
            self.env.invalidate_all()
            yield
            self.env.flush_all()

    def _wait(self, evaluate, condition):
        """Wait until ``condition`` (JavaScript) holds on the page."""
        end = time.monotonic() + PATIENCE
        while not evaluate(f"!!({condition})"):
            self.assertLess(time.monotonic(), end, f"{condition}\n{evaluate('document.body.innerText')}")
            time.sleep(0.05)

    def _press(self, evaluate, key):
        """Press a key of the keyboard, and let it go."""
        code, text = KEYS[key]
        params = {"key": key, "code": key, "windowsVirtualKeyCode": code, "text": text}
        for event in ("keyDown" if text else "rawKeyDown", "keyUp"):
            evaluate.browser._websocket_request("Input.dispatchKeyEvent", params={"type": event, **params})

    def _tab_to(self, evaluate, selector):
        """Press Tab until it is at ``selector``; each stop on the way can be seen."""
        for _stop in range(60):
            self._press(evaluate, "Tab")
            self.assertFalse(evaluate(UNSEEN))
            if evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
                return
        self.fail(f"The keyboard does not come to {selector}")

    PAY = ".pl-pay button[type=submit]"

    def _press_pay(self, evaluate):
        """Press the button of our page."""
        self._wait(evaluate, f"document.querySelector('{self.PAY}:not(:disabled)')")
        evaluate(f"document.querySelector('{self.PAY}').click()")

    def _submit(self, evaluate, state):
        """Go on to the demo provider's field; choose its answer, and press the button."""
        self._press_pay(evaluate)
        self._wait(evaluate, "document.querySelector('button[name=o_payment_submit_button]:not(:disabled)')")
        evaluate(f"document.querySelector('#simulated_payment_state').value = {json.dumps(state)}")
        evaluate("document.querySelector('button[name=o_payment_submit_button]').click()")
