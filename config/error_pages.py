"""Django's debug page shows the variables of every frame, a database driver's password among them."""

from django.conf import settings
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

from config.redaction import Redactor, known_values


class RedactedReporter(ExceptionReporter):
    def get_traceback_html(self) -> SafeString:
        return SafeString(redacted(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(redacted(super().get_traceback_text()))


def redacted(text: str) -> str:
    """Without the secrets of this process, however they are written."""
    return Redactor(known_values(dict(settings.ENVIRONMENT))).text(text)
