"""Reading the audit trail's hash chain again: was anything changed or removed since it was sealed?"""

from dataclasses import dataclass

from contracts.models import AuditEvent
from contracts.services.sweeping import seal_of

ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """``broken_at`` is the first sequence that does not fit, None when all do; unsealed events prove nothing yet."""

    sealed: int
    unsealed: int
    broken_at: int | None
    last_seal: str


def verify_audit() -> Verdict:
    """Recomputes every seal from the first. Whoever keeps ``last_seal`` elsewhere also notices a cut-off end."""
    seal, expected = "", 1
    sealed = AuditEvent.objects.filter(sequence__isnull=False).order_by("sequence")
    for event in sealed.iterator(chunk_size=ROWS_AT_ONCE):
        seal = seal_of(seal, event)
        if event.sequence != expected or event.seal != seal:
            return Verdict(sealed.count(), _unsealed(), expected, "")
        expected += 1
    return Verdict(expected - 1, _unsealed(), None, seal)


def _unsealed() -> int:
    return AuditEvent.objects.filter(sequence=None).count()
