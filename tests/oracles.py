"""Published values and ours: `python tests/oracles.py` prints the table as Markdown."""

from dataclasses import dataclass
from typing import Any

from seal_eval.stats import benjamini_hochberg, cochran_q, connor, holm, mcnemar, position_bias, sign_flip, tango, wilson
from seal_eval.stats.layout import layout, variance

import conftest  # noqa: F401  puts benchmarks/ on the path
from alternatives import clopper_pearson, newcombe, obuchowski

FAGERLAND, TANGO, AGRESTI = (1, 1, 7, 12), (4, 9, 3, 16), (53, 16, 8, 9)
PSYCHIATRY = (
    [0, 1, 1, 1, 0, 3, 3, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0],
    [4, 2, 3, 2, 1, 3, 0, 2, 2, 4, 2, 4, 3, 2, 1, 3, 1, 2, 0, 0, 0, 2, 1, 2, 2, 0, 0, 1, 1],
)  # only the patient, only the psychiatrist: Petryshen 1989, as R's clust.bin.pair has them


@dataclass(frozen=True)
class Oracle:
    """Published numbers and ours, which agree to `digits` decimals (with `relative`: within a factor of 1 ± 10^−digits)."""

    what: str
    source: str
    published: tuple[float, ...]
    digits: int
    ours: tuple[float, ...]
    relative: bool = False


def _p(table: tuple[int, int, int, int]) -> tuple[float, ...]:
    found = mcnemar(*table)
    assert found.p_chi2 is not None
    return found.p_exact, found.p_midp, found.p_chi2


def _ends(estimate: Any) -> tuple[float, float]:
    return estimate.low, estimate.high


def oracles() -> list[Oracle]:
    """Return all published values with ours, computed now."""
    r = mcnemar(101, 121, 59, 33)
    ordered = [0.001, 0.002, 0.003, 0.004, 0.005, 0.05, 0.06, 0.07, 0.08, 0.09]
    clustered = [1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0.0]
    fifths = [1] * 56 + [0] * 14 + [1] * 48 + [0] * 32, [0.1, 0.9] * 35 + [0.5] * 80
    o = Oracle
    return [
        o("McNemar exact, mid-p, asymptotic: 1, 1, 7, 12", "Fagerland et al. 2014", (0.0703, 0.0391, 0.0339), 4, _p(FAGERLAND)),
        o("… 4, 9, 3, 16", "Tango 1998, table VII", (0.1460, 0.0923, 0.0833), 4, _p(TANGO)),
        o("… 53, 16, 8, 9", "Agresti and Min 2005", (0.1516, 0.1078, 0.1025), 4, _p(AGRESTI)),
        o("McNemar χ²: 101, 121, 59, 33", "R, mcnemar.test(correct=FALSE)", (21.35556,), 5, (r.chi2 or 0,)),
        o("its p", "R", (3.815136e-6,), 6, (r.p_chi2 or 0,), True),
        o("Tango: 1, 1, 7, 12", "Fagerland et al. 2014", (-0.517, -0.026), 3, _ends(tango(*FAGERLAND))),
        o("Tango: 4, 9, 3, 16", "Tango 1998", (-0.027, 0.390), 3, _ends(tango(*TANGO))),
        o("Tango: 53, 16, 8, 9", "Agresti and Min 2005", (-0.020, 0.207), 3, _ends(tango(*AGRESTI))),
        o("Tango 90 %: 43, 0, 1, 0", "Tango 1998, table V", (-0.096, 0.037), 3, _ends(tango(43, 0, 1, 0, 0.9))),
        o("Newcombe 10: 1, 1, 7, 12", "Fagerland et al. 2014", (-0.507, -0.026), 3, _ends(newcombe(*FAGERLAND))),
        o("Newcombe 10: 4, 9, 3, 16", "Newcombe 1998", (-0.0273, 0.3807), 4, _ends(newcombe(*TANGO))),
        o("Newcombe 10: 53, 16, 8, 9", "Agresti and Min 2005", (-0.0201, 0.2039), 4, _ends(newcombe(*AGRESTI))),
        o("Newcombe, independent: 56/70 − 48/80", "Newcombe 1998", (0.0524, 0.3339), 4, _ends(position_bias(*fifths, range(150)))),
        o("Wilson 15/148", "Newcombe 1998", (0.0624, 0.1605), 4, _ends(wilson(15, 148))),
        o("Wilson 0/20", "Newcombe 1998", (0.0, 0.1611), 4, _ends(wilson(0, 20))),
        o("Clopper-Pearson 15/148", "Newcombe 1998", (0.0578, 0.1617), 4, _ends(clopper_pearson(15, 148))),
        o("Clopper-Pearson 0/20", "Newcombe 1998", (0.0, 0.1684), 4, _ends(clopper_pearson(0, 20))),
        o("Holm: .001 … .005, .05 … .09", "R, multtest", (0.01, 0.018, 0.024, 0.028, 0.03, *[0.25] * 5), 3, tuple(holm(ordered))),
        o("Benjamini-Hochberg of the same", "by hand", (*[0.01] * 5, 0.5 / 6, 0.6 / 7, 0.7 / 8, 0.8 / 9, 0.09), 6,
          tuple(benjamini_hochberg(ordered))),
        o("clustered SE: 110, 100, 111, 000", "statsmodels, C / (C − 1)", (0.21517,), 5,
          (float(variance(layout([i // 3 for i in range(12)]), _array(clustered))[0]) ** 0.5,)),
        o("psychiatry: McNemar χ²", "R, clust.bin.pair", (11.8451,), 4, (mcnemar(0, *map(sum, PSYCHIATRY), 0).chi2 or 0,)),
        o("psychiatry: Obuchowski χ²", "R, clust.bin.pair", (7.19,), 2, (obuchowski(*PSYCHIATRY).chi2 or 0,)),
        o("Connor, discordant shares .45, .05", "Connor 1987", (23,), 0, (connor(0.50, 0.40),)),
        o("Connor, discordant shares .30, .15", "Connor 1987", (155,), 0, (connor(0.45, 0.15),)),
        o("sign-flip of 7 against 2", "binomial, by hand", (92 / 512,), 9, (sign_flip([1] * 7 + [-1] * 2).p_value,)),
        o("Cochran's Q of two methods, 9 against 3", "McNemar, by hand", (3.0,), 9, (cochran_q([[1, 0]] * 9 + [[0, 1]] * 3).value or 0,)),
    ]  # fmt: skip


def _array(values: Any) -> Any:
    import numpy as np

    return np.asarray(values, dtype=float)


def table() -> str:
    """Return the table as Markdown; our values have two more digits."""

    def text(values: tuple[float, ...], digits: int, relative: bool) -> str:
        shown = [f"{v:.{digits}e}" if relative else f"{v:.{digits}f}" for v in dict.fromkeys(values)]
        return ", ".join(shown).replace("-0.", "−0.")

    lines = ["| what | source | published | ours |", "|---|---|---|---|"]
    for one in oracles():
        published, ours = (text(v, d, one.relative) for v, d in ((one.published, one.digits), (one.ours, one.digits + 2)))
        lines.append(f"| {one.what} | {one.source} | {published} | {ours} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
