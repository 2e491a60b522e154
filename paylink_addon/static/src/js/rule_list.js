import { onWillDestroy, onWillStart, status, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { registry } from "@web/core/registry";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";

const PAUSE = 3000;

/** A list that says above whether its rules are on, lets who may switch them, and shows anew what a run has changed. */
class RuleListController extends ListController {
    static template = "paylink_addon.RuleListView";

    setup() {
        super.setup();
        this.rules = useState({});
        onWillStart(() => this.readStatus());
        onWillDestroy(() => browser.clearTimeout(this.timer));
    }

    /** Reads it anew as long as a run is going on; then the list, too. */
    async readStatus() {
        const wasRunning = this.rules.is_running;
        browser.clearTimeout(this.timer);
        Object.assign(this.rules, await this.orm.call(this.ruleModel, "rules_status", []));
        if (this.rules.is_running) {
            this.timer = browser.setTimeout(() => this.readStatus(), PAUSE);
        } else if (wasRunning) {
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
        this.ask(this.texts.switchOn, "action_switch_on");
    }

    switchOff() {
        this.ask(this.texts.switchOff, "action_switch_off");
    }

    ask(body, method) {
        this.dialogService.add(ConfirmationDialog, {
            body,
            confirm: async () => {
                await this.orm.call(this.ruleModel, method, [[]]);
                await this.readStatus();
            },
            cancel: () => {},
        });
    }
}

class ReminderListController extends RuleListController {
    ruleModel = "paylink.reminder.rule";

    get texts() {
        return {
            off: _t("Reminders are off: nobody is reminded, whatever the rules say."),
            on: _t("Reminders are on."),
            running: _t("Today's reminders are being sent…"),
            switchOn: _t(
                "Switch reminders on? From the next sending hours on, customers get what the rules say: see the preview."
            ),
            switchOff: _t("Switch reminders off? Nobody is reminded until they are switched on again."),
        };
    }
}

registry.category("views").add("paylink_reminder_list", { ...listView, Controller: ReminderListController });

class AutopayListController extends RuleListController {
    ruleModel = "paylink.autopay.rule";

    get texts() {
        return {
            off: _t("Automatic payments are off: nobody is charged, whatever the rules say."),
            on: _t("Automatic payments are on."),
            switchOn: _t(
                "Switch automatic payments on? From now on customers who have agreed are charged as the rules say: see the preview."
            ),
            switchOff: _t(
                "Switch automatic payments off? Nobody is charged automatically until they are switched on again."
            ),
        };
    }
}

registry.category("views").add("paylink_autopay_list", { ...listView, Controller: AutopayListController });

/** The preview is made anew: its lines are what was to be sent at the moment it was opened. */
class ReminderPreviewController extends ReminderListController {
    async refresh() {
        await this.actionService.doAction("paylink_addon.paylink_reminder_preview_action", {
            stackPosition: "replaceCurrentAction",
        });
    }
}

registry.category("views").add("paylink_reminder_preview", { ...listView, Controller: ReminderPreviewController });
