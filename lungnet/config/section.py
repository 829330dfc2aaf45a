"""What every section of a configuration has in common.

Frozen, typed and bounded; an unknown key is an error.
"""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section of an experiment's YAML; each field documents its unit and bounds.

    An unknown key is refused rather than ignored: a typo must never switch a setting off in
    silence.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )
