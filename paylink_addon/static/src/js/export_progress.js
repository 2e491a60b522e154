import { onWillUnmount } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { progressBarField, ProgressBarField } from "@web/views/fields/progress_bar/progress_bar_field";

/** How often it is asked how far a file is (milliseconds). */
const PAUSE = 2000;

/** A bar that moves by itself, as long as the file of its record is being made. */
class ExportProgress extends ProgressBarField {
    setup() {
        super.setup();
        const timer = browser.setInterval(() => {
            if (this.props.record.data.state === "waiting") {
                this.props.record.load();
            }
        }, PAUSE);
        onWillUnmount(() => browser.clearInterval(timer));
    }
}

registry.category("fields").add("paylink_progress", { ...progressBarField, component: ExportProgress });
