import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { useService } from "@web/core/utils/hooks";
import { KanbanController } from "@web/views/kanban/kanban_controller";
import { kanbanView } from "@web/views/kanban/kanban_view";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";

/** What is left to set up, for administrators: it ticks itself, and each step leads to where it is done. */
class SetUpChecklist extends Component {
    static template = "paylink_addon.SetUpChecklist";
    static props = {};

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.notification = useService("notification");
        this.state = useState({ steps: [] });
        onWillStart(() => this.load());
    }

    async load() {
        // The lists of the menu have it, not those that a button of a customer opens.
        if (user.isSystem && this.env.config.actionId) {
            this.state.steps = await this.orm.call("res.company", "paylink_set_up_steps", []);
        }
    }

    get done() {
        return this.state.steps.filter((step) => step.is_done);
    }

    get open() {
        return this.state.steps.filter((step) => !step.is_done);
    }

    get progress() {
        return _t("Set up: %(done)s of %(all)s done", { done: this.done.length, all: this.state.steps.length });
    }

    lead(step) {
        this.action.doAction(step.action, { onClose: () => this.load() });
    }

    async hide() {
        await this.orm.call("res.company", "action_paylink_hide_checklist", []);
        this.state.steps = [];
        this.notification.add(_t("The settings bring the checklist back."), { type: "info" });
    }
}

class LinkListController extends ListController {
    static template = "paylink_addon.LinkListView";
    static components = { ...ListController.components, SetUpChecklist };
}

class LinkKanbanController extends KanbanController {
    static template = "paylink_addon.LinkKanbanView";
    static components = { ...KanbanController.components, SetUpChecklist };
}

registry.category("views").add("paylink_link_list", { ...listView, Controller: LinkListController });
registry.category("views").add("paylink_link_kanban", { ...kanbanView, Controller: LinkKanbanController });
