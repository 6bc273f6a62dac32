"""Taking a deployment from step to step, whatever it deploys: transaction after transaction, each recorded.

Where it stands is told by the transactions alone: a step whose subject has a successful attempt is done, for ever. So
it goes on after any crash, and no step is done twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction

from contracts import clock
from contracts.gateways.errors import GatewayError
from contracts.leases import lease
from contracts.models import AuditEvent, Contract, ContractTransaction, Hold
from contracts.models.deployments import Deploying
from contracts.refusals import DECISIONS, Decision
from contracts.services.planning import AlreadyOpen, Call, Waiting, plan_transaction
from contracts.services.registering import NotRegistered
from contracts.transitions import move

log = structlog.get_logger(__name__)
MOST_ATTEMPTS = 10
SHORT_PAUSE = timedelta(seconds=2)
PAUSE = timedelta(seconds=5)
PAUSE_UNEXPECTED = timedelta(minutes=1)

Status = Deploying.Status
Sent = ContractTransaction.Status


class Hopeless(Exception):
    """The deployment cannot go on as it is; the text says why, and the fix."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one kind of deployment has apart.

    ``trouble_before`` gives words to wait with before a step, or raises Hopeless; ``is_needless`` says of a step that
    was never tried that its work is done already. ``registered`` reads what was made from the chain and gives what
    takes it into the books, in a transaction; it raises NotRegistered while the chain does not show it yet.
    """

    model: type[Any]
    ring: Callable[[int], None]
    purpose: str
    steps: Callable[[], tuple[str, ...]]
    code_hash: Callable[[], str]
    call_for: Callable[[Any, str], Call]
    trouble_before: Callable[[Any, str], str | None]
    is_needless: Callable[[Any, str], bool]
    registered: Callable[[Any], Callable[[], Contract]]

    @property
    def noun(self) -> str:
        return str(self.model._meta.model_name)


def advance(recipe: Recipe, pk: int) -> None:
    """Takes a deployment as far as it will go now."""
    with lease(recipe.model, pk) as row:
        if row is None or row.status != Status.RUNNING:
            return
        try:
            _advance(recipe, row)
        except GatewayError as error:
            wait(row, f"the chain could not be asked: {error}", PAUSE)
        except Hopeless as error:
            _fail(row, str(error))
        except Exception as error:
            log.exception("unexpected_error", deployment=row.uid)
            words = f"unexpected error, see the log of deployment {row.uid}: {type(error).__name__}: {error}"
            wait(row, words, PAUSE_UNEXPECTED)


def ring_due(recipe: Recipe) -> None:
    """For deployments whose ring was lost; the lease keeps them from being taken up twice."""
    due = recipe.model.objects.filter(status=Status.RUNNING, next_attempt_at__lte=clock.now())
    for pk in due.order_by("pk").values_list("pk", flat=True):
        recipe.ring(pk)


def go_on(row: Deploying, by: str) -> None:
    """A failed one is taken up again; in the caller's transaction."""
    if row.status == Status.FAILED:
        move(row, Status.RUNNING, by=by, error_text="", ended_at=None, next_attempt_at=clock.now())


def abandon(row: Deploying, by: str) -> None:
    """In the caller's transaction. Raises NotRegistered for one that has not failed."""
    if row.status != Status.FAILED:
        raise NotRegistered(
            f"the deployment of the {row} is {row.status}: {row.waiting_reason or 'wait for its end'}"
        )
    move(row, Status.ABANDONED, by=by)


def steps_done(recipe: Recipe, row: Deploying) -> int:
    """How many of its transactions have succeeded."""
    mine = ContractTransaction.objects.filter(
        purpose=recipe.purpose, group_uid=row.uid, status=Sent.SUCCEEDED
    )
    return mine.count()


# -- one visit


def _advance(recipe: Recipe, row: Any) -> None:
    if row.code_hash != recipe.code_hash():
        raise Hopeless(
            "this version of Paydate has another contract than the one it began with; use --start-over"
        )
    for step in recipe.steps():
        latest = ContractTransaction.objects.of(row.subject_of(step)).last()
        if latest is None and recipe.is_needless(row, step):
            continue
        if latest is None or latest.status != Sent.SUCCEEDED:
            _take(recipe, row, step, latest)
            return
    _register(recipe, row)


def _take(recipe: Recipe, row: Any, step: str, latest: ContractTransaction | None) -> None:
    if latest is not None and latest.is_open:
        wait(row, f"{step} is under way{_why(latest.waiting_reason)}", PAUSE)
    elif latest is not None and (reason := _why_final(recipe, row, latest)):
        raise Hopeless(f"{step} failed: {reason}; mend that and ask for the same deployment again")
    elif trouble := recipe.trouble_before(row, step):
        wait(row, trouble, SHORT_PAUSE)
    else:
        _plan(recipe, row, step)


def _why(words: str) -> str:
    return f": {words}" if words else ""


def _why_final(recipe: Recipe, row: Any, latest: ContractTransaction) -> str | None:
    """Why no other attempt follows by itself. What failed before somebody asked again does not count."""
    again = AuditEvent.objects.filter(noun=recipe.noun, object_id=row.pk, what="status", source=Status.FAILED)
    if again.filter(target=Status.RUNNING, at__gt=latest.resolved_at).exists():
        return None
    if latest.custody_waiting_since is not None and latest.broadcast_started_at is None:
        return f"custody's approval of {latest.transaction_id} came too late or not at all"
    if DECISIONS.get(latest.error_class) == Decision.RETRY and latest.attempt % MOST_ATTEMPTS:
        return None
    return latest.error_text or latest.error_class


def _plan(recipe: Recipe, row: Any, step: str) -> None:
    try:
        with transaction.atomic():
            if not recipe.model.objects.filter(pk=row.pk, status=Status.RUNNING).update(waiting_reason=""):
                return
            plan_transaction(
                wallet=row.wallet,
                contract=None,
                call=recipe.call_for(row, step),
                purpose=recipe.purpose,
                subject=row.subject_of(step),
                group_uid=row.uid,
                has_guard=False,
            )
    except (Waiting, AlreadyOpen) as error:
        wait(row, str(error), PAUSE)


def _register(recipe: Recipe, row: Any) -> None:
    """What does not fit yet is waited for, with the reason: whom we ask may be a moment behind."""
    try:
        keep = recipe.registered(row)
        with transaction.atomic():
            move(row, Status.COMPLETED, contract=keep(), waiting_reason="", ended_at=clock.now())
    except NotRegistered as error:
        wait(row, str(error), SHORT_PAUSE)


def _fail(row: Any, words: str) -> None:
    move(row, Status.FAILED, reason=words, error_text=words, waiting_reason="", ended_at=clock.now())


def wait(row: Any, reason: str, pause: timedelta) -> None:
    type(row).objects.filter(pk=row.pk, status=Status.RUNNING).update(
        waiting_reason=reason, next_attempt_at=clock.now() + pause
    )


# -- what the book of transactions asks and tells


def why_not(recipe: Recipe, row: ContractTransaction) -> str | None:
    """The gate: steps are taken while the deployment runs and not everything is held."""
    hold = Hold.objects.covering([]).first()
    if hold is not None:
        return f"held: {hold.reason}"
    deployment = recipe.model.objects.get(uid=row.group_uid)
    if deployment.status != Status.RUNNING:
        return f"the deployment is {deployment.status}: {deployment.error_text}"
    return None


def on_arrow(recipe: Recipe, row: ContractTransaction, arrow: str) -> None:
    if arrow not in (Sent.SUCCEEDED, Sent.FAILED, Sent.EXPIRED):
        return
    pk = recipe.model.objects.filter(uid=row.group_uid).values_list("pk", flat=True).get()
    recipe.ring(pk)
