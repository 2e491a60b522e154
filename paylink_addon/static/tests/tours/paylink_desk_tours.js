import { registry } from "@web/core/registry";

const ALL_ROWS = ".o_list_view thead .o_list_record_selector input";
const CLOSED = "body:not(:has(.modal))";
const openExport = [
    { trigger: `${CLOSED} .o_cp_action_menus .fa-cog`, run: "click" },
    { trigger: ".o_paylink_export:contains('Exporter vers Excel')", run: "click" },
];

registry.category("web_tour.tours").add("paylink_export", {
    steps: () => [
        { trigger: ".o_list_view .o_data_row" },
        ...openExport,
        { trigger: ".modal .o_paylink_columns .form-check:contains('Client') input", run: "click" },
        { trigger: ".modal button[name=action_export]", run: "click" },
        { trigger: `${CLOSED} .o_list_view` },
        // What takes longer is made by a job: the bar moves by itself until the file is there, which is kept.
        ...openExport,
        { trigger: ".modal .o_paylink_columns .form-check:contains('Client') input:not(:checked)" },
        { trigger: ".modal .o_paylink_columns .form-check:contains('Dû maintenant') input", run: "click" },
        { trigger: ".modal button[name=action_export]", run: "click" },
        { trigger: ".modal .o_field_widget[name=progress] .o_progressbar" },
        { trigger: ".modal button[name=action_download]:contains('Télécharger')" },
        { trigger: ".modal button[special=cancel]", run: "click" },
        ...openExport,
        { trigger: ".modal button[name=action_view_files]:contains('Fichiers récents')", run: "click" },
        { trigger: ".modal .o_data_row button[name=action_download]", run: "click" },
        { trigger: `${CLOSED} .o_list_view` },
    ],
});

/** Tick all rows. A list that was shown before is drawn twice: as it was, and with what the server answers; of the first
 * one nothing stays ticked. */
async function tick() {
    while (!document.querySelector(".o_control_panel button[name=action_consolidate]")) {
        const box = document.querySelector(ALL_ROWS);
        if (!box.checked) {
            box.click();
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
    }
}

/** Tick all rows, and choose from the menu what is done with them. */
const withAll = (name) => [
    { trigger: `${CLOSED} ${ALL_ROWS}:not(:checked)`, run: tick },
    { trigger: ".o_cp_action_menus .fa-cog", run: "click" },
    { trigger: `.o_menu_item:contains('${name}')`, run: "click" },
];
/** What the open dialog says that it leaves out, before it is done and after; then it is closed. */
const LEFT_OUT = ".modal .o_field_widget[name=left_out] li:contains('Déjà payé'):contains('Marie Dubois')";
const doAndClose = (button) => [
    { trigger: LEFT_OUT },
    { trigger: `.modal button[name=${button}]`, run: "click" },
    { trigger: `.modal:not(:has(button[name=${button}])) .o_field_widget[name=summary]` },
    { trigger: LEFT_OUT },
    { trigger: ".modal footer button[special=cancel]", run: "click" },
];

registry.category("web_tour.tours").add("paylink_desk", {
    steps: () => [
        // Icon, word and color; each attempt and its reason.
        { trigger: ".o_data_row [data-status=paid].text-bg-success:contains('Payé'):has(i.fa-check)" },
        { trigger: ".o_data_row .o_paylink_attempts[title*='Not enough money']:contains('2')" },
        // One's own are marked as read: one, and those that are ticked.
        { trigger: ".o_data_row:has([data-status=paid]) button[name=action_bulk_read]", run: "click" },
        { trigger: ".o_data_row:has([data-status=paid]):not(:has(button[name=action_bulk_read]))" },
        { trigger: ALL_ROWS, run: tick },
        { trigger: ".o_control_panel button[name=action_bulk_read]", run: "click" },
        { trigger: ".modal .o_field_widget[name=left_out] li:contains('Déjà lu')" },
        { trigger: ".modal footer button[special=cancel]", run: "click" },
        { trigger: `${CLOSED} .o_list_view:not(:has(button[name=action_bulk_read].fa-envelope))` },
        // By status, by expiry, as a graph.
        { trigger: ".o_switch_view.o_kanban", run: "click" },
        { trigger: ".o_kanban_group:nth-child(1):has([data-status=not_opened])" },
        { trigger: ".o_kanban_group:nth-child(2):has([data-status=paid])" },
        { trigger: ".o_switch_view.o_calendar", run: "click" },
        { trigger: ".o_calendar_view .fc-event:contains('Marie Dubois')" },
        { trigger: ".o_switch_view.o_graph", run: "click" },
        { trigger: ".o_graph_view canvas" },
        { trigger: ".o_switch_view.o_list", run: "click" },
        // Many at once: what is done, what is left out and why.
        { trigger: ALL_ROWS, run: tick },
        { trigger: ".o_control_panel button[name=action_consolidate]", run: "click" },
        { trigger: ".modal .o_field_widget[name=summary]:contains('1')" },
        { trigger: ".modal .o_field_widget[name=left_out] li:contains('Marie Dubois')" },
        { trigger: ".modal footer button[special=cancel]", run: "click" },
        ...withAll("Renvoyer"),
        ...doAndClose("action_run"),
        ...withAll("Envoyer un rappel"),
        ...doAndClose("action_send"),
        ...withAll("Annuler les liens"),
        { trigger: ".modal .o_field_widget[name=left_out] li:contains('Marie Dubois')" },
        { trigger: ".modal button[name=action_run]", run: "click" },
        { trigger: ".modal:not(:has(button[name=action_run])) footer button[special=cancel]", run: "click" },
        { trigger: `${CLOSED} .o_data_row [data-status=cancelled]:has(i.fa-ban)` },
        // Undone, with a reason.
        { trigger: ".o_data_row:has([data-status=paid]) .o_data_cell[name=partner_id]", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=attempt_display]" },
        { trigger: ".o_form_view .o_field_widget[name=consolidated_display]:contains('Camille')" },
        { trigger: ".o_form_view button[name=action_undo_consolidation]", run: "click" },
        { trigger: ".modal .o_field_widget[name=reason] input", run: "edit Doublon" },
        { trigger: ".modal button[name=action_run]", run: "click" },
        { trigger: `${CLOSED} .o_form_view button[name=action_consolidate]` },
    ],
});

registry.category("web_tour.tours").add("paylink_proof", {
    steps: () => [
        { trigger: ".o_data_row .o_data_cell[name=name]", run: "click" },
        { trigger: "button[name=action_proof]", run: "click" },
        { trigger: ":iframe .page td:contains('Lambert')" },
        { trigger: ".o_control_panel button[title=Imprimer]" },
        { trigger: ".o_control_panel .breadcrumb-item a:contains('PL/')", run: "click" },
        { trigger: ".o_form_view .nav-link[name=attempts]", run: "click" },
        { trigger: ".o_data_row button[name=action_print_receipt]" },
    ],
});

registry.category("web_tour.tours").add("paylink_figures", {
    steps: () => [
        { trigger: "[name=funnel] .o_paylink_bar:contains('100')" },
        { trigger: "button[name=period_90]", run: "click" },
        { trigger: "[name=groups] button[name=seller]", run: "click" },
        { trigger: "[name=groups] .o_paylink_bar:contains('figures-seller')" },
        { trigger: "[name=late] .o_paylink_bar:contains('Marie Dubois')", run: "click" },
        { trigger: ".o_list_view .o_data_row:contains('Marie Dubois')" },
        { trigger: ".o_back_button, .breadcrumb-item a", run: "click" },
        { trigger: "[name=groups] button[name=seller].active" },
        { trigger: "[name=funnel] .o_paylink_bar:eq(3)", run: "click" },
        { trigger: ".o_list_view .o_data_row" },
    ],
});
