import { Component, onWillStart, useState } from "@odoo/owl";
import { formatCurrency } from "@web/core/currency";
import { deserializeDate, formatDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { formatFloat, formatPercentage } from "@web/views/fields/formatters";
import { Layout } from "@web/search/layout";
import { useSetupAction } from "@web/search/action_hook";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

const MODEL = "paylink.figure";
const LINK_VIEWS = ["list", "kanban", "form"];
const ITEM_VIEWS = ["list", "kanban"];
const HOURS_A_DAY = 24;

/** Bars that lead to the lists behind them: each a label, what it says, and a length from 0 to 1. */
class FigureBars extends Component {
    static template = "paylink_addon.FigureBars";
    static props = { rows: Array, open: Function };
}

/** One page of figures. Each is read by itself: what takes longer keeps nothing else waiting. */
class Figures extends Component {
    static template = "paylink_addon.Figures";
    static components = { FigureBars, Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.state = useState({
            period: "30",
            dimension: "channel",
            ...this.props.state,
            board: null,
            figures: {},
        });
        useSetupAction({
            getLocalState: () => ({ period: this.state.period, dimension: this.state.dimension }),
        });
        onWillStart(async () => {
            this.state.board = await this.orm.call(MODEL, "board", []);
            this.read();
        });
    }

    get periods() {
        return [
            ["month", _t("This month")],
            ["30", _t("30 days")],
            ["90", _t("90 days")],
            ["year", _t("This year")],
        ];
    }

    get dimensions() {
        return [
            ["channel", _t("Channel")],
            ["template", _t("Template")],
            ["kind", _t("Kind")],
            ["seller", _t("Owner")],
            ["step", _t("Reminder")],
        ];
    }

    shows(figure) {
        return this.state.board.figures.includes(figure);
    }

    /** Whether there is nothing to be counted at all. */
    get isEmpty() {
        const { ageing } = this.state.figures;
        return !this.state.board.has_asked && ageing && !ageing.count;
    }

    get about() {
        const { sees_all, companies, currency } = this.state.board;
        return _t("%(whose)s · %(companies)s · amounts in %(currency)s, other currencies at today's rates", {
            whose: sees_all ? _t("Everyone's payments") : _t("Your own payments"),
            companies,
            currency,
        });
    }

    // === READING === //

    read() {
        for (const figure of ["funnel", "ageing", "dso", "forecast", "late", this.state.dimension]) {
            this.readFigure(figure);
        }
    }

    async readFigure(figure) {
        if (!this.shows(figure)) {
            return;
        }
        const period = this.state.period;
        const found = await this.orm.silent.call(MODEL, "read_figure", [figure, period]);
        if (period === this.state.period || !this.periodFigures.includes(figure)) {
            this.state.figures[figure] = found;
        }
    }

    /** Those that are of a period: of what is open today all others are. */
    get periodFigures() {
        return ["funnel", ...this.dimensions.map(([name]) => name)];
    }

    setPeriod(period) {
        this.state.period = period;
        for (const figure of this.periodFigures) {
            delete this.state.figures[figure];
        }
        this.readFigure("funnel");
        this.readFigure(this.state.dimension);
    }

    setDimension(dimension) {
        this.state.dimension = dimension;
        if (!this.state.figures[dimension]) {
            this.readFigure(dimension);
        }
    }

    // === WHAT IS SHOWN === //

    money(amount) {
        return formatCurrency(amount, this.state.board.currency_id);
    }

    percent(share) {
        return formatPercentage(share, { digits: [false, 0] });
    }

    /** Of what is below two days, hours. */
    duration(hours) {
        if (hours === null || hours === undefined || hours === false) {
            return "–";
        }
        if (hours < 1) {
            return _t("less than an hour");
        }
        if (hours < 2 * HOURS_A_DAY) {
            const rounded = Math.round(hours);
            return rounded === 1 ? _t("1 hour") : _t("%s hours", rounded);
        }
        return _t("%s days", formatFloat(hours / HOURS_A_DAY, { digits: [false, 1] }));
    }

    days(days) {
        const rounded = Math.round(days);
        return rounded === 1 ? _t("1 day") : _t("%s days", formatFloat(rounded, { digits: [false, 0] }));
    }

    get funnelRows() {
        const labels = { asked: _t("Asked"), opened: _t("Opened"), attempted: _t("Attempted"), paid: _t("Paid") };
        return this.state.figures.funnel.steps.map((step) => ({
            label: labels[step.key],
            text: `${step.count} · ${this.percent(step.rate)}`,
            share: step.rate,
            domain: step.domain,
        }));
    }

    get groupRows() {
        return this.state.figures[this.state.dimension].rows.map((row) => ({
            label: row.label,
            text: _t("%(rate)s paid of %(count)s", { rate: this.percent(row.rate), count: row.count }),
            note: row.paid ? _t("half within %s", this.duration(row.hours)) : "",
            share: row.rate,
            domain: row.domain,
        }));
    }

    get ageingRows() {
        const { rows } = this.state.figures.ageing;
        const most = Math.max(...rows.map((row) => Math.abs(row.amount)));
        return rows
            .filter((row) => row.count)
            .map((row) => ({
                label: row.label,
                text: this.money(row.amount),
                note: row.asked !== row.amount ? _t("asked by links: %s", this.money(row.asked)) : "",
                share: most ? Math.abs(row.amount) / most : 0,
                isLate: !["credit", "not_due"].includes(row.key),
                domain: row.domain,
            }));
    }

    get forecastRows() {
        const { rows } = this.state.figures.forecast;
        const most = Math.max(...rows.map((row) => row.amount));
        return rows.map((row) => ({
            label: this.weekLabel(row),
            text: this.money(row.amount),
            share: most ? row.amount / most : 0,
            isLate: row.is_later,
            domain: row.domain,
        }));
    }

    weekLabel(row) {
        if (row.is_later) {
            return _t("Expected before today");
        }
        if (row.is_disputed) {
            return _t("Disputed: no day is known");
        }
        const week = formatDate(deserializeDate(row.week));
        return row.is_last ? _t("Later: from %s", week) : _t("Week of %s", week);
    }

    get lateRows() {
        const { rows } = this.state.figures.late;
        const most = Math.max(...rows.map((row) => row.amount));
        return rows.map((row) => ({
            label: row.label,
            text: this.money(row.amount),
            note: this.lateNote(row),
            share: most ? row.amount / most : 0,
            isLate: true,
            domain: row.domain,
        }));
    }

    lateNote({ days, usual }) {
        if (usual === null || usual === false) {
            return _t("for %s", this.days(days));
        }
        const facts = { days: this.days(days), usual: this.days(Math.abs(usual)) };
        if (usual > 0) {
            return _t("for %(days)s, usually %(usual)s after the due date", facts);
        }
        return usual < 0
            ? _t("for %(days)s, usually %(usual)s before the due date", facts)
            : _t("for %(days)s, usually on the due date", facts);
    }

    // === THE LISTS BEHIND === //

    openLinks(row) {
        this.openList("paylink.link", row.label, row.domain, LINK_VIEWS);
    }

    openItems(row) {
        this.openList("paylink.open.item", row.label, row.domain, ITEM_VIEWS);
    }

    openSettled() {
        this.openList("paylink.link", _t("Settled another way"), this.state.figures.funnel.settled_domain, LINK_VIEWS);
    }

    openInvoices() {
        this.openList("account.move", _t("Open invoices"), this.state.figures.dso.domain, ["list", "form"]);
    }

    openList(model, name, domain, views) {
        this.action.doAction({
            type: "ir.actions.act_window",
            name,
            res_model: model,
            domain,
            views: views.map((view) => [false, view]),
            target: "current",
        });
    }

    ask() {
        this.action.doAction("paylink_addon.paylink_link_action_new");
    }
}

registry.category("actions").add("paylink_addon.figures", Figures);
