"""Numbers as a reader of either language expects them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from computenet.report.view import Lang

__all__ = ["compact", "decimals", "duration", "money", "plain", "share", "significant"]

#: Shown where a figure does not exist.
NOTHING = "–"

_STEPS: dict[Lang, tuple[tuple[float, str], ...]] = {
    "en": ((1e12, " trillion"), (1e9, " billion"), (1e6, " million")),
    "zh": ((1e12, " 万亿"), (1e8, " 亿"), (1e4, " 万")),
}
_CLOCK: dict[Lang, tuple[str, str, str, str]] = {
    "en": ("s", "min", "h", "d"),
    "zh": ("秒", "分钟", "小时", "天"),
}


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def plain(value: float | None, digits: int = 0) -> str:
    """Return a number with thousands separators."""
    if value is None or _missing(value):
        return NOTHING
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−")


def decimals(values: Iterable[float]) -> int:
    """Return the decimals a column is shown with, so that its largest value has three figures."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest == 0.0 or largest >= 100.0:
        return 0
    return min(2 - math.floor(math.log10(largest)), 4)


def significant(value: float | None) -> str:
    """Return a number with three figures at least, without zeros after them."""
    if value is None or _missing(value) or value == 0.0 or abs(value) >= 100.0:
        return plain(value)
    text = plain(value, 2 - math.floor(math.log10(abs(value))))
    return text.rstrip("0").rstrip(".") if "." in text else text


def compact(value: float | None, lang: Lang, digits: int = 2) -> str:
    """Return a large number in words: millions and billions, or 万 and 亿."""
    if value is None or _missing(value):
        return NOTHING
    for step, word in _STEPS[lang]:
        if abs(value) >= step:
            return plain(value / step, digits) + word
    if abs(value) < 1e3 and value != round(value):
        return plain(value, digits)
    return plain(value)


def money(value: float | None, lang: Lang) -> str:
    """Return an amount of CNY."""
    if value is None or _missing(value):
        return NOTHING
    amount = compact(value, lang)
    return f"CNY {amount}" if lang == "en" else f"{amount}元"


def share(value: float | None, digits: int = 1) -> str:
    """Return a share as per cent."""
    return NOTHING if value is None or _missing(value) else f"{plain(100.0 * value, digits)} %"


def duration(value_s: float | None, lang: Lang) -> str:
    """Return a duration given in seconds, in the unit that suits it."""
    if value_s is None or _missing(value_s):
        return NOTHING
    second, minute, hour, day = _CLOCK[lang]
    for step, word in ((86_400.0, day), (3_600.0, hour), (60.0, minute)):
        if abs(value_s) >= 2.0 * step:
            return f"{plain(value_s / step, 1)} {word}"
    return f"{plain(value_s, 1)} {second}"
