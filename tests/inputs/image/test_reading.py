"""Images of every kind become upright RGB, or are refused with a reason."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.image.reading import read_image

RGB = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8)


def pixels(image) -> np.ndarray:
    read = read_image(image)
    assert read.mode == "RGB"
    return np.asarray(read)


def saved(image: Image.Image, path, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    "given",
    [
        RGB,
        Image.fromarray(RGB),
        torch.from_numpy(RGB),
        RGB.astype(np.int64),
        RGB.astype(np.uint16) * 257,
        RGB / 255,
        torch.from_numpy(RGB / 255).to(torch.float32),
        np.dstack([RGB, np.full((3, 5), 255, np.uint8)]),
        np.asfortranarray(RGB),
        RGB[::-1][::-1],
    ],
    ids=["uint8", "pil", "tensor", "int64", "uint16", "float", "float tensor", "opaque", "columns first", "strided"],
)
def test_the_same_image_in_many_forms(given) -> None:
    np.testing.assert_array_equal(pixels(given), RGB)


def test_a_path_is_read(tmp_path) -> None:
    path = saved(Image.fromarray(RGB), tmp_path / "a.png")
    np.testing.assert_array_equal(pixels(path), RGB)
    np.testing.assert_array_equal(pixels(str(path)), RGB)


def test_transparent_parts_are_laid_on_white() -> None:
    alpha = np.array([[0, 128, 255]], np.uint8)
    red = np.dstack([np.full((1, 3), 200, np.uint8), *np.zeros((2, 1, 3), np.uint8), alpha])
    shown = pixels(red)[0].astype(int)
    wanted = 255 + (np.array([200, 0, 0]) - 255) * (alpha[0][:, None] / 255)
    np.testing.assert_allclose(shown, wanted, atol=1)
    np.testing.assert_array_equal(pixels(Image.fromarray(red))[0], shown)


@pytest.mark.parametrize("transparent", [False, True])
def test_palettes(tmp_path, transparent) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putdata([0, 1])
    path = saved(image, tmp_path / "a.png", **({"transparency": 1} if transparent else {}))
    wanted = [[[10, 20, 30], [255, 255, 255] if transparent else [200, 100, 0]]]
    np.testing.assert_array_equal(pixels(path), wanted)


def test_sixteen_bits_are_scaled(tmp_path) -> None:
    grey = np.array([[0, 128, 32_768, 65_535]], np.uint16)
    path = saved(Image.fromarray(grey), tmp_path / "a.png")
    wanted = np.repeat([[[0], [0], [128], [255]]], 3, axis=2)
    np.testing.assert_array_equal(pixels(path), wanted)
    np.testing.assert_array_equal(pixels(grey), wanted)
    np.testing.assert_array_equal(pixels(Image.fromarray(grey.astype(np.int32))), wanted)


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "YCbCr", "HSV", "LA"])
def test_other_modes_are_converted_as_pillow_does(mode) -> None:
    image = Image.fromarray(RGB).convert("L").convert(mode) if mode == "LA" else Image.fromarray(RGB).convert(mode)
    np.testing.assert_array_equal(pixels(image), np.asarray(image.convert("RGB")))


def test_grey_arrays_and_masks() -> None:
    grey = RGB[..., 0]
    np.testing.assert_array_equal(pixels(grey), np.repeat(grey[..., None], 3, axis=2))
    np.testing.assert_array_equal(pixels(grey[..., None]), np.repeat(grey[..., None], 3, axis=2))
    np.testing.assert_array_equal(pixels(np.array([[True, False]])), [[[255] * 3, [0] * 3]])


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [(1, lambda a: a), (3, lambda a: a[::-1, ::-1]), (6, lambda a: np.rot90(a, -1)), (8, np.rot90)],
)
def test_exif_rotation_is_followed(tmp_path, orientation, upright) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(Image.fromarray(RGB), tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(pixels(path), upright(RGB))


def test_the_callers_image_is_left_alone() -> None:
    image = Image.fromarray(np.dstack([RGB, RGB[..., 0]]))
    before = image.tobytes()
    read_image(image)
    assert (image.mode, image.tobytes()) == ("RGBA", before)


def test_animations_are_refused(tmp_path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    path = saved(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match=r"2 frames \(GIF\).*image.seek"):
        read_image(path)


def test_the_preview_of_a_phone_is_no_animation(tmp_path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    path = saved(frames[0], tmp_path / "a.mpo", save_all=True, append_images=frames[1:])
    assert pixels(path)[0, 0].tolist() == [254, 0, 0]


def test_files_that_are_no_images(tmp_path) -> None:
    with pytest.raises(InputError, match="no file at"):
        read_image(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(InputError, match="no format"):
        read_image(tmp_path / "text.png")
    with pytest.raises(InputError, match="cannot be opened"):
        read_image(tmp_path)
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
    for cut in (200, 6000):
        (tmp_path / "cut.png").write_bytes(buffer.getvalue()[:cut])
        with pytest.raises(InputError, match="read to its end"):
            read_image(tmp_path / "cut.png")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Image.new("RGB", (0, 5)), "with pixels, got one of 0 × 5"),
        (np.zeros((0, 5, 3), np.uint8), r"with pixels, got an array of shape \(0, 5, 3\)"),
        (np.zeros((3, 4, 5), np.uint8), "channels last"),
        (np.zeros((1, 4, 5, 3), np.uint8), "not a batch"),
        (np.zeros(5, np.uint8), r"\(height, width\)"),
        (np.full((2, 2), 1.5), "levels from 0 to 1"),
        (np.full((2, 2), np.nan), "levels from 0 to 1"),
        (np.full((2, 2), -1), "uint8, uint16"),
        (np.full((2, 2), 1j), "uint8, uint16"),
        (None, r"\(height, width\)"),
        (Image.fromarray(np.full((2, 2), 70_000, np.int32)), "at most 16 bits"),
        (Image.fromarray(np.full((2, 2), 7, np.float32)), "levels from 0 to 1"),
    ],
)
def test_what_is_no_image_is_refused(given, message) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match=message):
            read_image(given)
