import { Component, xml } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { BadgeField, badgeField } from "@web/views/fields/badge/badge_field";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { IntegerField, integerField } from "@web/views/fields/integer/integer_field";

const COLORS = {
    success: ["paid", "settled"],
    danger: ["interrupted", "chargeback", "lost"],
    warning: ["in_progress", "partly_paid", "partly_refunded"],
    info: ["not_opened", "opened"],
};
const ICONS = {
    draft: "fa-pencil",
    not_opened: "fa-envelope",
    opened: "fa-envelope-open",
    in_progress: "fa-hourglass-half",
    interrupted: "fa-exclamation-triangle",
    partly_paid: "fa-adjust",
    paid: "fa-check",
    settled: "fa-check-square-o",
    partly_refunded: "fa-undo",
    refunded: "fa-undo",
    chargeback: "fa-gavel",
    lost: "fa-times",
    expired: "fa-clock-o",
    cancelled: "fa-ban",
};

/** The color of a status of a link, as Bootstrap calls it. */
export function statusColor(status) {
    return Object.keys(COLORS).find((name) => COLORS[name].includes(status)) || "300";
}

/** The icon of a status of a link, of Font Awesome. */
export function statusIcon(status) {
    return ICONS[status];
}

/** The one status of a collection link: icon, word and color, the same everywhere; what else is known shows when it is
 * pointed at. */
class StatusField extends BadgeField {
    static template = xml`
        <span
            t-if="props.record.data[props.name]"
            class="badge rounded-pill"
            t-att-class="badgeClass"
            t-att-title="detail"
            t-att-data-status="props.record.data[props.name]"
        ><i class="fa fa-fw me-1" t-att-class="icon" aria-hidden="true"/><t t-esc="formattedValue"/></span>`;

    get badgeClass() {
        return `text-bg-${statusColor(this.props.record.data[this.props.name])}`;
    }

    get icon() {
        return statusIcon(this.props.record.data[this.props.name]);
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

/** How often a customer has tried to pay, with a sign where an attempt failed; each attempt and its reason show when it
 * is pointed at. */
class AttemptsField extends IntegerField {
    static template = xml`
        <span t-if="props.record.data[props.name]" class="o_paylink_attempts" t-att-title="detail">
            <t t-esc="formattedValue"/>
            <i
                t-if="props.record.data.failed_count"
                class="fa fa-exclamation-triangle text-warning ms-1"
                role="img"
                t-att-aria-label="detail"
            />
        </span>`;

    get detail() {
        const { attempt_display, attempt_detail } = this.props.record.data;
        return [attempt_display, attempt_detail].filter(Boolean).join("\n");
    }
}

registry.category("fields").add("paylink_attempts", {
    ...integerField,
    component: AttemptsField,
    fieldDependencies: [
        { name: "failed_count", type: "integer", readonly: true },
        { name: "attempt_display", type: "char", readonly: true },
        { name: "attempt_detail", type: "text", readonly: true },
    ],
});

/** A sign where the money has come: by whom, or by which bank line, and when shows when it is pointed at. */
class ConsolidatedField extends Component {
    static template = xml`
        <i
            t-if="props.record.data[props.name]"
            class="fa fa-university text-success"
            role="img"
            t-att-title="detail"
            t-att-aria-label="detail"
        />`;
    static props = { ...standardFieldProps };

    get detail() {
        const field = this.props.record.fields[this.props.name];
        return [field.string, this.props.record.data.consolidated_display].filter(Boolean).join("\n");
    }
}

registry.category("fields").add("paylink_consolidated", {
    component: ConsolidatedField,
    supportedTypes: ["boolean"],
    fieldDependencies: [{ name: "consolidated_display", type: "char", readonly: true }],
});
