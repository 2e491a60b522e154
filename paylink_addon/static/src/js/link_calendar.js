import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { CalendarModel } from "@web/views/calendar/calendar_model";
import { calendarView } from "@web/views/calendar/calendar_view";

/** States of links whose expiry says something: what is paid or canceled expires no more. */
const STATES = ["open", "pending", "failed", "expired"];
/** More than anybody reads in a month, and no more than a browser shows at once. */
const MOST = 1000;

/** When links expire that wait for payment, or did. */
class LinkCalendarModel extends CalendarModel {
    computeDomain(data) {
        return [...super.computeDomain(data), ["state", "in", STATES]];
    }

    async fetchRecords(data) {
        const { activeFields, context, fieldNames, resModel } = this.meta;
        const names = [...new Set([...fieldNames, ...Object.keys(activeFields)])];
        const found = await this.orm.searchRead(resModel, this.computeDomain(data), names, { context, limit: MOST });
        if (found.length === MOST) {
            this.notification.add(_t("Only the newest %s links are shown: filter them to see others.", MOST), {
                type: "warning",
            });
        }
        return found;
    }
}

registry.category("views").add("paylink_link_calendar", { ...calendarView, Model: LinkCalendarModel });
