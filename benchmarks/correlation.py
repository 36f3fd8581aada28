"""The correlation of paired differences within a document, in the published runs: what `seal-eval power` assumes if none is given.

    python benchmarks/correlation.py

Differences are those of each method from plain, in each cell whose documents have several questions (the ANOVA estimator, not raised to 0
where it is negative, so that its average is not biased).
"""

from pathlib import Path

import numpy as np

from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs
from seal_eval.results.splits import comparable_groups
from seal_eval.stats.effective import anova_correlation

RESULTS = Path(__file__).parent.parent / "leaderboard" / "results"


def main() -> None:
    """Print a line for each cell, and the average over all."""
    found = []
    for folder in sorted(f for f in RESULTS.iterdir() if f.is_dir()):
        for paired in paired_scores(comparable_groups(load_runs(folder))):
            for i, (task, length) in enumerate(paired.cells):
                here = paired.cell == i
                documents = len(np.unique(paired.cluster[here]))
                if not 1 < documents < here.sum():
                    continue
                gains = [paired.scores[here, column] - paired.scores[here, 0] for column in range(1, len(paired.methods))]
                values = [anova_correlation(gain, paired.cluster[here]) for gain in gains if np.ptp(gain) > 0]
                print(f"{folder.name:16} {task} {length:>6,} {documents:>3} documents:", " ".join(f"{value:+.2f}" for value in values))
                found += values
    print(f"{len(found)} differences: average {np.mean(found):+.3f}, quartiles {np.round(np.quantile(found, [0.25, 0.5, 0.75]), 3)}")


if __name__ == "__main__":
    main()
