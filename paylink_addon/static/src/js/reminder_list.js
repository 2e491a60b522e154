import { onWillDestroy, onWillStart, status, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { registry } from "@web/core/registry";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";

const RULES = "paylink.reminder.rule";
const PAUSE = 3000;

/** A list that says above whether reminders are on, lets who may switch them, and shows anew what a run has changed. */
export class ReminderListController extends ListController {
    static template = "paylink_addon.ReminderListView";

    setup() {
        super.setup();
        this.reminders = useState({});
        onWillStart(() => this.readStatus());
        onWillDestroy(() => browser.clearTimeout(this.timer));
    }

    /** Reads it anew as long as a run is going on; then the list, too. */
    async readStatus() {
        const wasSending = this.reminders.is_sending;
        browser.clearTimeout(this.timer);
        Object.assign(this.reminders, await this.orm.call(RULES, "reminders_status", []));
        if (this.reminders.is_sending) {
            this.timer = browser.setTimeout(() => this.readStatus(), PAUSE);
        } else if (wasSending) {
            await this.refresh();
        }
    }

    /** What a run has changed. */
    async refresh() {
        await this.model.load();
    }

    /** After a button: a run may have begun; or it has led to another screen. */
    async afterExecuteActionButton(clickParams) {
        await super.afterExecuteActionButton(clickParams);
        if (status(this) !== "destroyed") {
            await this.readStatus();
        }
    }

    switchOn() {
        this.ask(
            _t("Switch reminders on? From the next sending hours on, customers get what the rules say: see the preview."),
            "action_switch_on"
        );
    }

    switchOff() {
        this.ask(_t("Switch reminders off? Nobody is reminded until they are switched on again."), "action_switch_off");
    }

    ask(body, method) {
        this.dialogService.add(ConfirmationDialog, {
            body,
            confirm: async () => {
                await this.orm.call(RULES, method, [[]]);
                await this.readStatus();
            },
            cancel: () => {},
        });
    }
}

registry.category("views").add("paylink_reminder_list", { ...listView, Controller: ReminderListController });

/** The preview is made anew: its lines are what was to be sent at the moment it was opened. */
class ReminderPreviewController extends ReminderListController {
    async refresh() {
        await this.actionService.doAction("paylink_addon.paylink_reminder_preview_action", {
            stackPosition: "replaceCurrentAction",
        });
    }
}

registry.category("views").add("paylink_reminder_preview", { ...listView, Controller: ReminderPreviewController });
