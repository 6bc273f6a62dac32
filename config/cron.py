"""Times of repeated work as the settings write them: five cron fields, or six with seconds in front."""

from dataclasses import dataclass

from celery.schedules import ParseException, crontab

FIELD_NAMES = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
FIX = (
    "write five cron fields (minute hour day month weekday), or six with a seconds field of 0 in front, "
    'or "*/n * * * * *" for every n seconds (1 to 59)'
)


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed interval."""

    seconds: int


@dataclass(frozen=True, slots=True)
class At:
    """A crontab in UTC."""

    minute: str
    hour: str
    day_of_month: str
    month_of_year: str
    day_of_week: str


def parse_cron(text: str) -> Every | At:
    """Raises ValueError with the fix in words; the text itself is never quoted."""
    fields = text.split()
    if len(fields) == 6 and fields[0] == "0":
        fields = fields[1:]
    if len(fields) == 6:
        return _interval(fields)
    if len(fields) != 5:
        raise ValueError(FIX)
    return _crontab(fields)


def _interval(fields: list[str]) -> Every:
    step = fields[0].removeprefix("*/")
    if fields[1:] != ["*"] * 5 or fields[0] == step or not step.isdecimal() or not 1 <= int(step) <= 59:
        raise ValueError(FIX)
    return Every(int(step))


def _crontab(fields: list[str]) -> At:
    named = dict(zip(FIELD_NAMES, fields, strict=True))
    try:
        crontab(**named)
    except (ParseException, ValueError, KeyError, TypeError) as error:
        raise ValueError(FIX) from error
    return At(**named)
