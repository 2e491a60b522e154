import { Component } from "@odoo/owl";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { useService } from "@web/core/utils/hooks";
import { STATIC_ACTIONS_GROUP_NUMBER } from "@web/search/action_menus/action_menus";

/** Export all links that a list shows, whatever page they are on. What is ticked is exported by the menu of actions. */
class ExportMenu extends Component {
    static template = "paylink_addon.ExportMenu";
    static components = { DropdownItem };
    static props = {};

    setup() {
        this.action = useService("action");
    }

    open() {
        this.action.doAction("paylink_addon.paylink_export_action", {
            additionalContext: { paylink_export_domain: this.env.searchModel.domain },
        });
    }
}

registry.category("cogMenu").add(
    "paylink-export",
    {
        Component: ExportMenu,
        groupNumber: STATIC_ACTIONS_GROUP_NUMBER,
        isDisplayed: async ({ config, searchModel, model }) =>
            searchModel?.resModel === "paylink.link" &&
            config.viewType !== "form" &&
            !model?.root?.selection?.length &&
            (await user.hasGroup("base.group_allow_export")),
    },
    { sequence: 11 }
);

/** Client action: let the browser fetch a file, which it shows among its downloads as it comes in; close the dialog. */
function downloadFile(env, action) {
    const anchor = document.createElement("a");
    anchor.href = action.params.url;
    anchor.download = "";
    anchor.click();
    return { type: "ir.actions.act_window_close" };
}

registry.category("actions").add("paylink_addon.download", downloadFile);
