"""The block `engine` of params.yaml."""

from typing import Literal

from pydantic import field_validator

from faceloop.base.blocks import AutoOrCount, Block


class Engine(Block):
    name: Literal["local", "ray"]
    workers: AutoOrCount
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
