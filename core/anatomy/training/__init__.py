"""How the anatomy network is trained and measured: ``python -m core anatomy``."""
