import html as html_text
from collections import defaultdict

from lxml import html
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, email_normalize
from odoo.tools.rendering_tools import convert_inline_template_to_qweb

from ...const import MAX_SMS_PARTS
from ...tools.addresses import BadAddress, mobile_e164, split_emails
from ...tools.colors import readable_on
from ...tools.gsm import GSM_LIMITS, UCS2_LIMITS, fitting, sms_size, sms_text
from ...tools.texts import one_line

FAILED_STATUSES = ("exception", "bounce")
# What the notification of a message says as long as it may still leave.
UNSENT_STATUSES = ("ready", "process")
# What it says once it has left, and was not sent back.
LEFT_STATUSES = ("sent", "pending")
NO_ADDRESS = ("mail_email_invalid", "mail_email_missing")
CUSTOMER_MESSAGES = ("email_outgoing", "sms")
# Less than this of what is paid would be a riddle in an SMS.
PURPOSE_LENGTH = 12
LOCAL_LINK = ('href="/', 'src="/', "url('/")


class PaylinkSendingMixin(models.AbstractModel):
    """How requests and reminders are sent: messages are queued in Odoo's own outboxes, in batch; their fate is read
    there.

    Who inherits it has the fields ``name``, ``company_id``, ``partner_id``, ``user_id``, ``lang``, ``email``,
    ``phone``, ``send_email`` and ``send_sms``.
    """

    _name = "paylink.sending.mixin"
    _description = "Messages to Customers"
    # What the names of the ``mail.message.subtype`` of its events begin with.
    _subtype_prefix = "paylink_addon.mt_link_"

    delivery_state = fields.Selection(
        selection=[("queued", "Waiting to be sent"), ("sent", "Sent"), ("failed", "Not delivered")],
        string="Delivery",
        compute="_compute_delivery",
        search="_search_delivery_state",
    )
    delivery_error = fields.Char(string="Why it was not delivered", compute="_compute_delivery")

    # === COMPUTE METHODS === #

    def _compute_delivery(self):
        """Read the fate of the last message of each channel."""
        found = self._last_notifications()
        labels = dict(self.env["mail.notification"]._fields["failure_type"]._description_selection(self.env))
        for request in self:
            rows = found.get(request.id, [])
            failed = [row for row in rows if row["status"] in FAILED_STATUSES]
            waiting = [row for row in rows if row["status"] in UNSENT_STATUSES]
            request.delivery_state = "failed" if failed else "queued" if waiting else "sent" if rows else False
            request.delivery_error = (failed and (failed[0]["reason"] or labels.get(failed[0]["type"]))) or False

    def _last_notifications(self):
        """What became of the last message of each channel, by record id."""
        query = SQL(
            """
            SELECT m.res_id, n.notification_status, n.failure_type, n.failure_reason
              FROM mail_notification n
              JOIN (SELECT model, res_id, message_type, max(id) AS id
                      FROM mail_message
                     WHERE model = %s AND res_id IN %s AND message_type IN %s AND subtype_id = %s
                  GROUP BY model, res_id, message_type) m ON m.id = n.mail_message_id
            """,
            self._name,
            tuple(self.ids) or (0,),
            CUSTOMER_MESSAGES,
            self._event_subtype_id("sent") or 0,
        )
        self.env["mail.notification"].flush_model()
        found = defaultdict(list)
        for res_id, status, failure_type, reason in self.env.execute_query(query):
            found[res_id].append({"status": status, "type": failure_type, "reason": reason})
        return found

    def _search_delivery_state(self, operator, value):
        if operator != "in" or set(value) != {"failed"}:
            return NotImplemented
        self.env["mail.notification"].flush_model()
        failed = SQL(
            """(
            SELECT m.res_id FROM mail_notification n JOIN mail_message m ON m.id = n.mail_message_id
             WHERE n.notification_status IN %(failed)s
               AND m.model = %(model)s AND m.message_type IN %(types)s AND m.subtype_id = %(sent)s
               AND NOT EXISTS (SELECT FROM mail_message later
                                WHERE later.model = m.model AND later.res_id = m.res_id AND later.id > m.id
                                  AND later.message_type = m.message_type AND later.subtype_id = m.subtype_id)
            )""",
            failed=FAILED_STATUSES,
            model=self._name,
            types=CUSTOMER_MESSAGES,
            sent=self._event_subtype_id("sent") or 0,
        )
        return Domain("id", "in", failed)

    # === EVENTS === #

    @api.model
    def _event_subtype_id(self, name):
        """The id of the ``mail.message.subtype`` of what happens to these: ``sent``, ``paid``…; somebody may have
        deleted it.
        """
        return self.env["ir.model.data"]._xmlid_to_res_id(f"{self._subtype_prefix}{name}", raise_if_not_found=False)

    # === RECIPIENTS === #

    @api.model
    def _recipient_problem(self, partner, email, phone, send_email, send_sms):
        """Why a request can't be sent to these addresses, and what to do, or ``False``."""
        name = partner.display_name or self.env._("The customer")
        if send_email and not (email or "").strip():
            return self.env._("%(name)s has no e-mail address: add one, or choose another way to send.", name=name)
        if send_sms and not (phone or "").strip():
            return self.env._("%(name)s has no mobile number: add one, or send by e-mail.", name=name)
        try:
            if send_email:
                split_emails(email)
            if send_sms:
                mobile_e164(phone, self._phone_country(partner).code)
        except BadAddress as error:
            return self._bad_address_text(error, name)
        return False

    @api.model
    def _recipient_warning(self, partner, email, send_email):
        """What speaks against sending to these addresses although it is possible, or ``False``."""
        if send_email and partner.message_bounce and email_normalize(email) == partner.email_normalized:
            return self.env._("Messages to %(email)s have bounced: check the address.", email=email)
        return False

    @api.model
    def _phone_country(self, partner):
        return partner.country_id or partner.commercial_partner_id.country_id or self.env.company.country_id

    def _bad_address_text(self, error, name):
        texts = {
            "email": self.env._("“%(value)s” is not an e-mail address: correct it.", value=error.value),
            "phone": self.env._(
                "“%(value)s” is not a phone number in %(name)s's country: correct it, or write it with the country "
                "code, like +33…",
                value=error.value,
                name=name,
            ),
            "landline": self.env._(
                "%(value)s is not a mobile number and can't receive an SMS: enter a mobile number, or send by e-mail.",
                value=error.value,
            ),
        }
        return texts[error.code]

    def _check_recipients(self):
        """Refuse to send to a bad address; store numbers in E.164, addresses normalised."""
        for request in self:
            partner = request.sudo().partner_id  # whoever may send it need not be able to read the contact
            problem = self._recipient_problem(
                partner, request.email, request.phone, request.send_email, request.send_sms
            )
            if problem:
                raise UserError(problem)
            phone, email = request.phone, request.email
            if request.send_sms:
                phone = mobile_e164(phone, self._phone_country(partner).code)
            if request.send_email:
                email = ", ".join(split_emails(email))
            if (phone, email) != (request.phone, request.email):  # most are as they should be: a write takes longer
                request.write({"phone": phone, "email": email})

    # === MESSAGES === #

    def _queue_messages(self, mail_template=None, sms_template=None, subject=None, body=None, sms_body=None):
        """Queue the e-mail and the SMS of each request, by the channels chosen on it. Nothing leaves before the commit.

        :param mail_template: ``mail.template`` to use, see :meth:`_default_template`
        :param sms_template: ``sms.template`` to use, likewise
        :param str subject: the final subject, instead of the template's
        :param Markup body: the final text, instead of the template's; it is never rendered as a template
        :param str sms_body: the final text of the SMS, likewise
        """
        self._check_recipients()
        self._check_templates(mail_template, sms_template)
        emailed = self.filtered("send_email")
        texted = self.filtered("send_sms")
        attachments = emailed._message_attachments()
        messages = []
        for (company, lang), requests in emailed.grouped(lambda r: (r.company_id, r.lang)).items():
            template = self._existing(mail_template or self._default_template("mail", company))
            messages += requests._prepare_emails(template.with_context(lang=lang), subject, body, attachments)
            requests._note_template(template)
        self._create_emails(messages)
        texts = dict.fromkeys(texted.ids, sms_body)
        texts_to_render = texted.browse() if sms_body else texted
        for (company, lang), requests in texts_to_render.grouped(lambda r: (r.company_id, r.lang)).items():
            template = self._existing(sms_template or self._default_template("sms", company))
            texts |= template.with_context(lang=lang)._render_field("body", requests.ids)
        texted._create_sms(texts)
        (emailed | texted)._note_sent()

    @api.model
    def _default_template(self, kind, company):
        """Hook: the ``mail.template`` or ``sms.template`` (in sudo mode) of ``company`` where none is chosen.

        :param str kind: ``mail`` or ``sms``
        """
        raise NotImplementedError

    def _note_template(self, template):
        """Hook: the e-mails of these are made of this ``mail.template``."""

    @api.model
    def _existing(self, template):
        """``template``, unless somebody has deleted the last one that there was."""
        if not template:
            raise UserError(self.env._("The template for these messages was deleted: choose another one."))
        return template

    def _message_attachments(self):
        """What is attached to the e-mails: ids of ``ir.attachment`` by id of request."""
        return {}

    @api.model
    def _check_templates(self, *templates):
        """Only templates of this model are rendered: another one would read other records with their secrets."""
        for template in templates:
            if template and template.sudo().model != self._name:
                raise UserError(
                    self.env._("“%(name)s” is not a template for these messages.", name=template.sudo().name)
                )

    def _prepare_emails(
        self,
        template,
        subject=None,
        body=None,
        attachments=None,
        *,
        email_to=None,
        layout="paylink_addon.mail_layout",
        event="sent",
        transactions=None,
    ):
        """The values of one ``mail.mail`` for each request, all in the language of ``template``'s context.

        :param dict email_to: other addresses than those of the requests, by id
        :param dict transactions: what the layout tells a payment of, by id
        """
        bodies = {} if body else template._render_field("body_html", self.ids)
        subjects = {} if subject else template._render_field("subject", self.ids)
        values = []
        for request in self.with_context(lang=template.env.lang):
            text, title = body or bodies[request.id], one_line(subject or subjects[request.id])
            told = {"transaction": transactions[request.id]} if transactions else {}
            html = request._wrap_email(layout, text=text, subject=title, **told)
            own = request._email_values(title, text, html, (attachments or {}).get(request.id), event=event)
            values.append(own | {"email_to": (email_to or {}).get(request.id, request.email)})
        return values

    def _email_values(self, subject, text, html, attachment_ids=(), event="sent"):
        """The values of one ``mail.mail``.

        :param Markup text: what the request's chatter shows
        :param Markup html: what is sent, see :meth:`_wrap_email`
        :param str event: which event of the request it is, see :meth:`_event_subtype_id`
        """
        sender, reply_to = self._from_and_reply_to()
        return self._message_values(self._event_subtype_id(event)) | {
            "message_type": "email_outgoing",
            "is_notification": True,
            "subject": subject,
            "body": self._for_chatter(text),
            "body_html": html,
            "email_from": sender,
            "reply_to": reply_to,
            "email_to": self.email,
            "auto_delete": True,
            "attachment_ids": [fields.Command.set(attachment_ids)] if attachment_ids else [],
        }

    def _message_values(self, subtype_id):
        """What the messages of all channels have in common, as values of ``mail.message``."""
        self.ensure_one()
        return {
            "model": self._name,
            "res_id": self.id,
            "subtype_id": subtype_id,
            "is_internal": True,
            "author_id": (self._sender().partner_id or self.env.user.partner_id).id,
            "record_name": self.name,
        }

    def _for_chatter(self, text):
        """``text`` as colleagues read it: who may read a message need not be who may have the customer's page."""
        for token in self.sudo()._hidden_in_chatter():
            text = text.replace(token, "…")
        return text

    def _hidden_in_chatter(self):
        """Hook: the tokens that the texts of these messages may have in their addresses."""
        return []

    def _sender(self):
        """In whose name messages go out: the owner's where we send by ourselves, else that of who sends.

        Who sees everyone's links sends them, but not in the name of a colleague.
        """
        user = self.env.user
        by_itself = user._is_superuser() or not user._is_internal()
        return self._active_owner() if by_itself else user

    def _active_owner(self):
        """The owner, as long as the company has that person."""
        return self.user_id.filtered("active")

    def _from_and_reply_to(self):
        """From and Reply-To: who sends; answers go into the request's chatter where the company has a catch-all."""
        company = self.company_id.sudo()
        sender = self._sender().email_formatted or company.email_formatted or self.env.user.email_formatted
        return sender, company.catchall_formatted or sender

    def _wrap_email(self, layout, **values):
        """The whole HTML document around the text: company, amount, button, address and how to check who sends it."""
        company = self.company_id.sudo()
        button_color = company.email_secondary_color or "#17604f"
        values |= {
            "request": self,
            "company": company,
            "base_url": company._paylink_base_url(),
            "button_color": button_color,
            "button_text_color": readable_on(button_color, company.email_primary_color or "#ffffff"),
        }
        return self.env["ir.qweb"]._render(layout, values, minimal_qcontext=True)

    def _create_emails(self, values_list):
        """Create the e-mails in one batch, with the notifications that will tell their fate.

        :return: the ``mail.mail``, in the order of ``values_list``
        """
        if not values_list:
            return self.env["mail.mail"]
        mails = self.env["mail.mail"].sudo().create(values_list)
        partners = {request.id: request.sudo().partner_id for request in self}
        self.env["mail.notification"].sudo().create(
            [
                self._prepare_email_notification(mail, address, partners[mail.res_id])
                for mail in mails
                for address in split_emails(mail.email_to)
            ]
        )
        self.env["paylink.job.mixin"]._wake("mail.ir_cron_mail_scheduler_action")
        return mails

    def _prepare_email_notification(self, mail, address, partner):
        return {
            "author_id": mail.author_id.id,
            "mail_message_id": mail.mail_message_id.id,
            "mail_mail_id": mail.id,
            "notification_type": "email",
            "notification_status": "ready",
            "is_read": True,
            # The partner, where the address is theirs: a bounce is then noted on the contact.
            "res_partner_id": partner.id if partner.email_normalized == address else False,
            "mail_email_address": address,
        }

    # === SMS === #
    # The SMS of requests: as few messages as their letters allow, queued in Odoo's outbox.

    @api.model
    def _sms_problem(self, text, name):
        """Why ``text`` can't be sent to ``name``, and what to do, or ``False``."""
        parts = sms_size(sms_text(text or "")).parts
        if parts <= MAX_SMS_PARTS:
            return False
        return self.env._(
            "The SMS to %(name)s is too long: it would take %(count)s messages, and at most %(limit)s are possible. "
            "Shorten its text or template.",
            name=name,
            count=parts,
            limit=MAX_SMS_PARTS,
        )

    @api.model
    def _sms_warning(self, text):
        """What speaks against a text that can be sent, or ``False``."""
        size = sms_size(sms_text(text or ""))
        if not 1 < size.parts <= MAX_SMS_PARTS:
            return False
        values = {"limit": size.limit, "count": size.parts}
        if size.limit == UCS2_LIMITS[0]:
            return self.env._(
                "Some of its letters are not in the alphabet of SMS, so one message holds %(limit)s characters: it is "
                "sent, and billed, as %(count)s messages.",
                **values,
            )
        return self.env._(
            "The SMS is longer than %(limit)s characters: it is sent, and billed, as %(count)s messages.", **values
        )

    def _sms_text(self, text):
        """``text`` as it is sent to these: see :func:`~..tools.gsm.sms_text`."""
        return sms_text(text, [(currency.symbol, currency.name) for currency in self._sms_currencies()])

    def _sms_purpose(self, text, told, words):
        """``text``, which says what is paid, in parentheses after a space: as much of it as one SMS has room for.

        :param str told: what else the SMS tells of these
        :param int words: how many places the words of our own templates take
        """
        room = GSM_LIMITS[0] - sms_size(self._sms_text(told)).length - words - len(" ()")
        purpose = fitting(text or "", room, PURPOSE_LENGTH)
        return f" ({purpose})" if purpose else ""

    def _sms_currencies(self):
        """Hook: the ``res.currency`` of the amounts that the SMS of these tell."""
        return self.env["res.currency"]

    def _check_sms(self, texts):
        """Refuse texts that would be sent as too many messages.

        :param dict texts: the message as it is sent, by id of request
        """
        for request in self:
            if problem := self._sms_problem(texts[request.id], request.sudo().partner_id.display_name):
                raise UserError(problem)

    def _create_sms(self, texts, event="sent"):
        """Create the SMS in one batch, with the notifications that will tell their fate.

        :param dict texts: the message by id of request
        :param str event: which event of the request it is, see :meth:`_event_subtype_id`
        :return: the ``mail.message`` of each request
        """
        if not self:
            return self.env["mail.message"]
        texts = {request.id: request._sms_text(texts[request.id]) for request in self}
        self._check_sms(texts)
        messages = (
            self.env["mail.message"]
            .sudo()
            .create([request._sms_message_values(texts[request.id], event) for request in self])
        )
        sms = (
            self.env["sms.sms"]
            .sudo()
            .create(
                [
                    request._sms_values(texts[request.id], message)
                    for request, message in zip(self, messages, strict=True)
                ]
            )
        )
        self.env["mail.notification"].sudo().create([self._sms_notification_values(text) for text in sms])
        self.env["paylink.job.mixin"]._wake("sms.ir_cron_sms_scheduler_action")
        return messages

    def _sms_message_values(self, text, event="sent"):
        """The values of the ``mail.message`` that the request's chatter shows."""
        sender, reply_to = self._from_and_reply_to()
        return self._message_values(self._event_subtype_id(event)) | {
            "message_type": "sms",
            "email_from": sender,
            "reply_to": reply_to,
            "body": self._for_chatter(text),
        }

    def _sms_values(self, text, message):
        return {
            "body": text,
            "number": self.phone,
            "partner_id": self.partner_id.id,
            "mail_message_id": message.id,
        }

    @api.model
    def _sms_notification_values(self, sms):
        return {
            "author_id": sms.mail_message_id.author_id.id,
            "mail_message_id": sms.mail_message_id.id,
            "res_partner_id": sms.partner_id.id,
            "sms_number": sms.number,
            "sms_id_int": sms.id,
            "sms_tracker_ids": [fields.Command.create({"sms_uuid": sms.uuid})],
            "notification_type": "sms",
            "notification_status": "ready",
            "is_read": True,
        }

    # === RENDERING === #
    # Templates compiled once for a batch: ``mail.template`` compiles its text for every record, which takes far
    # longer than to render it. What may stand in a template, and what comes out, is the same.

    def _renderer(self, template, field):
        """A function that renders ``field`` of ``template`` for one record.

        :param template: a ``mail.template`` or ``sms.template`` of this model, in the language to render in
        :return: ``render(record)``: the text, a Markup where the field is HTML
        """
        template = template.sudo()
        self._check_templates(template)
        is_html = getattr(template._fields[field], "render_engine", None) == "qweb"
        source = template[field] or ""
        node = html.fragment_fromstring(
            str(source if is_html else convert_inline_template_to_qweb(str(source))), create_parent="div"
        )
        qweb = template.env["ir.qweb"].with_context(paylink_compiled={})
        variables = template._render_eval_context()

        def render(record):
            text = qweb._render(node, {**variables, "object": record.with_env(template.env)}, minimal_qcontext=True)
            text = text[len("<div>") : -len("</div>")]
            return self._with_full_addresses(text, record) if is_html else html_text.unescape(str(text))

        return render

    def _with_full_addresses(self, text, record):
        """``text`` with the addresses of this server in full, as a mail client needs them."""
        if not any(mark in text for mark in LOCAL_LINK):
            return text
        return self.env["mail.render.mixin"]._replace_local_links(text, record.company_id._paylink_base_url())
