from odoo import models
from odoo.http import request
from werkzeug.exceptions import RequestEntityTooLarge


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _dispatch(cls, endpoint):
        """A parameter that a visitor calls ``self`` is none: Odoo hands all of them to the controller by their names,
        and this one would be a second controller.
        """
        request.params.pop("self", None)
        return super()._dispatch(endpoint)

    @classmethod
    def _handle_error(cls, exception):
        """More than a form of ours takes is answered by its own page, in the customer's language, not by one of Odoo's
        or of the server's.
        """
        if isinstance(exception, RequestEntityTooLarge) and request.dispatcher.routing_type == "http":
            rule, args = cls._match(request.httprequest.path)
            # Hook of controllers: the answer.
            if answer := getattr(rule.endpoint.func.__self__, "_paylink_too_large", None):
                request.env.cr.rollback()
                request.params = dict(request.httprequest.args)
                response = answer(**args)
                cls._post_dispatch(response)
                return response
        return super()._handle_error(exception)
