"""Tracks through a video and near-duplicates within one."""

import numpy as np

from stages.core.tracks import Track, Tracker, link_duplicate


def look(seed: int, like: np.ndarray | None = None, share: float = 0.0) -> np.ndarray:
    """Return a thumbnail of mean 0 and length 1, by `share` like another."""
    one = np.random.default_rng(seed).normal(size=256)
    one -= one.mean()
    one /= np.linalg.norm(one)
    if like is None:
        return one
    one -= (one @ like) * like
    return share * like + np.sqrt(1 - share**2) * one / np.linalg.norm(one)


def box(x: float, y: float = 0, size: float = 40) -> list[float]:
    return [x, y, x + size, y + size]


def numbers(tracks: list[Track]) -> list[int]:
    return [track.number for track in tracks]


ANA, BEN = look(1), look(2)


def test_a_face_that_moves_a_little_is_one_track() -> None:
    tracker = Tracker()
    seen = [numbers(tracker.follow(np.array([box(x)]), [ANA])) for x in (0, 20, 40, 60)]
    assert seen == [[0], [0], [0], [0]]


def test_a_face_that_moves_its_own_width_is_still_one_track() -> None:
    tracker = Tracker()
    seen = [numbers(tracker.follow(np.array([box(x)]), [ANA])) for x in (0, 40, 80)]
    assert seen == [[0], [0], [0]]


def test_two_people_keep_their_numbers_whatever_the_order() -> None:
    tracker = Tracker()
    assert numbers(tracker.follow(np.array([box(0), box(300)]), [ANA, BEN])) == [0, 1]
    assert numbers(tracker.follow(np.array([box(290), box(10)]), [BEN, ANA])) == [1, 0]


def test_a_face_far_away_is_another_track() -> None:
    tracker = Tracker()
    tracker.follow(np.array([box(0)]), [ANA])
    assert numbers(tracker.follow(np.array([box(400)]), [ANA])) == [1]


def test_a_cut_to_another_person_in_the_same_place_is_another_track() -> None:
    tracker = Tracker()
    tracker.follow(np.array([box(0)]), [ANA])
    assert numbers(tracker.follow(np.array([box(2)]), [BEN])) == [1]


def test_a_track_that_is_missed_ends() -> None:
    tracker = Tracker()
    tracker.follow(np.array([box(0)]), [ANA])
    assert tracker.follow(np.zeros((0, 4)), []) == []
    assert numbers(tracker.follow(np.array([box(0)]), [ANA])) == [1]


def test_numbers_are_never_given_twice() -> None:
    tracker = Tracker()
    rng = np.random.default_rng(0)
    first_seen: dict[int, int] = {}
    for frame in range(20):
        n = int(rng.integers(0, 4))
        boxes = np.array([box(rng.uniform(0, 900)) for _ in range(n)]).reshape(-1, 4)
        found = tracker.follow(boxes, [look(100 + frame * 5 + at) for at in range(n)])
        assert len(set(numbers(found))) == n
        for one in found:
            first_seen.setdefault(one.number, frame)
    assert sorted(first_seen) == list(range(len(first_seen)))


def test_a_near_duplicate_points_to_the_earlier_face_it_is_likest() -> None:
    track = Track(0, np.zeros(4), ANA)
    other = look(3, ANA, 0.5)
    assert link_duplicate(track, "first", ANA, 0.9) is None
    assert link_duplicate(track, "second", other, 0.9) is None
    assert link_duplicate(track, "third", look(4, other, 0.97), 0.9) == "second"
    assert link_duplicate(track, "fourth", look(5, ANA, 0.95), 0.9) == "first"


def test_a_duplicate_of_a_duplicate_points_to_the_original() -> None:
    track = Track(0, np.zeros(4), ANA)
    link_duplicate(track, "first", ANA, 0.9)
    drifted = look(6, ANA, 0.92)
    assert link_duplicate(track, "second", drifted, 0.9) == "first"
    further = look(7, drifted, 0.95)
    # It is like the second, which is not kept: only originals are compared with.
    expected = "first" if further @ ANA >= 0.9 else None
    assert link_duplicate(track, "third", further, 0.9) == expected
    assert "second" not in track.kept


def test_the_least_similarity_counts_as_similar() -> None:
    track = Track(0, np.zeros(4), ANA)
    link_duplicate(track, "first", ANA, 1.0)
    assert link_duplicate(track, "again", ANA, float(ANA @ ANA)) == "first"
