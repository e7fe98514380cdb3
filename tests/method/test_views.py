"""Laws of the views: nothing allowed, nothing changed; what is allowed happens, and nothing else."""

import pytest
import torch

from natkit.method.views import Views, view

STILL = {"crop": (1.0, 1.0), "flip": False, "brightness": 0.0, "contrast": 0.0, "blur": 0.0}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_with_nothing_allowed_a_view_is_its_image():
    images = torch.rand(5, 2, 16, 16, generator=generator())
    torch.testing.assert_close(view(images, Views(**STILL), generator()), images, atol=1e-5, rtol=0)


def test_turns_and_flips_give_the_eight_symmetries_of_the_square():
    image = torch.rand(1, 1, 9, 9, generator=generator())
    eight = [torch.rot90(m, k, (2, 3)) for m in (image, image.flip(3)) for k in range(4)]
    out = view(
        image.expand(200, -1, -1, -1), Views(**STILL | {"flip": True, "turn": True}), generator()
    )
    distance = torch.stack([(out - e).abs().amax(dim=(1, 2, 3)) for e in eight])
    assert (distance.min(dim=0).values < 1e-4).all()
    assert len(distance.argmin(dim=0).unique()) == 8


def test_crops_keep_the_stated_share():
    """On a picture of x (and y) coordinates, the spread of values tells the size of the crop."""
    line = torch.linspace(-1, 1, 65)
    ramp = torch.stack([line.expand(65, 65), line[:, None].expand(65, 65)])
    out = view(ramp.expand(300, -1, -1, -1), Views(**STILL | {"crop": (0.25, 0.5)}), generator())
    span = (out.amax(dim=(2, 3)) - out.amin(dim=(2, 3))) / 2
    area = span.prod(dim=1) * (65 / 64) ** 2
    assert area.min() > 0.23
    assert area.max() < 0.53


def test_light_changes_by_the_stated_factor():
    grey = torch.full((400, 1, 8, 8), 0.5)
    out = view(grey, Views(**STILL | {"brightness": 0.2}), generator())
    factor = out.mean(dim=(1, 2, 3)) / 0.5
    assert 0.8 <= factor.min() < 0.83
    assert 1.17 < factor.max() <= 1.2


def test_blur_keeps_the_mean_and_lowers_the_spread():
    images = torch.rand(50, 1, 32, 32, generator=generator())
    out = view(images, Views(**STILL | {"blur": 1.0}), generator())
    torch.testing.assert_close(out.mean(dim=(2, 3)), images.mean(dim=(2, 3)), atol=0.01, rtol=0)
    assert (out.std(dim=(2, 3)) <= images.std(dim=(2, 3)) + 1e-6).all()


def test_same_generator_same_views():
    images = torch.rand(4, 1, 8, 8, generator=generator())
    assert torch.equal(view(images, Views(), generator(1)), view(images, Views(), generator(1)))
    assert not torch.equal(view(images, Views(), generator(1)), view(images, Views(), generator(2)))


def test_impossible_views_are_refused():
    with pytest.raises(ValueError, match="crop"):
        Views(crop=(0.0, 1.0))
    with pytest.raises(ValueError, match="brightness"):
        Views(brightness=1.5)
