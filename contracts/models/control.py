"""Holds that stop money, and the append-only record of who moved what and why."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.ids import new_uid


class HoldQuerySet(models.QuerySet["Hold"]):
    def open(self) -> "HoldQuerySet":
        return self.filter(lifted_at=None)

    def covering(self, scopes: list[tuple[str, str]]) -> "HoldQuerySet":
        """Open holds over any of the given objects, each (scope, uid), and the global ones."""
        covered = Q(scope=Hold.Scope.GLOBAL)
        for scope, uid in scopes:
            covered |= Q(scope=scope, object_uid=uid)
        return self.open().filter(covered).order_by("placed_at")


class Hold(models.Model):
    """While it is open nothing new is planned, signed or first sent under it. What is under way is settled."""

    class Scope(models.TextChoices):
        GLOBAL = "GLOBAL"
        ASSET = "ASSET"
        CONTRACT = "CONTRACT"
        DISTRIBUTION = "DISTRIBUTION"

    class Cause(models.TextChoices):
        OPERATOR = "OPERATOR"
        RESERVE = "RESERVE"
        BLOCKED = "BLOCKED"
        CUSTODY = "CUSTODY"
        CLOCK = "CLOCK"
        FENCE = "FENCE"
        PREFLIGHT = "PREFLIGHT"

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    scope = models.CharField(max_length=12, choices=Scope.choices)
    object_uid = models.CharField(max_length=22, blank=True)
    cause = models.CharField(max_length=10, choices=Cause.choices)
    reason = models.TextField()
    needs_operator = models.BooleanField(
        default=False, help_text="Code does not lift it, whatever its cause."
    )
    placed_by = models.CharField(max_length=150)
    placed_at = models.DateTimeField(default=clock.now)
    lifted_by = models.CharField(max_length=150, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lift_reason = models.TextField(blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [("place_hold", "Can place holds"), ("lift_hold", "Can lift holds")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["scope", "object_uid", "cause"],
                condition=Q(lifted_at=None),
                name="hold_once_per_cause",
            ),
            models.CheckConstraint(
                condition=Q(scope="GLOBAL", object_uid="") | (~Q(scope="GLOBAL") & ~Q(object_uid="")),
                name="hold_names_its_object",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cause} hold on {self.scope.lower()} {self.object_uid}".strip()


class AuditEvent(models.Model):
    """Who moved what, from where to where, and why. Inserted unchained; the sealer adds the hash chain later."""

    at = models.DateTimeField(default=clock.now)
    by = models.CharField(max_length=150)
    noun = models.CharField(max_length=40)
    object_id = models.BigIntegerField()
    object_label = models.CharField(max_length=120)
    what = models.CharField(max_length=40)
    source = models.CharField(max_length=120, blank=True)
    target = models.CharField(max_length=120, blank=True)
    reason = models.TextField(blank=True)
    sequence = models.BigIntegerField(null=True, unique=True)
    seal = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 over the previous seal and this event."
    )

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["noun", "object_id", "at"], name="audit_by_object"),
            models.Index(fields=["id"], condition=Q(sequence=None), name="audit_unsealed"),
        ]

    def __str__(self) -> str:
        return f"{self.object_label}: {self.source} -> {self.target}"

    @classmethod
    def write(
        cls, row: Any, *, what: str, source: str = "", target: str = "", reason: str = "", by: str
    ) -> "AuditEvent":
        event = cls._of(row, what, source, target, reason, by)
        event.save(force_insert=True)
        return event

    @classmethod
    def write_many(cls, moves: Iterable[tuple[Any, str, str, str]], *, what: str, by: str) -> None:
        """One event for each (row, source, target, reason), by one statement."""
        events = [cls._of(row, what, source, target, reason, by) for row, source, target, reason in moves]
        AuditEvent.objects.bulk_create(events)

    @classmethod
    def _of(cls, row: Any, what: str, source: str, target: str, reason: str, by: str) -> "AuditEvent":
        return cls(
            by=by,
            noun=row._meta.model_name,
            object_id=row.pk,
            object_label=str(row)[:120],
            what=what,
            source=source,
            target=target,
            reason=reason,
        )
