"""Stage of ``paylink.link``: the customer says that something is wrong."""

from odoo import models
from odoo.exceptions import UserError

from ...tools.texts import typed_lines
from ...tools.uploads import ACCEPT, BadUpload, received
from .paylink_link import LONGEST_NOTE

# How many documents the form lists; a form with files may have a thousand fields.
MOST_LISTED = 200
# How many files come with the objections to one link.
MOST_FILES = 20
ALL = "all"


class PaylinkLinkObjection(models.Model):
    """What is wrong, with which of the documents, in the customer's words, with a file if there is one."""

    _inherit = "paylink.link"

    # === HOOKS OF THE KIND === #

    def _may_answer_objection(self):
        """Also while money is on its way: who is charged for something that is wrong says so at once."""
        view = self._page_view()
        return view in ("pay", "plan", "progress") or (view == "closed" and self._closed_reason() == "in_progress")

    def _answer_form_objection(self):
        """The documents to choose from."""
        lines = self._lines_open()
        return {
            "lines": [(str(line.id), line._customer_name(self.env)) for line in lines[:MOST_LISTED]],
            "left": max(len(lines) - MOST_LISTED, 0),
            "accept": ACCEPT,
            "longest": LONGEST_NOTE,
        }

    def _answer_objection(self, said):
        """What was said is checked as a whole before anything is stored."""
        lines = self._lines_meant(said)
        reason = said.get("reason")
        if reason not in self.env["paylink.answer"]._fields["reason"].get_values(self.env):
            raise UserError(self.env._("Choose what is wrong."))
        note = typed_lines(said.get("note"), LONGEST_NOTE)
        upload = self._upload(said.get("file"))
        if upload:
            self._check_room_for_file()
        if reason == "other" and not (note or upload):
            raise UserError(self.env._("Tell us what is wrong."))
        answer = self.with_context(image_no_postprocess=True)._note_answer(
            "objection",
            "objected",
            reason=reason,
            note=note or False,
            line_ids=lines.ids,
            attachment_ids=[(0, 0, self._file_values(upload))] if upload else [],
            is_charging=bool(self._being_charged(lines)),
        )
        answer._pause("objection", self._paused_together(lines))
        answer._ask_about_objection()
        return answer

    # === HELPERS === #

    def _lines_meant(self, said):
        """The lines that the form names, less what was paid meanwhile: of this link alone. One that asks for one thing
        need not be asked which.

        :raises UserError: it names none, or something else
        """
        lines, named = self._lines_open(), set(said.getlist("line"))
        foreign = named - {ALL} - {str(line.id) for line in self.line_ids}
        meant = lines.filtered(lambda line: str(line.id) in named)
        is_all = ALL in named or (not named and len(lines) < 2)
        if foreign or not (meant or is_all):
            raise UserError(self.env._("Select what it is about."))
        return lines if is_all else meant

    def _lines_open(self):
        """What is paid, nothing is said of anymore."""
        return self.line_ids._standing().filtered(lambda line: not line.move_line_id.reconciled)

    def _check_room_for_file(self):
        """Files take room for good: there are so many of a link, ever."""
        answers = self.env["paylink.answer"].sudo()._search([("link_id", "=", self.id)])
        domain = [("res_model", "=", "paylink.answer"), ("res_id", "in", answers)]
        if self.env["ir.attachment"].sudo().search_count(domain, limit=MOST_FILES) >= MOST_FILES:
            raise UserError(self.env._("No more files can be sent here: send your message without one."))

    def _upload(self, file):
        try:
            return received(file)
        except BadUpload as error:
            problems = {
                "large": self.env._("This file is too large: 5 MB at most."),
                "empty": self.env._("This file is empty: choose another one."),
                "type": self.env._("This file is neither a PDF nor a picture (JPEG, PNG, WebP, HEIC)."),
            }
            raise UserError(problems[error.code]) from None

    @staticmethod
    def _file_values(upload):
        """The values of the attachment: what it is, its bytes have said; nobody but readers of the answer has it."""
        return {
            "name": upload.name,
            "raw": upload.content,
            "mimetype": upload.mimetype,
            "res_model": "paylink.answer",
            "public": False,
        }

    def _being_charged(self, lines):
        """Of these lines the items that money is on its way for already: charges that wait to be sent do not count, as
        they look again before.
        """
        items = lines.move_line_id
        unsent = self.partner_id.commercial_partner_id._paylink_autopay_unsent(self.company_id)
        return items._paylink_in_flight() - unsent.paylink_id.line_ids.move_line_id
