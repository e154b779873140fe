"""Tracks through a video and near-duplicates within one."""

import numpy as np

from faceloop.faces.tracks import Held, Track, Tracker, hold, link_duplicate


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


def numbers(followed: tuple[list[Track], list[Track]]) -> list[int]:
    return [track.number for track in followed[0]]


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
    assert numbers(tracker.follow(np.zeros((0, 4)), [])) == []
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
        for one in found[0]:
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


def test_a_track_ends_when_it_is_missed_or_the_video_ends() -> None:
    tracker = Tracker()
    tracker.follow(np.array([box(0), box(300)]), [ANA, BEN])
    _, ended = tracker.follow(np.array([box(300)]), [BEN])
    assert [track.number for track in ended] == [0]
    assert [track.number for track in tracker.end()] == [1]
    assert tracker.end() == []


def held_names(track: Track) -> list[str]:
    return [one.face for one in track.held]


def test_a_track_holds_no_more_faces_than_its_limit() -> None:
    track = Track(0, np.zeros(4), ANA)
    dropped = [hold(track, Held(str(at), look(at), 1.0), 3) for at in range(10)]
    assert dropped == [False] * 3 + [True] * 7 and len(track.held) == 3


def test_of_the_two_most_alike_the_worse_is_dropped() -> None:
    track = Track(0, np.zeros(4), ANA)
    hold(track, Held("blurred", ANA, 0.1), 2)
    hold(track, Held("other pose", BEN, 0.05), 2)
    assert hold(track, Held("sharp", look(3, ANA, 0.9), 0.5), 2)
    assert held_names(track) == ["other pose", "sharp"]
    assert hold(track, Held("sharp, but again", look(4, ANA, 0.95), 0.4), 2)
    assert held_names(track) == ["other pose", "sharp"]


def test_of_equal_faces_the_first_stays() -> None:
    track = Track(0, np.zeros(4), ANA)
    for name in ("first", "second", "third"):
        hold(track, Held(name, ANA, 1.0), 2)
    assert held_names(track) == ["first", "third"]


def test_holding_keeps_what_trying_every_pair_would_keep() -> None:
    rng = np.random.default_rng(5)
    track, naive = Track(0, np.zeros(4), ANA), list[Held]()
    for at in range(40):
        one = Held(str(at), look(100 + at, ANA, 0.6), float(rng.random()))
        hold(track, one, 6)
        naive.append(one)
        if len(naive) > 6:
            pairs = [(a, b) for a in range(7) for b in range(a + 1, 7)]
            a, b = max(pairs, key=lambda ab: naive[ab[0]].thumbnail @ naive[ab[1]].thumbnail)
            del naive[b if naive[b].quality <= naive[a].quality else a]
    assert held_names(track) == [one.face for one in naive]
