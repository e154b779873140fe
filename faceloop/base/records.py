"""Keys and values as types, for what is read from YAML and JSON: frozen, and checked on the way."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """No unknown key, no missing key, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class RoundRecord(Record):
    """Figures of one round."""

    round: str
