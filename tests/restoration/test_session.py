"""Sessions on recordings whose truth is known: what a single frame cannot tell."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import psnr

import thermend
from thermend.evaluation.recordings.measures import Seen
from thermend.evaluation.recordings.simulation import PRESETS, Conditions, Frame, recorded
from thermend.filters.motion import Motion, register
from thermend.image import FrameFacts, Metadata, ThermalImage
from thermend.restoration.session.defects import Defects

SHAPE = (112, 144)


SIZES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Pixels, of texture."""


def frames_of(scene: np.ndarray, wanted: Conditions, seed: int = 0, sizes: tuple[float, ...] = SIZES) -> list[Frame]:
    large = cv2.resize(255 * scene, None, fx=1.25, fy=1.25, interpolation=cv2.INTER_CUBIC)
    draw = np.random.default_rng(5)
    for size in sizes:  # ground, foliage, clouds: as much of each size
        texture = cv2.GaussianBlur(draw.standard_normal(large.shape).astype(np.float32), (0, 0), size)
        large += 7 * texture / texture.std()
    large = np.clip(large, 0, 255).astype(np.float32)
    return list(recorded(large, replace(wanted, shape=SHAPE), seed))


def picture(frame: Frame) -> ThermalImage:
    return ThermalImage(frame.given, "display", "uint8")


@pytest.fixture(scope="module")
def auto():
    return thermend.load("auto")


@pytest.fixture(scope="module")
def chain():
    return thermend.load("classical.chain")


@pytest.mark.parametrize(("preset", "gain"), [("pattern", 1.5), ("noise", 0.7), ("mixed", 1.2)])
def test_many_frames_tell_more_than_one(scene, auto, preset, gain):
    frames = frames_of(scene, replace(PRESETS[preset], frames=60, shutter=0))
    session = auto.session(contrast="keep")
    mended = [session(picture(frame)).pixels for frame in frames]
    single = auto(picture(frames[-1]), contrast="keep").pixels
    after, before = (psnr(image, frames[-1].clean, 255) for image in (mended[-1], single))
    assert after > before + gain
    first = auto(picture(frames[0]), contrast="keep").pixels
    assert psnr(mended[0], frames[0].clean, 255) > psnr(first, frames[0].clean, 255) - 0.1


def test_a_still_scene_keeps_what_may_be_its_own(scene, chain):
    """On a tripod a texture that stands still is not taken for the camera's."""
    wanted = replace(PRESETS["tripod"], frames=40, pattern=0.0, columns=0.0, noise=3.0, targets=0)
    frames = frames_of(scene, wanted)
    session = chain.session(contrast="keep")
    mended = [session(picture(frame)).pixels for frame in frames]
    assert session.memory.scene.taught == 0
    assert float(np.abs(session.memory.scene.pattern).max()) == 0
    assert psnr(mended[-1], frames[-1].clean, 255) > psnr(chain(picture(frames[-1])).pixels, frames[-1].clean, 255)


def test_small_targets_that_move_are_kept_and_leave_no_ghost(scene, auto):
    frames = frames_of(scene, replace(PRESETS["noise"], frames=50, noise=6.0, targets=5, contrast=50.0))
    session, seen = auto.session(contrast="keep"), Seen()
    for number, frame in enumerate(frames):
        mended = session(picture(frame)).pixels
        if number > 15:
            seen.add(frame, mended)
    assert np.median(seen.kept) > 0.8
    assert abs(np.mean(seen.ghosts)) < 1


def test_an_undamaged_recording_stays_as_it_is(scene, auto):
    """What the scene's own texture and the registration leave over is no noise, and the method's detail is not carried."""
    frames = frames_of(scene, replace(PRESETS["undamaged"], frames=50), sizes=SIZES[1:])
    session = auto.session(contrast="keep")
    mended, alone = Seen(), Seen()
    for frame in frames:
        mended.add(frame, session(picture(frame)).pixels)
        alone.add(frame, auto(picture(frame), contrast="keep").pixels)
    assert np.mean(mended.errors[20:]) <= np.mean(alone.errors[20:])
    assert 10 * np.log10(255**2 / np.mean(mended.errors[20:])) > 50
    assert session.memory.scene.is_clean


def test_small_targets_in_strong_noise_are_given_back(scene, auto):
    frames = frames_of(scene, replace(PRESETS["noise"], frames=60))
    session = auto.session(contrast="keep")
    seen = Seen()
    for frame in frames:
        seen.add(frame, session(picture(frame)).pixels)
    assert np.median(seen.kept) > 0.8
    assert abs(np.mean(seen.ghosts)) < 1


def test_the_method_rests_where_it_has_nothing_to_mend(scene, auto):
    frames = frames_of(scene, replace(PRESETS["undamaged"], frames=80, targets=0), sizes=SIZES[1:])
    session = auto.session(contrast="keep")
    for frame in frames:
        session(picture(frame))
    assert session.memory.rest > 1
    rested = session.memory.seen
    assert session.memory.seen < 30
    with_damage = replace(PRESETS["noise"], frames=80, targets=0)
    session = auto.session(contrast="keep")
    for frame in frames_of(scene, with_damage):
        session(picture(frame))
    assert session.memory.rest == 1
    assert session.memory.seen > rested


def test_a_shutter_is_found_where_the_picture_froze(scene, chain):
    frames = frames_of(scene, replace(PRESETS["pattern"], frames=70, shutter=40))
    session = chain.session(contrast="keep")
    for frame in frames:
        mended = session(picture(frame)).pixels
    assert [number for number, frame in enumerate(frames) if frame.shutter] == [43]
    assert session.shutters == [43]
    single = chain(picture(frames[-1]), contrast="keep").pixels
    assert psnr(mended, frames[-1].clean, 255) > psnr(single, frames[-1].clean, 255) + 1


def test_a_shutter_that_the_file_states_is_believed(scene, chain):
    frames = frames_of(scene, replace(PRESETS["pattern"], frames=12))
    session = chain.session()
    for number, frame in enumerate(frames):
        facts = Metadata(frame=FrameFacts(number, number / 30, number == 7))
        session(picture(frame).with_pixels(frame.given, metadata=facts))
    assert session.shutters == [7]


def test_another_picture_begins_anew(scene, chain, rng):
    """After a cut no part of the picture before is left."""
    frames = frames_of(scene, replace(PRESETS["noise"], frames=20, noise=3.0))
    session = chain.session(contrast="keep")
    for frame in frames:
        session(picture(frame))
    other = np.rint(255 - np.flipud(frames[0].clean)).astype(np.float32)
    after = session(ThermalImage(other, "display", "uint8")).pixels
    assert float(np.abs(after - other).mean()) < 3


@pytest.mark.parametrize("unit", ["celsius", "counts"])
def test_radiometric_promises_hold_for_every_frame(scene, auto, rng, unit):
    to = (lambda x: 15 + x * 20 / 255) if unit == "celsius" else (lambda x: 7000 + 4 * x)
    step = 20 / 255 if unit == "celsius" else 4.0
    frames = frames_of(scene, replace(PRESETS["noise"], frames=30, noise=0.0, columns=0.0, pattern=0.0, targets=0))
    pattern = 6 * rng.standard_normal(SHAPE).astype(np.float32)
    session = auto.session()
    rooms = []
    for frame in frames:
        given = frame.clean + pattern + 4 * rng.standard_normal(SHAPE).astype(np.float32)
        image = ThermalImage(to(given).astype(np.float32), unit)
        result = session(image)
        assert result.unit == unit
        tolerance = 0.05 if unit == "celsius" else 1e-3 * image.range
        assert abs(float(result.pixels.mean() - image.pixels.mean())) < tolerance
        smooth = [cv2.GaussianBlur(p, (0, 0), 16) for p in (result.pixels, to(given - pattern).astype(np.float32))]
        rooms.append(float(np.abs(smooth[0] - smooth[1]).max()) / step)
    assert max(rooms) * 20 / 255 < 0.2
    error, single = (
        float(np.sqrt(np.mean((p - to(frames[-1].clean)) ** 2))) for p in (result.pixels, auto(image).pixels)
    )
    assert error < 0.8 * single


def test_bad_pixels_are_confirmed_over_time_and_blinking_ones_too(scene, chain, rng):
    frames = frames_of(scene, replace(PRESETS["noise"], frames=50, noise=2.0, pattern=0.0, columns=0.0, targets=0))
    session = chain.session(contrast="keep")
    for number, frame in enumerate(frames):
        given = frame.given.copy()
        given[50, 60] = 255 if given[50, 60] < 128 else 0
        if number % 3 == 0:
            given[70, 90] = 255 if given[70, 90] < 128 else 0
        session(ThermalImage(given, "display", "uint8"))
    found = set(zip(*(int_array.tolist() for int_array in np.nonzero(session.memory.defects.confirmed()))))
    assert {(50, 60), (70, 90)} <= found
    assert len(found) < 10


def test_a_line_along_which_the_camera_moves_is_not_bad(rng):
    """It stands out of its neighbours in every frame, as dead pixels do; but with all of its neighbours along it."""
    defects = Defects.none(SHAPE)
    dead = [(20, 30), (60, 61), (60, 62), (90, 100)]
    for _ in range(40):
        frame = (0.5 + 0.01 * rng.standard_normal(SHAPE)).astype(np.float32)
        frame[45] += 0.3
        for y, x in dead:
            frame[y, x] = 1.0
        found = defects.see(frame, True)
    assert {(int(y), int(x)) for y, x in np.argwhere(found)} == set(dead)


def test_a_session_goes_on_from_its_state_bit_by_bit(scene, auto, tmp_path):
    frames = frames_of(scene, replace(PRESETS["mixed"], frames=30, shutter=0))
    whole = auto.session()
    expected = [whole(picture(frame)).pixels for frame in frames]
    first = auto.session()
    for frame in frames[:17]:
        first(picture(frame))
    first.save(tmp_path / "a.state")
    then = auto.session(state=tmp_path / "a.state")
    assert then.frames == 17
    for frame, wanted in zip(frames[17:], expected[17:], strict=True):
        np.testing.assert_array_equal(then(picture(frame)).pixels, wanted)
    with pytest.raises(thermend.UsageError, match="method auto"):
        thermend.load("classical.chain").session(state=tmp_path / "a.state")


@pytest.mark.parametrize("content", [b"", b"PK\3\4" + bytes(60), "npz", "nan"])
def test_a_state_that_is_none_is_one_line(auto, scene, tmp_path, content):
    path = tmp_path / "bad.state"
    if content == "npz":
        with path.open("wb") as file:
            np.savez(file, facts=np.array('{"kind": "another"}'))
    elif content == "nan":
        session = auto.session()
        session(picture(frames_of(scene, replace(PRESETS["noise"], frames=1))[0]))
        session.memory.scene.estimate[0, 0] = np.nan
        session.save(path)
    else:
        path.write_bytes(content)
    with pytest.raises(thermend.InputError, match=r"bad\.state"):
        auto.session(state=path)


def test_a_pattern_that_was_learned_helps_stills_of_the_camera(scene, auto, tmp_path):
    frames = frames_of(scene, replace(PRESETS["pattern"], frames=60, drift=0.0))
    session = auto.session(contrast="keep")
    with pytest.raises(thermend.UsageError, match=r"nothing is known"):
        session.save_pattern(tmp_path / "p.npz")
    for frame in frames[:50]:
        session(picture(frame))
    session.save_pattern(tmp_path / "p.npz")
    from thermend.restoration.session.pattern import load

    still = picture(frames[55])
    without = load(tmp_path / "p.npz").taken_off(still)
    assert psnr(without.pixels, frames[55].clean, 255) > psnr(still.pixels, frames[55].clean, 255) + 6
    chain = thermend.load("classical.chain")  # a network takes much of this pattern for noise, and off, by itself
    begun = chain.session(contrast="keep", pattern=tmp_path / "p.npz")(still).pixels
    assert psnr(begun, frames[55].clean, 255) > psnr(chain(still, contrast="keep").pixels, frames[55].clean, 255) + 1
    with pytest.raises(thermend.UsageError, match="does not fit"):
        load(tmp_path / "p.npz").taken_off(ThermalImage(np.zeros((8, 8), np.float32), "display"))
    with pytest.raises(thermend.UsageError, match="celsius"):
        load(tmp_path / "p.npz").taken_off(ThermalImage(frames[0].clean, "celsius"))


def test_a_look_ahead_knows_the_pattern_at_the_first_frame(scene, chain):
    wanted = replace(PRESETS["pattern"], frames=60, targets=0)
    frames = frames_of(scene, wanted)
    causal, ahead = chain.session(contrast="keep"), chain.session(contrast="keep")
    assert ahead.look_ahead(picture(frame) for frame in frames)
    assert ahead.frames == 0
    first, known = (session(picture(frames[0])).pixels for session in (causal, ahead))
    assert psnr(known, frames[0].clean, 255) > psnr(first, frames[0].clean, 255) + 3
    still = frames_of(scene, replace(PRESETS["tripod"], frames=20))
    assert not chain.session(contrast="keep").look_ahead(picture(frame) for frame in still)


def test_a_look_ahead_ends_at_the_shutter(scene, chain):
    """The pattern that follows is another's; it is not taken off the first frame."""
    frames = frames_of(scene, replace(PRESETS["pattern"], frames=50, targets=0, shutter=40))
    session = chain.session(contrast="keep")
    assert session.look_ahead(picture(frame) for frame in frames)
    other = chain.session(contrast="keep")
    other.look_ahead(picture(frame) for frame in frames[:40])
    assert np.array_equal(session(picture(frames[0])).pixels, other(picture(frames[0])).pixels)


def test_methods_one_after_another_are_all_named_in_a_sessions_record(scene):
    session = thermend.load("classical.seid+classical.nlm").session()
    frames = frames_of(scene, replace(PRESETS["pattern"], frames=3))
    for frame in frames:
        record = session(picture(frame)).metadata.provenance
        assert record["method"] == "classical.seid+classical.nlm"
        assert record["variant"] is None
        assert {step["method"] for step in record["steps"]} >= {"session", "classical.seid"}


def test_frames_that_differ_in_size_or_unit_are_refused(chain):
    session = chain.session()
    session(np.full((40, 50), 90, np.uint8))
    with pytest.raises(thermend.UsageError, match="50 x 40"):
        session(np.full((50, 40), 90, np.uint8))
    with pytest.raises(thermend.UsageError, match=r"unit|of celsius"):
        session(ThermalImage(np.zeros((40, 50), np.float32), "celsius"))


@pytest.mark.parametrize("odd", ["nan", "flat", "one-pixel-row", "half"])
def test_odd_frames_make_no_trouble(chain, rng, odd):
    shape = (1, 40) if odd == "one-pixel-row" else (40, 50)
    session = chain.session()
    for number in range(12):
        pixels = 20 + rng.normal(0, 1, shape).astype(np.float32)
        if odd == "nan":
            pixels[5:9, 5:9] = np.nan
        if odd == "flat":
            pixels[:] = 20
        if odd == "half" and number > 5:
            pixels[:20] = 1e4
        result = session(ThermalImage(pixels, "celsius"))
        assert result.shape == shape
        assert np.isfinite(result.pixels).all()


def test_no_data_stays_without_data(chain, rng):
    session = chain.session()
    nodata = np.zeros((40, 50), bool)
    nodata[:, :10] = True
    for _ in range(12):
        pixels = np.where(nodata, np.nan, 20 + rng.normal(0, 1, (40, 50))).astype(np.float32)
        result = session(ThermalImage(pixels, "celsius", nodata=nodata))
        np.testing.assert_array_equal(np.isnan(result.pixels), nodata)


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize(("mode", "unit"), [("radiometric", "celsius"), ("display", "display")])
def test_a_frame_without_any_valid_pixel_is_empty_and_teaches_nothing(chain, rng, mode, unit, scale):
    """Before the first frame, and between two: the others come out as if it had not been there."""
    images = [ThermalImage(20 + rng.normal(0, 1, (40, 50)).astype(np.float32), "celsius") for _ in range(8)]
    empty = ThermalImage(np.full((40, 50), np.nan, np.float32), "celsius")
    with_it, without = (chain.session(mode=mode, scale=scale) for _ in range(2))
    results = [with_it(image) for image in (empty, *images[:4], empty, *images[4:])]
    assert [result.is_empty for result in results] == [True] + 4 * [False] + [True] + 4 * [False]
    assert all((result.shape, result.unit) == ((40 * scale, 50 * scale), unit) for result in results)
    assert results[0].metadata.provenance["method"] == chain.info.full_name
    for result, image in zip([r for r in results if not r.is_empty], images):
        np.testing.assert_array_equal(result.pixels, without(image).pixels)
    assert with_it.frames == 10
    with pytest.raises(thermend.UsageError, match="50 x 41 pixels after others of 50 x 40"):
        with_it(ThermalImage(np.full((41, 50), np.nan, np.float32), "celsius"))


@pytest.mark.parametrize(
    ("shift", "angle", "zoom"), [((3.3, -2.1), 0.0, 1.0), ((0.0, 0.0), 1.5, 1.0), ((1.0, 1.0), 0.5, 1.02)]
)
def test_motion_is_found(scene, shift, angle, zoom):
    matrix = cv2.getRotationMatrix2D((120, 96), angle, zoom)
    matrix[:, 2] += shift
    later = cv2.warpAffine(scene, matrix, scene.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    motion = register(scene, later)
    assert motion.found
    back = motion.warp(scene)
    inner = (slice(20, -20), slice(20, -20))
    assert float(np.abs(back - later)[inner].mean()) < 0.004
    assert not register(scene, np.random.default_rng(0).normal(0.5, 0.1, scene.shape).astype(np.float32)).found


@pytest.mark.parametrize("matrix", [[[1, 0, 3.5], [0, 1, -2.2]], [[0.99, -0.02, 4], [0.02, 0.99, -7]]])
def test_the_overlap_is_what_both_frames_saw(matrix):
    motion = Motion(np.array(matrix, float), 0.5)
    seen = motion.warp(np.ones(SHAPE, np.float32), border=0.0, smooth=True) > 0.999
    found = motion.overlap(SHAPE)
    assert (found != seen).mean() < 0.02  # OpenCV rounds places to 1/32 pixel: along the edge, a pixel wide at most
    assert not (cv2.erode(seen.astype(np.uint8), np.ones((3, 3))).astype(bool) & ~found).any()


def test_a_camera_that_goes_on_as_before_is_found_beside_its_motion(scene):
    """The motion before is tried first, and is left where it explains too little."""
    large = cv2.resize(scene, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    early, now, jumped = (np.ascontiguousarray(large[60 : 60 + SHAPE[0], x : x + SHAPE[1]]) for x in (60, 63, 71))
    first = register(early, now)
    assert first.matrix[0, 2] == pytest.approx(3, abs=0.1)
    for later, shift in ((now, 3), (jumped, 11)):
        again = register(early, later, expected=first)
        assert again.matrix[0, 2] == pytest.approx(shift, abs=0.15)


def test_a_scale_and_other_methods_have_sessions_too(scene):
    frames = frames_of(scene, replace(PRESETS["noise"], frames=6))
    large = thermend.load("classical.chain").session(scale=2)
    assert [large(picture(frame)).shape for frame in frames][-1] == (2 * SHAPE[0], 2 * SHAPE[1])
    for method in ("classical.dct", "classical.chain+classical.dct"):
        session = thermend.load(method).session()
        assert [session(picture(frame)).shape for frame in frames][-1] == SHAPE


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_motion_is_the_same_on_another_grid(factor):
    from thermend.filters.motion import Motion

    matrix = np.array([[0.99, -0.02, 3.0], [0.02, 0.99, -4.0]])
    there = np.array([10.0, 20.0, 1.0])
    other = np.array([factor * (there[0] + 0.5) - 0.5, factor * (there[1] + 0.5) - 0.5, 1.0])
    expected = factor * (matrix @ there + 0.5) - 0.5
    np.testing.assert_allclose(Motion(matrix).scaled(factor).matrix @ other, expected, atol=1e-9)
