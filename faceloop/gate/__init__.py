"""The verdict on a round, and how many faces would settle what is open."""
