"""Write the demand samples; run by hand, ``python workloads/samples/build.py``.

A day of a made-up operator whose users sit in the regions of ``four-hubs``: jobs of forty teams and
the requests of one assistant, in computenet's own format. Nothing is taken from a real log. The
numbers are assumed: teams hand in work in office hours and once more before they go home, nightly
batches begin at one, and trainings take a fifth of the accelerators.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
SEED = 20250707
REGIONS = np.asarray(["RN", "RE", "RS", "RW"])
SHARE = (0.3, 0.4, 0.2, 0.1)
#: Submissions and requests by hour of the day, relative.
OFFICE = [1, 1, 1, 1, 1, 1, 2, 4, 9, 12, 12, 9, 5, 9, 12, 12, 11, 12, 9, 5, 4, 3, 2, 2]
PEOPLE = [3, 2, 1, 1, 1, 2, 3, 5, 8, 10, 11, 10, 8, 9, 10, 10, 10, 10, 9, 9, 10, 9, 7, 5]


def instants(rng: np.random.Generator, count: int, hourly: list[int]) -> np.ndarray:
    """Return `count` sorted times of a day, s."""
    share = np.asarray(hourly, dtype=np.float64)
    hours = rng.choice(24, count, p=share / share.sum())
    return np.sort(np.round((hours + rng.random(count)) * 3600.0, 1))


def jobs(rng: np.random.Generator) -> pd.DataFrame:
    """Return the jobs of the day."""
    home = rng.choice(REGIONS, 40, p=SHARE)

    def kind(at: np.ndarray, sizes: list[int], median_s: float, spread: float, data_gb: float):
        count = len(at)
        run = np.minimum(median_s * np.exp(spread * rng.standard_normal(count)), 6 * 3600.0)
        return pd.DataFrame(
            {
                "submit_s": at,
                "duration_s": np.round(run),
                "accelerators": rng.choice(sizes, count),
                "estimate_s": np.ceil(run * rng.uniform(1.1, 3.0, count) / 600.0) * 600.0,
                "user": rng.integers(0, 40, count),
                "data_gb": np.round(data_gb * rng.lognormal(0.0, 0.6, count), 2),
            }
        )

    night = np.sort(np.round(3600.0 + 900.0 * rng.random(120), 1))
    table = pd.concat(
        [
            kind(instants(rng, 900, OFFICE), [1, 1, 2, 4], 900.0, 1.0, 0.5),
            kind(instants(rng, 260, OFFICE), [4, 8, 8], 3600.0, 0.7, 10.0),
            kind(night, [2, 4, 8], 3000.0, 0.4, 5.0),
            kind(instants(rng, 40, OFFICE), [16, 32], 10_800.0, 0.4, 60.0),
        ]
    ).sort_values("submit_s", kind="stable")
    table.insert(0, "job_id", np.arange(1, len(table) + 1))
    table["region"] = home[table["user"]]
    return table


def requests(rng: np.random.Generator) -> pd.DataFrame:
    """Return the requests of the day."""
    count = 12_000
    asked = rng.lognormal(5.9, 0.9, count)
    answered = rng.lognormal(4.7, 0.8, count)
    return pd.DataFrame(
        {
            "arrival_s": instants(rng, count, PEOPLE),
            "input_tokens": np.clip(asked, 8, 16_000).astype(np.int64),
            "output_tokens": np.clip(answered, 1, 4_000).astype(np.int64),
            "region": rng.choice(REGIONS, count, p=SHARE),
        }
    )


def main() -> None:
    """Write ``jobs.csv`` and ``requests.csv``."""
    jobs(np.random.default_rng([SEED, 1])).to_csv(HERE / "jobs.csv", index=False)
    requests(np.random.default_rng([SEED, 2])).to_csv(HERE / "requests.csv", index=False)


if __name__ == "__main__":
    main()
