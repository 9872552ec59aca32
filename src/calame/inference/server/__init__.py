"""A server of OpenAI's interface over the engine, and its page to talk on."""

from importlib.util import find_spec

from calame.recipe.errors import refuse


def check_packages() -> None:
    """Raises `UserError` where a package of the extra is missing."""
    missing = [name for name in ("starlette", "uvicorn", "prometheus_client") if find_spec(name) is None]
    if missing:
        raise refuse("calame serve", f"needs {', '.join(missing)}", remedy="pip install 'calame[serve]'")
