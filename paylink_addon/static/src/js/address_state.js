import { Component, xml } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

const ICONS = {
    valid: "fa-check-circle text-success",
    doubtful: "fa-exclamation-triangle text-warning",
    unknown: "fa-question-circle text-muted",
    invalid: "fa-times-circle text-danger",
};

/** A small sign beside an address: whether it can work; the reason shows when it is pointed at. */
class AddressState extends Component {
    static template = xml`
        <i
            t-if="state"
            class="fa fa-fw me-1"
            t-att-class="icon"
            t-att-data-state="state"
            t-att-title="reason"
            t-att-aria-label="reason"
            role="img"
        />`;
    static props = { ...standardFieldProps, reason: String };

    get state() {
        return this.props.record.data[this.props.name];
    }

    get icon() {
        return ICONS[this.state];
    }

    get reason() {
        return this.props.record.data[this.props.reason] || "";
    }
}

registry.category("fields").add("paylink_address_state", {
    component: AddressState,
    supportedTypes: ["selection"],
    fieldDependencies: ({ options }) => [{ name: options.reason, type: "char" }],
    extractProps: ({ options }) => ({ reason: options.reason }),
});
