"""Chance comes from the seed and a name, and from nothing else."""

from faceloop.base.randomness import generator, order_key

PINNED = [793, 961, 938, 343, 394]


def test_the_same_seed_and_names_give_the_same_numbers() -> None:
    assert generator(1, "a", "b").random(4).tolist() == generator(1, "a", "b").random(4).tolist()


def test_another_seed_or_name_gives_others() -> None:
    draws = [
        generator(seed, *names).random()
        for seed, names in [(1, ("a", "b")), (2, ("a", "b")), (1, ("a", "c")), (1, ("a",)), (1, ())]
    ]
    assert len(set(draws)) == len(draws)


def test_numbers_are_the_same_in_every_version_of_the_code() -> None:
    # Else a rolled-back round would draw another queue.
    assert generator(7, "sample_diverse", "o01-i00").integers(0, 1000, 5).tolist() == PINNED


def test_one_name_more_leaves_the_order_of_the_others() -> None:
    names = [f"group{at}" for at in range(30)]
    before = sorted(names, key=lambda name: order_key(3, "overfit", name))
    after = sorted([*names, "late"], key=lambda name: order_key(3, "overfit", name))
    assert [name for name in after if name != "late"] == before != names
