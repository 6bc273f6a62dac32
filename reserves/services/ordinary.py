"""The ordinary answer, nothing missing and nothing to be done, in one statement.

Nearly all checks end so, and the same arrows through the ORM cost three times as much as everything else a check
does. What needs any thought (a block, a shortfall, an older ledger, somebody to be told) is left to ``blocking``.
"""

from datetime import datetime

from django.db import connection, transaction

from contracts.models import Notice
from contracts.services.holds import PAYDATE
from contracts.transitions import log_move
from reserves.models import PaymentAvailability

Status = PaymentAvailability.Status

# The contract before its ticket, as everywhere.
STATEMENT = """
WITH seen AS (
    UPDATE contracts_contract AS contract
       SET checked_at = %(now)s, checked_at_ledger = %(ledger)s, required_funds_units = 0,
           good_checks = least(good_checks + 1, 32000)
     WHERE id = %(contract)s AND kind = 'INVESTMENT' AND status IN ('ACTIVE', 'FUNDS_REACHED', 'PAUSED')
       AND (checked_at_ledger IS NULL OR checked_at_ledger < %(ledger)s)
       AND NOT EXISTS (
           SELECT FROM contracts_notice
            WHERE noun = 'contract' AND object_uid = contract.uid AND cause = %(failing)s AND resolved_at IS NULL
       )
 RETURNING id
), ended AS (
    UPDATE reserves_paymentavailability AS ticket
       SET status = 'PROCESSED', attempts = attempts + 1, started_at = %(started)s, required_funds_units = 0,
           ledger = %(ledger)s, checked_at = %(now)s, ended_at = %(now)s, outcome = '', note = '',
           error_class = '', error_text = '', lease_owner = '', lease_until = NULL,
           own_units = (SELECT missing_units FROM reserves_investmentbook WHERE contract_id = ticket.contract_id)
     WHERE id = %(ticket)s AND status = 'PENDING' AND NOT is_asked_again AND EXISTS (SELECT FROM seen)
 RETURNING id
), noted AS (
    INSERT INTO contracts_auditevent
           (at, by, noun, object_id, object_label, what, source, target, reason, seal)
    SELECT %(now)s, %(by)s, 'paymentavailability', id, %(label)s, 'status', 'PENDING', 'PROCESSED', %(reason)s, ''
      FROM ended
)
SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM ended)
"""


def took_ordinary(ticket: PaymentAvailability, *, ledger: int, now: datetime) -> bool:
    """Ends the ticket with "nothing is missing"; False when this answer is no ordinary one, and nothing was changed."""
    reason = ticket.TRANSITIONS.reason(Status.PENDING, Status.PROCESSED)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            STATEMENT,
            {
                "now": now,
                "ledger": ledger,
                "contract": ticket.contract_id,
                "failing": Notice.Cause.CHECKS_FAIL.value,
                "started": ticket.started_at,
                "ticket": ticket.pk,
                "by": PAYDATE,
                "label": str(ticket)[:120],
                "reason": reason,
            },
        )
        seen, ended = cursor.fetchone()
        if not ended:  # another visit ended it, or something changed meanwhile: nothing of this stands
            transaction.set_rollback(True)
            return False
    ticket.lease_owner = ""
    log_move(ticket, Status.PENDING, Status.PROCESSED, reason)
    return bool(seen)
