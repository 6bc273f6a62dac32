"""Dialogs that say what is about to happen, with count and sum, before they ask why."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpRequest

from contracts.admin.buttons import ReasonForm


@dataclass(frozen=True, slots=True)
class Will:
    """What a button would do, or why it cannot: one of ``lines`` and ``refusal`` is empty."""

    title: str
    lines: tuple[str, ...] = ()
    refusal: str = ""


class ForetellingForm(ReasonForm):
    """``will`` is asked of the row whose button it is, each time the dialog opens."""

    form_before_template = "admin/payouts/will.html"
    model: ClassVar[type[Model]]

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        row = self.model._default_manager.filter(pk=object_id or 0).first()
        return {"will": self.will(row) if row else None}

    def will(self, row: Any) -> Will:
        raise NotImplementedError
