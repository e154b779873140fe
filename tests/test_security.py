"""Files that somebody made to do harm: docs/why/security.md names the threat each test is about."""

import os
import pickle
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save

from faceloop.balance.known_sources import read_sources
from faceloop.base.code import recorded_digests, sha256_of
from faceloop.base.errors import FaceloopError
from faceloop.commands.cli import main
from faceloop.commands.exchange.label_studio import read_tasks
from faceloop.commands.labelling.page.guidelines import read_guidelines
from faceloop.commands.release.release import copy_guidelines, write_checksums
from faceloop.commands.release.released_model import read_release
from faceloop.commands.repository import verify
from faceloop.commands.repository.lock import read_lock
from faceloop.commands.rounds.drafts import Draft, draft_path, read_draft
from faceloop.commands.rounds.state import read_state
from faceloop.commands.settings import read_settings
from faceloop.faces.batch_files import RAW_DIR, source_name
from faceloop.faces.media import Unreadable, read_pictures
from faceloop.labels.vote_files import LONGEST_LINE, as_on_disk, read_queue, read_vote_file
from faceloop.model.head_files import read_head
from faceloop.weights.loading import DOWNLOADED, SHA256, SHIPPED_DIR, load_network

ROOT = Path(__file__).resolve().parents[1]
MP = 1.0  # max_megapixels


class Harm:
    """A pickle of this makes a file when it is loaded as Python allows."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def film(path: Path, size: int, codec: str = "mpeg2video", **options: str) -> bytes:
    """Write a video of six grey frames; return its bytes."""
    with av.open(path.as_posix(), "w", **options) as out:
        stream = out.add_stream(codec, rate=25)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for _ in range(6):
            grey = np.full((size, size, 3), 128, dtype=np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        out.mux(stream.encode())
    return path.read_bytes()


# media


def test_a_playlist_with_a_videos_name_leads_nowhere(tmp_path: Path) -> None:
    film(tmp_path / "private.ts", 64, format="mpegts")
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nprivate.ts\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.mp4").write_text(playlist)
    (tmp_path / "concat.mp4").write_text("ffconcat version 1.0\nfile private.ts\n")
    for name in ("list.mp4", "concat.mp4"):
        with pytest.raises(Unreadable):
            list(read_pictures(tmp_path / name, 25, MP))


def test_a_video_that_grows_on_the_way_is_cut_there(tmp_path: Path) -> None:
    small = film(tmp_path / "small.ts", 64, format="mpegts")
    large = film(tmp_path / "large.ts", 1088, format="mpegts")
    (tmp_path / "both.ts").write_bytes(small + large)
    seen = []
    with pytest.raises(Unreadable, match="larger than max_megapixels"):
        for picture in read_pictures(tmp_path / "both.ts", 25, MP):
            seen.append(picture.image.size)
    assert set(seen) == {(64, 64)}


@pytest.mark.parametrize("code", [b"XYZW", b"\0\0\0\0"])
def test_an_odd_codec_is_refused_in_words(tmp_path: Path, code: bytes) -> None:
    content = film(tmp_path / "odd.avi", 64, codec="mpeg4")
    (tmp_path / "odd.avi").write_bytes(content.replace(b"FMP4", code))
    with pytest.raises(Unreadable, match="no decoder for the video's codec|damaged"):
        list(read_pictures(tmp_path / "odd.avi", 25, MP))


def test_a_photo_with_a_bomb_in_its_text_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "bomb.png")
    content = (tmp_path / "bomb.png").read_bytes()
    body = b"zTXt" + b"note\0\0" + zlib.compress(b"A" * 80_000_000, 9)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "bomb.png").write_bytes(content[:33] + chunk + content[33:])
    with pytest.raises(Unreadable, match="damaged photo"):
        list(read_pictures(tmp_path / "bomb.png", 1, MP))


def test_a_source_whose_name_is_a_formula_is_text_and_still_found() -> None:
    for name in ("=cmd|' /C calc'!A0.jpg", "+1.jpg", "-1.jpg", "@SUM(A1).jpg", "\t=1.jpg"):
        source = source_name(RAW_DIR / "march" / name, "march")
        assert source == f"./{name}"
        assert RAW_DIR / "march" / source == RAW_DIR / "march" / name
    assert source_name(RAW_DIR / "march" / "a/=b.jpg", "march") == "a/=b.jpg"


# label files


def test_a_formula_in_a_label_file_is_a_finding(second_round: Any) -> None:
    path = second_round.root / "labels/o00-i00/ana.csv"
    header, first, *rest = path.read_text().splitlines()
    assert verify.formula_findings() == []
    lines = [f"{header},seconds,mode", f"{first},-1.5,=HYPERLINK(A1)", *rest, ""]
    path.write_text("\n".join(lines))
    (finding,) = verify.formula_findings()
    assert finding.startswith("labels/o00-i00/ana.csv:2: mode '=HYPERLINK(A1)' is a formula")


@pytest.mark.parametrize("end", ["\n", "", '"'])
def test_an_endless_line_is_refused_with_its_row(project: Any, end: str) -> None:
    path = project.add_votes("o00-i00", "ana", {"a": "none"})
    path.write_text(path.read_text() + '"' * (end == '"') + "x" * (3 * LONGEST_LINE) + end)
    with pytest.raises(FaceloopError, match=r"ana.csv:3: a line of 100,000 characters or more"):
        read_vote_file(path, {"a"}, ["none"])


def test_no_more_than_one_row_of_an_endless_line_is_read(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line of 10 GB, of which the disk holds nothing: reading it whole would not end well."""
    path = project.add_votes("o00-i00", "ana", {"a": "none"})
    with path.open("r+b") as file:
        file.truncate(10_000_000_000)
    with pytest.raises(FaceloopError, match="is no row of labels"):
        read_vote_file(path, {"a"}, ["none"])
    path.rename(path.with_name("queue.csv"))
    with pytest.raises(FaceloopError, match="is no row of labels"):
        read_queue("o00-i00")


@pytest.mark.parametrize("column", ["face_id", "batch"])
@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a\\b", "", ".."])
def test_a_queue_names_no_path(second_round: Any, capsys: Any, column: str, name: str) -> None:
    queue = as_on_disk(read_queue("o01-i00"))
    queue.loc[1, column] = name
    second_round.write_table(queue, second_round.queue("o01-i00"))
    assert main(["export", "../to-label"]) == 2
    assert f"queue.csv:3: {column} {name!r}" in capsys.readouterr().err
    assert not Path("../to-label").exists()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that is nobody's business, as text, as a table and as params."""
    path = tmp_path / "secret"
    path.write_text("TOKEN: hunter2\nface_id,hunter2\n", encoding="utf-8")
    return path


OWN_FILES = {
    "params.yaml": read_settings,
    "labels/o01-i00/queue.csv": read_state,
    "labels/o01-i00/reserve.csv": read_state,
    "labels/o01-i00/eve.csv": read_state,
    "labels/o01-i00/adjudication.csv": read_state,
    "labels/o01-i00": read_state,
    "labels": read_state,
    "labels/GUIDELINES.md": read_guidelines,
    "data/sources/pool.csv": lambda: read_sources("pool"),
    "data/sources": lambda: read_sources("pool"),
}


@pytest.mark.parametrize("leads", ["to a file", "nowhere"])
@pytest.mark.parametrize("name", OWN_FILES)
def test_a_link_in_place_of_a_file_is_refused_and_not_read(
    second_round: Any, secret: Path, tmp_path: Path, name: str, leads: str
) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    target = secret if leads == "to a file" else tmp_path / "nowhere"
    if path.is_dir():
        target = path.rename(tmp_path / "moved")
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    with pytest.raises(FaceloopError, match=f"{name} is a link: put what it") as error:
        OWN_FILES[name]()
    assert "hunter2" not in str(error.value)
    if not name.startswith("params"):
        assert any(f"{name}: a link" in line for line in verify.link_findings())


def test_a_link_at_any_depth_of_labels_is_a_finding(second_round: Any, secret: Path) -> None:
    assert verify.link_findings() == []
    Path("labels/o00-i00/notes").mkdir()
    Path("labels/o00-i00/notes/more.txt").symlink_to(secret)
    (finding,) = verify.link_findings()
    assert finding.startswith("labels/o00-i00/notes/more.txt: a link")


def test_linked_guidelines_are_not_released(project: Any, secret: Path, capsys: Any) -> None:
    Path("labels/GUIDELINES.md").symlink_to(secret)
    with pytest.raises(FaceloopError, match=r"labels/GUIDELINES.md is a link"):
        copy_guidelines(Path())
    assert not Path("GUIDELINES.md").exists()


def test_a_pipe_in_place_of_a_vote_file_is_not_waited_for(second_round: Any) -> None:
    os.mkfifo("labels/o01-i00/eve.csv")
    with pytest.raises(FaceloopError, match=r"labels/o01-i00/eve.csv is no file"):
        read_state()


def test_a_draft_that_is_a_link_is_not_touched(second_round: Any, secret: Path) -> None:
    before = secret.read_bytes()
    draft = draft_path("o01-i00", "ana")
    draft.parent.mkdir(parents=True)
    draft.symlink_to(secret)
    for opening in (Draft, read_draft):
        with pytest.raises(FaceloopError, match=r"ana.jsonl is a link"):
            opening("o01-i00", "ana")
    assert secret.read_bytes() == before


def read_model() -> None:
    for name in ("head.safetensors", "calibration.npy"):
        Path(name).touch()
    write_checksums(Path())
    read_release(Path(), None)


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("labels/o01-i00/ana.csv", read_state),
        ("labels/o01-i00/queue.csv", read_state),
        ("labels/o01-i00/adjudication.csv", read_state),
        ("data/sources/pool.csv", lambda: read_sources("pool")),
        ("metrics/gate.json", read_state),
        ("dvc.lock", read_lock),
        ("export.json", lambda: read_tasks(Path("export.json"))),
        ("model.json", read_model),
    ],
)
@pytest.mark.parametrize(
    "content",
    [
        b"hunter2,hunter2\nhunter2,hunter2,hunter2\n",
        b"hunter2",
        b"PASSWORD=hunter2\0KEY=hunter2",
        b'{"hunter2": "hunter2"',
        b'{"round": "hunter2", "hunter2": 1, "classes": 2, "stages": {"a": "hunter2"}}',
        b'[{"data": {"face_id": 1, "hunter2": 2}, "annotations": "hunter2"}]',
        b"hunter2: [hunter2",
    ],
)
def test_no_error_repeats_what_a_file_of_another_kind_holds(
    second_round: Any, path: str, read: Any, content: bytes
) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content)
    with pytest.raises(FaceloopError, match=path.rsplit("/")[-1]) as error:
        read()
    assert "hunter2" not in str(error.value)


# params


@pytest.mark.parametrize("content", ["- hunter2", "hunter2: [", "hunter2"])
def test_an_engine_that_is_no_yaml_is_refused_in_words(project: Any, content: str) -> None:
    Path("engine.yaml").write_text(content)
    with pytest.raises(FaceloopError, match="^engine.yaml is no YAML with keys: restore it"):
        recorded_digests()


def test_a_bomb_of_aliases_is_refused_before_it_unfolds(project: Any) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    project.params.write_text(project.params.read_text() + "\n".join(lines) + "\n")
    with pytest.raises(FaceloopError, match=r"params.yaml:\d+: alias \*a0: write the value out"):
        read_settings()


@pytest.mark.parametrize(
    "value", ["[" * 5000, "9" * 5000, "2026-99-99", "!!python/object/apply:os.system [exit]", "\0"]
)
def test_params_of_a_strange_kind_are_refused_in_words(project: Any, value: str) -> None:
    text = project.params.read_text()
    project.params.write_text(text.replace("seed: 7", f"seed: {value}"))
    with pytest.raises(FaceloopError, match="params.yaml"):
        read_settings()


# models


def test_a_model_that_is_a_pickle_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "o00-i00.safetensors"
    path.write_bytes(pickle.dumps(Harm(tmp_path / "harm")))
    with pytest.raises(FaceloopError, match="is no faceloop head"):
        read_head(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, save({"weight": np.zeros(3)})])
def test_a_model_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "o00-i00.safetensors"
    path.write_bytes(content)
    with pytest.raises(FaceloopError, match="is no faceloop head"):
        read_head(path)


def test_downloaded_weights_that_carry_code_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", tmp_path.as_posix())
    (tmp_path / "checkpoints").mkdir()
    for name in DOWNLOADED:
        torch.save(
            {"weights": Harm(tmp_path / "harm")}, tmp_path / "checkpoints" / DOWNLOADED[name]
        )
        settings = read_settings(ROOT / "params.yaml").embed.model_copy(update={"model": name})
        with pytest.raises(FaceloopError, match="is damaged"):
            load_network(settings.model, torch.device("cpu"))
    assert not (tmp_path / "harm").exists()


def test_the_shipped_weights_are_those_that_were_measured() -> None:
    shipped = {path.name: sha256_of(path) for path in SHIPPED_DIR.glob("*.pt")}
    assert shipped == {name: SHA256[name] for name in ("pnet.pt", "rnet.pt", "onet.pt")}


# the document


def test_every_test_that_the_document_names_is_there() -> None:
    named = re.findall(r"`(test_\w+)`", (ROOT / "docs/why/security.md").read_text(encoding="utf-8"))
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("*.py"))
    assert len(named) > 25
    assert [name for name in named if f"def {name}(" not in code] == []
