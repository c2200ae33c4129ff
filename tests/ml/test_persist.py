from __future__ import annotations

import json

import numpy as np
import pytest

from django_ecomai.ml import persist
from django_ecomai.ml.persist import (
    ArtifactCorrupt,
    ArtifactError,
    ArtifactFormat,
    ArtifactMissing,
    artifact_sha256,
    load_arrays,
    save_arrays,
)

ARRAYS = {
    "scores": np.arange(6, dtype=np.float32).reshape(2, 3),
    "ids": np.array([b"a", b"\xc3\xa4"]),
    "none": np.empty((0, 4), dtype=np.int32),
}
MANIFEST = {"kind": "recommend", "parts": (1, 2), "name": "Käse"}


@pytest.mark.parametrize("mmap", [True, False])
def test_what_is_saved_comes_back(tmp_path, mmap):
    digest = save_arrays(tmp_path / "a" / "b", ARRAYS, MANIFEST)
    manifest, arrays = load_arrays(tmp_path / "a" / "b", mmap=mmap, verify=True)
    assert manifest == {"kind": "recommend", "parts": [1, 2], "name": "Käse"}
    assert artifact_sha256(tmp_path / "a" / "b") == digest
    assert isinstance(arrays["scores"], np.memmap) is mmap
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype


def test_a_mapped_array_cannot_be_changed(tmp_path):
    save_arrays(tmp_path / "a", ARRAYS, {})
    with pytest.raises(ValueError, match="read-only"):
        load_arrays(tmp_path / "a")[1]["scores"][0, 0] = 9


def test_the_hash_depends_on_content_only(tmp_path):
    first = save_arrays(tmp_path / "a", ARRAYS, {1: "x", "z": 2})
    second = save_arrays(tmp_path / "b", dict(reversed(ARRAYS.items())), {"z": 2, "1": "x"})
    other = save_arrays(tmp_path / "c", {**ARRAYS, "scores": ARRAYS["scores"] + 1}, {1: "x", "z": 2})
    third = save_arrays(tmp_path / "d", ARRAYS, {"z": 3})
    assert first == second
    assert len({first, other, third}) == 3


def test_a_transposed_view_is_stored_as_seen(tmp_path):
    save_arrays(tmp_path / "a", {"t": ARRAYS["scores"].T}, {})
    np.testing.assert_array_equal(load_arrays(tmp_path / "a")[1]["t"], ARRAYS["scores"].T)


def test_nothing_is_left_behind_when_writing_fails(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(persist, "_write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        save_arrays(tmp_path / "a", ARRAYS, {})
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_is_never_overwritten(tmp_path):
    save_arrays(tmp_path / "a", ARRAYS, {})
    with pytest.raises(ArtifactError, match="never overwritten"):
        save_arrays(tmp_path / "a", ARRAYS, {})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("arrays", "manifest", "message"),
    [
        ({"../up": np.zeros(1)}, {}, "small letters"),
        ({"o": np.array([{}])}, {}, "Python objects"),
        ({}, {"bad": float("nan")}, "plain JSON"),
        ({}, {"bad": np.float32(1)}, "plain JSON"),
    ],
)
def test_what_cannot_be_stored_is_refused(tmp_path, arrays, manifest, message):
    with pytest.raises(ArtifactError, match=message):
        save_arrays(tmp_path / "a", arrays, manifest)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_a_missing_manifest_and_a_missing_file(tmp_path):
    with pytest.raises(ArtifactMissing, match="train first"):
        load_arrays(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArtifactMissing, match="train first"):
        load_arrays(tmp_path / "file")
    save_arrays(tmp_path / "a", ARRAYS, {})
    (tmp_path / "a" / "ids.npy").unlink()
    with pytest.raises(ArtifactMissing, match=r"ids\.npy is missing"):
        load_arrays(tmp_path / "a")


def test_a_manifest_that_is_a_folder_cannot_be_read(tmp_path):
    (tmp_path / "a" / "manifest.json").mkdir(parents=True)
    with pytest.raises(ArtifactMissing, match="permissions"):
        load_arrays(tmp_path / "a")


@pytest.mark.parametrize("content", ["{", "[]", '{"files": {}}', '{"format": 1}', '{"format": 1, "sha256": "0"}', "\0"])
def test_a_broken_manifest_is_corrupt(tmp_path, content):
    save_arrays(tmp_path / "a", ARRAYS, {})
    (tmp_path / "a" / "manifest.json").write_text(content)
    with pytest.raises(ArtifactCorrupt):
        load_arrays(tmp_path / "a")


def test_an_edited_manifest_is_corrupt(tmp_path):
    save_arrays(tmp_path / "a", ARRAYS, {"n": 1})
    path = tmp_path / "a" / "manifest.json"
    path.write_text(path.read_text().replace('"n": 1', '"n": 2'))
    with pytest.raises(ArtifactCorrupt, match="was changed"):
        load_arrays(tmp_path / "a")


@pytest.mark.parametrize(("version", "advice"), [(2, "upgrade this process"), (0, "train again")])
def test_another_format_says_what_to_do(tmp_path, version, advice):
    save_arrays(tmp_path / "a", ARRAYS, {})
    path = tmp_path / "a" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": version}))
    with pytest.raises(ArtifactFormat, match=advice):
        load_arrays(tmp_path / "a")


def test_flipped_bytes_are_found_when_asked(tmp_path):
    save_arrays(tmp_path / "a", ARRAYS, {})
    path = tmp_path / "a" / "scores.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x77")
    load_arrays(tmp_path / "a")
    with pytest.raises(ArtifactCorrupt, match="was changed"):
        load_arrays(tmp_path / "a", verify=True)


def test_a_truncated_and_a_swapped_file_are_corrupt(tmp_path):
    save_arrays(tmp_path / "a", ARRAYS, {})
    path = tmp_path / "a" / "scores.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    with pytest.raises(ArtifactCorrupt, match="cannot be read"):
        load_arrays(tmp_path / "a")
    np.save(path, np.zeros(3))
    with pytest.raises(ArtifactCorrupt, match="not what the manifest says"):
        load_arrays(tmp_path / "a")


def test_a_pickle_in_disguise_is_not_executed(tmp_path):
    save_arrays(tmp_path / "a", ARRAYS, {})
    np.save(tmp_path / "a" / "scores.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(ArtifactCorrupt, match="cannot be read"):
        load_arrays(tmp_path / "a", mmap=False)
