"""Files are read block by block: a block's size changes nothing, and faults keep their line."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from computenet.errors import InputError, TraceError
from computenet.workload.traces import Trace, opening, read_trace

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2023-11-16 18:15:{second:02d}.680590{second % 10},{100 + second},{second}\n"
    for second in range(60)
)
SWF = "; MaxProcs: 64\n;\n" + "".join(
    f"  {job} {10 * job}\t5  {60 + job} 4 -1 -1 4 200 -1 1 {job % 3} 1 -1 1 -1 -1 -1 \n"
    for job in range(50)
)
NATIVE = "submit_s,duration_s,accelerators,region\n" + "".join(
    f"{3 * job},{60 + job},{1 + job % 8},{'ABC'[job % 3]}\n" for job in range(50)
)


def tables(trace: Trace) -> list[np.ndarray]:
    table = trace.jobs if trace.jobs is not None else trace.requests
    assert table is not None
    found = [getattr(table, name) for name in type(table).__slots__]
    return [column for column in found if isinstance(column, np.ndarray)]


@pytest.mark.parametrize("text", [AZURE, SWF, NATIVE, NATIVE.replace("\n", "\r\n")])
@pytest.mark.parametrize("size", [7, 64, 1000])
def test_blocks_change_nothing(
    text: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trace"
    path.write_bytes(text.encode())
    whole = read_trace(path)
    monkeypatch.setattr(opening, "BLOCK", size)
    path.write_bytes(gzip.compress(text.encode()))
    cut = read_trace(path)
    for one, other in zip(tables(whole), tables(cut), strict=True):
        np.testing.assert_array_equal(one, other)
    assert {**whole.figures, "bytes": 0} == {**cut.figures, "bytes": 0}
    assert {key: value.names for key, value in whole.labels.items()} == {
        key: value.names for key, value in cut.labels.items()
    }


def damaged(text: str, lines: dict[int, str]) -> str:
    rows = text.split("\n")
    for number, line in lines.items():
        rows[number - 1] = line
    return "\n".join(rows)


@pytest.mark.parametrize("size", [64, 8 << 20])
@pytest.mark.parametrize(
    ("text", "wrong", "words"),
    [
        (AZURE, {31: "2023-11-16 18:15:30,x,1"}, "line 31 = 'x'"),
        (AZURE, {31: "2023-11-16 18:15:30,1"}, "line 31"),
        (AZURE, {4: "", 31: "2023-11-16 18:15:30,1,1,1"}, "line 31"),
        (AZURE, {20: "noon,1,1", 31: "noon,1,1"}, "line 20 = 'noon'"),
        (SWF, {40: "1 2 3"}, "line 40"),
        (SWF, {40: SWF.split("\n")[39].replace("200", "many")}, "line 40 = 'many'"),
        (NATIVE, {30: "90,-5,1,A"}, "line 30 = '-5"),
    ],
)
def test_faults_keep_their_line_and_lenient_reading_leaves_them_out(
    text: str,
    wrong: dict[int, str],
    words: str,
    size: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "BLOCK", size)
    path = tmp_path / "trace"
    path.write_text(damaged(text, wrong))
    with pytest.raises(TraceError, match=words):
        read_trace(path)
    trace = read_trace(path, lenient=True)
    lost = [number for number, line in wrong.items() if line]
    expected = text.count("\n") - (2 if text is SWF else 1) - len(wrong)
    assert trace.figures["rows"] == expected
    notice = trace.notices[-1]
    assert notice.startswith(f"{len(lost)} lines could not be read")
    assert all(str(number) in notice for number in lost)


@pytest.mark.parametrize(
    ("text", "bad"), [(AZURE, "noon,1,1"), (SWF, "1 2 3"), (NATIVE, "90,-5,1,A")]
)
def test_lenient_reading_finds_the_faults_of_all_blocks_in_one_go(
    text: str, bad: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = text.split("\n")
    wrong = dict.fromkeys(range(6, len(lines) - 2, 5), bad)
    path = tmp_path / "trace"
    path.write_text(damaged(text, wrong))
    whole = read_trace(path, lenient=True)
    monkeypatch.setattr(opening, "BLOCK", 128)
    begun = []
    blocks = opening.Content.blocks

    def counted(content: opening.Content) -> Iterator[opening.Block]:
        begun.append(content)
        return blocks(content)

    monkeypatch.setattr(opening.Content, "blocks", counted)
    trace = read_trace(path, lenient=True)
    assert len(begun) == 2  # one that finds all faults, one without the lines at fault
    assert (
        trace.figures["rows"]
        == whole.figures["rows"]
        == text.count("\n") - len(wrong) - (2 if text is SWF else 1)
    )
    assert trace.notices == whole.notices


def test_a_line_without_end_is_told_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "LINE", 1000)
    monkeypatch.setattr(opening, "BLOCK", 256)
    path = tmp_path / "trace"
    path.write_text(AZURE + "9" * 5000)
    with pytest.raises(TraceError, match=r"line 62.*\n.*too long"):
        read_trace(path)


def test_times_with_and_without_zone_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text(damaged(AZURE, {7: "2023-11-16 18:15:05+08:00,1,1"}))
    with pytest.raises(TraceError, match=r"line 7 .*\n.*has a time zone here and none in other"):
        read_trace(path)
    assert read_trace(path, lenient=True).figures["rows"] == 59


def test_quotation_marks_and_misspelt_columns(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text('submit_s,duration_s,accelerators,"job, note"\n0,60,8,"a, b"\n5,70,1,c\n')
    trace = read_trace(path)
    assert trace.jobs is not None
    assert trace.jobs.rows == 2
    path.write_text("submit_s,duration_s,accelerators,estimates_s\n0,60,8,90\n")
    with pytest.raises(TraceError, match="did you mean: estimate_s"):
        read_trace(path)
    path.write_text('submit_s,duration_s,accelerators,note\n0,60,8,"a\n5,70,1,c\n')
    with pytest.raises(TraceError):
        read_trace(path)


def test_strict_and_lenient_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text(AZURE)
    with pytest.raises(InputError, match="--lenient"):
        read_trace(path, strict=True, lenient=True)
