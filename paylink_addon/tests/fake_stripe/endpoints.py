"""The account itself, its webhook endpoints and its events."""

import fnmatch
import secrets

from stripe import params as p

from .balance import DAYS
from .errors import ApiError
from .lists import listing, offer
from .routing import route

EVENTS_KEPT = 30 * DAYS
MAX_ENDPOINTS = 16


@route("GET", "/v1/account", p.AccountRetrieveCurrentParams)
def retrieve_account(realm, params):
    account = realm.account
    settings = {
        "branding": {},
        "card_payments": {},
        "dashboard": {"display_name": account.name, "timezone": "Europe/Paris"},
        "payments": {},
    }
    return {
        "id": account.id,
        "object": "account",
        "business_profile": {"name": account.name},
        "capabilities": {f"{kind}_payments": "active" for kind in ("card", *account.takes)},
        "charges_enabled": True,
        "country": account.country,
        "default_currency": account.currency,
        "details_submitted": True,
        "email": "owner@example.com",
        "payouts_enabled": True,
        "settings": settings,
        "type": "standard",
    }


def new_secret():
    return f"whsec_{secrets.token_hex(16)}"


@route("POST", "/v1/webhook_endpoints", p.WebhookEndpointCreateParams)
def create_endpoint(realm, params):
    if realm.livemode and not params["url"].startswith("https://"):
        raise ApiError("Invalid URL: live mode endpoints must be HTTPS.", "url_invalid", "url")
    if len(realm.all("webhook_endpoint")) >= MAX_ENDPOINTS:
        raise ApiError(f"You have reached the maximum of {MAX_ENDPOINTS} webhook endpoints.")
    secret = new_secret()
    found = realm.add(
        "webhook_endpoint",
        "we",
        hidden={"secrets": [secret]},
        api_version=params.get("api_version"),
        description=params.get("description"),
        enabled_events=params["enabled_events"],
        metadata=params.get("metadata", {}),
        status="enabled",
        url=params["url"],
    )
    return {**found, "secret": secret}


@route("POST", "/v1/webhook_endpoints/{}", p.WebhookEndpointUpdateParams)
def update_endpoint(realm, params, endpoint_id):
    found = realm.get("webhook_endpoint", endpoint_id)
    if "disabled" in params:
        found["status"] = "disabled" if params.pop("disabled") else "enabled"
    found.update(params)
    return found


offer("webhook_endpoint", "/v1/webhook_endpoints", p.WebhookEndpointRetrieveParams, p.WebhookEndpointListParams)


@route("DELETE", "/v1/webhook_endpoints/{}", p.WebhookEndpointDeleteParams)
def delete_endpoint(realm, params, endpoint_id):
    realm.remove(realm.get("webhook_endpoint", endpoint_id))
    return {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}


def _kept(realm):
    return [event for event in realm.all("event") if event["created"] > realm.now() - EVENTS_KEPT]


@route("GET", "/v1/events", p.EventListParams)
def list_events(realm, params):
    found = _kept(realm)
    wanted = params.pop("types", None) or ([params.pop("type")] if "type" in params else ["*"])
    if "delivery_success" in params:
        delivered = params.pop("delivery_success")
        found = [event for event in found if delivered is not bool(event["pending_webhooks"])]
    found = [event for event in found if any(fnmatch.fnmatch(event["type"], pattern) for pattern in wanted)]
    return listing(found, params, "/v1/events")


offer("event", "/v1/events", p.EventRetrieveParams)
