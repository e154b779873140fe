"""The block `link_duplicates` of params.yaml."""

from faceloop.base.blocks import Block, Share


class LinkDuplicates(Block):
    min_similarity: Share
