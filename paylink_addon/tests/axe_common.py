import json
import os
from pathlib import Path

from .browser_common import PhoneCommon

# Levels A and AA of WCAG 2.0, 2.1 and 2.2, as axe-core names them: https://dequeuniversity.com/rules/axe
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
RUN = """
window.found = null;
axe.run(document, { runOnly: %s, resultTypes: ["violations"] }).then((result) => {
    window.found = result.violations.map((rule) => `${rule.id}: ${rule.help}\\n` + rule.nodes.map(
        (node) => `  ${node.target.join(" ")}  ${node.html}\\n  ${node.failureSummary}`
    ).join("\\n"));
}, (error) => { window.found = [String(error)]; });
"""
# A page as it stands there once its scripts have begun, without running them.
SHOW = """
document.open();
document.write(%s);
document.close();
document.documentElement.classList.add("pl-scripted");
"""
STYLED = "document.readyState == 'complete' && getComputedStyle(document.body).marginTop == '0px'"


class AxeCommon(PhoneCommon):
    """Looks for barriers in pages, with axe-core: which ``make test`` fetches, and says where it is."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not os.environ.get("AXE_SCRIPT"):
            cls.skipTest(cls, "AXE_SCRIPT, the path of axe-core's script, is not set")
        cls.axe = Path(os.environ["AXE_SCRIPT"]).read_text()

    def _violations(self, evaluate):
        """What is wrong with the page that the browser shows: texts for people."""
        if not evaluate("!!window.axe"):
            evaluate(self.axe)
        evaluate(RUN % json.dumps(TAGS))
        self._wait(evaluate, "window.found")
        return evaluate("window.found")

    def _show(self, evaluate, html):
        """Show ``html`` in the place of the page that is there."""
        evaluate(SHOW % json.dumps(html))
        self._wait(evaluate, STYLED)
