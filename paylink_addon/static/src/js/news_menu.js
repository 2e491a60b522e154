import { Component, reactive, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { deserializeDateTime, formatDateTime } from "@web/core/l10n/dates";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { useDropdownState } from "@web/core/dropdown/dropdown_hooks";
import { registry } from "@web/core/registry";
import { debounce } from "@web/core/utils/timing";
import { session } from "@web/session";
import { useService } from "@web/core/utils/hooks";
import { statusColor, statusIcon } from "./status_field";

const MODEL = "paylink.link";
// How many the server counts at most.
const MOST = 100;
/** How long a payment is announced, unless the user closes it (milliseconds). */
const DELAY = 15000;
/** How long no further news is waited for before they are counted (milliseconds). */
const PAUSE = 500;

/** What the user has not read yet of own links: the server says so as it happens, and how much it is. */
export const newsService = {
    dependencies: ["action", "bus_service", "notification", "orm"],

    start(env, { action, bus_service, notification, orm }) {
        const news = reactive({ isShown: session.paylink_has_links, count: 0, rows: [] });

        async function count() {
            news.count = await orm.silent.call(MODEL, "unread_count", []);
        }

        async function load() {
            news.rows = await orm.call(MODEL, "unread_latest", []);
        }

        async function markRead(id) {
            await (id ? orm.call(MODEL, "action_mark_read", [[id]]) : orm.call(MODEL, "action_mark_all_read", []));
            await Promise.all([count(), load()]);
        }

        function tell({ message, show }) {
            const open = () => {
                close();
                action.doAction(show);
            };
            const buttons = [{ name: _t("Show"), primary: true, onClick: open }];
            const close = notification.add(message, { type: "success", buttons, autocloseDelay: DELAY });
        }

        bus_service.subscribe("paylink_addon.news", tell);
        bus_service.start();
        if (news.isShown) {
            // Jobs book hundreds of payments one by one: what is told meanwhile is counted once.
            bus_service.subscribe("paylink_addon.unread", debounce(count, PAUSE));
            count();
        }
        return { news, load, markRead };
    },
};

registry.category("services").add("paylink_addon.news", newsService);

/** The number of unread payments in the top bar, and the latest of them. */
class NewsMenu extends Component {
    static template = "paylink_addon.NewsMenu";
    static components = { Dropdown, DropdownItem };
    static props = [];

    setup() {
        this.service = useService("paylink_addon.news");
        this.news = useState(this.service.news);
        this.action = useService("action");
        this.dropdown = useDropdownState();
    }

    get badge() {
        return this.news.count < MOST ? this.news.count : `${MOST - 1}+`;
    }

    get readAttrs() {
        return { title: _t("Mark as read"), "aria-label": _t("Mark as read") };
    }

    get title() {
        return this.news.count ? _t("Unread payments: %s", this.badge) : _t("No unread payments");
    }

    color(row) {
        return `text-bg-${statusColor(row.status)}`;
    }

    icon(row) {
        return statusIcon(row.status);
    }

    when(row) {
        return row.news_at ? deserializeDateTime(row.news_at).toRelative() : "";
    }

    moment(row) {
        return row.news_at ? formatDateTime(deserializeDateTime(row.news_at)) : "";
    }

    open(row) {
        this.action.doAction({
            type: "ir.actions.act_window",
            res_model: MODEL,
            res_id: row.id,
            views: [[false, "form"]],
        });
    }

    openAll() {
        this.action.doAction("paylink_addon.paylink_link_action", {
            additionalContext: { search_default_unread: 1 },
            clearBreadcrumbs: true,
        });
    }
}

registry.category("systray").add("paylink_addon.news", { Component: NewsMenu }, { sequence: 22 });
