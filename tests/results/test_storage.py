"""A run directory appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import computenet as cn
from computenet.errors import InputError, RunError
from computenet.results import storage
from computenet.results.audit import Audit, relative_residual
from computenet.results.reservation import require_free, reserve
from computenet.results.storage import complete_directory, write_text


def test_directory_appears_only_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "run"
    with complete_directory(target) as part:
        (part / "summary.json").write_text("{}")
        assert not target.exists()
    assert (target / "summary.json").is_file()
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_after_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), complete_directory(tmp_path / "run") as part:  # noqa: PT012
        (part / "half").write_text("x")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No space left"), complete_directory(tmp_path / "run"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_existing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        require_free(tmp_path, overwrite=False)


def test_overwrite_replaces_runs_only(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "thesis"
    for folder, name in ((run, "summary.json"), (other, "chapter1.tex")):
        folder.mkdir()
        (folder / name).write_text("old")
    with pytest.raises(InputError, match="is not a run"):
        require_free(other, overwrite=True)
    with complete_directory(run, overwrite=True) as part:
        (part / "summary.json").write_text("new")
    assert (run / "summary.json").read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "thesis"]


def circle(folder: Path) -> Path:
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    return folder / "a"


def dangling(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "nowhere")
    return folder / "link"


def below_a_file(folder: Path) -> Path:
    (folder / "afile").write_text("")
    return folder / "afile" / "x"


def below_a_link(folder: Path) -> Path:
    return dangling(folder) / "x"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (circle, "leads nowhere"),
        (dangling, "leads nowhere"),
        (below_a_file, "afile is a file"),
        (below_a_link, "link is a link that leads nowhere"),
        (lambda folder: folder / ("n" * 256), "File name too long"),
        (lambda folder: folder / ("n" * 5000), "File name too long"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_directory_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    out = make(tmp_path)
    before = sorted(tmp_path.iterdir())
    for overwrite in (False, True):
        with pytest.raises(InputError, match=words) as caught:
            reserve(out, overwrite=overwrite)
        assert caught.value.problems[0].path == "--out"
        assert sorted(tmp_path.iterdir()) == before


def test_a_parent_that_may_not_be_written_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        reserve(tmp_path / "run", overwrite=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["n" * 250, "n" * 255, "网" * 85, "lock", ".old"])
def test_any_name_that_a_directory_may_have(tmp_path: Path, name: str) -> None:
    with complete_directory(tmp_path / "made" / name) as part:
        (part / "summary.json").write_text("{}")
    assert [p.name for p in (tmp_path / "made").iterdir()] == [name]


def test_failed_overwrite_keeps_the_old_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "summary.json").write_text("old")
    with pytest.raises(ValueError), complete_directory(run, overwrite=True):
        raise ValueError
    assert (run / "summary.json").read_text() == "old"


def test_of_a_run_that_is_read_back_only_jobs_stay_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cn.simulate(cn.load("two-hubs", days=0.05))
    whole.save(tmp_path / "run")
    monkeypatch.setattr(storage, "KEPT_ROWS", 3)
    run = storage.load_run(tmp_path / "run")
    assert set(run.streamed) == {"jobs"}
    for name in ("sites", "pools", "groups"):
        pd.testing.assert_frame_equal(run.tables[name], whole.tables[name])
    assert run.report(tmp_path / "page.html").stat().st_size > 0


def test_text_is_written_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "report.html", "body")
    assert (tmp_path / "a" / "report.html").read_text() == "body"
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["report.html"]


def test_audit_names_what_does_not_close() -> None:
    good = Audit(0.0, 1e-12, 0.0, 0.0, 0, 0)
    good.require()
    with pytest.raises(RunError, match="energy_mwh") as caught:
        Audit(1e-3, 0.0, float("nan"), 0.0, 2, 0).require()
    assert "bytes_gb" in str(caught.value)
    assert "jobs: 2" in str(caught.value)
    assert relative_residual(0.0, 0.0) == 0.0
    assert relative_residual(2.0, 1.0) == 0.5
