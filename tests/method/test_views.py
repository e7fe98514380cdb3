"""Laws of the views: nothing allowed, nothing changed; what is allowed happens, and nothing else."""

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch.nn import functional

import natkit.method.views.images
from natkit.core.errors import InputError
from natkit.method.views.images import PRESETS, Views, preset, small_view, view
from natkit.method.views.preview import preview

STILL = Views(crop=(1, 1), flip=False, brightness=0, contrast=0, blur=0, small=0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(n: int, c: int, side: int) -> torch.Tensor:
    return torch.rand(n, c, side, side, generator=generator(9))


def ramps(n: int, side: int = 96) -> torch.Tensor:
    """Two channels that hold x and y of their pixels, -1 to 1 from edge to edge."""
    line = (torch.arange(side) * 2 + 1) / side - 1
    return torch.stack([line.expand(side, side), line[:, None].expand(side, side)]).expand(
        n, -1, -1, -1
    )


@pytest.mark.parametrize("shape", [(1, 96, 96), (2, 16, 24), (3, 28, 28), (5, 33, 33)])
def test_with_nothing_allowed_a_view_is_its_image(shape):
    images = torch.rand(5, *shape, generator=generator(9))
    out = view(images, STILL, generator())
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, images, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("flip", "turn", "number"), [(True, False, 2), (False, True, 4), (True, True, 8)]
)
def test_flips_and_turns_give_their_group_and_nothing_else(flip, turn, number):
    """Mirror images; the four rotations; all eight symmetries of the square: each as often as another."""
    image = noise(1, 1, 9)
    rotations = [torch.rot90(image, k, (2, 3)) for k in range(4)]
    eight = [*rotations, *(r.flip(3) for r in rotations)]
    group = eight[:4] if turn else eight[:1]
    group = [*group, *(g.flip(3) for g in group)] if flip else group
    out = view(image.expand(800, -1, -1, -1), replace(STILL, flip=flip, turn=turn), generator())
    distance = torch.stack([(out - g).abs().amax(dim=(1, 2, 3)) for g in group])
    assert (distance.min(dim=0).values < 1e-5).all()
    times = distance.argmin(dim=0).bincount(minlength=number)
    assert len(times) == number
    expected = 800 / number
    assert ((times - expected) ** 2 / expected).sum() < 24  # chi-squared, at most 7 degrees


@pytest.mark.parametrize("draw", [view, small_view])
def test_crops_keep_the_stated_share_and_stay_inside(draw):
    """On a picture of its own coordinates, the steps between pixels tell the size of the crop."""
    shares = {"crop": (0.25, 0.5), "small_crop": (0.25, 0.5)}
    out = draw(ramps(2000), replace(STILL, **shares), generator())
    side = out.shape[3]
    middle = slice(side // 4, 3 * side // 4)  # away from the edge of the image, where steps shrink
    width = out[:, 0, 0, middle].diff(dim=1).mean(dim=1) * side / 2
    height = out[:, 1, middle, 0].diff(dim=1).mean(dim=1) * side / 2
    area = width * height
    assert area.min() >= 0.25 - 1e-4
    assert area.max() <= 0.5 + 1e-4
    share = area.sub(0.25).div(0.25).sort().values  # uniform: Kolmogorov-Smirnov
    assert (share - torch.linspace(0, 1, 2000)).abs().max() < 0.045
    assert 0.74 < (width / height).min() < 0.76
    assert 1.32 < (width / height).max() < 1.34
    for channel, side_of_crop in ((0, width), (1, height)):
        place = out[:, channel, middle, middle].mean(dim=(1, 2)) / (1 - side_of_crop)
        assert place.abs().max() < 1.05
        torch.testing.assert_close(place.std(), torch.tensor(3**-0.5), atol=0.02, rtol=0)  # uniform


@pytest.mark.parametrize("draw", [view, small_view])
def test_a_view_is_sampled_as_scipy_samples(draw):
    """Channels of x and y tell where each pixel of the view was taken; SciPy takes another there."""
    images = torch.cat([noise(6, 1, 40), ramps(6, 40)], dim=1)
    out = draw(images, replace(STILL, crop=(0.3, 0.9), flip=True, turn=True), generator())
    for image, (sampled, x, y) in zip(images, out, strict=True):
        inside = (x.abs() < 0.97) & (y.abs() < 0.97)  # beyond, the ramps are level
        places = ((torch.stack([y, x]) + 1) * 40 - 1) / 2
        other = map_coordinates(image[0].numpy(), places[:, inside].numpy(), order=1)
        np.testing.assert_allclose(sampled[inside], other, atol=1e-4)
        assert inside.float().mean() > 0.9


def test_brightness_is_one_factor_an_image():
    images = noise(400, 2, 8) + 0.1
    factor = view(images, replace(STILL, brightness=0.2), generator()) / images
    spread = factor.amax(dim=(1, 2, 3)) - factor.amin(dim=(1, 2, 3))
    assert spread.max() < 1e-4
    factor = factor.mean(dim=(1, 2, 3))
    assert 0.8 <= factor.min() < 0.81
    assert 1.19 < factor.max() <= 1.2
    assert abs(factor.mean() - 1) < 0.02


def test_contrast_keeps_the_mean_and_scales_the_rest():
    images = noise(400, 3, 8)
    out = view(images, replace(STILL, contrast=0.3), generator())
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(out.mean(dim=(1, 2, 3), keepdim=True), mean, atol=1e-5, rtol=0)
    factor = out.std(dim=(1, 2, 3)) / images.std(dim=(1, 2, 3))
    torch.testing.assert_close(
        out - mean, (images - mean) * factor[:, None, None, None], atol=1e-4, rtol=0
    )
    assert 0.7 <= factor.min() < 0.71
    assert 1.29 < factor.max() <= 1.3
    both = view(images, replace(STILL, brightness=0.2, contrast=0.3), generator())
    light = view(images, replace(STILL, brightness=0.2), generator())
    torch.testing.assert_close(both.mean(dim=(1, 2, 3)), light.mean(dim=(1, 2, 3)))


@pytest.mark.parametrize("channels", [1, 3])
def test_blur_is_the_small_binomial_kernel(channels):
    """Share 1: out = (1-2a, a, a) along rows and columns, a ≤ ¼, edges repeated; a is fitted here."""
    images = noise(6, channels, 24)
    out = view(images, replace(STILL, blur=1.0), generator())
    padded = functional.pad(images, (1, 1, 1, 1), "replicate")
    for image, blurred in zip(padded, out, strict=True):
        errors = []
        for a in torch.linspace(0, 0.25, 251):
            row = torch.stack([a, 1 - 2 * a, a])
            kernel = (row[:, None] * row).expand(channels, 1, 3, 3)
            errors.append((functional.conv2d(image, kernel, groups=channels) - blurred).abs().max())
        assert min(errors) < 2e-3
    torch.testing.assert_close(out.mean(dim=(2, 3)), images.mean(dim=(2, 3)), atol=1e-5, rtol=0)


def test_the_stated_share_is_blurred_and_the_rest_is_left_alone():
    images = noise(2000, 1, 8)
    out = view(images, replace(STILL, blur=0.3), generator())
    changed = (out - images).abs().amax(dim=(1, 2, 3)) > 1e-4
    assert abs(changed.float().mean() - 0.3) < 0.04


COLOURFUL = replace(STILL, saturation=0.5, hue=0.5, grey=0.2)


def test_changes_of_colour_leave_grey_alone_and_keep_the_mean_of_the_channels():
    grey = noise(50, 1, 8)
    for images in (grey, grey.expand(-1, 3, -1, -1)):
        out = view(images, COLOURFUL, generator())
        torch.testing.assert_close(out, images, atol=1e-5, rtol=0)
    colour = noise(50, 3, 8)
    out = view(colour, COLOURFUL, generator())
    torch.testing.assert_close(out.mean(dim=1), colour.mean(dim=1), atol=1e-5, rtol=0)
    assert (out - colour).abs().amax(dim=(1, 2, 3)).min() > 0.01


def test_hue_turns_and_saturation_stretches_about_grey():
    """In the plane of colours: complex number red + blue·e^(2πi/3) + green·e^(4πi/3)."""
    images = noise(300, 3, 4)
    corner = torch.exp(2j * math.pi / 3 * torch.tensor([0, 2, 1]))

    def colour(images):
        return torch.einsum("nchw,c->nhw", images.to(torch.complex64), corner)

    turned = colour(view(images, replace(STILL, hue=0.1), generator())) / colour(images)
    one = turned[:, :1, :1]
    torch.testing.assert_close(turned, one.expand_as(turned), atol=1e-3, rtol=0)
    torch.testing.assert_close(turned.abs(), torch.ones(300, 4, 4), atol=1e-3, rtol=0)
    angle = one.angle().flatten() / (2 * math.pi)
    assert -0.1 <= angle.min() < -0.097
    assert 0.097 < angle.max() <= 0.1
    factor = colour(view(images, replace(STILL, saturation=0.4), generator())) / colour(images)
    assert factor.imag.abs().max() < 1e-3
    assert 0.6 - 1e-3 < factor.real.min() < 0.61
    assert 1.39 < factor.real.max() < 1.4 + 1e-3


def test_the_stated_share_loses_its_colour():
    out = view(noise(2000, 3, 4), replace(STILL, grey=0.3), generator())
    lost = (out - out.mean(dim=1, keepdim=True)).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert abs(lost.float().mean() - 0.3) < 0.04


@pytest.mark.parametrize("change", ["saturation", "hue", "grey"])
@pytest.mark.parametrize("channels", [2, 5])
def test_colour_needs_three_channels(change, channels):
    with pytest.raises(InputError, match=f"3 channels, but these images have {channels}"):
        view(noise(2, channels, 8), replace(STILL, **{change: 0.1}), generator())


@pytest.mark.parametrize(
    ("side", "share", "small"), [(96, 0.5, 48), (96, 0.33, 32), (28, 0.5, 16), (8, 0.1, 8)]
)
def test_small_views_come_from_a_small_part_in_a_size_that_networks_like(side, share, small):
    views = replace(STILL, small_crop=(0.1, 0.4), small_size=share)
    out = small_view(ramps(200, side), views, generator())
    assert out.shape == (200, 2, small, small)
    span = out.amax(dim=(2, 3)) - out.amin(dim=(2, 3))
    assert (span.prod(dim=1) / 4).max() < 0.4
    assert (view(ramps(20, side), views, generator()).abs().amax(dim=(1, 2, 3)) > 0.8).all()


@pytest.mark.parametrize("draw", [view, small_view])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_one_generator_one_result_and_every_image_draws_for_itself(draw, channels):
    images = noise(1, channels, 32).expand(6, -1, -1, -1)
    views = Views(turn=True, **({"hue": 0.1, "grey": 0.2} if channels == 3 else {}))
    out = draw(images, views, generator(1))
    assert torch.equal(out, draw(images, views, generator(1)))
    assert not torch.equal(out, draw(images, views, generator(2)))
    same = (out[:, None] - out).abs().amax(dim=(2, 3, 4)) < 1e-4
    assert torch.equal(same, torch.eye(6, dtype=torch.bool))
    moving = generator(1)
    assert not torch.equal(draw(images, views, moving), draw(images, views, moving))


def test_working_in_pieces_changes_nothing(monkeypatch):
    images, natural = noise(5, 3, 16), PRESETS["natural"]
    whole = view(images, natural, generator())
    monkeypatch.setattr(natkit.method.views.images, "CACHED", 2 * images[0].numel())
    torch.testing.assert_close(view(images, natural, generator()), whole, atol=1e-6, rtol=0)


def test_the_generator_moves_on_alike_whatever_is_allowed():
    states = []
    for views in (STILL, *PRESETS.values()):
        used = generator()
        view(noise(3, 3, 8), views, used)
        states.append(used.get_state())
    assert all(torch.equal(s, states[0]) for s in states)


def test_views_are_finite_float32_and_leave_their_images_as_they_were():
    images = noise(8, 3, 16)
    before = images.clone()
    for views in PRESETS.values():
        out = view(images, views, generator())
        assert out.dtype == torch.float32
        assert out.isfinite().all()
    assert torch.equal(images, before)


def test_every_preset_changes_what_it_names_and_nothing_else():
    assert set(PRESETS) == {
        "fixed_pose",
        "orientation_free",
        "texture",
        "colour_matters",
        "natural",
    }
    same = {name: views for name, views in PRESETS.items() if not views.flip and not views.turn}
    assert list(same) == ["fixed_pose"]
    turning = {name for name, views in PRESETS.items() if views.turn and views.flip}
    assert turning == {"orientation_free", "texture"}
    shade = noise(30, 3, 1).expand(-1, -1, 16, 16)
    for name, views in PRESETS.items():
        out = view(shade, views, generator())
        kept = bool((out - shade).abs().max() < 1e-5)
        assert kept == (name == "colour_matters")
        assert name in preset.__doc__
    assert preset("natural") is PRESETS["natural"]
    assert {views.small for views in PRESETS.values()} == {4}
    with pytest.raises(InputError, match="no views called 'metal'.*fixed_pose, orientation_free"):
        preset("metal")


def test_views_survive_json():
    views = Views(crop=(0.3, 0.9), small=4, small_crop=(0.05, 0.2))
    assert Views(**json.loads(json.dumps(asdict(views)))) == views
    assert Views(**{"crop": [0.6, 1.0], "flip": True, "turn": True, "brightness": 0.2,
                    "contrast": 0.2, "blur": 0.5}) == Views(turn=True, crop=(0.6, 1.0))  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [("crop", (0.0, 1.0)), ("crop", (0.9, 0.5)), ("crop", 0.5), ("crop", ("a", 1)),
     ("small_crop", (0.1, 1.2)), ("brightness", 1.5), ("brightness", "0.2"), ("contrast", -0.1),
     ("blur", math.nan), ("hue", 0.6), ("saturation", 2), ("grey", None), ("small", -1),
     ("small", 1.5), ("small_size", 0), ("small_size", 1.1)],
)  # fmt: skip
def test_impossible_views_are_refused(name, value):
    with pytest.raises(InputError, match=rf"^{name} .*got "):
        Views(**{name: value})


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_a_preview_shows_the_same_light_alike_in_every_depth(channels):
    rng = np.random.default_rng(0)
    eight = rng.integers(0, 256, (9, 24, 24, channels), dtype=np.uint8)
    images, shown = preview(eight, Views(small=2), n=3, k=4)
    assert images.shape == (3, 24, 24, channels)
    assert shown.shape == (3, 6, 24, 24, channels)
    assert images.dtype == shown.dtype == np.float32
    for other in (eight.astype(np.uint16) * 257, eight / 255, eight.astype(np.uint16)):
        again = preview(other, Views(small=2), n=3, k=4)
        np.testing.assert_allclose(again[0], images, atol=1e-5)
        np.testing.assert_allclose(again[1], shown, atol=1e-5)
    assert not np.array_equal(
        preview(eight, Views(), n=3, seed=1)[1], preview(eight, Views(), n=3)[1]
    )
    assert np.nanmin(shown) >= 0
    assert np.nanmax(shown) == 1
    assert images.max() > 0.6
    lit = ~np.isnan(shown).any(axis=(0, 4))
    assert lit[:4].all()
    frame = np.zeros((24, 24), bool)
    frame[4:20, 4:20] = True  # 24 · ½ = 12 → 16
    assert (lit[4:] == frame).all()


def test_a_preview_takes_images_from_the_whole_set_and_no_more_than_there_are():
    levels = np.arange(1, 12, dtype=np.uint16)[:, None, None, None].repeat(8, 1).repeat(8, 2)
    images, shown = preview(levels, STILL, n=3, k=2)
    np.testing.assert_allclose(images[:, 0, 0, 0], [1 / 11, 6 / 11, 1], rtol=1e-5)
    np.testing.assert_allclose(shown, np.repeat(images[:, None], 2, 1), atol=1e-5)
    assert len(preview(levels[:2], STILL, n=4)[0]) == 2
    assert np.array_equal(preview(levels * 0, STILL)[0], np.zeros((4, 8, 8, 1)))
    spot = np.full((2, 16, 16, 1), 0.1)
    spot[:, 0, 0] = 9.0  # dark field: less than 1 % is lit, and the rest must not turn white
    assert preview(spot, STILL)[0].mean() < 0.05
