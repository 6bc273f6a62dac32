"""Taking the pages of foreign apps over into our skin."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.contrib import admin
from django.db.models import Model


def in_place_of(module: str, *models: type[Model]) -> Callable[[Any], Any]:
    """Registers our admin instead of the one in ``module``: under Unfold a foreign form has invisible inputs.

    The module is loaded first, because Django would otherwise load it later and register its own again.
    """
    import_module(module)

    def decorate(admin_class: Any) -> Any:
        for model in models:
            if admin.site.is_registered(model):
                admin.site.unregister(model)
            admin.site.register(model, admin_class)
        return admin_class

    return decorate
