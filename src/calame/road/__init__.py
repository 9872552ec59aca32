"""The road itself: stages composed from a recipe, walked, looked at and reported."""
