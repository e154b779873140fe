"""The block `workers` of params.yaml."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, field_validator

from faceloop.base.blocks import Block


def _auto_or_count(value: Any) -> Any:
    if value != "auto" and (type(value) is not int or value < 1):
        raise ValueError("allowed: auto, or a whole number from 1")
    return value


class Workers(Block):
    engine: Literal["local", "ray"]
    count: Annotated[Literal["auto"] | int, BeforeValidator(_auto_or_count)]
    address: str | None

    @field_validator("address")
    @classmethod
    def _of_the_cluster_itself(cls, address: str | None) -> str | None:
        if address and address.startswith("ray://"):
            raise ValueError(
                "Ray Client is not used: run 'ray start --address=HEAD:6379' on this machine "
                "and write HEAD:6379"
            )
        return address
