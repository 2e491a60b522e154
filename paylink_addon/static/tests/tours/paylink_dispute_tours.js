import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** From the list of links to the chargeback: who is to answer it, and until when. */
tours.add("paylink_chargeback_opened", {
    steps: () => [
        { trigger: ".o_data_row:contains(Litige bancaire) .o_data_cell[name=partner_id]:contains(Marie Dubois)", run: "click" },
        { trigger: ".o_form_view .oe_title .badge.text-bg-danger[data-status=chargeback]:contains(Litige bancaire)" },
        { trigger: ".o_form_view button[name=action_view_chargebacks]", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=status]:contains(Réponse attendue)" },
        { trigger: ".o_form_view .o_field_widget[name=evidence_due]:contains(/6 mai/)" },
        { trigger: ".o-mail-Activity:contains(Litige bancaire de 100,00 €)" },
        { trigger: ".o-mail-Activity:contains(06/05/2031)" },
    ],
});

/** The list of chargebacks without those that are over, and with them. */
tours.add("paylink_chargeback_won", {
    steps: () => [
        { trigger: ".o_list_view .o_view_nocontent", content: "what is won is not standing" },
        { trigger: ".o_searchview_facet .o_facet_remove", run: "click" },
        { trigger: ".o_data_row .o_field_widget[name=status]:contains(Gagné)" },
        { trigger: ".o_data_row .o_data_cell[name=partner_id]", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name=withdrawal_id]" },
        { trigger: ".o_form_view .o_field_widget[name=reinstatement_id]" },
        { trigger: ".o_form_view .o_field_widget[name=fee_returned]:contains(20,00)" },
        { trigger: ".o_form_view .o-mail-Chatter" },
        { trigger: ".o_form_view:not(:has(.o-mail-Activity))", content: "nobody has to answer any more" },
    ],
});
