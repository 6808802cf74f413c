"""Whatever a caller has as an image → an upright RGB image of 8 bits, or an error that says what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

ImageLike: TypeAlias = "Image.Image | NDArray[Any] | str | Path"
"""A PIL image, an array or tensor `(height, width)` or `(height, width, channels)`, or the path of a file."""


def read_image(image: ImageLike) -> Image.Image:
    """The image as RGB, 8 bits a channel, the way up that its EXIF orientation says. The caller's image is left alone.

    Transparent parts are laid on white. 16-bit grey levels are scaled to 8 bits; arrays of floats are levels from 0 to
    1. Palettes, grey levels, CMYK and the like are converted as Pillow does.
    Raises InputError for a file that is no readable image, an image without pixels or of several frames, and an array
    that is none.
    """
    from PIL import Image

    if isinstance(image, str | Path):
        with _opened(Path(image)) as opened:
            return _upright(opened)
    return _upright(image if isinstance(image, Image.Image) else _from_array(image))


def _upright(image: Image.Image) -> Image.Image:
    from PIL import ImageOps

    if 0 in image.size:
        raise InputError(f"Expected an image with pixels, got one of {image.width} × {image.height}.")
    # Phones keep a preview as a second frame (MPO), which is no animation.
    frames = int(getattr(image, "n_frames", 1))
    if frames > 1 and image.format != "MPO":
        raise InputError(
            f"Expected a still image, got {frames} frames ({image.format}). "
            "Choose one: image.seek(0), then give image.convert('RGB')."
        )
    try:
        return _rgb(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError) as error:  # Pillow reads pixels late, and says SyntaxError for a broken PNG
        raise InputError(f"The image cannot be read to its end: {error}. Save it anew, or give another one.") from error


def _opened(path: Path) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(path)
    except FileNotFoundError as error:
        raise InputError(f"Expected the path of an image, but there is no file at {path}.") from error
    except UnidentifiedImageError as error:
        raise InputError(
            f"Expected an image at {path}, but Pillow knows no format that this file is in. "
            "Open it yourself and give the PIL image or the array."
        ) from error
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"The image at {path} cannot be opened: {error}.") from error


def _rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I"):
        return _from_array(_sixteen_bits(np.asarray(image)))
    if image.mode == "F":
        return _from_array(np.asarray(image))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _from_array(given: Any) -> Image.Image:
    """Of an array or a tensor: grey `(height, width)`, or 1, 3 or 4 channels last."""
    from PIL import Image

    levels = np.asarray(given.cpu() if hasattr(given, "cpu") else given)
    if levels.ndim == 3 and levels.shape[2] == 1:
        levels = levels[..., 0]
    if levels.ndim != 2 and not (levels.ndim == 3 and levels.shape[2] in (3, 4)):
        channels_first = levels.ndim == 3 and levels.shape[0] in (1, 3, 4)
        raise InputError(
            f"Expected an image as an array of shape (height, width) or (height, width, 3 or 4), got {levels.shape}. "
            + ("Put the channels last: array.transpose(1, 2, 0)." if channels_first else "Give one image, not a batch.")
        )
    if 0 in levels.shape:
        raise InputError(f"Expected an image with pixels, got an array of shape {levels.shape}.")
    image = Image.fromarray(np.ascontiguousarray(_eight_bits(levels)))
    return _rgb(image)


def _eight_bits(levels: NDArray[Any]) -> NDArray[np.uint8]:
    if levels.dtype == np.uint8:
        return levels
    if levels.dtype == np.bool_:
        return levels.astype(np.uint8) * np.uint8(255)
    if levels.dtype == np.uint16:
        return ((levels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if np.issubdtype(levels.dtype, np.floating):
        # NaN fails this comparison, too.
        if not (levels.min() >= 0 and levels.max() <= 1):
            raise InputError(
                f"Expected an image of floats to have levels from 0 to 1, got {levels.min():g} to {levels.max():g}. "
                "Scale it, or give uint8 from 0 to 255."
            )
        return np.rint(levels.astype(np.float64) * 255).astype(np.uint8)
    if np.issubdtype(levels.dtype, np.integer) and levels.min() >= 0 and levels.max() <= 255:
        return levels.astype(np.uint8)
    raise InputError(
        f"Expected an image of uint8, uint16, bool or floats from 0 to 1, got {levels.dtype}. "
        "Convert it, for instance with array.astype('uint8')."
    )


def _sixteen_bits(levels: NDArray[Any]) -> NDArray[np.uint16]:
    if levels.min() < 0 or levels.max() > 65_535:
        raise InputError(
            f"Expected grey levels of at most 16 bits, from 0 to 65535, got {levels.min()} to {levels.max()}. "
            "Scale the image to 8 bits."
        )
    return levels.astype(np.uint16)
