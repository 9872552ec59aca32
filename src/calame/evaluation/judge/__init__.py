"""A language model as a judge of generations: pairs in both orders, marks by a rubric, and how far to trust it."""
