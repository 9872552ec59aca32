"""The recipes that come with Calame."""
