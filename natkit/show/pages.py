"""Templates of the HTML pages: what a user's table holds is always escaped, and a missing value is an error."""

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


def template(name: str) -> Template:
    """The template at ``name`` below ``natkit/show``."""
    environment = Environment(
        loader=PackageLoader("natkit.show", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
