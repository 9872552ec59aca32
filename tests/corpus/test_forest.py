"""Union-find against the transitive closure."""

from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.forest import Forest

number = st.integers(0, 29)


@given(st.lists(st.tuples(number, number), max_size=40))
def test_what_pairs_join_belongs_together(pairs):
    forest, trees = Forest(30), [{n} for n in range(30)]
    for one, other in pairs:
        mine, its = (next(tree for tree in trees if n in tree) for n in (one, other))
        assert forest.join(one, other) == (mine is not its)
        if mine is not its:
            mine |= its
            trees.remove(its)
    assert forest.roots().tolist() == [min(next(tree for tree in trees if n in tree)) for n in range(30)]
