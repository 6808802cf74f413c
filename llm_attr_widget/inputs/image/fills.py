"""What stands in for an absent part of an image: a colour, the image's mean, blur, noise.

To add one: a frozen class with `pixels`, and one line in `make_fill`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError

Pixels: TypeAlias = NDArray[np.uint8]
"""`(height, width, 3)`, RGB."""


@runtime_checkable
class Fill(Protocol):
    """A baseline for images. words: what it is, as shown with every result. random: whether it is drawn."""

    @property
    def words(self) -> str: ...

    @property
    def random(self) -> bool: ...

    def pixels(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """An image of the same shape, shown where the given one is absent."""
        ...


@dataclass(frozen=True, slots=True)
class Colour:
    """One colour. rgb: three levels from 0 to 255."""

    rgb: tuple[int, int, int]
    random = False

    @property
    def words(self) -> str:
        return f"painted over with rgb{self.rgb}"

    def pixels(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        del rng
        return np.broadcast_to(np.array(self.rgb, dtype=np.uint8), image.shape)


@dataclass(frozen=True, slots=True)
class Mean:
    """The image's mean colour."""

    random = False
    words = "painted over with the image's mean colour"

    def pixels(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        del rng
        mean = np.rint(image.mean(axis=(0, 1), dtype=np.float64)).astype(np.uint8)
        return np.broadcast_to(mean, image.shape)


@dataclass(frozen=True, slots=True)
class Blur:
    """The image itself, blurred. radius: standard deviation of the Gaussian, as a share of the longer side."""

    radius: float = 0.1
    random = False

    @property
    def words(self) -> str:
        return f"blurred (a Gaussian of {self.radius:g} of the longer side)"

    def pixels(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        from PIL import Image, ImageFilter

        del rng
        if self.radius <= 0:
            raise InputError(f"Expected a blur radius above 0, as a share of the longer side, got {self.radius}.")
        blur = ImageFilter.GaussianBlur(self.radius * max(image.shape[:2]))
        return np.asarray(Image.fromarray(image).filter(blur))


@dataclass(frozen=True, slots=True)
class Noise:
    """Levels drawn uniformly for each pixel and channel, anew for each call of an input's `render`."""

    random = True
    words = "replaced by noise, drawn anew"

    def pixels(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        return rng.integers(0, 256, image.shape, dtype=np.uint8)


@dataclass(frozen=True, eq=False, slots=True)
class Painted:
    """A picture of its own. picture: `(height, width, 3)`, uint8, RGB, as large as the image. words: what it is."""

    picture: Pixels = field(repr=False)
    words: str = "replaced by another picture"
    random = False

    def pixels(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Raises InputError for a picture of another shape or type."""
        del rng
        picture = np.asarray(self.picture)
        if picture.shape != image.shape or picture.dtype != np.uint8:
            raise InputError(
                f"Expected the picture behind the image as uint8 of shape {image.shape}, as the image has, got "
                f"{picture.dtype} of shape {picture.shape}. Resize it first."
            )
        return picture


Baseline: TypeAlias = "tuple[int, int, int] | Literal['mean', 'blur', 'noise'] | str | Fill"
"""A fill, or what names one: three levels, "mean", "blur", "noise", or a colour's name as Pillow knows it."""


def make_fill(baseline: Baseline) -> Fill:
    """Raises InputError for what names no fill."""
    from PIL import ImageColor

    if isinstance(baseline, Fill):
        return baseline
    try:
        if isinstance(baseline, str):
            named = {"mean": Mean, "blur": Blur, "noise": Noise}
            return named[baseline]() if baseline in named else Colour(ImageColor.getcolor(baseline, "RGB"))  # type: ignore[arg-type]
        red, green, blue = (int(level) for level in baseline)
    except (TypeError, ValueError) as error:
        raise _unknown(baseline) from error
    if not all(0 <= level <= 255 for level in (red, green, blue)):
        raise _unknown(baseline)
    return Colour((red, green, blue))


def _unknown(baseline: object) -> InputError:
    return InputError(
        "Expected an image's baseline as a colour (a name, or three levels from 0 to 255), 'mean', 'blur' or 'noise', "
        f"got {baseline!r:.80}."
    )
