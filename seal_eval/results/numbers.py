"""Format numbers for tables and pages."""

from seal_eval.core.types import Estimate
from seal_eval.stats.choose_test import ONE_CLUSTER
from seal_eval.tasks import get_task, task_names


def percent(estimate: Estimate, sign: bool = False) -> str:
    """'87.5 % (73.9–94.5)'; with `sign`, for differences in points: '+72.5 (+53.4 to +83.7)'; '87.5 % (one document)' without interval."""
    value, low, high = (100 * x for x in (estimate.value, estimate.low, estimate.high))
    if estimate.method == ONE_CLUSTER:
        return (f"{value:+.1f}".replace("-", "−") if sign else f"{value:.1f} %") + " (one document)"
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})".replace("-", "−") if sign else f"{value:.1f} % ({low:.1f}–{high:.1f})"


def whole_percent(share: float) -> str:
    """A share in whole percent, without the sign; '>99.9', '99.7', '0.3' and '<0.1' where that would look like all or nothing."""
    text = f"{round(100 * share, 6):.0f}"  # .575 is 57.5, which 100 * .575 is not
    if text not in ("0", "100") or share in (0, 1):
        return text
    return ">99.9" if share > 0.9995 else "<0.1" if share < 0.0005 else f"{100 * share:.1f}"


def p_text(p: float | None) -> str:
    """A p-value: '.031', '< .001', '1'; '' for None."""
    return "" if p is None else "< .001" if p < 0.001 else "1" if p > 0.9995 else f"{p:.3f}".removeprefix("0")


def p_equals(p: float | None) -> str:
    """A p-value to follow the letter p: '= .031', '< .001'."""
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def size(length: float | None, task: str | None) -> str:
    """A length: '1,024' for tokens, with the unit of the task otherwise ('200 lines'); '' for None. Unknown tasks count in tokens."""
    if length is None:
        return ""
    unit = get_task(task).unit if task in task_names() else "tokens"
    return f"{length:,.0f}" if unit == "tokens" else f"{length:,.0f} {unit}"
