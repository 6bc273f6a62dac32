"""GET /metrics: for Prometheus alone, by a token, or for a scraper on this very machine."""

import ipaddress
import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.exposition import choose_encoder

from config.metrics.collector import PaydateCollector

COLLECTOR = PaydateCollector()
# Any of them says that REMOTE_ADDR is a proxy's: then loopback proves nothing about who asks.
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via")


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if reason := why_not(request):
        return HttpResponse(f"{reason}\n", status=403, content_type="text/plain; charset=utf-8")
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(COLLECTOR), content_type=content_type)


def why_not(request: HttpRequest) -> str:
    """Why this request gets no figures; empty when it may have them."""
    if token := settings.METRICS_TOKEN.get_secret_value():
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        is_right = scheme.lower() == "bearer" and secrets.compare_digest(given.encode(), token.encode())
        return "" if is_right else "Send METRICS_TOKEN as the header Authorization: Bearer <token>."
    if _is_from_this_machine(request):
        return ""
    return "Set METRICS_TOKEN and send it as a bearer token: without it only this machine itself is answered."


def _is_from_this_machine(request: HttpRequest) -> bool:
    if settings.TRUSTED_PROXY_COUNT or any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:  # a socket file has no address
        return False
