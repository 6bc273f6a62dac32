"""Columns that keep what they are given: whole base units and 20-byte addresses."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

Set = TypeVar("Set", contravariant=True)
Get = TypeVar("Get", covariant=True)

if TYPE_CHECKING:
    from django.db.models import CharField, DecimalField
    from django.db.models.expressions import Combinable
else:  # Django's fields take type arguments only in their stubs

    class DecimalField(models.DecimalField):
        def __class_getitem__(cls, arguments):
            return cls

    class CharField(models.CharField):
        def __class_getitem__(cls, arguments):
            return cls


EVM_ADDRESS = RegexValidator(r"\A0x[0-9a-f]{40}\Z", "an address is 0x and 40 lower-case hex digits")


class UnitsField(DecimalField[Set, Get]):
    """A whole number of a token's smallest unit: numeric(78,0) in PostgreSQL, ``int`` in Python.

    78 digits hold every uint256. Anything with a fraction is refused instead of rounded.
    """

    if TYPE_CHECKING:
        _pyi_private_set_type: int | Combinable
        _pyi_private_get_type: int  # type: ignore[assignment] # unlike its base, never a Decimal

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.update(max_digits=78, decimal_places=0)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"], kwargs["decimal_places"]
        return name, path, args, kwargs

    def from_db_value(self, value: Decimal | None, expression: object, connection: object) -> int | None:
        return None if value is None else int(value)

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, int):
            return value
        number = super().to_python(value)
        if number != number.to_integral_value():
            raise ValidationError("base units are whole numbers")
        return int(number)

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, float):
            raise TypeError("a float never enters a money column; pass an int of base units")
        return super().get_prep_value(value)


class EvmAddressField(CharField[Set, Get]):
    """20 bytes as ``0x`` and 40 lower-case hex digits, exactly as the chain lists them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 42
        super().__init__(*args, **kwargs)
        self.validators.append(EVM_ADDRESS)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_length"]
        return name, path, args, kwargs
