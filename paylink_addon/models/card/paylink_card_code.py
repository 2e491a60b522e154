import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL, consteq, hmac

from ...tools import limits
from ...tools.parameters import whole_number

# How many codes are sent in an hour, at most; and of one address three times as many in a day. Who has many networks
# has a limit for all of them (``site``). What is sent to go on with a request counts apart: who fills the page keeps
# nobody from that.
CAPS = {"address": 3, "network": 10, "page": 100, "site": 30}
# Of links, whose codes go to the address on file alone: so many of each; and so many times as many from a network, in
# which many customers may be. Neither they nor codes for cards use up each other's.
PER_LINK, NETWORKS_OF_LINKS = 10, 10
PARAMETER = "paylink_addon.max_card_codes_per_%s"
LASTS = timedelta(minutes=15)
KEPT = limits.DAY
DIGITS = 6
MAX_TRIES = 5
# On whose pages codes are asked for, and in which column that stands.
PAGES = {"paylink.card.template": "template_id", "paylink.link": "link_id"}


class PaylinkCardCode(models.Model):
    """A code sent to an e-mail address, which proves that whoever has typed the address reads what comes there.

    Anyone may have one sent: how many is bounded for each address, each network and each page, and with that the
    messages, the rows here, and what comes of them. What was typed is forgotten with the code.
    """

    _name = "paylink.card.code"
    _description = "Code to Prove an E-mail Address"
    _log_access = False

    template_id = fields.Many2one("paylink.card.template", index="btree_not_null", ondelete="cascade")
    request_id = fields.Many2one("paylink.card.request", ondelete="cascade", help="Empty: one is to be made.")
    link_id = fields.Many2one(
        "paylink.link",
        index="btree_not_null",
        ondelete="cascade",
        help="Whose customer is to pay by it with what they have saved.",
    )
    ticket = fields.Char(required=True, help="The form of the page has it: the code alone proves nothing.")
    code_hash = fields.Char(groups="base.group_system")
    sent_at = fields.Datetime(required=True)
    tries = fields.Integer()
    email = fields.Char()
    said = fields.Json()
    # What is counted: kept when the rest is forgotten.
    address = fields.Char(required=True, help="The e-mail address, not to be read.")
    network = fields.Char(help="Likewise.")
    site = fields.Char(help="Of IPv6: the many networks that one may have.")

    _ticket_unique = models.UniqueIndex("(ticket)")
    _one_page = models.Constraint("CHECK (num_nonnulls(template_id, link_id) = 1)", "A code is for one page.")

    # === SENDING === #

    @api.model
    def _send(self, page, email, said, ip, request=None, person=None):
        """Send a code, unless there were too many.

        :param page: the ``paylink.card.template`` or ``paylink.link`` whose page it is, in the language of the page
        :param str email: one address, normalized; whose it is is nobody's matter yet. Nothing: none is sent, and no
            code is right; whoever has asked is told the same
        :param dict said: what was said on the page
        :param str ip: where from
        :param request: the ``paylink.card.request`` that goes on with it; by default one is made
        :param person: the ``res.partner`` whose address it is, where the visitor does not know the address: codes to
            them are counted apart, which tells nobody that it is one that they have typed elsewhere
        :return: the ticket for the form, or ``False``: later
        """
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        ticket = secrets.token_urlsafe(18)
        values = {
            **self._page_values(page),
            "request_id": request.id if request else None,
            "ticket": ticket,
            "code_hash": self._hash(ticket, code),
            "sent_at": fields.Datetime.now(),
            "tries": 0,
            "email": email or None,
            "said": fields.Json().convert_to_column(said, self),
            **limits.marks(self.env, "paylink.card", ip, email),
        }
        if person:
            values["address"] = hmac(self.env(su=True), "paylink.card.person", str(person.id))
        if full := limits.store(self.env, self._table, values, "sent_at", self._limits(values)):
            if "page" in full:
                page.sudo()._note_full(self._caps()["page"])
            return False
        if email:
            self._mail(page, email, code)
        return ticket

    @api.model
    def _page_values(self, page):
        return dict.fromkeys(PAGES.values()) | {PAGES[page._name]: page.id}

    @api.model
    def _caps(self):
        return {name: whole_number(self.env, PARAMETER % name, cap) for name, cap in CAPS.items()}

    @api.model
    def _limits(self, values):
        """What bounds the codes like that of ``values``; the names are those of :data:`CAPS`, ``day`` and ``link``."""
        caps, link_id = self._caps(), values["link_id"]
        address, times = limits.same("address", values["address"]), NETWORKS_OF_LINKS if link_id else 1
        page = SQL("template_id = %s AND (request_id IS NULL) = %s", values["template_id"], not values["request_id"])
        return [
            limits.Cap("day", 3 * caps["address"], address, KEPT),
            limits.Cap("address", caps["address"], address),
            *(
                limits.Cap(
                    name,
                    times * caps[name],
                    SQL("%s AND (link_id IS NULL) = %s", limits.same(name, values[name]), not link_id),
                )
                for name in ("network", "site")
            ),
            limits.Cap("link", PER_LINK, limits.same("link_id", link_id))
            if link_id
            else limits.Cap("page", caps["page"], page),
        ]

    @api.model
    def _hash(self, ticket, code):
        return hmac(self.env(su=True), "paylink.card.code", f"{ticket}:{code}")

    @api.model
    def _mail(self, page, email, code):
        """Queue the message. What was typed on the page is not in it: anyone may have typed anything."""
        company = page.company_id
        values = {
            "company": company,
            "base_url": company._paylink_base_url(),
            "subject": page.env._("%(company)s: your code", company=company.name),
            "code": code,
            "minutes": int(LASTS.total_seconds() // 60),
            "request": page,
        }
        sender = company.email_formatted or self.env.ref("base.user_root").email_formatted
        html = page.env["ir.qweb"]._render("paylink_addon.mail_layout_card_code", values, minimal_qcontext=True)
        self.env["mail.mail"].create(
            {
                "subject": values["subject"],
                "body_html": html,
                "email_to": email,
                "email_from": sender,
                "reply_to": sender,
                "author_id": company.partner_id.id,
                "auto_delete": True,
            }
        )
        self.env["paylink.job.mixin"]._wake("mail.ir_cron_mail_scheduler_action")

    # === PROVING === #

    @api.model
    def _prove(self, page, ticket, code, request=None):
        """The code that was sent with this ticket for this page, if it is right; used up from now on.

        :param ticket: as it came: anything
        :param code: likewise
        """
        found = self._waiting(page, ticket, request)
        digits = "".join(filter(str.isdigit, code[:40])) if isinstance(code, str) else ""
        if not found or not found._take_try() or not digits.isascii():
            return self.browse()
        if not consteq(self._hash(found.ticket, digits), found.code_hash):
            return self.browse()
        found.tries = MAX_TRIES
        return found

    @api.model
    def _waiting(self, page, ticket, request):
        if not isinstance(ticket, str) or not ticket.isascii() or "\0" in ticket:
            return self.browse()
        domain = [("ticket", "=", ticket[:40]), (PAGES[page._name], "=", page.id)]
        domain += [("request_id", "=", request.id if request else False), ("email", "!=", False)]
        return self.search([*domain, ("sent_at", ">", fields.Datetime.now() - LASTS)], limit=1)

    def _take_try(self):
        """Take one of the few tries; at the same moment nobody else takes the same one."""
        query = "UPDATE paylink_card_code SET tries = tries + 1 WHERE id = %s AND tries < %s"
        self.flush_recordset(["tries"])
        self.env.cr.execute(query, [self.id, MAX_TRIES], log_exceptions=False)
        taken = bool(self.env.cr.rowcount)
        self.invalidate_recordset(["tries"])
        return taken

    def _forget(self):
        """What was typed is not needed anymore."""
        self.write({"email": False, "said": False, "code_hash": False})

    # === CRON === #

    @api.model
    def _forget_old(self):
        """Forget what was typed once its code is over; after a day, that there was one."""
        now = fields.Datetime.now()
        self.search([("sent_at", "<", now - KEPT)]).unlink()
        self.search([("sent_at", "<", now - LASTS), ("email", "!=", False)])._forget()
