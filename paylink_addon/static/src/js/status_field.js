import { xml } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { BadgeField, badgeField } from "@web/views/fields/badge/badge_field";

const COLORS = {
    success: ["paid", "settled"],
    danger: ["interrupted", "chargeback", "lost"],
    warning: ["in_progress", "partly_paid", "partly_refunded"],
    info: ["not_opened", "opened"],
};

/** The color of a status of a link, as Bootstrap calls it. */
export function statusColor(status) {
    return Object.keys(COLORS).find((name) => COLORS[name].includes(status)) || "300";
}

/** The one status of a collection link, in one color everywhere; what else is known shows when it is pointed at. */
class StatusField extends BadgeField {
    static template = xml`
        <span
            t-if="props.record.data[props.name]"
            class="badge rounded-pill"
            t-att-class="badgeClass"
            t-att-title="detail"
            t-att-data-status="props.record.data[props.name]"
            t-esc="formattedValue"
        />`;

    get badgeClass() {
        return `text-bg-${statusColor(this.props.record.data[this.props.name])}`;
    }

    get detail() {
        return this.props.record.data[`${this.props.name}_detail`] || "";
    }
}

registry.category("fields").add("paylink_status", {
    ...badgeField,
    component: StatusField,
    supportedTypes: ["selection"],
    fieldDependencies: ({ name }) => [{ name: `${name}_detail`, type: "text", readonly: true }],
});
