"""Where shards of work run: worker processes here, or Ray. Nothing below knows what a face is.

A shard is a small value that names its work; `work` is a module's function (or a `partial` of one)
that may be sent to another process. What it returns does not depend on the engine.
"""
