import { registry } from "@web/core/registry";
import { RadioField, radioField } from "@web/views/fields/radio/radio_field";

/** Radio buttons for some of the values of a selection: option `values`. */
class SomeRadioField extends RadioField {
    static props = { ...RadioField.props, values: { type: Array, optional: true } };

    get items() {
        const { values } = this.props;
        return super.items.filter(([value]) => !values || values.includes(value));
    }
}

registry.category("fields").add("paylink_radio", {
    ...radioField,
    component: SomeRadioField,
    extractProps: (info, dynamicInfo) => ({
        ...radioField.extractProps(info, dynamicInfo),
        values: info.options.values,
    }),
});
