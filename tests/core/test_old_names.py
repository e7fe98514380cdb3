"""Modules that users' scripts name stay importable for one version, as the very same objects."""

import natkit.classes
import natkit.decoding
import natkit.errors
from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.data.decoding import UnreadableImage, read_image


def test_old_modules_give_the_same_objects():
    assert natkit.errors.InputError is InputError is natkit.InputError
    assert natkit.classes.class_names is class_names
    assert natkit.decoding.read_image is read_image
    assert natkit.decoding.UnreadableImage is UnreadableImage
